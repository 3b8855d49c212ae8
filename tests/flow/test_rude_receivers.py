"""
Rude receivers: whatever a partner does to our messages, each is applied once and in order, and no other partner waits.

Ten kinds over real sockets, MLLP and HTTPS, each in a process of its own as partners are, with the couriers in this
process on a real SQLite ledger. Time-outs are shortened by the sinks' own arguments (0.3 s, and a reply that comes
after 0.6 s), times of backing off to a thirtieth; `HUB_PROVE=1` sends 100 messages instead of 24, and waits half a
minute in earnest for one. What stays away for an hour does so by a clock that jumps whenever nothing is on a socket.

Others' messages go out at the same time, and come to them while the rude one that stays away has got nothing. How long
they take is a measurement, which a busy machine spoils: it is held to its bound under `HUB_PROVE=1`. Others' deliveries
are timed in the same run, one message after the other, in rounds whose first half is undisturbed and whose second is
not. Each round's 99th percentiles are compared with each other, so that what the machine does meanwhile is in both; no
figure counts as less than 20 ms, below which it is the machine that is measured; the median of the rounds is held to
the bound. Where it is above the kind is run again, twice at most: what is slower for a reason is slower every time.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import selectors
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.courier import Couriers
from hub.envelope import Record
from hub.outbound import Letter
from hub.store import engine
from hub.store.ledger import Ledger
from hub.transports import Delivery, Sink
from hub.transports.https import HttpsSink
from hub.transports.kafka.reading import Stored
from hub.transports.mllp import MllpSink
from hub.transports.tls import client_context
from tests.flow.rude import KINDS, Elsewhere, Receiver
from tests.hub import lives

PROVE = bool(os.environ.get("HUB_PROVE"))
MESSAGES = 100 if PROVE else 24
CHILDREN = 20 if PROVE else 6
ROUNDS = 5 if PROVE else 1
TIMED = 20 if PROVE else 5  # of each polite partner in each half of a round
PATIENCE, LATE = 0.3, 0.6  # seconds: how long we wait for an answer, and after how long a late one comes
FLOOR = 0.020
BOUND = 1.5
HOUR = 3600.0
SOON = 120.0
AGENCIES = {"north": "https", "south": "https", "ward": "mllp", "clinic": "mllp"}
POLITE = ("south", "clinic")


def as_hl7(letter: Letter) -> bytes:
    """One message of HL7 v2 whose control id is the message's own."""
    child, turn = letter.values["child"]["number"], letter.values["turn"]
    head = f"MSH|^~\\&|HUB|SBC|E|R|20260101||ADT^A08|{letter.envelope.id}|P|2.4"
    return f"{head}\rPID|1||{child}\rZTN|{turn}\r".encode()


class Both(lives.Plain):
    """A catalog of four agencies: on each road one that may be rude, and one that is polite."""

    def renderer(self, agency: str, name: str) -> Callable[..., Any] | None:
        """HL7 for those who take MLLP."""
        return as_hl7 if name == "moves_as_hl7" else None


def catalog() -> Catalog:
    """The four agencies, with the policies and schemas of others of the same name or shape."""
    known, agencies, policies, wanted = lives.CATALOG, {}, {}, {}
    from hub.avro import granted_schemas
    from hub.schema_lock import SchemaLock

    for key, by in AGENCIES.items():
        door = {"format": "json" if by == "https" else "hl7", "by": by}
        shape = {"name": key.title(), "steward": "it@example.org", "hears": {"moves": door}}
        agencies[key] = Agency.model_validate(shape).model_copy(update={"key": key})
        policies[key] = known.policies["north"]
        wanted[lives.MOVES.topic_to(key)] = granted_schemas(lives.MOVES, policies[key].hears["moves"])[1]
    return Both({"moves": lives.MOVES}, agencies, policies, {}, {}, (), SchemaLock([]).with_subjects(wanted))


CATALOG = catalog()


