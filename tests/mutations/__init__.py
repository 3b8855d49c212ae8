"""Mutation controls: defects seeded into the gate, each alone in a copy of the tree, and whether a test notices it."""
