"""The watches on a real Kafka: every arrival gets its verdict, whatever else happens on the topics."""

from __future__ import annotations

import dataclasses
import json
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from hub import topology
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.errors import CatalogError, HubError
from hub.keys import Keys
from hub.transports.kafka import Stored, TopicWanted, ensure_topics, read_topic
from hub.watch import Memory
from hub.watches.changelog import GROUP, changelog_of, prepare
from hub.watches.process import membership
from hub.watches.reconcile import Reconciled, reconcile
from hub.watches.watching import unsealed
from schemas.cpis_access import RecordAccessed
from schemas.cpis_flag import FlagChanged
from schemas.fields import nhs_number_check_digit_holds
from schemas.hospital_attendance import AttendanceReported
from schemas.nhs_number_change import NumberReplaced
from schemas.person_change import PersonChanged

pytestmark = pytest.mark.broker

SOON = 30.0  # seconds that nothing here should need
TELLTALE = "Telltale"  # a surname that must be nowhere but in sealed or streamed values
RUN = """
import sys
from pathlib import Path
from hub import catalog, log
from hub.keys import Keys
from hub.watches.process import run
log.start()
print("starting", flush=True)
run(catalog.load(), Keys(bytes.fromhex(sys.argv[3])), bootstrap=sys.argv[1], state_dir=Path(sys.argv[2]),
    ready=lambda: print("ready", flush=True))
print("stopped", flush=True)
"""
SECRET = b"a secret for tests, of 32 bytes."


