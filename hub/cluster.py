"""The cluster: made ready for a catalog before any process carries; the same whoever starts first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

from hub.catalog import Catalog
from hub.courier import acknowledgements_of
from hub.courier import group_of as courier_group
from hub.evidence import publish_versions
from hub.relay import group_of as relay_group
from hub.settings import Settings
from hub.stream import Lane
from hub.topology import topics
from hub.transports.kafka import Lag, TopicWanted, begin_groups, ensure_topics, lags

LANES: tuple[Lane, ...] = get_args(Lane)
PROCESSES = (("gateway",), ("watches",), ("couriers",), *(("relay", "--lane", lane) for lane in LANES))
"""What carries: the words after `hub run`, for each process."""
CANARIES = ("canaries",)
"""What watches them at it, unless HUB_CANARY_SECONDS is 0."""
OPS = ("ops",)
"""Who shows it to people, where HUB_RUN_OPS is on; else it is started alone, by whom and where it is to be seen."""


def prepare(catalog: Catalog, settings: Settings, bootstrap: str) -> list[str]:
    """
    Make the topics that are missing and begin the relay's groups on them; returns the topics made.

    The policies are put on record before anybody decides by them.
    """
    wanted = [
        TopicWanted(topic.name, topic.partitions, settings.replication, topic.config(settings.replication))
        for topic in topics(catalog)
    ]
    made = ensure_topics(bootstrap, wanted, settings.kafka())
    begin_groups(bootstrap, relay_groups(catalog), settings.kafka())
    publish_versions(catalog, bootstrap, settings.kafka())
    return made


def relay_groups(catalog: Catalog) -> dict[str, list[str]]:
    """The topics that each lane of the relay reads."""
    return {
        relay_group(lane): [stream.topic for stream in catalog.streams.values() if stream.lane == lane]
        for lane in LANES
    }


def groups(catalog: Catalog) -> dict[str, list[str]]:
    """Every group of the hub's own that reads topics, with the topics it should read."""
    found = relay_groups(catalog)
    for agency in catalog.agencies.values():
        policy = catalog.policies.get(agency.key)
        for name, hearing in agency.hears.items():
            if policy is not None and name in policy.hears and hearing.doors[0].by != "kafka":
                found.setdefault(courier_group(agency.key), []).append(catalog.streams[name].topic_to(agency.key))
                if (said := hearing.doors[0].acknowledged_by) is not None:
                    own = found.setdefault(acknowledgements_of(agency.key), [])
                    own += {catalog.streams[said].topic} - set(own)
    return found


def behind(catalog: Catalog, settings: Settings, bootstrap: str) -> list[Lag]:
    """How far each of the hub's groups is behind, partition by partition."""
    return lags(bootstrap, groups(catalog), settings.kafka())


def by_topic(rows: list[Lag], now: datetime | None = None) -> Mapping[tuple[str, str], tuple[int, float]]:
    """Lag by (group, topic): how many records, and the age of the oldest in seconds."""
    now = now or datetime.now(UTC)
    found: dict[tuple[str, str], tuple[int, float]] = {}
    for row in rows:
        count, age = found.get((row.group, row.topic), (0, 0.0))
        waited = (now - row.oldest).total_seconds() if row.oldest is not None else 0.0
        found[row.group, row.topic] = (count + row.lag, max(age, waited))
    return found
