"""The Faust application: an agent for each topic, and no event acknowledged before all its work is committed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust

from hub.catalog import Catalog
from hub.errors import HubError, MessageError, TransportError
from hub.keys import Keys
from hub.log import note
from hub.metrics import families
from hub.transports.kafka.security import security
from hub.watches.bounds import LARGEST, App, Consumer, Ends, Transport
from hub.watches.changelog import GROUP, co_parted
from hub.watches.ground import Ground
from hub.watches.progress import Committable, Progress
from hub.watches.recovery import Tables
from hub.watches.watching import Promise, Taken, Watching, Worked
from hub.wire import Wire

ABREAST = 1000  # records whose promises fly at once
Work = Callable[[Taken], Awaitable[Worked]]


def build(
    catalog: Catalog,
    keys: Keys,
    *,
    bootstrap: str,
    state_dir: Path,
    partitions: Mapping[str, int],
    replication: int = 1,
    kafka: Mapping[str, str] | None = None,
    member: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> App:
    """
    The Faust application that runs every watch of *catalog*; to be called in the loop that will run it.

    *bootstrap* is `host:port,host:port`, *partitions* says how many each topic has, and *kafka* are settings as
    librdkafka names them (`sasl.username` …). *member* is this process's own lasting name: two that used the same
    would take the work from each other for ever. Raises CatalogError where a watch's topics are not parted alike.
    """
    co_parted(catalog, partitions)
    secured = security(kafka or {})
    app = App(
        GROUP,
        id_format="{id}",
        broker=[f"kafka://{server.strip()}" for server in bootstrap.split(",")],
        broker_credentials=_credentials(secured),
        broker_commit_interval=0.5,
        broker_heartbeat_interval=1.0,
        consumer_group_instance_id=f"{GROUP}-{member}",  # who is back under its name goes on without a rebalance
        broker_session_timeout=6.0,  # the least a broker takes: then a lost process's work goes to others
        broker_request_timeout=30.0,
        producer_request_timeout=30.0,
        producer_linger=0.0,
        producer_max_request_size=LARGEST,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        datadir=str(state_dir / "faust"),
        web_enabled=False,
        web_bind="127.0.0.1",
        web_tables_enabled=False,
        web_router_enabled=False,
        topic_allow_declare=False,  # ours were made before, as `hub.watches.changelog` wants them
        topic_disable_leader=True,
        topic_replication_factor=replication,
        table_standby_replicas=0,
        stream_wait_empty=True,
        agent_supervisor="mode.CrashingSupervisor",
        TableManager=Tables,
    )
    app.transport = app.producer_transport = Transport(app.conf.broker, app)
    app.progress = Progress()
    app.committable = Committable()
    app.flying = set()
    app.ends = Ends(bootstrap, secured)
    app.kept = frozenset(catalog.streams[watch.keeps].topic for watch in catalog.watches.values())
    tables: dict[str, Any] = {}
    kept = {watch.name: catalog.streams[watch.keeps].topic for watch in catalog.watches.values()}
    ground, wire = Ground(app, tables, kept), Wire(catalog)
    works: dict[str, list[tuple[Watching, Work]]] = {}
    for watch in catalog.watches.values():
        watching = Watching(
            watch=watch,
            kept=catalog.streams[watch.keeps],
            judged=catalog.streams[watch.on],
            emitted=catalog.streams[watch.emits],
            wire=wire,
            keys=keys,
            ground=ground,
        )
        tables[watch.name] = app.Table(
            watch.name, key_type=bytes, value_type=bytes, partitions=partitions[watching.kept.topic]
        )
        families.WATCH_ENTRIES.of(watch=watch.name).set_function(partial(_entries, tables[watch.name]))
        if watch.keeps == watch.on:
            works.setdefault(watching.kept.topic, []).append((watching, partial(watching.keep_and_judge, now=now)))
            continue
        works.setdefault(watching.kept.topic, []).append((watching, watching.keep))
        works.setdefault(watching.judged.topic, []).append((watching, partial(watching.judge, now=now)))
    for topic, all_of_it in works.items():
        _agent(app, topic, tuple(all_of_it))
    return app


def _agent(app: App, topic: str, works: tuple[tuple[Watching, Work], ...]) -> None:
    """
    One agent over one topic: in order, one by one, and none acknowledged before all that came of it is committed.

    Several watches may take the same record: one agent does the work of all, because Faust counts a record as taken
    once any agent has it, and progress is told of a topic, not of who reads it. What one watch cannot take in is set
    aside for that watch alone. The next record is worked on while the last one's promises fly; whatever goes wrong with
    those stops the process, so that nothing after a gap is ever committed.
    """

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            message, promises = event.message, list[Promise]()
            app.committable.begun((message.topic, message.partition), message.offset)
            for watching, work in works:
                families.WATCH_IN.of(watch=watching.watch.name, stream=streams[message.topic]).inc()
                worked, fatal = await _worked(watching, _taken(message), work)
                if fatal is not None:
                    await app.crash(fatal)
                    return
                promises += worked.promises
            app.progress.done((message.topic, message.partition), message.offset)
            flight = asyncio.create_task(land(stream, event, promises))
            app.flying.add(flight)
            flight.add_done_callback(app.flying.discard)
            if len(app.flying) >= ABREAST:
                await asyncio.wait(app.flying, return_when=asyncio.FIRST_COMPLETED)

    async def land(stream: Any, event: Any, promises: list[Promise]) -> None:
        fatal: HubError | None = None
        for promise in promises:
            try:
                await promise
            except Exception as error:  # noqa: BLE001  whatever it is, the record is not done with
                fatal = TransportError(f"Kafka did not commit what came of {topic}: {type(error).__name__}")
        if fatal is not None:
            await app.crash(fatal)
            return
        app.committable.finished((event.message.topic, event.message.partition), event.message.offset)
        cast("Consumer", app.consumer).finished.add(event.message)
        await stream.ack(event)

    streams = {one.topic: one.name for watching, _ in works for one in (watching.kept, watching.judged)}
    channel = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    app.agent(channel, name=topic, concurrency=1)(agent)


async def _worked(watching: Watching, taken: Taken, work: Work) -> tuple[Worked, HubError | None]:
    """Work on one record, or quarantine it; with it, why the process must stop, where it must."""
    try:
        worked = await work(taken)
        if worked.fault is None:
            return worked, None
        note(
            "watches", "set aside", level=logging.WARNING, code=worked.fault.code, place=worked.fault.place,
            topic=taken.topic, partition=taken.partition, offset=taken.offset,
        )  # fmt: skip
        families.WATCH_ASIDE.of(watch=watching.watch.name).inc()
        try:
            box = await watching.ground.emit(watching.quarantined(taken, worked.fault, datetime.now(UTC)))
        except MessageError:  # too large to be sealed: its place is told, and its topic still has it
            bare = taken._replace(value=None)
            box = await watching.ground.emit(watching.quarantined(bare, worked.fault, datetime.now(UTC)))
        return Worked((*worked.promises, box)), None
    except HubError as error:
        return Worked(), TransportError(str(error))
    except Exception as error:  # noqa: BLE001  a fault of our own: told by kind, and never by what it says
        fatal = HubError(f"the watch {watching.watch.name} failed at {taken.place}: {type(error).__name__}")
        return Worked(), fatal


def _entries(table: Any) -> float:
    return float(len(table.data))


def _taken(message: Any) -> Taken:
    headers = message.headers.items() if isinstance(message.headers, Mapping) else message.headers or ()
    return Taken(
        message.topic, message.partition, message.offset, message.key, message.value,
        tuple((name, value or b"") for name, value in headers),
    )  # fmt: skip


def _credentials(security: Mapping[str, Any]) -> Any:
    context = security.get("ssl_context")
    if "sasl_mechanism" in security:
        return faust.SASLCredentials(
            username=security["sasl_plain_username"],
            password=security["sasl_plain_password"],
            mechanism=security["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None
