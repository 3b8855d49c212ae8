"""Scenarios of lag: each leaves a topic and a group of which the true lag is known by what was done, not by looking."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

AGES_AGO = int(datetime(2001, 2, 3, tzinfo=UTC).timestamp() * 1000)


class Said(NamedTuple):
    """A record that was written, and the time at which the broker says that it took it in."""

    partition: int
    offset: int
    time: datetime


@dataclass
class Truth:
    """What is so, partition by partition: how many records wait, and since when the oldest of them."""

    lag: dict[int, int]
    oldest: dict[int, datetime | None]
    missed: int = 0
    held: int = 0
    held_since: datetime | None = None
    members: int | None = 0


def waits(*records: Said, partitions: int = 1, **more: object) -> Truth:
    """The truth where just these records wait."""
    lag = {one: sum(said.partition == one for said in records) for one in range(partitions)}
    oldest = {
        one: next((said.time for said in sorted(records) if said.partition == one), None) for one in range(partitions)
    }
    return Truth(lag, oldest, **more)  # type: ignore[arg-type]  # the fields of Truth


@dataclass
class Stage:
    """One topic and one group on a real broker."""

    bootstrap: str
    name: str
    config: dict[str, str] = field(default_factory=dict)
    partitions: int = 1
    copies: int = 1
    after: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        """Make the topic."""
        self.topic, self.group = f"{self.name}.v1", f"{self.name}.reader"
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        config = {"message.timestamp.type": "LogAppendTime"} | self.config
        self.admin.create_topics([NewTopic(self.topic, self.partitions, self.copies, config=config)])[
            self.topic
        ].result()

    def say(
        self, many: int, *, partition: int = 0, key: str = "", value: bytes | None = b"x", at: int = 0
    ) -> list[Said]:
        """Write so many records, one after the other."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0, "log_level": 0})
        return _said(producer, many, self.topic, partition, key, value, at)

    def transaction(self, many: int) -> tuple[Producer, list[Said]]:
        """Begin a transaction, and write so many records in it."""
        producer = Producer({
            "bootstrap.servers": self.bootstrap, "transactional.id": self.name, "log_level": 0,
            "transaction.timeout.ms": 600_000,  # it ends when the scenario says so, however long brokers are away
        })  # fmt: skip
        producer.init_transactions(10)
        producer.begin_transaction()
        return producer, _said(producer, many, self.topic, 0, "", b"x", 0)

    def reached(self, offset: int, partition: int = 0) -> None:
        """The group commits an offset."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.group, "log_level": 0})
        consumer.commit(offsets=[TopicPartition(self.topic, partition, offset)], asynchronous=False)
        consumer.close()

    def set_back(self, offset: int) -> None:
        """Somebody resets the group, as `kafka-consumer-groups --reset-offsets` does."""
        wanted = ConsumerGroupTopicPartitions(self.group, [TopicPartition(self.topic, 0, offset)])
        self.admin.alter_consumer_group_offsets([wanted])[self.group].result()

    def member(self) -> Consumer:
        """A consumer that joins the group, and reads and commits only as it is told; leaves after the test."""
        consumer = Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": self.group, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "log_level": 0, "session.timeout.ms": 6000,
        })  # fmt: skip
        consumer.subscribe([self.topic])
        self.after.callback(consumer.close)
        return consumer

    def read(self, consumer: Consumer, many: int) -> None:
        """Have it read so many records, and commit what it read."""
        for _ in range(many):
            while True:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    break
            consumer.commit(message=message, asynchronous=False)


def _said(
    producer: Producer, many: int, topic: str, partition: int, key: str, value: bytes | None, at: int
) -> list[Said]:
    found: list[Said] = []

    def told(error: object, message: Message) -> None:
        assert error is None, error
        moment = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
        found.append(Said(message.partition() or 0, message.offset() or 0, moment))

    for _ in range(many):
        more = {"timestamp": at} if at else {}
        producer.produce(topic, value=value, key=key or None, partition=partition, on_delivery=told, **more)
        producer.flush(10)
        time.sleep(0.002)  # so that no two have the same time
    return found


Scenario = Callable[[Stage], Truth]
SCENARIOS: dict[str, tuple[Scenario, int, dict[str, str]]] = {}


def scenario(*, partitions: int = 1, **config: str) -> Callable[[Scenario], Scenario]:
    """Register one under its function's name."""

    def register(made: Scenario) -> Scenario:
        settings = {name.replace("_", "."): value for name, value in config.items()}
        SCENARIOS[made.__name__] = (made, partitions, settings)
        return made

    return register


