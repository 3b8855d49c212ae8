"""The Kafka transport against a real broker: all or none, once told committed it stays, and lag tells the truth."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from hub.envelope import LARGEST_RECORD, Record
from hub.errors import Refused, TransportError
from hub.quarantine.item import LARGEST
from hub.transports.kafka import (
    Committer,
    Fenced,
    Stored,
    TopicWanted,
    consumer_settings,
    ensure_topics,
    lags,
    producer_settings,
    read_topic,
)
from hub.transports.kafka import committer as committing

pytestmark = pytest.mark.broker

Opening = Callable[..., Committer]


@pytest.fixture
def topic(empty_kafka: str, fresh: str) -> str:
    """A topic of one partition, so that its offsets count transactions: each leaves one marker."""
    ensure_topics(empty_kafka, [TopicWanted(f"{fresh}.v1", 1, 1, {})])
    return f"{fresh}.v1"


@pytest.fixture
def committer(empty_kafka: str, fresh: str) -> Iterator[Opening]:
    """Committers of this test, closed at its end."""
    made: list[Committer] = []

    def make(name: str = "", **choices: Any) -> Committer:
        made.append(Committer(choices.pop("bootstrap", empty_kafka), f"{fresh}{name}", **choices))
        return made[-1]

    yield make
    for one in made:
        one.close()


def records(topic: str, *values: bytes) -> list[Record]:
    """Records that carry nothing but their values."""
    return [Record(topic, None, value, ()) for value in values]


def values(found: Iterator[Stored]) -> list[bytes | None]:
    """What lies there, in order."""
    return [stored.record.value for stored in found]


def transactions(bootstrap: str, topic: str) -> int:
    """How many transactions wrote to a topic of one partition: the offsets that hold no record."""
    (row,) = lags(bootstrap, {"nobody": [topic]})
    return row.end - len(list(read_topic(bootstrap, topic)))


class Unlucky:
    """Stands where the committer makes producers: the first ones answer a commit, or lose its answer, badly."""

    def __init__(self, *, commits_first: bool, times: int = 1) -> None:
        self.made = 0
        self.commits_first = commits_first
        self.times = times

    def __call__(self, settings: dict[str, Any], **others: Any) -> Any:
        """Make one more."""
        self.made += 1
        unlucky = self

        class OneProducer(Producer):
            def commit_transaction(self, timeout: float = -1) -> None:
                if unlucky.times > 0:
                    unlucky.times -= 1
                    if unlucky.commits_first:
                        super().commit_transaction(timeout)
                    raise KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT))
                super().commit_transaction(timeout)

        return OneProducer(settings, **others)


def test_a_record_comes_back_as_it_was_committed(empty_kafka: str, topic: str, committer: Opening) -> None:
    """Key, value, headers and their order survive, absent keys and values stay absent, and Kafka's time is now."""
    sent = [
        Record(topic, b"key", b"value \xff\x00", (("b", b"2"), ("a", b"1"), ("a", b""))),
        Record(topic, b"tombstone", None, ()),
        Record(topic, None, b"", ()),
    ]
    before = datetime.now(UTC) - timedelta(seconds=1)
    asyncio.run(committer().commit(sent))
    found = list(read_topic(empty_kafka, topic))
    assert [stored.record for stored in found] == sent
    assert [stored.offset for stored in found] == [0, 1, 2]
    assert all(before <= stored.time <= datetime.now(UTC) for stored in found)


def test_many_callers_share_few_transactions(empty_kafka: str, topic: str, committer: Opening) -> None:
    """Three hundred callers at once are answered by a few transactions, each after its own record was committed."""
    shared = committer()

    async def all_at_once() -> None:
        await asyncio.gather(*(shared.commit(records(topic, str(n).encode())) for n in range(300)))

    asyncio.run(all_at_once())
    assert set(values(read_topic(empty_kafka, topic))) == {str(n).encode() for n in range(300)}
    assert transactions(empty_kafka, topic) <= 30


def test_those_who_come_one_by_one_share_a_transaction_where_it_has_a_pace(
    empty_kafka: str, topic: str, committer: Opening
) -> None:
    """The first after a pause goes at once, and who comes before it is time for the next waits for it, together."""
    paced, began = committer(pace=3.0), time.monotonic()
    paced.enqueue(records(topic, b"first")).result(30)
    assert transactions(empty_kafka, topic) == 1
    later = [paced.enqueue(records(topic, str(n).encode())) for n in range(5) if not time.sleep(0.01)]
    for future in later:
        future.result(30)
    assert transactions(empty_kafka, topic) == 2
    assert time.monotonic() - began >= 3.0


