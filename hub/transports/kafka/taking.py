"""Taking: records out of topics for somebody who keeps them elsewhere, and says when; blocking calls on one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from hub.envelope import Record
from hub.transports.kafka.clients import LOGGER, Extra, consumer_settings, trouble
from hub.transports.kafka.reading import Stored

MANY = 500
WAIT_SECONDS = 0.5

T = TypeVar("T")


class Taking:
    """
    One member of a *group* that reads *topics*, from the beginning where the group was never before.

    From the beginning, because who takes remembers every id and takes nothing twice: to see a record again is no
    harm, to miss one is. Every method raises `TransportError`, after which only `close` makes sense.
    """

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str], extra: Extra | None = None) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=group)
        self._next: dict[tuple[str, int], int] = {}
        self._topics = list(topics)
        self._settings = consumer_settings(bootstrap, group, extra, offset_reset="earliest")
        self._consumer: Consumer | None = None

    async def read(self) -> Sequence[Stored]:
        """The next records, none where none comes within half a second."""
        return await self._do(self._read)

    async def commit(self) -> None:
        """Keep the place after everything that was read."""
        await self._do(self._commit)

    async def close(self) -> None:
        """Leave the group."""
        await self._do(self._close)
        self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _read(self) -> list[Stored]:
        try:
            if self._consumer is None:
                self._consumer = Consumer(self._settings, logger=LOGGER)
                self._consumer.subscribe(self._topics)
            messages = self._consumer.consume(MANY, WAIT_SECONDS)
        except KafkaException as error:
            raise trouble(error, "reading") from error
        found = []
        for message in messages:
            if (fault := message.error()) is not None:
                raise trouble(fault, "reading")
            found.append(stored(message))
        for one in found:
            self._next[one.record.topic, one.partition] = one.offset + 1
        return found

    def _commit(self) -> None:
        places = [TopicPartition(topic, partition, after) for (topic, partition), after in self._next.items()]
        if self._consumer is None or not places:
            return
        try:
            results = self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            raise trouble(error, "keeping the place") from error
        for result in results or ():
            if result.error is not None:
                raise trouble(result.error, "keeping the place")
        self._next.clear()

    def _close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


def stored(message: Message) -> Stored:
    """A message of librdkafka in our words."""
    headers: Any = message.headers() or ()
    record = Record(
        str(message.topic()), _bytes(message.key()), _bytes(message.value()), tuple((k, v or b"") for k, v in headers)
    )
    moment = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    return Stored(record, int(message.partition() or 0), int(message.offset() or 0), moment)


def _bytes(content: Any) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
