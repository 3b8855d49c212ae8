"""Topics on the cluster: made as wanted, kept as wanted; what is wanted is decided in `hub.topology`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # their stub forgets to export what it documents
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from hub.errors import TransportError
from hub.transports.kafka.clients import Extra, admin, trouble


class TopicWanted(NamedTuple):
    """A topic as it should be: *config* by Kafka's names, such as `retention.ms`."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


class Cluster(NamedTuple):
    """Who answered: the cluster's own id, and how many brokers are in service."""

    id: str
    brokers: int


def cluster(bootstrap: str, extra: Extra | None = None, *, timeout: float = 5.0) -> Cluster:
    """Ask the cluster who it is, for *timeout* seconds; raises `TransportError` where nobody answers."""
    client = admin(bootstrap, extra, quiet=True)
    try:
        metadata = client.list_topics(timeout=timeout)
    except KafkaException as error:
        raise trouble(error, "asking who is there") from error
    return Cluster(metadata.cluster_id or "", len(metadata.brokers))


def absent(bootstrap: str, names: Iterable[str], extra: Extra | None = None, *, timeout: float = 30.0) -> list[str]:
    """Those of *names* that are not there, have no leader, or may not be seen by who asks; sorted."""
    try:
        return sorted(_leaderless(admin(bootstrap, extra), names, timeout))
    except KafkaException as error:
        raise trouble(error, "looking for topics") from error


def ensure_topics(
    bootstrap: str, wanted: Iterable[TopicWanted], extra: Extra | None = None, *, timeout: float = 30.0
) -> list[str]:
    """
    Make the topics that are missing, set the settings that differ, and return the names of those made, sorted.

    Returns once every wanted topic has a leader for each partition. Settings that *wanted* does not name are left
    alone, and so are partitions and replication of a topic that exists: changing the first would break the order of
    what is said of one child. Raises `TransportError` after *timeout* seconds, or where the cluster refuses.
    """
    by_name = {topic.name: topic for topic in wanted}
    if not by_name:
        return []
    client = admin(bootstrap, extra)
    deadline = time.monotonic() + timeout
    try:
        present = client.list_topics(timeout=timeout).topics
        made = _make(client, [topic for name, topic in by_name.items() if name not in present], timeout)
        _set(client, [topic for name, topic in by_name.items() if name not in made and topic.config], timeout)
        while missing := _leaderless(client, by_name):
            if time.monotonic() > deadline:
                raise TransportError(
                    f"Kafka shows no leader for {len(missing)} topics, {missing[0]} first; see that its brokers run"
                )
            time.sleep(0.05)
    except KafkaException as error:
        raise trouble(error, "making topics") from error
    return sorted(made)


def _make(client: AdminClient, missing: list[TopicWanted], timeout: float) -> set[str]:
    if not missing:
        return set()
    asked = client.create_topics(
        [NewTopic(t.name, t.partitions, t.replication, config=dict(t.config)) for t in missing],
        operation_timeout=timeout,
        request_timeout=timeout,
    )
    made = set()
    for name, future in asked.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:  # another process of the hub was first
                continue
            raise trouble(error, f"making topic {name}") from error
        made.add(name)
    return made


def _set(client: AdminClient, topics: list[TopicWanted], timeout: float) -> None:
    if not topics:
        return
    resources = {ConfigResource(ResourceType.TOPIC, topic.name): topic for topic in topics}
    have = client.describe_configs(list(resources), request_timeout=timeout)
    changes = []
    for resource, topic in resources.items():
        entries = have[resource].result()
        differing = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in topic.config.items()
            if name not in entries or entries[name].value != value
        ]
        if differing:
            changes.append(ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=differing))
    if changes:
        for future in client.incremental_alter_configs(changes, request_timeout=timeout).values():
            future.result()


def _leaderless(client: AdminClient, names: Iterable[str], timeout: float = 5.0) -> list[str]:
    topics = client.list_topics(timeout=timeout).topics
    return [
        name
        for name in names
        if name not in topics
        or not topics[name].partitions
        or any(partition.leader < 0 for partition in topics[name].partitions.values())
    ]
