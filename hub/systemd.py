"""Systemd: tells it that a process is ready, where it is what started the process; knows nothing else of it."""

from __future__ import annotations

import os
import socket


def ready(process: str) -> bool:
    """
    Say READY=1 to the socket that `NOTIFY_SOCKET` names (sd_notify(3)); returns whether anybody was told.

    A name that begins with @ is of Linux's abstract sockets. Where nobody listens nothing happens: a hub that cannot
    say that it is ready is ready all the same.
    """
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
            told.connect("\0" + where[1:] if where.startswith("@") else where)
            told.sendall(f"READY=1\nSTATUS={process} is ready".encode())
    except OSError:
        return False
    return True
