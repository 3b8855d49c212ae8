"""The alert reaches Great Western Hospital whole, in both its forms, and with nothing that was not granted."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hl7apy.validation import Validator
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.great_western_hospital.outbound import hospital_alert_as_fhir, hospital_alert_as_hl7
from hub.agency import Saying
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.errors import NotUnderstood
from hub.formats import fhir, hl7
from hub.keys import Keys
from hub.outbound import Desk, Letter, open_letter
from schemas.hospital_alert import AlertRaised

EXAMPLES = Path(__file__).parents[2] / "connectors" / "great_western_hospital" / "examples" / "hospital_alert"
SAYING = Saying(format="hl7", by="mllp", into=("any",))
MESSAGE_ID = "00112233445566778899aabbccddeeff"
PAPERS = Envelope(MESSAGE_ID, "/hub", "hospital-alert.v1.to.x", datetime(2026, 7, 4, 18, 22, 1, tzinfo=UTC), "")
AS_OF = datetime(2026, 7, 4, 18, 21, 40, tzinfo=UTC)
AUTHORITY = {
    "name": "Swindon Borough Council", "ods_code": "XZZ",
    "office_phone": "01632960101", "emergency_phone": "01632960102",
}  # fmt: skip
PLAN = {"plan": "child_protection", "started": AS_OF - timedelta(days=90), "ended": None, "authority": AUTHORITY}
VALUES: dict[str, Any] = {
    "patient": {"nhs_number": "9990000018", "surname": "O'Dare", "forename": "Zoë", "born": date(2019, 5, 14)},
    "happened": "arrived",
    "at": AS_OF,
    "organisation_ods": "RZZ",
    "visit_number": "AE2600417",
    "plans": [PLAN],
    "as_of": AS_OF,
}


def letter(**changed: Any) -> Letter:
    return Letter({**VALUES, **changed}, PAPERS)


def resources(bundle: Bundle, kind: str) -> list[dict[str, Any]]:
    entries = json.loads(fhir.render(bundle))["entry"]
    return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == kind]


def test_the_header_says_whose_record_it_is() -> None:
    """The authority by its ODS code, where all plans are of one; of two nobody could say which."""
    (head,) = resources(hospital_alert_as_fhir(letter()), "MessageHeader")
    assert head["sender"]["identifier"] == {
        "system": "https://fhir.nhs.uk/Id/ods-organization-code",
        "value": "XZZ",
    }
    other = {**PLAN, "authority": {**AUTHORITY, "ods_code": "XYY"}}
    for plans in ([PLAN, other], [{**PLAN, "authority": {"office_phone": "01632960101"}}]):
        (head,) = resources(hospital_alert_as_fhir(letter(plans=plans)), "MessageHeader")
        assert "sender" not in head


def reread(data: bytes) -> hl7.Message:
    (item,) = hl7.parse(data, SAYING)
    assert isinstance(item.message, hl7.Message)
    return item.message


def told(data: bytes) -> list[dict[str, str]]:
    """What each OBR's OBX lines say, by their local code."""
    return [
        {segment.text(3): segment.text(5) for segment in group.segments("OBX")} for group in reread(data).groups("OBR")
    ]


def released(catalog: Catalog, keys: Keys, event: AlertRaised, now: datetime) -> Letter:
    """*event* as the hospital's policy lets it out."""
    stream = catalog.streams["hospital_alert"]
    papers = Envelope(MESSAGE_ID, "/hub", stream.topic, now, traceparent(MESSAGE_ID))
    record = Record(stream.topic, b"0" * 32, catalog.codec(stream).encode(event.model_dump()), papers.headers())
    carried = Desk(catalog, stream, keys).carry(record, now=now)
    (sent,) = [one for one in carried.records if one.topic == stream.topic_to("great_western_hospital")]
    return open_letter(catalog, sent.value or b"", sent.headers)


