"""Measurements, each a ratio against a baseline in the same run; never part of `make test`; see `make bench`."""
