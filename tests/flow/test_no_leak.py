"""After a day's work nobody's name or number is anywhere but in the messages themselves: searched, byte by byte."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from types import ModuleType
from typing import NamedTuple

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from hub import topology
from hub.watches.changelog import changelog_of
from tests.flow.partners import until
from tests.flow.sinks import SEALED, sinks, values
from tests.flow.telltales import SUFFIX, People, Search, lengthened, people_of
from tests.flow.whole import Whole

pytestmark = [pytest.mark.broker, pytest.mark.slow]

NAME, NHS_NUMBER = f"Marlowe{SUFFIX}", "9990000018"


class Day(NamedTuple):
    """A hub that has carried the day, and who was in it."""

    whole: Whole
    people: People
    search: Search


class Odd(NamedTuple):
    """What no careful sender sends: people's names and numbers in places that a program likes to repeat."""

    agency: str
    line: str
    name: str
    data: bytes


def odd(day: ModuleType, today: date) -> Iterator[Odd]:
    """Names as file names, columns, members, codes and ids; numbers as ids; bytes that cannot be read."""
    flags = next(one for one in day.the_day(today) if one.line == "flags").data.decode()
    head, *rows = flags.splitlines()
    yield Odd("social_care", "flags", f"Zoë {NAME} {NHS_NUMBER}.csv", f"{head},{NAME}\r\n{rows[0]},x\r\n".encode())
    yield Odd("social_care", "flags", f"{NHS_NUMBER}.csv", f"{NAME},{NHS_NUMBER}\r\n1,2\r\n".encode())
    yield Odd("schools", "class_lists", f"{NAME}.csv", b'"' + NAME.encode() + b"\xff\xfe\x00\r\n")
    line = ("mash_front_door", "referrals", "odd.json")
    yield Odd(*line, f'{{"id": "{NHS_NUMBER}", "{NAME}": "{NAME}"}}'.encode())
    yield Odd(*line, f'{{"id": "{NHS_NUMBER}", "contact": "{NAME}"}}'.encode())  # the same id for something else
    yield Odd(*line, f'{{"{NAME}": 1, "{NAME}": 2}}'.encode())
    yield Odd(*line, f'{{"child": {{"pers_surname": "{NAME}'.encode())
    referral = json.loads(next(one for one in day.the_day(today) if one.line == "referrals").data)
    referral["id"] = f"{NAME}-1"
    referral["contact"]["rag"] = NAME
    referral["child"][NAME] = NHS_NUMBER
    yield Odd(*line, json.dumps(referral).encode())
    arrival = day.adt(today, 90, "A04", NHS_NUMBER, f"{NAME} Zoë", "20190514").decode()
    line = ("great_western_hospital", "adt", "odd.hl7")
    for _ in range(2):  # the same message again
        yield Odd(*line, arrival.replace("|GWH", f"|{NHS_NUMBER}").encode())
    yield Odd(*line, arrival.replace("ADT^A04^ADT_A01", f"{NAME}^{NHS_NUMBER}").encode())
    yield Odd(*line, arrival.replace("PID|1", f"{NAME}|{NHS_NUMBER}").encode())
    yield Odd(*line, arrival.replace("20190514", NAME).replace("0090", "0091").encode())
    yield Odd(*line, f"MSH|^~\\&|{NAME}\r{NHS_NUMBER}".encode())


@pytest.fixture(scope="module")
def carried(whole: Whole, day: ModuleType, today: date) -> Day:
    """The demo's day and the odd messages, all carried; and at the end an alert that its receiver turns away."""
    plain = list(day.the_day(today))
    names = people_of(plain).names
    messages = [Odd(one.agency, one.line, one.name, lengthened(one.data, names)) for one in plain]
    people = people_of(messages)
    messages += odd(day, today)
    dropped = [one for one in messages if (whole.settings.inbox_folder / one.agency / one.line).is_dir()]
    for one in sorted(dropped, key=lambda one: one.line != "flags"):
        whole.drop(one.agency, one.line, one.name, one.data, wait=one.line == "flags")
    whole.all_taken()
    with whole.hospital() as hospital:
        for one in messages:
            if one.agency == "great_western_hospital":
                assert hospital.say(one.data)[0] in ("AA", "AE", "AR")
            elif one not in dropped:
                assert whole.post(one.agency, one.line, one.data) in (200, 400, 422)
    assert whole.post("mash_front_door", f"{NAME}/{NHS_NUMBER}", b"{}") == 404
    assert whole.post("mash_front_door", "referrals", b"{}", token=f"{NAME}-{NHS_NUMBER}") == 401
    arrivals = sum(b"ADT^A04" in one.data for one in plain if one.line == "adt")
    until(lambda: len(whole.verdicts()) >= arrivals, "verdicts")
    until(whole.settled, "end of the work", 60, 0.1)
    whole.https.behave("refuse")
    with whole.hospital() as hospital:
        last = day.adt(today, 95, "A04", NHS_NUMBER, f"{NAME} Zoë", "20190514")
        assert hospital.say(last)[0] == "AA"
    until(lambda: whole.pending() == 2, "what is turned away")
    return Day(whole, people, Search(people))