def test_what_one_caller_brings_is_one_transaction(empty_kafka: str, topic: str, committer: Opening) -> None:
    """A file of 40,000 rows is all there or not at all, however small the usual transaction is."""
    rows = [str(n).encode() * 20 for n in range(40_000)]
    asyncio.run(committer(most=100).commit(records(topic, *rows)))
    assert values(read_topic(empty_kafka, topic)) == rows
    assert transactions(empty_kafka, topic) == 1


def test_the_order_of_enqueueing_is_the_order_in_the_topic(empty_kafka: str, topic: str, committer: Opening) -> None:
    """Callers who ask one after the other are written one after the other, across transactions."""
    shared = committer(most=7)
    asked = [shared.enqueue(records(topic, f"{n}a".encode(), f"{n}b".encode())) for n in range(100)]
    for future in asked:
        future.result(30)
    assert values(read_topic(empty_kafka, topic)) == [f"{n}{part}".encode() for n in range(100) for part in "ab"]
    assert transactions(empty_kafka, topic) > 25


@pytest.mark.parametrize(("committed", "copies"), [(False, 1), (True, 2)], ids=["lost_commit", "lost_answer"])
def test_after_a_fault_the_same_goes_through_a_new_producer(
    empty_kafka: str,
    topic: str,
    committer: Opening,
    monkeypatch: pytest.MonkeyPatch,
    committed: bool,
    copies: int,
) -> None:
    """
    A commit whose answer is lost is repeated by a new producer, with the same records.

    Where it had happened after all there are two copies, which readers know by their id; where not there is one.
    """
    unlucky = Unlucky(commits_first=committed)
    monkeypatch.setattr(committing, "Producer", unlucky)
    asyncio.run(committer().commit(records(topic, b"once", b"more")))
    assert unlucky.made == 2
    assert values(read_topic(empty_kafka, topic)) == [b"once", b"more"] * copies


def test_a_record_too_large_is_refused_alone(empty_kafka: str, fresh: str, committer: Opening) -> None:
    """Kafka refuses a whole batch for one record; only the caller who brought it hears so."""
    topic = f"{fresh}.v1"
    ensure_topics(empty_kafka, [TopicWanted(topic, 1, 1, {"max.message.bytes": "20000"})])
    shared = committer()
    shared.enqueue(records(topic, b"first")).result(30)
    bodies = [b"x" * 100] * 6
    bodies[3] = b"x" * 50_000
    asked: list[Future[None]] = [shared.enqueue(records(topic, body)) for body in bodies]
    outcome = [type(future.exception(60)) for future in asked]
    assert outcome == [type(None)] * 3 + [Refused] + [type(None)] * 2
    assert len(values(read_topic(empty_kafka, topic))) == 6


def test_a_record_that_no_broker_could_take_is_refused(empty_kafka: str, topic: str, committer: Opening) -> None:
    """More than topics take never leaves this process; what the same caller brought besides is not written either."""
    with pytest.raises(Refused, match="SIZE"):
        committer().enqueue(records(topic, b"small", b"x" * (LARGEST_RECORD + 1))).result(30)
    assert values(read_topic(empty_kafka, topic)) == []


def test_the_largest_item_of_quarantine_is_taken(empty_kafka: str, fresh: str, committer: Opening) -> None:
    """As its topic is made: a refused file that may be kept is kept, and does not hold up its line."""
    topic = f"{fresh}.v1"
    ensure_topics(empty_kafka, [TopicWanted(topic, 1, 1, {"max.message.bytes": str(LARGEST_RECORD)})])
    committer().enqueue(records(topic, b"small", b"x" * (LARGEST + 1_000))).result(30)
    assert [len(value) for value in values(read_topic(empty_kafka, topic))] == [5, LARGEST + 1_000]


def test_a_topic_that_does_not_exist_is_said_at_once(empty_kafka: str, topic: str, committer: Opening) -> None:
    """One caller names a missing topic: it is told so long before patience ends, and the other's record is written."""
    shared = committer(patience=60, transaction_timeout=6)
    shared.enqueue(records(topic, b"first")).result(30)
    wrong = shared.enqueue(records(f"no-{topic}", b"lost"))
    right = shared.enqueue(records(topic, b"second"))
    with pytest.raises(TransportError, match="does not exist"):
        wrong.result(30)
    right.result(30)
    assert values(read_topic(empty_kafka, topic)) == [b"first", b"second"]