class Jumping(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next thing to do whenever nothing is *flying*; else it is the real one's."""

    def __init__(self) -> None:
        self.jumped, self.flying = 0.0, 0
        super().__init__(_Jumps(self))

    def time(self) -> float:
        """Seconds, with those that were jumped over."""
        return super().time() + self.jumped


class _Jumps(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # which class it is depends on the system
    def __init__(self, loop: Jumping) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop.flying or timeout is None or timeout <= 0:
            return super().select(timeout)
        found = super().select(0)
        if not found:
            self._loop.jumped += timeout
        return found


class Inflow:
    """An agency's topic, in memory; a record is read as soon as it is there."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        self.log: list[Record] = []
        self.news = asyncio.Event()
        self.place = 0

    def send(self, one: Record) -> None:
        """Publish."""
        self.log.append(one)
        self.news.set()

    async def read(self) -> Sequence[Stored]:
        """What is new, or nothing within the wait, in seconds."""
        if self.place == len(self.log):
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), self.wait)
            except TimeoutError:
                return []
        first, self.place = self.place, len(self.log)
        return [Stored(one, 0, first + i, lives.START) for i, one in enumerate(self.log[first:])]

    async def commit(self) -> None:
        """Nothing is forgotten here."""

    async def close(self) -> None:
        """Leave."""


@dataclass
class Told:
    """A sink that says when it is at work, tells HTTPS partners that it is FHIR, and makes bodies *large*."""

    sink: Sink
    fhir: bool
    large: bool

    async def deliver(self, delivery: Delivery) -> str:
        """As the sink does."""
        loop = asyncio.get_running_loop()
        if self.fhir:
            delivery = delivery._replace(content_type="application/fhir+json")
        if self.large:  # so large that the socket's buffers do not hold it, and a reader can be slow
            padding = b" " * 600_000 if self.fhir else b"NTE|1||" + b"x" * 600_000 + b"\r"
            delivery = delivery._replace(body=delivery.body + padding)
        if isinstance(loop, Jumping):
            loop.flying += 1
        try:
            return await self.sink.deliver(delivery)
        finally:
            if isinstance(loop, Jumping):
                loop.flying -= 1

    async def close(self) -> None:
        """Hang up."""
        await self.sink.close()


def percentile(seconds: Sequence[float]) -> float:
    """The 99th."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.99))]


@dataclass
class Result:
    """What came of one kind on one road."""

    kind: str
    road: str
    sent: int
    applied: int
    repeats: int
    in_order: bool
    undisturbed: tuple[float, ...]
    during: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How much slower others are meanwhile: the median of the rounds' ratios of 99th percentiles."""
        pairs = zip(self.during, self.undisturbed, strict=True)
        return median(max(during, FLOOR) / max(quiet, FLOOR) for during, quiet in pairs)

    def __str__(self) -> str:
        figures = f"{1e3 * median(self.undisturbed):8.1f} {1e3 * median(self.during):8.1f} {self.ratio:5.2f}"
        order = "yes" if self.in_order else "NO"
        return f"{self.kind:24} {self.road:5} {self.sent:5} {self.applied:7} {self.repeats:7} {order:>5} {figures}"


class Campaign:
    """One kind of rude receiver on one road, and two polite partners beside it."""

    def __init__(self, kind: str, road: str, folder: Path, *, patience: float = PATIENCE, late: float = LATE) -> None:
        self.kind, self.road, self.patience = kind, road, patience
        self.rude = "north" if road == "https" else "ward"
        self.folder = folder
        polite = {key: Receiver(AGENCIES[key], folder / "tls") for key in POLITE}
        self.ca = polite["south"].ca
        self.hour = kind == "503 for an hour"
        apart = Receiver if self.hour else Elsewhere  # for an hour, it goes by the clock of this process
        self.receivers: dict[str, Receiver | Elsewhere] = {
            self.rude: apart(road, folder / "tls", kind, late=late), **polite
        }  # fmt: skip
        self.inflows: dict[str, Inflow] = {}
        self.latencies: dict[bool, list[list[float]]] = {False: [], True: []}
        self.serial = 0

    def close(self) -> None:
        """Bring the partners down."""
        for one in self.receivers.values():
            one.close()

    def sink_for(self, agency: Agency, _stream: str, door: Door) -> Sink:
        """The partner's listener; for those who are not there, one that nobody asks."""
        receiver = self.receivers.get(agency.key)
        port = receiver.port if receiver is not None else 1
        patience = self.patience if agency.key == self.rude else 30.0  # a busy machine is not to look like a rude one
        if door.by == "https":
            context = client_context(self.ca)
            sink: Sink = HttpsSink(f"https://localhost:{port}/x", None, context, timeout=patience)
        else:
            sink = MllpSink("127.0.0.1", port, timeout=patience)
        return Told(sink, door.by == "https", self.kind == "slow reader" and agency.key == self.rude)

    def send(self, agency: str, child: str, turn: int) -> str:
        """Publish one message; returns its id."""
        made = lives.record("north", child, turn)
        name = lives.message_id(agency, child, turn)
        topic = lives.MOVES.topic_to(agency)
        value = CATALOG.lock.current[topic].to_bytes(4, "big")
        record = made._replace(topic=topic, value=b"\x00" + value + (made.value or b"")[5:])
        headers = tuple((key, name.encode() if key == "ce_id" else said) for key, said in record.headers)
        self.inflows[agency].send(record._replace(headers=headers))
        return name

    async def _until(self, found: Callable[[], bool], what: str, pause: float) -> None:
        end = time.monotonic() + SOON
        while not found():
            assert time.monotonic() < end, f"{self.kind}: {what}: not within {SOON:g} s"
            await asyncio.sleep(pause)

    async def _settled(self, ledger: Ledger, many: int, pause: float) -> None:
        await self._until(lambda: ledger.counts(self.rude)["ACKED"] == many, "the rude one's messages", pause)

    async def _timed(self, *, disturbed: bool) -> None:
        self.latencies[disturbed].append(taken := [])
        for _ in range(TIMED):
            for agency in POLITE:
                self.serial += 1
                began, receiver = time.monotonic(), self.receivers[agency]
                name = self.send(agency, f"p{self.serial % CHILDREN}", self.serial)
                await self._until(lambda r=receiver, n=name: n in r.applied, "a polite partner's message", 0.001)
                taken.append(receiver.applied[name][1] - began)

    async def run(self) -> Result:
        """Rounds of quiet and trouble; then everything is with its partner."""
        store = engine(f"sqlite:///{self.folder / 'hub.db'}")
        ledger, loop, hour = Ledger(store), asyncio.get_running_loop(), self.hour
        rude, chance = self.receivers[self.rude], random.Random(self.kind)
        began = loop.time()
        if isinstance(rude, Receiver):
            rude.clock = lambda: loop.time() - began
        scale = 1.0 if hour else 0.03

        def inflow(group: str, _: Sequence[str]) -> Inflow:
            return self.inflows.setdefault(
                group.removeprefix("courier.").replace(".routine", ""), Inflow(60.0 if hour else 1.0)
            )

        couriers = Couriers(
            catalog=CATALOG, lane="routine", keys=lives.KEYS, ledger=ledger, meanwhile=lives.meanwhile(),
            sink_for=self.sink_for, inflow_for=inflow,
            uniform=lambda low, high: chance.uniform(low, high) * scale, in_place=hour,
        )  # fmt: skip
        running = asyncio.ensure_future(couriers.run())
        await self._until(lambda: len(self.inflows) == len(AGENCIES), "the start", 0.01)
        await self._timed(disturbed=False)  # connections, caches
        self.latencies[False].clear()
        per_round, sent = -(-MESSAGES // ROUNDS), 0
        for _ in range(ROUNDS):
            await self._timed(disturbed=False)
            for _ in range(min(per_round, MESSAGES - sent)):
                self.send(self.rude, f"child-{sent % CHILDREN}", sent // CHILDREN)
                sent += 1
            await self._timed(disturbed=True)
            if hour:
                assert not rude.applied, "it was not away while others got theirs"
            else:
                await self._settled(ledger, sent, 0.02)
        await self._settled(ledger, sent, 30 if hour else 0.02)
        if isinstance(rude, Receiver):
            assert rude.clock() > HOUR
        couriers.stop()
        await running
        assert not ledger.parked(self.rude)
        store.dispose()
        return self._result(rude, sent)

    def _result(self, rude: Receiver | Elsewhere, sent: int) -> Result:
        bodies, order, wire, applied = defaultdict(set), defaultdict(list), rude.wire, rude.applied
        for name, body in wire:
            bodies[name].add(body)
        assert all(len(found) == 1 for found in bodies.values()), "a repeat had other bytes"
        for body, _ in applied.values():
            child, turn = _said(body)
            order[child].append(turn)
        return Result(
            self.kind, self.road, sent, len(applied), len(wire) - len(bodies),
            all(turns == list(range(len(turns))) for turns in order.values()),
            tuple(map(percentile, self.latencies[False])), tuple(map(percentile, self.latencies[True])),
        )  # fmt: skip


def _said(body: bytes) -> tuple[str, int]:
    if body.startswith(b"MSH"):
        lines = {line.split("|")[0]: line.split("|") for line in body.decode().split("\r")}
        return lines["PID"][3], int(lines["ZTN"][1])
    values = json.loads(body)
    return values["child"]["number"], values["turn"]


def campaign(kind: str, road: str, folder: Path, **patience: float) -> Result:
    """Run one, on the clock that it needs."""
    folder.mkdir()
    made = Campaign(kind, road, folder, **patience)
    loop: asyncio.AbstractEventLoop = Jumping() if kind == "503 for an hour" else asyncio.new_event_loop()
    try:
        return loop.run_until_complete(made.run())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        made.close()


ROADS = [(kind, road) for kind, roads in KINDS.items() for road in roads]


HEAD = f"{'kind':24} {'road':5} {'sent':>5} {'applied':>7} {'repeats':>7} {'order':>5} {'p99 ms':>8} {'during':>8}"


@pytest.fixture(scope="module")
def table() -> Callable[[Result], None]:
    """Takes what came of each kind; a proof prints each as it comes, since the whole takes a quarter of an hour."""
    told: list[Result] = []

    def add(found: Result) -> None:
        if PROVE:
            print("" if told else f"\n{HEAD} ratio", found, sep="\n", flush=True)
        told.append(found)

    return add


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "road"), ROADS, ids=[f"{kind} by {road}" for kind, road in ROADS])
def test_a_rude_receiver_gets_everything_once_in_order_and_delays_nobody(
    kind: str, road: str, tmp_path: Path, table: Callable[[Result], None]
) -> None:
    """Every message applied once, in order per child; proved: others' p99 at most 1.5 times the undisturbed one."""
    for attempt in range(3 if PROVE else 1):
        found = campaign(kind, road, tmp_path / str(attempt))
        assert (found.applied, found.in_order) == (MESSAGES, True)
        if kind not in ("duplicate ack", "slow reader"):
            assert found.repeats > 0, "it was not rude at all"
        if found.ratio <= BOUND:
            break
    table(found)
    assert found.ratio <= BOUND or not PROVE, str(found)


@pytest.mark.slow
@pytest.mark.skipif(not PROVE, reason="waits half a minute in earnest: HUB_PROVE=1")
@pytest.mark.parametrize("road", ["https", "mllp"])
def test_half_a_minute_is_too_long_in_earnest(
    road: str, tmp_path: Path, table: Callable[[Result], None], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The sinks' own patience of 30 s, and a reply a second after it."""
    monkeypatch.setattr(f"{__name__}.MESSAGES", 2)
    found = campaign("30 s reply", road, tmp_path / "real", patience=30.0, late=31.0)
    assert (found.applied, found.in_order) == (2, True)
    table(replace(found, kind="30 s reply, in earnest"))
