"""Accepting: a listener that gives each connection its place before TLS begins; what is said then is the protocol's."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from hub.log import note
from hub.transports.room import Room

HANDSHAKE_SECONDS: Final = 10.0
CLOSING_SECONDS: Final = 5.0  # for the other side's farewell by TLS
AT_A_TIME: Final = 64  # connections that are accepted before anything else is done
PAUSE_SECONDS: Final = 1.0  # where the system gives no more descriptors
_ABSENT: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Held(socket.socket):
    """A connection that has a place until it is closed, or, as uvloop does it, detached to be closed."""

    def __init__(self, of: socket.socket, leave: Callable[[], None]) -> None:
        super().__init__(of.family, of.type, of.proto, fileno=of.detach())
        self._leave: Callable[[], None] | None = leave

    def close(self) -> None:
        """Close, and give the place back."""
        super().close()
        self._left()

    def detach(self) -> int:
        """Leave the descriptor to whoever closes it, and give the place back."""
        number = super().detach()
        self._left()
        return number

    def __del__(self) -> None:
        """Nobody took it over: the loop does not, where the other side has gone at once."""
        self.close()

    def _left(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class Accepting:
    """
    Takes what comes to bound *sockets*, while there is *room*, to protocols of *factory*; closes every other at once.

    The loop's own server tells a protocol of a connection by TLS only after the handshake, when whoever never shakes
    hands has held a descriptor for long: so we accept, and the loop does the rest.
    """

    def __init__(
        self,
        sockets: Iterable[socket.socket],
        room: Room,
        factory: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._room, self._factory = room, factory
        self._tls = tls
        self._fresh: set[Held] = set()
        self._beginning: set[asyncio.Task[None]] = set()
        self.sockets = tuple(sockets)
        for one in self.sockets:
            one.setblocking(False)
            self._watch(one)

    def close(self) -> None:
        """Accept no more, and end what is still shaking hands; connections that are there stay."""
        sockets, self.sockets = self.sockets, ()
        for one in sockets:
            self._loop.remove_reader(one.fileno())
            one.close()
        for task in self._beginning:
            task.cancel()
        for connection in self._fresh:
            connection.close()

    def _watch(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_A_TIME):
            try:
                connection, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                note("accepting", "no connection taken", level=logging.ERROR, kind=type(error).__name__)
                self._loop.remove_reader(listening.fileno())
                self._loop.call_later(PAUSE_SECONDS, self._watch, listening)
                return
            if (leave := self._room.enter(address[0])) is None:
                connection.close()
                continue
            held = Held(connection, leave)
            held.setblocking(False)
            self._fresh.add(held)
            task = self._loop.create_task(self._begin(held))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    async def _begin(self, held: Held) -> None:
        self._fresh.discard(held)
        by_tls = self._tls is not None
        with suppress(OSError):  # it is gone, or speaks no TLS, or not in time; the loop has closed it
            await self._loop.connect_accepted_socket(
                self._factory,
                held,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if by_tls else None,
                ssl_shutdown_timeout=CLOSING_SECONDS if by_tls else None,
            )


async def listeners(host: str, port: int) -> list[socket.socket]:
    """
    A socket that listens for each address of *host* (empty for all there are), on one port; 0 takes a free one.

    Raises OSError where one cannot be had; an address that this machine lacks is passed over while there is another.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    lacking: OSError | None = None
    for family, address in dict.fromkeys((one[0], one[4]) for one in found):
        number = port or (bound[0].getsockname()[1] if bound else 0)
        try:
            bound.append(socket.create_server((address[0], number, *address[2:]), family=family))
        except OSError as error:
            if error.errno in _ABSENT:
                lacking = error
                continue
            for one in bound:
                one.close()
            raise
    if not bound:
        raise lacking or OSError(errno.EADDRNOTAVAIL, "no such address")
    return bound
