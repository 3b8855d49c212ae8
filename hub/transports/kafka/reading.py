"""Reading topics from outside any group: what lies in one, from where to where; nobody's offsets are moved."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin import OffsetSpec as _Spec  # type: ignore[attr-defined]  # their stub forgets to export it

from hub.envelope import Record
from hub.errors import TransportError
from hub.transports.kafka.clients import LOGGER, Extra, admin, consumer_settings, trouble

FIRST: Any = _Spec.earliest()  # type: ignore[no-untyped-call]  # untyped in their stub
END: Any = _Spec.latest()  # type: ignore[no-untyped-call]  # untyped in their stub
Place = tuple[str, int]
"""A topic and a partition."""


class Stored(NamedTuple):
    """A record where it lies; *time* is the one that Kafka keeps with it."""

    record: Record
    partition: int
    offset: int
    time: datetime


def read_topic(
    bootstrap: str,
    topic: str,
    extra: Extra | None = None,
    *,
    start: Mapping[int, int] | None = None,
    since: datetime | None = None,
    timeout: float = 10.0,
) -> Iterator[Stored]:
    """
    Every committed record of *topic*, up to where each partition ends at the moment of the call.

    Each partition is in order, and partitions are interleaved. *start* maps the partitions wanted to the offsets to
    begin at; without it all are read from their beginning, or from what Kafka took in at *since* or later. Raises
    `TransportError` where the topic does not exist, or nothing comes for *timeout* seconds.
    """
    client = admin(bootstrap, extra)
    try:
        every = places(client, [topic], timeout)
        ends = offsets(client, every, END, timeout)
        begins = offsets(client, every, FIRST, timeout)
        if since is not None:
            later = offsets(client, every, _Spec.for_timestamp(int(since.timestamp() * 1000)), timeout)
            begins = {place: ends[place] if later[place] < 0 else later[place] for place in begins}
    except KafkaException as error:
        raise trouble(error, f"looking at topic {topic}") from error
    if start is not None:
        begins = {place: max(begin, start[place[1]]) for place, begin in begins.items() if place[1] in start}
    return _read(bootstrap, {place: (begin, ends[place]) for place, begin in begins.items()}, extra, timeout)


def _read(
    bootstrap: str, spans: Mapping[Place, tuple[int, int]], extra: Extra | None, timeout: float
) -> Iterator[Stored]:
    with looking(bootstrap, extra, much=True) as consumer:
        yield from walk(consumer, spans, timeout)


def walk(
    consumer: Consumer,
    spans: Mapping[Place, tuple[int, int]],
    timeout: float,
    enough: Callable[[Place], bool] = lambda place: False,
) -> Iterator[Stored]:
    """
    The committed records in each span [from, to), until each has reached its end or there is *enough* of it.

    The end of a span is seen either by a record at or past its last offset, or by the end of the partition: what
    lies before the end may be aborted records and markers only, which are never handed out.
    """
    wanted = {place: span for place, span in spans.items() if span[0] < span[1]}
    consumer.assign([TopicPartition(*place, span[0]) for place, span in wanted.items()])
    deadline = time.monotonic() + timeout
    while wanted:
        first = consumer.poll(0.2)  # returns with the first; consume() would wait until it has as many as asked for
        messages = [first, *consumer.consume(499, 0)] if first is not None else []
        if not messages and time.monotonic() > deadline:
            topic = next(iter(wanted))[0]
            raise TransportError(f"Kafka handed out nothing of {topic} for {timeout:g} s; see that its brokers run")
        for message in messages:
            place = (str(message.topic()), _number(message.partition()))
            fault = message.error()
            if fault is not None and fault.code() != KafkaError._PARTITION_EOF:
                raise trouble(fault, "reading")
            if place not in wanted:
                continue
            end = wanted[place][1]
            offset = _number(message.offset())
            if fault is None and offset < end:
                yield stored(message)
            if fault is not None or offset >= end - 1 or enough(place):
                del wanted[place]
                consumer.incremental_unassign([TopicPartition(*place)])
            deadline = time.monotonic() + timeout
    consumer.unassign()


@contextmanager
def looking(
    bootstrap: str, extra: Extra | None, *, much: bool = False, uncommitted: bool = False
) -> Iterator[Consumer]:
    """
    A consumer that is in no group; unless *much* is read, a look at many partitions must not fetch their backlog.

    With *uncommitted* it sees what open transactions hold too: for looking when that began, never for what it says.
    """
    settings = consumer_settings(bootstrap, "hub-looking", extra) | {
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 20,
        "queued.max.messages.kbytes": 32_768 if much else 4096,
        "fetch.message.max.bytes": 1_048_576 if much else 262_144,
        "isolation.level": "read_uncommitted" if uncommitted else "read_committed",
    }
    consumer = Consumer(settings, logger=LOGGER)
    try:
        yield consumer
    finally:
        consumer.close()


def places(client: AdminClient, topics: Collection[str], timeout: float) -> list[Place]:
    """The partitions of *topics*, sorted; raises `TransportError` where one does not exist."""
    found, missing = present(client, topics, timeout)
    for topic in missing:
        raise TransportError(f"Kafka has no topic {topic}, or shows it to others only; see `hub topics plan`")
    return found


def present(client: AdminClient, topics: Collection[str], timeout: float) -> tuple[list[Place], list[str]]:
    """The partitions of those of *topics* that exist, and the topics that do not, both sorted."""
    known = client.list_topics(timeout=timeout).topics
    there = [topic for topic in topics if topic in known and known[topic].error is None]
    found = sorted((topic, partition) for topic in there for partition in known[topic].partitions)
    return found, sorted(set(topics) - set(there))


def offsets(
    client: AdminClient,
    of: Collection[Place],
    which: Any,
    timeout: float,
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[Place, int]:
    """
    The `FIRST` offset in the log or its `END`: what is committed ends before the first open transaction.

    Raises `KafkaException`, also where a leader did not answer: librdkafka then gives no error of that partition, but
    an offset that is none, by which a backlog would look like an empty topic.
    """
    if not of:
        return {}
    asked = client.list_offsets(
        {TopicPartition(*place): which for place in of}, isolation_level=isolation, request_timeout=timeout
    )
    found = {(place.topic, place.partition): future.result().offset for place, future in asked.items()}
    if OFFSET_INVALID in found.values():
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    return found


def stored(message: Message) -> Stored:
    """A consumed message as it lies, its headers as bytes."""
    given = cast("list[tuple[str, str | bytes | None]]", message.headers() or [])  # a mapping only on the way in
    headers = tuple((name, _bytes(value)) for name, value in given)
    record = Record(str(message.topic()), message.key(), message.value(), headers)
    moment = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    return Stored(record, _number(message.partition()), _number(message.offset()), moment)


def _number(number: int | None) -> int:
    return -1 if number is None else number


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
