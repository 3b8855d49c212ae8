"""The wall around an adoption on a real Kafka, every process at work: what they leave behind joins no two lives."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from hub import cluster, topology
from hub.catalog import Catalog
from hub.envelope import Record
from hub.keys import Keys
from hub.local_kafka import LocalKafka
from hub.store import engine
from hub.topology import WATCH_GROUP, changelog_of
from hub.transports.kafka import read_topic, seek_group
from hub.transports.kafka.reading import END, offsets, places
from hub.watches.reconcile import reconcile
from tests.flow.adopted import (
    NEW,
    OLD,
    Child,
    Search,
    Sending,
    Unit,
    children,
    hostile,
    hostile_files,
    life,
    orders,
    standings,
    unit,
)  # fmt: skip
from tests.flow.partners import HttpsPartner, MllpPartner, until
from tests.flow.running import EVERY, hub
from tests.flow.sinks import DATABASES
from tests.flow.test_adoption import GATEWAYS, rows
from tests.flow.whole import Whole, broker_pid

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PROVE = bool(os.environ.get("HUB_PROVE"))
COUNT = 200 if PROVE else 8


class Adopted(NamedTuple):
    """A hub that has carried both lives of some children, and what came of what named both."""

    whole: Whole
    keys: Keys
    of: list[Child]
    search: Search
    refused: Counter[str]
    files: list[int]


def say(whole: Whole, sendings: Iterator[Sending] | list[Sending]) -> Counter[str]:
    """Each by its own road: files first, and taken in before anything else; the answers, by road."""
    told: Counter[str] = Counter()
    rest = []
    for one in sendings:
        if whole.catalog.agencies[one.agency].says[one.line].by == "files":
            whole.drop(one.agency, one.line, one.name, one.data, wait=False)
        else:
            rest.append(one)
    whole.all_taken()
    with whole.hospital() as hospital:
        for one in rest:
            if one.line == "adt":
                told[f"mllp {hospital.say(one.data)[0]}"] += 1
            else:
                told[f"https {whole.post(one.agency, one.line, one.data)}"] += 1
    until(whole.settled, "end of the work", 60, 0.1)
    return told


@pytest.fixture(scope="module")
def whole(
    catalog: Catalog, place: Path, broker: LocalKafka, https_partner: HttpsPartner, mllp_partner: MllpPartner
) -> Iterator[Whole]:
    """`hub run`, ready; its members are forgotten as soon as Kafka allows once it is stopped."""
    world = Whole(catalog, place / "state", broker, https_partner, mllp_partner, "https")
    world.hub.environment["HUB_KAFKA_SESSION_TIMEOUT_MS"] = "6000"
    try:
        world.start()
        yield world
    finally:
        world.stop()


@pytest.fixture(scope="module")
def adopted(whole: Whole) -> Adopted:
    """Some children, adopted; and all that names both of their lives, said."""
    of = children(COUNT)
    old, new = [one.old for one in of], [one.new for one in of]
    early = list(life(old, 1))
    assert say(whole, early).keys() == {"mllp AA", "https 200"}
    assert say(whole, list(standings([one.old for one in of if one.way != "sharing_status"], 2))).keys() == {
        "https 200"
    }
    say(whole, list(orders(of, 4)))
    assert say(whole, [*standings(new[::2], 2), *life(new, 1)]).keys() == {"mllp AA", "https 200"}
    refused = say(whole, [one for child in of for one in hostile(child, 5)])
    say(whole, [one for one, _ in hostile_files(of, 5)])
    keys = whole.settings.keys()
    return Adopted(whole, keys, of, Search(of), refused, [sound for _, sound in hostile_files(of, 5)])


def records(adopted: Adopted) -> dict[str, list[Record]]:
    """Every committed record, by topic."""
    client = AdminClient({"bootstrap.servers": adopted.whole.bootstrap, "log_level": 0})
    names = [name for name in client.list_topics(timeout=10).topics if not name.startswith("__")]
    return {name: [one.record for one in read_topic(adopted.whole.bootstrap, name)] for name in sorted(names)}


def units(adopted: Adopted) -> Iterator[Unit]:
    """Everything that the hub has left behind, opened with its own keys."""
    whole, keys = adopted.whole, adopted.keys
    every = records(adopted)
    for kept in every.values():
        for record in kept:
            adopted.search.learn(record)
    for topic, kept in every.items():
        for record in kept:
            yield unit(topic, record, _opened(keys, topic, record))
    ledgers = ((url, {"deliveries"}) for url in whole.settings.ledgers)
    for url, having in (*ledgers, (whole.settings.gateway_database, GATEWAYS)):
        store = engine(url)
        try:
            yield from rows(store, keys, frozenset(having))
        finally:
            store.dispose()
    yield from (Unit("a line of the log", line.encode()) for line in whole.hub.said().splitlines())
    for log in (whole.kafka.folder / "node-1").glob("*.log"):
        yield from (Unit("a line of Kafka's log", line) for line in log.read_bytes().splitlines())
    yield from _files(whole.settings.state)
    for number in [broker_pid(whole.kafka), *(whole.hub.pid(name) for name in EVERY)]:
        told = [(Path(f"/proc/{number}") / name).read_bytes() for name in ("cmdline", "environ")] if number else []
        yield from (Unit("a process", one) for one in told)
    lag = hub(whole.hub.environment, "lag")
    yield from (Unit("what hub lag prints", line) for line in (lag.stdout + lag.stderr).splitlines())
    for posted in whole.https.taken:
        yield Unit("posted to a partner", f"{posted.path} {dict(posted.headers)} ".encode() + posted.body)


def _opened(keys: Keys, topic: str, record: Record) -> bytes | None:
    """What is sealed in a record, or None where nothing is."""
    if record.value is None:
        return None
    if topic in (topology.RELAY, topology.WATCHES):
        return keys.unseal("quarantine", record.value, dict(record.headers)["hub_place"].decode())
    if topic.startswith("quarantine."):
        return keys.unseal("quarantine", record.value, (record.key or b"").decode())
    if topic == changelog_of("cpis"):
        return keys.unseal("watch.cpis", record.value, (record.key or b"").hex())
    return None


def _files(state: Path) -> Iterator[Unit]:
    """Each file with its content, and its name."""
    for path in state.rglob("*"):
        yield Unit("a file's name", path.name.encode())
        if path.is_file() and not path.name.startswith(DATABASES) and path != state / "stderr.log":
            yield Unit(f"a file under {path.relative_to(state).parts[0]}", path.read_bytes())


def test_what_names_both_is_turned_away_on_every_road(adopted: Adopted) -> None:
    """MLLP says AE, HTTPS 422; a file is deleted with its name, and a report tells its sender so."""
    assert adopted.refused == {"mllp AE": 2 * COUNT, "https 422": 6 * COUNT}
    folder = adopted.whole.settings.inbox_folder / "social_care" / "demographics"
    assert sorted(one.name for one in (folder / "done").iterdir()) == ["demographics 1.2.csv", "demographics 1.csv"]
    left = list((folder / "refused").iterdir())
    assert [one.name[:8] for one in left] == ["deleted-"] * 3
    assert all(one.name.endswith(".why.json") for one in left)
    assert all(b"identity.closed" in one.read_bytes() for one in left)


def test_nothing_that_is_left_behind_joins_two_lives(adopted: Adopted) -> None:
    """No record, row, file, name, line, process, posting, however sealed; and no key, for anyone, is a key for both."""
    every = list(units(adopted))
    places = Counter(one.place for one in every)
    for place in ("a row of inbox", "a row of deliveries", changelog_of("cpis"), "disclosures.v1", "a line of the log",
                  "a file under outbox", "a file under inbox", "posted to a partner", "a process"):  # fmt: skip
        assert places[place] > 0, f"nothing of: {place}"
    links = adopted.search.links(every)
    assert links == [], f"{len(links)} links in {len(every)} units, the first in {links[:3]}"
    named = adopted.search.named(one.content for one in every)
    assert named == {(child.serial, epoch) for child in adopted.of for epoch in (OLD, NEW)}
    planted = Unit("planted", f"{adopted.of[0].old.upn} {adopted.of[0].new.word('L')}".encode())
    assert adopted.search.links([planted]) == ["planted: child 0"]


@pytest.mark.skipif(not PROVE, reason="takes half a minute: set HUB_PROVE=1")
def test_a_hub_that_begins_anew_tells_nothing_of_before(adopted: Adopted) -> None:
    """Relay and watches without place or memory, over the same topics: of before is told what came with the order."""
    whole = adopted.whole
    client = AdminClient({"bootstrap.servers": whole.bootstrap, "log_level": 0})
    heard = {stream.topic_to(agency) for stream in whole.catalog.streams.values() for agency in whole.catalog.agencies}
    topics = sorted(heard & client.list_topics(timeout=10).topics.keys())
    ends = offsets(client, places(client, topics, 20), END, 20)
    verdicts = whole.catalog.streams["hospital_alert"].topic
    count = len(list(read_topic(whole.bootstrap, verdicts)))
    lanes = cluster.relay_groups(whole.catalog)
    whole.hub.stop()
    for group in (WATCH_GROUP, *lanes):
        until(partial(_forgotten, client, group), "a group without members", 60, 0.2)
    client.delete_topics([changelog_of("cpis")])[changelog_of("cpis")].result()
    for group, of in lanes.items():
        for place in places(client, of, 20):
            seek_group(whole.bootstrap, group, *place, 0)
    whole.start()
    until(lambda: len(list(read_topic(whole.bootstrap, verdicts))) == 2 * count, "verdicts said again", 60, 0.2)
    until(whole.settled, "end of the work", 60, 0.1)
    released = [
        one.record for topic in topics for one in read_topic(
            whole.bootstrap, topic, start={place[1]: end for place, end in ends.items() if place[0] == topic})
    ]  # fmt: skip
    told = Counter(who for record in released for who in adopted.search.told(record.value or b""))
    old = {who: count for who, count in told.items() if who[1] == OLD}
    assert old == {(one.serial, OLD): 1 for one in adopted.of if one.way != "sharing_status"}
    assert all(told[one.serial, NEW] >= 6 for one in adopted.of), "of who they are all is told again"
    assert reconcile(whole.catalog, whole.catalog.watches["cpis"], adopted.keys, bootstrap=whole.bootstrap).sound
    assert adopted.search.links(units(adopted)) == []


def _forgotten(client: AdminClient, group: str) -> bool:
    try:
        client.delete_consumer_groups([group])[group].result()
    except KafkaException:
        return False
    return True
