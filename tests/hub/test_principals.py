"""Principals: each has the least that it needs, and none a right that another's work rests on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.catalog import Catalog
from hub.check.agencies import agency as agency_findings
from hub.errors import CatalogError
from hub.principals import DEPLOY, OPS, Acl, of, of_process, principals, reader, relay_name
from hub.sync import as_synced
from hub.topology import topics


def test_an_agency_that_takes_files_is_nobody_on_the_cluster(catalog):
    """Only who consumes Kafka itself has a name there, and with it exactly its own topics and groups."""
    agencies = {one.name: one.acls for one in principals(catalog) if one.kind == "agency"}

    assert agencies == {
        key: {
            Acl("topic", f"mash-referral.v1.to.{key.replace('_', '-')}", "READ"),
            Acl("group", f"{key}.", "READ", prefixed=True),
        }
        for key in ("mash_health", "wiltshire_police")
    }


def test_an_agency_on_trial_has_no_rights(catalog):
    """It is sent nothing, and there is nothing for it to read."""
    trial = catalog.agencies["mash_health"].model_copy(update={"status": "trial"})
    changed = replace(catalog, agencies={**catalog.agencies, "mash_health": trial})

    assert "mash_health" not in {one.name for one in principals(changed)}


def test_what_only_looks_writes_nothing_and_who_deploys_reads_nothing(catalog):
    """Ops and hub-deploy."""
    assert {acl.operation for acl in of(catalog, OPS).acls} == {"READ", "DESCRIBE", "DESCRIBE_CONFIGS"}
    assert not {acl for acl in of(catalog, DEPLOY).acls if acl.operation in ("READ", "WRITE")}


def test_nobody_reads_or_writes_by_a_wildcard_or_a_prefix_of_topics(catalog):
    """Every topic that is read or written is named."""
    for one in principals(catalog):
        for acl in one.acls:
            if acl.resource == "topic" and acl.operation in ("READ", "WRITE"):
                assert acl.name != "*"
                assert not acl.prefixed


def test_only_the_relay_of_its_lane_writes_to_an_agency(catalog):
    """And nobody else has a right there but to read."""
    by_topic = {stream.topic_to(agency): stream.lane for agency, policy in catalog.policies.items()
                for stream in map(catalog.streams.get, policy.hears)}  # fmt: skip
    writers = {
        (acl.name, one.name)
        for one in principals(catalog)
        for acl in one.acls
        if acl.resource == "topic" and acl.operation == "WRITE" and acl.name in by_topic
    }

    assert writers == {(topic, relay_name(lane)) for topic, lane in by_topic.items()}


def test_every_topic_that_is_named_is_one_that_there_is(catalog):
    """A right to what is not there is a right to whatever comes to be called so."""
    there = {topic.name for topic in topics(catalog)} | {"*"}

    assert {acl.name for one in principals(catalog) for acl in one.acls if acl.resource == "topic"} == there


def test_no_prefix_lets_one_at_what_is_anothers(catalog):
    """A group or transactional id of one never begins as another's do; what may only be asked after is no matter."""
    held = [
        (one.name, acl) for one in principals(catalog) for acl in one.acls
        if acl.resource in ("group", "transactional-id") and acl.operation in ("READ", "WRITE")
    ]  # fmt: skip
    shared = {"hub-archive."}  # both lanes of the relay put policies on record, each time under an id of its own
    for name, acl in held:
        for other, theirs in held:
            if name != other and acl.prefixed and acl.resource == theirs.resource and acl.name not in shared:
                assert not theirs.name.startswith(acl.name)


def test_an_agency_may_not_be_called_as_groups_of_the_hub_begin(catalog: Catalog):
    """It would be let at the relay's place in every topic."""
    document = catalog.documents["connectors/mash_health/agency.yaml"]
    named = catalog.agencies["mash_health"].model_copy(update={"key": "relay"})
    changed = replace(catalog, documents={**catalog.documents, "connectors/relay/agency.yaml": document})

    assert any("groups of the hub's own begin with 'relay'" in str(one) for one in agency_findings(named, changed))


def test_who_a_process_is_follows_from_its_words(catalog):
    """As `hub run` has them, and the group of each is found back."""
    assert of_process(("relay", "--lane", "urgent")) == relay_name("urgent") == reader(catalog, "relay.urgent")
    assert reader(catalog, "hub-watches") == of_process(("watches",))
    with pytest.raises(CatalogError, match="no process reads"):
        reader(catalog, "mash_health.reader")
    with pytest.raises(CatalogError, match="nobody is hub-nobody"):
        of(catalog, "hub-nobody")


def test_a_new_grant_gives_its_agency_one_topic_and_nothing_else(catalog):
    """Of a stream it did not hear before."""
    policy = catalog.policies["mash_health"]
    grant = catalog.policies["virtual_school"].hears["school_attendance"]
    hears = {**policy.hears, "school_attendance": grant}
    agency = catalog.agencies["mash_health"]
    doors = {**agency.hears, "school_attendance": agency.hears["mash_referral"]}
    changed = as_synced(replace(
        catalog,
        policies={**catalog.policies, "mash_health": policy.model_copy(update={"hears": hears})},
        agencies={**catalog.agencies, "mash_health": agency.model_copy(update={"hears": doors})},
    ))  # fmt: skip

    more = of(changed, "mash_health").acls - of(catalog, "mash_health").acls
    assert more == {Acl("topic", "school-attendance.v1.to.mash-health", "READ")}
