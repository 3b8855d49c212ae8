"""The gateway: bytes come in on every road, and are answered once Kafka has committed what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from hub.catalog import Catalog
from hub.doors import sources
from hub.intake import Intake
from hub.log import note
from hub.settings import Settings
from hub.store import engine
from hub.store.inbox import Inbox
from hub.transports.kafka import Committer

Ready = Callable[[Mapping[str, int]], None]


async def serve(catalog: Catalog, settings: Settings, bootstrap: str, *, stop: asyncio.Event, ready: Ready) -> None:
    """Listen until *stop*; *ready* is called with the port of each road that has one."""
    keys = settings.keys()
    committer = Committer(bootstrap, "hub-gateway.0", settings.kafka())
    intake = Intake(catalog, keys, committer.commit, Inbox(engine(settings.database), keys))
    roads = sources(catalog, settings)
    try:
        for road in roads.values():
            await road.start(intake.receive)
        ports = {name: port for name, road in roads.items() if isinstance(port := getattr(road, "port", None), int)}
        for name, port in ports.items():
            note("gateway", f"listening for {name}", port=port)
        ready(ports)
        await stop.wait()
    finally:
        await asyncio.gather(*(road.stop() for road in roads.values()), return_exceptions=True)
        await asyncio.to_thread(committer.close)
        note("gateway", "stopped")
