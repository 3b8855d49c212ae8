"""Serving: the registry as a process of its own, by TLS, for partners that read Avro from Kafka; no Kafka is needed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence

from aiohttp import web

from hub.access.front import bearer_of
from hub.catalog import Catalog
from hub.doors import tokens
from hub.doors.sources import listening
from hub.errors import CatalogError, TransportError
from hub.log import note
from hub.registry.desk import Desk, Way
from hub.registry.known import ByToken
from hub.settings import Settings
from hub.transports.accepting import listeners
from hub.transports.wire import Server, Site


async def serve(
    catalog: Catalog,
    settings: Settings,
    *,
    stop: asyncio.Event,
    ready: Callable[[int], None],
    others: Sequence[Way] = (),
) -> None:
    """
    Answer until *stop*; *ready* is called with the port.

    Partners are known by the token or ticket with which they call the gateway, staff by the identity provider's
    tokens, and callers by *others* before that fails.
    Raises CatalogError where another registry is named, and TransportError where the port is not to be had.
    """
    if settings.schema_registry_url:
        raise CatalogError(["HUB_SCHEMA_REGISTRY_URL names the registry that partners use: this one is not wanted"])
    try:
        known = ByToken(tokens(settings, readers(catalog)))
    except ValueError as error:
        raise CatalogError([f"HUB_<AGENCY>_HTTPS_TOKEN_FILE: {error}"]) from None
    desk = Desk(catalog, [known, bearer_of(settings, catalog.agencies), *others])
    runner = web.ServerRunner(Server(desk.serve))
    await runner.setup()
    try:
        await _open(runner, settings, listening(settings))
        port: int = runner.addresses[0][1]
        note("registry", "listening for https", port=port)
        ready(port)
        await stop.wait()
    finally:
        await runner.cleanup()
        note("registry", "stopped")


async def _open(runner: web.ServerRunner, settings: Settings, tls: ssl.SSLContext) -> None:
    port = settings.registry_port
    try:
        await Site(runner, await listeners(settings.listen_host, port), tls).start()
    except OSError as error:
        raise TransportError(f"port {port}: {error.strerror}; HUB_REGISTRY_PORT names another") from None


def readers(catalog: Catalog) -> list[str]:
    """The agencies that read Kafka themselves."""
    return [
        agency.key
        for agency in catalog.agencies.values()
        if any(door.by == "kafka" for hearing in agency.hears.values() for door in hearing.doors)
    ]
