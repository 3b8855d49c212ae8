"""The couriers as a process: their ledger, their doors and their Kafka, put together from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta

from hub.catalog import Catalog
from hub.courier import Couriers
from hub.doors import Sinks, door_for, first_number
from hub.heeding import heed
from hub.leave import Meanwhile
from hub.precedence import Precedence
from hub.renewal import SECONDS, Renewal
from hub.settings import Settings
from hub.store import engine
from hub.store.ledger import Ledger
from hub.stream import Lane
from hub.transports.kafka import Follower, KafkaInflow

WAIT_MILLISECONDS = 1000
"""How long the broker holds a request for what is said of children: there is seldom anything new."""


async def _nothing(_catalog: Catalog) -> None:
    """What is done beside where nothing is asked for."""


async def serve(
    catalog: Catalog,
    settings: Settings,
    bootstrap: str,
    *,
    lane: Lane,
    stop: asyncio.Event,
    ready: Callable[[], None],
    beside: Callable[[Catalog], Coroutine[None, None, None]] = _nothing,
) -> None:
    """
    Carry what is of one lane to every door until *stop*; the attempts under way are finished first.

    So they are where policies changed: then all begin anew with what holds now, and the ledger knows what was done.
    *beside* is done with each catalog as long as it holds, and cancelled then.
    """

    def inflow(group: str, topics: Sequence[str]) -> KafkaInflow:
        return KafkaInflow(bootstrap, group, topics, settings.kafka())

    precedence = Precedence.of(settings, lane)
    ledger, renewal, current = Ledger(engine(settings.ledger(lane))), Renewal(catalog), catalog
    meanwhile = Meanwhile(catalog, settings.keys())
    follower = Follower(bootstrap, meanwhile.topics, meanwhile.take, settings.kafka(), wait=WAIT_MILLISECONDS)
    heeding = asyncio.ensure_future(heed(meanwhile, follower, stop))
    while not stop.is_set():
        couriers = Couriers(
            catalog=current,
            lane=lane,
            keys=settings.keys(),
            ledger=ledger,
            meanwhile=meanwhile,
            sink_for=Sinks(settings),
            inflow_for=inflow,
            door_for=door_for,
            first_number=first_number,
            overdue=timedelta(hours=settings.acknowledgement_hours),
            precedence=precedence,
        )
        running = asyncio.ensure_future(couriers.run())
        waiting = asyncio.ensure_future(_changed(renewal, stop))
        besides = asyncio.ensure_future(beside(current))
        ready()
        await asyncio.wait({running, waiting}, return_when="FIRST_COMPLETED")
        couriers.stop()
        waiting.cancel()
        besides.cancel()
        await running
        with suppress(asyncio.CancelledError):
            current = await waiting or current
    await heeding


async def _changed(renewal: Renewal, stop: asyncio.Event) -> Catalog | None:
    """The catalog that holds from now on, once there is one; None where told to stop first."""
    taken: list[Catalog] = []
    while not stop.is_set():
        if await asyncio.to_thread(renewal.due, taken.append):
            return taken[-1]
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SECONDS)
    return None
