"""Couriers: the process that takes each agency's topics to the agency's own door; it decides nothing."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from hub import courier_counts
from hub.acknowledging import Acknowledgements
from hub.agency import Agency, Door
from hub.arriving import arrival
from hub.catalog import Catalog
from hub.envelope import is_synthetic
from hub.keys import Keys
from hub.leave import Meanwhile
from hub.log import note
from hub.office import Office
from hub.parcel import Way
from hub.partner import Partner
from hub.patience import LONGEST_SECONDS, Uniform, backoff
from hub.precedence import ALONE, Precedence
from hub.runner import Runner
from hub.store.entries import Arrival, Lane
from hub.store.ledger import Ledger
from hub.store.oversight import AT_A_TIME
from hub.store.rows import KEPT_OVER
from hub.store.scribe import Scribe
from hub.stream import Lane as StreamLane
from hub.topology import heard, milliseconds
from hub.transports import Sink
from hub.transports.kafka.reading import Stored

SWEEP_SECONDS = 5.0  # how soon what a person released, or a dead courier left, is found
PRUNE_SECONDS = 3600.0
REMIND_SECONDS = 60.0
OVERDUE = timedelta(hours=24)  # after which a partner should have said what became of a file
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
FirstNumber = Callable[[str, str], int]
"""(agency, stream) → the number of the first file where the hub sent none yet."""
InflowFor = Callable[[str, Sequence[str]], Inflow]
"""(group id, topics) → a consumer of them."""


def first_door(agency: Agency, stream: str) -> Door:
    """The door that is used unless a setting says otherwise."""
    return agency.hears[stream].doors[0]


def group_of(agency: str, lane: str) -> str:
    """The consumer group of an agency's courier in one lane."""
    return f"courier.{agency.replace('_', '-')}.{lane}"


def acknowledgements_of(agency: str, lane: str) -> str:
    """The consumer group in which an agency's courier reads what became of its files in one lane."""
    return f"{group_of(agency, lane)}.acknowledgements"


def served(catalog: Catalog, door_for: DoorFor, lane: str = "") -> Iterator[tuple[Agency, str, Door]]:
    """
    Each door that couriers serve, of one *lane* or of all: (agency, stream, door).

    They are those of live agencies that a policy names and that read no Kafka.
    """
    for agency, name in heard(catalog):
        if lane and catalog.streams[name].lane != lane:
            continue
        door = door_for(agency, name)
        if door.by != "kafka":
            yield agency, name, door


def ways_of(
    catalog: Catalog, lane: StreamLane, sink_for: SinkFor, door_for: DoorFor, first_number: FirstNumber
) -> dict[str, dict[str, Way]]:
    """By agency and stream, the ways that the couriers of one lane serve."""
    ways: dict[str, dict[str, Way]] = {}
    for agency, name, door in served(catalog, door_for, lane):
        first = first_number(agency.key, name) if door.numbered else 1
        ways.setdefault(agency.key, {})[name] = Way(
            agency, catalog.streams[name], door, sink_for(agency, name, door), first
        )
    return ways


