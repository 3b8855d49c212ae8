"""Offices: what the couriers of one process share, and how they reach the database without holding up each other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hub import readiness
from hub.catalog import Catalog
from hub.keys import Keys
from hub.leave import Meanwhile
from hub.log import note
from hub.patience import Uniform, backoff
from hub.period import EPOCH
from hub.precedence import ALONE, Precedence
from hub.store.ledger import Ledger
from hub.store.scribe import Scribe

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Office:
    """
    What the runners of an agency share, most of it with all of the process. *meanwhile* is what is said of
    children, *clock* gives aware datetimes.

    *scribe* writes to the database for all of the process; *own* is where the agency's own reading and rendering are
    done, so that a long one of hers is in nobody else's way. None does it in place, not away from the event loop.
    *began* is when the process did. *precedence* says when another lane's work goes first; then one agency at a time
    has the floor for *taking_in*, and one lane for *carrying*. *unanswered* has somebody for each who waits for the
    database while it is away: that one was answered does not say that another is, as where a full disk is read and not
    written.
    """

    catalog: Catalog
    keys: Keys
    ledger: Ledger
    meanwhile: Meanwhile
    clock: Callable[[], datetime]
    uniform: Uniform
    scribe: Scribe | None = None
    own: Executor | None = None
    began: datetime = EPOCH
    precedence: Precedence = ALONE
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    taking_in: asyncio.Lock = field(default_factory=asyncio.Lock)
    carrying: asyncio.Lock = field(default_factory=asyncio.Lock)
    unanswered: set[object] = field(default_factory=set)

    async def think(self, work: Callable[[], T]) -> T:
        """Do *work* that takes long away from the event loop, so that it holds up nobody's socket."""
        return work() if self.own is None else await asyncio.get_running_loop().run_in_executor(self.own, work)

    async def look(self, work: Callable[[], T]) -> T:
        """Read from the database by *work*, however long that takes; as patient as `store`."""
        return await self._patiently(self.think, work)

    async def store(self, work: Callable[[], T]) -> T:
        """Write to the database by *work*, again and again while it is away; raises its error once the hub stops."""
        return await self._patiently(self._written, work)

    async def _written(self, work: Callable[[], T]) -> T:
        return work() if self.scribe is None else await self.scribe.write(work)

    async def _patiently(self, by: Callable[[Callable[[], T]], Awaitable[T]], work: Callable[[], T]) -> T:
        failures, somebody = 0, object()
        try:
            while True:
                try:
                    return await by(work)
                except (OperationalError, InterfaceError, PoolTimeoutError) as error:
                    if self.stopping.is_set():
                        raise
                    failures += 1
                    note("courier", "store away", level=logging.WARNING, kind=type(error).__name__, attempt=failures)
                    self.unanswered.add(somebody)
                    readiness.OWN.lacks("store", "the database does not answer; nothing is lost, and it is asked again")
                    await self.pause(min(30.0, backoff(failures, self.uniform)))
        finally:
            if failures:
                self.unanswered.discard(somebody)
                if not self.unanswered:
                    readiness.OWN.has("store")

    @contextlib.asynccontextmanager
    async def turn(self, floor: asyncio.Lock) -> AsyncIterator[None]:
        """
        A piece of work; while another lane has precedence only one in all of the process, and a rest after it.

        Who takes in and who carries have a *floor* each: of lanes to carry there may be hundreds, and who does not ask
        Kafka for a minute is put out of its group.
        """
        if not self.precedence.yields:
            yield
            return
        async with floor:
            began = time.monotonic()
            yield
            await self.pause(self.precedence.rest(time.monotonic() - began))

    async def pause(self, seconds: float) -> None:
        """Sleep, but not past the moment when the hub stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
