"""The relay's processes on a real Kafka, killed at work: each event once to each agency that may hear it, in order."""

from __future__ import annotations

import json
import os
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import IsolationLevel, Producer
from confluent_kafka.admin import AdminClient

from hub import cluster, disclosure, topology
from hub.avro import Codec
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Envelope, Record
from hub.errors import TransportError
from hub.keys import Keys
from hub.local_kafka import LocalKafka
from hub.relay import Relay, group_of
from hub.transports.kafka import Stored, lags, producer_settings, read_topic
from hub.transports.kafka.groups import committed
from hub.transports.kafka.reading import END, offsets, places
from tests.broker.relayed import Said, attendances, message_id, referrals, subject_of
from tests.conftest import ROOT
from tests.flow.partners import until
from tests.flow.running import Running, gone

pytestmark = pytest.mark.broker

SECRET = b"a secret for tests, of 32 bytes."
PROVE = bool(os.environ.get("HUB_PROVE"))
ATTENDANCES, REFERRALS = (400_000, 20_000) if PROVE else (100_000, 5_000)
KILLS = 12 if PROVE else 3
CARRYING = 300.0  # seconds; it takes a twentieth of that on two cores


class World:
    """A Kafka with the catalog's topics, and the relay's processes on it."""

    def __init__(self, catalog: Catalog, keys: Keys, bootstrap: str, folder: Path) -> None:
        self.catalog = catalog
        self.keys = keys
        self.bootstrap = bootstrap
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "secret").write_bytes(SECRET)
        self.relays: list[Running] = []
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        cluster.prepare(catalog, Running(folder / "state", bootstrap).settings, bootstrap)

    def relay(self, *words: str, state: str = "state") -> Running:
        """`hub run relay`, not yet started."""
        relay = Running(
            self.folder / state, self.bootstrap, "relay", *words, HUB_SECRET_FILE=str(self.folder / "secret")
        )
        self.relays.append(relay)
        return relay

    def close(self) -> None:
        """Bring every process down, whatever became of it."""
        for relay in self.relays:
            relay.stop()

    def write(self, records: Iterable[Record], *, abort: bool = False, many: int = 1_000) -> list[tuple[int, int]]:
        """Write in transactions of *many*, the last aborted where asked for; each one's partition and offset."""
        producer = Producer(
            producer_settings(self.bootstrap, "tests-say")
            | {"linger.ms": 5, "queue.buffering.max.messages": 200_000, "log_level": 0}
        )
        producer.init_transactions(20)
        every, written = list(records), [(-1, -1)] * 0
        report: Callable[[Any, Any], None] = lambda _, message: written.append((message.partition(), message.offset()))  # noqa: E731
        for start in range(0, len(every), many):
            producer.begin_transaction()
            for topic, key, value, headers in every[start : start + many]:
                producer.produce(topic, value, key, headers=list(headers), on_delivery=report)
                producer.poll(0)
            producer.flush(20)
            if abort and start + many >= len(every):
                producer.abort_transaction(20)
            else:
                producer.commit_transaction(20)
        return written

    def read(self, topic: str) -> list[Stored]:
        """Everything committed on a topic."""
        return list(read_topic(self.bootstrap, topic, timeout=20))

    def heard(self, stream: str, agency: str) -> list[Stored]:
        """Everything committed that an agency hears of a stream."""
        return self.read(self.catalog.streams[stream].topic_to(agency))

    def carried(self, lane: str) -> int:
        """How many offsets a lane has put behind it."""
        topics = cluster.relay_groups(self.catalog)[group_of(lane)]
        return sum(committed(self.bootstrap, group_of(lane), places(self.admin, topics, 20), 20).values())

    def waiting(self, *lanes: str) -> int:
        """How many records lie before the lanes."""
        groups = {
            group: of for group, of in cluster.relay_groups(self.catalog).items() if group in map(group_of, lanes)
        }
        return sum(row.lag for row in lags(self.bootstrap, groups))

    def receipts(self) -> Iterator[Receipt]:
        """Every receipt on the disclosures topic."""
        codec = Codec(self.catalog.id_of(disclosure.TOPIC, disclosure.SCHEMA), disclosure.SCHEMA)
        for stored in self.read(disclosure.TOPIC):
            yield from disclosure.receipts_of(stored.record.value or b"", codec)

    def decoded(self, record: Record) -> dict[str, Any]:
        """What a recipient finds in a record, as Avro or JSON, without the papers that JSON repeats."""
        value = record.value or b""
        if dict(record.headers)["content-type"] == b"application/json":
            return {name: one for name, one in json.loads(value).items() if name not in ("id", "type", "time")}
        return self.catalog.lock.codec(value).decode(value)