def test_the_one_who_was_replaced_is_fenced(empty_kafka: str, topic: str, committer: Opening) -> None:
    """A second process under the same transactional id takes over; the first is told so, then and ever after."""
    first = committer()
    first.enqueue(records(topic, b"first")).result(30)
    second = committer()
    second.enqueue(records(topic, b"second")).result(30)
    with pytest.raises(Fenced):
        first.enqueue(records(topic, b"too late")).result(30)
    with pytest.raises(Fenced):
        first.enqueue(records(topic, b"later still")).result(30)
    assert isinstance(first.ended.exception(30), Fenced)
    assert not second.ended.done()
    second.enqueue(records(topic, b"third")).result(30)
    assert values(read_topic(empty_kafka, topic)) == [b"first", b"second", b"third"]


def test_where_no_broker_is_patience_ends(committer: Opening) -> None:
    """Nothing answers: the caller is told to send again, near the time that it was promised."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # held, not listening
        alone = committer(bootstrap=f"127.0.0.1:{nobody.getsockname()[1]}", patience=0.5)
        began = time.monotonic()
        with pytest.raises(TransportError, match="send the same again"):
            alone.enqueue(records("nowhere", b"x")).result(30)
        assert time.monotonic() - began < 10
        alone.close()


def test_closing_commits_what_waits(empty_kafka: str, topic: str, committer: Opening) -> None:
    """What was asked before `close` is committed; what is asked after it is told so."""
    shared = committer()
    asked = [shared.enqueue(records(topic, str(n).encode())) for n in range(50)]
    shared.close()
    assert all(future.done() and future.exception() is None for future in asked)
    with pytest.raises(TransportError, match="closed"):
        asyncio.run(shared.commit(records(topic, b"late")))
    assert len(values(read_topic(empty_kafka, topic))) == 50


def test_a_caller_who_left_before_its_turn_is_not_sent(empty_kafka: str, topic: str, committer: Opening) -> None:
    """A future cancelled while the producer still opens is dropped; the others are not."""
    shared = committer()  # opening takes long enough for what follows
    left = shared.enqueue(records(topic, b"left"))
    stayed = shared.enqueue(records(topic, b"stayed"))
    was_in_time = left.cancel()
    stayed.result(30)
    expected = [b"stayed"] if was_in_time else [b"left", b"stayed"]
    assert values(read_topic(empty_kafka, topic)) == expected


def test_topics_are_made_once_and_kept_as_wanted(empty_kafka: str, fresh: str) -> None:
    """The first call makes them, the second makes nothing, a third sets the retention that changed and no more."""
    wanted = [TopicWanted(f"{fresh}.{n}", 2, 1, {"retention.ms": "3600000", "cleanup.policy": "delete"}) for n in "ba"]
    assert ensure_topics(empty_kafka, wanted) == [f"{fresh}.a", f"{fresh}.b"]
    assert ensure_topics(empty_kafka, wanted) == []
    shorter = wanted[0]._replace(config={"retention.ms": "60000"})
    assert ensure_topics(empty_kafka, [shorter, wanted[1]]) == []
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in wanted]
    admin = AdminClient({"bootstrap.servers": empty_kafka})
    asked = admin.describe_configs(resources)
    assert [asked[r].result()["retention.ms"].value for r in resources] == ["60000", "3600000"]
    assert [asked[r].result()["cleanup.policy"].value for r in resources] == ["delete", "delete"]


def test_topics_that_cannot_be_made_are_an_error(empty_kafka: str, fresh: str) -> None:
    """Three copies on one broker: the error names the topic."""
    with pytest.raises(TransportError, match=fresh):
        ensure_topics(empty_kafka, [TopicWanted(f"{fresh}.v1", 1, 3, {})])


class Reader:
    """A group of one that reads as the hub's do, and commits what it read."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self.consumer = Consumer(consumer_settings(bootstrap, group, offset_reset="earliest"))
        self.consumer.subscribe([topic])

    def read(self, count: int) -> None:
        """Take *count* records, and commit the place after the last."""
        deadline = time.monotonic() + 30
        last = None
        while count and time.monotonic() < deadline:
            message = self.consumer.poll(0.1)
            if message is not None and message.error() is None:
                last, count = message, count - 1
        assert not count, f"{count} records did not come"
        if last is not None:
            self.consumer.commit(message=last, asynchronous=False)

    def close(self) -> None:
        """Leave the group."""
        self.consumer.close()


