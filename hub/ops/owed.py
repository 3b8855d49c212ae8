"""Owed: what each agency has not been told yet, from the relay to its acknowledgement, and by when it must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from hub.catalog import Catalog
from hub.deadline import OutOfCalendar, due
from hub.ops.picture import Delivery
from hub.ops.readers import Heard, Reads
from hub.ops.undelivered import Open
from hub.transports.kafka import Lag

Place = tuple[str, int]


class Owed(NamedTuple):
    """One delivery, how many messages of it were tried in vain, and why nobody knows when it is due, if nobody does."""

    delivery: Delivery
    failing: int
    doubt: str


def deliveries(
    catalog: Catalog, heard: Sequence[Heard], rows: Sequence[Lag], reads: Mapping[str, Reads],
    opened: Mapping[tuple[str, str], Open], taken: Mapping[tuple[Place, int], datetime],
    moved: Callable[[Lag], datetime | None],
) -> Iterator[Owed]:  # fmt: skip
    """
    What is owed to each agency of each stream.

    The clock starts when the hub took the event in: the time in its papers (`ce_time`), which the gateway sets as it
    takes a message in, which a watch and the relay hand on, and which a replay keeps; the time at which Kafka had the
    record of this recipient says only when the relay got to it. Where that time is not to be had (a record without
    papers, or one that Kafka does not hold any more) Kafka's or the courier's counts.

    Of several groups by which a partner reads the one that is furthest behind counts: a second group, for a test or an
    archive, must not hide that the first stopped. Its commits are its acknowledgements, and *moved* tells of the last.
    What waits for the relay may be for somebody else; it counts.
    """
    for one in heard:
        stream, key = catalog.streams[one.stream], one.agency.key
        relays = [row for row in rows if row.topic == stream.topic and reads[row.group].reader == "relay"]
        mine = _worst([row for row in rows if row.topic == stream.topic_to(key) and reads[row.group].agency == key])
        ledger = opened.get((key, one.stream), Open())
        began = [row.taken or row.oldest for row in (*relays, *mine)]
        if ledger.oldest is not None:
            place = ((ledger.oldest.topic, ledger.oldest.partition), ledger.oldest.offset)
            began.append(taken.get(place, ledger.oldest.created))
        oldest = min((moment for moment in began if moment is not None), default=None)
        within, until, doubt = catalog.policies[key].hears[one.stream].within, None, ""
        if within is not None and oldest is not None:
            try:
                until = due(oldest, within, catalog.calendar)
            except OutOfCalendar as error:
                doubt = str(error)
        refuses = bool(ledger.failing) and (
            ledger.acknowledged_at is None
            or (ledger.failing_since is not None and ledger.acknowledged_at < ledger.failing_since)
        )
        commits = [at for row in mine if one.door.by == "kafka" and (at := moved(row)) is not None]
        yield Owed(
            Delivery(
                agency=key, stream=one.stream, lane=stream.lane, road=one.door.by, within=within or "",
                undelivered=sum(row.lag for row in (*relays, *mine)) + ledger.messages, parked=ledger.parked,
                oldest=oldest, due=until, held_off=refuses,
                acknowledged_at=max(commits, default=ledger.acknowledged_at),
            ),
            ledger.failing,
            doubt,
        )  # fmt: skip


def _worst(rows: Sequence[Lag]) -> Sequence[Lag]:
    """The rows of the group that is furthest behind, by the age of what waits and then by its count."""
    groups: dict[str, list[Lag]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    found = sorted(groups.values(), key=lambda of: (
        min((row.oldest.timestamp() for row in of if row.oldest), default=float("inf")),
        -sum(row.lag for row in of),
    ))  # fmt: skip
    return found[0] if found else ()
