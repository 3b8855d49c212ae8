"""Offices: what the couriers of one process share, and how they reach the database without holding up each other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hub.catalog import Catalog
from hub.keys import Keys
from hub.log import note
from hub.patience import Uniform, backoff
from hub.store.ledger import Ledger

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Office:
    """
    What all runners of a process share. *clock* gives aware datetimes.

    *threads* is where SQL is done; None does that and the rendering in place, not away from the event loop.
    """

    catalog: Catalog
    keys: Keys
    ledger: Ledger
    clock: Callable[[], datetime]
    uniform: Uniform
    threads: Executor | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def think(self, work: Callable[[], T]) -> T:
        """Do *work* that takes long away from the event loop, so that it holds up nobody's socket."""
        return work() if self.threads is None else await asyncio.to_thread(work)

    async def store(self, work: Callable[[], T]) -> T:
        """Do *work* in the database, again and again while it is away; raises its error once the hub stops."""
        failures = 0
        while True:
            try:
                if self.threads is None:
                    return work()
                return await asyncio.get_running_loop().run_in_executor(self.threads, work)
            except (OperationalError, InterfaceError, PoolTimeoutError) as error:
                if self.stopping.is_set():
                    raise
                failures += 1
                note("courier", "store away", level=logging.WARNING, kind=type(error).__name__, attempt=failures)
                await self.pause(min(30.0, backoff(failures, self.uniform)))

    async def pause(self, seconds: float) -> None:
        """Sleep, but not past the moment when the hub stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
