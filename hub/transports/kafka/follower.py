"""Following a topic: every record of it, always as far as it was committed at the moment of asking; in no group."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition

from hub.envelope import Record
from hub.errors import TransportError
from hub.transports.kafka.clients import LOGGER, Extra, admin, consumer_settings, trouble
from hub.transports.kafka.reading import END, FIRST, Place, offsets, places, stored

PATIENCE = 30.0
WAIT_MILLISECONDS = 100
"""
How long the broker holds a fetch when there is nothing new, and so how long it takes at most, behind what was committed
last, to be told that it was the last. Each follower asks so often all day long.
"""


class Follower:
    """
    A reader of whole *topics* that gives every record to *take*, oldest first within a partition.

    With *from_end* only what is committed after its first `catch_up` began. *wait* is as `WAIT_MILLISECONDS` says.

    `catch_up` returns once everything that had been committed when it was called was given. Between calls nothing is
    given, so that one thread may take and look up without a lock.

    It asks how far the topics go with what is not committed yet, and waits until that is: Kafka acknowledges a commit
    before it has marked the records, so that for a moment what is committed looks as if it were not.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[str],
        take: Callable[[Record], None],
        extra: Extra | None = None,
        *,
        from_end: bool = False,
        wait: int = WAIT_MILLISECONDS,
    ) -> None:
        self._topics, self._take, self._start = tuple(topics), take, END if from_end else FIRST
        self._admin = admin(bootstrap, extra)
        self._consumer = Consumer(
            consumer_settings(bootstrap, "hub-following", extra)
            | {"enable.partition.eof": True, "fetch.wait.max.ms": wait, "auto.offset.reset": "error"},
            logger=LOGGER,
        )
        self._reached: dict[Place, int] = {}

    def catch_up(self, patience: float = PATIENCE) -> None:
        """
        Give everything that is committed now; raises `TransportError` where Kafka does not answer in *patience* s.

        What it then had not given it gives at the next call; nothing is left out.
        """
        if not self._topics:
            return
        deadline = time.monotonic() + patience
        try:
            if not self._reached:
                self._begin(patience)
            ends = offsets(self._admin, list(self._reached), END, patience, IsolationLevel.READ_UNCOMMITTED)
        except KafkaException as error:
            raise trouble(error, "asking how far the topics go that are followed") from error
        while any(self._reached[place] < end for place, end in ends.items()):
            if time.monotonic() > deadline:
                raise TransportError(f"not caught up with {', '.join(self._topics)} in {patience:g} s")
            message = self._consumer.poll(0.2)
            for one in (message, *self._consumer.consume(499, 0)) if message is not None else ():
                self._given(one)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _begin(self, patience: float) -> None:
        every = places(self._admin, self._topics, patience)
        begins = offsets(self._admin, every, self._start, patience)
        self._consumer.assign([TopicPartition(*place, begin) for place, begin in begins.items()])
        self._reached = dict(begins)

    def _given(self, message: Message) -> None:
        place: Place = (str(message.topic()), message.partition() or 0)
        fault, offset = message.error(), message.offset() or 0
        if fault is None:
            self._take(stored(message).record)
            self._reached[place] = max(self._reached[place], offset + 1)
        elif fault.code() == KafkaError._PARTITION_EOF:
            self._reached[place] = max(self._reached[place], offset)
        elif not fault.retriable():
            raise trouble(fault, "following")
