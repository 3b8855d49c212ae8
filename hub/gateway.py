"""The gateway: bytes come in on every road, and are answered once Kafka has committed what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from hub.catalog import Catalog
from hub.doors import sources
from hub.following import Following
from hub.identity.registry import Registry
from hub.intake import Intake
from hub.intake_counts import answered, expected
from hub.log import note
from hub.settings import Settings
from hub.store import engine
from hub.store.identity import SqlIndex
from hub.store.inbox import Inbox
from hub.store.scribe import Scribe
from hub.together import Together
from hub.transports import PutsAway, Source
from hub.transports.kafka import PACE_SECONDS, Committer, Follower
from hub.view import Identifier

HOUSEKEEPING_SECONDS = 3600.0
Ready = Callable[[Mapping[str, int]], None]


async def serve(catalog: Catalog, settings: Settings, bootstrap: str, *, stop: asyncio.Event, ready: Ready) -> None:
    """
    Listen until *stop*; *ready* is called with the port of each road that has one.

    Raises `TransportError` where nothing can be committed any more, as where another gateway of the same number took
    over: one that could only ask its senders to come again must end, so that a person or its supervisor looks.
    """
    keys = settings.keys()
    committer = Committer(bootstrap, f"hub-gateway.{settings.shard}", settings.kafka(), pace=PACE_SECONDS)
    loop = asyncio.get_running_loop()
    committer.ended.add_done_callback(lambda _: loop.call_soon_threadsafe(stop.set))
    store = engine(settings.gateway_database)
    inbox, index = Inbox(store, keys), SqlIndex(store, keys)
    following = Following(catalog)
    follower = Follower(bootstrap, following.topics, following.take, settings.kafka())

    async def wall() -> frozenset[Identifier]:
        await asyncio.to_thread(follower.catch_up)
        return following.view.closed()

    # What is taken into the view and looked up in it is done by one thread at a time, for all who asked meanwhile
    registry, scribe = Registry(keys, index), Scribe(store)
    intake = Intake(catalog, keys, committer.commit, inbox, wall=Together(wall), registry=registry, write=scribe.write)
    roads = sources(catalog, settings)
    expected(catalog)
    try:
        for road in roads.values():
            await road.start(answered(intake.receive))
        ports = {name: port for name, road in roads.items() if isinstance(port := getattr(road, "port", None), int)}
        for name, port in ports.items():
            note("gateway", f"listening for {name}", port=port)
        ready(ports)
        await _keep_house(settings, inbox, index, roads.values(), stop)
        if committer.ended.done():
            committer.ended.result()
    finally:
        await asyncio.gather(*(road.stop() for road in roads.values()), return_exceptions=True)
        await asyncio.to_thread(committer.close)
        await asyncio.to_thread(scribe.close)
        await asyncio.to_thread(follower.close)
        note("gateway", "stopped")


async def _keep_house(
    settings: Settings, inbox: Inbox, index: SqlIndex, roads: Iterable[Source], stop: asyncio.Event
) -> None:
    """Until *stop*, forget hourly what was answered, said of identifiers or put away longer ago than is kept."""
    while not stop.is_set():
        now = datetime.now(UTC)
        await asyncio.to_thread(inbox.prune, now - timedelta(days=settings.keep_answers_days))
        await asyncio.to_thread(index.prune, now - timedelta(days=settings.keep_identity_days))
        before = (now - timedelta(days=settings.keep_files_days)).timestamp()
        for road in roads:
            if isinstance(road, PutsAway) and (gone := await road.forget(before)):
                note("gateway", "files forgotten", count=gone)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), HOUSEKEEPING_SECONDS)
