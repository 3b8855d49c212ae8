"""Topology: the topics that a catalog needs, who writes and reads each, and how long each is kept; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub import archive, disclosure, handled, reviews
from hub.agency import Agency
from hub.catalog import Catalog, Keeping
from hub.envelope import LARGEST_RECORD
from hub.policy import cite

WATCHES = "quarantine.watches"
RELAY = "quarantine.relay"
OWN_WAYS = ("agency", "quarantine", "disclosures", "policies", "reviews", "handled")
"""The entries of topics/keeping.yaml that no stream names."""
WATCH_GROUP = "hub-watches"
UNITS = {"hours": 3_600_000, "days": 86_400_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """
    One topic: *retention_ms* is -1 where nothing ends it, *superseded_ms* how long a compacted one keeps what is no
    longer the newest, *fields* and *basis* are said of a recipient's topic.
    """

    name: str
    partitions: int
    retention_ms: int
    compact: bool = False
    superseded_ms: int = 0
    lane: str = "routine"
    writers: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    basis: str = ""
    gate: str = ""
    until: str = ""

    def config(self, replication: int) -> dict[str, str]:
        """
        As Kafka's topic settings.

        Retention works a segment at a time, so segments roll within a day or a quarter of the retention; the
        broker's own clock stamps records, so that no sender's clock postpones an erasure. What was superseded stays
        until the record that took its place is *superseded_ms* old: Kafka compacts nothing by what is younger.
        """
        day = UNITS["days"]
        roll = day if self.retention_ms < 0 else max(3_600_000, min(day, self.retention_ms // 4))
        return {
            "cleanup.policy": "compact" if self.compact else "delete",
            "retention.ms": str(self.retention_ms),
            "segment.ms": str(roll),
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(max(1, replication - 1)),
            "compression.type": "uncompressed",
            "max.message.bytes": str(LARGEST_RECORD),
            **({"min.compaction.lag.ms": str(self.superseded_ms)} if self.superseded_ms else {}),
        }


def heard(catalog: Catalog) -> Iterator[tuple[Agency, str]]:
    """What is sent to whom, (agency, stream): what a live agency takes, and its policy grants; by any of its doors."""
    for agency in catalog.agencies.values():
        policy = catalog.policies.get(agency.key)
        if policy is not None and agency.status != "trial":
            yield from ((agency, name) for name in agency.hears if name in policy.hears)


def topics(catalog: Catalog) -> Iterator[Topic]:
    """Every topic of *catalog*, the hub's own first."""
    for stream in catalog.streams.values():
        keeping = catalog.keeping[stream.keep]
        watchers = [watch for watch in catalog.watches.values() if stream.name in (watch.keeps, watch.on)]
        hears = [(a, p) for a, p in catalog.policies.items() if stream.name in p.hears]
        yield Topic(
            name=stream.topic,
            partitions=keeping.partitions,
            retention_ms=milliseconds(keeping.retention),
            compact=keeping.compact,
            superseded_ms=milliseconds(keeping.superseded) if keeping.superseded else 0,
            lane=stream.lane,
            writers=(
                *(
                    f"{a.key}/{line}"
                    for a in catalog.agencies.values()
                    for line, s in a.says.items()
                    if stream.name in s.into
                ),
                *(f"watch {w.name}" for w in catalog.watches.values() if w.emits == stream.name),
            ),
            readers=(
                "relay",
                *(f"watch {watch.name}" for watch in watchers),
                *(f"courier {agency}" for agency in _answered_by(catalog, stream.name)),
            ),
        )
        for agency, policy in hears:
            grant = policy.hears[stream.name]
            yield Topic(
                name=stream.topic_to(agency),
                partitions=catalog.keeping["agency"].partitions,
                retention_ms=milliseconds(grant.kept),
                lane=stream.lane,
                writers=("relay",),
                readers=(agency,),
                fields=(*grant.fields, *(f"{path} ({word})" for path, word in grant.coarse.items())),
                basis=cite(grant),
                gate=grant.gate,
                until=policy.expires.isoformat(),
            )
    for watch in catalog.watches.values():
        partitions = catalog.keeping[catalog.streams[watch.keeps].keep].partitions
        itself = (f"watch {watch.name}",)
        name = changelog_of(watch.name)
        yield Topic(name=name, partitions=partitions, retention_ms=-1, compact=True, writers=itself, readers=itself)
    quarantine = catalog.keeping["quarantine"]
    for name in (*(quarantine_of(a.key) for a in catalog.agencies.values() if a.says), RELAY, WATCHES):
        yield _own(name, quarantine)
    yield _own(disclosure.TOPIC, catalog.keeping["disclosures"])
    yield _own(archive.TOPIC, catalog.keeping["policies"])
    yield _own(reviews.TOPIC, catalog.keeping["reviews"])
    yield _own(handled.TOPIC, catalog.keeping["handled"])


def _answered_by(catalog: Catalog, stream: str) -> Iterator[str]:
    """The agencies of which some files are acknowledged by a stream."""
    for agency in catalog.agencies.values():
        if any(door.acknowledged_by == stream for hearing in agency.hears.values() for door in hearing.doors):
            yield agency.key


def _own(name: str, keeping: Keeping) -> Topic:
    return Topic(
        name=name,
        partitions=keeping.partitions,
        retention_ms=milliseconds(keeping.retention),
        compact=keeping.compact,
        writers=("hub",),
        readers=("ops",),
    )


def changelog_of(watch: str) -> str:
    """The topic in which a watch's memory outlives its process, sealed; the name is Faust's."""
    return f"{WATCH_GROUP}-{watch}-changelog"


def quarantine_of(agency: str) -> str:
    """Where what an agency said and nobody could read or understand is kept, sealed."""
    return f"quarantine.{agency.replace('_', '-')}"


def milliseconds(period: str) -> int:
    """`14 days` or `12 hours` in milliseconds; `forever` is -1, as Kafka writes it."""
    if period == "forever":
        return -1
    number, unit = period.split()
    return int(number) * UNITS[unit]
