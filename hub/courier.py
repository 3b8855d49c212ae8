"""Couriers: the process that takes each agency's topics to the agency's own door; it decides nothing."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.envelope import Envelope, is_synthetic
from hub.keys import Keys
from hub.log import note
from hub.office import Office
from hub.parcel import Way, to_payload
from hub.patience import LONGEST_SECONDS, Uniform, backoff
from hub.runner import Runner
from hub.store.entries import Arrival, Lane
from hub.store.ledger import Ledger
from hub.stream import Stream
from hub.topology import milliseconds
from hub.transports import Sink
from hub.transports.kafka.reading import Stored

SWEEP_SECONDS = 5.0  # how soon what a person released, or a dead courier left, is found
PRUNE_SECONDS = 3600.0
AGAIN_SECONDS = 15.0  # how soon, at the latest, what failed on our own side begins again


class Inflow(Protocol):
    """A consumer of one agency's topics: read committed, from the beginning, offsets kept only on `commit`."""

    async def read(self) -> Sequence[Stored]:
        """The next records, possibly none, within about a second; raises `TransportError`."""

    async def commit(self) -> None:
        """Keep the place after everything read so far; raises `TransportError`."""

    async def close(self) -> None:
        """Leave."""


SinkFor = Callable[[Agency, str, Door], Sink]
"""(agency, stream, door) → what delivers; asked once for each, and may then be used for many lanes at once."""
DoorFor = Callable[[Agency, str], Door]
InflowFor = Callable[[str, Sequence[str]], Inflow]
"""(group id, topics) → a consumer of them."""


def first_door(agency: Agency, stream: str) -> Door:
    """The door that is used unless a setting says otherwise."""
    return agency.hears[stream].doors[0]


def group_of(agency: str) -> str:
    """The consumer group of an agency's courier."""
    return f"courier.{agency.replace('_', '-')}"


def ways_of(catalog: Catalog, sink_for: SinkFor, door_for: DoorFor) -> dict[str, dict[str, Way]]:
    """By agency and stream, the ways a courier serves: of live agencies that a policy names and that read no Kafka."""
    ways: dict[str, dict[str, Way]] = {}
    for agency in catalog.agencies.values():
        policy = catalog.policies.get(agency.key)
        if policy is None or agency.status == "trial":
            continue
        for name in agency.hears:
            door = door_for(agency, name)
            if name in policy.hears and door.by != "kafka":
                way = Way(agency, catalog.streams[name], door, sink_for(agency, name, door))
                ways.setdefault(agency.key, {})[name] = way
    return ways


def arrival(stored: Stored, stream: Stream, agency: str, keys: Keys) -> Arrival:
    """
    A record as the ledger takes it.

    One whose papers are not sound is taken too, parked, under an id made from its place: nothing that was
    committed may vanish, and it must not stop what lies behind it.
    """
    record = stored.record
    address, fault = "", "" if record.value else "record.empty"
    message_id = hashlib.sha256(f"{record.topic}/{stored.partition}/{stored.offset}".encode()).hexdigest()[:32]
    try:
        papers = Envelope.from_headers(record.headers)
        if not sound(papers.id, 64) or not sound(papers.address or "-", 200):
            raise ValueError
        message_id, address = papers.id, papers.address
        subject = (record.key or b"").decode("ascii") or message_id
        if not sound(subject, 64):
            raise ValueError
    except (KeyError, ValueError):
        fault, subject = "envelope.unsound", message_id
    return Arrival(
        Lane(agency, stream.name, address),
        message_id,
        record.topic,
        stored.partition,
        stored.offset,
        subject,
        keys.seal("ledger", to_payload(record.headers, record.value or b""), message_id),
        whole=stream.keep == "latest",
        fault=fault,
    )


def sound(text: str, longest: int) -> bool:
    """Whether a database takes *text* as it is, whichever database it is."""
    return 0 < len(text) <= longest and text.isprintable()


