"""Runners: each carries one lane's messages to its door, in order, and asks until every one is acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from hub.errors import Refused
from hub.log import note
from hub.office import Office
from hub.parcel import Group, Parcel, Way, batch_id, code_of, pack_all
from hub.patience import Breaker, backoff
from hub.store.entries import Acked, Again, Entry, Lane, Outcome, Parked

DELIVERY_SECONDS = 60.0  # a partner that has not answered by then has not answered
LEASE = timedelta(seconds=DELIVERY_SECONDS * 2)  # when an attempt whose end nobody wrote down is made again
LINGER = timedelta(seconds=2)  # how long a file waits for more to hold
ABREAST = 8  # deliveries of one lane under way at once, each for another child


class Runner:
    """One lane at work; `run` ends when nothing in the lane can go any more, or when the hub stops."""

    def __init__(self, lane: Lane, way: Way, office: Office) -> None:
        self._lane = lane
        self._way = way
        self._office = office
        self._breaker = Breaker(office.uniform)
        self._news = asyncio.Event()
        self._flying: dict[asyncio.Task[Outcome], Parcel] = {}

    def nudge(self) -> None:
        """Say that there is something new in the lane, or that the hub stops."""
        self._news.set()

    async def run(self) -> None:
        """Carry; an attempt that is under way when the hub stops is finished and written down first."""
        try:
            while True:
                await self._settle()
                if self._office.stopping.is_set():
                    if not self._flying:
                        return
                    await asyncio.wait(self._flying)
                    continue
                self._news.clear()
                seconds = await self._start()
                if seconds is None and not self._flying and not self._news.is_set():
                    return
                await self._rest(seconds)
        finally:
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)
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
        for task in done:
            del self._flying[task]
        returned = False
        for outcome in outcomes:
            if isinstance(outcome, Again):
                self._breaker.failed(asyncio.get_running_loop().time())
            else:
                returned = self._breaker.answered() or returned
        await self._write(outcomes)
        if returned and not self._breaker.open:
            await self._office.store(lambda: self._office.ledger.hasten(self._lane, self._office.clock()))

    async def _write(self, outcomes: Sequence[Outcome]) -> None:
        await self._office.store(lambda: self._office.ledger.settle(self._lane, outcomes, self._office.clock()))
        for outcome in outcomes:
            what, level, code = "delivered", logging.INFO, ""
            if isinstance(outcome, Again):
                what, level, code = "not delivered yet", logging.WARNING, outcome.reason
            elif isinstance(outcome, Parked):
                what, level, code = "parked", logging.ERROR, outcome.reason
            agency, stream, _ = self._lane
            note("courier", what, level=level, agency=agency, stream=stream, message=outcome.ids[0],
                 count=len(outcome.ids), code=code)  # fmt: skip

    async def _start(self) -> float | None:
        """Begin what may begin; returns the seconds after which to look again, None for not before there is news."""
        office, together = self._office, self._way.together
        instant = asyncio.get_running_loop().time()
        room = self._breaker.room(instant, len(self._flying), ABREAST if together == 1 else 1)
        if room == 0:
            return None if self._flying else self._breaker.rest(instant)
        now = office.clock()
        flying = {one for parcel in self._flying.values() for one in parcel.ids}
        find = partial(office.ledger.due, self._lane, now)
        if together == 1:
            rows = await office.store(partial(find, room + len(flying), untried_first=self._breaker.open))
        else:
            rows = await office.store(partial(find, together, together=True))
        # What flies is not due again, unless somebody moves the clock.
        groups, seconds = await self._groups([row for row in rows if row.message_id not in flying], room, now)
        parcels, failed = await office.think(lambda: self._pack(groups))
        if failed:
            await self._write(await self._culprits(groups, failed))
            return 0.0
        if parcels:
            await self._take_off(parcels, now)
            return 0.0
        if seconds is not None:
            return seconds
        following = await office.store(lambda: office.ledger.next_due(self._lane, now))
        return None if following is None else max(0.01, (following - now).total_seconds())

    async def _groups(self, rows: Sequence[Entry], room: int, now: datetime) -> tuple[list[Group], float | None]:
        """Rows as they go together, each group under its delivery's id; and how long a file still waits for more."""
        ledger, lane = self._office.ledger, self._lane
        groups: list[Group] = []
        for batch in list(dict.fromkeys(row.batch for row in rows if row.batch is not None))[:room]:
            members = await self._office.store(partial(ledger.rows_of_batch, lane, batch))
            if members:
                groups.append((batch, members))
        free = [row for row in rows if row.batch is None]
        if self._way.together == 1:
            groups += [(row.message_id, [row]) for row in free]
        elif free and not groups:
            waited = now - min(row.created for row in free)
            if len(free) < self._way.together and timedelta(0) <= waited < LINGER:
                return [], (LINGER - waited).total_seconds()
            groups.append((batch_id(lane, [row.message_id for row in free]), free))
        return groups[:room], None

    async def _culprits(self, groups: Sequence[Group], failed: Sequence[Parked]) -> Sequence[Parked]:
        """
        Which messages to park: of a file not yet begun only those that spoil it, else all that *failed*.

        What a begun file holds is fixed, and a part of it may be with the partner.
        """
        found: list[Parked] = []
        rows = {row.message_id: row for _, members in groups for row in members}
        for parked in failed:
            alone: Sequence[Parked] = ()
            if len(parked.ids) > 1 and all(rows[one].batch is None for one in parked.ids):
                singles: list[Group] = [(one, [rows[one]]) for one in parked.ids]
                _, alone = await self._office.think(partial(self._pack, singles))
            found += alone or [parked]
        return found

    def _pack(self, groups: Sequence[Group]) -> tuple[list[Parcel], list[Parked]]:
        return pack_all(groups, self._lane, self._way, self._office.catalog, self._office.keys)

    async def _take_off(self, parcels: Sequence[Parcel], now: datetime) -> None:
        """Note what is about to be tried, and a file's members before the file; then try."""
        store, ledger, lane = self._office.store, self._office.ledger, self._lane
        if self._way.together > 1:
            for parcel in parcels:
                await store(partial(ledger.assign_batch, lane, parcel.ids, parcel.delivery.message_id))
        ids = [one for parcel in parcels for one in parcel.ids]
        mine = await store(lambda: ledger.attempt(lane, ids, now, now + LEASE))
        for parcel in parcels:
            if mine.issuperset(parcel.ids):
                self._flying[asyncio.create_task(self._deliver(parcel))] = parcel

    async def _deliver(self, parcel: Parcel) -> Outcome:
        try:
            ack = await asyncio.wait_for(self._way.sink.deliver(parcel.delivery), DELIVERY_SECONDS)
        except Refused as error:
            return Parked(parcel.ids, code_of(error))
        except Exception as error:  # noqa: BLE001  a fault in our own sink loses nothing either: it is tried again
            pause = timedelta(seconds=backoff(parcel.tries + 1, self._office.uniform))
            return Again(parcel.ids, self._office.clock() + pause, code_of(error))
        return Acked(parcel.ids, str(ack))
