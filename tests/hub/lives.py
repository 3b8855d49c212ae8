"""Lives of the couriers in a world of their own: a clock that jumps, partners, Kafka, and a process that may die."""

from __future__ import annotations

import asyncio
import json
import random
import selectors
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from hub.acknowledgement import Acknowledgement
from hub.agency import Agency
from hub.avro import Codec, granted_schemas, schema_of
from hub.catalog import Catalog
from hub.courier import Couriers
from hub.envelope import Envelope, Record, traceparent
from hub.errors import TransportError
from hub.keys import Keys, digest
from hub.leave import Meanwhile
from hub.outbound import Letter, Made, Run
from hub.patience import Uniform
from hub.policy import Policy
from hub.runner import DELIVERY_SECONDS
from hub.schema_lock import SchemaLock
from hub.store import engine
from hub.store.ledger import Ledger
from hub.stream import Event, Sensitivity, Stream
from hub.transports import Delivery
from hub.transports.kafka.reading import Stored
from schemas.sharing_status import stream as statuses
from tests.hub.cases import status

START = datetime(2025, 9, 1, 8, 0, tzinfo=UTC)
KEYS = Keys(b"a secret for tests, not for use!!")
CANARY = "Canary-Ffion"


class Child(Event):
    """A child."""

    number: Annotated[str, Field(description="Its number."), Sensitivity.IDENTIFIER]


class Moved(Event):
    """A child moved."""

    child: Annotated[Child, Field(description="The child."), Sensitivity.PERSONAL]
    turn: Annotated[int, Field(description="Which move it is."), Sensitivity.OPEN]


BY = (("case_id", "child.number"),)
MOVES = Stream(name="moves", event=Moved, key=("child.number",), subject=BY, keep="days", steward="health")
ANSWERS = Stream(name="answers", event=Acknowledgement, key=("number",), keep="days", steward="health")
STATES = Stream(name="states", event=Moved, key=("child.number",), subject=BY, keep="latest", steward="health")
GRANT = {
    "because": "So that the child is not forgotten.",
    "notice": "MASH",
    "basis": {"article6": "e"},
    "gate": "statute",
    "fields": ["child.number", "turn"],
    "kept": "14 days",
}
DOORS: dict[str, dict[str, Any]] = {
    "north": {"format": "json", "by": "https"},
    "south": {"format": "json", "by": "https"},
    "library": {"format": "csv", "by": "files", "batch": 3, "columns": {"Child": "child.number", "Turn": "turn"}},
    "reader": {"format": "avro", "by": "kafka"},
    "register": {"format": "xml", "by": "mesh", "batch": 3, "numbered": True, "acknowledged_by": "answers"},
    "bureau": {
        "format": "csv",
        "by": "files",
        "batch": 100,
        "every": "quarter",
        "newest": True,
        "columns": {"Child": "child.number", "Turn": "turn"},
    },
}


class Plain(Catalog):
    """A catalog of which only the register renders in a way of its own: a file of records, one for each child."""

    def renderer(self, agency: str, name: str) -> Callable[[Sequence[Letter], Run], Made] | None:
        """The register's."""
        return as_file if (agency, name) == ("register", "moves_as_xml") else None


def as_file(letters: Sequence[Letter], run: Run) -> Made:
    """Number and moment of the run, then each child once with all its turns."""
    children: dict[str, list[int]] = {}
    for letter in letters:
        children.setdefault(letter.values["child"]["number"], []).append(letter.values["turn"])
    said = json.dumps({"number": run.number, "at": run.at.isoformat(), "children": children})
    order = list(children)
    return Made(said.encode(), records=tuple(order.index(one.values["child"]["number"]) + 1 for one in letters))


