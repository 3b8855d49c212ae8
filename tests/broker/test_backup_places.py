"""Couriers' places in Kafka: written down with a backup, set again after it, and of no other group."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition

from hub import backup as backups
from hub import catalog as catalogs
from hub import cli, cluster
from hub.settings import Settings

pytestmark = pytest.mark.broker


def place_of(bootstrap: str, group: str, topic: str) -> int:
    """The next offset of a group in partition 0."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
    (found,) = consumer.committed([TopicPartition(topic, 0)], timeout=20)
    consumer.close()
    return int(found.offset)


def set_place(bootstrap: str, group: str, topic: str, offset: int) -> None:
    """As a courier that has read so far."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
    consumer.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    consumer.close()


def test_couriers_go_on_where_they_were_at_the_backup(empty_kafka, tmp_path):
    """What they took in since is read again; the relay's places are its transactions' and stay."""
    loaded, settings = catalogs.load(), Settings(state=tmp_path / "state")
    cluster.prepare(loaded, settings, empty_kafka)
    group, (topic, *_) = next(
        (group, topics) for group, topics in cluster.groups(loaded).items() if group not in cluster.relay_groups(loaded)
    )
    producer = Producer({"bootstrap.servers": empty_kafka, "log_level": 0})
    for _ in range(20):
        producer.produce(topic, b"v", partition=0)
    assert producer.flush(20) == 0
    set_place(empty_kafka, group, topic, 3)
    made = backups.backup(settings, tmp_path / "copy", loaded, empty_kafka)
    set_place(empty_kafka, group, topic, 9)

    run = CliRunner(env={"HUB_STATE": str(tmp_path / "elsewhere"), "HUB_BOOTSTRAP_SERVERS": empty_kafka})
    done = run.invoke(cli.main, ["restore", str(tmp_path / "copy"), "--places"])

    assert made.places == 1
    assert done.exit_code == 0, done.output
    assert f"{group} goes on at 3 of {topic}/0" in done.output
    assert place_of(empty_kafka, group, topic) == 3