class Watches:
    """The watches as a process of their own."""

    def __init__(self, bootstrap: str, state: Path) -> None:
        self._command = [sys.executable, "-c", RUN, bootstrap, str(state), SECRET.hex()]
        self.folder = state
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once the tables are recovered."""
        assert self.process is None
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log)
        self.says(b"ready")

    def says(self, word: bytes) -> None:
        """Wait until the process prints *word*."""
        assert self.process is not None
        assert self.process.stdout is not None
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            if select.select([self.process.stdout], [], [], 1)[0]:
                line = self.process.stdout.readline()
                if line.strip() == word:
                    return
                assert line, self.log()
        raise AssertionError(self.log())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return how the process ended."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(SOON)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
        return code

    def log(self) -> str:
        """Everything it has logged."""
        return (self.folder / "log").read_text(encoding="utf-8")


class World:
    """Kafka with the catalog's topics, and the few things that tests do to it."""

    def __init__(self, bootstrap: str, catalog: Catalog, state: Path) -> None:
        self.bootstrap = bootstrap
        self.catalog = catalog
        self.keys = Keys(SECRET)
        self.watches = Watches(bootstrap, state)
        self.before: list[str] = []
        self.producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0})
        self._alerts: dict[str, list[tuple[Envelope, dict[str, Any]]]] = {}
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "tests", "enable.auto.commit": False})
        topic = catalog.streams["hospital_alert"].topic
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(6)])
        self._numbers = (number for number in range(999_000_000, 999_999_999))

    def nhs_number(self) -> str:
        """An invented NHS number that no other test has."""
        while True:
            nine = next(self._numbers)
            for digit in range(10):
                if nhs_number_check_digit_holds(number := f"{nine}{digit}"):
                    return number

    def record(self, stream: str, values: dict[str, Any], own: str = "") -> tuple[str, Record]:
        """An event as the gateway would write it, with its id."""
        of = self.catalog.streams[stream]
        event_id = self.keys.event_id("tests", "line", own or uuid.uuid4().hex, 0)
        papers = Envelope(event_id, "/tests", of.topic, datetime.now(UTC), traceparent(event_id))
        key = self.keys.subject(of, values, otherwise=event_id).encode()
        return event_id, Record(of.topic, key, self.catalog.codec(of).encode(values), papers.headers())

    def put(self, *records: Record, producer: Producer | None = None) -> list[tuple[int, int]]:
        """Produce and flush; returns partition and offset of each."""
        through = producer or self.producer
        places: list[tuple[int, int]] = []
        for one in records:
            through.produce(
                one.topic, one.value, one.key, headers=list(one.headers),
                on_delivery=lambda fault, message: places.append((message.partition(), message.offset())),
            )  # fmt: skip
        assert through.flush(SOON) == 0
        return places

    def say(self, number: str, own: str = "", **fields: Any) -> Record:
        """Write one flag."""
        record = self.flag(number, own, **fields)
        self.put(record)
        return record

    def flag(self, number: str, own: str = "", **fields: Any) -> Record:
        """One flag, not yet written."""
        event = {
            "subject": {"nhs_number": number, "surname": TELLTALE, "forename": "Ada", "born": "2016-05-01"},
            "plan": "child_protection",
            "started": "2024-02-01T00:00:00Z",
            "authority": {
                "name": "Exampleton Council",
                "ods_code": "866",
                "office_phone": "01632960001",
                "emergency_phone": "01632960002",
            },
            "worker_id": "SW-1",
        }
        return self.record("cpis_flag", FlagChanged.model_validate(event | fields).model_dump(), own)[1]

    def arrive(self, number: str | None, own: str = "", **fields: Any) -> str:
        """Write one arrival; returns its id."""
        event = {
            "patient": {"nhs_number": number, "hospital_number": "H1", "surname": TELLTALE, "born": "2016-05-01"},
            "happened": "arrived",
            "at": datetime.now(UTC),
        }
        event_id, record = self.record(
            "hospital_attendance", AttendanceReported.model_validate(event | fields).model_dump(), own
        )
        self.put(record)
        return event_id

    def alerts(self, attendance_id: str) -> list[tuple[Envelope, dict[str, Any]]]:
        """Every alert so far on one attendance."""
        of = self.catalog.streams["hospital_alert"]
        while (message := self._consumer.poll(0)) is not None:
            assert message.error() is None
            values = self.catalog.codec(of).decode(message.value() or b"")
            papers = Envelope.from_headers(message.headers())
            self._alerts.setdefault(values["attendance_id"], []).append((papers, values))
        return self._alerts.get(attendance_id, [])

    def said(self, stream: str, watch: str, number: str) -> list[dict[str, Any]]:
        """What a watch has said of one NHS number."""
        of = self.catalog.streams[stream]
        found = []
        for one in read_topic(self.bootstrap, of.topic):
            values = self.catalog.codec(of).decode(one.record.value or b"")
            named = values.get("nhs_number") or values.get("subject", {}).get("nhs_number")
            if named == number and dict(one.record.headers)["ce_source"] == f"/watch/{watch}".encode():
                found.append(values)
        return found

    def remember_others(self, count: int) -> None:
        """Fill the changelog with what was said of *count* other people, so that there is something to recover."""
        remember = self.catalog.watches["cpis"].remember
        records = []
        for number in (self.nhs_number() for _ in range(count)):
            flag = self.flag(number)
            values = self.catalog.codec(self.catalog.streams["cpis_flag"]).decode(flag.value or b"")
            memory = Memory(remember(None, values, datetime.now(UTC))).pack() or b""
            box = self.keys.seal("watch.cpis", memory, (flag.key or b"").hex())
            records.append(Record(changelog_of("cpis"), flag.key, box, ()))
        self.put(*records)

    def alert(self, attendance_id: str) -> dict[str, Any]:
        """The alert on one attendance, as soon as it is there."""
        return until(lambda: self.alerts(attendance_id), "an alert")[0][1]

    def verdict(self, number: str | None, **fields: Any) -> str:
        """The verdict on one more arrival."""
        return str(self.alert(self.arrive(number, **fields))["verdict"])

    def quarantined(self, place: str) -> list[Stored]:
        """What lies in quarantine of one record."""
        stored = read_topic(self.bootstrap, topology.WATCHES)
        return [one for one in stored if dict(one.record.headers)["hub_place"] == place.encode()]

    def reconciled(self) -> Reconciled:
        """Memory against topic."""
        return reconcile(self.catalog, self.catalog.watches["cpis"], self.keys, bootstrap=self.bootstrap)

    def close(self) -> None:
        """Stop everything."""
        if self.watches.process is not None:
            self.watches.stop(signal.SIGKILL)
        self._consumer.close()

    def settled(self) -> bool:
        """Whether everything that was written is worked on and committed."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        topics = [self.catalog.streams[name].topic for name in ("cpis_flag", "hospital_attendance")]
        answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)])[GROUP].result()
        committed = {(one.topic, one.partition): one.offset for one in answer.topic_partitions}
        last: dict[tuple[str, int], int] = {}
        for topic in topics:
            for one in read_topic(self.bootstrap, topic):
                last[topic, one.partition] = one.offset
        return all(committed.get(place, -1) > offset for place, offset in last.items())


def until(look: Callable[[], Any], what: str) -> Any:
    """The first true thing that *look* sees."""
    deadline = time.monotonic() + SOON
    while not (found := look()):
        assert time.monotonic() < deadline, f"no {what} within {SOON:.0f} s"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def world(empty_kafka: str, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Topics as the catalog wants them, and the watches running."""
    wanted = [TopicWanted(one.name, one.partitions, 1, one.config(1)) for one in topology.topics(catalog)]
    ensure_topics(empty_kafka, wanted)
    prepare(catalog, empty_kafka, 1, {})
    world = World(empty_kafka, catalog, tmp_path_factory.mktemp("watches"))
    world.remember_others(2000)
    world.before = [world.arrive(world.nhs_number()) for _ in range(40)]
    world.watches.start()
    try:
        yield world
    finally:
        world.close()


