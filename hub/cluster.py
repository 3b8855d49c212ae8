"""The cluster: made ready for a catalog before any process carries; the same whoever starts first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

from hub import principals
from hub.catalog import Catalog
from hub.courier import DoorFor, acknowledgements_of, first_door, served
from hub.courier import group_of as courier_group
from hub.errors import TransportError
from hub.evidence import publish_versions
from hub.relay import group_of as relay_group
from hub.settings import Settings
from hub.stream import Lane
from hub.topology import topics
from hub.transports.kafka import Lag, TopicWanted, absent, await_begun, begin_groups, ensure_topics, lags
from hub.transports.kafka.security import secured

LANES: tuple[Lane, ...] = get_args(Lane)
PROCESSES = (("gateway",), ("watches",), *((one, "--lane", lane) for one in ("couriers", "relay") for lane in LANES))
"""What carries: the words after `hub run`, for each process."""
CANARIES = ("canaries",)
"""What watches them at it, unless HUB_CANARY_SECONDS is 0."""
OPS = ("ops",)
"""Who shows it to people, where HUB_RUN_OPS is on; else it is started alone, by whom and where it is to be seen."""
PATIENCE_SECONDS = 120.0
"""How long a process that writes waits for the relay to have its place, the first time."""


def prepare(catalog: Catalog, settings: Settings, bootstrap: str, process: str = "") -> list[str]:
    """
    Make the topics that are missing and begin the relay's groups on them; returns the topics made.

    The policies are put on record before anybody decides by them. On a cluster that asks who we are *process* is the
    principal of whoever starts, which has no right to make anything: it sees that all it needs is there, and only the
    relay begins its own group and puts policies on record; others wait for that, PATIENCE_SECONDS at the longest, since
    what is written to a topic before would be lost to the relay. Raises `TransportError` where something is missing.
    """
    if secured(settings.kafka()):
        _ready(catalog, settings, bootstrap, process)
        return []
    wanted = [
        TopicWanted(topic.name, topic.partitions, settings.replication, topic.config(settings.replication))
        for topic in topics(catalog)
    ]
    made = ensure_topics(bootstrap, wanted, settings.kafka())
    begin_groups(bootstrap, relay_groups(catalog), settings.kafka())
    publish_versions(catalog, bootstrap, settings.kafka())
    return made


def _ready(catalog: Catalog, settings: Settings, bootstrap: str, process: str) -> None:
    rights = {one.name: one.acls for one in principals.principals(catalog)}.get(process)
    if rights is None:
        return  # it starts others, each of which sees to what is its own
    topics_of = {acl.name for acl in rights if acl.resource == "topic" and acl.name != "*"}
    if missing := absent(bootstrap, topics_of, settings.kafka()):
        raise TransportError(
            f"{process} does not find {len(missing)} of its topics on the cluster, or may not see them, "
            f"{missing[0]} first; see `hub topics plan`, then `hub topics apply`"
        )
    own, every = [relay_group(lane) for lane in LANES if process == principals.relay_name(lane)], relay_groups(catalog)
    if own:
        begin_groups(bootstrap, {group: every[group] for group in own}, settings.kafka())
        publish_versions(catalog, bootstrap, settings.kafka())
        return
    writes = {acl.name for acl in rights if acl.resource == "topic" and acl.operation == "WRITE"}
    for group, read in every.items():
        if shared := sorted(writes & set(read)):
            await_begun(bootstrap, group, shared, settings.kafka(), timeout=PATIENCE_SECONDS)


def relay_groups(catalog: Catalog) -> dict[str, list[str]]:
    """The topics that each lane of the relay reads."""
    return {
        relay_group(lane): [stream.topic for stream in catalog.streams.values() if stream.lane == lane]
        for lane in LANES
    }


def groups(catalog: Catalog, door_for: DoorFor = first_door) -> dict[str, list[str]]:
    """Every group of the hub's own that reads topics, with the topics it should read; couriers by *door_for*."""
    found = relay_groups(catalog)
    for agency, name, door in served(catalog, door_for):
        stream = catalog.streams[name]
        found.setdefault(courier_group(agency.key, stream.lane), []).append(stream.topic_to(agency.key))
        if door.acknowledged_by is not None:
            own = found.setdefault(acknowledgements_of(agency.key, stream.lane), [])
            own += {catalog.streams[door.acknowledged_by].topic} - set(own)
    return found


def behind(catalog: Catalog, settings: Settings, bootstrap: str, door_for: DoorFor = first_door) -> list[Lag]:
    """How far each of the hub's groups is behind, partition by partition; couriers by *door_for*."""
    return lags(bootstrap, groups(catalog, door_for), settings.kafka())


def by_topic(rows: list[Lag], now: datetime | None = None) -> Mapping[tuple[str, str], tuple[int, float]]:
    """Lag by (group, topic): how many records, and the age of the oldest in seconds."""
    now = now or datetime.now(UTC)
    found: dict[tuple[str, str], tuple[int, float]] = {}
    for row in rows:
        count, age = found.get((row.group, row.topic), (0, 0.0))
        waited = (now - row.oldest).total_seconds() if row.oldest is not None else 0.0
        found[row.group, row.topic] = (count + row.lag, max(age, waited))
    return found
