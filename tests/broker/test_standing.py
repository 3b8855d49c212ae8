"""What is known of a child, and the relay on a real Kafka: what is committed holds from then on, or nobody hears."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer

from hub import topology
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Envelope, Record, traceparent
from hub.errors import TransportError
from hub.keys import Keys
from hub.relay import Relay
from hub.transports.kafka import producer_settings
from schemas.mash_referral import ContactReceived
from schemas.sharing_status import SharingStatusRecorded
from tests.bench.events import numbers
from tests.broker.relayed import message_id
from tests.broker.test_relay import World, at_work, heard_ids
from tests.flow.partners import until

pytestmark = pytest.mark.broker

NOON = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
PER_SECOND = 50
PROMISED = timedelta(seconds=1)
NO_CONSENT = "gate.contact-stage.no-consent-nor-override"
POLICE, HEALTH = "wiltshire_police", "mash_health"
NUMBERS = iter(numbers(600)[400:])  # of children of whom nobody else speaks
SERIALS = itertools.count(1)


class Hand:
    """Writes as the gateway does: each call is a transaction, and returns once it is acknowledged."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._producer = Producer(producer_settings(bootstrap, f"tests-{name}") | {"log_level": 0})
        self._producer.init_transactions(20)

    def commit(self, *records: Record) -> datetime:
        """Commit *records*; returns when that was acknowledged."""
        self._producer.begin_transaction()
        for topic, key, value, headers in records:
            self._producer.produce(topic, value, key, headers=list(headers))
        self._producer.commit_transaction(20)
        return datetime.now(UTC)


class Contact(NamedTuple):
    """One contact on its topic, that may be heard but for what is known of the child."""

    event_id: str
    record: Record


class Told:
    """What is said on the hub's own topics, and what came of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hand = Hand(world.bootstrap, "gateway")

    def contact(self, nhs_number: str, born: date = date(2015, 4, 17)) -> Contact:
        """A worry about a child, to whose sharing a parent agreed some time ago."""
        keys, stream = self.world.keys, self.world.catalog.streams["mash_referral"]
        serial = next(SERIALS)
        values = ContactReceived.model_validate({
            "contact_id": f"C-{serial}", "received_at": NOON, "stage": "contact", "source_code": "2A",
            "child": {"nhs_number": nhs_number, "surname": "Ferrars", "forenames": "Noor", "born": born},
            "household": [], "factors": ["3B"], "rag": "red", "immediate_protection": True, "concern": "None.",
            "referrer": {"role": "teacher", "anonymous": False}, "parents_know": False, "outcome": {},
            "consent": {"status": "given", "given_by": "parent", "recorded_at": NOON - timedelta(days=30)},
        }).model_dump()  # fmt: skip
        event_id = keys.event_id("tests", "contacts", str(serial), 0)
        return Contact(event_id, self._record("mash_referral", event_id, nhs_number, self.codec(stream.name, values)))

    def codec(self, stream: str, values: dict[str, Any]) -> bytes:
        """*values* as they lie on the topic of *stream*."""
        return self.world.catalog.codec(self.world.catalog.streams[stream]).encode(values)

    def standing(self, nhs_number: str, **said: Any) -> Record:
        """What is known of a child from now on."""
        values = SharingStatusRecorded(nhs_number=nhs_number, **said).model_dump()
        event_id = self.world.keys.event_id("tests", "standings", str(next(SERIALS)), 0)
        return self._record("sharing_status", event_id, nhs_number, self.codec("sharing_status", values))

    def _record(self, stream: str, event_id: str, nhs_number: str, value: bytes) -> Record:
        topic = self.world.catalog.streams[stream].topic
        papers = Envelope(event_id, "/tests", topic, datetime.now(UTC), traceparent(event_id))
        return Record(topic, self.world.keys.pseudonym("nhs_number", nhs_number).encode(), value, papers.headers())

    def decided(self, said: Sequence[Contact], agency: str = POLICE) -> dict[str, Receipt]:
        """The receipt of each of *said* for an agency, once there is one of all; never two of one."""
        ids = {one.event_id for one in said}

        def found() -> dict[str, Receipt]:
            receipts = [one for one in self.world.receipts() if one.event in ids and one.agency == agency]
            assert len(receipts) <= len({one.event for one in receipts}), "an event was decided twice"
            return {one.event: one for one in receipts} if len(receipts) == len(ids) else {}

        return until(found, "receipts")

    def rules(self, *said: Contact) -> list[str]:
        """What kept each of *said* from the police, in order; empty where nothing did."""
        receipts = self.decided(said)
        return [receipts[one.event_id].rule for one in said]


@pytest.fixture(scope="module")
def told(kafka: str, tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, keys: Keys) -> Iterator[Told]:
    """The session's Kafka, not emptied: a lane that just stopped elsewhere would hold its group for a while."""
    world = World(catalog, keys, kafka, tmp_path_factory.mktemp("a hub"))
    yield Told(world)
    world.close()


