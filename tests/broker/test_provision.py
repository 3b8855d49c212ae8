"""Provision: a cluster brought to what the catalog derives, once; what would lose something is refused until told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from hub import drift
from hub.catalog import Catalog
from hub.credentials import Passwords
from hub.drift import Difference, differences
from hub.errors import HubError, TransportError
from hub.local_kafka import LocalKafka
from hub.ops.drift import troubles
from hub.principals import Acl
from hub.provision import Held, Plan, rotate
from hub.sync import as_synced
from hub.transports.kafka import cluster, read_topic
from hub.transports.kafka.altering import alter
from hub.transports.kafka.state import look
from tests.broker.authorisation import administrator, by_password

pytestmark = pytest.mark.broker

OURS = "school-attendance.v1.to.virtual-school"


@pytest.fixture(scope="module")
def passwords(secured_kafka: LocalKafka) -> Passwords:
    """Where they are kept."""
    return Passwords(secured_kafka.security.credentials)


@pytest.fixture
def provided(secured_kafka: LocalKafka, catalog: Catalog, passwords: Passwords) -> Iterator[LocalKafka]:
    """As the catalog derives it, and so again afterwards."""
    settings, bootstrap = administrator(secured_kafka), secured_kafka.status().bootstrap
    Plan(catalog, settings, bootstrap).apply(passwords)
    yield secured_kafka
    plan = Plan(catalog, settings, bootstrap)
    plan.apply(passwords, lose={one.about for one in plan.differences})


def planned(local: LocalKafka, catalog: Catalog) -> Plan:
    """What differs."""
    return Plan(catalog, administrator(local), local.status().bootstrap)


def admin(local: LocalKafka) -> AdminClient:
    """The first administrator, past the hub."""
    return AdminClient({**local.security.administrator(), "bootstrap.servers": local.status().bootstrap})


def kept_for(catalog: Catalog, kept: str) -> Catalog:
    """The same, where the Virtual School's attendance is kept otherwise."""
    policy = catalog.policies["virtual_school"]
    grant = policy.hears["school_attendance"].model_copy(update={"kept": kept})
    changed = policy.model_copy(update={"hears": {**policy.hears, "school_attendance": grant}})
    return replace(catalog, policies={**catalog.policies, "virtual_school": changed})


def test_the_second_time_nothing_changes(provided: LocalKafka, catalog: Catalog, passwords: Passwords) -> None:
    """Not a topic, a right, a password or a quota."""
    before = {path.name: path.read_bytes() for path in provided.security.credentials.iterdir()}
    plan, done = planned(provided, catalog), list[Difference]()

    assert plan.differences == []
    assert plan.apply(passwords, done.append) == []
    assert done == []
    assert {path.name: path.read_bytes() for path in provided.security.credentials.iterdir()} == before


def test_from_an_older_catalog_the_plan_is_exactly_what_changed(provided: LocalKafka, catalog: Catalog) -> None:
    """An agency fewer, and a grant that is kept longer: the topics, rights, user and quotas that come of these two."""
    older = kept_for(catalog, "21 days")
    older = as_synced(replace(
        older,
        agencies={key: one for key, one in older.agencies.items() if key != "wiltshire_police"},
        policies={key: one for key, one in older.policies.items() if key != "wiltshire_police"},
    ))  # fmt: skip
    settings, bootstrap = administrator(provided), provided.status().bootstrap
    back = Plan(older, settings, bootstrap)
    back.apply(None, lose={one.about for one in back.differences})

    found = planned(provided, catalog).differences

    topic = "mash-referral.v1.to.wiltshire-police"
    topics = [one for one in found if one.subject in ("topic", "config")]
    assert {(one.subject, one.about, one.what or one.change) for one in topics} == {
        ("topic", topic, "make"),
        ("topic", "quarantine.wiltshire-police", "make"),
        ("config", OURS, "retention.ms"),
    }  # fmt: skip
    assert {(one.about, one.what) for one in found if one.subject == "acl"} == {
        ("wiltshire_police", f"READ topic {topic}"),
        ("wiltshire_police", "READ group wiltshire_police.…"),
        ("hub-canaries", f"READ topic {topic}"),
        ("hub-gateway", "WRITE topic quarantine.wiltshire-police"),
        ("hub-operator", "READ topic quarantine.wiltshire-police"),
        ("hub-ops", f"READ topic {topic}"),
        ("hub-ops", "READ topic quarantine.wiltshire-police"),
        ("hub-ops", "DESCRIBE group wiltshire_police.…"),
        ("hub-relay-urgent", f"WRITE topic {topic}"),
    }
    assert {one.about for one in found if one.subject in ("user", "quota")} == {"wiltshire_police"}
    assert {one.loses != "" for one in found if one.subject == "config"} == {True}  # 21 days become 14