def ago(days: int) -> str:
    """A moment *days* ago, as an event writes it."""
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], "nothing_known"),
        ([{}], "flagged"),
        ([{"ended": ago(180)}], "flagged"),
        ([{"ended": ago(400)}], "nothing_known"),
        ([{}, {"deleted": ago(1)}], "nothing_known"),
        ([{"plan": "unborn_child_protection", "ended": ago(-90)}], "flagged"),
    ],
    ids=["none", "open", "ended-6-months-ago", "ended-13-months-ago", "withdrawn", "unborn-for-the-mother"],
)
def test_every_arrival_gets_the_verdict_of_its_flags(world: World, flags: list[dict[str, Any]], expected: str) -> None:
    """The join, from topic to topic; the arrival is written right after the flags."""
    number, started = world.nhs_number(), ago(800)
    for fields in flags:
        world.say(number, started=started, **fields)
    assert world.verdict(number) == expected


def test_what_came_before_the_first_start_is_judged(world: World) -> None:
    """Nothing is lost between the recovery of the tables and the first record, on partitions never committed either."""
    assert len({world.alert(arrival)["attendance_id"] for arrival in world.before}) == 40


def test_an_arrival_never_overtakes_the_flag_before_it(world: World) -> None:
    """Flags and arrivals come on two topics, and still what was committed first is known first."""
    numbers = [world.nhs_number() for _ in range(60)]
    arrivals = []
    for number in numbers:
        world.say(number)
        arrivals.append(world.arrive(number))
    assert [world.alert(arrival)["verdict"] for arrival in arrivals] == ["flagged"] * len(numbers)


def test_an_arrival_waits_for_the_backlog_of_flags(world: World) -> None:
    """After a pause flags and arrivals are read at once; the arrival is judged when the flags before it are known."""
    assert world.watches.stop() == 0
    numbers = [world.nhs_number() for _ in range(20)]
    world.put(*(world.flag(number, worker_id=f"SW-{turn}") for turn in range(25) for number in numbers))
    arrivals = [world.arrive(number) for number in numbers]
    world.watches.start()
    found = [world.alert(arrival) for arrival in arrivals]
    assert [alert["verdict"] for alert in found] == ["flagged"] * len(numbers)
    assert [alert["worker_id"] for alert in found] == ["SW-24"] * len(numbers)


def test_a_flag_follows_the_number_that_took_its_place(world: World) -> None:
    """A watch that emits what it keeps: the flag comes round once, and the local join finds it under the new number."""
    old, new = world.nhs_number(), world.nhs_number()
    world.say(old)
    change = {"old": {"nhs_number": old}, "new": [new], "said_by": "cpis", "as_of": datetime.now(UTC)}
    world.put(world.record("nhs_number_change", NumberReplaced.model_validate(change).model_dump())[1])

    until(lambda: world.verdict(new) == "flagged", "flag under the new number")

    assert world.verdict(old) == "flagged"
    assert [values["subject"]["nhs_number"] for values in world.said("cpis_flag", "cpis-number", new)] == [new]


def test_each_watch_has_its_own_of_one_topic(world: World) -> None:
    """Three remember the same flags: a look at a record finds the worker as an arrival does, right behind the flag."""
    numbers = [world.nhs_number() for _ in range(20)]
    for number in numbers:
        world.say(number)
        look = {
            "query_id": "Q",
            "at": datetime.now(UTC),
            "nhs_number": number,
            "by": {},
            "notified_at": datetime.now(UTC),
        }
        world.put(world.record("cpis_access", RecordAccessed.model_validate(look).model_dump())[1])

    for number in numbers:
        (notice,) = until(lambda: world.said("cpis_access_notice", "cpis-access", number), "a notice")  # noqa: B023
        assert (notice["known"], notice["worker_id"]) == ("flagged", "SW-1")


