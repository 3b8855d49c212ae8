"""The catalog: what is there is found by name, and whoever asks for what is not is told what there is."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from hub import catalog as catalogs
from hub.avro import granted_schemas, schema_of
from hub.catalog import folder_of
from hub.errors import CatalogError
from hub.schema_lock import SchemaLock


def test_every_folder_is_found_by_its_name(catalog):
    """Streams, agencies and policies are the folders that there are; no list names them."""
    schemas = {path.parent.name for path in folder_of("schemas").glob("*/__init__.py")}
    agencies = {path.parent.name for path in folder_of("connectors").glob("*/agency.yaml")}
    policies = {path.parent.name for path in folder_of("connectors").glob("*/policy.yaml")}

    assert set(catalog.streams) == schemas == {stream.name for stream in catalog.streams.values()}
    assert set(catalog.agencies) == agencies == {agency.key for agency in catalog.agencies.values()}
    assert set(catalog.policies) == policies


def test_a_policy_has_the_hash_of_its_file_for_a_version(catalog):
    """A receipt names the policy that was in force to the byte."""
    for agency, policy in catalog.policies.items():
        content = (folder_of("connectors") / agency / "policy.yaml").read_bytes()
        assert policy.version == hashlib.sha256(content).hexdigest()[:16]


def test_a_package_that_is_not_installed_is_told():
    """The hub finds its catalog beside itself, or says what it misses."""
    with pytest.raises(CatalogError, match="'no_such_package' is not installed beside the hub"):
        folder_of("no_such_package")


@pytest.mark.parametrize(("agency", "line"), [("nobody", "adt"), ("great_western_hospital", "adts"), ("chis", "lists")])
def test_a_line_that_nobody_says_is_answered_with_those_there_are(agency, line, catalog):
    """A wrong name is a mistake of whoever configures, who needs the right ones."""
    with pytest.raises(CatalogError, match=rf"nobody says {agency}/{line}; there is: .*great_western_hospital/adt"):
        catalog.line(agency, line)


def test_a_line_has_its_function_and_the_streams_it_may_speak_into(catalog):
    """The function is called as the line."""
    line = catalog.line("great_western_hospital", "adt")

    assert line.understand.__name__ == "adt"
    assert [stream.name for stream in line.streams] == ["hospital_attendance"]


def test_an_agency_without_a_renderer_of_its_own_has_none(catalog):
    """With outbound.py and without, a function that is not there is None."""
    assert catalog.renderer("chis", "child_demographics_as_csv") is None
    assert catalog.renderer("great_western_hospital", "hospital_alert_as_csv") is None
    assert catalog.renderer("great_western_hospital", "hospital_alert_as_hl7").__name__ == "hospital_alert_as_hl7"


def test_every_topic_of_avro_has_an_id_that_means_its_schema(catalog):
    """The streams' own topics and the recipients', and no id means two of them."""
    ids = [catalog.id_of(stream.topic, schema_of(stream)) for stream in catalog.streams.values()]
    for agency, policy in catalog.policies.items():
        for name, grant in policy.hears.items():
            stream = catalog.streams[name]
            ids.append(catalog.id_of(stream.topic_to(agency), granted_schemas(stream, grant)[1]))

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("lock", [SchemaLock([]), SchemaLock([]).with_subjects({"cpis-flag.v1": {"type": "string"}})])
def test_a_schema_that_the_lock_does_not_know_is_not_put_on_the_wire(lock, catalog):
    """Missing or different, the hub would write what nobody can read: it says what to run instead."""
    stream = catalog.streams["cpis_flag"]

    with pytest.raises(CatalogError, match="run `hub sync`"):
        replace(catalog, lock=lock).id_of(stream.topic, schema_of(stream))


def test_topics_lead_back_to_their_streams(catalog):
    """By name, and each has its own."""
    assert {topic: stream.topic for topic, stream in catalog.by_topic.items()} == {
        stream.topic: stream.topic for stream in catalog.streams.values()
    }
    assert len(catalog.by_topic) == len(catalog.streams)


def test_load_raises_with_all_findings_at_once(house):
    """Two files with a fault each are two findings, and nothing is half loaded."""
    house.edit("connectors/chis/policy.yaml", "gate: statute", "gate: any")
    house.edit("connectors/mash_health/policy.yaml", "gate: contact-stage", "gate: any")

    with pytest.raises(CatalogError) as caught:
        catalogs.load()

    assert [finding.place for finding in caught.value.findings] == [
        "connectors/chis/policy.yaml",
        "connectors/mash_health/policy.yaml",
    ]


def test_what_python_leaves_behind_is_no_agency(house):
    """Folders of compiled code, also those of a folder that is gone from the branch, are passed over."""
    house.write("connectors/gone/__pycache__/inbound.pyc", b"\0")
    house.write("schemas/gone/__pycache__/__init__.pyc", b"\0")

    assert catalogs.look().findings == ()


def test_a_way_to_keep_that_is_said_badly_is_told_by_name_and_line(house):
    """keeping.yaml is checked entry by entry."""
    house.edit("topics/keeping.yaml", "retention: 7 days", "retention: a week")

    (told,) = (str(finding) for finding in catalogs.look().findings)
    line = house.line("topics/keeping.yaml", "a week")
    assert told.startswith(f"topics/keeping.yaml:{line}: days.retention: String should match pattern")


def test_a_wheel_and_a_checkout_have_their_data_beside_their_code():
    """The folder of a package is where its __init__.py lies."""
    assert folder_of("connectors") == Path(__import__("connectors").__file__).parent
