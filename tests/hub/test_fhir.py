"""FHIR messages keep the rules of messaging, and a partner's answer is read in FHIR's own words only."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.flag import Flag
from fhir.resources.R4B.messageheader import MessageHeader
from fhir.resources.R4B.patient import Patient

from hub.errors import Unreadable
from hub.formats import fhir, fhir_answer

MESSAGE_ID = "00112233445566778899aabbccddeeff"
AT = datetime(2026, 7, 4, 19, 22, 1, tzinfo=timezone(timedelta(hours=1)))
HEADER, PATIENT, FLAG = (fhir.urn(MESSAGE_ID, part) for part in ("MessageHeader", "Patient", "Flag"))


def bundle() -> Bundle:
    code = fhir.concept("urn:x", "x", "x")
    head = MessageHeader(id=fhir.own_id(HEADER), eventUri="urn:x", source={"endpoint": "urn:x"}, focus=[fhir.to(FLAG)])
    patient = Patient(id=fhir.own_id(PATIENT), identifier=[fhir.nhs_number("9990000018")])
    flag = Flag(id=fhir.own_id(FLAG), status="active", code=code, subject=fhir.to(PATIENT))
    return fhir.message(MESSAGE_ID, AT, {HEADER: head, PATIENT: patient, FLAG: flag})


def test_a_message_is_the_same_bytes_every_time() -> None:
    """A second attempt is the same transmission, and reading it back loses nothing."""
    data = fhir.render(bundle())
    assert data == fhir.render(bundle())
    assert fhir.render(Bundle.model_validate_json(data)) == data
    assert json.loads(data)["timestamp"] == "2026-07-04T18:22:01Z"


def test_ids_are_one_messages_own() -> None:
    """Other messages, and other parts, have others; all have the form of a UUID."""
    urls = {fhir.urn(message, part) for message in (MESSAGE_ID, "other") for part in ("Patient", "Flag")}
    assert len(urls) == 4
    assert all(url == url.lower() and len(url) == len("urn:uuid:") + 36 for url in urls)


def test_identifiers_are_spelled_as_the_nhs_spells_them() -> None:
    """Only a number known to be traced claims so."""
    assert fhir.nhs_number("9990000018").model_dump() == {
        "system": "https://fhir.nhs.uk/Id/nhs-number",
        "value": "9990000018",
    }
    (status,) = fhir.nhs_number("9990000018", verified=True).model_dump()["extension"]
    assert status["url"] == "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
    assert status["valueCodeableConcept"]["coding"] == [
        {
            "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
            "code": "01",
            "display": "Number present and verified",
        }
    ]
    assert fhir.organisation("RZZ").model_dump()["identifier"]["system"] == (
        "https://fhir.nhs.uk/Id/ods-organization-code"
    )


def _drop_timestamp(made: dict[str, Any]) -> None:
    del made["timestamp"]


def _swap(made: dict[str, Any]) -> None:
    made["entry"].reverse()


def _two_headers(made: dict[str, Any]) -> None:
    made["entry"].append({"fullUrl": fhir.urn("x", "y"), "resource": {**made["entry"][0]["resource"], "id": None}})
    del made["entry"][-1]["resource"]["id"]


def _no_full_url(made: dict[str, Any]) -> None:
    del made["entry"][1]["fullUrl"]


def _http_full_url(made: dict[str, Any]) -> None:
    made["entry"][1]["fullUrl"] = "https://x.example/Patient/1"


def _same_full_url(made: dict[str, Any]) -> None:
    made["entry"].append(made["entry"][1])


def _other_id(made: dict[str, Any]) -> None:
    made["entry"][1]["resource"]["id"] = "another"


def _no_focus(made: dict[str, Any]) -> None:
    del made["entry"][0]["resource"]["focus"]


def _lost_focus(made: dict[str, Any]) -> None:
    made["entry"][0]["resource"]["focus"] = [{"reference": fhir.urn("x", "y")}]


def _lost_reference(made: dict[str, Any]) -> None:
    del made["entry"][1]


def _lost_contained(made: dict[str, Any]) -> None:
    made["entry"][2]["resource"]["author"] = {"reference": "#nobody"}


def _no_resource(made: dict[str, Any]) -> None:
    del made["entry"][1]["resource"]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda made: made.update(type="collection"), "fhir.type"),
        (_drop_timestamp, "fhir.timestamp"),
        (lambda made: made.update(entry=[]), "fhir.header"),
        (_swap, "fhir.header"),
        (_two_headers, "fhir.header"),
        (_no_full_url, "fhir.full-url"),
        (_http_full_url, "fhir.full-url"),
        (_same_full_url, "fhir.full-url-twice"),
        (_other_id, "fhir.id"),
        (_no_resource, "fhir.id"),
        (_no_focus, "fhir.focus"),
        (_lost_focus, "fhir.focus"),
        (_lost_reference, "fhir.reference"),
        (_lost_contained, "fhir.reference"),
    ],
)
def test_each_rule_of_messaging_is_enforced(spoil: Callable[[dict[str, Any]], None], code: str) -> None:
    """One thing is spoilt in a good message, and that rule says so; it is not rendered either."""
    made = json.loads(fhir.render(bundle()))
    spoil(made)
    spoilt = Bundle.model_validate(made)
    with pytest.raises(Unreadable) as caught:
        fhir.check_message(spoilt)
    assert caught.value.code == code
    if code != "fhir.type":
        with pytest.raises(Unreadable):
            fhir.render(spoilt)


def test_another_bundle_is_rendered_without_the_rules_of_messages() -> None:
    """A search result has no header."""
    assert json.loads(fhir.render(Bundle(type="searchset", total=0))) == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
    }


def outcome(*issues: object) -> bytes:
    return json.dumps({"resourceType": "OperationOutcome", "issue": list(issues)}).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (outcome({"severity": "error", "code": "exception", "diagnostics": "CANARY"}), "error.exception"),
        (outcome({"severity": "information", "code": "informational"}), "information.informational"),
        (
            outcome({"severity": "warning", "code": "value"}, {"severity": "fatal", "code": "security"}),
            "fatal.security",
        ),
        (outcome({"severity": "error", "code": "CANARY"}), "error.unknown"),
        (outcome({"severity": "CANARY", "code": "value"}), "error.value"),
        (outcome({"severity": ["error"], "code": {"a": 1}}), "error.unknown"),
        (outcome("CANARY"), "error.unknown"),
        (outcome(), "ok"),
        (b'{"resourceType": "OperationOutcome"}', "error.unknown"),
        (b'{"resourceType": "OperationOutcome", "issue": "CANARY"}', "error.unknown"),
        (b'{"resourceType": "Flag"}', "ok"),
        (b'{"resourceType": 7}', ""),
        (b"[1]", ""),
        (b"<html>CANARY</html>", ""),
        (b"", ""),
        (b'{"resourceType": "OperationOutcome", "a": 1, "a": 2}', ""),
        (b"[" * 10_000, ""),
    ],
)
def test_an_outcome_is_told_in_closed_words(body: bytes, said: str) -> None:
    """Whatever a partner writes into it, nothing but FHIR's own severities and codes comes out."""
    assert fhir_answer.outcome_of(body) == said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ok", "ok"),
        ("transient-error", "response.transient-error"),
        ("fatal-error", "response.fatal-error"),
        ("CANARY", "response.fatal-error"),
        (None, "response.fatal-error"),
    ],
)
def test_a_messages_response_is_read(code: str | None, said: str) -> None:
    """A receiver that answers with a message says in its header whether it took ours."""
    head = {"resourceType": "MessageHeader", "response": {"identifier": "x", "code": code}}
    body = {"resourceType": "Bundle", "type": "message", "entry": [{"resource": head}, {"resource": None}, 7]}
    assert fhir_answer.outcome_of(json.dumps(body).encode()) == said


def test_published_outcomes_are_read(public_data: Path) -> None:
    """NHS England's booking-and-referral examples of what goes wrong are all understood as errors."""
    folder = public_data / "fhir-bars"
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.json")) if b"OperationOutcome" in path.read_bytes()]
    said = {fhir_answer.outcome_of(body) for body in bodies}
    assert len(bodies) > 5
    assert said
    assert all(word == "ok" or word.partition(".")[0] in ("error", "fatal", "information", "warning") for word in said)
    assert "error.exception" in said


def test_times_without_an_offset_are_no_message() -> None:
    """A naive time would be read as this machine's own."""
    naive = datetime(2026, 7, 4, 19, 22, 1)  # noqa: DTZ001  the absent offset is the point
    with pytest.raises(ValueError, match="offset"):
        fhir.message(MESSAGE_ID, naive, {})
    assert fhir.render(bundle()).count(AT.astimezone(UTC).strftime("%H:%M:%S").encode()) == 1
