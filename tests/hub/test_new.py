"""Scaffolds: what `hub new` writes asks for what only its author knows, and once that is said the house is sound."""

from __future__ import annotations

import json
import re

import pytest

from hub import catalog as catalogs
from hub import new
from hub.errors import HubError

NURSES = "connectors/school_nursing"
EVENT = {"child": {"local_id": "7"}, "happened_on": "2026-09-01"}
INBOUND = '''"""What school nurses say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hub.errors import NotUnderstood
from hub.inbound import Query
from hub.stream import Event
from schemas.vision_screening import VisionScreeningReported


def screenings(message: dict[str, Any]) -> Iterator[Event | Query]:
    """One child's eyes were looked at."""
    if "child" not in message:
        raise NotUnderstood("child.missing", "child", "say who")
    yield VisionScreeningReported.model_validate(message)
'''


def test_a_new_agency_is_found_wanting_only_where_it_says_todo(house):
    """Each finding is on a line that says TODO, or asks for an example; nothing else is wrong with what was written."""
    says = ("visits:csv:files:school_attendance", "births:json:https:child_demographics")
    hears = ("child_demographics:csv:files", "hospital_alert:fhir:https", "mash_referral:avro:kafka")
    places = list(new.agency(catalogs.look(), "school_nursing", says, hears))

    findings = house.findings()
    assert all((house.root / place).is_file() for place in places)
    for finding in findings:
        place, number, _ = finding.split(":", 2)
        assert place.startswith(NURSES)
        line = house.text(place).splitlines()[int(number) - 1]
        assert "TODO" in line or "todo" in line or "has no example" in finding or "carries no" in finding, finding
    told = {tuple(finding.split(":", 2)[:2]) for finding in findings}
    for name in ("agency.yaml", "policy.yaml"):
        for number, line in enumerate(house.text(f"{NURSES}/{name}").splitlines(), 1):
            if "TODO" in line.partition("#")[0] or "until then" in line:
                assert (f"{NURSES}/{name}", str(number)) in told, line


def fill_in_stream(house) -> None:
    """What its author would write."""
    place = "schemas/vision_screening/__init__.py"
    house.edit(place, 'steward="TODO"', 'steward="health"')
    house.write(place, house.text(place).replace("TODO: ", ""))


def fill_in_agency(house) -> None:
    """What the officer and the connector's author would write."""
    for place, said, meant in (
        ("agency.yaml", "TODO School", "School"),
        ("agency.yaml", "todo@", "nurses@"),
        ("agency.yaml", "{TODO: TODO}", "{CHILD: child.local_id, DAY: happened_on}"),
        ("policy.yaml", "agreement: TODO", "agreement: ISA-2026-099"),
        ("policy.yaml", "2026-01-01   # TODO", "2099-01-01   #"),
        ("policy.yaml", "TODO why", "Tells why"),
        ("policy.yaml", "TODO the section of the privacy notice (connectors/notice.yaml)", "Education Safeguarding"),
        ("policy.yaml", "TODO the Act and its section", "National Health Service Act 2006 s.82"),
        ("policy.yaml", "gate: statute", 'gate: statute\n    where: {child.local_id: ["7"]}'),
        ("policy.yaml", "[TODO]", "[child.local_id, happened_on]"),
    ):
        house.edit(f"{NURSES}/{place}", said, meant)
    notice = "connectors/notice.yaml"
    section = house.text(notice).partition("  Education Safeguarding:\n")[2]
    reason = next(line for line in section.splitlines() if line.startswith("    no_flow: "))
    house.edit(notice, reason, "    streams: {vision_screening: {child: pupils whose eyes are tested}}")
    house.write(f"{NURSES}/inbound.py", INBOUND)
    said, heard = f"{NURSES}/examples/screenings", f"{NURSES}/examples/vision_screening"
    house.write(f"{said}/seen.json", json.dumps(EVENT))
    house.write(f"{said}/seen.events.json", json.dumps([{"stream": "vision_screening", "event": EVENT}]))
    house.write(f"{said}/nobody.json", "{}")
    house.write(f"{said}/nobody.refused.json", json.dumps({"code": "child.missing", "place": "child"}))
    house.write(f"{heard}/seen.event.json", json.dumps(EVENT))
    house.write(f"{heard}/seen.csv", "CHILD,DAY\r\n7,2026-09-01\r\n")
    house.write(f"{heard}/another.event.json", json.dumps(EVENT | {"child": {"local_id": "8"}}))
    house.write(f"{heard}/another.withheld.json", json.dumps({"rule": "where.child.local_id"}))


def test_a_stream_and_an_agency_that_are_filled_in_are_sound_and_carry(house):
    """From `hub new` through `hub sync` and `hub check` to a file that comes in and goes out again."""
    made = [
        house.hub("new", "stream", "vision_screening"),
        house.hub("new", "agency", "school_nursing", "--says", "screenings:json:https:vision_screening",
                  "--hears", "vision_screening:csv:files"),
    ]  # fmt: skip
    assert [ran.returncode for ran in made] == [0, 0], made
    assert house.hub("check").returncode == 1
    fill_in_stream(house)
    fill_in_agency(house)

    synced, checked = house.hub("sync"), house.hub("check")

    *found, count = (checked.stdout + checked.stderr).splitlines()
    assert [line for line in found if "agreement" not in line] == []  # others' agreements end, one day
    assert re.match(r"\d+ streams, \d+ agencies, \d+ grants: 0 faults", count)
    assert synced.returncode == 0, synced.stderr
    assert "wrote schemas/vision_screening/v1.avsc" in synced.stdout
    house.edit(
        f"{NURSES}/agency.yaml", "status: trial   # take this line out when it is to be sent real messages\n", ""
    )
    ran = house.hub("run", "--once", f"{NURSES}/examples/screenings/seen.json", "--out", "out")
    assert ran.returncode == 0, ran.stderr
    (delivered,) = (house.root / "out").rglob("*.csv")
    assert delivered.read_bytes() == b"CHILD,DAY\r\n7,2026-09-01\r\n"


