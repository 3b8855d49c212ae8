"""Wiltshire Police: sends public protection notices, and hears of contacts it must research or attend."""
