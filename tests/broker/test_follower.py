"""Following a topic on a real Kafka: all that was committed before the question is given, once, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from hub.envelope import Record
from hub.errors import TransportError
from hub.transports.kafka import Follower, TopicWanted, ensure_topics, producer_settings
from tests.broker.brokers import process
from tests.flow.partners import until
from tests.flow.running import Stopped
from tests.kafka import started

pytestmark = pytest.mark.broker

Make = Callable[..., tuple[str, Follower, list[Record]]]


@pytest.fixture
def followed(kafka: str, fresh: str) -> Iterator[Make]:
    """Makes a topic of so many partitions, with settings, and a follower of it; with the list of what it was given."""
    made: list[Follower] = []
    numbers = itertools.count()

    def make(partitions: int = 1, *, from_end: bool = False, **config: str) -> tuple[str, Follower, list[Record]]:
        topic, given = f"{fresh}.{next(numbers)}", list[Record]()
        settings = {name.replace("_", "."): value for name, value in config.items()}
        ensure_topics(kafka, [TopicWanted(topic, partitions, 1, settings)])
        made.append(Follower(kafka, [topic], given.append, from_end=from_end))
        return topic, made[-1], given

    yield make
    for follower in made:
        follower.close()


class Hand:
    """A producer whose transactions stay open until they are ended."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.producer = Producer(producer_settings(bootstrap, f"tests-{name}") | {"log_level": 0})
        self.producer.init_transactions(20)

    def begin(self, topic: str, *words: str, partition: int = 0) -> None:
        """Write *words*, each under itself as its key, and see them on the broker; the transaction stays open."""
        self.producer.begin_transaction()
        for word in words:
            self.producer.produce(topic, word.encode(), word[:1].encode(), partition=partition)
        self.producer.flush(20)

    def commit(self, topic: str, *words: str, partition: int = 0) -> None:
        """Write *words* in a transaction of their own."""
        self.begin(topic, *words, partition=partition)
        self.producer.commit_transaction(20)


@pytest.fixture
def hand(kafka: str, fresh: str) -> Hand:
    """Somebody who writes."""
    return Hand(kafka, fresh)


def words(given: list[Record]) -> list[str]:
    return [(one.value or b"-").decode() for one in given]


def test_what_was_committed_before_the_question_is_given_once_and_in_order(followed: Make, hand: Hand) -> None:
    """Each question adds what came since the last; between questions nothing is given."""
    topic, follower, given = followed()
    follower.catch_up(20)
    assert given == [], "a topic on which nothing was ever said"
    hand.commit(topic, "a1", "b1")
    follower.catch_up(20)
    assert words(given) == ["a1", "b1"]
    hand.commit(topic, "a2")
    assert words(given) == ["a1", "b1"]
    follower.catch_up(20)
    follower.catch_up(20)
    assert words(given) == ["a1", "b1", "a2"]


def test_all_partitions_are_followed_each_in_its_order(followed: Make, hand: Hand) -> None:
    """However many there are, and though some hold nothing."""
    topic, follower, given = followed(12)
    for turn in "123":
        for partition in range(0, 12, 2):
            hand.commit(topic, f"{chr(97 + partition)}{turn}", partition=partition)
    follower.catch_up(20)
    assert sorted(words(given)) == sorted(
        f"{chr(97 + partition)}{turn}" for partition in range(0, 12, 2) for turn in "123"
    )
    for letter in "acegik":
        assert [word for word in words(given) if word[0] == letter] == [f"{letter}{turn}" for turn in "123"]


def test_what_was_aborted_is_not_given_and_is_not_waited_for(followed: Make, hand: Hand) -> None:
    """Also where nothing but aborted records and markers lies at the end, which no consumer is ever handed."""
    topic, follower, given = followed()
    hand.commit(topic, "a1")
    hand.begin(topic, *(f"x{number}" for number in range(200)))
    hand.producer.abort_transaction(20)
    follower.catch_up(20)
    assert words(given) == ["a1"]
    hand.commit(topic, "a2")
    follower.catch_up(20)
    assert words(given) == ["a1", "a2"]


def test_an_open_transaction_is_waited_for(kafka: str, fresh: str, followed: Make, hand: Hand) -> None:
    """It may be committed, and acknowledged, and not be marked so yet: until it has ended nobody knows all there is."""
    topic, follower, given = followed()
    other = Hand(kafka, f"{fresh}.other")
    hand.commit(topic, "a1")
    follower.catch_up(20)
    other.begin(topic, "b1")
    with pytest.raises(TransportError, match="not caught up"):
        follower.catch_up(0.3)
    hand.commit(topic, "a2")
    with pytest.raises(TransportError, match="not caught up"):
        follower.catch_up(0.3)
    assert words(given) == ["a1"]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(follower.catch_up, 20)
        other.producer.commit_transaction(20)
        waiting.result(20)
    assert words(given) == ["a1", "b1", "a2"]