@pytest.fixture(scope="module")
def left_behind(carried: Day) -> dict[str, bytes]:
    """What the day left behind, before anything is planted in it."""
    return sinks(carried.whole)


def test_the_search_knows_the_people_of_the_day(carried: Day) -> None:
    """Who is looked for is who was in the messages, and looking finds them where they belong."""
    whole, people = carried.whole, carried.people
    assert NAME in people.names
    assert f"Zoë{SUFFIX}" in people.names
    assert NHS_NUMBER in people.numbers
    assert len(people.names) > 20
    assert len(people.numbers) > 80
    assert all(name.endswith(SUFFIX) for name in people.names)
    streams = b"".join(values(whole, stream.topic) for stream in whole.catalog.streams.values())
    delivered = b"".join(one.read_bytes() for one in whole.settings.outbox_folder.rglob("*") if one.is_file())
    taken = b"".join(one.body for one in whole.https.taken)
    found = carried.search.hits({"streams": streams, "files": delivered, "posted": taken})
    assert len(found["streams"]) > (len(people.names) + len(people.numbers)) * 0.8
    assert NHS_NUMBER in found["posted"]
    assert len(found["files"]) > 20


def test_nobody_is_named_where_nobody_may_be(carried: Day, left_behind: dict[str, bytes]) -> None:
    """No key, header, log, file name, topic, group, process, sealed topic or database holds a name or number."""
    found = left_behind
    for topic in (topology.quarantine_of("great_western_hospital"), topology.quarantine_of("mash_front_door"),
                  topology.quarantine_of("social_care"), topology.quarantine_of("schools"),
                  changelog_of("cpis")):  # fmt: skip
        assert len(found[f"topic {topic}"]) > 500, "something is sealed in it"
    assert len(found["the database"]) > 10_000
    assert found["keys and headers"].count(b"ce_id=") > 200
    assert found["what processes print"].count(b"\n") > 50
    assert len(found["processes"]) > 1_000
    assert carried.search.hits(found) == {}


def test_what_is_planted_is_found(carried: Day, left_behind: dict[str, bytes]) -> None:
    """The control: a name or number in each place, each in another spelling, is found there."""
    whole = carried.whole
    upn = min(number for number in carried.people.numbers if len(number) == 13)
    name, number = f"Noor{SUFFIX}", "9990000085"
    producer = Producer({"bootstrap.servers": whole.bootstrap, "transactional.id": f"hub-{upn}", "log_level": 0})
    client = AdminClient({"bootstrap.servers": whole.bootstrap, "log_level": 0})
    topics = client.list_topics(timeout=10).topics
    sealed = sorted(one for one in topics if one.startswith(SEALED) and not one.startswith("__"))
    spellings = [
        name.upper().encode(), name.encode().hex().upper().encode(), base64.b64encode(b"x" + name.encode()),
        name.encode("utf-16-le"), b"999 000 0085", hashlib.sha256(number.encode()).digest(),
        hashlib.md5(upn.encode(), usedforsecurity=False).hexdigest().encode(),
        base64.b64encode(b"xy" + number.encode()),
    ]  # fmt: skip
    producer.init_transactions(20)
    producer.begin_transaction()
    for turn, topic in enumerate(sealed):
        producer.produce(topic, spellings[turn % len(spellings)], b"planted")
    producer.produce("disclosures.v1", b"", number.encode(), headers=[("ce_id", base64.b64encode(name.encode()))])
    producer.commit_transaction(20)
    client.create_topics([NewTopic(f"{name}.v1", 1, 1)])[f"{name}.v1"].result()
    place = ConsumerGroupTopicPartitions(f"r.{upn}", [TopicPartition("disclosures.v1", 0, 0)])
    client.alter_consumer_group_offsets([place])[f"r.{upn}"].result()
    for path in (whole.hub.log, whole.kafka.folder / "node-1" / "server.log"):
        with path.open("ab") as log:
            log.write(f"{name.lower()}\n".encode())
    (whole.settings.path("run") / f"{name}.txt").write_bytes(base64.b64encode(upn.encode()))
    store = sqlite3.connect(whole.settings.path("couriers.urgent.db"))
    store.execute("CREATE TABLE planted (said BLOB)")
    store.execute("INSERT INTO planted VALUES (?)", (name.encode("latin-1"),))
    store.commit()
    store.close()
    child = subprocess.Popen([sys.executable, "-c", "input()", number], stdin=subprocess.PIPE)
    try:
        found = carried.search.hits(sinks(whole, child.pid))
    finally:
        child.communicate(b"\n", timeout=20)
        (whole.settings.path("run") / f"{name}.txt").unlink()
    unsaid = {"what hub lag prints"}  # which says nothing but what stands in the catalog
    assert left_behind.keys() - found.keys() == unsaid
