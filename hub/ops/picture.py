"""The picture: all that ops knows at one moment, as values; who looks and who shows it are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from hub.stream import Lane

Reader = Literal["relay", "watch", "courier", "partner"]
"""Who reads a topic by a group: a process of the hub's own, or a partner that consumes Kafka itself."""
Condition = Literal["ok", "slow", "stalled", "stopped", "silent", "unknown"]
"""
How a group fares over a sliding window, without thresholds.

*ok*: it is at the end, or comes nearer to it. *slow*: it commits, and falls further behind. *stalled*: records wait,
and it commits nothing new, though it has members. *stopped*: records wait and it has no member. *silent*: it is at the
end of a topic on which nothing was said for longer than ever lately. *unknown*: too little was seen of it.
"""
Severity = Literal["trouble", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    How far one group is in one partition.

    *committed* is the group's next offset, None where it never committed; *end* where committed records end; *lag* how
    many records lie between; *waiting_since* the Kafka time of the record at the committed offset, None where nothing
    waits; *held* offsets that an open transaction keeps from all readers, and *held_since* when it began; *missed*
    records deleted before they were read. *agency* and *stream* are empty where a topic is of none.
    """

    group: str
    reader: Reader
    agency: str
    stream: str
    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    waiting_since: datetime | None
    held: int = 0
    missed: int = 0
    held_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How one group fares in one topic, all partitions together; *members* is how many consumers are in it."""

    group: str
    reader: Reader
    agency: str
    stream: str
    topic: str
    members: int
    lag: int
    waiting_since: datetime | None
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    What one agency has not been told yet of one stream, from the relay to its acknowledgement.

    *undelivered* counts what waits to be decided, lies on the agency's topic unread, or was not acknowledged at its
    door; *parked* of these wait for a person. *oldest* is when the hub took in the oldest of them; *due* when that one
    must have arrived, by the agreement's `within`, None where none is agreed, or nobody knows. *within* says it in the
    agreement's words. *acknowledged_at* is the partner's last acknowledgement, *held_off* that since then it took
    nothing, though it was tried.
    """

    agency: str
    stream: str
    lane: Lane
    road: str
    within: str
    undelivered: int
    parked: int
    oldest: datetime | None
    due: datetime | None
    acknowledged_at: datetime | None
    held_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """
    Records a minute on one way: from a speaker's line to a stream, or from a stream to a listener's topic.

    *last* is when the newest of them came, None where none was seen.
    """

    agency: str
    line: str
    stream: str
    a_minute: float
    last: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of the hub's: *ready* since *since*, or not."""

    name: str
    ready: bool
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """What waits in quarantine of one agency for one reason."""

    agency: str
    code: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """
    One thing that a person should look at, in words; *code* names its page in deploy/runbook.

    *agency*, *stream*, *group* are empty where it is not about one. No personal data stands in it.
    """

    severity: Severity
    code: str
    sentence: str
    agency: str = ""
    stream: str = ""
    group: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything, as it was at *at*; *faults* names what could not be looked at: absence never reads as calm."""

    at: datetime
    readings: tuple[Reading, ...] = ()
    groups: tuple[Group, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    said: tuple[Rate, ...] = ()
    heard: tuple[Rate, ...] = ()
    processes: tuple[Process, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def overdue(self) -> tuple[Delivery, ...]:
        """What should have arrived by now and has not."""
        return tuple(one for one in self.deliveries if one.due is not None and one.due <= self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a plot of one agency and stream: *age* in seconds of the oldest that was undelivered."""

    at: datetime
    undelivered: int
    age: float
