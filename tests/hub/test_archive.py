"""Policies as they were: each version is found again as it stood, and a text that was changed is not believed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub import catalog as catalogs
from hub.archive import Archive, records_of
from hub.catalog import version_of
from hub.errors import CatalogError

LIVE = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def records(catalog):
    """What the archive is told of the project's policies."""
    return list(records_of(catalog, LIVE))


def test_each_policy_is_read_back_as_the_catalog_reads_it(catalog, records):
    """With the agency beside it, its version and since when."""
    archive = Archive(records)

    for name, policy in catalog.policies.items():
        (found,) = archive.of(name, policy.version)
        assert (found.policy, found.hears) == (policy, catalog.agencies[name].hears)
        assert (found.policy.version, found.agency) == (policy.version, name)
        assert found.since == "2026-09-01T00:00:00.000Z"
    assert archive.refused == {}


def test_the_key_is_the_agency_and_the_hashes_of_both_texts(records):
    """So that the same is never written under two keys, nor two texts under one."""
    for record in records:
        said = json.loads(record.value)
        hashes = (version_of(said["policy"].encode()), version_of(said["delivery"].encode()))
        assert record.key.decode() == "/".join((said["agency"], *hashes))


def test_what_is_held_is_known_again_whenever_it_was_put_there(catalog, records):
    """A start of a process adds nothing that is there already."""
    archive, later = Archive(records), records_of(catalog, LIVE + timedelta(days=1))

    assert all(record in archive for record in later)
    assert records[0] not in Archive(records[1:])
    for record in records_of(catalog, LIVE + timedelta(days=1)):
        archive.take(record)
    assert [one.since[:10] for one in archive.of("chis", catalog.policies["chis"].version)] == ["2026-09-01"]


def test_a_text_whose_hash_is_not_the_version_is_refused(catalog, records):
    """One letter more, in the policy or in how it is delivered; and whatever else is no record of the archive."""
    first, said = records[0], json.loads(records[0].value)
    name, version = said["agency"], said["version"]
    changes = ({"policy": said["policy"] + " "}, {"delivery": said["delivery"] + " "}, {"agency": "schools"},
               {"version": "0" * 16}, {"since": ""}, {"policy": 1})  # fmt: skip
    for value in (*(json.dumps(said | change) for change in changes), "", "{", "{}", "[]"):
        archive = Archive([first._replace(value=value.encode())])
        assert archive.of(name, version) == []
        assert list(archive.refused) == [first.key.decode()]


def test_a_forged_record_hides_no_true_one(catalog, records):
    """Whichever comes first."""
    said = json.loads(records[0].value)
    forged = records[0]._replace(value=json.dumps({**said, "policy": "hears: {}"}).encode())

    for order in ((forged, records[0]), (records[0], forged)):
        archive = Archive(order)
        assert len(archive.of(said["agency"], said["version"])) == 1
        assert records[0] in archive


def test_a_version_that_todays_checks_find_fault_with_is_told(house):
    """It is read by the same checks as any policy, with the file and the line."""
    text = house.text("connectors/chis/policy.yaml")
    broken = text.replace("kept: ", "keeped: ").encode()
    agency = b'{"hears": {}}'
    version, delivery = version_of(broken), version_of(agency)
    value = {"agency": "chis", "version": version, "policy": broken.decode(), "delivery": agency.decode(),
             "since": "2026-09-01T00:00:00.000Z"}  # fmt: skip
    record = next(records_of(catalogs.load(), LIVE))
    archive = Archive([record._replace(key=f"chis/{version}/{delivery}".encode(), value=json.dumps(value).encode())])

    with pytest.raises(CatalogError, match=rf"policies\.v1, chis/{version}, policy\.yaml:\d+: .*keeped"):
        archive.of("chis", version)


def test_an_edited_policy_and_an_edited_delivery_each_stand_beside_the_first(house):
    """The newest first."""
    archive = Archive(records_of(before := catalogs.load(), LIVE))
    house.edit("connectors/chis/agency.yaml", "batch: 500", "batch: 7")
    for record in records_of(catalogs.load(), LIVE + timedelta(days=1)):
        archive.take(record)
    policy = house.text("connectors/chis/policy.yaml")
    house.write("connectors/chis/policy.yaml", policy + "# signed anew\r\n")
    after = catalogs.load()
    for record in records_of(after, LIVE + timedelta(days=2)):
        archive.take(record)

    first, second = before.policies["chis"].version, after.policies["chis"].version
    assert first != second
    assert [one.since[:10] for one in archive.of("chis", first)] == ["2026-09-02", "2026-09-01"]
    assert [one.since[:10] for one in archive.of("chis", second)] == ["2026-09-03"]


def test_a_catalog_whose_text_is_not_what_it_read_is_not_put_on_record(catalog):
    """Nor is one that was made up in memory, of which there is no text."""
    policy = catalog.policies["chis"].model_copy(update={"version": "0" * 16})
    with pytest.raises(CatalogError, match=r"chis/policy\.yaml"):
        list(records_of(replace(catalog, policies={"chis": policy}), LIVE))

    assert list(records_of(replace(catalog, documents={}), LIVE)) == []


def test_who_answers_for_an_agency_is_not_kept_for_ever(catalog, records):
    """The steward is a person; how the agency takes delivery is all that a decision looks at."""
    for record in records:
        said = json.loads(record.value)
        assert catalog.agencies[said["agency"]].steward not in record.value.decode()
        assert json.loads(said["delivery"]).keys() == {"hears"}
