"""The wire: aiohttp's server, taught to end idle strangers and to repeat no bytes over which it stumbles; no routes."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from aiohttp import web

from hub.log import note
from hub.problem import problem
from hub.transports.accepting import Accepting
from hub.transports.room import Room

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

LINGERS: Final = 2.0  # seconds in which the rest of a body that is not wanted is let run out
HEAD_SECONDS: Final = 10.0  # from the handshake to the end of the first request's head
IDLE_SECONDS: Final = 75.0  # from an answer to the end of the next request's head
MOST_CONNECTIONS: Final = 300  # by TLS each takes some 300 KB of memory
MOST_OF_ONE_ADDRESS: Final = 100  # many partners may stand behind one address; strangers behind one do not fill it all

_log = logging.getLogger("hub.https.wire")


def _without_content(record: logging.LogRecord) -> bool:
    """What aiohttp logs of a request that is not HTTP holds its bytes, which may be a message sent to a wrong port."""
    record.msg, record.args, record.exc_info, record.exc_text = "a request could not be served", (), None, None
    return True


_log.addFilter(_without_content)


class Connection(web.RequestHandler):
    """One connection, which is ended where no request has come in time."""

    __slots__ = ("_late",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there, after the handshake by TLS."""
        super().connection_made(transport)
        # aiohttp waits for a first request as long as for a next one
        self._late: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.force_close)

    def asked(self) -> None:
        """A whole head has come."""
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        self.asked()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or what broke under way, without its bytes; the connection ends."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        if status < 500:
            response = problem(400, "not-http", mend="send a request as RFC 9112 has it", detail="Not a request")
        else:
            response = problem(500, "error", mend="send it again, with the same id")
        response.force_close()
        return response


class Server(web.Server):
    """A server of such connections, which hands every request to one function."""

    def __init__(self, serve: Serve, make_request: Any = None) -> None:
        self._own_loop = asyncio.get_running_loop()

        async def served(request: web.BaseRequest) -> web.StreamResponse:
            if isinstance(connection := request.protocol, Connection):
                connection.asked()
            return await serve(request)

        super().__init__(served, request_factory=make_request)

    def __call__(self) -> web.RequestHandler:
        """A connection has come."""
        quiet = {"access_log": None, "logger": _log}  # an access log would name the caller and the path
        times = {"lingering_time": LINGERS, "keepalive_timeout": IDLE_SECONDS}
        return Connection(self, loop=self._own_loop, **times, **quiet)  # type: ignore[arg-type]  # aiohttp documents None


class Runner(web.AppRunner):
    """Runs an application on such connections."""

    __slots__ = ()

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return Server(made.request_handler, made.request_factory)


class Site(web.BaseSite):
    """Where connections come in to *runner*: at *sockets* that listen, all in one room; by TLS where *tls* is given."""

    __slots__ = ("_sockets",)

    def __init__(self, runner: web.BaseRunner, sockets: Iterable[socket.socket], tls: ssl.SSLContext | None) -> None:
        super().__init__(runner, ssl_context=tls)
        self._sockets = tuple(sockets)

    @property
    def name(self) -> str:
        """Where it listens."""
        return ", ".join(str(one.getsockname()) for one in self._sockets)

    async def start(self) -> None:
        """Begin to take connections."""
        await super().start()
        assert self._runner.server is not None  # noqa: S101  a site is made of a runner that was set up
        room = Room(MOST_CONNECTIONS, MOST_OF_ONE_ADDRESS, _full)
        self._server = Accepting(self._sockets, room, self._runner.server, self._ssl_context)  # type: ignore[assignment]  # aiohttp closes it and asks for its sockets, no more


def _full(refused: int) -> None:
    note("https", "too many connections", level=logging.WARNING, code="https.too-many-connections", count=refused)


async def whole_body(request: web.BaseRequest) -> bytes:
    """
    The body, which a sender that asks first is told to send.

    Raises HTTPRequestEntityTooLarge past the server's limit, one megabyte.
    """
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # that was no part of the answer
    return await request.read()
