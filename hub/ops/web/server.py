"""The server: which page is where and for whom; what stands on a page is its own, and who calls is the door's."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Final, NamedTuple

from aiohttp import web

from hub.access.caller import Role
from hub.ops.web import agencies, api, disclosures, items, overview, policies, quarantine, streams
from hub.ops.web.frame import ASSETS, HEADERS
from hub.ops.web.ground import GROUND, Ground, Handler
from hub.transports.accepting import listeners
from hub.transports.wire import Runner, Site

LARGEST: Final = 5 * 1024 * 1024
"""Bytes of a request: a corrected copy of the largest item (`hub.quarantine.item.LARGEST`) and its form."""
STAFF: Final[tuple[Role, ...]] = ("ops", "governance")
EVERYBODY: Final[tuple[Role, ...]] = (*STAFF, "partner")
"""A partner is led to its own page, and sees no other."""
ITEM: Final = "/quarantine/{item:[0-9a-f]{8,64}}"


class Route(NamedTuple):
    """One page: how it is asked for, and the roles of which a caller has at least one."""

    method: str
    path: str
    handler: Handler
    roles: tuple[Role, ...] = STAFF


ROUTES: Final = (
    Route("GET", "/", overview.overview, EVERYBODY),
    Route("GET", "/agencies", agencies.agencies),
    Route("GET", "/agencies/{agency}", agencies.agency, EVERYBODY),
    Route("GET", "/streams", streams.streams),
    Route("GET", "/streams/{stream}", streams.stream),
    Route("GET", "/quarantine", quarantine.queue),
    Route("POST", "/quarantine", quarantine.deeds),
    Route("GET", ITEM, items.item),
    Route("POST", ITEM + "/show", items.show),
    Route("POST", ITEM + "/replay", items.replay),
    Route("POST", ITEM + "/discard", items.discard),
    Route("GET", "/policies", policies.policies),
    Route("GET", "/policies/streams/{stream}", policies.of_stream),
    Route("GET", "/policies/agencies/{agency}", policies.of_agency),
    Route("GET", "/disclosures", disclosures.asking, ("governance",)),
    Route("POST", "/disclosures", disclosures.search, ("governance",)),
    Route("GET", "/api/picture.json", api.picture),
)


def application(ground: Ground, mounts: Iterable[Callable[[web.Application], None]] = ()) -> web.Application:
    """
    Everything that the page serves; the door is hung before it by whoever serves it.

    *mounts* add what is served beside it, such as `/metrics` and `/registry/…`: each is given the application.
    """
    app = web.Application(client_max_size=LARGEST)
    app[GROUND] = ground
    for method, path, handler, roles in ROUTES:
        app.router.add_route(method, path, ground.door.guarded(handler, *roles))
    for name in ASSETS:
        app.router.add_get(f"/assets/{name}", ground.door.open_to_all(_asset(name)))
    for mount in mounts:
        mount(app)
    return app


def _asset(name: str) -> Handler:
    """A file of ours, which says nothing that anybody may not read."""
    content = files("hub.ops.web").joinpath("assets", name).read_bytes()
    kept = HEADERS | {"Cache-Control": "max-age=300", "ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"'}

    async def asset(request: web.Request) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == kept["ETag"]:
            return web.Response(status=304, headers=kept)
        return web.Response(body=content, content_type=ASSETS[name], charset="utf-8", headers=kept)

    return asset


async def serve(
    app: web.Application,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    ready: Callable[[int], None],
    hang: Callable[[int], None] = lambda _port: None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """
    Serve *app* until *stop*.

    The port is taken first: *hang* is given it, to put the door before *app*, and *ready* once it is answered.
    """
    taken = await listeners(host, port)
    try:
        number = taken[0].getsockname()[1]
        hang(number)
        runner = Runner(app, handle_signals=False, shutdown_timeout=2)
        await runner.setup()
        try:
            await Site(runner, taken, tls).start()
            ready(number)
            await stop.wait()
        finally:
            await runner.cleanup()
    finally:
        for one in taken:
            one.close()
