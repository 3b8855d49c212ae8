"""The relay's processes on a real Kafka, killed at work: each event once to each agency that may hear it, in order."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Producer
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
from hub.transports.kafka import Stored, lags, producer_settings, read_topic, seek_group
from hub.transports.kafka.groups import committed
from hub.transports.kafka.reading import END, offsets, places
from tests.broker.relayed import Said, attendances, message_id, referrals, subject_of
from tests.conftest import ROOT
from tests.flow.partners import until
from tests.flow.running import Running, Stopped, gone

pytestmark = pytest.mark.broker

SECRET = b"a secret for tests, of 32 bytes."
PROVE = bool(os.environ.get("HUB_PROVE"))
ATTENDANCES, REFERRALS = (400_000, 20_000) if PROVE else (100_000, 5_000)
KILLS = 12 if PROVE else 3
MOMENTS = (IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED)
"""When to kill: amid a transaction, and just after one was committed, where places kept apart from it would be lost."""
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

    def relay(self, *words: str, state: str = "state", shard: int = 0) -> Running:
        """`hub run relay`, not yet started."""
        given = {"HUB_SECRET_FILE": str(self.folder / "secret"), "HUB_SHARD": str(shard)}
        relay = Running(self.folder / state, self.bootstrap, "relay", *words, **given)
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

    def await_news(self, agency: str, which: IsolationLevel) -> None:
        """Return the moment something more is there for an agency, be it committed or only written."""
        topic = self.catalog.streams["school_attendance"].topic_to(agency)
        every = places(self.admin, [topic], 20)
        before = offsets(self.admin, every, END, 20, which)
        until(lambda: offsets(self.admin, every, END, 20, which) != before, f"more on {topic}", pause=0)

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
        lanes = [relay.pid("relay.routine"), relay.pid("relay.urgent")]
        alone.await_news("schools", MOMENTS[kill % 2])
        os.kill(lanes[0], signal.SIGKILL)
        if kill % 3 == 0:  # everything of it, so that nobody starts it again but a person
            relay.kill()
            os.kill(lanes[1], signal.SIGKILL)
            assert relay.ended() == -signal.SIGKILL
            until(lambda lanes=lanes: all(map(gone, lanes)), "end of the lanes")
            assert alone.carried("routine") < ATTENDANCES, "killed too late to prove anything"
            relay = alone.relay()
            relay.start()
        else:  # one lane, which its supervisor starts again
            assert alone.carried("routine") < ATTENDANCES, "killed too late to prove anything"
            until(
                lambda lanes=lanes, relay=relay: relay.pid("relay.routine") not in (0, lanes[0]),
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


def carried_once(world: World, stream: str, agency: str, said: Sequence[Said], least: int = 2) -> int:
    """Each message that should have come did, once, whole, under its child's key and in the order of what was said."""
    due = {message_id(world.keys, agency, one.event_id): one for one in said if not one.verdicts[agency].rule}
    came = world.heard(stream, agency)
    ids = [Envelope.from_headers(one.record.headers).id for one in came]
    assert len(ids) == len(set(ids)), "a message came twice"
    assert set(ids) == due.keys()
    rules = {one.verdicts[agency].rule for one in said}
    assert len(rules) > least, "heard, and withheld by more than one rule: else little is proved"
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
    heard = Counter(
        Envelope.from_headers(one.record.headers).id for one in urgent.heard("mash_referral", "mash_health")
    )
    assert {heard[message_id(urgent.keys, "mash_health", one.event_id)] for one in (*before, *after)} == {1}


def test_two_relays_of_one_lane_share_its_partitions(urgent: World, fresh: str) -> None:
    """Each has a number and a host of its own: both decide, everything is carried once, and neither ends the other."""
    first, second = (
        urgent.relay("--lane", "urgent", state=f"{fresh}-{shard}", shard=shard) for shard in range(2)
    )  # fmt: skip
    for relay in (first, second):
        relay.start()
    for relay in (first, second):
        relay.wait_ready("relay.urgent")
    group = group_of("urgent")
    members = lambda: [  # noqa: E731
        member for member in urgent.admin.describe_consumer_groups([group])[group].result(20).members
        if member.assignment and member.assignment.topic_partitions
    ]  # fmt: skip
    until(lambda: len(members()) == 2, "both have partitions")
    said = releasable(urgent, 200, fresh)

    urgent.write([one.record for one in said])
    until(health_has(urgent, said), "all is heard")
    until(lambda: urgent.waiting("urgent") == 0, "end of the work")

    heard = [dict(one.record.headers)["ce_id"] for one in urgent.heard("mash_referral", "mash_health")]
    assert len(heard) == len(set(heard))
    assert [relay.stop() for relay in (first, second)] == [0, 0]


