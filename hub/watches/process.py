"""The process: the watches started, run until they are asked to stop, and stopped."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.catalog import Catalog
from hub.errors import HubError, TransportError
from hub.keys import Keys
from hub.log import note
from hub.watches.app import build
from hub.watches.bounds import App
from hub.watches.changelog import prepare
from hub.watches.quiet import quieten

START_SECONDS = 300.0  # a recovery that takes longer hangs: Faust waits for a changelog's last offset
STOP_SECONDS = 20.0


async def serve(
    catalog: Catalog,
    keys: Keys,
    *,
    bootstrap: str,
    state_dir: Path,
    stop: asyncio.Event,
    ready: Callable[[], None] | None = None,
    replication: int = 1,
    kafka: Mapping[str, str] | None = None,
) -> None:
    """
    Run the watches until *stop* is set; *ready* is called once the tables are recovered and work begins.

    Raises CatalogError where the topics are not as the watches need them, TransportError or HubError where the
    process had to stop by itself; nothing that was not worked on is acknowledged then.
    """
    quieten()
    asyncio.get_running_loop().set_exception_handler(_told_by_kind)
    with membership(state_dir) as member:
        partitions = await asyncio.to_thread(prepare, catalog, bootstrap, replication, kafka or {})
        app = build(
            catalog, keys, bootstrap=bootstrap, state_dir=state_dir, partitions=partitions,
            replication=replication, kafka=kafka, member=member,
        )  # fmt: skip
        await _until(app, stop, ready)


@contextmanager
def membership(state_dir: Path) -> Iterator[str]:
    """
    The lasting name of the process that runs the watches from *state_dir*, and a hold on it while it runs.

    Kafka takes who comes back under its name for the same member, so that a process that was killed goes on at once;
    but two under one name take the work from each other for ever. Raises HubError where another process holds it.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "member").open("a+", encoding="ascii") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it however the process ends
        except BlockingIOError:
            raise HubError(f"another process runs the watches from {state_dir}; stop it first") from None
        held.seek(0)
        name = held.read()
        if not name:
            name = uuid.uuid4().hex
            held.write(name)
            held.flush()
        yield name


async def _until(app: App, stop: asyncio.Event, ready: Callable[[], None] | None) -> None:
    stopping = asyncio.ensure_future(stop.wait())
    crashed = asyncio.ensure_future(app._crashed.wait())
    starting = asyncio.ensure_future(app.start())
    try:
        await asyncio.wait({starting, stopping, crashed}, timeout=START_SECONDS, return_when="FIRST_COMPLETED")
        if starting.done() and not crashed.done():
            starting.result()
            if ready is not None:
                ready()
            await asyncio.wait({stopping, crashed}, return_when="FIRST_COMPLETED")
        elif not stopping.done() and not crashed.done():
            raise TransportError(f"the watches' tables were not recovered within {START_SECONDS:.0f} s")
        if crashed.done():
            reason = app.crash_reason
            raise reason if isinstance(reason, HubError) else TransportError(type(reason).__name__)
    finally:
        await _stopped(app, starting, stopping, crashed)


async def _stopped(app: App, *tasks: asyncio.Future[Any]) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await app.stop()
    except TimeoutError:
        note("watches", "stopped without waiting for Kafka", level=logging.WARNING)
    left = (*tasks, *app.flying)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def run(
    catalog: Catalog,
    keys: Keys,
    *,
    bootstrap: str,
    state_dir: Path,
    replication: int = 1,
    kafka: Mapping[str, str] | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """The watches as a process of their own: `serve` until SIGTERM or Ctrl-C."""

    async def main() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await serve(
            catalog, keys, bootstrap=bootstrap, state_dir=state_dir, stop=stop, ready=ready,
            replication=replication, kafka=kafka,
        )  # fmt: skip

    asyncio.run(main())


def _told_by_kind(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    kind = type(context.get("exception")).__name__
    note("watches", "an error in the background", level=logging.ERROR, kind=kind)
