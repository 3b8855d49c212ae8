"""Turns: transactions under a name that one process holds at a time, and none of which is ever sent again by itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from hub.envelope import Record
from hub.errors import TransportError
from hub.transports.kafka.clients import LOGGER, Extra, producer_settings, trouble
from hub.transports.kafka.committer import FENCED, Fenced, fault_of

TOOK_OVER = "somebody else took the turn meanwhile, and nothing of this was done; look again, then decide"


class Turn:
    """
    The turn to write what nobody may write twice; it is taken when this is made, which ends the turn of whoever had it.

    Once it is taken nothing of an earlier turn can be committed any more: a transaction that its holder left open,
    even by a kill, is aborted, and one that was being committed is committed first. So whoever takes the turn, then
    reads what was written to its end, and then decides, decides on all there is; and what is decided meanwhile by
    somebody who took the turn later makes `commit` fail. A `Committer` is for what may be sent again: after an error
    it opens a new producer by itself, and would shut out whoever came between.
    """

    def __init__(self, bootstrap: str, name: str, extra: Extra | None = None, *, patience: float = 30.0) -> None:
        settings = producer_settings(bootstrap, name, extra)
        self._seconds = settings["transaction.timeout.ms"] / 1000
        self._producer: Producer | None = Producer(settings, logger=LOGGER)
        try:
            self._producer.init_transactions(patience)
        except KafkaException as error:
            self.close()
            raise trouble(error, "taking the turn") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def commit(self, records: Sequence[Record]) -> None:
        """
        Commit *records*, all or none, and return once that is so.

        Raises `Fenced` where somebody took the turn, and `TransportError` where Kafka did not take them, or where
        nobody can say whether it did; the turn is over then.
        """
        if self._producer is None:
            raise TransportError("the turn is over; take another")
        producer, sent = self._producer, False
        try:
            producer.begin_transaction()
            self._send(producer, records)
            sent = True
            self._conclude(producer)
        except (KafkaException, SystemError) as error:
            fault = fault_of(error)
            self.close()
            if fault.code() in FENCED:
                raise Fenced(TOOK_OVER) from error
            if sent:
                raise TransportError(
                    f"Kafka, committing: {fault.name()}; nobody can say whether it was done: the same again looks first"
                ) from error
            raise trouble(fault, "writing, and nothing of it was done") from error
        except TransportError:
            self.close()
            raise

    def close(self) -> None:
        """End the turn; what was not committed is aborted."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        for let_go in (lambda: producer.abort_transaction(2.0), producer.purge, lambda: producer.flush(1.0)):
            with suppress(KafkaException, SystemError):  # outside a transaction, or after a fault, it only says so
                let_go()

    def _send(self, producer: Producer, records: Sequence[Record]) -> None:
        deadline, delivered = time.monotonic() + self._seconds, 0
        faults: list[KafkaError] = []

        def report(fault: KafkaError | None, _message: Message) -> None:
            nonlocal delivered
            if fault is None:
                delivered += 1
            else:
                faults.append(fault)

        for topic, key, value, headers in records:
            while True:
                try:
                    producer.produce(topic, value, key, headers=list(headers), on_delivery=report)
                    break
                except BufferError:  # librdkafka's own queue is full: wait for it to drain
                    if time.monotonic() > deadline:
                        raise TransportError("Kafka takes nothing; nothing of it was done") from None
                    producer.poll(0.05)
        producer.flush(max(0.5, deadline - time.monotonic()))
        if faults:
            producer.abort_transaction(2.0)  # where somebody took the turn, this says so, and the reports need not
            raise KafkaException(faults[0])
        if delivered != len(records):
            raise TransportError("Kafka did not take everything in time; nothing of it was done")

    def _conclude(self, producer: Producer) -> None:
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                producer.commit_transaction(-1)  # librdkafka asks for -1: another wait can leave its state behind
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
                producer.poll(0.05)
            else:
                return
