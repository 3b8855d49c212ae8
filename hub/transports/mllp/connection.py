"""A TCP connection that may stay idle for days, and how it ends; what travels on it is not looked at here."""

from __future__ import annotations

import asyncio
import socket

CLOSING_SECONDS = 5.0


def keep_alive(writer: asyncio.StreamWriter) -> None:
    """Have the kernel find out about a peer that vanished: an idle line is no fault, and may last for days."""
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close, and wait for it, but not for ever and not for a farewell that the other side owes."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()
    except OSError:
        pass  # it was gone already