def answer(
    number: int | None, verdict: str = "accepted", code: str = "AA", *, event: str = "", sender: str = "register",
    records: Sequence[tuple[int, str, str]] = (), delivery: str | None = None,
) -> Record:  # fmt: skip
    """What a partner says became of a file, as it lies on the stream's own topic."""
    name = digest(b"test", event or f"{number} {delivery} {verdict} {code} {records}")
    papers = Envelope(name, f"/{sender}/answers", ANSWERS.topic, START, traceparent(name))
    said = Acknowledgement.model_validate({
        "number": number, "message_id": delivery, "verdict": verdict, "code": code,
        "records": [{"record": one, "verdict": how, "code": why} for one, how, why in records],
    })  # fmt: skip
    schema_id = CATALOG.lock.current[ANSWERS.topic]
    value = Codec(schema_id, CATALOG.lock.schema(schema_id)).encode(said.model_dump())
    return Record(ANSWERS.topic, b"key", value, papers.headers())


def catalog(trial: str = "", ends: str = "2030-01-01") -> Catalog:
    agencies, policies, wanted = {}, {}, {}
    for key, door in DOORS.items():
        hears = {"moves": door} if "acknowledged_by" in door else {"moves": door, "states": door}
        shape = {"name": key.title(), "steward": "it@example.org", "hears": hears}
        grant = GRANT | ({"kept": "120 days"} if door.get("every") == "quarter" else {})
        agency = Agency.model_validate({**shape, "status": "trial" if key == trial else "live"})
        agencies[key] = agency.model_copy(update={"key": key})
        policies[key] = Policy.model_validate(
            {"agreement": "ISA-1", "expires": ends, "hears": dict.fromkeys(("moves", "states"), grant)}
        )
        for stream in (MOVES, STATES):
            wanted[stream.topic_to(key)] = granted_schemas(stream, policies[key].hears[stream.name])[1]
    streams = {"moves": MOVES, "states": STATES, "answers": ANSWERS, "sharing_status": statuses}
    wanted |= {one.topic: schema_of(one) for one in (ANSWERS, statuses)}
    return Plain(streams, agencies, policies, {}, {}, (), SchemaLock([]).with_subjects(wanted))


CATALOG = catalog()


def message_id(agency: str, child: str, turn: int) -> str:
    return digest(b"test", f"{agency} {child} {turn}")


def record(agency: str, child: str, turn: int, *, address: str = "", stream: Stream = MOVES) -> Record:
    topic = stream.topic_to(agency)
    name = message_id(agency, child, turn)
    papers = Envelope(name, "/sharing-hub", topic, START, traceparent(name), address)
    schema_id = CATALOG.lock.current[topic]
    values = {"child": {"number": child}, "turn": turn}
    value = Codec(schema_id, CATALOG.lock.schema(schema_id)).encode(values)
    own, _ = KEYS.recipient(agency)
    return Record(topic, digest(own, KEYS.subject(stream, values, name)).encode(), value, papers.headers())


def said(child: str, at: datetime = START, **what: Any) -> Record:
    """What is said of a child, as it lies on its topic."""
    return status(CATALOG, KEYS, at, case_id=child, **what)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which waiting takes no time: when nothing is ready, it is already later."""

    def __init__(self) -> None:
        self.later = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds since the loop was made, in its own time."""
        return self.later


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # which class it is depends on the system
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            assert timeout is not None, "nothing will ever happen again"
            self._loop.later += max(0.0, timeout)
        return found


class Crash(BaseException):
    """The process dies here."""


