"""The observer on a real broker: who stopped is seen in time and who came back too; what it shows is so."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub import catalog as catalogs
from hub import cluster
from hub.catalog import Catalog
from hub.courier import Couriers
from hub.doors import Sinks, door_for
from hub.envelope import Record
from hub.leave import Meanwhile
from hub.ops.observing import Observer
from hub.ops.picture import Delivery, Picture, Trouble
from hub.settings import Settings
from hub.store import engine
from hub.store.ledger import Ledger
from hub.transports.kafka import KafkaInflow
from tests.broker.readers import ALERT, GROUP, HOSPITAL, OFFICER, POLICE, Partner, alert, papers, saying, write
from tests.flow.partners import HttpsPartner

pytestmark = pytest.mark.broker

IN_TIME = 15.0


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The catalog with two partners only: one that reads Kafka itself, and one to whom a courier goes."""
    whole = catalogs.load()
    return replace(whole, policies={key: whole.policies[key] for key in (POLICE, HOSPITAL)})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A state folder of this test's own."""
    made = Settings(state=tmp_path, canary_seconds=0)
    made.keys()
    return made


@pytest.fixture
def observer(empty_kafka: str, catalog: Catalog, settings: Settings) -> Iterator[Observer]:
    """One that looks, on a cluster made ready."""
    cluster.prepare(catalog, settings, empty_kafka)
    made, stop = Observer(catalog, settings, empty_kafka), threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    seconds_until(made, lambda picture: "kafka" not in picture.faults, "the first look")
    yield made
    stop.set()
    thread.join()


def seconds_until(observer: Observer, so: Callable[[Picture], bool], what: str) -> float:
    """How long it takes until the picture says so."""
    began = time.monotonic()
    while not so(observer.picture()):
        assert time.monotonic() - began < 4 * IN_TIME, f"{what}: never seen; {observer.picture().troubles}"
        time.sleep(0.05)
    return time.monotonic() - began


def told(code: str) -> Callable[[Picture], bool]:
    """Whether a trouble with that code is there."""
    return lambda picture: any(one.code == code for one in picture.troubles)


def calm(picture: Picture) -> bool:
    """Whether nothing is said of any group or delivery, and Kafka was looked at."""
    about = ("group.", "delivery.")
    return not picture.faults.get("kafka") and not any(one.code.startswith(about) for one in picture.troubles)


def delivery(picture: Picture, agency: str) -> Delivery:
    """What one agency is owed."""
    return next(one for one in picture.deliveries if one.agency == agency)


def test_a_partner_that_stops_and_comes_back_is_seen_in_time(
    empty_kafka: str, catalog: Catalog, observer: Observer
) -> None:
    """Whether it leaves or only stands still: under 15 seconds from then to the picture, and back."""
    topic = catalog.streams[OFFICER].topic_to(POLICE)
    partner = Partner(empty_kafka, topic)
    took: dict[str, float] = {}
    with saying(empty_kafka, topic):
        partner.start()
        try:
            seconds_until(observer, lambda picture: calm(picture) and _reads(picture), "the partner reads")
            partner.stop()
            took["stopped"] = seconds_until(observer, told("group.stopped"), "it left")
            partner.start()
            took["came back"] = seconds_until(observer, calm, "it came back")
            partner.still.set()
            took["stood still"] = seconds_until(observer, told("group.stalled"), "it stands still")
            partner.still.clear()
            took["went on"] = seconds_until(observer, calm, "it goes on")
        finally:
            partner.still.clear()
            partner.stop()
    print({name: f"{seconds:.1f} s" for name, seconds in took.items()})
    assert max(took.values()) < IN_TIME, took


def _reads(picture: Picture) -> bool:
    return any(one.group == GROUP and one.members == 1 for one in picture.groups)


