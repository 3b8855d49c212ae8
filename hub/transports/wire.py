"""The wire: aiohttp's server, taught neither to log nor to send back the bytes over which it stumbles; no routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from hub.problem import problem

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

LINGERS: Final = 2.0  # seconds in which the rest of a body that is not wanted is let run out

_log = logging.getLogger("hub.https.wire")


def _without_content(record: logging.LogRecord) -> bool:
    """What aiohttp logs of a request that is not HTTP holds its bytes, which may be a message sent to a wrong port."""
    record.msg, record.args, record.exc_info, record.exc_text = "a request could not be served", (), None, None
    return True


_log.addFilter(_without_content)


class Connection(web.RequestHandler):
    """One connection."""

    __slots__ = ()

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
        super().__init__(serve, request_factory=make_request)

    def __call__(self) -> web.RequestHandler:
        """A connection has come."""
        quiet = {"access_log": None, "logger": _log}  # an access log would name the caller and the path
        return Connection(self, loop=self._own_loop, lingering_time=LINGERS, **quiet)  # type: ignore[arg-type]  # aiohttp documents None


class Runner(web.AppRunner):
    """Runs an application on such connections."""

    __slots__ = ()

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return Server(made.request_handler, made.request_factory)


async def whole_body(request: web.BaseRequest) -> bytes:
    """
    The body, which a sender that asks first is told to send.

    Raises HTTPRequestEntityTooLarge past the server's limit, one megabyte.
    """
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # that was no part of the answer
    return await request.read()
