"""The brokers of a local Kafka one by one: who leads what, one killed, all in step again; lag is no matter here."""

from __future__ import annotations

import json
import os
import signal

from confluent_kafka.admin import AdminClient

from hub.local_kafka import LocalKafka
from tests.flow.partners import until
from tests.flow.running import gone

OFFSETS = "__consumer_offsets"
OFFSETS_PARTITIONS = 8  # as `hub.local_kafka` sets it


def process(kafka: LocalKafka, node: int = 1) -> int:
    """The number of a node's process."""
    return int(json.loads((kafka.folder / f"node-{node}" / "process.json").read_bytes())["number"])


def kill(kafka: LocalKafka, node: int) -> None:
    """SIGKILL one node, and return once it is gone."""
    number = process(kafka, node)
    os.kill(number, signal.SIGKILL)
    until(lambda: gone(number), f"the end of node {node}")


def leader(client: AdminClient, topic: str, partition: int = 0) -> int:
    """The node that leads a partition."""
    return int(client.list_topics(topic, timeout=10).topics[topic].partitions[partition].leader)


def coordinator(client: AdminClient, group: str) -> int:
    """The node that coordinates a group: the one that leads the partition in which the group's offsets lie."""
    return leader(client, OFFSETS, offsets_partition(group))


def offsets_partition(group: str) -> int:
    """That partition, as Kafka reckons it: by Java's hash of the group's name."""
    code = 0
    for letter in group.encode("ascii"):
        code = (31 * code + letter) & 0xFFFF_FFFF
    return abs(code - (1 << 32) if code >= 1 << 31 else code) % OFFSETS_PARTITIONS


def in_step(client: AdminClient, nodes: int) -> bool:
    """Whether every partition that there is has as many copies in sync as there are nodes."""
    topics = client.list_topics(timeout=10).topics.values()
    return all(len(one.isrs) == nodes for topic in topics for one in topic.partitions.values())
