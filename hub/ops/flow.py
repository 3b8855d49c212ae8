"""Flow: how much is said and heard a minute, from how far topics go and a little of what lies at their ends."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from hub.catalog import Catalog
from hub.envelope import is_synthetic
from hub.ops.picture import Rate
from hub.transports.kafka import Stored

Place = tuple[str, int]
Key = tuple[str, str, str]
EVERY = timedelta(seconds=10)
OVER = timedelta(seconds=60)
TAIL = 50
"""Of what came to a partition so many offsets are read; where it was more, they stand for all of it."""


class Flow:
    """
    What came to each stream, by who said it, and to each agency, in the last minute; canaries are not counted.

    Offsets alone would not do: each transaction leaves one that is no record, which on a quiet topic is every second.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._streams = {stream.topic: stream.name for stream in catalog.streams.values()}
        self._heard = {
            catalog.streams[name].topic_to(agency): (agency, "", name)
            for agency, policy in catalog.policies.items()
            for name in policy.hears
            if name in catalog.streams
        }
        self._lines = {(agency.key, line) for agency in catalog.agencies.values() for line in agency.says}
        self._ends: dict[Place, int] = {}
        self._moved: dict[Place, tuple[int, int]] = {}
        self._looked: datetime | None = None
        self._began: datetime | None = None
        self._last: dict[tuple[bool, Key], datetime] = {}
        self._counts: dict[bool, dict[Key, deque[tuple[datetime, float]]]] = {
            said: defaultdict(deque) for said in (False, True)
        }

    @property
    def topics(self) -> frozenset[str]:
        """What must be looked at."""
        return frozenset((*self._streams, *self._heard))

    def due(self, now: datetime) -> bool:
        """Whether this look, for which `wants` was asked, is one at which the flow is looked at."""
        return self._looked == now

    def wants(self, ends: Mapping[Place, int], now: datetime) -> dict[Place, tuple[int, int]]:
        """The spans to be read at this look: where something came since the last; nothing where that was just now."""
        if self._looked is not None and now - self._looked < EVERY:
            return {}
        mine = {place: end for place, end in ends.items() if place[0] in self._streams or place[0] in self._heard}
        known = self._ends if self._looked is not None else mine
        self._moved = {place: (known.get(place, 0), end) for place, end in mine.items()}
        self._began = self._began or now
        self._ends, self._looked = mine, now
        return {place: (max(was, end - TAIL), end) for place, (was, end) in self._moved.items() if was < end}

    def take(self, records: Iterable[Stored], now: datetime) -> frozenset[str]:
        """Take in what was read of them; gives the topics to which something came that is no canary."""
        found: dict[Place, Counter[str]] = defaultdict(Counter)
        newest: dict[tuple[Place, str], datetime] = {}
        for one in records:
            if not is_synthetic(one.record.headers):
                source = dict(one.record.headers).get("ce_source", b"").decode("ascii", "replace")
                place = (one.record.topic, one.partition)
                found[place][source] += 1
                newest[place, source] = one.time
        for place, sources in found.items():
            was, end = self._moved[place]
            scale = (end - was) / min(TAIL, end - was)
            for source, count in sources.items():
                said = place[0] in self._streams
                key = self._speaker(source, self._streams[place[0]]) if said else self._heard[place[0]]
                self._counts[said][key].append((now, count * scale))
                self._last[said, key] = max(newest[place, source], self._last.get((said, key), newest[place, source]))
        return frozenset(topic for topic, _ in found)

    def rates(self, now: datetime) -> tuple[tuple[Rate, ...], tuple[Rate, ...]]:
        """What was said, and what was heard."""
        over = min(OVER, max(EVERY, now - (self._began or now)))
        for of in self._counts.values():
            for counts in of.values():
                while counts and counts[0][0] <= now - OVER:
                    counts.popleft()
        said, heard = (
            tuple(
                Rate(agency=key[0], line=key[1], stream=key[2],
                     a_minute=round(sum(count for _, count in counts) * 60 / over.total_seconds(), 1),
                     last=self._last.get((kind, key)))
                for key, counts in sorted(self._counts[kind].items())
            )
            for kind in (True, False)
        )  # fmt: skip
        return said, heard

    def _speaker(self, source: str, stream: str) -> Key:
        """`/agency/line`, as the gateway writes it; what nobody of the catalog said, a watch's, is of no agency."""
        agency, _, line = source.strip("/").partition("/")
        return (agency, line, stream) if (agency, line) in self._lines else ("", "", stream)