def test_a_new_stream_has_examples_that_its_own_model_agrees_with(house):
    """One that passes and one that fails."""
    assert house.hub("new", "stream", "vision_screening").returncode == 0
    code = """
import pathlib, schemas.vision_screening as made
from pydantic import ValidationError
for path in pathlib.Path("schemas/vision_screening/examples").iterdir():
    try:
        made.stream.event.model_validate_json(path.read_bytes())
        print(path.name)
    except ValidationError:
        print("refused", path.name)
"""
    ran = house.python("-c", code)

    assert sorted(ran.stdout.splitlines()) == ["minimal.pass.json", "refused no_child.fail.json"], ran.stderr


def test_what_is_said_of_a_child_elsewhere_is_found_for_a_new_stream(house):
    """The template names the child by kind and path, and where the date of birth stands."""
    assert house.hub("new", "stream", "vision_screening").returncode == 0
    ran = house.python("-c", "from schemas.vision_screening import stream; print(stream.subject, stream.born)")
    assert ran.stdout == "(('case_id', 'child.local_id'),) child.born\n", ran.stderr


def test_a_new_agency_is_told_what_it_is_given_of_each_format(house):
    """A row of CSV, a document of JSON, a message of HL7; the module imports, and each stream's event by its name."""
    says = ("visits:csv:files:school_attendance", "births:json:https:child_demographics",
            "arrivals:hl7:mllp:hospital_attendance")  # fmt: skip
    list(new.agency(catalogs.look(), "school_nursing", says, ()))
    text = house.text(f"{NURSES}/inbound.py")
    for signature in (
        "def visits(message: Row)",
        "def births(message: dict[str, Any])",
        "def arrivals(message: Message)",
    ):
        assert signature in text
    for event in ("AttendanceRecorded", "DemographicsChanged", "AttendanceReported"):
        assert f"yield {event}.model_validate({{}})" in text
    ran = house.python("-c", "import connectors.school_nursing.inbound as made; print(next(made.visits({}), None))")
    assert "NotUnderstood" in ran.stderr


BAD_NAMES = ["", "School", "school nursing", "school-nursing", "1st", "_nurses", "nurses_", "a__b", "../up", "nurses\n",
             "class", "import", "é"]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_name_is_refused_before_anything_is_written(name, house):
    """A folder's name is also a module's and a part of a topic's."""
    before = sorted(house.root.rglob("*"))
    with pytest.raises(HubError):
        list(new.agency(catalogs.look(), name, ("visits:csv:files:school_attendance",), ()))
    with pytest.raises(HubError):
        list(new.agency(catalogs.look(), "nurses", (f"{name}:csv:files:school_attendance",), ()))
    with pytest.raises(HubError):
        list(new.stream(catalogs.look(), name))

    assert sorted(house.root.rglob("*")) == before


@pytest.mark.parametrize("name", ["chis", "schools"])
def test_an_agency_that_is_there_is_not_written_over(name, house):
    """Neither in part."""
    with pytest.raises(HubError, match=f"connectors/{name} is there already"):
        list(new.agency(catalogs.look(), name, (), ("child_demographics:csv:files",)))


@pytest.mark.parametrize("name", ["cpis_flag", "fields"])
def test_a_stream_that_would_hide_a_module_is_not_written(name, house):
    """schemas/fields.py is a module that every stream imports, and a folder of that name would stand before it."""
    with pytest.raises(HubError, match=f"schemas/{name} is there already"):
        list(new.stream(catalogs.look(), name))


@pytest.mark.parametrize(
    ("says", "hears", "said"),
    [
        ((), (), "an agency says or hears something"),
        (("visits",), (), "write --says LINE:FORMAT:ROAD:STREAM"),
        (("visits:csv:files",), (), "write --says LINE:FORMAT:ROAD:STREAM"),
        ((), ("child_demographics:csv",), "write --hears STREAM:FORMAT:ROAD"),
        (("visits:xls:files:cpis_flag",), (), "no format 'xls'; "),
        (("visits:csv:post:cpis_flag",), (), "no road 'post'; "),
        (("visits:csv:files:cpis_flags",), (), "no stream 'cpis_flags'; did you mean 'cpis_flag'?"),
        ((), ("cpis_flags:csv:files",), "no stream 'cpis_flags'; did you mean 'cpis_flag'?"),
        (("a:csv:files:cpis_flag", "a:json:https:cpis_flag"), (), "'a' stands twice"),
        ((), ("cpis_flag:csv:files", "cpis_flag:json:https"), "'cpis_flag' stands twice"),
    ],
)
def test_a_word_that_there_is_not_is_answered_with_what_there_is(says, hears, said, house):
    """And nothing is written."""
    with pytest.raises(HubError) as caught:
        list(new.agency(catalogs.look(), "nurses", says, hears))

    assert said in str(caught.value)
    assert not (house.root / "connectors/nurses").exists()
