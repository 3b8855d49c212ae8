"""Filing: which messages of a lane go together, when, and as which run; it hands nothing over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from hub import leave
from hub.office import Office
from hub.outbound import Run
from hub.parcel import Group, Parcel, Way, batch_id, pack_all
from hub.period import EPOCH, period
from hub.store.entries import Entry, Lane, Parked

LINGER = timedelta(seconds=2)  # how long a file that goes at once waits for more to hold
CLOSING = timedelta(seconds=30)  # after a period's end, or a start: for what was released before it to be read


class Ready(NamedTuple):
    """
    What may go at a moment, as many groups as there is room for; and, where there is no more, when to look again.

    *seconds* is None where there is nothing to wait for but news, and next to nothing where more may be ready already.
    """

    at: datetime
    groups: Sequence[Group]
    seconds: float | None = None


class Filing:
    """One lane's: what waits in the ledger becomes groups, and groups parcels."""

    def __init__(self, lane: Lane, way: Way, office: Office) -> None:
        self._lane, self._way, self._office = lane, way, office

    async def ready(self, room: int, flying: frozenset[str], *, untried_first: bool) -> Ready:
        """What may go, without what is *flying*: that is not due again, unless somebody moves the clock."""
        office, ledger, lane = self._office, self._office.ledger, self._lane
        now = office.clock()
        if not self._way.filed:
            most = room + len(flying)

            def look() -> tuple[list[Entry], datetime | None]:
                found = ledger.due(lane, now, most, untried_first=untried_first)
                return found, ledger.next_due(lane, now) if len(found) < most else now

            found, following = await office.look(look)
            rows = [row for row in found if row.message_id not in flying]
            groups = [Group(row.message_id, [row]) for row in rows if row.batch is None]
            groups += await self._begun(rows, room)  # made when this door still took files
            return Ready(now, groups[:room], 0.0 if groups[room:] else _seconds(following, now))
        before, opens = self._bounds(now)
        find = partial(ledger.due, lane, now, self._way.door.batch, together=True, before=before)
        rows = [row for row in await office.look(find) if row.message_id not in flying]
        if begun := await self._begun(rows, room):
            return Ready(now, begun)
        free = [row for row in rows if row.batch is None]
        if not free:
            later = await self._later(now)
            soon = None if opens is None else max(0.01, (opens - now).total_seconds())
            return Ready(now, (), min((one for one in (later, soon) if one is not None), default=None))
        waited = now - min(row.created for row in free)
        if before is None and len(free) < self._way.door.batch and timedelta(0) <= waited < LINGER:
            return Ready(now, (), (LINGER - waited).total_seconds())
        return Ready(now, [await self._new(free, now)])

    def _bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Since before when a message waits that may go in a file now, and when others may."""
        every = self._way.door.every
        if every is None:
            return None, None
        begins, ends = period(every, now)
        closing = max(begins, self._office.began)
        still = timedelta(0) <= now - closing < CLOSING
        return (EPOCH, closing + CLOSING) if still else (begins, ends + CLOSING)

    async def _later(self, now: datetime) -> float | None:
        return _seconds(await self._office.look(lambda: self._office.ledger.next_due(self._lane, now)), now)

    async def _begun(self, rows: Sequence[Entry], room: int) -> list[Group]:
        """The files whose members are fixed, whole."""
        ledger, lane = self._office.ledger, self._lane
        groups = []
        for batch in list(dict.fromkeys(row.batch for row in rows if row.batch is not None))[:room]:
            members = await self._office.look(partial(ledger.rows_of_batch, lane, batch))
            if members:
                groups.append(Group(batch, members, await self._office.look(partial(ledger.run_of, lane, batch))))
        return groups

    async def _new(self, free: Sequence[Entry], now: datetime) -> Group:
        """A file of what is *free*; its number is its own only once its members are fixed."""
        office, ledger, lane, way = self._office, self._office.ledger, self._lane, self._way
        newest = {row.subject: row for row in free} if way.whole else {}
        rows = [row for row in free if newest.get(row.subject, row) is row]
        older = tuple(row.message_id for row in free if newest.get(row.subject, row) is not row)
        ids, number = [row.message_id for row in rows], 0
        if way.door.numbered:
            number = await office.look(lambda: ledger.next_number(lane, way.first_number))
        delivery = batch_id(lane, ids, number)
        run = await office.look(lambda: ledger.run_of(lane, delivery))
        return Group(delivery, rows, run or Run(number, now), new=True, older=older)

    async def packed(self, groups: Sequence[Group]) -> tuple[list[Parcel], list[Parked]]:
        """
        The *groups* as parcels, and what cannot be one: of a file only those that spoil it.

        What a begun file holds is fixed, and a part of it may be with the partner: the ledger parks it whole. Parked
        too is what may not leave any more: all, where the agreement is over, and what was said of a child keeps back.
        """
        if groups and (rule := leave.shut(self._office.catalog, self._lane, self._office.clock())) is not None:
            return [], leave.withheld(rule, groups)
        parcels, failed = await self._office.think(lambda: self._pack(groups))
        found: list[Parked] = []
        for parked in failed:
            group = next(one for one in groups if parked.ids == tuple(row.message_id for row in one.rows))
            alone: Sequence[Parked] = ()
            if len(group.rows) > 1:
                singles = [Group(row.message_id, [row], group.run) for row in group.rows]
                _, alone = await self._office.think(partial(self._pack, singles))
            found += alone or [parked]
        return parcels, found

    def _pack(self, groups: Sequence[Group]) -> tuple[list[Parcel], list[Parked]]:
        office, lane = self._office, self._lane
        now = office.clock()
        return pack_all(
            groups, lane, self._way, office.catalog, office.keys,
            lambda letter: office.meanwhile.rule(office.catalog, lane, letter, now),
        )  # fmt: skip

    async def fixed(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Fix the members of files that are new, before they go; those that somebody else took drop out."""
        kept = []
        for parcel in parcels:
            group = parcel.group
            fix = partial(
                self._office.ledger.assign_batch, self._lane, parcel.ids, group.delivery, group.run,
                records=parcel.records, older=group.older, now=self._office.clock(),
            )  # fmt: skip
            if not group.new or await self._office.store(fix):
                kept.append(parcel)
        return kept


def _seconds(following: datetime | None, now: datetime) -> float | None:
    """How long until *following*, where there is such a moment."""
    return None if following is None else max(0.01, (following - now).total_seconds())
