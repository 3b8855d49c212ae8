"""Couriers heed what is said of children on a real Kafka: what is sealed before it left does not leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import cluster, readiness
from hub.catalog import Catalog
from hub.delivering import serve
from hub.envelope import Envelope, Record, traceparent
from hub.heeding import heed
from hub.keys import Keys, digest
from hub.leave import Meanwhile
from hub.outbound import Desk, Letter, open_letter
from hub.settings import Settings
from hub.store import engine
from hub.store.entries import Lane
from hub.store.ledger import Ledger
from hub.transports.kafka import Committer, Follower
from tests.broker.test_isolation import NOW, alert, until
from tests.flow.partners import HttpsPartner
from tests.hub.cases import status

pytestmark = pytest.mark.broker

AGENCY = "social_worker"
ANNA, BEN = "9990000018", "9990000026"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A hub of this test's own."""
    return Settings(state=tmp_path)


@pytest.fixture
def partner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsPartner]:
    """The social worker's system, where couriers find it."""
    with closing(HttpsPartner(tmp_path / "partner")) as made:
        for stream in ("HOSPITAL_ALERT", "CPIS_ACCESS_NOTICE"):
            monkeypatch.setenv(f"HUB_SOCIAL_WORKER_{stream}_URL", f"{made.url}/alerts")
        yield made


@pytest.fixture
def committer(catalog: Catalog, settings: Settings, empty_kafka: str) -> Iterator[Committer]:
    """Writes on the topics of a hub."""
    cluster.prepare(catalog, settings, empty_kafka)
    made = Committer(empty_kafka, "tests-heeding")
    yield made
    made.close()


def told(catalog: Catalog, keys: Keys, number: str) -> Record:
    """What the relay has for a social worker of a child's arrival."""
    stream, event_id = catalog.streams["hospital_alert"], digest(b"arrived", number)
    now = datetime.now(UTC)
    papers = Envelope(event_id, "/tests", stream.topic, now, traceparent(event_id))
    value = catalog.codec(stream).encode(alert(number, number))
    key = keys.pseudonym("nhs_number", number).encode()
    carried = Desk(catalog, stream, keys).carry(Record(stream.topic, key, value, papers.headers()), now=now)
    (found,) = [one for one in carried.records if one.topic == stream.topic_to(AGENCY)]
    return found


def opened(catalog: Catalog, record: Record) -> tuple[Lane, Letter]:
    """A record as a courier has it."""
    letter = open_letter(catalog, record.value or b"", record.headers, (record.key or b"").decode())
    return Lane(AGENCY, "hospital_alert", letter.envelope.address), letter


@asynccontextmanager
async def heeding(meanwhile: Meanwhile, bootstrap: str) -> AsyncIterator[None]:
    """*meanwhile* kept up to date."""
    stop = asyncio.Event()
    follower = Follower(bootstrap, meanwhile.topics, meanwhile.take)
    running = asyncio.ensure_future(heed(meanwhile, follower, stop))
    try:
        yield
    finally:
        stop.set()
        await running


def test_a_seal_is_known_soon_after_it_is_said(
    catalog: Catalog, keys: Keys, empty_kafka: str, committer: Committer
) -> None:
    """What lay there before is known with the first look, and what is said then with one of the next; so is its end."""
    lane, letter = opened(catalog, told(catalog, keys, ANNA))
    meanwhile = Meanwhile(catalog, keys)

    async def scenario() -> None:
        await committer.commit([status(catalog, keys, datetime.now(UTC), nhs_number=ANNA, legal_hold=True)])
        assert not meanwhile.current()
        async with heeding(meanwhile, empty_kafka):
            await until(meanwhile.current, "the first look")
            assert meanwhile.rule(catalog, lane, letter, NOW) == "sharing-status"
            await committer.commit([status(catalog, keys, datetime.now(UTC), nhs_number=ANNA)])
            await until(lambda: meanwhile.rule(catalog, lane, letter, NOW) is None, "the hold is over")
            await committer.commit([status(catalog, keys, datetime.now(UTC), nhs_number=ANNA, restricted=True)])
            await until(lambda: meanwhile.rule(catalog, lane, letter, NOW) == "sharing-status", "it is sealed")

    asyncio.run(scenario())
    assert "standing" not in readiness.OWN.missing()


def test_where_kafka_does_not_answer_nothing_leaves_and_the_process_is_not_ready(catalog: Catalog, keys: Keys) -> None:
    """Until it does."""
    meanwhile = Meanwhile(catalog, keys)

    async def scenario() -> None:
        async with heeding(meanwhile, "127.0.0.1:9"):
            await until(lambda: "standing" in readiness.OWN.missing(), "it is told")
            assert not meanwhile.current()

    asyncio.run(scenario())
    readiness.OWN.has("standing")


def test_couriers_keep_back_what_was_sealed_before_it_left(
    catalog: Catalog, settings: Settings, empty_kafka: str, committer: Committer, partner: HttpsPartner
) -> None:
    """The process as it runs: one child's alert is with the social worker, the other's waits for a person."""
    settings = settings.model_copy(update={"tls_ca": partner.ca})
    keys, only = settings.keys(), replace(catalog, agencies={AGENCY: catalog.agencies[AGENCY]})
    alerts = {number: told(catalog, keys, number) for number in (ANNA, BEN)}
    ledger, stop = Ledger(engine(settings.ledger("urgent"))), asyncio.Event()

    def settled() -> bool:
        counts = ledger.counts(AGENCY)
        return counts["ACKED"] + counts["PARKED"] == len(alerts)

    async def scenario() -> None:
        await committer.commit(
            [status(catalog, keys, datetime.now(UTC), nhs_number=ANNA, legal_hold=True), *alerts.values()]
        )
        running = asyncio.ensure_future(
            serve(only, settings, empty_kafka, lane="urgent", stop=stop, ready=lambda: None)
        )
        try:
            await until(settled, "one left, one is parked")
        finally:
            stop.set()
            await running

    asyncio.run(scenario())
    ids = {number: Envelope.from_headers(one.headers).id for number, one in alerts.items()}
    assert {entry.message_id: entry.reason for _, entry in ledger.parked(AGENCY)} == {ids[ANNA]: "sharing-status"}
    assert [one.message_id for one in partner.taken] == [ids[BEN]]
