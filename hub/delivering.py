"""The couriers as a process: their ledger, their doors and their Kafka, put together from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hub.catalog import Catalog
from hub.courier import Couriers
from hub.doors import Sinks, door_for
from hub.settings import Settings
from hub.store import engine
from hub.store.ledger import Ledger
from hub.transports.kafka import KafkaInflow


async def serve(
    catalog: Catalog, settings: Settings, bootstrap: str, *, stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    """Carry to every door until *stop*; the attempts under way are finished first."""

    def inflow(group: str, topics: Sequence[str]) -> KafkaInflow:
        return KafkaInflow(bootstrap, group, topics, settings.kafka())

    couriers = Couriers(
        catalog=catalog,
        keys=settings.keys(),
        ledger=Ledger(engine(settings.database)),
        sink_for=Sinks(settings),
        inflow_for=inflow,
        door_for=door_for,
    )
    running = asyncio.ensure_future(couriers.run())
    stopping = asyncio.ensure_future(stop.wait())
    ready()
    await asyncio.wait({running, stopping}, return_when="FIRST_COMPLETED")
    couriers.stop()
    stopping.cancel()
    await running
