"""Ops: what looks at every process, topic and partner, and touches none of them."""
