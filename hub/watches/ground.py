"""Ground: what the watchings stand on, made of Faust's tables, producer and consumer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, RecordListTooLargeError
from faust.exceptions import ProducerSendError

from hub.envelope import Record
from hub.errors import NotUnderstood, TransportError
from hub.log import note
from hub.watches.bounds import App, Table

PATIENCE_SECONDS = 5.0  # how long an arrival waits for flags that were said before it
PAUSE_SECONDS = 1.0  # between attempts to produce


class Ground:
    """What the watchings stand on: Faust's tables, producer and consumer."""

    def __init__(self, app: App, tables: Mapping[str, Table], kept: Mapping[str, str]) -> None:
        self._app = app
        self._tables = tables
        self._kept = kept

    def recall(self, watch: str, key: bytes) -> bytes | None:
        """What Faust's table holds."""
        held: bytes | None = self._tables[watch].get(key)
        return held

    async def hold(self, watch: str, key: bytes, memory: bytes | None, partition: int) -> None:
        """Write the table, and wait for its changelog."""
        table = self._tables[watch]

        async def send() -> None:
            if memory is None:
                table.on_key_del(key)
                table.data.pop(key, None)
            else:
                table[key] = memory
            await asyncio.shield(table.sent)

        if memory is not None or key in table:
            await self._persist(send, table.changelog_topic_name, partition)

    async def emit(self, record: Record) -> None:
        """Produce, and wait for the acknowledgement."""

        async def send() -> None:
            await self._app.producer.send_and_wait(
                record.topic, record.key, record.value, None, None, list(record.headers)
            )

        await self._persist(send, record.topic, None)

    async def _persist(self, send: Callable[[], Awaitable[None]], topic: str, partition: int | None) -> None:
        """Send until it is committed; what the broker takes never is the message's fault, all else the world's."""
        attempt = 0
        while True:
            try:
                return await send()
            except (ProducerSendError, KafkaError) as error:
                cause = error.__cause__ if isinstance(error.__cause__, KafkaError) else error
            if isinstance(cause, MessageSizeTooLargeError | RecordListTooLargeError):
                raise NotUnderstood("too-large", topic, "what came of the record is larger than a record may be")
            if not (getattr(cause, "retriable", False) or isinstance(cause, KafkaTimeoutError)):
                raise TransportError(f"Kafka does not take a record of {topic}: {type(cause).__name__}")
            attempt += 1
            note(
                "watches", "not committed, trying again", level=logging.WARNING, topic=topic, partition=partition,
                attempt=attempt, kind=type(cause).__name__,
            )  # fmt: skip
            await asyncio.sleep(PAUSE_SECONDS)

    async def caught_up(self, watch: str, partition: int) -> bool:
        """Ask the broker where the kept partition ends, and wait until the work is there."""
        place = (self._kept[watch], partition)
        if place not in self._app.consumer.assignment():
            return False
        try:
            return await self._app.progress.caught_up(place, partial(self._app.ends.of, *place), PATIENCE_SECONDS)
        except KafkaError:
            return False