@dataclass
class World:
    """
    What outlives a process: Kafka, the partners, and the path of the database.

    *said* is said of children, unless it is *unknown*; *meanwhile* is the living process's.
    """

    path: Path
    url: str = ""
    log: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    sent: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    attempts: list[tuple[float, Delivery]] = field(default_factory=list)
    got: list[tuple[float, Delivery]] = field(default_factory=list)
    behave: Callable[[Delivery, int], Awaitable[str]] | None = None
    crash_at: int | None = None
    steps: list[str] = field(default_factory=list)
    dead: bool = False
    away: bool = False
    trial: str = ""
    ends: str = "2030-01-01"
    skew: timedelta = timedelta(0)
    said: list[Record] = field(default_factory=list)
    unknown: bool = False
    said_when_away: Record | None = None
    meanwhile: Meanwhile | None = None
    loop: VirtualLoop = field(default_factory=VirtualLoop)
    looking: Engine | None = None

    def __post_init__(self) -> None:
        """SQLite, unless it was said otherwise."""
        self.url = self.url or f"sqlite:///{self.path / 'hub.db'}"

    def step(self, name: str) -> None:
        """A point at which the process may die; a dead one does nothing more."""
        if not self.dead:
            self.steps.append(name)
            self.dead = self.crash_at == len(self.steps) - 1
        if self.dead:
            raise Crash(name)

    def goes_away(self, name: str) -> None:
        """Where something is to be said while the database is away: just before the first attempt, for an hour."""
        if name == "attempt" and self.said_when_away is not None and self.meanwhile is not None:
            self.meanwhile.take(self.said_when_away)
            self.meanwhile.known(0.0)
            self.away, self.said_when_away = True, None
            self.loop.call_later(3600, setattr, self, "away", False)

    def clock(self) -> datetime:
        """The wall clock of the virtual loop."""
        return START + timedelta(seconds=self.loop.time()) + self.skew

    def send(self, *records: Record) -> None:
        """Publish on the recipients' topics."""
        for one in records:
            key = "answers" if one.topic == ANSWERS.topic else one.topic.rpartition(".")[2]
            self.log[key].append(one)
            self.sent[key].append(START + timedelta(seconds=self.loop.time()))

    def received(self, agency: str) -> list[Delivery]:
        """What an agency has, each delivery once, in the order in which it first came."""
        return list({one.message_id: one for _, one in self.got if one.agency == agency}.values())

    def when(self, name: str) -> float:
        """When a delivery first succeeded, in seconds."""
        return next(at for at, one in self.got if one.message_id == name)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger as somebody else sees it."""
        if self.looking is None:
            self.looking = engine(self.url)
        yield Ledger(self.looking)

    def close(self) -> None:
        """The end of the world."""
        self.loop.close()
        if self.looking is not None:
            self.looking.dispose()

    def waiting(self) -> int:
        """How many messages are in Kafka or the ledger and not with their partner yet; parked ones do not count."""
        left = sum(len(log) - self.committed[key] for key, log in self.log.items())
        if left:
            return left
        with self.ledger() as ledger:
            return sum(ledger.counts(key)[state] for key in self.log for state in ("PENDING", "ATTEMPT"))


class Inflow:
    """An agency's consumer over the world's log."""

    def __init__(self, world: World, agency: str) -> None:
        self.world, self.agency = world, "answers" if agency.endswith(".acknowledgements") else agency
        agency = self.agency
        self.position = world.committed[agency]

    async def read(self) -> Sequence[Stored]:
        """At most four records at once, so that there are several rounds."""
        self.world.step("read")
        found = self.world.log[self.agency][self.position : self.position + 4]
        await asyncio.sleep(0.01 if found else 1.0)
        first, self.position = self.position, self.position + len(found)
        sent = self.world.sent[self.agency]
        return [Stored(one, 0, first + i, sent[first + i]) for i, one in enumerate(found)]

    async def commit(self) -> None:
        """Keep the place."""
        self.world.step("before the commit")
        self.world.committed[self.agency] = self.position
        self.world.step("after the commit")

    async def close(self) -> None:
        """Leave."""


class Partner:
    """A partner who keeps what comes, and answers as the world says."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tries: dict[str, int] = defaultdict(int)

    async def deliver(self, delivery: Delivery) -> str:
        """Take one delivery."""
        world, number = self.world, self.tries[delivery.message_id]
        self.tries[delivery.message_id] += 1
        world.step("before the delivery")
        world.attempts.append((world.loop.time(), delivery))
        answer = await world.behave(delivery, number) if world.behave is not None else "200"
        await asyncio.sleep(0.02)
        world.step("before it arrives")
        world.got.append((world.loop.time(), delivery))
        world.step("after it arrived")
        if answer == "lost":
            raise TransportError("timeout: the answer never came")
        return answer

    async def close(self) -> None:
        """Hang up."""


