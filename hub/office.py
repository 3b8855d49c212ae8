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
from hub.period import EPOCH
from hub.precedence import Precedence
from hub.store.ledger import Ledger

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Office:
    """
    What the runners of an agency share, most of it with all of the process. *clock* gives aware datetimes.

    *threads* is where the process writes to the database, one after the other; *own* is where the agency's own reading
    and rendering are done, so that a long one of hers is in nobody else's way. None does it in place, not away from the
    event loop. *began* is when the process did. Where there is a *precedence*, what is done for an *urgent* stream goes
    before what is done for others.
    """

    catalog: Catalog
    keys: Keys
    ledger: Ledger
    clock: Callable[[], datetime]
    uniform: Uniform
    threads: Executor | None = None
    own: Executor | None = None
    began: datetime = EPOCH
    precedence: Precedence | None = None
    urgent: bool = False
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def think(self, work: Callable[[], T]) -> T:
        """Do *work* that takes long away from the event loop, so that it holds up nobody's socket."""
        return await self._at(self.own, work)

    async def look(self, work: Callable[[], T]) -> T:
        """Read from the database by *work*, however long that takes; as patient as `store`."""
        return await self._patiently(self.own, work)

    async def store(self, work: Callable[[], T]) -> T:
        """Write to the database by *work*, again and again while it is away; raises its error once the hub stops."""
        return await self._patiently(self.threads, work)

    async def _patiently(self, threads: Executor | None, work: Callable[[], T]) -> T:
        failures = 0
        while True:
            try:
                return await self._at(threads, work)
            except (OperationalError, InterfaceError, PoolTimeoutError) as error:
                if self.stopping.is_set():
                    raise
                failures += 1
                note("courier", "store away", level=logging.WARNING, kind=type(error).__name__, attempt=failures)
                await self.pause(min(30.0, backoff(failures, self.uniform)))

    async def _at(self, threads: Executor | None, work: Callable[[], T]) -> T:
        if threads is None:
            return work()
        if self.precedence is None:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        if self.urgent:
            with self.precedence.pressing():
                return await asyncio.get_running_loop().run_in_executor(threads, work)
        await self.precedence.give_way()
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    async def pause(self, seconds: float) -> None:
        """Sleep, but not past the moment when the hub stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
