"""One partner's fault is that partner's alone: down, turning away or silent, it holds up nobody else's deliveries."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from hub import topology
from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.courier import Couriers
from hub.envelope import Envelope, Record, traceparent
from hub.keys import Keys
from hub.leave import Meanwhile
from hub.outbound import Desk
from hub.settings import Settings
from hub.store import engine
from hub.store.ledger import Ledger
from hub.transports import Sink
from hub.transports.files import FolderSink
from hub.transports.https import HttpsSink
from hub.transports.kafka import Committer, KafkaInflow, TopicWanted, ensure_topics
from hub.transports.tls import client_context
from schemas.hospital_alert import AlertRaised
from tests.bench.events import numbers
from tests.broker.relayed import message_id
from tests.flow.partners import HttpsPartner, Posted

pytestmark = pytest.mark.broker

ALERTS = 25
NOW = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)
PATIENCE = 3.0  # seconds for one attempt: a silent partner is given up sooner than in earnest
SOON = 30.0
Fault = Literal["down", "refuse", "hang"]


def alert(nhs_number: str, visit: str) -> dict[str, object]:
    """The alert on one child's arrival."""
    return AlertRaised.model_validate({
        "attendance_id": uuid.uuid4().hex, "verdict": "flagged", "happened": "arrived", "at": NOW, "as_of": NOW,
        "patient": {"nhs_number": nhs_number, "surname": "Marlowe", "forename": "Zoë", "born": "2019-05-14"},
        "organisation_ods": "RZZ", "visit_number": visit, "worker_id": "SW0042",
        "plans": [{"plan": "child_protection", "started": NOW - timedelta(days=90), "authority": {
            "name": "Swindon Borough Council", "ods_code": "866X", "office_phone": "01632 960101",
            "emergency_phone": "01632 960102"}}],
    }).model_dump()  # fmt: skip


class Alerts:
    """Alerts as the relay would publish them, each of another child; every one goes to both partners."""

    def __init__(self, catalog: Catalog, keys: Keys) -> None:
        self._stream = catalog.streams["hospital_alert"]
        self._codec = catalog.codec(self._stream)
        self._desk = Desk(catalog, self._stream, keys)
        self._keys = keys
        self.due: dict[str, set[str]] = {"great_western_hospital": set(), "social_worker": set()}

    def next(self) -> Iterator[Record]:
        """Some more, for the recipients' topics."""
        run = uuid.uuid4().hex
        for serial, number in enumerate(numbers(ALERTS)):
            event_id = self._keys.event_id("tests", run, str(serial), 0)
            papers = Envelope(event_id, "/tests", self._stream.topic, NOW, traceparent(event_id))
            key = self._keys.pseudonym("nhs_number", number).encode()
            value = self._codec.encode(alert(number, f"{run[:20]}-{serial}"))
            for agency, due in self.due.items():
                due.add(message_id(self._keys, agency, event_id))
            source = Record(self._stream.topic, key, value, papers.headers())
            yield from self._desk.carry(source, now=NOW).records


