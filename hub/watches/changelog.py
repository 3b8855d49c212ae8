"""Changelogs: the topics in which the watches' memory outlives them, made and checked before Faust sees them."""

from __future__ import annotations

from collections.abc import Mapping

from hub.catalog import Catalog
from hub.envelope import LARGEST_RECORD
from hub.errors import CatalogError
from hub.topology import WATCH_GROUP, WATCHES, changelog_of
from hub.transports.kafka import TopicWanted, ensure_topics
from hub.transports.kafka.clients import admin
from hub.transports.kafka.reading import places
from hub.transports.kafka.security import secured

GROUP = WATCH_GROUP


def prepare(catalog: Catalog, bootstrap: str, replication: int, kafka: Mapping[str, str]) -> dict[str, int]:
    """
    How many partitions each topic of a watch has, once every changelog exists as it must be.

    A changelog is compacted and never deleted from: what a retention took away would be a flag forgotten. Raises
    CatalogError where a watch's topics are not parted alike, TransportError where one is missing or Kafka is away. On a
    cluster that asks who we are none is made here: that is `hub topics apply`.
    """
    watches = catalog.watches.values()
    streams = {catalog.streams[name].topic for watch in watches for name in (watch.keeps, watch.on, watch.emits)}
    partitions = _count(bootstrap, streams | {WATCHES}, kafka)
    co_parted(catalog, partitions)
    config = {
        "cleanup.policy": "compact",
        "min.insync.replicas": str(max(1, replication - 1)),
        "max.message.bytes": str(LARGEST_RECORD),
        "segment.ms": str(24 * 3_600_000),
        "compression.type": "uncompressed",
    }
    if not secured(kafka):
        ensure_topics(
            bootstrap,
            [
                TopicWanted(changelog_of(w.name), partitions[catalog.streams[w.keeps].topic], replication, config)
                for w in watches
            ],
            kafka,
        )
    partitions |= _count(bootstrap, {changelog_of(watch.name) for watch in watches}, kafka)
    co_parted(catalog, partitions)
    return partitions


def _count(bootstrap: str, topics: set[str], kafka: Mapping[str, str]) -> dict[str, int]:
    counts = dict.fromkeys(topics, 0)
    for topic, _ in places(admin(bootstrap, kafka), sorted(topics), timeout=10.0):
        counts[topic] += 1
    return counts


def co_parted(catalog: Catalog, partitions: Mapping[str, int]) -> None:
    """
    Raise CatalogError unless each watch's kept topic, judged topic and changelog have equally many partitions.

    Otherwise a subject's flags and arrivals lie on different partitions, are worked on apart, and nothing is found.
    """
    findings = []
    for watch in catalog.watches.values():
        topics = (catalog.streams[watch.keeps].topic, catalog.streams[watch.on].topic, changelog_of(watch.name))
        counts = {topic: partitions[topic] for topic in topics if topic in partitions}
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{topic} has {count}" for topic, count in counts.items())
            findings.append(
                f"the watch {watch.name} needs topics with equally many partitions, and {said}; give their "
                "streams a way of keeping with the same `partitions`, and make the topics anew"
            )
    if findings:
        raise CatalogError(findings)