@scenario()
def at_the_end_of_a_quiet_topic(stage: Stage) -> Truth:
    """Everything was read, and nothing comes any more."""
    stage.say(5)
    stage.reached(5)
    return waits()


@scenario()
def behind_on_a_quiet_topic(stage: Stage) -> Truth:
    """Two wait, and nothing comes any more by which their age could be guessed."""
    said = stage.say(5)
    stage.reached(3)
    return waits(*said[3:])


@scenario()
def never_committed(stage: Stage) -> Truth:
    """A group of which nobody heard yet is behind by all there is."""
    return waits(*stage.say(5))


@scenario()
def reset_to_the_earliest(stage: Stage) -> Truth:
    """It had read everything, and is to read it again."""
    said = stage.say(5)
    stage.reached(5)
    stage.set_back(0)
    return waits(*said)


@scenario()
def reset_to_the_latest(stage: Stage) -> Truth:
    """It is to skip what waited."""
    stage.say(5)
    stage.reached(1)
    stage.set_back(5)
    return waits()


@scenario()
def reset_beyond_the_end(stage: Stage) -> Truth:
    """An offset that the log does not have, as after a topic was made anew: all that there is has not been read."""
    said = stage.say(3)
    stage.set_back(50)
    return waits(*said)


@scenario(
    cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01", max_compaction_lag_ms="100",
    delete_retention_ms="100",
)  # fmt: skip
def compaction_with_holes(stage: Stage) -> Truth:
    """Of ten records under one key the last stays, and offsets are missing between."""
    stage.say(2, key="a")
    stage.reached(2)
    stage.say(9, key="b")
    stage.say(9, key="c")
    last_b, last_c = stage.say(1, key="b"), stage.say(1, key="c")
    time.sleep(0.3)
    newest = stage.say(1, key="d")  # rolls the segment: the one that is written to is never compacted
    _until(lambda: readable(stage) <= 4, 90)
    return waits(*last_b, *last_c, *newest)


@scenario()
def open_transaction(stage: Stage) -> Truth:
    """What nobody can read yet is no lag, and it is known since when it is held."""
    stage.say(3)
    stage.reached(3)
    producer, said = stage.transaction(4)
    stage.after.callback(producer.abort_transaction)
    return waits(held=4, held_since=said[0].time)


@scenario()
def committed_transactions(stage: Stage) -> Truth:
    """Each leaves a marker, which is an offset and no record."""
    stage.reached(0)
    every: list[Said] = []
    for _ in range(3):
        producer, said = stage.transaction(2)
        producer.commit_transaction()
        every += said
    return waits(*every)


@scenario()
def aborted_transaction(stage: Stage) -> Truth:
    """Five offsets further, and nothing to read."""
    stage.say(3)
    stage.reached(3)
    producer, _ = stage.transaction(4)
    producer.abort_transaction()
    return waits()


@scenario()
def aborted_transaction_before_a_record(stage: Stage) -> Truth:
    """The first that waits is the one behind it, and as old as that one."""
    stage.say(3)
    stage.reached(3)
    producer, _ = stage.transaction(4)
    producer.abort_transaction()
    time.sleep(0.05)
    return waits(*stage.say(1))