def test_without_nhs_number_it_is_unknown(world: World) -> None:
    """An arrival under a hospital number alone cannot be answered, and says so."""
    assert world.verdict(None) == "unknown"


def test_what_is_aborted_was_never_said(world: World) -> None:
    """A flag of an aborted transaction is not seen, and the arrival after it does not wait for it either."""
    number = world.nhs_number()
    producer = transactional(world)
    producer.begin_transaction()
    world.put(world.flag(number), producer=producer)
    producer.abort_transaction(SOON)
    assert world.verdict(number) == "nothing_known"


def test_what_is_not_yet_committed_is_not_yet_known(world: World) -> None:
    """A flag counts from its commit, and an open transaction holds no arrival up."""
    number = world.nhs_number()
    producer = transactional(world)
    producer.begin_transaction()
    record = world.flag(number)
    world.put(record, producer=producer)
    before = world.verdict(number)
    producer.commit_transaction(SOON)
    topic = world.catalog.streams["cpis_flag"].topic
    until(lambda: record.key in {one.record.key for one in read_topic(world.bootstrap, topic)}, "committed flag")
    assert (before, world.verdict(number)) == ("nothing_known", "flagged")


def transactional(world: World) -> Producer:
    """A producer with a transaction to begin."""
    settings = {
        "bootstrap.servers": world.bootstrap, "partitioner": "murmur2_random", "transactional.id": uuid.uuid4().hex,
    }  # fmt: skip
    producer = Producer(settings)
    producer.init_transactions(SOON)
    return producer


def test_the_same_arrival_twice_is_the_same_alert(world: World) -> None:
    """Two deliveries of one attendance give two records of one id."""
    number, own = world.nhs_number(), uuid.uuid4().hex
    first, second = world.arrive(number, own), world.arrive(number, own)
    assert first == second
    until(lambda: len(world.alerts(first)) == 2, "second alert")
    assert {papers.id for papers, _ in world.alerts(first)} == {
        world.keys.event_id("watch.cpis", "hospital_alert", first, 0)
    }


def test_a_poisoned_arrival_is_set_aside_and_the_next_is_judged(world: World) -> None:
    """It lies in quarantine, sealed and bound to its place; nothing of it is in the log."""
    number = world.nhs_number()
    world.say(number)
    _, sound = world.record("hospital_attendance", {
        "patient": {"hospital_number": "H1", "nhs_number": number}, "happened": "arrived", "at": datetime.now(UTC),
    })  # fmt: skip
    poison = sound._replace(value=(sound.value or b"")[:5] + b"\xff\xff poison: Telltale")
    ((partition, offset),) = world.put(poison)
    assert world.verdict(number) == "flagged"
    place = f"{poison.topic}/{partition}/{offset}"
    (stored,) = until(lambda: world.quarantined(place), "quarantined record")
    assert world.keys.unseal("quarantine", stored.record.value or b"", place) == poison.value
    assert dict(stored.record.headers)["hub_code"] == b"watch.avro.truncated"
    assert f"offset={offset}" in world.watches.log()


def test_a_poisoned_flag_is_doubt_until_it_is_replayed(world: World) -> None:
    """What could not be read of a child never reads as "nothing known"; others are not touched by it."""
    number, own = world.nhs_number(), uuid.uuid4().hex
    sound = world.flag(number, own)
    ((partition, offset),) = world.put(sound._replace(value=b"Telltale, not Avro"))
    until(lambda: world.quarantined(f"{sound.topic}/{partition}/{offset}"), "quarantined record")
    assert world.verdict(number) == "unknown"
    assert world.verdict(world.nhs_number()) == "nothing_known"
    world.say(number, own, ended=ago(400))
    assert world.verdict(number) == "nothing_known"


def test_an_erased_subject_is_forgotten(world: World) -> None:
    """A tombstone on the kept topic takes the memory away, in the changelog as well."""
    number = world.nhs_number()
    record = world.say(number)
    assert world.verdict(number) == "flagged"
    world.put(record._replace(value=None))
    assert world.verdict(number) == "nothing_known"
    boxes = [one.record.value for one in changelog(world) if one.record.key == record.key]
    assert boxes[-1] is None