def test_a_group_that_never_started_is_behind_by_everything(
    empty_kafka: str, topic: str, fresh: str, committer: Opening
) -> None:
    """No offset was ever committed: all that lies there is lag, and its age is that of the first record."""
    (row,) = lags(empty_kafka, {fresh: [topic]})
    assert (row.committed, row.lag, row.oldest) == (None, 0, None)
    committer().enqueue(records(topic, b"1", b"2", b"3")).result(30)
    (row,) = lags(empty_kafka, {fresh: [topic]})
    first = next(read_topic(empty_kafka, topic))
    assert (row.group, row.topic, row.partition, row.committed) == (fresh, topic, 0, None)
    assert (row.lag, row.oldest, row.held, row.missed) == (3, first.time, 0, 0)


def test_a_group_that_read_all_is_not_behind(empty_kafka: str, topic: str, fresh: str, committer: Opening) -> None:
    """The marker of the last transaction lies past what was read, and is no lag; the next record is, with its age."""
    shared = committer()
    shared.enqueue(records(topic, b"1", b"2")).result(30)
    with closing(Reader(empty_kafka, fresh, topic)) as reader:
        reader.read(2)
    (row,) = lags(empty_kafka, {fresh: [topic]})
    assert row.committed == 2
    assert row.end == 3
    assert (row.lag, row.oldest) == (0, None)
    shared.enqueue(records(topic, b"3")).result(30)
    (row,) = lags(empty_kafka, {fresh: [topic]})
    assert (row.lag, row.oldest) == (1, list(read_topic(empty_kafka, topic))[-1].time)


def test_aborted_records_are_no_lag(empty_kafka: str, topic: str, fresh: str, committer: Opening) -> None:
    """What was aborted is never handed out: a group that read all else is not behind."""
    committer().enqueue(records(topic, b"1")).result(30)
    with closing(Reader(empty_kafka, fresh, topic)) as reader:
        reader.read(1)
    producer = Producer(producer_settings(empty_kafka, f"{fresh}-aborts"))
    producer.init_transactions(30)
    for _ in range(3):
        producer.begin_transaction()
        for _ in range(10):
            producer.produce(topic, b"aborted")
        producer.flush(30)
        producer.abort_transaction()
    (row,) = lags(empty_kafka, {fresh: [topic]})
    assert row.end >= 35
    assert (row.lag, row.oldest) == (0, None)
    assert values(read_topic(empty_kafka, topic)) == [b"1"]


def test_an_open_transaction_holds_and_is_no_lag(empty_kafka: str, topic: str, fresh: str, committer: Opening) -> None:
    """What lies behind an open transaction is no lag yet, but it shows as held; after the commit it is lag."""
    producer = Producer(producer_settings(empty_kafka, f"{fresh}-open"))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"open")
    producer.flush(30)
    committer().enqueue(records(topic, b"behind it")).result(30)
    (row,) = lags(empty_kafka, {fresh: [topic]})
    assert (row.end, row.lag, row.held) == (0, 0, 3)
    assert values(read_topic(empty_kafka, topic)) == []
    producer.commit_transaction()
    (row,) = lags(empty_kafka, {fresh: [topic]})
    assert (row.lag, row.held) == (2, 0)
    assert values(read_topic(empty_kafka, topic)) == [b"open", b"behind it"]


def test_a_long_lag_is_told_without_reading_it(empty_kafka: str, topic: str, fresh: str, committer: Opening) -> None:
    """Beyond a thousand the distance is told, which counts markers too, and the age is still that of the first."""
    committer().enqueue(records(topic, *([b"x"] * 1500))).result(30)
    (row,) = lags(empty_kafka, {fresh: [topic]})
    assert row.lag == 1501
    assert row.oldest == next(read_topic(empty_kafka, topic)).time


def test_what_was_deleted_unread_is_told(empty_kafka: str, topic: str, fresh: str, committer: Opening) -> None:
    """Retention overtook the group: the row tells how much it missed, and counts what is left."""
    shared = committer()
    shared.enqueue(records(topic, b"1")).result(30)
    with closing(Reader(empty_kafka, fresh, topic)) as reader:
        reader.read(1)
    shared.enqueue(records(topic, b"2", b"3", b"4")).result(30)
    admin = AdminClient({"bootstrap.servers": empty_kafka})
    for future in admin.delete_records([TopicPartition(topic, 0, 4)]).values():
        future.result()
    (row,) = lags(empty_kafka, {fresh: [topic]})
    assert (row.committed, row.missed, row.lag) == (1, 3, 1)


