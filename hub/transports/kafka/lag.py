"""Lag: how far a group is behind in what it should read, by count and by age."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaException

from hub.transports.kafka.clients import Extra, admin, trouble
from hub.transports.kafka.groups import committed
from hub.transports.kafka.reading import END, FIRST, Place, looking, offsets, places, walk

COUNTED = 1000
"""Up to this distance in offsets a lag is counted record by record."""


class Lag(NamedTuple):
    """
    How far one group is behind in one partition.

    *committed* is the group's next offset, None where it never committed; *end* is where committed records end (the
    last stable offset). *lag* counts the records between: exactly up to a distance of 1,000 offsets, so that aborted
    records and the markers of transactions are no lag, and as the distance beyond. *oldest* is the time of the first
    of them. *held* counts offsets that an open transaction keeps from every reader; *missed* those that were deleted
    before the group read them.
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


def lags(
    bootstrap: str, groups: Mapping[str, Collection[str]], extra: Extra | None = None, *, timeout: float = 10.0
) -> list[Lag]:
    """
    How far each group is behind in each partition of the topics that it should read, in order.

    The topics are named because a group that never started has no offsets to ask for, and is the furthest behind.
    Where the committed offset does not lie in the log any more, everything that the log holds is lag.
    Raises `TransportError` where a topic does not exist, or Kafka does not answer in *timeout* seconds.
    """
    client = admin(bootstrap, extra)
    try:
        every = places(client, {topic for topics in groups.values() for topic in topics}, timeout)
        # Committed offsets before the ends, so that a group that moves meanwhile is never ahead of its topic.
        reached = {
            group: committed(bootstrap, group, [place for place in every if place[0] in topics], timeout, extra)
            for group, topics in groups.items()
        }
        first = offsets(client, every, FIRST, timeout)
        end = offsets(client, every, END, timeout)
        high = offsets(client, every, END, timeout, IsolationLevel.READ_UNCOMMITTED)
    except KafkaException as error:
        raise trouble(error, "asking for offsets") from error
    own = {
        (group, place): reached[group].get(place)
        for group, topics in sorted(groups.items())
        for place in every
        if place[0] in topics
    }
    spans = {
        (group, place): (at if at is not None and first[place] <= at <= high[place] else first[place], end[place])
        for (group, place), at in own.items()
    }
    behind: dict[tuple[str, Place], tuple[int, datetime]] = {}
    with looking(bootstrap, extra) as consumer:
        for part in _rounds(spans):
            found = _behind(consumer, {place: spans[group, place] for place, group in part.items()}, timeout)
            behind |= {(part[place], place): what for place, what in found.items()}
    rows: list[Lag] = []
    for (group, place), at in own.items():
        count, oldest = behind.get((group, place), (0, None))
        held = max(0, high[place] - end[place])
        missed = 0 if at is None else max(0, first[place] - at)
        rows.append(Lag(group, place[0], place[1], at, end[place], count, oldest, held, missed))
    return rows


def _rounds(spans: Collection[tuple[str, Place]]) -> list[dict[Place, str]]:
    """
    The spans in as few looks as can be: in one look each partition is read for one group only.

    Every look costs most of a second, whatever it reads, so that one for each group would make many groups slow.
    """
    rounds: list[dict[Place, str]] = []
    for group, place in spans:
        part = next((one for one in rounds if place not in one), None)
        if part is None:
            rounds.append(part := {})
        part[place] = group
    return rounds


def _behind(
    consumer: Consumer, spans: Mapping[Place, tuple[int, int]], timeout: float
) -> dict[Place, tuple[int, datetime]]:
    """The records in each span, and the time of the first; of a long span only the first is read."""
    long = {place for place, (start, end) in spans.items() if end - start > COUNTED}
    found: dict[Place, tuple[int, datetime]] = {}
    for stored in walk(consumer, spans, timeout, enough=lambda place: place in long):
        place = (stored.record.topic, stored.partition)
        if place in long:
            found[place] = (spans[place][1] - stored.offset, stored.time)
        else:
            count, oldest = found.get(place, (0, stored.time))
            found[place] = (count + 1, oldest)
    return found