def test_each_plan_is_a_flag_that_leads_to_its_authority() -> None:
    """Flag to CarePlan to CareTeam, as the Patient Flag guide has it, with codes and telephones."""
    over = {**PLAN, "plan": "looked_after", "ended": AS_OF - timedelta(days=1)}
    other = {
        **PLAN,
        "plan": "unborn_child_protection",
        "authority": {**AUTHORITY, "name": "Exampleshire", "ods_code": "XZY"},
    }
    bundle = hospital_alert_as_fhir(letter(plans=[PLAN, over, other]))
    whole = json.loads(fhir.render(bundle))
    at = {entry["fullUrl"]: entry["resource"] for entry in whole["entry"]}
    found = []
    for flag in resources(bundle, "Flag"):
        (detail,) = flag["extension"]
        plan = at[detail["valueReference"]["reference"]]
        (team,) = (at[one["reference"]] for one in plan["careTeam"])
        (category,) = plan["category"]
        phones = {phone["use"]: phone["value"] for phone in team["telecom"]}
        found.append((flag["status"], plan["status"], category["coding"][0]["code"], team["name"], phones))
        assert detail["url"] == "http://hl7.org/fhir/StructureDefinition/flag-detail"
        assert flag["code"]["coding"][0]["code"] == "child-protection-information-system-flag"
        assert flag["period"] == plan["period"]
        assert at[flag["subject"]["reference"]]["resourceType"] == "Patient"
    phones = {"work": "01632960101", "mobile": "01632960102"}
    assert found == [
        ("active", "active", "342191000000101", "Swindon Borough Council", phones),
        ("inactive", "completed", "764841000000100", "Swindon Borough Council", phones),
        ("active", "active", "818901000000100", "Exampleshire", phones),
    ]
    assert len(resources(bundle, "CareTeam")) == 2  # one for an authority, however many plans it has


def test_the_flag_says_whose_record_it_is_and_how_recent() -> None:
    """In the Provenance that it contains."""
    (flag,) = resources(hospital_alert_as_fhir(letter()), "Flag")
    (provenance,) = flag["contained"]
    assert provenance["target"] == [{"reference": "#"}]
    assert provenance["recorded"] == "2026-07-04T18:21:40Z"
    assert provenance["agent"][0]["who"]["identifier"]["value"] == "XZZ"


def test_the_hospital_finds_its_own_attendance() -> None:
    """By its own number, and not by one of the hub's."""
    (visit,) = resources(hospital_alert_as_fhir(letter(happened="admitted")), "Encounter")
    assert visit["identifier"][0]["value"] == "AE2600417"
    assert visit["status"] == "in-progress"
    message = reread(hospital_alert_as_hl7(letter()))
    assert (message["PV1-19"], message["PV1-44"]) == ("AE2600417", "20260704192140+0100")


def test_the_bundle_is_read_back_as_it_was_written() -> None:
    """By the models of FHIR R4, with every rule of messaging kept, and the same at every attempt."""
    data = fhir.render(hospital_alert_as_fhir(letter()))
    again = Bundle.model_validate_json(data)
    fhir.check_message(again)
    assert fhir.render(again) == data == fhir.render(hospital_alert_as_fhir(letter()))
    (header,) = resources(again, "MessageHeader")
    (flag,) = resources(again, "Flag")
    assert [focus["reference"] for focus in header["focus"]] == [f"urn:uuid:{flag['id']}"]


def test_the_hl7_message_is_valid_and_read_back() -> None:
    """By hl7apy's strict model of ORU^R01 in 2.4, and by our own reader, with nothing lost."""
    data = hospital_alert_as_hl7(letter())
    text = data.decode()
    model = parse_message(text.rstrip("\r"), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert Validator.validate(model)
    assert model.to_er7() == text.rstrip("\r")
    message = reread(data)
    assert message.type == ("ORU", "R01")
    assert (message["PID-3"], message["PID-3.4"], message["PID-3.5"]) == ("9990000018", "NHS", "NH")
    assert (message["PID-5"], message["PID-5.2"], message["PID-7"]) == ("O'Dare", "Zoë", "20190514")
    assert (message["MSH-4"], message["MSH-6"], message["MSH-7"]) == ("XZZ", "RZZ", "20260704192201+0100")
    assert told(data) == [
        {
            "PLAN": "342191000000101", "STARTED": "20260405192140+0100", "AUTHORITY": "Swindon Borough Council",
            "AUTHORITY_ODS": "XZZ", "OFFICE_PHONE": "01632960101", "EMERGENCY_PHONE": "01632960102",
        },
    ]  # fmt: skip
    assert {segment.text(14) for segment in message.segments("OBX")} == {"20260704192140+0100"}


def test_the_control_id_is_the_messages_own() -> None:
    """Twenty characters, the same at every attempt, another for another message."""
    first, again = (reread(hospital_alert_as_hl7(letter()))["MSH-10"] for _ in range(2))
    other = reread(hospital_alert_as_hl7(Letter(VALUES, Envelope("f" * 32, "/hub", "x", PAPERS.time, ""))))["MSH-10"]
    assert first == again == "AAISEM2EKVTHPCEZVK54"
    assert other != first
    assert len(other) == 20


def test_a_winter_time_has_winters_offset() -> None:
    """Wall-clock time in London, whichever half of the year it is."""
    winter = datetime(2026, 12, 1, 2, 10, tzinfo=UTC)
    assert reread(hospital_alert_as_hl7(letter(at=winter)))["PV1-44"] == "20261201021000+0000"


def test_plans_of_two_authorities_have_no_one_sender() -> None:
    """MSH-4 names an authority only where it is the only one."""
    other = {**PLAN, "authority": {**AUTHORITY, "ods_code": "XZY"}}
    assert reread(hospital_alert_as_hl7(letter(plans=[PLAN, other])))["MSH-4"] == ""


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"patient": None}, "patient.nhs_number"),
        ({"patient": {"surname": "O'Dare"}}, "patient.nhs_number"),
        ({"plans": [{"started": AS_OF}]}, "plans.plan"),
        ({"plans": [{**PLAN, "started": None}]}, "plans.started"),
        ({"as_of": None}, "as_of"),
    ],
)
def test_an_alert_that_could_mislead_is_not_written(changed: dict[str, Any], place: str) -> None:
    """Nobody's flag, a plan told in part, or a flag of unknown age, in neither form."""
    for write in (hospital_alert_as_fhir, hospital_alert_as_hl7):
        with pytest.raises(NotUnderstood) as caught:
            write(letter(**changed))
        assert caught.value.place == place
        assert "O'Dare" not in str(caught.value)