def test_the_changelog_is_sealed_and_never_deleted_from(world: World) -> None:
    """It holds names and telephones: in the open there are pseudonyms only; and retention forgets no flag."""
    number = world.nhs_number()
    record = world.say(number)
    assert world.verdict(number) == "flagged"
    held = [one.record for one in changelog(world)]
    assert all(word not in (one.value or b"") for one in held for word in (b"01632", b"Exampleton"))
    box = next(one.value for one in reversed(held) if one.key == record.key)
    memory = unsealed(world.keys, "cpis", record.key or b"", box)
    assert "01632960001" in json.dumps(memory.state)
    admin = AdminClient({"bootstrap.servers": world.bootstrap, "log_level": 0})
    resource = ConfigResource(ResourceType.TOPIC, changelog_of("cpis"))
    settings = admin.describe_configs([resource])[resource].result()
    assert settings["cleanup.policy"].value == "compact"


def changelog(world: World) -> list[Stored]:
    """What the memory's topic holds."""
    return list(read_topic(world.bootstrap, changelog_of("cpis")))


def test_memory_agrees_with_a_rebuild(world: World) -> None:
    """Everything that the topic says is remembered; a memory that lost a key shows as one that differs."""
    numbers = [world.nhs_number() for _ in range(5)]
    records = [world.say(number) for number in numbers]
    world.say(numbers[0], plan="looked_after")
    assert world.verdict(numbers[0]) == "flagged"
    until(world.settled, "commit of everything")
    before = world.reconciled()
    assert (before.missing, before.different, before.unreadable > 0) == (0, 0, poisoned(world))
    assert before.extra == 2000  # the other people's, of whom the topic knows nothing
    assert before.same >= len(numbers)
    assert world.watches.stop() == 0
    world.put(Record(changelog_of("cpis"), records[1].key, None, ()))
    after = world.reconciled()
    world.put(records[1])  # said again, it is known again
    world.watches.start()
    assert after.different == before.different + 1
    assert world.verdict(numbers[1]) == "flagged"


def poisoned(world: World) -> bool:
    """Whether another test wrote what cannot be read to the kept topic."""
    topic = world.catalog.streams["cpis_flag"].topic
    return any(one.record.value == b"Telltale, not Avro" for one in read_topic(world.bootstrap, topic))


def test_a_restart_recovers_the_memory(world: World) -> None:
    """Its changelog alone brings it back: the kept topic is emptied meanwhile; and what came meanwhile is judged."""
    numbers = [world.nhs_number() for _ in range(12)]
    for number in numbers:
        world.say(number)
    assert world.verdict(numbers[-1]) == "flagged"
    until(world.settled, "commit of everything")
    assert world.watches.stop() == 0
    empty(world, "cpis_flag")
    arrivals = [world.arrive(number) for number in numbers]
    world.watches.start()
    assert [world.alert(arrival)["verdict"] for arrival in arrivals] == ["flagged"] * len(numbers)


def empty(world: World, stream: str) -> None:
    """Delete every record of a stream's topic."""
    admin = AdminClient({"bootstrap.servers": world.bootstrap, "log_level": 0})
    topic, ends = world.catalog.streams[stream].topic, {}
    wanted = next(one for one in topology.topics(world.catalog) if one.name == topic)
    as_it_is = TopicWanted(topic, wanted.partitions, 1, wanted.config(1))
    ensure_topics(world.bootstrap, [as_it_is._replace(config={"cleanup.policy": "delete"})])  # else Kafka refuses
    for one in read_topic(world.bootstrap, topic):
        ends[one.partition] = one.offset + 1
    for future in admin.delete_records([TopicPartition(topic, *place) for place in ends.items()]).values():
        future.result()
    ensure_topics(world.bootstrap, [as_it_is])
    assert not list(read_topic(world.bootstrap, topic))


def test_two_processes_share_the_work(world: World, tmp_path: Path) -> None:
    """Memory goes with its partition: to a second process, and back when that one ends."""
    numbers = [world.nhs_number() for _ in range(24)]
    for number in numbers:
        world.say(number)
    second = Watches(world.bootstrap, tmp_path)
    second.start()
    try:
        while_two = [world.arrive(number) for number in numbers]
        assert [world.alert(arrival)["verdict"] for arrival in while_two] == ["flagged"] * len(numbers)
    finally:
        assert second.stop() == 0
    alone = [world.arrive(number) for number in numbers]
    assert [world.alert(arrival)["verdict"] for arrival in alone] == ["flagged"] * len(numbers)