class World:
    """The couriers between a real Kafka and two partners, each with a server of its own."""

    def __init__(self, catalog: Catalog, keys: Keys, bootstrap: str, folder: Path) -> None:
        self.catalog, self.keys, self.bootstrap = catalog, keys, bootstrap
        self.settings = Settings(state=folder)
        self.partners = {
            "great_western_hospital": HttpsPartner(folder / "one"),
            "social_worker": HttpsPartner(folder / "two"),
        }
        self.alerts = Alerts(catalog, keys)
        self.meanwhile = Meanwhile(catalog, keys)
        self.meanwhile.known(time.monotonic())

    def close(self) -> None:
        """Bring the partners down."""
        for partner in self.partners.values():
            partner.close()

    def sink_for(self, agency: Agency, _stream: str, _door: Door) -> Sink:
        """The partner's server, with little patience; a folder for the others, who hear nothing here."""
        if agency.key not in self.partners:
            return FolderSink(self.settings.outbox_folder)
        partner = self.partners[agency.key]
        return HttpsSink(f"{partner.url}/{agency.key}", None, client_context(partner.ca), timeout=PATIENCE)

    @asynccontextmanager
    async def couriers(self) -> AsyncIterator[None]:
        """The couriers at work."""
        store = engine(self.settings.ledger("urgent"))
        couriers = Couriers(
            catalog=self.catalog,
            lane="urgent",
            keys=self.keys,
            ledger=Ledger(store),
            meanwhile=self.meanwhile,
            sink_for=self.sink_for,
            inflow_for=lambda group, topics: KafkaInflow(self.bootstrap, group, topics),
            uniform=lambda low, high: min(high, 0.2),  # chance is kind: else a return is found after half a minute
        )
        running = asyncio.ensure_future(couriers.run())
        try:
            yield
        finally:
            couriers.stop()
            await asyncio.wait_for(running, SOON)
            store.dispose()

    def got(self, agency: str) -> Sequence[Posted]:
        """What a partner took."""
        return self.partners[agency].taken

    def has_all(self, agency: str) -> bool:
        """Whether a partner took all that it was ever due."""
        return {one.message_id for one in self.got(agency)} == self.alerts.due[agency]


@pytest.fixture
def world(empty_kafka: str, tmp_path: Path, catalog: Catalog, keys: Keys) -> Iterator[World]:
    """A world with every topic made."""
    wanted = [TopicWanted(one.name, one.partitions, 1, one.config(1)) for one in topology.topics(catalog)]
    ensure_topics(empty_kafka, wanted)
    made = World(catalog, keys, empty_kafka, tmp_path)
    yield made
    made.close()


async def until(found: Callable[[], bool], what: str) -> float:
    """Wait, without stopping the couriers, and return for how many seconds."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while not found():
        assert clock() - began < SOON, f"{what}: not within {SOON:g} s"
        await asyncio.sleep(0.01)
    return clock() - began


@pytest.mark.parametrize(
    ("fault", "faulty"),
    [("down", "great_western_hospital"), ("refuse", "social_worker"), ("hang", "great_western_hospital")],
)
def test_a_partner_in_trouble_delays_nobody_else(
    world: World, fault: Fault, faulty: str, request: pytest.FixtureRequest
) -> None:
    """While one partner takes nothing the other gets everything; once it is back it gets all that waited, once."""
    (other,) = world.partners.keys() - {faulty}
    partner = world.partners[faulty]

    async def scenario() -> None:
        committer = Committer(world.bootstrap, "tests-isolation")
        async with world.couriers():
            await committer.commit(list(world.alerts.next()))
            await until(lambda: world.has_all(faulty) and world.has_all(other), "the first alerts")
            before = len(world.got(faulty))
            if fault == "down":
                partner.down()
            else:
                partner.behave(fault)
            seconds = []
            for _ in range(3):
                turned_away = partner.turned_away
                await committer.commit(list(world.alerts.next()))
                seconds.append(await until(lambda: world.has_all(other), "the other partner's alerts"))
                if fault != "down":
                    await until(lambda said=turned_away: partner.turned_away > said, "an attempt at the faulty one")
            assert len(world.got(faulty)) == before
            if fault == "hang":
                assert max(seconds) < PATIENCE, "others waited until an attempt at the silent partner was given up"
            if fault == "down":
                partner.up()
            else:
                partner.behave("take")
            back = await until(lambda: world.has_all(faulty), "what waited")
        await asyncio.to_thread(committer.close)
        figures = [("others' 25 alerts, slowest s", round(max(seconds), 2)), ("75 that waited, s", round(back, 2))]
        request.node.user_properties.extend(figures)

    asyncio.run(scenario())
    for agency in world.partners:
        taken = [one.message_id for one in world.got(agency)]
        assert len(taken) == len(set(taken)) == 4 * ALERTS