class Clock:
    """Tells the time that it was set to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """That time."""
        return self.now


class Working(NamedTuple):
    """A relay at work in this process, with a clock that tests set."""

    relay: Relay
    clock: Clock


@pytest.fixture(scope="module")
def working(told: Told) -> Iterator[Working]:
    """The urgent lane's relay."""
    clock, world = Clock(), told.world
    with at_work(Relay(world.catalog, world.keys, world.bootstrap, lane="urgent", clock=clock)) as (relay, _):
        yield Working(relay, clock)


def test_consent_that_is_withdrawn_is_relied_on_no_more(told: Told, request: pytest.FixtureRequest) -> None:
    """
    While contacts flow, consent is withdrawn: of what is committed after that nothing is heard, from the first on.

    The time from the acknowledgement of the withdrawal to the first contact that is withheld is kept with the report.
    """
    child, other = next(NUMBERS), next(NUMBERS)
    process = told.world.relay("--lane", "urgent")
    process.start()
    said: list[tuple[datetime, Contact]] = []
    flowing, flow, stop = Hand(told.world.bootstrap, "flow"), threading.Condition(), threading.Event()

    def flows() -> None:
        while not stop.wait(1 / PER_SECOND):
            one = told.contact(child)
            began = datetime.now(UTC)
            flowing.commit(one.record)
            with flow:
                said.append((began, one))
                flow.notify_all()

    def more(count: int) -> None:
        with flow:
            wanted = len(said) + count
            assert flow.wait_for(lambda: len(said) >= wanted, 60)

    process.wait_ready("relay.urgent")
    thread = threading.Thread(target=flows)
    thread.start()
    try:
        more(PER_SECOND)
        withdrawn = {"status": "withdrawn", "given_by": "parent", "recorded_at": NOON - timedelta(days=1)}
        acknowledged = told.hand.commit(told.standing(child, answers=[withdrawn]))
        more(PER_SECOND * 2)
    finally:
        stop.set()
        thread.join()
    unaffected = told.contact(other)
    flowing.commit(unaffected.record)
    receipts = told.decided([*(one for _, one in said), unaffected])
    rules = Counter(one.rule for one in receipts.values())
    after = [one for began, one in said if began >= acknowledged]
    assert len(after) >= PER_SECOND
    assert {receipts[one.event_id].rule for one in after} == {NO_CONSENT}
    assert rules[""] > PER_SECOND // 2, "and before that they were heard"
    assert receipts[unaffected.event_id].rule == ""
    heard = heard_ids(told.world, POLICE)
    assert heard.isdisjoint(message_id(told.world.keys, POLICE, one.event_id) for one in after)
    first = min(datetime.fromisoformat(one.at) for one in receipts.values() if one.rule == NO_CONSENT)
    request.node.user_properties.append(
        ("withdrawn, then withheld after ms", round((first - acknowledged) / PROMISED * 1000))
    )
    assert first - acknowledged < PROMISED
    assert process.stop() == 0


