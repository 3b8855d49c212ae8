"""Measurements, each as a ratio against a baseline in the same run; never part of `make test`, printed by `make bench`."""