POINTER = {"patient": {"nhs_number": "9990000018"}, "plans": [], "call": "01632960102"}


def test_a_pointer_is_a_flag_without_a_plan_that_leads_to_whom_to_call() -> None:
    """Valid FHIR messaging: one active Flag that says what it means, a CareTeam with one telephone, no CarePlan."""
    bundle = hospital_alert_as_fhir(letter(**POINTER))
    again = Bundle.model_validate_json(fhir.render(bundle))
    fhir.check_message(again)
    (flag,), (team,), (patient,) = (resources(again, kind) for kind in ("Flag", "CareTeam", "Patient"))
    assert "may be with you" in flag["code"]["text"]
    assert flag["code"]["coding"][0]["code"] == "child-protection-information-system-flag"
    assert flag["extension"][0]["valueReference"]["reference"] == f"urn:uuid:{team['id']}"
    assert team["telecom"] == [{"system": "phone", "value": "01632960102", "use": "mobile"}]
    assert {"period"}.isdisjoint(flag)
    assert {"name", "birthDate"}.isdisjoint(patient)
    assert resources(again, "CarePlan") == []
    assert [focus["reference"] for focus in resources(again, "MessageHeader")[0]["focus"]] == [f"urn:uuid:{flag['id']}"]


def test_a_pointer_in_hl7_is_preliminary_and_valid() -> None:
    """By hl7apy's strict model; `P` in OBR-25 and OBX-11, so that no engine files a plan that may not be theirs."""
    data = hospital_alert_as_hl7(letter(**POINTER))
    text = data.decode()
    model = parse_message(text.rstrip("\r"), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert Validator.validate(model)
    message = reread(data)
    (said,) = told(data)
    assert said.keys() == {"POINTER", "EMERGENCY_PHONE"}
    assert "may be with you" in said["POINTER"]
    assert said["EMERGENCY_PHONE"] == "01632960102"
    assert {segment.text(25) for segment in message.segments("OBR")} == {"P"}
    assert {segment.text(11) for segment in message.segments("OBX")} == {"P"}
    assert (message["PID-5"], message["PID-5.7"], message["PID-7"], message["MSH-4"]) == ("", "U", "", "")


def test_a_pointer_that_knows_of_nobody_to_call_still_warns() -> None:
    """An alert from before there was a number in it: silence would be worse."""
    bare = letter(**POINTER | {"call": None})
    (flag,) = resources(hospital_alert_as_fhir(bare), "Flag")
    assert "may be with you" in flag["code"]["text"]
    assert "extension" not in flag
    assert told(hospital_alert_as_hl7(bare))[0].keys() == {"POINTER"}


@pytest.mark.parametrize("match", ["probable", "possible", None])
def test_of_somebody_who_may_be_another_person_no_plan_is_told(
    catalog: Catalog, keys: Keys, now: datetime, match: str | None
) -> None:
    """What is told is the hospital's own attendance, whom to call and how recent; no name, no plan, no authority."""
    event = AlertRaised.model_validate_json((EXAMPLES / "released.event.json").read_bytes())
    got = released(catalog, keys, event.model_copy(update={"match": match}), now)
    assert got.values["plans"] == []
    for data in (fhir.render(hospital_alert_as_fhir(got)), hospital_alert_as_hl7(got)):
        for told_of in (b"9990000018", b"AE2600417", b"01632960102"):
            assert told_of in data
        for word in ("O'Dare", "20190514", "2019-05-14", "342191000000101", "764841000000100", "Swindon", "XZZ"):
            assert word.encode() not in data


def test_what_is_not_told_leaves_no_trace() -> None:
    """A grant may shrink: whatever optional field it drops, both forms stay valid and simply do not have it."""
    bare = Letter(
        {
            "patient": {"nhs_number": "9990000018"},
            "plans": [{"plan": "child_protection", "started": AS_OF}],
            "as_of": AS_OF,
        },
        PAPERS,
    )
    bundle = hospital_alert_as_fhir(bare)
    assert resources(bundle, "Encounter") == []
    assert {"name", "birthDate"}.isdisjoint(resources(bundle, "Patient")[0])
    message = reread(hospital_alert_as_hl7(bare))
    assert message.segments("PV1") == []
    assert told(hospital_alert_as_hl7(bare)) == [{"PLAN": "342191000000101", "STARTED": "20260704192140+0100"}]


# What the stream's Name lets through: one line of any characters, without blanks at its ends.
LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], include_characters="|^~\\&")
ODD = st.text(LETTERS, min_size=1, max_size=60).map(str.strip).filter(bool)