def test_lag_of_a_topic_that_does_not_exist_is_an_error(empty_kafka: str, fresh: str) -> None:
    """A missing topic must not look like no lag."""
    with pytest.raises(TransportError, match=fresh):
        lags(empty_kafka, {"group": [fresh]})


def test_reading_ends_where_the_topic_ended_at_the_call(empty_kafka: str, fresh: str, committer: Opening) -> None:
    """What is written after the call is not read, over all partitions; a start by partition is kept to."""
    topic = f"{fresh}.v1"
    ensure_topics(empty_kafka, [TopicWanted(topic, 3, 1, {})])
    shared = committer()
    keyed = [Record(topic, str(n).encode(), str(n).encode(), ()) for n in range(60)]
    shared.enqueue(keyed).result(30)
    reading = read_topic(empty_kafka, topic)
    shared.enqueue(records(topic, *([b"later"] * 30))).result(30)
    found = list(reading)
    assert sorted(stored.record for stored in found) == sorted(keyed)
    assert {stored.partition for stored in found} == {0, 1, 2}
    for partition in range(3):
        offsets = [stored.offset for stored in found if stored.partition == partition]
        assert offsets == sorted(offsets)
    after = list(read_topic(empty_kafka, topic, start={1: 5}))
    assert {stored.partition for stored in after} == {1}
    assert min(stored.offset for stored in after) == 5


def test_aiokafka_reads_what_librdkafka_committed(empty_kafka: str, fresh: str, committer: Opening) -> None:
    """The other client the hub uses reads our transactions and not what was aborted, and shares keys out alike."""
    topic = f"{fresh}.v1"
    ensure_topics(empty_kafka, [TopicWanted(topic, 5, 1, {})])
    keyed = [Record(topic, uuid.uuid4().hex.encode(), b"committed", (("ce_id", b"1"),)) for _ in range(40)]
    producer = Producer(producer_settings(empty_kafka, f"{fresh}-aborts"))
    producer.init_transactions(30)
    producer.begin_transaction()
    for record in keyed:
        producer.produce(topic, b"aborted", record.key)
    producer.flush(30)
    producer.abort_transaction()
    committer().enqueue(keyed).result(30)

    async def read() -> list[Any]:
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=empty_kafka,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            group_id=fresh,
        )
        await consumer.start()
        found: list[Any] = []
        try:
            async with asyncio.timeout(30):
                while len(found) < len(keyed):
                    for batch in (await consumer.getmany(timeout_ms=500)).values():
                        found += batch
        finally:
            await consumer.stop()
        return found

    found = asyncio.run(read())
    assert {(m.key, m.value, m.headers) for m in found} == {(r.key, r.value, r.headers) for r in keyed}
    choose = DefaultPartitioner()
    every = list(range(5))
    assert all(message.partition == choose(message.key, every, every) for message in found)


def test_a_group_without_an_offset_is_an_error(empty_kafka: str, topic: str, fresh: str, committer: Opening) -> None:
    """By rule neither history is sent again nor anything skipped: the reader hears that it has no place to begin."""
    committer().enqueue(records(topic, b"1")).result(30)
    with closing(Consumer(consumer_settings(empty_kafka, fresh))) as consumer:
        consumer.subscribe([topic])
        deadline = time.monotonic() + 30
        message = None
        while message is None and time.monotonic() < deadline:
            message = consumer.poll(0.2)
        assert message is not None
        assert message.error().code() == KafkaError._AUTO_OFFSET_RESET


def test_what_makes_a_client_safe_cannot_be_set_otherwise() -> None:
    """Settings passed on from the environment reach librdkafka, but not those that its safety rests on."""
    loose = {
        "isolation.level": "read_uncommitted",
        "enable.auto.commit": "true",
        "acks": "0",
        "compression.type": "zstd",
        "enable.idempotence": "false",
        "security.protocol": "SASL_SSL",
    }
    consumer = consumer_settings("nowhere:1", "group", loose)
    producer = producer_settings("nowhere:1", "transactional", loose)
    assert (consumer["isolation.level"], consumer["enable.auto.commit"]) == ("read_committed", False)
    assert (producer["acks"], producer["compression.type"], producer["enable.idempotence"]) == ("all", "none", True)
    assert consumer["security.protocol"] == producer["security.protocol"] == "SASL_SSL"
