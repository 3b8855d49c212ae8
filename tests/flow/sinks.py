"""Sinks: everything that a hub at work leaves behind where no person's name or number may be, as bytes to search."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from hub.transports.kafka import read_topic
from tests.flow.running import EVERY, hub
from tests.flow.whole import Whole, broker_pid

SEALED = ("quarantine.", "hub-watches-", "disclosures.", "__")
"""Topics that hold nothing in the open: their segments are searched as they lie on the disk."""

DATABASES = ("couriers.urgent.db", "couriers.routine.db", "gateway.db")


def sinks(whole: Whole, *more_processes: int) -> dict[str, bytes]:
    """Everything, by what it is; *more_processes* are looked at beside the hub's own."""
    client = AdminClient({"bootstrap.servers": whole.bootstrap, "log_level": 0})
    topics = sorted(client.list_topics(timeout=10).topics)
    groups = [group.group_id for group in client.list_consumer_groups().result().valid]
    state, data = whole.settings.state, whole.kafka.folder / "node-1" / "data"
    kept = [one for one in state.rglob("*") if one.is_file() and state / "inbox" not in one.parents]
    inside = [one for one in kept if state / "outbox" not in one.parents and one != whole.hub.log]
    processes = [whole.hub.process.pid if whole.hub.process else 0, broker_pid(whole.kafka), *more_processes]
    processes += [whole.hub.pid(name) for name in EVERY]
    lag = hub(whole.hub.environment, "lag")
    assert lag.returncode == 0
    assert b"relay.urgent" in lag.stdout
    found = {
        "topic names": "\n".join(topics).encode(),
        "group names": "\n".join(groups).encode(),
        "keys and headers": b"\n".join(_papers(whole, topics)),
        "what processes print": whole.hub.log.read_bytes(),
        "what Kafka logs": b"\n".join(one.read_bytes() for one in (whole.kafka.folder / "node-1").glob("*.log")),
        "what hub lag prints": lag.stdout + lag.stderr,
        "names of files": "\n".join(str(one.relative_to(state)) for one in kept).encode(),
        "processes": b"\n".join(_told(number) for number in processes),
        "the database": b"".join(one.read_bytes() for one in inside if one.name.startswith(DATABASES)),
        "other files": b"\n".join(one.read_bytes() for one in inside if not one.name.startswith(DATABASES)),
    }
    for name in topics:
        if name.startswith(SEALED):
            found[f"topic {name}"] = segments(data, name)
    return found


def segments(data: Path, topic: str) -> bytes:
    """All that lies on the disk of a topic, whoever could read it: markers and aborted records too."""
    folders = [one for one in data.iterdir() if one.name.rpartition("-")[0] == topic]
    assert folders, f"no partition of {topic}"
    return b"".join(one.read_bytes() for folder in folders for one in sorted(folder.glob("*.log")))


def _papers(whole: Whole, topics: list[str]) -> Iterator[bytes]:
    """The key and headers of every record of every topic, Kafka's own topics and aborted records among them."""
    consumer = Consumer({
        "bootstrap.servers": whole.bootstrap, "group.id": "tests-look", "isolation.level": "read_uncommitted",
        "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0, "fetch.wait.max.ms": 20,
    })  # fmt: skip
    try:
        told = consumer.list_topics(timeout=10).topics
        wanted = {(name, partition) for name in topics for partition in told[name].partitions}
        consumer.assign([TopicPartition(*place, 0) for place in wanted])
        deadline = time.monotonic() + 30
        while wanted:
            assert time.monotonic() < deadline, f"{len(wanted)} partitions do not come to their end"
            for message in consumer.consume(500, 0.1):
                if message.error() is not None:
                    wanted.discard((message.topic(), message.partition()))
                    continue
                yield message.key() or b""
                for name, value in message.headers() or []:
                    yield name.encode() + b"=" + (value or b"")
    finally:
        consumer.close()


def _told(process: int) -> bytes:
    """What anyone on the machine can read of a process, and what its children inherit."""
    folder = Path(f"/proc/{process}")
    return b" ".join((folder / name).read_bytes() for name in ("cmdline", "environ", "comm"))


def values(whole: Whole, topic: str) -> bytes:
    """The committed values of a topic."""
    return b"\n".join(one.record.value or b"" for one in read_topic(whole.bootstrap, topic))
