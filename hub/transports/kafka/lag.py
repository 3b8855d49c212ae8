"""Lag: how far a group is behind in what it should read, by count and by age; measured, never estimated."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaException

from hub.envelope import Headers
from hub.errors import TransportError
from hub.transports.kafka.clients import Extra, admin, trouble
from hub.transports.kafka.groups import Members, Places
from hub.transports.kafka.reading import END, FIRST, Place, Stored, looking, offsets, present, walk

COUNTED = 1000
"""Up to this distance in offsets a lag is counted record by record."""
STALE_SECONDS = 60.0  # after which what was read once is read again: compaction may have taken it
Span = tuple[int, int]


class Lag(NamedTuple):
    """
    How far one group is behind in one partition.

    *committed* is the group's next offset, None where it never committed; *end* is where committed records end (the
    last stable offset). *lag* counts the records between: exactly up to a distance of 1,000 offsets, so that aborted
    records and the markers of transactions are no lag, and as the distance beyond. *oldest* is the time that Kafka
    keeps with the first of them, *taken* when the hub took its event in. *held* counts offsets that an open transaction
    keeps from every reader, *held_since* is when it began there; *missed* those that were deleted before the group read
    them.
    """

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    oldest: datetime | None
    held: int
    missed: int
    taken: datetime | None = None
    held_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """
    One measurement: a *row* for each group and partition, *firsts* and *ends* of all partitions looked at, and *faults*
    by what could not be looked at.
    """

    rows: tuple[Lag, ...] = ()
    firsts: Mapping[Place, int] = field(default_factory=dict)
    ends: Mapping[Place, int] = field(default_factory=dict)
    faults: Mapping[str, TransportError] = field(default_factory=dict)


class _First(NamedTuple):
    """The first record of a span."""

    time: datetime
    taken: datetime | None


@dataclass(slots=True)
class _Counted:
    """What was read of a partition from one offset on: so many records before *upto*, the *first* of them."""

    upto: int
    count: int
    first: _First | None
    read_at: float


class Meter:
    """
    Measures again and again over connections that stay open.

    What was read is kept as long as it holds, so that of a backlog nothing is read twice, and of what a group is busy
    with no more than its first thousand offsets. No group's place is moved. One thread at a time.
    """

    def __init__(self, bootstrap: str, extra: Extra | None = None, *, timeout: float = 10.0) -> None:
        self._timeout, self._where = timeout, (bootstrap, extra)
        self._admin = admin(bootstrap, extra)
        self._members = Members(self._admin)
        self._places = Places(bootstrap, extra)
        self._open = ExitStack()
        self._consumer = self._open.enter_context(looking(bootstrap, extra))
        self._beneath: Consumer | None = None
        self._counted: dict[tuple[Place, int], _Counted] = {}
        self._held: dict[Place, tuple[int, datetime | None]] = {}
        self._taken: dict[tuple[Place, int], datetime] = {}

    def close(self) -> None:
        """Let go of every connection."""
        self._places.close()
        self._open.close()

    def measure(self, groups: Mapping[str, Collection[str]], also: Collection[str] = ()) -> Measured:
        """
        How far each group is behind in each partition of the topics that it should read, in order.

        The topics are named because a group that never started has no offsets to ask for, and is the furthest behind.
        Where the committed offset does not lie in the log any more, everything that the log holds is lag. Of topics
        named in *also* only the ends are looked up. Raises `TransportError` where Kafka does not answer.
        """
        faults: dict[str, TransportError] = {}
        try:
            wanted = {topic for topics in groups.values() for topic in topics} | set(also)
            every, missing = present(self._admin, wanted, self._timeout)
            faults |= {topic: TransportError(f"Kafka has no topic {topic}; `hub run` makes it at start")
                       for topic in missing}  # fmt: skip
            # Committed offsets before the ends, so that a group that moves meanwhile is never ahead of its topic.
            reached: dict[str, Mapping[Place, int]] = {}
            self._places.forget(groups)
            for group, topics in groups.items():
                try:
                    own = [place for place in every if place[0] in topics]
                    reached[group] = self._places.committed(group, own, self._timeout)
                except KafkaException as error:
                    faults[group] = trouble(error, f"asking for the offsets of {group}")
            first = offsets(self._admin, every, FIRST, self._timeout)
            # And what is written before what is committed: what lies between the two then is in an open transaction.
            high = offsets(self._admin, every, END, self._timeout, IsolationLevel.READ_UNCOMMITTED)
            end = offsets(self._admin, every, END, self._timeout)
        except KafkaException as error:
            raise trouble(error, "asking for offsets") from error
        own_places = {
            (group, place): reached[group].get(place)
            for group in sorted(reached)
            for place in every
            if place[0] in groups[group]
        }
        starts = {
            (group, place): at
            if at is not None and first[place] <= at <= max(high[place], end[place])
            else first[place]
            for (group, place), at in own_places.items()
        }
        faults |= self._read({(place, start): end[place] for (_, place), start in starts.items()})
        since = self._holding(every, high, end)
        rows = []
        for (group, place), at in own_places.items():
            count, oldest = self._behind(place, starts[group, place], end[place])
            rows.append(Lag(
                group, *place, at, end[place], count, oldest.time if oldest else None,
                max(0, high[place] - end[place]), 0 if at is None else max(0, first[place] - at),
                oldest.taken if oldest else None, since.get(place),
            ))  # fmt: skip
        return Measured(tuple(rows), first, end, faults)

    def groups(self) -> Mapping[str, int | None]:
        """The groups of the cluster and their members, None where that is not known; raises `TransportError`."""
        try:
            return self._members.look(self._timeout)
        except KafkaException as error:
            raise trouble(error, "asking for consumer groups") from error

    def read(self, spans: Mapping[Place, Span]) -> Iterator[Stored]:
        """The committed records of some spans; raises `TransportError`."""
        yield from walk(self._consumer, spans, self._timeout)

    def taken_at(self, places: Collection[tuple[Place, int]]) -> Mapping[tuple[Place, int], datetime]:
        """When the hub took in the event at each of some offsets, of those that are still there."""
        known = {key: self._taken[key] for key in places if key in self._taken}
        for part in _rounds([(key, (key[1], key[1] + 1)) for key in places if key not in known]):
            try:
                first = offsets(self._admin, list(part), FIRST, self._timeout)
                spans = {place: span for place, (_, span) in part.items() if first[place] <= span[0]}
                for stored in walk(self._consumer, spans, self._timeout):
                    place = (stored.record.topic, stored.partition)
                    if (moment := taken(stored)) is not None and stored.offset == part[place][0][1]:
                        known[place, stored.offset] = moment
            except (TransportError, KafkaException):
                continue  # whoever asks has another time, and asks again
        self._taken = dict(known)
        return known

    def _behind(self, place: Place, start: int, end: int) -> tuple[int, _First | None]:
        """What was counted between two offsets; where it could not be read, the distance."""
        known = self._counted.get((place, start))
        if start >= end:
            return 0, None
        if known is None or known.upto != end:
            return end - start, known.first if known is not None else None
        return known.count, known.first

    def _read(self, wanted: Mapping[tuple[Place, int], int]) -> dict[str, TransportError]:
        """Read what is not known yet of the spans *wanted*, each given by its start and end."""
        now = time.monotonic()
        self._counted = {
            key: known
            for key, known in self._counted.items()
            if key in wanted and now - known.read_at < STALE_SECONDS and key[1] < wanted[key]
        }
        unread: list[tuple[tuple[Place, int], Span]] = []
        for key, end in wanted.items():
            place_start, known = key[1], self._counted.get(key)
            if place_start >= end or (known is not None and known.upto == end):
                continue
            if known is not None and known.first is not None and end - place_start > COUNTED:
                known.count, known.upto = end - place_start, end  # too far to count: the first record is known
            else:
                unread.append((key, (place_start if known is None else known.upto, end)))
        faults: dict[str, TransportError] = {}
        for part in _rounds(unread):
            try:
                self._count(part, now)
            except TransportError as error:
                faults |= {place[0]: error for place in part}
        return faults

    def _count(self, part: Mapping[Place, tuple[tuple[Place, int], Span]], now: float) -> None:
        """Count the records of one span in each place; of a long span only the first is read."""
        long = {place for place, (key, (_, end)) in part.items() if end - key[1] > COUNTED}
        found: dict[Place, tuple[int, Stored]] = {}
        spans = {place: span for place, (_, span) in part.items()}
        for stored in walk(self._consumer, spans, self._timeout, enough=lambda place: place in long):
            place = (stored.record.topic, stored.partition)
            count, first = found.get(place, (0, stored))
            found[place] = (count + 1, first)
        for place, (key, (_, end)) in part.items():
            count, stored_first = found.get(place, (0, None))
            first_of = _First(stored_first.time, taken(stored_first)) if stored_first is not None else None
            known = self._counted.get(key)
            if place in long:
                # Beyond its first record a long span is its distance in offsets; what lies before that is no record.
                start = stored_first.offset if stored_first is not None else end
                self._counted[key] = _Counted(end, end - start, first_of, now)
            elif known is None:
                self._counted[key] = _Counted(end, count, first_of, now)
            else:
                known.upto, known.count, known.first = end, known.count + count, known.first or first_of

    def _holding(
        self, every: Iterable[Place], high: Mapping[Place, int], end: Mapping[Place, int]
    ) -> dict[Place, datetime]:
        """Since when what is held lies there: looked up where it is held at the second look too."""
        held = {place: end[place] for place in every if high[place] > end[place]}
        again = {place: at for place, at in held.items() if self._held.get(place, (None, None))[0] == at}
        unknown = {place: (at, at + 1) for place, at in again.items() if self._held[place][1] is None}
        since = {place: moment for place in again if (moment := self._held[place][1]) is not None}
        if unknown:
            if self._beneath is None:
                self._beneath = self._open.enter_context(looking(*self._where, uncommitted=True))
            try:
                for stored in walk(self._beneath, unknown, self._timeout):
                    since[stored.record.topic, stored.partition] = stored.time
            except TransportError:
                since = {**since}  # it is looked up again at the next look
        self._held = {place: (at, since.get(place)) for place, at in held.items()}
        return since


def lags(
    bootstrap: str, groups: Mapping[str, Collection[str]], extra: Extra | None = None, *, timeout: float = 10.0
) -> list[Lag]:
    """
    One measurement, as `Meter.measure` makes it.

    Raises `TransportError` where a topic does not exist, or Kafka does not answer in *timeout* seconds.
    """
    meter = Meter(bootstrap, extra, timeout=timeout)
    try:
        measured = meter.measure(groups)
    finally:
        meter.close()
    for fault in measured.faults.values():
        raise fault
    return list(measured.rows)


def taken(stored: Stored) -> datetime | None:
    """
    When the hub took in the event of a record: what its papers say, and never later than Kafka had it.

    None where a record has no papers. The clock is the gateway's; where that runs ahead, Kafka's own counts.
    """
    return _said(stored.record.headers, stored.time)


def _said(headers: Headers, at: datetime) -> datetime | None:
    have = dict(headers).get("ce_time", b"")
    try:
        said = datetime.fromisoformat(have.decode("ascii"))
    except ValueError:
        return None
    return min(said, at) if said.tzinfo is not None else None


def _rounds(
    spans: Sequence[tuple[tuple[Place, int], Span]],
) -> list[dict[Place, tuple[tuple[Place, int], Span]]]:
    """The spans in as few looks as can be: in one look each partition is read from one offset only."""
    rounds: defaultdict[int, dict[Place, tuple[tuple[Place, int], Span]]] = defaultdict(dict)
    many: defaultdict[Place, int] = defaultdict(int)
    for key, span in spans:
        rounds[many[key[0]]][key[0]] = (key, span)
        many[key[0]] += 1
    return list(rounds.values())