def test_while_nobody_can_tell_what_is_known_events_wait(
    told: Told, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is released, withheld or lost; once it can be told again each event is decided, and carried once."""
    tried = threading.Semaphore(0)
    before = heard_ids(told.world, POLICE)

    def unreachable(_patience: float) -> None:
        tried.release()
        raise TransportError("no broker answers")

    said = [told.contact(next(NUMBERS)) for _ in range(20)]
    with monkeypatch.context() as patch:
        patch.setattr(working.relay._follower, "catch_up", unreachable)
        told.hand.commit(*(one.record for one in said))
        for _ in range(3):
            assert tried.acquire(timeout=30)
        ids = {one.event_id for one in said}
        assert not any(one.event in ids for one in told.world.receipts())
        assert heard_ids(told.world, POLICE) == before
        assert told.world.waiting("urgent") >= len(said), "their place is still before them"
    assert set(told.rules(*said)) == {""}
    came = Counter(Envelope.from_headers(one.record.headers).id for one in told.world.heard("mash_referral", POLICE))
    assert {came[message_id(told.world.keys, POLICE, one.event_id)] for one in said} == {1}


@pytest.mark.usefixtures("working")
def test_what_cannot_be_read_of_one_child_keeps_back_that_child_only(told: Told) -> None:
    """Whoever it is about is in doubt until it is said anew; then what is said holds, and an erasure forgets it."""
    child, other = next(NUMBERS), next(NUMBERS)
    sound = told.standing(child, born=date(2015, 4, 17))
    verdicts = []
    for known in (
        sound._replace(value=b"not Avro"),
        sound,
        told.standing(child, legal_hold=True),
        sound._replace(value=(told.standing(child).value or b"")[:-1]),
        sound._replace(headers=()),
        told.standing(child, restricted=True),
        Record(sound.topic, sound.key, None, ()),
    ):
        told.hand.commit(known)
        both = told.contact(child), told.contact(other)
        told.hand.commit(*(one.record for one in both))
        verdicts.append(told.rules(*both))
    of_child, of_other = zip(*verdicts, strict=True)
    assert of_child == ("view.doubt", "", "sealed.legal-hold", "view.doubt", "view.doubt", "sealed.restricted", "")
    assert set(of_other) == {""}


def test_on_the_sixteenth_birthday_a_parents_consent_ends(told: Told, working: Working) -> None:
    """No message says so: at midnight in England, which is 23:00 UTC in summer, the relay's clock alone decides."""
    child, born = next(NUMBERS), date(2010, 9, 15)
    verdicts = []
    try:
        for moment in (datetime(2026, 9, 14, 22, 59, 59, tzinfo=UTC), datetime(2026, 9, 14, 23, 0, tzinfo=UTC)):
            working.clock.now = moment
            one = told.contact(child, born)
            told.hand.commit(one.record)
            verdicts += told.rules(one)
    finally:
        working.clock.now = NOON
    assert verdicts == ["", NO_CONSENT]


@pytest.mark.usefixtures("working")
def test_an_event_that_cannot_be_read_is_set_aside_and_everyone_has_a_receipt(told: Told) -> None:
    """There was something to be heard, and it was kept back because nobody could read it: that is on record."""
    one = told.contact(next(NUMBERS))
    broken = one.record._replace(value=(one.record.value or b"")[:-3])
    told.hand.commit(broken)
    for agency in (POLICE, HEALTH):
        receipt = told.decided([one], agency)[one.event_id]
        assert (receipt.verdict, receipt.rule, receipt.message, receipt.sent) == ("withheld", "unreadable", "", "")
    kept = [stored.record for stored in told.world.read(topology.RELAY) if stored.record.key == broken.key]
    (place,) = [dict(record.headers)["hub_place"].decode() for record in kept]
    assert told.world.keys.unseal("quarantine", kept[0].value or b"", place) == broken.value
