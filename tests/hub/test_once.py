"""Once: files through the whole hub in memory give what the processes would give, and write nowhere but where told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import once
from hub.agency import Door
from hub.catalog import folder_of
from hub.errors import CatalogError, NotUnderstood
from hub.once import Delivered, Once, Outcome, line_of, write

CONNECTORS = folder_of("connectors")
ARRIVAL = CONNECTORS / "great_western_hospital/examples/adt/arrived_in_the_emergency_department.hl7"
FLAG = CONNECTORS / "social_care/examples/flags/child_protection_plan_that_runs.csv"
EVENING = datetime(2026, 7, 4, 18, 30, tzinfo=UTC)


@pytest.fixture
def hub(catalog, keys):
    """A hub on the evening on which the child arrives."""
    return Once(catalog, keys, clock=lambda: EVENING)


def carry(hub, *paths: Path) -> Outcome:
    """What comes of examples given one after the other, each as the line in whose folder it lies."""
    for path in paths:
        hub.give(path, *line_of(hub.catalog, path))
    return hub.deliver()


def test_a_flagged_child_arrives_and_those_concerned_are_told(hub):
    """From two agencies' files through the join to the hospital's FHIR and the social worker's JSON."""
    outcome = carry(hub, FLAG, ARRIVAL)

    assert [given.answer.events for given in outcome.given] == [1, 1]
    assert [(one.agency, one.stream, one.address, one.suffix, one.count) for one in outcome.delivered] == [
        ("cpis", "cpis_flag", "", ".xml", 1),
        ("great_western_hospital", "hospital_alert", "", ".fhir.json", 1),
        ("social_worker", "hospital_alert", "SW0042", ".json", 1),
    ]
    assert b"9990000018" in outcome.delivered[1].body
    assert outcome.withheld() == Counter()


def test_a_child_of_whom_nothing_is_known_is_told_to_nobody(hub):
    """There is a verdict all the same, and the rule that kept it back from each."""
    outcome = carry(hub, ARRIVAL)

    assert outcome.delivered == []
    assert outcome.withheld() == {
        ("great_western_hospital", "hospital_alert", "where.verdict"): 1,
        ("social_worker", "hospital_alert", "where.verdict"): 1,
    }


def test_one_that_cannot_be_rendered_stops_no_other_and_says_why(hub, monkeypatch, tmp_path):
    """As a courier parks it: the code, and nothing of what was to be sent; no file is written for it."""
    whole = once.render

    def breaking(catalog, stream, agency, *rest):
        if agency.key == "great_western_hospital":
            raise NotUnderstood("no-age", "as_of", "say how recent it is")
        return whole(catalog, stream, agency, *rest)

    monkeypatch.setattr(once, "render", breaking)
    outcome = carry(hub, FLAG, ARRIVAL)
    write(outcome, tmp_path)

    assert {one.agency: (one.fault, one.body != b"") for one in outcome.delivered} == {
        "cpis": ("", True),
        "great_western_hospital": ("render.no-age", False),
        "social_worker": ("", True),
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpis", "social_worker"]


def test_a_flag_that_comes_after_the_arrival_changes_no_verdict(hub):
    """Files are carried in the order in which they are given."""
    assert [one.agency for one in carry(hub, ARRIVAL, FLAG).delivered] == ["cpis"]  # which is told of flags alone


def test_nothing_is_released_once_the_agreements_have_ended(catalog, keys):
    """The clock that is given is the one that policies are held against."""
    late = Once(catalog, keys, clock=lambda: datetime(2036, 1, 1, tzinfo=UTC))

    outcome = carry(late, CONNECTORS / "mash_front_door/examples/referrals/neglect_told_by_a_school.json")

    assert outcome.delivered == []
    assert {rule for _, _, rule in outcome.withheld()} == {"expires"}


def test_what_is_refused_is_told_and_carried_no_further(hub):
    """A bad file gives an answer and a record in quarantine."""
    outcome = carry(hub, CONNECTORS / "great_western_hospital/examples/adt/no_identifiers.hl7")

    (given,) = outcome.given
    assert (given.answer.accepted, given.answer.refused) == (False, 1)
    assert [topic for topic, records in hub.log.topics.items() if records] == ["quarantine.great-western-hospital"]


def test_the_same_files_are_the_same_bytes(catalog, keys):
    """Run again with the same keys at the same hour, every delivery is the same."""
    runs = [carry(Once(catalog, keys, clock=lambda: EVENING), FLAG, ARRIVAL).delivered for _ in range(2)]

    assert runs[0] == runs[1]


def test_what_is_heard_from_kafka_is_delivered_as_its_records(hub):
    """A partner that consumes topics receives one record a message, JSON or Avro as its door says."""
    outcome = carry(hub, CONNECTORS / "mash_front_door/examples/referrals/neglect_told_by_a_school.json")

    by_kafka = {one.agency: one for one in outcome.delivered if one.door.by == "kafka"}
    for one in by_kafka.values():
        assert one.suffix == f".{one.door.format}"
        assert one.body[:1] == (b"{" if one.door.format == "json" else b"\0")
    assert by_kafka or outcome.withheld()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("schools/attendance/marks.csv", ("schools", "attendance")),
        ("x/schools/examples/attendance/marks.csv", ("schools", "attendance")),
        ("schools/social_care/flags/a.csv", ("social_care", "flags")),
        ("social_care/schools/attendance/a.csv", ("schools", "attendance")),
        ("schools/x/social_care/y/attendance/a.csv", ("schools", "attendance")),
    ],
)
def test_a_files_folders_say_what_it_is(path, line, catalog):
    """The last folder is the line, and the nearest agency above it that says such a line."""
    assert line_of(catalog, Path(path)) == line


def test_of_two_agencies_that_say_the_same_line_the_nearer_one_is_meant(catalog):
    """Folders further up are where the files lie, and may be called anything."""
    lines = {"attendance": catalog.agencies["schools"].says["attendance"]}
    other = catalog.agencies["chis"].model_copy(update={"says": lines})
    both = replace(catalog, agencies={**catalog.agencies, "chis": other})

    assert line_of(both, Path("chis/schools/attendance/a.csv")) == ("schools", "attendance")
    assert line_of(both, Path("schools/chis/attendance/a.csv")) == ("chis", "attendance")


@pytest.mark.parametrize(
    "path", ["marks.csv", "schools/marks.csv", "schools/flags/a.csv", "attendance/a.csv", "/a.csv"]
)
def test_a_file_whose_folders_say_nothing_is_answered_with_the_lines_there_are(path, catalog):
    """And with the way to say it oneself."""
    with pytest.raises(CatalogError, match=r"put it in one of: .*schools/attendance/.* or write AGENCY/LINE="):
        line_of(catalog, Path(path))


def test_deliveries_are_written_in_their_order(hub, tmp_path):
    """One file each, below the agency and the address."""
    write(carry(hub, FLAG, ARRIVAL), tmp_path)

    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")) == [
        "great_western_hospital/hospital_alert-00002.fhir.json",
        "social_worker/SW0042/hospital_alert-00003.json",
    ]


@pytest.mark.parametrize("address", ["../../../elsewhere", "/elsewhere", "..", "a/../../..", "a\0b", "."])
def test_an_address_leads_nowhere_else(address, tmp_path):
    """What an event says of its addressee is no path."""
    door = Door(format="json", by="https")
    folder = tmp_path / "out"

    write(Outcome(delivered=[Delivered("schools", "marks", address, door, (), 1, b"{}", ".json")]), folder)

    (written,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert written.is_relative_to(folder / "schools")