@pytest.fixture
def alone(tmp_path: Path, catalog: Catalog, keys: Keys) -> Iterator[World]:
    """A world with a broker that no other test has, its state in a folder with a space."""
    local = LocalKafka(tmp_path / "a broker")
    world = None
    try:
        world = World(catalog, keys, local.up(quick=True), tmp_path / "a hub")
        yield world
    finally:
        if world is not None:
            world.close()
        local.down()


@pytest.fixture(scope="module")
def shared(empty_kafka: str, tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, keys: Keys) -> Iterator[World]:
    """The world of the session's broker; the urgent lane is for all, the routine lane for the test of lost offsets."""
    world = World(catalog, keys, empty_kafka, tmp_path_factory.mktemp("a hub"))
    yield world
    world.close()


@pytest.fixture
def urgent(shared: World) -> Iterator[World]:
    """The shared world with nothing left to carry on its urgent lane, and no process on it afterwards."""
    yield shared
    shared.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_any_point_each_event_is_carried_once(alone: World, request: pytest.FixtureRequest) -> None:
    """100,000 marks and 5,000 contacts: killed three times amid work, all that may be heard is heard once, in order."""
    marks = list(attendances(alone.catalog, alone.keys, ATTENDANCES, "marks"))
    contacts = list(referrals(alone.catalog, alone.keys, REFERRALS, "contacts"))
    alone.write([one.record for one in marks])
    alone.write([one.record for one in contacts])
    relay = alone.relay()
    relay.start()
    for kill in range(1, KILLS + 1):
        wanted = ATTENDANCES * (2 * kill - 1) // (2 * KILLS)
        until(lambda wanted=wanted: alone.carried("routine") >= wanted, f"{wanted} marks carried", CARRYING, 0.005)
        if kill % 3 == 0:  # everything of it, so that nobody starts it again but a person
            numbers = [relay.pid("relay.routine"), relay.pid("relay.urgent")]
            relay.kill()
            relay.kill("relay.routine", "relay.urgent")
            assert relay.ended() == -9
            until(lambda numbers=numbers: all(map(gone, numbers)), "end of the lanes")
            assert alone.carried("routine") < ATTENDANCES, "killed too late to prove anything"
            relay = alone.relay()
            relay.start()
        else:  # one lane, which its supervisor starts again
            killed = relay.pid("relay.routine")
            relay.kill("relay.routine")
            assert alone.carried("routine") < ATTENDANCES, "killed too late to prove anything"
            until(
                lambda killed=killed, relay=relay: relay.pid("relay.routine") not in (0, killed),
                "the lane's new process",
            )
    until(lambda: alone.waiting("routine", "urgent") == 0, "end of the lanes' work", CARRYING, 0.2)
    assert relay.stop() == 0
    figures = request.node.user_properties
    figures.append(("kills", KILLS))
    for stream, said in (("school_attendance", marks), ("mash_referral", contacts)):
        for agency in said[0].verdicts:
            figures.append((f"{stream} heard by {agency}", carried_once(alone, stream, agency, said)))
    accounted_for(alone, [*marks, *contacts])
    assert alone.read(topology.RELAY) == []
    settled(alone)


