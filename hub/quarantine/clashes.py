"""Clashes: what lies on the streams' topics since an item was kept, and stands against taking it in now; no Kafka."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from hub.catalog import Catalog
from hub.envelope import Record
from hub.quarantine.replay import Plan

THERE = "quarantine.already-there"
NEWER = "quarantine.newer-word"


class Lying(Protocol):
    """A record where it lies (`hub.transports.kafka.Stored`)."""

    @property
    def record(self) -> Record:
        """The record."""

    @property
    def partition(self) -> int:
        """Its partition."""

    @property
    def offset(self) -> int:
        """Its place in that."""

    @property
    def time(self) -> datetime:
        """When Kafka took it in."""


Reading = Callable[[str, datetime | None], Iterable[Lying]]
"""The records of a topic, all or since a moment."""


class Clash(NamedTuple):
    """What stands against an item: a *code*, and what to do."""

    code: str
    mend: str


def clashes(catalog: Catalog, plans: Collection[Plan], reading: Reading) -> dict[str, Clash]:
    """
    By item, what stands against it; each topic is read once.

    An event under the same id, which came of the same message sent again, mended or not: of two the recipients would
    keep the first, whatever the second says. And on a topic that keeps the newest word only, a word on the same
    subject that is newer: what is replayed would take its place.
    """
    found: dict[str, Clash] = {}
    by_topic: dict[str, list[tuple[Plan, Record]]] = {}
    for one in plans:
        for record in one.records:
            if record.topic in catalog.by_topic:
                by_topic.setdefault(record.topic, []).append((one, record))
    for topic, wanted in sorted(by_topic.items()):
        compact = catalog.keeping[catalog.by_topic[topic].keep].compact
        said = all(plan.item.agency for plan, _ in wanted)
        since = min(plan.item.since for plan, _ in wanted) if said else None
        ids = {dict(record.headers).get("ce_id"): plan for plan, record in wanted if plan.item.agency}
        subjects: dict[bytes | None, list[Plan]] = {}
        for plan, record in wanted:
            subjects.setdefault(record.key, []).append(plan)
        for lying in reading(topic, since) if compact or ids else ():
            event = dict(lying.record.headers).get("ce_id")
            if event is not None and event in ids:
                found[ids[event].item.id] = _there()
            for plan in subjects.get(lying.record.key, ()) if compact else ():
                if _newer(lying, plan):
                    found.setdefault(plan.item.id, _newest(lying))
    return found


def _there() -> Clash:
    mend = "its event is there already: it was sent again since, and taken in; discard this one"
    return Clash(THERE, mend)


def _newest(lying: Lying) -> Clash:
    what = "a newer word on the same subject" if lying.record.value is not None else "the erasure of its subject"
    return Clash(NEWER, f"{what} came since, and this would take its place: --even-so where it is to")


def _newer(lying: Lying, plan: Plan) -> bool:
    item = plan.item
    if item.agency:
        return lying.time >= item.since
    _, partition, offset = item.place.split("/")
    return lying.partition == int(partition) and lying.offset > int(offset)