class Dying(Ledger):
    """A ledger before and after whose every transaction the process may die, and whose database may be away."""

    world: World

    def __getattribute__(self, name: str) -> Any:
        """Wrap what writes."""
        found = super().__getattribute__(name)
        if name not in ("enqueue", "assign_batch", "attempt", "settle", "hasten", "recover", "acknowledge"):
            return found

        def work(*args: Any, **kwargs: Any) -> Any:
            self.world.step(f"before {name}")
            self.world.goes_away(name)
            if self.world.away:
                raise OperationalError("statement", {}, Exception("away"))
            result = found(*args, **kwargs)
            self.world.step(f"after {name}")
            return result

        return work


def live(world: World, until: Callable[[], bool], *, most: float = 7200.0, uniform: Uniform | None = None) -> bool:
    """One life of the process: until something is so, then a clean stop; False where it died before."""
    world.dead = False

    async def life() -> bool:
        store = engine(world.url)
        ledger = Dying(store)
        ledger.world = world
        partner = Partner(world)
        world.meanwhile = meanwhile(*world.said) if not world.unknown else Meanwhile(CATALOG, KEYS)
        couriers = Couriers(
            catalog=catalog(world.trial, world.ends),
            lane="routine",
            keys=KEYS,
            ledger=ledger,
            meanwhile=world.meanwhile,
            sink_for=lambda _agency, _stream, _door: partner,
            inflow_for=lambda group, _: Inflow(world, group.removeprefix("courier.").replace(".routine", "")),
            clock=world.clock,
            uniform=uniform or random.Random(0).uniform,
            in_place=True,
        )
        running = asyncio.ensure_future(couriers.run())
        end = world.loop.time() + most
        while not (world.dead or running.done() or until()):
            assert world.loop.time() < end, "it did not happen in time"
            await asyncio.sleep(1.0)
        if not world.dead:
            couriers.stop()
            await asyncio.wait({running})
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        store.dispose()
        if not world.dead:
            await running
        return not world.dead

    return world.loop.run_until_complete(life())


def meanwhile(*known: Record) -> Meanwhile:
    """What is known of children where these were said, and nothing more is for the time being."""
    found = Meanwhile(CATALOG, KEYS, clock=lambda: 0.0)
    for one in known:
        found.take(one)
    found.known(0.0)
    return found


def settled(world: World) -> Callable[[], bool]:
    return lambda: world.waiting() == 0


def turns(deliveries: Sequence[Delivery]) -> dict[str, list[int]]:
    """By child, the turns in the order in which a partner got them."""
    found: dict[str, list[int]] = defaultdict(list)
    for one in deliveries:
        if one.suffix == ".csv":
            for line in one.body.decode().splitlines()[1:]:
                child, turn = line.split(",")
                found[child].append(int(turn))
        else:
            values = json.loads(one.body)
            found[values["child"]["number"]].append(values["turn"])
    return dict(found)


def same_bytes_always(world: World) -> bool:
    """Whether every delivery that came twice was the same, byte for byte."""
    bodies = defaultdict(set)
    for _, one in world.attempts:
        bodies[one.agency, one.message_id].add(one)
    return all(len(found) == 1 for found in bodies.values())


def everything(agency: str, children: str = "abc", many: int = 4) -> list[Record]:
    return [record(agency, child, turn) for turn in range(many) for child in children]


def expected(children: str = "abc", many: int = 4) -> dict[str, list[int]]:
    return {child: list(range(many)) for child in children}


async def rude(chance: random.Random, _: Delivery, number: int) -> str:
    """A partner that fails in every way there is, and in the end relents."""
    if number >= 6:
        return "200"
    match chance.choice(["200", "200", "down", "os", "hang", "lost", "bug", "slow"]):
        case "down":
            raise TransportError("http.503 try later")
        case "os":
            raise ConnectionResetError(104, "Connection reset by peer")
        case "hang":
            await asyncio.Event().wait()
        case "bug":
            raise KeyError(CANARY)
        case "lost":
            return "lost"
        case "slow":
            await asyncio.sleep(chance.uniform(0, DELIVERY_SECONDS * 0.9))
    return "200"