def test_a_receiver_that_stops_and_comes_back_is_seen_in_time(
    empty_kafka: str, catalog: Catalog, settings: Settings, observer: Observer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The courier goes on reading Kafka; that nobody takes what it brings stands in its ledger."""
    hospital = HttpsPartner(tmp_path / "hospital")
    name = f"HUB_{HOSPITAL}_{ALERT}".upper()
    monkeypatch.setenv(f"{name}_URL", hospital.url)
    monkeypatch.setenv(f"{name}_TLS_CA", str(hospital.ca))
    took: dict[str, float] = {}
    with closing(hospital), courier(catalog, settings, empty_kafka):  # who calls hangs up before the other is gone
        alert(catalog, settings, empty_kafka, 1)
        seconds_until(observer, lambda picture: delivery(picture, HOSPITAL).acknowledged_at is not None, "taken")
        hospital.down()
        alert(catalog, settings, empty_kafka, 2)
        took["stopped"] = seconds_until(observer, told("delivery.unanswered"), "it stopped")
        held = delivery(observer.picture(), HOSPITAL)
        assert (held.undelivered, held.held_off, held.within) == (1, True, "5 minutes")
        hospital.up()
        took["came back"] = seconds_until(observer, calm, "it came back")
    print({name: f"{seconds:.1f} s" for name, seconds in took.items()})
    assert max(took.values()) < IN_TIME, took


@contextmanager
def courier(catalog: Catalog, settings: Settings, bootstrap: str) -> Iterator[None]:
    """Couriers as their process makes them, on a thread of their own."""
    loop, made, meanwhile = asyncio.new_event_loop(), list[Couriers](), Meanwhile(catalog, settings.keys())
    meanwhile.known(time.monotonic())

    async def carry() -> None:
        made.append(Couriers(
            catalog=catalog, lane="urgent", keys=settings.keys(), ledger=Ledger(engine(settings.ledger("urgent"))),
            meanwhile=meanwhile, sink_for=Sinks(settings),
            inflow_for=lambda group, topics: KafkaInflow(bootstrap, group, topics), door_for=door_for,
        ))  # fmt: skip
        await made[0].run()

    thread = threading.Thread(target=loop.run_until_complete, args=(carry(),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(made[0].stop)
        thread.join(60)
        loop.close()


def test_the_clock_starts_when_the_hub_took_the_event_in(
    empty_kafka: str, catalog: Catalog, settings: Settings
) -> None:
    """Not when the relay got to it; and a clock of the hub's that runs ahead gives nobody more time."""
    topic = catalog.streams[OFFICER].topic_to(POLICE)
    cluster.prepare(catalog, settings, empty_kafka)
    observer = Observer(catalog, settings, empty_kafka)
    try:
        before = delivery(observer.look(), POLICE)
        early = datetime.now(UTC) - timedelta(days=9)
        write(empty_kafka, Record(topic, b"a", b"x", papers("1" * 32, early)))
        after = delivery(observer.look(), POLICE)
        overdue = observer.look()
    finally:
        observer.close()
    assert after.undelivered == before.undelivered + 1
    assert after.oldest is not None
    assert abs(after.oldest - early) < timedelta(milliseconds=1)
    assert [one.agency for one in overdue.overdue] == [POLICE]
    (trouble,) = (one for one in overdue.troubles if one.code == "delivery.overdue")
    assert trouble == Trouble(severity="trouble", code="delivery.overdue", sentence=trouble.sentence, agency=POLICE,
                              stream=OFFICER, since=after.oldest)  # fmt: skip
    assert trouble.sentence.startswith("oldest undelivered mash referral to Wiltshire Police: since ")
    assert trouble.sentence.endswith("(1 working day), overdue")


def test_where_kafka_does_not_answer_the_picture_says_so(catalog: Catalog, settings: Settings) -> None:
    """Absence never reads as calm."""
    observer = Observer(catalog, settings, "127.0.0.1:1")
    assert observer.picture().faults == {"kafka": "not looked at yet"}
    try:
        picture = observer.look()
    finally:
        observer.close()
    assert "see that Kafka runs" in picture.faults["kafka"]
    assert picture.groups == ()