class Courier:
    """One agency's in one lane: its consumer, and a runner for each line of messages in which something waits."""

    def __init__(
        self,
        agency: str,
        lane: StreamLane,
        ways: Mapping[str, Way],
        office: Office,
        inflow_for: InflowFor,
        overdue: timedelta,
    ) -> None:
        self._agency = agency
        self._lane = lane
        self._streams = frozenset(one.name for one in office.catalog.streams.values() if one.lane == lane)
        self._ways = ways
        self._office = office
        self._inflow_for = inflow_for
        self._overdue = overdue
        self._by_topic = {way.stream.topic_to(agency): way for way in ways.values()}
        self._partners = {way.door.by: Partner(office.uniform) for way in ways.values()}
        courier_counts.watched(agency, self._partners)
        self._acknowledgements = Acknowledgements(agency, ways, self._office)
        self._runners: dict[Lane, Runner] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._doorless: set[str] = set()

    async def run(self) -> None:
        """Carry until the hub stops; a fault in one part is told, and that part begins again."""
        await self._keep("recovery", self._recover)
        parts = {"intake": self._take_in, "sweep": self._sweep, "prune": self._prune}
        if self._acknowledgements.topics:
            parts |= {"acknowledgements": self._hear, "reminders": self._remind}
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
        await office.store(lambda: office.ledger.recover(self._agency, self._streams, office.clock()))

    async def _take_in(self) -> None:
        """From Kafka into the ledger; the place in Kafka is kept only after the ledger has what lay before it."""
        office = self._office
        inflow = self._inflow_for(group_of(self._agency, self._lane), sorted(self._by_topic))
        try:
            while not office.stopping.is_set():
                if records := await inflow.read():
                    office.precedence.carrying()
                    async with office.turn(office.taking_in):
                        await self._entered(records)
                        await inflow.commit()
        finally:
            await inflow.close()

    async def _entered(self, records: Sequence[Stored]) -> None:
        office = self._office
        real = [one for one in records if not is_synthetic(one.record.headers)]
        if len(real) < len(records):  # canaries end here: their marks are looked for in Kafka, by the lookout
            note("courier", "canaries let go", agency=self._agency, count=len(records) - len(real))
        arrivals = await office.think(partial(self._arrivals, real))
        if arrivals:
            await office.store(partial(office.ledger.enqueue, arrivals, office.clock()))
        for lane in dict.fromkeys(one.lane for one in arrivals):
            self._nudge(lane)

    def _arrivals(self, records: Sequence[Stored]) -> list[Arrival]:
        return [arrival(one, self._by_topic[one.record.topic], self._office.keys) for one in records]

    async def _hear(self) -> None:
        """What became of files, from Kafka into the ledger; a group of its own, so that neither waits for the other."""
        office = self._office
        inflow = self._inflow_for(acknowledgements_of(self._agency, self._lane), sorted(self._acknowledgements.topics))
        try:
            while not office.stopping.is_set():
                if not (records := await inflow.read()):
                    continue
                moved = await self._acknowledgements.take(records)
                for lane in await office.look(lambda: office.ledger.lanes(self._agency, self._streams, office.clock())):
                    if lane.stream in moved:
                        self._nudge(lane)
                await inflow.commit()
        finally:
            await inflow.close()

    async def _remind(self) -> None:
        office = self._office
        while not office.stopping.is_set():
            await self._acknowledgements.remind(self._overdue)
            await office.pause(REMIND_SECONDS)

    async def _sweep(self) -> None:
        """Find what waits although no record came: released by a person, or left by a courier that died."""
        office = self._office
        while not office.stopping.is_set():
            for lane in await office.look(lambda: office.ledger.lanes(self._agency, self._streams, office.clock())):
                self._nudge(lane)
            await office.pause(SWEEP_SECONDS)

    async def _prune(self) -> None:
        """
        Forget what was settled so long ago that Kafka cannot hold it any more.

        Of what was not delivered as long as its grant lets the hub keep it, erase what it says.
        """
        office = self._office
        hears = office.catalog.policies[self._agency].hears
        while not office.stopping.is_set():
            for stream, way in self._ways.items():
                kept = timedelta(milliseconds=milliseconds(hears[stream].kept))
                await self._erase(stream, way, office.clock() - kept)
                before = office.clock() - 2 * kept - timedelta(days=2)
                while await office.store(partial(office.ledger.prune, self._agency, stream, before)) == AT_A_TIME:
                    pass  # a portion at a time, so that those who ask meanwhile write in between
            await office.pause(PRUNE_SECONDS)

    async def _erase(self, stream: str, way: Way, before: datetime) -> None:
        office, many = self._office, AT_A_TIME
        while many == AT_A_TIME:
            if many := await office.store(partial(office.ledger.erase, self._agency, stream, before)):
                courier_counts.erased(self._agency, stream, way.door.by, many)
                note("courier", "erased", level=logging.ERROR, agency=self._agency, stream=stream, count=many,
                     code=KEPT_OVER)  # fmt: skip
                for lane in [one for one in self._runners if one.stream == stream]:
                    self._nudge(lane)  # what stood behind it may go

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
            runner = self._runners[lane] = Runner(lane, way, self._office, self._partners[way.door.by])
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
    The process of one *lane*: a courier for each agency that does not read Kafka itself; none waits for another.

    All write to the database by one scribe; what an agency reads there, and the rendering of what it gets, is done in a
    thread of that agency's own. With *in_place* all is done where it is asked for, so that a test with a clock of its
    own sees everything happen in one order.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        lane: StreamLane,
        keys: Keys,
        ledger: Ledger,
        meanwhile: Meanwhile,
        sink_for: SinkFor,
        inflow_for: InflowFor,
        door_for: DoorFor = first_door,
        first_number: FirstNumber = lambda *_: 1,
        overdue: timedelta = OVERDUE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        uniform: Uniform = random.uniform,
        in_place: bool = False,
        precedence: Precedence = ALONE,
    ) -> None:
        scribe = None if in_place else Scribe(ledger.database)
        self._office = Office(
            catalog, keys, ledger, meanwhile, clock, uniform, scribe, began=clock(), precedence=precedence
        )
        self._ways = ways_of(catalog, lane, sink_for, door_for, first_number)
        self._own = {} if in_place else {one: ThreadPoolExecutor(1, thread_name_prefix=one) for one in self._ways}
        self._couriers = [
            Courier(agency, lane, ways, replace(self._office, own=self._own.get(agency)), inflow_for, overdue)
            for agency, ways in self._ways.items()
        ]

    async def run(self) -> None:
        """Carry until `stop`; attempts under way are then finished and written down."""
        try:
            await asyncio.gather(*(courier.run() for courier in self._couriers))
        finally:
            sinks = {id(way.sink): way.sink for ways in self._ways.values() for way in ways.values()}
            await asyncio.gather(*(sink.close() for sink in sinks.values()), return_exceptions=True)
            for threads in self._own.values():
                threads.shutdown(wait=False)
            if self._office.scribe is not None:
                await asyncio.to_thread(self._office.scribe.close)

    def stop(self) -> None:
        """End `run` soon, cleanly."""
        self._office.stopping.set()
