"""The page served on loopback in a thread, and a door at which a test says who calls; ends with its block."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import NamedTuple
from urllib.parse import urlencode

from aiohttp import web
from lxml import html

from hub.access.caller import Caller, Role
from hub.ops.web import server
from hub.ops.web.ground import Ground, Handler

CSRF = "only our own forms know this"
CALLERS: Mapping[str, Caller] = {
    "ops": Caller("Ada Quill", frozenset({"ops"})),
    "governance": Caller("Bo Sample", frozenset({"governance"})),
    "partner": Caller("the wards' system", frozenset({"partner"}), "great_western_hospital"),
}
ROLES: tuple[Role, ...] = ("ops", "governance", "partner")


class TestDoor:
    """Who calls is who the cookie `as` names; what a form must carry is `CSRF`."""

    __test__ = False

    def guarded(self, handler: Handler, *roles: Role) -> Handler:
        """As `hub.access.door`."""

        @wraps(handler)
        async def behind(request: web.Request) -> web.StreamResponse:
            caller = await self.who(request)
            if not caller.may(*roles):
                raise web.HTTPForbidden
            if request.method == "POST" and (await request.post()).get("csrf") != CSRF:
                raise web.HTTPForbidden
            return await handler(request)

        return behind

    def open_to_all(self, handler: Handler) -> Handler:
        """As there."""
        return handler

    async def who(self, request: web.Request) -> Caller:
        """As there."""
        known = CALLERS.get(request.cookies.get("as", ""))
        if known is None:
            raise web.HTTPUnauthorized
        return known

    def csrf(self, request: web.Request) -> str:
        """As there."""
        return CSRF


class Said(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def page(self) -> html.HtmlElement:
        """As HTML."""
        return html.document_fromstring(self.body.decode())

    @property
    def text(self) -> str:
        """Its words, in one line."""
        return " ".join(" ".join(self.page.itertext()).split())


class Served(NamedTuple):
    """Where the page is."""

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, role: str = "ops") -> Said:
        """Ask for a page."""
        return self._ask("GET", path, role)

    def post(self, path: str, role: str = "ops", *, csrf: str = CSRF, **said: str | list[str]) -> Said:
        """Send a form."""
        return self._ask("POST", path, role, urlencode({"csrf": csrf} | said, doseq=True))

    def _ask(self, method: str, path: str, role: str, body: str | None = None) -> Said:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Cookie": f"as={role}", "Accept": "text/html"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()


@contextmanager
def served(ground: Ground) -> Iterator[Served]:
    """The page, for as long as the block lasts."""
    ports: list[int] = []
    up, stop, loops = threading.Event(), asyncio.Event(), list[asyncio.AbstractEventLoop]()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())

        def ready(port: int) -> None:
            ports.append(port)
            up.set()

        await server.serve(server.application(ground), "127.0.0.1", 0, stop=stop, ready=ready)

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            up.set()  # where it fails, the test need not wait to hear of it

    thread = threading.Thread(target=run, name="page")
    thread.start()
    try:
        assert up.wait(20), "the page did not get ready"
        assert ports, "the page ended before it was ready"
        yield Served(ports[0])
    finally:
        if loops and not loops[0].is_closed():
            loops[0].call_soon_threadsafe(stop.set)
        thread.join(20)
