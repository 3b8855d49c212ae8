"""An invented hub to look at: pictures, a quarantine in memory, receipts; nobody in it is real."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hub import handled
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Record
from hub.handled import Handled
from hub.inquiry import Answer, named
from hub.intake import Intake
from hub.keys import Keys
from hub.ops.picture import (
    Condition,
    Delivery,
    Group,
    Picture,
    Point,
    Process,
    Quarantined,
    Rate,
    Reading,
    Trouble,
)
from hub.quarantine import work
from hub.quarantine.item import opened
from hub.quarantine.sheet import Sheet, sheet
from hub.quarantine.ward import Entry, NotDone, Wanted, Ward
from hub.quarantine.work import Done
from hub.reasons import Reason
from hub.reviews import Review
from hub.transports.kafka import Stored
from hub.transports.memory import MemoryInbox
from tests.hub.decided import NOON, Day, example

NOW = datetime(2026, 9, 15, 11, 30, 5, tzinfo=UTC)
"""A Tuesday in term; half past twelve in Swindon."""
SUBJECT = "5b0c2f6e9d184a37b1e0c4d2f8a6739e"
REGISTER = (
    "UPN,LOCAL_ID,SURNAME,FORENAME,DOB,IN_CARE_OF,REGISTERED_URN,SCHOOL_URN,DATE,SESSION,MINUTES_LATE,MARK\r\n"
    "Q866400121012,7001,Ferrars,Zoë,2012-03-04,866,990001,990001,2026-09-{day:02d},AM,,/\r\n"
    "Q866400121012,7001,Ferrars,<b>Zoë</b>,2012-03-04,866,990001,990001,2026-09-{day:02d},PM,,?\r\n"
)


def ago(minutes: float) -> datetime:
    """A moment before `NOW`."""
    return NOW - timedelta(minutes=minutes)


def delivery(agency: str, stream: str, **said: Any) -> Delivery:
    """One delivery, of which nothing waits unless that is said."""
    calm: dict[str, Any] = {
        "lane": "routine",
        "road": "https",
        "within": "",
        "undelivered": 0,
        "parked": 0,
        "oldest": None,
        "due": None,
        "acknowledged_at": ago(3),
    }
    return Delivery(agency=agency, stream=stream, **calm | said)


def calm(catalog: Catalog) -> Picture:
    """Everybody is told in time, and nothing wants a look."""
    pairs = [(agency, stream) for agency, policy in catalog.policies.items() for stream in policy.hears]
    said = [
        Rate(agency=a.key, line=line, stream=stream, a_minute=(len(line) * 7 + len(stream)) % 90 + 0.5, last=ago(1))
        for a in catalog.agencies.values()
        for line, s in a.says.items()
        for stream in s.into
    ]
    heard = [Rate(agency=agency, line="", stream=stream, a_minute=len(stream) % 12 + 0.2) for agency, stream in pairs]
    return Picture(
        at=ago(0.03),
        readings=tuple(readings(catalog)),
        groups=tuple(groups(catalog)),
        deliveries=tuple(delivery(agency, stream, within="1 working day") for agency, stream in pairs),
        said=tuple(said),
        heard=tuple(heard),
        processes=tuple(
            Process(name=name, ready=True, since=ago(600))
            for name in ("gateway", "watches", "couriers", "relay.urgent", "relay.routine", "canaries")
        ),
    )


def readings(catalog: Catalog, partitions: int = 4) -> Iterable[Reading]:
    """A group of the relay in each stream, at its end."""
    for name, stream in catalog.streams.items():
        for number in range(partitions):
            end = 1_000 + 37 * number
            yield Reading(
                group=f"hub-relay-{stream.lane}",
                reader="relay",
                agency="",
                stream=name,
                topic=stream.topic,
                partition=number,
                committed=end,
                end=end,
                lag=0,
                waiting_since=None,
            )


def groups(catalog: Catalog) -> Iterable[Group]:
    """The relay in each stream, and a courier for each agency."""
    for name, stream in catalog.streams.items():
        yield Group(
            group=f"hub-relay-{stream.lane}",
            reader="relay",
            agency="",
            stream=name,
            topic=stream.topic,
            members=1,
            lag=0,
            waiting_since=None,
            condition="ok",
        )
    for agency, policy in catalog.policies.items():
        for name in policy.hears:
            yield Group(
                group=f"hub-courier-{agency.replace('_', '-')}",
                reader="courier",
                agency=agency,
                stream=name,
                topic=catalog.streams[name].topic_to(agency),
                members=1,
                lag=0,
                waiting_since=None,
                condition="ok",
            )


def troubled(catalog: Catalog) -> Picture:
    """One is late, one is nearly, one is held off, some are parked, a reader stopped, a process is gone."""
    quiet = calm(catalog)
    changed = {
        ("great_western_hospital", "hospital_alert"): {
            "lane": "urgent",
            "within": "5 minutes",
            "undelivered": 3,
            "oldest": ago(4),
            "due": ago(-1),
            "road": "mllp",
        },
        ("social_worker", "hospital_alert"): {
            "lane": "urgent",
            "within": "5 minutes",
            "undelivered": 2,
            "oldest": ago(7),
            "due": ago(2),
            "acknowledged_at": ago(9),
        },
        ("wiltshire_police", "mash_referral"): {
            "within": "1 working day",
            "undelivered": 12,
            "oldest": ago(200),
            "due": ago(-1_520),
            "road": "kafka",
        },
        ("virtual_school", "school_attendance"): {
            "within": "24 hours",
            "undelivered": 1_204,
            "parked": 2,
            "oldest": ago(95),
            "due": ago(-1_345),
            "road": "files",
        },
        ("schools", "pupil_in_care"): {
            "within": "24 hours",
            "undelivered": 31,
            "oldest": ago(310),
            "due": ago(-1_130),
            "held_off": True,
            "road": "sftp",
            "acknowledged_at": ago(1_500),
        },
    }
    conditions: dict[tuple[str, str], tuple[Condition, int, float]] = {
        ("courier", "schools"): ("stalled", 31, 310),
        ("courier", "virtual_school"): ("slow", 1_204, 95),
        ("courier", "social_worker"): ("stopped", 2, 7),
        ("relay", "termly_attendance"): ("silent", 0, 0),
        ("relay", "person_now"): ("unknown", 0, 0),
    }
    found = []
    for one in quiet.groups:
        condition, lag, minutes = conditions.get((one.reader, one.agency or one.stream), ("ok", 0, 0))
        waits, members = ago(minutes) if lag else None, 0 if condition == "stopped" else 1
        found.append(replace(one, condition=condition, lag=lag, waiting_since=waits, members=members))
    behind = [
        replace(
            one,
            committed=one.end - 40 - one.partition,
            lag=40 + one.partition,
            waiting_since=ago(12),
            held=3 if one.partition == 1 else 0,
            missed=7 if one.partition == 2 else 0,
        )
        if one.stream == "school_attendance" and one.partition
        else one
        for one in quiet.readings
    ]
    return replace(
        quiet,
        deliveries=tuple(replace(one, **changed.get((one.agency, one.stream), {})) for one in quiet.deliveries),
        groups=tuple(found),
        readings=tuple(behind),
        processes=(*quiet.processes[:-1], Process(name="canaries", ready=False, since=None)),
        quarantined=(
            Quarantined(agency="schools", code="attendance-code.unknown", count=14, oldest=ago(2_900)),
            Quarantined(agency="mash_front_door", code="error.keyerror", count=1, oldest=ago(45)),
        ),
        troubles=(
            Trouble(
                severity="warning",
                code="delivery.held-off",
                agency="schools",
                stream="pupil_in_care",
                sentence="Schools and academies in Swindon has taken nothing since yesterday, though it was tried 31 "
                "times",
                since=ago(310),
            ),
            Trouble(
                severity="trouble",
                code="group.stopped",
                agency="social_worker",
                stream="hospital_alert",
                group="hub-courier-social-worker",
                since=ago(7),
                sentence="Oldest undelivered hospital alert to Allocated social workers, Swindon Borough Council: "
                "7 min of 5 min, and nobody reads its topic",
            ),
            Trouble(severity="warning", code="process.not-ready", sentence="canaries is not ready"),
        ),
    )


def large(catalog: Catalog, topics: int = 60, partitions: int = 500) -> Picture:
    """A hub with so many topics and partitions, some in each condition."""
    base, streams = troubled(catalog), sorted(catalog.streams)
    kinds: Sequence[Condition] = ("ok", "ok", "ok", "ok", "ok", "slow", "stalled", "unknown")
    found, rows = [], []
    for number in range(topics):
        stream = streams[number % len(streams)]
        topic = f"{catalog.streams[stream].topic}.to.partner-{number}"
        found.append(
            Group(
                group=f"partner-{number}",
                reader="partner",
                agency="",
                stream=stream,
                topic=topic,
                members=2,
                lag=number * 13,
                waiting_since=ago(number + 1),
                condition=kinds[number % len(kinds)],
            )
        )
        rows += [
            Reading(
                group=f"partner-{number}",
                reader="partner",
                agency="",
                stream="school_attendance",
                topic=topic,
                partition=part,
                committed=5,
                end=9 + part,
                lag=4 + part,
                waiting_since=ago(part + 1),
            )
            for part in range(partitions // topics + (number < partitions % topics))
        ]
    assert len(rows) == partitions
    return replace(base, groups=tuple(found), readings=tuple(rows))


@dataclass
class Looked:
    """Whoever looks at the hub, and sees what the test says."""

    now: Picture

    def picture(self) -> Picture:
        """What is seen."""
        return self.now

    def history(self, agency: str, stream: str) -> Sequence[Point]:
        """A day in which one delivery went over its time twice, and the others nearly waited at all."""
        worst = 400.0 if stream == "hospital_alert" else 90.0
        return [
            Point(
                at=NOW - timedelta(minutes=4 * back),
                undelivered=back % 5,
                age=max(0.0, worst * math.sin(back / 30) ** 9 + 20 * math.sin(back / 3) + 20),
            )
            for back in range(360, -1, -1)
        ]


class MemoryWard(Ward):
    """A quarantine of which everything lies in memory."""

    def __init__(self, catalog: Catalog, keys: Keys) -> None:
        super().__init__(catalog, keys, "nowhere")
        self.log: list[Stored] = []

    def put(self, record: Record, at: datetime) -> None:
        """One more record on its topic."""
        self.log.append(Stored(record, 0, sum(one.record.topic == record.topic for one in self.log), at))

    def read(self, topic: str, since: datetime | None = None) -> Iterable[Stored]:
        """What lies on one topic."""
        return [one for one in self.log if one.record.topic == topic and (since is None or one.time >= since)]

    def _follow(self, topics: tuple[str, ...], take: Callable[[Record], None]) -> None:
        for one in self.log:
            if one.record.topic in topics:
                take(one.record)


class Put:
    """Quarantine on a ward in memory: planned as always, and written there; *done* is what was put on record."""

    def __init__(self, catalog: Catalog, keys: Keys) -> None:
        self.ward = MemoryWard(catalog, keys)
        self.fails: Exception | None = None
        self._inbox = MemoryInbox()

    @property
    def done(self) -> list[Handled]:
        """Everything that was put on record, in order."""
        return [handled.read(one.record) for one in self.ward.read(handled.TOPIC)]

    def fill(self) -> list[str]:
        """Have a gateway refuse some; their ids."""
        moments = [ago(60 * 24 * 26), ago(60 * 30), ago(50)]
        for number, moment in enumerate(moments):

            async def commit(records: Sequence[Record], moment: datetime = moment) -> None:
                for record in records:
                    if record.topic.startswith("quarantine."):
                        self.ward.put(record, moment)

            intake = Intake(self.ward.catalog, self.ward.keys, commit, MemoryInbox(), lambda moment=moment: moment)
            asyncio.run(intake.receive("schools", "attendance", REGISTER.format(day=number + 10).encode()))
        return [one.item.id for one in self.ward.entries(Wanted())]

    def entries(self, wanted: Wanted) -> list[Entry]:
        """As `hub.ops.web.works`."""
        if self.fails is not None:
            raise self.fails
        return self.ward.entries(wanted)

    def mend(self, item: Any) -> str:
        """As there."""
        return self.ward.mend(item)

    def keeps_until(self, item: Any) -> datetime:
        """As there."""
        return self.ward.keeps_until(item)

    def show(self, name: str, why: Reason) -> tuple[Sheet, bytes]:
        """As there; what fails does so after it should be on record, and before anything is shown."""
        (entry,) = self.ward.entries(Wanted(ids=(name,)), boxes=True)
        if entry.state == "discarded":
            raise NotDone(f"{entry.ended}; nobody is shown it any more")
        self._put(entry, "shown", why)
        raw = opened(self.ward.keys, entry.item)
        return sheet(self.ward, entry, raw), raw

    def preview(self, wanted: Wanted, *, even_so: bool = False, corrected: bytes | None = None) -> list[Done]:
        """As there."""
        return list(work.preview(self.ward, wanted, None, corrected=corrected, even_so=even_so))

    def replay(
        self, wanted: Wanted, why: Reason, *, even_so: bool = False, corrected: bytes | None = None, second: str = ""
    ) -> list[Done]:
        """As there."""
        found = []
        for one in self.preview(wanted, even_so=even_so, corrected=corrected):
            (entry,) = self.ward.entries(Wanted(ids=(one.plan.item.id,)))
            self._put(entry, "tried" if one.code else "replayed", why, second=second, code=one.code)
            found.append(replace(one, done=not one.code))
        return found

    def discard(self, wanted: Wanted, why: Reason) -> list[Entry]:
        """As there."""
        found = [one for one in self.ward.entries(wanted) if one.end is None]
        for one in found:
            self._put(one, "discarded", why)
        return found

    def _put(self, entry: Entry, action: Any, why: Reason, **said: str) -> None:
        if self.fails is not None:
            raise self.fails
        item = entry.item
        self.ward.put(handled.handled(item.id, item.topic, action, why, NOW, item.seen, **said), NOW)


@dataclass
class Asked:
    """Whoever answers who was told; *asked* is what was put on record."""

    receipts: tuple[Receipt, ...] = ()
    asked: list[tuple[str, Reason]] = field(default_factory=list)
    fails: Exception | None = None

    def ask(self, name: str, why: Reason) -> Answer:
        """As `hub.inquiry`."""
        if self.fails is not None:
            raise self.fails
        self.asked.append((named(name), why))
        reviews: dict[tuple[str, str], Review] = {}
        return Answer(name, 2, self.receipts if name == SUBJECT else (), reviews, 0)


def decided(catalog: Catalog, keys: Keys) -> tuple[Receipt, ...]:
    """What was decided of two referrals."""
    day = Day(catalog, keys)
    names = ("green", "amber_with_consent", "consent_withdrawn")
    found = [one for name in names for one in day.happens(example(f"{name}.event.json"), name, NOON).values()]
    return tuple(sorted(found, key=lambda one: one.event))