def carried_once(world: World, stream: str, agency: str, said: Sequence[Said]) -> int:
    """Each message that should have come did, once, whole, under its child's key and in the order of what was said."""
    due = {message_id(world.keys, agency, one.event_id): one for one in said if not one.verdicts[agency].rule}
    came = world.heard(stream, agency)
    ids = [Envelope.from_headers(one.record.headers).id for one in came]
    assert len(ids) == len(set(ids)), "a message came twice"
    assert set(ids) == due.keys()
    rules = {one.verdicts[agency].rule for one in said}
    assert len(rules) > 2, "heard, and withheld by more than one rule: else little is proved"
    pseudonyms = {
        subject: subject_of(world.keys, agency, subject).encode() for subject in {one.subject for one in said}
    }
    last: dict[bytes, int] = {}
    lies: defaultdict[bytes, set[int]] = defaultdict(set)
    for one, own_id in zip(came, ids, strict=True):
        event, key = due[own_id], one.record.key or b""
        assert key == pseudonyms[event.subject]
        assert event.serial > last.get(key, -1), "out of order"
        last[key] = event.serial
        lies[key].add(one.partition)
        assert world.decoded(one.record) == event.verdicts[agency].values
        assert dict(one.record.headers).get("ce_hubaddress", b"").decode() == event.verdicts[agency].address
    assert {len(partitions) for partitions in lies.values()} == {1}
    return len(came)


def accounted_for(world: World, said: Sequence[Said]) -> None:
    """One receipt for each event and each agency that a policy names, saying what was decided."""
    found = list(world.receipts())
    decided = {(one.event, one.agency): one.rule for one in found}
    assert len(decided) == len(found), "an event has two receipts for one agency"
    assert decided == {(one.event_id, agency): verdict.rule for one in said for agency, verdict in one.verdicts.items()}
    assert Counter(one.verdict for one in found) == Counter(
        "withheld" if rule else "released" for rule in decided.values()
    )
    messages = {one.message for one in found if one.verdict == "released"}
    assert len(messages) == sum(not rule for rule in decided.values())


def settled(world: World) -> None:
    """No transaction is open on any topic, and every lane's place is after the last record of each partition."""
    client = world.admin
    every = places(client, [one.name for one in topology.topics(world.catalog)], 20)
    stable = offsets(client, every, END, 20)
    assert stable == offsets(client, every, END, 20, IsolationLevel.READ_UNCOMMITTED), "a transaction is open"
    for group, topics in cluster.relay_groups(world.catalog).items():
        place = committed(world.bootstrap, group, [one for one in every if one[0] in topics], 20)
        for topic in topics:
            last = {stored.partition: stored.offset for stored in world.read(topic)}
            for partition, offset in last.items():
                assert place[topic, partition] == offset + 1


def heard_ids(world: World, agency: str, stream: str = "mash_referral") -> set[str]:
    """The ids of all that an agency heard."""
    return {Envelope.from_headers(one.record.headers).id for one in world.heard(stream, agency)}


def releasable(world: World, count: int, run: str) -> list[Said]:
    """Contacts that health partners hear."""
    every = referrals(world.catalog, world.keys, count * 20, run)
    found = [one for one in every if not one.verdicts["mash_health"].rule][:count]
    assert len(found) == count
    return found


def health_has(world: World, said: Sequence[Said]) -> Callable[[], bool]:
    """Whether health partners heard all of these."""
    due = {message_id(world.keys, "mash_health", one.event_id) for one in said}
    return lambda: due <= heard_ids(world, "mash_health")


def test_what_was_aborted_is_never_carried(urgent: World, fresh: str) -> None:
    """Of two transactions, one aborted, the agencies hear the other; what was aborted has no receipt either."""
    aborted, said = (releasable(urgent, 20, f"{fresh}.{which}") for which in ("aborted", "said"))
    assert len(urgent.write([one.record for one in aborted], abort=True)) == len(aborted)  # they lie on the topic
    urgent.write([one.record for one in said])
    relay = urgent.relay("--lane", "urgent")
    relay.start()
    until(health_has(urgent, said), "what was said")
    until(lambda: urgent.waiting("urgent") == 0, "end of the work")
    ids = {message_id(urgent.keys, "mash_health", one.event_id) for one in aborted}
    assert ids.isdisjoint(heard_ids(urgent, "mash_health"))
    assert {one.event_id for one in aborted}.isdisjoint({one.event for one in urgent.receipts()})


