"""Bounds: the parts of Faust that do not keep the hub's rules, each replaced by one that does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, cast
from weakref import WeakSet

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from hub.errors import HubError
from hub.log import note
from hub.watches.progress import Committable, Place, Progress

FETCH_SECONDS = 0.1  # how long one look at what was fetched waits; Faust's second is the grain of progress otherwise
FETCH_MILLISECONDS = 50  # how long the broker holds a fetch: what is new on a partition outside it waits that long
READ_COMMITTED = 1
LARGEST = 3 * 1024 * 1024  # bytes of one request; topics take four, so that what is sent is never refused
LOGGER = logging.getLogger("faust.bounds")  # mode would take the module's name, and its lines would pass for ours


class Ends:
    """
    Where partitions end for a reader of committed records, asked on a connection of its own.

    On the consumer's connection the question waits until the broker has answered the fetch before it.
    """

    def __init__(self, bootstrap: str, security: Mapping[str, Any]) -> None:
        self._settings = {"bootstrap_servers": bootstrap, "isolation_level": "read_committed", **security}
        self._client: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def of(self, topic: str, partition: int) -> int:
        """The offset after the last committed record; raises KafkaError where nobody answers."""
        async with self._lock:
            if self._client is None:
                client = AIOKafkaConsumer(**self._settings)
                try:
                    await client.start()
                except BaseException:
                    await client.stop()
                    raise
                self._client = client
            ends = await self._client.end_offsets([TopicPartition(topic, partition)])
        return int(next(iter(ends.values())))

    async def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            await self._client.stop()
            self._client = None


class App(faust.App):
    """The Faust application, with what its consumer tells of the *kept* topics and the work that is *flying*."""

    logger = LOGGER
    progress: Progress
    committable: Committable
    kept: frozenset[str]
    ends: Ends
    flying: set[asyncio.Task[None]]

    async def on_stop(self) -> None:
        """Stop, and let go of what is not Faust's."""
        await super().on_stop()
        await self.ends.close()


class Thread(driver.AIOKafkaConsumerThread):
    """The thread of aiokafka's consumer: read_committed, which Faust has for exactly_once only."""

    logger = LOGGER

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_MILLISECONDS
        return consumer

    async def on_start(self) -> None:
        """Start, and make sure that what was set is what it does."""
        await super().on_start()
        if self._ensure_consumer()._fetcher._isolation_level != READ_COMMITTED:
            raise HubError("the watches' consumer would read uncommitted records; this aiokafka is not known")

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        """Log that it stopped; mode prints the error and its traceback to the terminal."""
        note("watches", "the consumer's thread stopped", level=logging.ERROR)


class Consumer(driver.Consumer):
    """Faust's consumer: acknowledges nothing that was not worked on, and tells how far it got."""

    logger = LOGGER

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.finished: WeakSet[Any] = WeakSet()

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Any) -> bool:
        """Acknowledge what is *finished*; a stream also acks what it skips in a rebalance, to be lost."""
        return message in self.finished and super().ack(message)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust's account of offsets at which no record is; `_new_offset` needs none."""

    def _new_offset(self, tp: TP) -> int | None:
        """
        What may be committed.

        Faust's own account takes the record behind a gap for part of it, and out of order what was never committed for
        finished: it commits past records that are not. And at each gap, which every transaction leaves, it looks
        through all others: behind a few thousand that took half of the watches' time.
        """
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return cast("App", self.app).committable.next((tp.topic, tp.partition))

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        # No fetch is under way between its return and the next call, so that position and records belong together.
        # The set is copied: Faust empties it while the fetch waits, and aiokafka takes an empty set for "all".
        wanted = set(active_partitions) if active_partitions else None
        records = await super()._getmany(wanted, min(timeout, FETCH_SECONDS))
        progress = cast("App", self.app).progress
        for at, batch in records.items():
            if batch:
                progress.fetched((at.topic, at.partition), batch[-1].offset)
        for place, position in self._positions():
            progress.reached(place, position)
        return records

    async def perform_seek(self) -> None:
        """Go back to what was committed, and to the beginning where nothing was; Faust leaves those where they are."""
        await super().perform_seek()
        unread = {at for at in self.assignment() if not self._is_changelog_tp(at) and not self._committed_offset[at]}
        if unread:
            await self._thread.seek_to_beginning(*map(driver.ensure_aiokafka_TP, unread))
            for at in unread:
                self._read_offset[at] = None

    def _positions(self) -> Iterator[tuple[Place, int]]:
        subscription = self._thread._ensure_consumer()._subscription.subscription
        assignment: Any = subscription.assignment if subscription is not None else None
        for at in assignment.tps if assignment is not None else ():
            state = assignment.state_value(at)
            if at.topic in cast("App", self.app).kept and state is not None and state.has_valid_position:
                yield (at.topic, at.partition), state.position

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let go of partitions, once what is under way on them is done."""
        await super().on_partitions_revoked(revoked)
        app = cast("App", self.app)
        for at in revoked:
            app.progress.forget((at.topic, at.partition))
            app.committable.forget((at.topic, at.partition))


class Producer(driver.Producer):
    """Faust's producer, idempotent: a retry neither doubles nor reorders."""

    logger = LOGGER

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(driver.Transport):
    """The kafka:// driver; the confluent:// one swaps key and value."""

    Consumer = Consumer
    Producer = Producer