@settings(deadline=None, max_examples=50)  # hl7apy takes its time
@given(ODD, ODD, ODD)
def test_an_odd_name_stays_in_its_field(surname: str, forename: str, authority: str) -> None:
    """Separators in a name never make fields, and nothing of it is lost in either form."""
    patient = {"nhs_number": "9990000018", "surname": surname, "forename": forename}
    changed = letter(patient=patient, plans=[{**PLAN, "authority": {**AUTHORITY, "name": authority}}])
    message = reread(hospital_alert_as_hl7(changed))
    assert [segment.name for segment in message.segments("OBX")] == ["OBX"] * 6
    assert (message["PID-5.1"], message["PID-5.2"]) == (surname, forename)
    assert told(hospital_alert_as_hl7(changed))[0]["AUTHORITY"] == authority


def scalars(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in scalars(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in scalars(one)]
    return [str(value)]


def test_nothing_ungranted_reaches_the_hospital(catalog: Catalog, keys: Keys, now: datetime) -> None:
    """Each field that the policy does not name is a token that appears nowhere in what is sent."""
    event = AlertRaised.model_validate_json((EXAMPLES / "released.event.json").read_bytes())
    event = event.model_copy(update={"attendance_id": "CANARY-A", "worker_id": "CANARY-W", "site_ods": "CANARYS"})
    got = released(catalog, keys, event, now)
    assert not any("CANARY" in text for text in scalars(got.values))
    for data in (fhir.render(hospital_alert_as_fhir(got)), hospital_alert_as_hl7(got)):
        assert b"CANARY" not in data
        assert b"flagged" not in data  # the verdict opened the gate; it is not itself granted


def test_what_is_withheld_does_not_show(catalog: Catalog, keys: Keys, now: datetime) -> None:
    """Two alerts that differ only in what is not granted are the same bytes, in both forms."""
    one = AlertRaised.model_validate_json((EXAMPLES / "released.event.json").read_bytes())
    two = one.model_copy(update={"attendance_id": "another", "worker_id": None, "site_ods": None})
    first, second = released(catalog, keys, one, now), released(catalog, keys, two, now)
    assert fhir.render(hospital_alert_as_fhir(first)) == fhir.render(hospital_alert_as_fhir(second))
    assert hospital_alert_as_hl7(first) == hospital_alert_as_hl7(second)


def test_what_is_granted_arrives(catalog: Catalog, keys: Keys, now: datetime) -> None:
    """A grant that no form uses would be a disclosure for nothing: each granted value stands in the FHIR form."""
    event = AlertRaised.model_validate_json((EXAMPLES / "released.event.json").read_bytes())
    got = released(catalog, keys, event, now)
    body = fhir.render(hospital_alert_as_fhir(got)).decode()
    codes = {"child_protection": "342191000000101", "looked_after": "764841000000100", "arrived": '"status":"arrived"'}
    for text in scalars(got.values):
        written = text.replace(" ", "T").replace("+00:00", "Z") if text[:2] == "20" and "+00:00" in text else text
        assert written == "None" or codes.get(written, written) in body