def test_what_would_lose_records_is_refused_and_nothing_else_is_done_either(
    provided: LocalKafka, catalog: Catalog, passwords: Passwords
) -> None:
    """A shorter retention and a topic that nobody derives, until each is named."""
    client = admin(provided)
    client.create_topics([NewTopic("left-behind.v1", 1, 1)])["left-behind.v1"].result()
    shorter = kept_for(catalog, "1 days")

    with pytest.raises(Held) as held:
        planned(provided, shorter).apply(passwords)
    assert {one.about for one in held.value.refused} == {OURS, "left-behind.v1"}
    with pytest.raises(Held) as held:
        planned(provided, shorter).apply(passwords, lose=[OURS])
    assert "--lose left-behind.v1" in str(held.value)
    assert len(planned(provided, shorter).differences) >= 2

    assert planned(provided, shorter).apply(passwords, lose=[OURS, "left-behind.v1"]) == []


def test_more_partitions_want_a_word_and_fewer_are_never_made(
    provided: LocalKafka, catalog: Catalog, passwords: Passwords
) -> None:
    """And none is added where a watch or a standing word would be looked for in vain."""
    more = {
        name: way.model_copy(update={"partitions": way.partitions + (1 if name != "policies" else 0)})
        for name, way in catalog.keeping.items()
    }
    plan = planned(provided, replace(catalog, keeping=more))
    parts = {one.about: one for one in plan.differences if one.subject == "partitions"}
    assert parts[OURS].allow == "--reorder"
    assert parts["cpis-flag.v1"].change == parts["sharing-status.v1"].change == "none"
    with pytest.raises(Held, match=f"--reorder .*{OURS}"):
        plan.apply(passwords)

    left = plan.apply(passwords, reorder=[name for name, one in parts.items() if one.allow])

    assert {one.about for one in left} == {name for name, one in parts.items() if one.change == "none"}
    again = planned(provided, catalog).differences
    assert all("Kafka never takes a partition away" in one.mend for one in again)
    client = admin(provided)
    grown = [name for name, one in parts.items() if one.allow]
    for future in client.delete_topics(grown).values():
        future.result()


def test_what_somebody_let_in_by_hand_is_a_finding_and_is_taken_away(
    provided: LocalKafka, catalog: Catalog, passwords: Passwords
) -> None:
    """A right, a setting, a quota."""
    by_hand = [
        Difference(subject="acl", about="mash_health", what="", have="", want="", change="make",
                   acl=Acl("topic", "mash-referral.v1", "READ")),
        Difference(subject="config", about=OURS, what="retention.bytes", have="", want="1000000", change="set"),
        Difference(subject="quota", about="client-id=loud", what="consumer_byte_rate", have="", want="5", change="set"),
    ]  # fmt: skip
    want = drift.State(quotas={"client-id=loud": {"consumer_byte_rate": 5.0}})
    alter(provided.status().bootstrap, want, by_hand, lambda _: "", lambda _: None, provided.security.administrator())

    def shown() -> list[Difference]:
        have = look(provided.status().bootstrap, provided.security.administrator())
        return differences(catalog, drift.wanted(catalog, 1), have)

    found = shown()
    while len(found) < 3:
        found = shown()
    assert {(one.subject, one.about, one.what, one.change) for one in found} == {
        ("acl", "mash_health", "READ topic mash-referral.v1", "remove"),
        ("config", OURS, "retention.bytes", "remove"),
        ("quota", "client-id=loud", "consumer_byte_rate", "remove"),
    }
    assert ("trouble", "cluster.access") in {(one.severity, one.code) for one in troubles(found)}
    assert planned(provided, catalog).apply(passwords) == []


def test_a_new_password_takes_the_place_of_the_old_one(
    provided: LocalKafka, catalog: Catalog, passwords: Passwords
) -> None:
    """On the cluster and in its file; the old one opens nothing any more."""
    before, bootstrap = by_password(provided, "wiltshire_police"), provided.status().bootstrap
    told: list[str] = []

    rotate(bootstrap, administrator(provided), ["wiltshire_police"], passwords, told.append)

    after = by_password(provided, "wiltshire_police")
    assert told == ["wiltshire_police"]
    assert after["sasl.password"] != before["sasl.password"]
    assert cluster(bootstrap, after).brokers == 1
    with pytest.raises(TransportError):
        cluster(bootstrap, before, timeout=2.0)
    assert planned(provided, catalog).differences == []


def test_who_may_not_ask_is_told_so(provided: LocalKafka, catalog: Catalog) -> None:
    """An agency that runs `hub topics plan` gets an error, and nothing else."""
    with pytest.raises(HubError, match=r"AUTHORIZATION_FAILED|AuthorizationFailed"):
        look(provided.status().bootstrap, by_password(provided, "mash_health"))
    with pytest.raises(TransportError):
        list(read_topic(provided.status().bootstrap, "mash-referral.v1", by_password(provided, "mash_health")))