def test_what_cannot_be_read_is_set_aside_and_the_next_is_carried(urgent: World, fresh: str) -> None:
    """Each kind of unreadable record is kept, sealed, with its place; a record of the same child behind it is heard."""
    good = releasable(urgent, 6, fresh)
    value = good[0].record.value or b""
    spoilt = [
        value[:-1],
        value + b"\x00",
        b"\x00\xff\xff\xff\xff" + value[5:],
        b"Ferrars, not Avro",
        b"",
    ]
    bad = [good[0].record._replace(value=one) for one in spoilt] + [good[0].record._replace(headers=())]
    behind = [one.record._replace(key=good[0].record.key) for one in good]
    written = urgent.write([*bad, *behind])
    relay = urgent.relay("--lane", "urgent")
    relay.start()
    due = {message_id(urgent.keys, "mash_health", one.event_id) for one in good}
    until(lambda: due <= heard_ids(urgent, "mash_health"), "what lies behind")
    topic = good[0].record.topic
    kept = {dict(one.record.headers)["hub_place"].decode(): one.record for one in urgent.read(topology.RELAY)}
    partitions = {partition for partition, _ in written}
    assert len(partitions) == 1, "all lie behind one another"
    for (partition, offset), record in zip(sorted(written), bad, strict=False):
        place = f"{topic}/{partition}/{offset}"
        assert urgent.keys.unseal("quarantine", kept[place].value or b"", place) == record.value
        assert dict(kept[place].headers)["hub_code"].startswith(b"relay.")
        assert b"Ferrars" not in (kept[place].value or b"")
    assert "Ferrars" not in relay.said()


def test_a_second_relay_of_one_name_ends_the_first(urgent: World, fresh: str) -> None:
    """Whoever comes second carries on; the first stops with an error that says why, and nothing is heard twice."""
    before, after = (releasable(urgent, 50, f"{fresh}.{when}") for when in ("before", "after"))
    first, second = urgent.relay("--lane", "urgent"), urgent.relay("--lane", "urgent", state="another state")
    first.start()
    urgent.write([one.record for one in before])
    until(health_has(urgent, before), "what the first carries")
    second.start()
    until(lambda: first.process is None or first.process.poll() is not None, "end of the first", 60)
    urgent.write([one.record for one in after])
    until(health_has(urgent, after), "what the second carries", 60)
    assert first.ended() == 1
    assert re.search(r"fenced by other consumer|another relay of the same name", first.said())
    assert second.process is not None
    assert second.process.poll() is None
    ids = [Envelope.from_headers(one.record.headers).id for one in urgent.heard("mash_referral", "mash_health")]
    assert len(ids) == len(set(ids))


def test_a_lost_offset_is_an_error_and_sends_nothing_again(shared: World, fresh: str) -> None:
    """With its place lost the lane does not begin, at start or at work, and says where it is written what to do."""
    said = list(attendances(shared.catalog, shared.keys, 30, fresh))
    shared.write([one.record for one in said])
    for future in shared.admin.delete_consumer_groups([group_of("routine")]).values():
        future.result()
    relay = shared.relay("--lane", "routine", state="lost")
    relay.start()
    assert relay.ended() == 1
    told = relay.said()
    assert "relay.routine has no offset in school-attendance.v1/" in told
    assert "deploy/README.md, lost offsets" in told
    assert "lost offsets" in (ROOT / "deploy" / "README.md").read_text(encoding="utf-8").lower()
    stop = threading.Event()
    threading.Timer(30, stop.set).start()
    carrier = Relay(shared.catalog, shared.keys, shared.bootstrap, lane="routine")  # it was begun, then lost
    with pytest.raises(TransportError, match="offsets"):
        carrier.run(stop)
    stop.set()
    assert carrier.carried == 0
    assert shared.heard("school_attendance", "schools") == []
