"""Runners: each carries one lane's messages to its door, in order, and asks until every one is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from hub import courier_counts, spans
from hub.errors import Refused
from hub.filing import LINGER, Filing, Ready
from hub.log import note
from hub.office import Office
from hub.parcel import Parcel, Way, code_of
from hub.partner import Partner
from hub.patience import backoff
from hub.store.entries import Acked, Again, Handed, Lane, Outcome, Parked
from hub.store.rows import PATIENCE

__all__ = ["ABREAST", "DELIVERY_SECONDS", "LEASE", "LINGER", "Runner"]

DELIVERY_SECONDS = 60.0  # a partner that has not answered by then has not answered
LEASE = timedelta(seconds=DELIVERY_SECONDS * 2)  # when an attempt whose end nobody wrote down is made again
UNKNOWING_SECONDS = 0.25  # after which to look again where it is not known yet what is said of children
STALE = timedelta(seconds=30)  # the database was away for so long that whether a message may leave is asked again
AGAIN_SECONDS = 1.0  # after which to look again where somebody else took what was about to go
ABREAST = 8  # deliveries of one lane under way at once, each for another child


class Runner:
    """One lane at work; `run` ends when nothing in the lane can go any more, or when the hub stops."""

    def __init__(self, lane: Lane, way: Way, office: Office, partner: Partner) -> None:
        self._lane = lane
        self._way = way
        self._office = office
        self._partner = partner
        self._filing = Filing(lane, way, office)
        self._news = asyncio.Event()
        self._flying: dict[asyncio.Task[Outcome], Parcel] = {}

    def nudge(self) -> None:
        """Say that there is something new in the lane, or that the hub stops."""
        self._news.set()

    async def run(self) -> None:
        """Carry; an attempt that is under way when the hub stops is finished and written down first."""
        self._partner.join(self._lane, self.nudge)
        try:
            while True:
                await self._settle()
                if self._office.stopping.is_set():
                    if not self._flying:
                        return
                    await asyncio.wait(self._flying)
                    continue
                self._news.clear()
                async with self._office.turn(self._office.carrying):
                    seconds = await self._start()
                if seconds is None and not self._flying and not self._news.is_set():
                    return
                await self._rest(seconds)
        finally:
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)
            self._partner.leave(self._lane, len(self._flying))
            self._flying.clear()

    async def _rest(self, seconds: float | None) -> None:
        """Until an attempt ends, there is news, or the time is up."""
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({*self._flying, news}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    async def _settle(self) -> None:
        """Write down, in one transaction, how the attempts ended that did."""
        done = [task for task in self._flying if task.done()]
        if not done:
            return
        outcomes = [task.result() for task in done]
        instant, back = asyncio.get_running_loop().time(), set()
        for task, outcome in zip(done, outcomes, strict=True):
            courier_counts.arrived(self._way, self._flying.pop(task), outcome, self._office.clock())
            back |= {*self._partner.ended(self._lane, instant, answered=not isinstance(outcome, Again))}
        await self._write(outcomes)
        if back and not self._partner.careful(self._lane):
            await self._office.store(lambda: self._office.ledger.hasten(back, self._office.clock()))

    async def _write(self, outcomes: Sequence[Outcome]) -> None:
        await self._office.store(lambda: self._office.ledger.settle(self._lane, outcomes, self._office.clock()))
        for outcome in outcomes:
            courier_counts.ended(self._way, outcome)
            what, level, code = "delivered", logging.INFO, ""
            if isinstance(outcome, Again):
                what, level, code = "not delivered yet", logging.WARNING, outcome.reason
            elif isinstance(outcome, Handed):
                what = "handed over"
            elif isinstance(outcome, Parked):
                what, level, code = "parked", logging.ERROR, outcome.reason
            agency, stream, _ = self._lane
            note("courier", what, level=level, agency=agency, stream=stream, message=outcome.ids[0],
                 count=len(outcome.ids), code=code)  # fmt: skip

    async def _start(self) -> float | None:
        """Begin what may begin; returns the seconds after which to look again, None for not before there is news."""
        partner, lane, instant = self._partner, self._lane, asyncio.get_running_loop().time()
        if not self._office.meanwhile.current():
            return UNKNOWING_SECONDS
        room = partner.room(lane, instant, len(self._flying), 1 if self._way.filed else ABREAST)
        if room == 0:
            return None if self._flying else partner.rest(lane, instant)
        flying = frozenset(one for parcel in self._flying.values() for one in parcel.ids)
        ready = await self._filing.ready(room, flying, untried_first=partner.careful(lane))
        parcels, failed = await self._filing.packed(ready.groups)
        if failed:
            await self._write(failed)
            return 0.0
        if parcels:
            return await self._take_off(parcels, ready)
        partner.decline(lane)
        return ready.seconds

    async def _take_off(self, parcels: Sequence[Parcel], ready: Ready) -> float | None:
        """Note what is about to be tried, and a file's members before the file; then try. Returns as `_start` does."""
        office, now, asked = self._office, ready.at, self._office.clock()
        fixed = await self._filing.fixed(parcels)
        ids = [one for parcel in fixed for one in parcel.ids]
        mine = await office.store(lambda: office.ledger.attempt(self._lane, ids, now, office.clock() + LEASE))
        taken = [parcel for parcel in fixed if mine.issuperset(parcel.ids)]
        if office.clock() - asked > STALE:
            await self._write([Again(parcel.ids, office.clock(), "store.away") for parcel in taken])
            self._partner.decline(self._lane)
            return 0.0
        for parcel in taken:
            self._flying[asyncio.create_task(self._deliver(parcel))] = parcel
        if not taken:
            self._partner.decline(self._lane)
            return AGAIN_SECONDS
        office.precedence.carrying()
        self._partner.started(self._lane, len(taken))
        return ready.seconds

    async def _deliver(self, parcel: Parcel) -> Outcome:
        began, nanoseconds = time.perf_counter(), time.time_ns()
        outcome = await self._attempted(parcel)
        courier_counts.took(self._way, time.perf_counter() - began)
        spans.attempted(self._way, parcel, outcome, self._office.keys, nanoseconds)
        return outcome

    async def _attempted(self, parcel: Parcel) -> Outcome:
        try:
            ack = await asyncio.wait_for(self._way.sink.deliver(parcel.delivery), DELIVERY_SECONDS)
        except Refused as error:
            return Parked(parcel.ids, code_of(error))
        except Exception as error:  # noqa: BLE001  a fault in our own sink loses nothing either: it is tried again
            pause = timedelta(seconds=backoff(parcel.tries + 1, self._office.uniform))
            return Again(parcel.ids, self._office.clock() + pause, code_of(error))
        if self._way.door.acknowledged_by is not None:
            return Handed(parcel.ids, str(ack), self._office.clock() + PATIENCE)
        return Acked(parcel.ids, str(ack))
