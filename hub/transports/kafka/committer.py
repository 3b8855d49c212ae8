"""Committing: many callers' records in few Kafka transactions, each caller's all or none, on one thread."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from hub.envelope import Record
from hub.errors import Refused, TransportError
from hub.transports.kafka.clients import LOGGER, Extra, keep_pace, producer_settings, trouble

FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
_NEVER = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_EXCEPTION,
}  # what Kafka says of a record that it will say of it again
_AT_ONCE = {
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
}  # a person must mend it: trying on would only keep the others waiting
_NOT_ITS_OWN = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._STATE, KafkaError._FATAL}


class Fenced(TransportError):
    """Another process took over this transactional id: this one must stop, or the two would fight."""


class _Asked:
    """One caller's records, what became of each, and the caller's future."""

    def __init__(self, records: Sequence[Record], patience: float) -> None:
        self.records = records
        self.deadline = time.monotonic() + patience
        self.done: Future[None] = Future()
        self.delivered = 0
        self.fault: KafkaError | None = None
        self.certain = False  # that the fault is of its own record, not of a batch's

    def begin(self) -> None:
        self.delivered, self.fault, self.certain = 0, None, False

    def report(self, fault: KafkaError | None, _: Message) -> None:
        if fault is None:
            self.delivered += 1
        elif self.fault is None and fault.code() not in _NOT_ITS_OWN:
            self.fault = fault


class _Failed(Exception):
    """A transaction did not commit, or nobody can say whether it did."""

    def __init__(self, fault: KafkaError | None) -> None:
        self.fault = fault
        super().__init__(fault.name() if fault else "undelivered")


class Committer:
    """
    Commits records to Kafka for many callers at once; each call returns after the transaction that holds all of it.

    A transaction takes what waits, up to *most* records, and more only where one caller brings more, and begins no
    sooner than *pace* seconds after the last one did. *patience* is how long, in seconds, a caller's records are tried
    before it gets `TransportError`. After any error that Kafka does not call retriable the producer is thrown away and
    the same records go through a new one: librdkafka speaks the transaction protocol of before KIP-890, in which a late
    answer to one transaction can touch the next, and only a new epoch shuts it out. A commit whose answer was lost is
    so repeated: records must carry ids by which a reader knows them again. The commit of a call that failed may still
    have happened, for the same reason.
    """

    def __init__(
        self,
        bootstrap: str,
        transactional_id: str,
        extra: Extra | None = None,
        *,
        patience: float = 30.0,
        most: int = 500,
        pace: float = 0.0,
        transaction_timeout: float = 15.0,
    ) -> None:
        self._settings = producer_settings(bootstrap, transactional_id, extra, transaction_timeout=transaction_timeout)
        self._patience = patience
        self._most = most
        self._pace = pace
        self._began = -pace
        self._transaction_timeout = transaction_timeout
        self._waiting: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._held: _Asked | None = None
        self._producer: Producer | None = None
        self._last = "no attempt ended"
        self._over: TransportError | None = None
        self.ended: Future[None] = Future()
        """Fails when nothing is committed any more although nobody closed it, as where another process took over."""
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"commit {transactional_id}", daemon=True)
        self._thread.start()

    async def commit(self, records: Sequence[Record]) -> None:
        """
        Commit *records*, all or none; returns after the commit.

        Raises `Refused` where Kafka will never take one of them, `Fenced` where another process took over, and
        `TransportError` where patience ran out.
        """
        if records:
            await asyncio.wrap_future(self.enqueue(records))

    def enqueue(self, records: Sequence[Record]) -> Future[None]:
        """The same for callers without an event loop; a future that is cancelled before its turn is not sent."""
        asked = _Asked(records, self._patience)
        with self._gate:
            if self._over is not None:
                asked.done.set_exception(self._over)
            else:
                self._waiting.put(asked)
        return asked.done

    def close(self, timeout: float = 30.0) -> None:
        """Commit what waits, then let go; callers that come later get `TransportError`. Waits *timeout* seconds."""
        with self._gate:
            if self._over is None:
                self._over = TransportError("the committer is closed; nothing was sent")
                self._waiting.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._open_early()
            while (batch := self._next()) is not None:
                self._settle(batch)
        except Fenced as fenced:
            self._end(fenced)
        except BaseException:
            self._end(TransportError("the committer stopped by a fault of its own; start the process again"))
            raise
        finally:
            self._drop()

    def _end(self, why: TransportError) -> None:
        with self._gate:
            self._over = why
        self.ended.set_exception(why)
        for asked in self._drain():
            if asked.done.set_running_or_notify_cancel():
                asked.done.set_exception(why)

    def _drain(self) -> list[_Asked]:
        held, self._held = ([self._held] if self._held else []), None
        while True:
            try:
                asked = self._waiting.get_nowait()
            except queue.Empty:
                return held
            if asked is not None:
                held.append(asked)

    def _next(self) -> list[_Asked] | None:
        """What the next transaction holds: what waits now, and never a part of what one caller brought."""
        first, self._held = self._held or self._waiting.get(), None
        if first is None:
            return None
        keep_pace(self._began, self._pace)
        self._began = time.monotonic()
        batch, count = [first], len(first.records)
        while count < self._most:
            try:
                asked = self._waiting.get_nowait()
            except queue.Empty:
                break
            if asked is None:
                self._waiting.put(None)  # closing: after what waits
                break
            if count + len(asked.records) > self._most:
                self._held = asked
                break
            batch.append(asked)
            count += len(asked.records)
        return [asked for asked in batch if asked.done.set_running_or_notify_cancel()]

    def _settle(self, batch: list[_Asked]) -> None:
        """
        Try until each caller is answered.

        Where some callers' records failed and others' did not, the others go first and the faulty ones apart, so
        that one caller's bad record does not keep all who share its transaction.
        """
        groups = [batch]
        try:
            while groups:
                group = self._patient(groups.pop(0))
                if not group:
                    continue
                try:
                    self._transact(group)
                except _Failed as failed:
                    self._last = str(failed)
                    groups[:0] = self._part(group)
                else:
                    for asked in group:
                        asked.done.set_result(None)
        except BaseException as error:
            why = error if isinstance(error, TransportError) else TransportError("the committer stopped; send again")
            for asked in batch:
                if not asked.done.done():
                    asked.done.set_exception(why)
            raise

    def _patient(self, group: list[_Asked]) -> list[_Asked]:
        now = time.monotonic()
        for asked in group:
            if asked.deadline <= now:
                asked.done.set_exception(
                    TransportError(
                        f"Kafka did not commit within {self._patience:g} s ({self._last}); send the same again"
                    )
                )
        return [asked for asked in group if asked.deadline > now]

    def _part(self, group: list[_Asked]) -> list[list[_Asked]]:
        """Answer those whom trying again cannot help, and say in which groups the others are tried again."""
        sound = [asked for asked in group if asked.fault is None]
        shunned, slow = [], []
        for asked in group:
            code = asked.fault.code() if asked.fault is not None else None
            if asked.fault is None:
                continue
            if code in _AT_ONCE:
                asked.done.set_exception(trouble(asked.fault, "writing"))
            elif code in _NEVER and (asked.certain or len(group) == 1):
                asked.done.set_exception(
                    Refused(f"Kafka will not take a record: {asked.fault.name()}; see the topic's max.message.bytes")
                )
            elif code in _NEVER:
                shunned.append(asked)  # Kafka judges whole batches: the record that it means may be a neighbour's
            else:
                slow.append(asked)
        half = (len(shunned) + 1) // 2
        if not sound:
            return [shunned[:half], shunned[half:], slow]
        return [sound, shunned[:half], shunned[half:], *([asked] for asked in slow)]

    def _transact(self, group: list[_Asked]) -> None:
        """One attempt; raises `_Failed` with the producer thrown away, or `Fenced`."""
        started = time.monotonic()
        for asked in group:
            asked.begin()
        try:
            producer = self._producer or self._open(self._remaining(group))
            started = time.monotonic()
            producer.begin_transaction()
            for asked in group:
                for record in asked.records:
                    self._produce(producer, asked, record, started)
            producer.flush(self._transaction_timeout)
            if any(asked.delivered != len(asked.records) for asked in group):
                raise _Failed(next((asked.fault for asked in group if asked.fault), None))
            self._conclude(producer, started)
        except (KafkaException, SystemError) as error:
            fault = fault_of(error)
            self._drop()
            # The broker also fences a producer whose transaction stayed open too long: that is no other process.
            if fault.code() in FENCED and time.monotonic() - started < self._transaction_timeout:
                raise Fenced(
                    "another process writes under this one's transactional id; see that only one of its name runs"
                ) from error
            time.sleep(0.1)
            raise _Failed(fault) from error
        except _Failed:
            self._drop()
            raise

    def _produce(self, producer: Producer, asked: _Asked, record: Record, started: float) -> None:
        while True:
            try:
                producer.produce(
                    record.topic, record.value, record.key, headers=list(record.headers), on_delivery=asked.report
                )
            except BufferError as error:  # librdkafka's own queue is full: wait for it to drain
                if time.monotonic() - started > self._transaction_timeout:
                    raise _Failed(None) from error
                producer.poll(0.05)
            except KafkaException as error:
                asked.fault, asked.certain = error.args[0], True  # said of this record, before it left
                raise
            else:
                return

    def _conclude(self, producer: Producer, started: float) -> None:
        while True:
            try:
                producer.commit_transaction(-1)  # librdkafka asks for -1: another wait can leave its state behind
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() - started > self._transaction_timeout:
                    raise
                producer.poll(0.05)
            else:
                return

    @staticmethod
    def _remaining(group: list[_Asked]) -> float:
        return max(0.5, max(asked.deadline for asked in group) - time.monotonic())

    def _open_early(self) -> None:
        try:
            self._open(self._patience)
        except KafkaException as error:  # no record was sent yet, so that no report can be in its way
            self._last = str(trouble(error, "opening a producer"))
            self._drop()

    def _open(self, timeout: float) -> Producer:
        """A new producer under the same transactional id: its epoch shuts out whatever the last one left behind."""
        self._producer = Producer(self._settings, logger=LOGGER)
        self._producer.init_transactions(min(10.0, timeout))
        return self._producer

    def _drop(self) -> None:
        """Abort if it can be done, and throw the producer away."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        for let_go in (lambda: producer.abort_transaction(2.0), producer.purge, lambda: producer.flush(1.0)):
            with suppress(KafkaException, SystemError):  # after a fatal fault each only says the fault again
                let_go()


def fault_of(error: KafkaException | SystemError) -> KafkaError:
    """
    What Kafka said.

    confluent-kafka raises a fatal fault in the midst of delivery reports and goes on to call back with them; Python
    then wraps the fault in a SystemError. One that does not come of a fault is a mistake, and is raised again.
    """
    cause = error if isinstance(error, KafkaException) else error.__cause__
    if not isinstance(cause, KafkaException):
        raise error
    fault: KafkaError = cause.args[0]
    return fault