def test_one_state_folder_runs_one_process(world: World) -> None:
    """Two members of one name would take the work from each other; the second is refused, and says why."""
    folder = world.watches.folder
    with pytest.raises(HubError, match="another process runs the watches"), membership(folder):
        pass


def test_a_member_keeps_its_name(tmp_path: Path) -> None:
    """Who is started again from the same folder is the same member; from another folder it is another."""
    names = []
    for folder in ("one", "one", "two"):
        with membership(tmp_path / folder) as name:
            names.append(name)
    assert names[0] == names[1] != names[2]


@pytest.mark.slow
def test_a_kill_loses_nothing_and_makes_no_second_alert(world: World) -> None:
    """Killed amid work: each arrival still gets its verdict, and all records of one verdict have one id."""
    number = world.nhs_number()
    world.say(number)
    arrivals = [world.arrive(number) for _ in range(300)]
    until(lambda: any(world.alerts(one) for one in arrivals), "first alert")
    assert world.watches.stop(signal.SIGKILL) == -signal.SIGKILL
    world.watches.start()
    for arrival in arrivals:
        assert world.alert(arrival)["verdict"] == "flagged"
        assert len({papers.id for papers, _ in world.alerts(arrival)}) == 1


def test_what_is_kept_and_judged_by_one_watch_keeps_its_order(world: World) -> None:
    """Of one person's moves only those that nothing newer overtook are told on, also over a kill and a restart."""
    number, codec = world.nhs_number(), world.catalog.codec(world.catalog.streams["person_now"])

    def move(hour: int) -> None:
        event = PersonChanged.model_validate({
            "nhs_number": number, "changed": "address", "kind": "update", "message_id": f"m{hour}",
            "as_of": f"2026-07-04T{hour:02}:00:00Z",
        })  # fmt: skip
        world.put(world.record("person_change", event.model_dump(), f"{number}-{hour}")[1])

    def told() -> list[int]:
        stored = read_topic(world.bootstrap, world.catalog.streams["person_now"].topic)
        events = {dict(one.record.headers)["ce_id"]: codec.decode(one.record.value or b"") for one in stored}
        return [event["as_of"].hour for event in events.values() if event["nhs_number"] == number]

    for hour in (9, 7, 11):
        move(hour)
    until(lambda: told() == [9, 11], "the newest move")
    assert world.watches.stop(signal.SIGKILL) == -signal.SIGKILL
    world.watches.start()
    for hour in (10, 12):
        move(hour)
    until(lambda: told() == [9, 11, 12], "the move after the restart")


def test_the_process_opens_no_door(world: World) -> None:
    """Faust's web server, on by default and open to all, is off."""
    assert world.watches.process is not None
    folder = Path(f"/proc/{world.watches.process.pid}/fd")
    sockets = {str(one.readlink()).removeprefix("socket:[").rstrip("]") for one in folder.iterdir() if one.is_symlink()}
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            state, inode = (line.split()[at] for at in (3, 9))
            if state == "0A" and inode in sockets:
                listening.add(inode)
    assert listening == set()


def test_topics_that_do_not_fit_are_refused_before_work(world: World) -> None:
    """Kept and judged topics with unlike partitions: the process does not start, and says which and why."""
    streams = {name: dataclasses.replace(one, version=98) for name, one in world.catalog.streams.items()}
    catalog = dataclasses.replace(world.catalog, streams=streams, watches={"cpis": world.catalog.watches["cpis"]})
    for count, name in enumerate(("cpis_flag", "hospital_attendance", "hospital_alert"), 2):
        ensure_topics(world.bootstrap, [TopicWanted(streams[name].topic, count, 1, {})])
    with pytest.raises(CatalogError, match=r"cpis-flag\.v98 has 2, hospital-attendance\.v98 has 3"):
        prepare(catalog, world.bootstrap, 1, {})


def test_the_log_tells_no_ones_name(world: World) -> None:
    """After an arrival, a flag and a poisoned record: no surname, number or telephone in anything logged."""
    number = world.nhs_number()
    world.say(number)
    ((_, offset),) = world.put(world.flag(number)._replace(value=b"\x00 Telltale"))
    assert world.verdict(number) == "flagged"
    until(lambda: f"offset={offset}" in world.watches.log(), "line in the log")
    for word in (TELLTALE, number, "01632"):
        assert word not in world.watches.log()
