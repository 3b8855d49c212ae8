"""What is answered to a FHIR message is FHIR by its own models, the same every time, and says what to mend."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from hub.formats import fhir, fhir_answer

EXAMPLES = Path(__file__).parents[2] / "connectors/great_western_hospital/examples/encounters"
SENT = (EXAMPLES / "arrived_in_the_emergency_department.fhir.json").read_bytes()
SENT_ID = json.loads(SENT)["entry"][0]["resource"]["id"]
AT = datetime(2026, 7, 4, 18, 22, 6, tzinfo=UTC)


def response(identifier: Any = SENT_ID, code: str = "ok") -> bytes:
    head = {"resourceType": "MessageHeader", "response": {"identifier": identifier, "code": code}}
    return json.dumps({"resourceType": "Bundle", "type": "message", "entry": [{"resource": head}]}).encode()


def test_a_message_that_was_taken_is_answered_by_a_message() -> None:
    """It keeps the rules of messaging, names the message that it answers, and has its event."""
    bundle = Bundle.model_validate_json(fhir_answer.accepted(SENT, "/gwh/encounters", AT, "accepted: 1 events"))
    fhir.check_message(bundle)
    assert bundle.entry
    head, outcome = (entry.resource for entry in bundle.entry)
    assert (head.response.identifier, head.response.code) == (SENT_ID, "ok")
    assert (head.eventCoding.system, head.eventCoding.code) == ("http://terminology.hl7.org/CodeSystem/v2-0003", "A04")
    assert outcome.issue[0].diagnostics == "accepted: 1 events"


def test_the_same_message_has_the_same_answer_and_another_has_another() -> None:
    """Only the timestamp says when the copy was made."""

    def answer(body: bytes, line: str = "/gwh/encounters", at: datetime = AT) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(fhir_answer.accepted(body, line, at, "accepted"))
        return said

    first, again = answer(SENT), answer(SENT, at=AT.replace(hour=20))
    assert again.pop("timestamp") == "2026-07-04T20:22:06.000Z" != first.pop("timestamp")
    assert first == again
    other = SENT.replace(SENT_ID.encode(), b"11111111-2222-4333-8444-555555555555")
    assert len({answer(SENT)["id"], answer(other)["id"], answer(SENT, "/other/line")["id"]}) == 3


@pytest.mark.parametrize(
    ("status", "code", "place", "issue", "expression"),
    [
        (400, "not-json", "line 1 column 3", "structure", None),
        (400, "too-large", "", "too-long", None),
        (400, "too-deep", "", "too-costly", None),
        (400, "fhir.missing", "Bundle.entry[1].resource.class", "required", ["Bundle.entry[1].resource.class"]),
        (400, "fhir.value-error", "Bundle.timestamp", "structure", ["Bundle.timestamp"]),
        (400, "fhir.reference", "Bundle.entry[2]", "invariant", ["Bundle.entry[2]"]),
        (400, "fhir.header", "Bundle.entry[0]", "required", ["Bundle.entry[0]"]),
        (422, "identifiers.none", "Patient.identifier", "required", ["Patient.identifier"]),
        (422, "status.against-event", "Encounter.status", "invalid", ["Encounter.status"]),
        (422, "id.used-before", "", "duplicate", None),
        (401, "unauthenticated", "", "login", None),
        (403, "forbidden", "", "forbidden", None),
        (404, "no-such-line", "", "not-found", None),
        (405, "method", "", "not-supported", None),
        (408, "too-slow", "", "timeout", None),
        (413, "too-large", "", "too-long", None),
        (415, "media-type", "Content-Type", "not-supported", None),
        (500, "error", "", "exception", None),
        (503, "busy", "", "transient", None),
    ],
)
def test_a_refusal_says_what_to_mend_and_where(
    status: int, code: str, place: str, issue: str, expression: list[str] | None
) -> None:
    """In a word of the value set issue-type, with our own code, place and mend beside it."""
    outcome = OperationOutcome.model_validate_json(fhir_answer.refused(status, code, place, "mend it", "It is kept"))
    (said,) = outcome.issue
    assert (said.severity, said.code, said.expression) == ("error", issue, expression)
    assert said.code in fhir_answer.ISSUE_CODES
    assert said.details.coding[0].code == code
    assert said.details.text == "It is kept"
    assert said.diagnostics == " ".join(part for part in (code, f"at {place}" if place else "", "mend it") if part)
    assert fhir_answer.outcome_of(outcome.model_dump_json().encode()) == f"error.{issue}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (response(), "ok"),
        (response(SENT_ID.upper()), "ok"),
        (response(f"urn:uuid:{SENT_ID}"), "ok"),
        (response("00000000-0000-4000-8000-000000000000"), "another"),
        (response("00000000-0000-4000-8000-000000000000", "fatal-error"), "another"),
        (response(code="transient-error"), "response.transient-error"),
        (response(None), "ok"),
        (b'{"resourceType": "Bundle", "entry": 7}', "ok"),
        (b'{"resourceType": "OperationOutcome", "issue": []}', "ok"),
    ],
)
def test_a_response_to_another_message_is_told_from_ours(answer: bytes, said: str) -> None:
    """Whatever it says of that one; where it does not say which, it answers what it was the answer to."""
    assert fhir_answer.outcome_of(answer, SENT_ID) == said


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (SENT, SENT_ID),
        (SENT.replace(b'"id": "' + SENT_ID.encode() + b'",', b""), SENT_ID),
        (b"", None),
        (b"[]", None),
        (b'{"entry": [{"resource": {"resourceType": "MessageHeader"}}]}', None),
        (b'{"entry": [{"resource": {"resourceType": "MessageHeader", "id": {"a": 1}}}]}', None),
        (b'{"entry": [{"resource": {"resourceType": "Patient", "id": "a"}}]}', None),
    ],
)
def test_the_header_of_a_message_is_found_or_not(body: bytes, found: str | None) -> None:
    """By its id, or by its fullUrl, and nothing else of it is looked at."""
    header = fhir_answer.asked(body)
    assert (None if header is None else header.id) == found