@scenario()
def deleted_records(stage: Stage) -> Truth:
    """Retention took three before they were read."""
    said = stage.say(8)
    stage.reached(2)
    _deleted(stage, 5)
    return waits(*said[5:], missed=3)


@scenario()
def everything_deleted(stage: Stage) -> Truth:
    """Nothing can be read any more, and that is said."""
    stage.say(8)
    stage.reached(2)
    _deleted(stage, 8)
    return waits(missed=6)


@scenario()
def producer_with_a_wrong_clock(stage: Stage) -> Truth:
    """It says that its records are of 2001; the broker's clock counts."""
    said = stage.say(4, at=AGES_AGO)
    assert all(datetime.now(UTC).year == one.time.year for one in said)
    stage.reached(1)
    return waits(*said[1:])


@scenario()
def paused_partner(stage: Stage) -> Truth:
    """It is there, and commits nothing more."""
    stage.say(3)
    consumer = stage.member()
    stage.read(consumer, 3)
    consumer.pause(consumer.assignment())
    return waits(*stage.say(4), members=1)


@scenario()
def stopped_partner(stage: Stage) -> Truth:
    """It left."""
    said, consumer = stage.say(3), stage.member()
    stage.read(consumer, 2)
    stage.after.close()
    return waits(said[2], *stage.say(2))


@scenario(partitions=2)
def rebalance(stage: Stage) -> Truth:
    """A second member came, and took a partition with it when it left."""
    stage.say(4)
    stage.say(4, partition=1)
    consumer = stage.member()
    stage.read(consumer, 8)
    other = stage.member()
    _until(lambda: _shared(consumer, other), 30)
    other.close()
    _until(lambda: consumer.poll(0.1) is None and len(consumer.assignment()) == 2, 30)
    return waits(*stage.say(2), *stage.say(1, partition=1), partitions=2, members=1)


@scenario()
def partition_added(stage: Stage) -> Truth:
    """What lies in a partition that the group never saw waits as well."""
    stage.say(3)
    stage.reached(3)
    stage.admin.create_partitions([NewPartitions(stage.topic, 2)])[stage.topic].result()
    _until(lambda: len(stage.admin.list_topics(stage.topic, timeout=5).topics[stage.topic].partitions) == 2, 10)
    return waits(*stage.say(2, partition=1), partitions=2)


@scenario()
def group_deleted(stage: Stage) -> Truth:
    """Nobody knows any more that it had read something."""
    said = stage.say(3)
    stage.reached(3)
    stage.admin.delete_consumer_groups([stage.group])[stage.group].result()
    return waits(*said)


@scenario()
def tombstones(stage: Stage) -> Truth:
    """A record without a value is one to be read."""
    stage.say(1)
    stage.reached(1)
    return waits(*stage.say(3, key="a", value=None))


@scenario()
def backlog(stage: Stage) -> Truth:
    """More than are counted one by one."""
    said = stage.say(1200)
    stage.reached(100)
    return waits(*said[100:])


def _until(so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, "the scenario did not come about"
        time.sleep(0.05)


def _shared(one: Consumer, other: Consumer) -> bool:
    one.poll(0.1)
    other.poll(0.1)
    return len(one.assignment()) == len(other.assignment()) == 1


def _deleted(stage: Stage, before: int) -> None:
    (future,) = stage.admin.delete_records([TopicPartition(stage.topic, 0, before)]).values()
    future.result()


def readable(stage: Stage) -> int:
    """How many records whoever sees only what is committed can read from the beginning."""
    consumer = Consumer({
        "bootstrap.servers": stage.bootstrap, "group.id": f"{stage.name}.other", "enable.partition.eof": True,
        "auto.offset.reset": "earliest", "enable.auto.commit": False, "log_level": 0,
    })  # fmt: skip
    consumer.assign([TopicPartition(stage.topic, 0, 0)])
    found = 0
    while (message := consumer.poll(10)) is not None and message.error() is None:
        found += 1
    consumer.close()
    return found
