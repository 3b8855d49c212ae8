"""Loopback: whether an address to listen on is reached from this machine alone; nothing is resolved, nothing opened."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*; a name other than localhost may mean anything, and empty is all."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
