"""The shelf: the schemas that the hub's ids mean, each under its subject, and which of them a caller may see; pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from hub.access.caller import Caller
from hub.catalog import Catalog
from hub.errors import CatalogError

SUFFIX = "-value"
"""What TopicNameStrategy, the usual one of Confluent's clients, puts behind a topic's name; our keys have no schema."""


class Registered(NamedTuple):
    """One schema: *version* counts within its *subject* from 1, *id* is what stands in a record's first bytes."""

    id: int
    topic: str
    version: int
    schema: str

    @property
    def subject(self) -> str:
        """Its subject, by TopicNameStrategy."""
        return f"{self.topic}{SUFFIX}"


class Shelf:
    """
    Everything in topics/schemas.lock that stands in front of some record.

    What goes as JSON has an entry there too, by which the relay checks what it sends; its records carry no id, so that
    a subject would only mislead whoever reads them. Ids are given out while the hub runs, by `hub sync` and by a policy
    that is taken up; each question is answered from the lock as it is then.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._lock = catalog.lock
        self._as_json = frozenset(_as_json(catalog))

    def seen_by(self, caller: Caller) -> tuple[Registered, ...]:
        """What *caller* may see: a partner the schemas of the topics on which it hears, ops and governance all."""
        return tuple(one for one in self._all() if _may_see(caller, one.topic))

    def _all(self) -> Iterator[Registered]:
        with suppress(CatalogError):  # while it is written: what was known stays good, ids are never taken back
            self._lock.grow()
        versions: Counter[str] = Counter()
        for entry in self._lock.entries:
            topic = entry["subject"]
            versions[topic] += 1
            if topic not in self._as_json:
                yield Registered(entry["id"], topic, versions[topic], json.dumps(entry["schema"], ensure_ascii=False))


def _as_json(catalog: Catalog) -> Iterator[str]:
    """The topics whose records are JSON: those of partners that read Kafka themselves, and want it so."""
    for agency in catalog.agencies.values():
        for name, hearing in agency.hears.items():
            if hearing.doors[0].by == "kafka" and hearing.doors[0].format == "json" and name in catalog.streams:
                yield catalog.streams[name].topic_to(agency.key)


def _may_see(caller: Caller, topic: str) -> bool:
    if caller.may("ops", "governance"):
        return True
    _, to, whose = topic.rpartition(".to.")
    return caller.may("partner") and bool(to and caller.agency) and whose == caller.agency.replace("_", "-")