def test_a_lost_offset_is_an_error_until_a_person_sets_it(
    shared: World, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its place lost a lane does not begin, at start or at work, and says where the remedy is; which works."""
    said = list(attendances(shared.catalog, shared.keys, 30, fresh))
    shared.write([one.record for one in said])
    for future in shared.admin.delete_consumer_groups([group_of("routine")]).values():
        future.result()
    relay = shared.relay("--lane", "routine", state="lost")
    relay.start()
    assert relay.ended() == 1
    assert "relay.routine has no offset in school-attendance.v1/" in relay.said()
    assert "deploy/runbook/lost-offsets.md" in relay.said()
    assert (ROOT / "deploy" / "runbook" / "lost-offsets.md").is_file()
    with monkeypatch.context() as patch:
        patch.setattr("hub.relay.group_of", lambda _: f"relay.{fresh}")  # a group that has no place anywhere
        with at_work(Relay(shared.catalog, shared.keys, shared.bootstrap, lane="routine")) as (relay_here, work):
            with pytest.raises(TransportError, match="offsets"):
                work.result(30)
            assert relay_here.carried == 0
    assert shared.heard("school_attendance", "schools") == []
    for topic, partition in places(shared.admin, cluster.relay_groups(shared.catalog)[group_of("routine")], 20):
        seek_group(shared.bootstrap, group_of("routine"), topic, partition, 0)
    relay.start()
    until(lambda: shared.waiting("routine") == 0, "end of the lane's work")
    assert carried_once(shared, "school_attendance", "schools", said, least=1) > 0


def test_no_place_is_set_under_a_lane_that_runs(urgent: World) -> None:
    """Setting an offset while the lane runs is refused: it would be taken back with the next transaction."""
    relay = urgent.relay("--lane", "urgent")
    relay.start()
    relay.wait_ready("relay.urgent")
    with pytest.raises(TransportError, match="is it stopped"):
        seek_group(urgent.bootstrap, group_of("urgent"), "mash-referral.v1", 0, 0)


def test_a_lane_that_just_stopped_begins_on_a_topic_that_is_new(urgent: World) -> None:
    """Kafka counts a lane in for a while after it stopped: the next start waits for that, and then carries."""
    relay = urgent.relay("--lane", "urgent")
    relay.environment["HUB_KAFKA_SESSION_TIMEOUT_MS"] = "6000"  # the least that Kafka takes
    relay.start()
    relay.wait_ready("relay.urgent")
    relay.stop()
    topic = urgent.catalog.streams["hospital_attendance"].topic
    urgent.admin.delete_topics([topic])[topic].result()
    relay.start()
    relay.wait_ready("relay.urgent")
    ((partition, offset),) = urgent.write([Record(topic, b"somebody", b"not Avro", ())])
    place = f"{topic}/{partition}/{offset}".encode()
    until(
        lambda: place in {dict(one.record.headers)["hub_place"] for one in urgent.read(topology.RELAY)},
        "what the new topic held",
    )


@contextmanager
def at_work(relay: Relay) -> Iterator[tuple[Relay, Future[None]]]:
    """A relay in a thread of this process, and what becomes of it; stopped at the end."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        try:
            yield relay, threads.submit(relay.run, stop)
        finally:
            stop.set()
    gc.unfreeze()  # what the relay does for itself is not for this process
    vars(relay).clear()  # librdkafka's threads end with their clients, which a patched relay holds in a circle


class Deaf:
    """A consumer whose next question after what is committed goes unanswered."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def committed(self, *given: Any, **named: Any) -> Any:
        """Fails once."""
        self.asked += 1
        if self.asked == 1:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return self._consumer.committed(*given, **named)


def test_a_commit_of_unknown_outcome_is_never_made_again(urgent: World, fresh: str) -> None:
    """The answer to a commit is lost, and so is the answer to the question about it: still nothing is heard twice."""
    said = releasable(urgent, 20, fresh)
    relay = Relay(urgent.catalog, urgent.keys, urgent.bootstrap, lane="urgent")
    deaf = relay._consumer = Deaf(relay._consumer)
    transact, lost = relay._transact, []

    def unanswered(*given: Any, **named: Any) -> Any:
        made = transact(*given, **named)
        if not lost:
            lost.append(True)
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return made

    relay._transact = unanswered
    urgent.write([one.record for one in said])
    with at_work(relay):
        until(lambda: deaf.asked > 1 or relay.carried >= len(said), "an end of the doubt")
        until(lambda: urgent.waiting("urgent") == 0, "end of the work")
    heard = Counter(
        Envelope.from_headers(one.record.headers).id for one in urgent.heard("mash_referral", "mash_health")
    )
    assert {heard[message_id(urgent.keys, "mash_health", one.event_id)] for one in said} == {1}


@pytest.mark.skipif(not PROVE, reason="takes half a minute: set HUB_PROVE=1")
@pytest.mark.parametrize("seconds", [8, 20], ids=["longer than its session", "longer than its transaction"])
def test_a_pause_amid_work_holds_nothing_up_and_repeats_nothing(alone: World, seconds: int) -> None:
    """The process sleeps so long that Kafka gives up on it: it joins again by itself and carries each event once."""
    marks = list(attendances(alone.catalog, alone.keys, 60_000, "pause"))
    alone.write([one.record for one in marks])
    relay = alone.relay("--lane", "routine")
    relay.environment["HUB_KAFKA_SESSION_TIMEOUT_MS"] = "6000"
    relay.start()
    until(lambda: alone.carried("routine") > 10_000, "10,000 marks carried", pause=0.005)
    with Stopped(relay.pid("relay.routine")):
        assert alone.waiting("routine") > 0, "stopped too late to prove anything"
        time.sleep(seconds)  # what is measured is the time itself
    until(lambda: alone.waiting("routine") == 0, "end of the lane's work", 60, 0.2)
    for agency in ("schools", "virtual_school"):
        carried_once(alone, "school_attendance", agency, marks)
    accounted_for(alone, marks)
