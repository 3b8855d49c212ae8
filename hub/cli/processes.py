"""Processes: each of those that `hub run` names, alone in this one until it is told to stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import uvloop

from hub import cluster, health, principals, tracing
from hub.catalog import Catalog
from hub.settings import Settings
from hub.stream import Lane
from hub.supervise import announce, make_way, on_stop


def start(process: str, catalog: Catalog, settings: Settings, bootstrap: str, lane: Lane | None) -> None:
    """Carry as *process*; of relay and couriers what is of *lane*."""
    name = process if lane is None else f"{process}.{lane}"
    health.serve(settings, name, catalog)
    tracing.start(name, settings.otlp_endpoint, settings.trace_share)
    cluster.prepare(catalog, settings, bootstrap, principals.of_process((process, lane) if lane else (process,)))
    if lane is not None:
        make_way(lane)
    if process == "relay" and lane is not None:
        from hub.relaying import relay  # noqa: PLC0415

        relay(catalog, settings, bootstrap, lane)
    elif process == "canaries":
        _canaries(catalog, settings, bootstrap)
    elif process == "gateway":
        until_stopped(lambda stop: _gateway(catalog, settings, bootstrap, stop))
    elif process == "watches":
        until_stopped(lambda stop: _watches(catalog, settings, bootstrap, stop))
    elif lane is not None:
        until_stopped(lambda stop: _couriers(catalog, settings, bootstrap, lane, stop))


def registry(catalog: Catalog, settings: Settings) -> None:
    """Answer as the schema registry; it carries nothing, and needs no Kafka."""
    from hub.registry.serving import serve  # noqa: PLC0415

    ready = lambda port: announce(settings, "registry", ports={"https": port})  # noqa: E731
    until_stopped(lambda stop: serve(catalog, settings, stop=stop, ready=ready))


def until_stopped(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Do *work* in an event loop of its own; its event is set on SIGTERM and Ctrl-C."""

    async def life() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        on_stop(lambda: loop.call_soon_threadsafe(stop.set))
        beating = asyncio.create_task(health.beating())
        try:
            await work(stop)
        finally:
            beating.cancel()

    uvloop.run(life())


def _canaries(catalog: Catalog, settings: Settings, bootstrap: str) -> None:
    from hub.canary.rounds import serve  # noqa: PLC0415

    ended = threading.Event()
    on_stop(ended.set)
    serve(catalog, settings, bootstrap, stop=ended, ready=lambda: announce(settings, "canaries"))


async def _gateway(catalog: Catalog, settings: Settings, bootstrap: str, stop: asyncio.Event) -> None:
    from hub import gateway  # noqa: PLC0415

    ready = lambda ports: announce(settings, "gateway", ports=dict(ports))  # noqa: E731
    await gateway.serve(catalog, settings, bootstrap, stop=stop, ready=ready)


async def _watches(catalog: Catalog, settings: Settings, bootstrap: str, stop: asyncio.Event) -> None:
    from hub.watches.process import serve  # noqa: PLC0415

    await serve(
        catalog, settings.keys(), bootstrap=bootstrap, state_dir=settings.path("watches"), stop=stop,
        ready=lambda: announce(settings, "watches"), replication=settings.replication, kafka=settings.kafka(),
    )  # fmt: skip


async def _couriers(catalog: Catalog, settings: Settings, bootstrap: str, lane: Lane, stop: asyncio.Event) -> None:
    from hub import delivering, doors, doorstep  # noqa: PLC0415

    every = settings.door_check_seconds
    await delivering.serve(
        catalog, settings, bootstrap, lane=lane, stop=stop, ready=lambda: announce(settings, f"couriers.{lane}"),
        beside=lambda now: doorstep.trying(now, doors.Sinks(settings), doors.door_for, seconds=every, lane=lane),
    )  # fmt: skip
