"""The relay: the only way out of the authority; consume, decide, project and produce, in one Kafka transaction."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from hub import disclosure, readiness, relay_counts, spans, tracing
from hub.avro import Codec
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Record
from hub.errors import TransportError
from hub.following import Following
from hub.keys import Keys
from hub.log import note
from hub.outbound import Desk
from hub.precedence import ALONE, PIECE, Precedence
from hub.quarantine.item import set_aside
from hub.relay_counts import Counts
from hub.tracing import Span
from hub.transports.kafka import Follower, consumer_settings, keep_pace, producer_settings

BATCH = 4_000
"""Events to one transaction, of what waits: half as many cost the relay an eighth of its rate (`make bench`)."""
BATCHES = 3
"""Transactions to one poll: while the records of one are sent, the next one's events are decided."""


class Decided(NamedTuple):
    """What is to be published of a batch, and what is counted once it is."""

    records: list[Record]
    counts: Counts
    spans: list[Span]


Message = Any  # confluent_kafka.Message, whose stub says None of what every consumed message has
FENCED = frozenset({"_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"})
TRANSACTION_SECONDS = 15.0  # how long Kafka lets a transaction stay open before it ends it itself
RESTING_SECONDS = 20.0  # after a poll; the group's patience is three times as long
PATIENCE = 30.0  # seconds for one call to the brokers; after that its outcome is unknown and the producer is spent


def group_of(lane: str) -> str:
    """The consumer group of one lane of the relay."""
    return f"relay.{lane}"