def test_what_was_acknowledged_is_given_at_once(followed: Make, hand: Hand) -> None:
    """Asked as soon as a commit is acknowledged, and time after time: what was committed is never left for the next."""
    topic, follower, given = followed(3)
    for turn in range(60):
        hand.commit(topic, f"a{turn}", partition=turn % 3)
        follower.catch_up(20)
        assert len(given) == turn + 1


def test_a_compacted_topic_gives_at_least_the_newest_of_each_key(kafka: str, followed: Make, hand: Hand) -> None:
    """Where offsets are missing because older words were compacted away, none is waited for."""
    topic, follower, given = followed(
        cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.001", max_compaction_lag_ms="100",
        min_compaction_lag_ms="0", delete_retention_ms="0",
    )  # fmt: skip
    for turn in range(40):
        hand.commit(topic, f"a{turn}", f"b{turn}")
        follower.catch_up(20)  # at once: the cleaner takes what is not the newest as soon as it comes by
    assert words(given) == [f"{letter}{turn}" for turn in range(40) for letter in "ab"]
    hand.producer.begin_transaction()
    hand.producer.produce(topic, None, b"b", partition=0)
    hand.producer.commit_transaction(20)
    newest: dict[bytes, bytes | None] = {}
    later = Follower(kafka, [topic], lambda one: newest.update({one.key or b"": one.value}))
    try:
        later.catch_up(20)
    finally:
        later.close()
    assert newest.pop(b"b", None) is None
    assert newest == {b"a": b"a39"}


def test_what_was_deleted_from_the_front_is_not_waited_for(kafka: str, followed: Make, hand: Hand) -> None:
    """A topic whose first offsets are gone is followed from the first that is left."""
    topic, follower, given = followed()
    hand.commit(topic, "a1", "a2")
    hand.commit(topic, "a3")
    client = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    (future,) = client.delete_records([TopicPartition(topic, 0, 3)]).values()
    until(future.done, "deletion")
    follower.catch_up(20)
    assert words(given) == ["a3"]
    (future,) = client.delete_records([TopicPartition(topic, 0, -1)]).values()
    until(future.done, "deletion")
    late = Follower(kafka, [topic], given.append)
    try:
        late.catch_up(20)
    finally:
        late.close()
    assert words(given) == ["a3"]


def test_from_the_end_only_what_comes_after_the_first_question_is_given(followed: Make, hand: Hand) -> None:
    """Where the first question is asked, not where the follower was made."""
    topic, follower, given = followed(2, from_end=True)
    hand.commit(topic, "a1")
    follower.catch_up(20)
    hand.commit(topic, "a2", partition=1)
    follower.catch_up(20)
    assert words(given) == ["a2"]


def test_a_topic_that_is_not_there_is_an_error_until_it_is(kafka: str, fresh: str) -> None:
    """Nothing is known where it should have been said: that is told, and mended by making the topic."""
    given: list[Record] = []
    follower = Follower(kafka, [f"{fresh}.none"], given.append)
    try:
        for _ in range(2):
            with pytest.raises(TransportError, match="has no topic"):
                follower.catch_up(5)
        ensure_topics(kafka, [TopicWanted(f"{fresh}.none", 1, 1, {})])
        Hand(kafka, fresh).commit(f"{fresh}.none", "a1")
        follower.catch_up(20)
    finally:
        follower.close()
    assert words(given) == ["a1"]


@pytest.mark.slow
def test_a_broker_that_hangs_is_never_taken_for_the_end_of_the_topic(tmp_path: Path) -> None:
    """What is known of a child may be out of date by then: nobody may decide on it as if all had been given."""
    given: list[Record] = []
    with started(tmp_path) as local:
        bootstrap = local.status().bootstrap
        ensure_topics(bootstrap, [TopicWanted("said.v1", 1, 1, {})])
        with closing(Follower(bootstrap, ["said.v1"], given.append)) as follower:
            until(lambda: _caught_up(follower), "a broker that knows its new topic")
            Hand(bootstrap, "hangs").commit("said.v1", "a1")
            with Stopped(process(local)):
                for _ in range(2):
                    with pytest.raises(TransportError, match="_TIMED_OUT"):
                        follower.catch_up(1)
                assert given == []
            until(lambda: _caught_up(follower), "a broker that goes on")
    assert words(given) == ["a1"]


def _caught_up(follower: Follower) -> bool:
    try:
        follower.catch_up(20)
    except TransportError:
        return False  # as the relay: it is asked again
    return True


def test_where_kafka_does_not_answer_that_is_told_in_time() -> None:
    """Whoever asks must know that he does not know."""
    follower = Follower("127.0.0.1:1", ["somewhere"], lambda _record: None, {"log_level": "0"})
    try:
        with pytest.raises(TransportError, match="Kafka"):
            follower.catch_up(0.5)
    finally:
        follower.close()