class Courier:
    """One agency's: its consumer, and a runner for each lane in which something waits."""

    def __init__(self, agency: str, ways: Mapping[str, Way], office: Office, inflow_for: InflowFor) -> None:
        self._agency = agency
        self._ways = ways
        self._office = office
        self._inflow_for = inflow_for
        self._streams = {way.stream.topic_to(agency): way.stream for way in ways.values()}
        self._runners: dict[Lane, Runner] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._doorless: set[str] = set()

    async def run(self) -> None:
        """Carry until the hub stops; a fault in one part is told, and that part begins again."""
        await self._keep("recovery", self._recover)
        parts = {"intake": self._take_in, "sweep": self._sweep, "prune": self._prune}
        try:
            await asyncio.gather(*(self._keep(part, work) for part, work in parts.items()))
            for runner in self._runners.values():
                runner.nudge()
            while self._running:
                await asyncio.wait(self._running)
        finally:
            for task in self._running:
                task.cancel()

    async def _keep(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do *work* until it ends by itself; after a fault do it again, later and later while it keeps failing."""
        office, clock, failures = self._office, asyncio.get_running_loop().time, 0
        while True:
            began = clock()
            try:
                return await work()
            except Exception as error:  # noqa: BLE001  nothing may end a courier but its being stopped
                failures = 1 if clock() - began > LONGEST_SECONDS else failures + 1
                kind = type(error).__name__
                note("courier", f"{part} failed", level=logging.ERROR, agency=self._agency, kind=kind)
                if office.stopping.is_set():
                    return None
                await office.pause(min(AGAIN_SECONDS, backoff(failures, office.uniform)))

    async def _recover(self) -> None:
        office = self._office
        await office.store(lambda: office.ledger.recover(self._agency, office.clock()))

    async def _take_in(self) -> None:
        """From Kafka into the ledger; the place in Kafka is kept only after the ledger has what lay before it."""
        office = self._office
        inflow = self._inflow_for(group_of(self._agency), sorted(self._streams))
        try:
            while not office.stopping.is_set():
                if not (records := await inflow.read()):
                    continue
                real = [one for one in records if not is_synthetic(one.record.headers)]
                if len(real) < len(records):  # canaries end here: their marks are looked for in Kafka, by the lookout
                    note("courier", "canaries let go", agency=self._agency, count=len(records) - len(real))
                arrivals = [arrival(one, self._streams[one.record.topic], self._agency, office.keys) for one in real]
                if arrivals:
                    await office.store(partial(office.ledger.enqueue, arrivals, office.clock()))
                for lane in dict.fromkeys(one.lane for one in arrivals):
                    self._nudge(lane)
                await inflow.commit()
        finally:
            await inflow.close()

    async def _sweep(self) -> None:
        """Find what waits although no record came: released by a person, or left by a courier that died."""
        office = self._office
        while not office.stopping.is_set():
            for lane in await office.store(lambda: office.ledger.lanes(self._agency)):
                self._nudge(lane)
            await office.pause(SWEEP_SECONDS)

    async def _prune(self) -> None:
        """Forget what was settled so long ago that Kafka cannot hold it any more."""
        office = self._office
        hears = office.catalog.policies[self._agency].hears
        while not office.stopping.is_set():
            for stream in self._ways:
                kept = timedelta(milliseconds=milliseconds(hears[stream].kept))
                before = office.clock() - 2 * kept - timedelta(days=2)
                await office.store(partial(office.ledger.prune, self._agency, stream, before))
            await office.pause(PRUNE_SECONDS)

    def _nudge(self, lane: Lane) -> None:
        runner, way = self._runners.get(lane), self._ways.get(lane.stream)
        if runner is not None:
            runner.nudge()
        elif way is None:
            if lane.stream in self._doorless:
                return
            self._doorless.add(lane.stream)
            note("courier", "no door", level=logging.ERROR, agency=lane.agency, stream=lane.stream)
        else:
            runner = self._runners[lane] = Runner(lane, way, self._office)
            task = asyncio.create_task(self._serve(lane, runner))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _serve(self, lane: Lane, runner: Runner) -> None:
        try:
            await self._keep("lane", runner.run)
        finally:
            del self._runners[lane]


class Couriers:
    """
    The process: a courier for each agency that does not read Kafka itself; none of them waits for another.

    SQL and rendering are done in threads, SQL in one alone, since SQLite has one writer anyway; with *in_place* they
    are done where they are asked for, so that a test with a clock of its own sees everything happen in one order.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        keys: Keys,
        ledger: Ledger,
        sink_for: SinkFor,
        inflow_for: InflowFor,
        door_for: DoorFor = first_door,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        uniform: Uniform = random.uniform,
        in_place: bool = False,
    ) -> None:
        threads = None if in_place else ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._office = Office(catalog, keys, ledger, clock, uniform, threads)
        self._ways = ways_of(catalog, sink_for, door_for)
        self._couriers = [Courier(agency, ways, self._office, inflow_for) for agency, ways in self._ways.items()]

    async def run(self) -> None:
        """Carry until `stop`; attempts under way are then finished and written down."""
        try:
            await asyncio.gather(*(courier.run() for courier in self._couriers))
        finally:
            sinks = {id(way.sink): way.sink for ways in self._ways.values() for way in ways.values()}
            await asyncio.gather(*(sink.close() for sink in sinks.values()), return_exceptions=True)
            if self._office.threads is not None:
                self._office.threads.shutdown(wait=False)

    def stop(self) -> None:
        """End `run` soon, cleanly."""
        self._office.stopping.set()
