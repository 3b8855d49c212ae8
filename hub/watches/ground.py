"""Ground: what the watchings stand on, made of Faust's tables, producer and consumer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faust.exceptions import ProducerSendError

from hub.envelope import Record
from hub.errors import NotUnderstood, TransportError
from hub.watches.bounds import LARGEST, App
from hub.watches.watching import Promise

PATIENCE_SECONDS = 5.0  # how long an arrival waits for flags that were said before it


class Ground:
    """What the watchings stand on: Faust's tables, producer and consumer."""

    def __init__(self, app: App, tables: Mapping[str, Any], kept: Mapping[str, str]) -> None:
        self._app = app
        self._tables = tables
        self._kept = kept

    def recall(self, watch: str, key: bytes) -> bytes | None:
        """What Faust's table holds."""
        held: bytes | None = self._tables[watch].get(key)
        return held

    def hold(self, watch: str, key: bytes, memory: bytes | None, partition: int) -> Promise:
        """
        Write the table and its changelog, and promise the latter.

        Item assignment would send and forget, so that a flag could be committed as read and its memory be lost. And a
        key that is assigned is not marked with its partition: it would stay when the partition goes to another
        process, and be there, grown old, when it comes back.
        """
        table = self._tables[watch]
        if memory is None:
            table.data.pop(key, None)
            table.data._key_partition.pop(key, None)
        elif len(memory) > LARGEST // 2:
            raise NotUnderstood("too-large", table.changelog_topic_name, "what is remembered of one key grew too large")
        else:
            table.data[key] = memory
            table.data._key_partition[key] = partition
        sent: Promise = table.send_changelog(partition, key, memory, value_serializer="raw")
        return sent

    async def emit(self, record: Record) -> Promise:
        """Send, and promise the acknowledgement of every replica in sync."""
        try:
            return await self._app.producer.send(
                record.topic, record.key, record.value, None, None, list(record.headers)
            )
        except (ProducerSendError, KafkaError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, KafkaError) else error
        if isinstance(cause, MessageSizeTooLargeError):
            raise NotUnderstood("too-large", record.topic, "what came of the record is larger than a record may be")
        raise TransportError(f"Kafka does not take a record of {record.topic}: {type(cause).__name__}")

    async def caught_up(self, watch: str, topic: str, partition: int, offset: int) -> bool:
        """Ask the broker where the kept partition ends, and wait until the work is there."""
        place = (self._kept[watch], partition)
        if place not in self._app.consumer.assignment():
            return False
        try:
            return await self._app.progress.caught_up(
                place, (topic, partition), offset, partial(self._app.ends.of, *place), PATIENCE_SECONDS
            )
        except KafkaError:
            return False
