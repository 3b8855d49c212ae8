"""Refused: what waits in quarantine, by agency and code; each record is read once, and what it holds is let go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from hub import handled, topology
from hub.catalog import Catalog
from hub.errors import Unreadable
from hub.handled import Handled, closing
from hub.keys import Keys
from hub.ops.picture import Quarantined
from hub.quarantine.item import item_of
from hub.transports.kafka import Stored

Place = tuple[str, int]
Read = Callable[[Mapping[Place, tuple[int, int]]], Iterable[Stored]]
ENDS = ("replayed", "discarded")


class _Item(NamedTuple):
    """One item: whose, why, since when, and where its newest record lies."""

    agency: str
    code: str
    since: datetime
    offset: int


class Refused:
    """Every item that lies in quarantine, and what ended it; items in memory are small, and go with the topic."""

    def __init__(self, catalog: Catalog, keys: Keys) -> None:
        self._keys = keys
        self._agencies = {topology.quarantine_of(one.key): one.key for one in catalog.agencies.values() if one.says}
        self._kept = timedelta(milliseconds=topology.milliseconds(catalog.keeping["quarantine"].retention))
        self._reached: dict[Place, int] = {}
        self._items: dict[str, _Item] = {}
        self._done: dict[str, list[Handled]] = {}

    @property
    def topics(self) -> frozenset[str]:
        """What must be looked at."""
        return frozenset((*self._agencies, topology.RELAY, topology.WATCHES, handled.TOPIC))

    def look(
        self, ends: Mapping[Place, int], firsts: Mapping[Place, int], now: datetime, read: Read
    ) -> tuple[Quarantined, ...]:
        """Read what came since the last look, items before what was done with them; gives what is open."""
        for mine in (self.topics - {handled.TOPIC}, {handled.TOPIC}):
            spans = {
                place: (max(self._reached.get(place, 0), firsts.get(place, 0)), end)
                for place, end in ends.items()
                if place[0] in mine and end > self._reached.get(place, 0)
            }
            for stored in read(spans) if spans else ():
                self._take(stored)
                self._reached[stored.record.topic, stored.partition] = stored.offset + 1
            self._reached |= {place: end for place, (_, end) in spans.items()}
        gone = [name for name, item in self._items.items() if item.since < now - self._kept]
        for name in gone:
            del self._items[name]
            self._done.pop(name, None)
        return self._open()

    def _take(self, stored: Stored) -> None:
        try:
            if stored.record.topic == handled.TOPIC:
                one = handled.read(stored.record)
                if one.action in ENDS and one.item in self._items:
                    self._done.setdefault(one.item, []).append(one._replace(because="", events=(), counts={}))
                return
            item = item_of(self._keys, self._agencies, *stored)
        except Unreadable:
            return  # `hub quarantine` counts those
        before = self._items.get(item.id)
        whose = item.agency or item.topic.removeprefix("quarantine.")
        since = before.since if before is not None else item.since
        self._items[item.id] = _Item(whose, item.code, since, item.offset)

    def _open(self) -> tuple[Quarantined, ...]:
        found: dict[tuple[str, str], Quarantined] = {}
        for name, item in self._items.items():
            if closing(self._done.get(name, ()), item.offset) is not None:
                continue
            key = (item.agency, item.code)
            one = found.get(key)
            oldest = item.since if one is None else min(one.oldest, item.since)
            count = 1 if one is None else one.count + 1
            found[key] = Quarantined(agency=item.agency, code=item.code, count=count, oldest=oldest)
        return tuple(found[key] for key in sorted(found))
