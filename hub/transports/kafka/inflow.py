"""Inflow: a consumer as an event loop sees it: read what is there, and keep the place once it is safe elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaException, TopicPartition

from hub.transports.kafka.clients import LOGGER, Extra, consumer_settings, trouble
from hub.transports.kafka.reading import Stored, stored

MOST = 500
WAIT_SECONDS = 0.5


class KafkaInflow:
    """
    One group's consumer of *topics*, on a thread of its own.

    A group that was never here begins at the beginning: what it reads goes into a ledger that knows each message by
    its id, so that reading again sends nothing again.
    """

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str], extra: Extra | None = None) -> None:
        settings = consumer_settings(bootstrap, group, extra, offset_reset="earliest", instance=f"{group}.0")
        self._consumer = Consumer(settings, logger=LOGGER)
        self._consumer.subscribe(list(topics))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=group)
        self._read: dict[tuple[str, int], int] = {}

    async def read(self) -> Sequence[Stored]:
        """The next records, possibly none, within about half a second; raises `TransportError`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._poll)

    async def commit(self) -> None:
        """Keep the place after everything read so far; raises `TransportError`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._commit)

    async def close(self) -> None:
        """Leave the group."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
        self._thread.shutdown(wait=False)

    def _poll(self) -> list[Stored]:
        first = self._consumer.poll(WAIT_SECONDS)
        if first is None:
            return []
        arrived: list[Stored] = []
        for message in (first, *self._consumer.consume(MOST - 1, 0)):
            fault = message.error()
            if fault is not None:
                if fault.retriable():
                    continue
                raise trouble(fault, "reading what to deliver")
            one = stored(message)
            arrived.append(one)
            self._read[one.record.topic, one.partition] = one.offset + 1
        return arrived

    def _commit(self) -> None:
        places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in self._read.items()]
        self._read.clear()
        try:
            if places:
                self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            raise trouble(error, "keeping the place") from error