class Relay:
    """
    One lane of the relay, single-threaded: no transaction is ever open while it polls, and no two are open at once.

    While librdkafka sends what was produced, the next batch of the same poll is decided. It is not decided in another
    thread: commits call back for each record, and each call would wait for the interpreter's lock.

    After any error that is not retriable the producer is thrown away, never used again: librdkafka speaks the
    transaction protocol without KIP-890, so a late EndTxn of the old one could tear a transaction of its successor;
    the new one's higher epoch fences it. The consumer then goes back to what is committed, since an abort does not
    rewind it.
    """

    def __init__(
        self,
        catalog: Catalog,
        keys: Keys,
        bootstrap: str,
        *,
        lane: str,
        shard: int = 0,
        extra: Mapping[str, str] = {},
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        precedence: Precedence | None = None,
    ) -> None:
        self._clock = clock
        self._precedence = precedence or ALONE
        self._keys = keys
        self._lane = lane
        self._following = Following(catalog)
        self._follower = Follower(bootstrap, self._following.topics, self._following.take, dict(extra))
        self.take_up(catalog)
        self._pages = Codec(catalog.id_of(disclosure.TOPIC, disclosure.SCHEMA), disclosure.SCHEMA)
        name = f"{group_of(lane)}.{shard}"
        self._producing = producer_settings(bootstrap, transactional_id=f"hub-{name}", extra=extra) | {
            "delivery.report.only.error": True
        }
        self._consumer = Consumer(
            consumer_settings(bootstrap, group_of(lane), instance=name, extra=extra) | {"queued.min.messages": 20_000}
        )
        self._producer: Producer | None = None
        self._undelivered = 0
        self._began = time.monotonic()
        self._failures = 0  # since something was last committed
        self.carried = 0

    def take_up(self, catalog: Catalog) -> None:
        """Decide by the policies of *catalog* from the next event on; raises CatalogError where they cannot be used."""
        ours = [stream for stream in catalog.streams.values() if stream.lane == self._lane]
        self._desks = {one.topic: Desk(catalog, one, self._keys, traced=tracing.on()) for one in ours}
        relay_counts.in_force(catalog, self._lane)

    def run(
        self,
        stop: threading.Event,
        ready: Callable[[], None] = lambda: None,
        renew: Callable[[], object] = lambda: None,
    ) -> None:
        """
        Carry until *stop* is set; *ready* is called once the first partitions are assigned, *renew* between polls.

        Raises TransportError when fenced by another relay of the same name, or where Kafka's answer leaves no way on.
        """
        note("relay", "carrying", lane=self._lane, count=len(self._desks))
        try:
            self._catch_up(stop)
            self._opened()  # at once: until a killed predecessor's transaction is fenced, its offsets are not to be had
            self._consumer.subscribe(list(self._desks), on_assign=lambda _consumer, _partitions: ready())
            while not stop.is_set():
                renew()
                readiness.OWN.beat()
                batch = self._poll()
                if batch:
                    self._carry(batch, stop)
        finally:
            self._consumer.close()
            self._follower.close()
            note("relay", "stopped", lane=self._lane, count=self.carried)

    def _poll(self) -> list[Message]:
        """The next messages, as soon as there is one and it is time: what waits already comes along."""
        first = self._consumer.poll(0.25)
        if first is None:
            return []
        self._precedence.carrying()
        keep_pace(self._began)
        most = PIECE if self._precedence.yields else BATCHES * BATCH
        batch: list[Message] = [first, *self._consumer.consume(most - 1, 0)]
        for message in [one for one in batch if one.error() is not None]:
            if message.error().retriable():
                batch.remove(message)
            else:
                raise TransportError(f"cannot consume: {message.error().str()}; see deploy/runbook/lost-offsets.md")
        return batch

    def _carry(self, polled: Sequence[Message], stop: threading.Event) -> None:
        """
        Decide what was *polled* and commit everything that comes of it.

        While the other lane has precedence it is a piece at a time with a rest after each, and what is known of
        children is brought up to date after each rest. Who polls too seldom is put out of the group, so that in the end
        it does not rest.
        """
        left, polled_at = polled, time.monotonic()
        while left and self._catch_up(stop):
            began = time.monotonic()
            try:
                carried = self._in_batches(left[:PIECE] if self._precedence.yields else left)
            except KafkaException as error:
                self._go_back(error, stop)
                return
            left, now = left[carried:], time.monotonic()
            if now - polled_at < RESTING_SECONDS:
                stop.wait(self._precedence.rest(now - began))

    def _in_batches(self, events: Sequence[Message]) -> int:
        """Carry *events*, batch after batch, until none is left or this lane is to make room; returns how many."""
        batch, decided, carried = events[:BATCH], self._decided(events[:BATCH]), 0
        while batch:
            after = carried + len(batch)
            following = () if self._precedence.yields else events[after : after + BATCH]
            offsets, counts, done = _after(batch), decided.counts, decided.spans
            decided = self._transact(decided.records, offsets, meanwhile=following)
            relay_counts.committed(self._lane, len(batch), time.monotonic() - self._began, counts)
            spans.committed(done)
            self.carried += len(batch)
            self._failures = 0
            batch, carried = following, after
        return carried

    def _catch_up(self, stop: threading.Event) -> bool:
        """
        Know everything of children's standing that was committed before now; False where told to stop first.

        Nothing is decided on what may be out of date: while Kafka does not say, events wait, and none is lost.
        """
        while not stop.is_set():
            try:
                self._follower.catch_up(PATIENCE)
            except TransportError:
                note("relay", "waiting for what is known of children", lane=self._lane, level=logging.WARNING)
                readiness.OWN.lacks("standing", "Kafka does not say how far what is known of children goes")
                readiness.OWN.beat()
                stop.wait(1.0)
            else:
                readiness.OWN.has("standing")
                return True
        return False

    def _go_back(self, error: KafkaException, stop: threading.Event) -> None:
        """
        After *error*: let go of the producer, and return the consumer to what is committed.

        Nothing that was polled is carried on with. Whether the commit succeeded is not known until a new producer has
        fenced the old transaction and Kafka has said where the group stands; what it says then is where polling goes
        on, so that nothing is left out, nothing is published twice, and whoever was put out of the group joins again.
        """
        self._spend(error)
        self._failures += 1
        pause = min(0.1 * 2 ** min(self._failures, 6), 5.0)
        while not stop.wait(pause):
            try:
                self._opened()
                self._rewind()
            except KafkaException as again:
                self._spend(again)
                pause = min(pause * 2, 5.0)
            else:
                return

    def _decided(self, batch: Sequence[Message]) -> Decided:
        now, desks, view = self._clock(), self._desks, self._following.view
        records: list[Record] = []
        receipts: list[Receipt] = []
        aside: list[str] = []
        traced: list[Span] = []
        began = time.time_ns() if tracing.on() else 0
        for message in batch:
            topic, value = message.topic(), message.value()
            if value is None:
                continue  # a tombstone says that a key is forgotten; recipients' topics expire by themselves
            try:
                record = Record(topic, message.key(), value, message.headers() or ())
                carried = desks[topic].carry(record, now=now, view=view)
            except Exception as error:  # noqa: BLE001  one bad record must neither stop the lane nor pass through it
                records.append(self._quarantined(message, error, now))
                aside.append(desks[topic].stream.name)
                receipts += desks[topic].refused(record, now=now)
                continue
            records += carried.records
            receipts += carried.receipts
            if began:
                traced += spans.decided(desks[topic].stream, record, carried.receipts, began)
        records += disclosure.pages(receipts, self._pages)
        return Decided(records, relay_counts.counted(receipts, aside), traced)

    def _quarantined(self, message: Message, error: Exception, now: datetime) -> Record:
        place = f"{message.topic()}/{message.partition()}/{message.offset()}"
        note(
            "relay",
            "set aside",
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            kind=type(error).__name__,
        )
        record = Record(message.topic(), message.key(), message.value(), message.headers() or ())
        return set_aside(self._keys, record, f"relay.{type(error).__name__.lower()}", place, now)

    def _transact(
        self, records: Sequence[Record], offsets: list[TopicPartition], meanwhile: Sequence[Message] = ()
    ) -> Decided:
        """One transaction of *records* and *offsets*; returns what comes of *meanwhile*, decided while it is sent."""
        producer = self._opened()
        self._began = time.monotonic()
        producer.begin_transaction()
        produce, report = producer.produce, self._report
        for topic, key, value, headers in records:
            while True:
                try:
                    produce(topic, value=value, key=key, headers=list(headers), on_delivery=report)
                    break
                except BufferError:
                    producer.poll(0.05)
        decided = self._decided(meanwhile)
        self._again(
            lambda: producer.send_offsets_to_transaction(offsets, self._consumer.consumer_group_metadata(), PATIENCE)
        )
        self._again(lambda: producer.commit_transaction(PATIENCE))
        if self._undelivered:
            raise AssertionError("a transaction was committed though a record of it was not delivered")
        return decided

    def _report(self, error: object, _message: object) -> None:
        if error is not None:
            self._undelivered += 1

    @staticmethod
    def _again(call: Callable[[], object]) -> None:
        """Repeat *call* while its error says that it may be, within the time one call has."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                call()
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
            else:
                return

    def _opened(self) -> Producer:
        if self._producer is None:
            producer = Producer(self._producing)
            self._again(lambda: producer.init_transactions(PATIENCE))
            self._producer = producer
            self._undelivered = 0
        return self._producer

    def _spend(self, error: KafkaException) -> None:
        """Abort as well as can be and let go of the producer; raises TransportError where we were fenced."""
        fault = error.args[0]
        note("relay", "transaction given up", lane=self._lane, code=fault.name())
        relay_counts.given_up(self._lane)
        spent, self._producer = self._producer, None
        late = time.monotonic() - self._began > TRANSACTION_SECONDS  # then Kafka itself ended our transaction
        if fault.name() == "FENCED_INSTANCE_ID" or (fault.name() in FENCED and not late):
            raise TransportError("another relay of the same name took over; this one stops") from error
        if spent is not None:
            try:
                spent.abort_transaction(5.0)
            except KafkaException as second:
                note("relay", "abort did not succeed; the next producer fences it", code=second.args[0].name())

    def _rewind(self) -> None:
        """
        Back to what is committed, on every partition we hold.

        A partition left where it stands would go on behind events that were polled and never carried. So one of which
        Kafka does not say what is committed raises KafkaException, and one with nothing committed TransportError.
        """
        held = self._consumer.assignment()
        for partition in self._consumer.committed(held, timeout=PATIENCE) if held else ():
            if partition.error is not None:
                raise KafkaException(partition.error)
            if partition.offset < 0:
                raise TransportError(
                    "the group has no place in a partition it holds; see deploy/runbook/lost-offsets.md"
                )
            self._consumer.seek(partition)


def _after(batch: Sequence[Message]) -> list[TopicPartition]:
    """Where each partition goes on after *batch*."""
    positions = {(message.topic(), message.partition()): message.offset() + 1 for message in batch}
    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in positions.items()]
