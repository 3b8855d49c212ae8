"""A FHIR message is read within limits and by the rules of messaging, and refused by place without its content."""

import copy
import json
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.agency import Saying
from hub.errors import NotForUs, Unreadable
from hub.formats import fhir, fhir_read
from hub.formats import json as json_format

SAYING = Saying(format="fhir", by="https", into=("any",))
EXAMPLE = (
    Path(__file__).parents[2]
    / "connectors/great_western_hospital/examples/encounters/arrived_in_the_emergency_department.fhir.json"
)
BUNDLE: dict[str, Any] = json.loads(EXAMPLE.read_text())
HEADER: dict[str, Any] = BUNDLE["entry"][0]["resource"]


def changed(edit: Callable[[dict[str, Any]], object]) -> bytes:
    bundle = copy.deepcopy(BUNDLE)
    edit(bundle)
    return json.dumps(bundle).encode()


def resource(number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda bundle: bundle["entry"][number]["resource"]


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Unreadable) as caught:
        fhir.parse(data, SAYING)
    assert "CANARY" not in f"{caught.value} {caught.value.__cause__!r}"
    assert caught.value.mend
    return caught.value.code, caught.value.place


def test_a_message_is_known_by_its_headers_id() -> None:
    """Its bytes are kept as they came, and its resources are found by the references between them."""
    data = changed(lambda bundle: None)
    (item,) = fhir.parse(data, SAYING)
    message = item.message
    assert (item.raw, item.own_id, message.id) == (data, HEADER["id"], HEADER["id"])
    assert message.event == ("http://terminology.hl7.org/CodeSystem/v2-0003", "A04")
    (visit,) = message.focus("Encounter")
    assert message.all("Encounter") == [visit]
    assert message.at(visit.subject, "Patient").birthDate.isoformat() == "2019-05-14"
    assert message.at(visit.subject, "Organization") is None
    assert message.focus("Patient") == message.all("Observation") == []


def test_a_header_without_an_id_is_known_by_its_full_url() -> None:
    """Senders of booking and referral write none; where there are both they must agree."""
    (item,) = fhir.parse(changed(lambda bundle: resource(0)(bundle).pop("id")), SAYING)
    assert item.own_id == HEADER["id"]


@pytest.mark.parametrize(
    ("edit", "verdict"),
    [
        (lambda b: b.update(resourceType="Patient"), ("fhir.not-a-bundle", "Bundle")),
        (lambda b: b.update(type="transaction"), ("fhir.type", "Bundle.type")),
        (lambda b: b.pop("timestamp"), ("fhir.timestamp", "Bundle.timestamp")),
        (lambda b: b.update(timestamp="CANARY"), ("fhir.value-error", "Bundle.timestamp")),
        (lambda b: b.update(CANARY=1), ("fhir.extra-forbidden", "Bundle")),
        (lambda b: b.update(entry="CANARY"), ("fhir.list-type", "Bundle.entry")),
        (lambda b: b.update(entry=[]), ("fhir.header", "Bundle.entry[0]")),
        (lambda b: b.update(entry=["CANARY"]), ("fhir.resource", "Bundle.entry[0].resource")),
        (lambda b: b["entry"][1].update(resource=["CANARY"]), ("fhir.resource", "Bundle.entry[1].resource")),
        (lambda b: resource(1)(b).update(resourceType="CANARY"), ("fhir.resource", "Bundle.entry[1].resource")),
        (lambda b: resource(1)(b).update(resourceType=["CANARY"]), ("fhir.resource", "Bundle.entry[1].resource")),
        (lambda b: resource(1)(b).pop("class"), ("fhir.missing", "Bundle.entry[1].resource.class")),
        (lambda b: resource(1)(b).update(CANARY="x"), ("fhir.extra-forbidden", "Bundle.entry[1].resource")),
        (
            lambda b: resource(2)(b)["name"][0].update(family=["CANARY"]),
            ("fhir.string-type", "Bundle.entry[2].resource.name[0].family"),
        ),
        (
            lambda b: resource(1)(b).update(contained=[{"resourceType": "CANARY"}]),
            ("fhir.invalid", "Bundle.entry"),
        ),
        (lambda b: b["entry"][1].update(fullUrl="CANARY"), ("fhir.full-url", "Bundle.entry[1].fullUrl")),
        (lambda b: b["entry"].append(b["entry"][1]), ("fhir.full-url-twice", "Bundle.entry[4].fullUrl")),
        (lambda b: resource(1)(b).update(id="CANARY"), ("fhir.id", "Bundle.entry[1].resource.id")),
        (lambda b: resource(0)(b).pop("focus"), ("fhir.focus", "MessageHeader.focus")),
        (
            lambda b: resource(1)(b).update(subject={"reference": f"urn:uuid:{uuid.UUID(int=1)}"}),
            ("fhir.reference", "Bundle.entry[1]"),
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_place(
    edit: Callable[[dict[str, Any]], object], verdict: tuple[str, str]
) -> None:
    """As a path of FHIR, and without a word of what was sent."""
    assert refusal(changed(edit)) == verdict


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\xff", "not-utf-8"),
        (b'{"resourceType": "Bundle", "resourceType": "CANARY"}', "duplicate-name"),
        (b"<Bundle/>", "not-json"),
        (b'[{"resourceType": "Bundle"}]', "fhir.not-a-bundle"),
        (b'{"a":' * 1000, "too-deep"),
        (b'"' + b"x" * json_format.MAX_BYTES + b'"', "too-large"),
    ],
)
def test_limits_are_looked_at_before_the_models(data: bytes, code: str) -> None:
    """Size, depth and grammar are those of all JSON that the hub takes."""
    assert refusal(data)[0] == code


def test_so_many_entries_are_read_and_no_more() -> None:
    """A bundle is one message about one patient, not a register."""

    def padded(bundle: dict[str, Any], count: int) -> None:
        while len(bundle["entry"]) < count:
            one = str(uuid.UUID(int=len(bundle["entry"])))
            bundle["entry"].append({"fullUrl": f"urn:uuid:{one}", "resource": {"resourceType": "Basic", "code": {}}})

    (item,) = fhir.parse(changed(lambda bundle: padded(bundle, fhir_read.MOST_ENTRIES)), SAYING)
    assert item.own_id == HEADER["id"]
    data = changed(lambda bundle: padded(bundle, fhir_read.MOST_ENTRIES + 1))
    assert refusal(data) == ("fhir.too-many-entries", "Bundle.entry")


@pytest.mark.parametrize(
    ("label", "where", "processing", "aside"),
    [
        (("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST"), "security", ("P",), "fhir.training"),
        (("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST"), "tag", ("P", "T"), None),
        (("http://terminology.hl7.org/CodeSystem/v2-0103", "T"), "tag", ("P",), "fhir.training"),
        (("http://terminology.hl7.org/CodeSystem/v2-0103", "D"), "tag", ("P", "T"), "fhir.debugging"),
        (("http://terminology.hl7.org/CodeSystem/v2-0103", "P"), "tag", ("P",), None),
        (("http://terminology.hl7.org/CodeSystem/v3-ActReason", "TREAT"), "security", ("P",), None),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_only_what_is_said_in_earnest_is_acted_upon(
    label: tuple[str, str], where: str, processing: tuple[Any, ...], aside: str | None, *, whole: bool
) -> None:
    """A label for test data on the bundle or on its header puts the message aside, with its id."""

    def labelled(bundle: dict[str, Any]) -> None:
        system, code = label
        (bundle if whole else resource(0)(bundle)).setdefault("meta", {})[where] = [{"system": system, "code": code}]

    (item,) = fhir.parse(changed(labelled), SAYING.model_copy(update={"processing": processing}))
    assert item.own_id == HEADER["id"]
    assert isinstance(item.message, NotForUs) == (aside is not None)
    assert getattr(item.message, "code", None) == aside


def test_a_message_that_is_sent_again_is_the_same_message() -> None:
    """NHS England: the Bundle's id is each sending's own, the MessageHeader's the message's."""
    again = changed(lambda b: b.update(id=str(uuid.UUID(int=7)), timestamp="2026-07-04T19:00:00Z", meta={}))
    other = changed(lambda b: resource(2)(b).update(birthDate="2018-05-14"))
    spaced = json.dumps(BUNDLE, indent=4, sort_keys=True).encode()
    assert fhir.essence(again) == fhir.essence(spaced) == fhir.essence(changed(lambda b: None)) != fhir.essence(other)


def test_published_messages_are_read_or_refused_with_a_reason(public_data: Path) -> None:
    """Every example of booking and referral: the requests are read, and what is no message says why."""
    events: dict[str, str] = {}
    refused: dict[str, str] = {}
    for file in sorted((public_data / "fhir-bars").rglob("*.json")):
        name = str(file.relative_to(public_data / "fhir-bars"))
        try:
            (item,) = fhir.parse(file.read_bytes(), SAYING)
        except Unreadable as fault:
            refused[name] = fault.code
        else:
            assert item.own_id
            events[name] = item.message.event[1]
    assert events == {
        "process_message/POST-body.json": "booking-request",
        "process_message/request/Booking (POST).json": "booking-request",
        "process_message/request/ValidationRequest (POST) .json": "servicerequest-request",
        "process_message/request/ValidationResponse (POST) .json": "servicerequest-response",
    }
    assert {name: code for name, code in refused.items() if name.startswith("process_message")} == {
        "process_message/POST-success.json": "fhir.missing",
        "process_message/response/Booking (HTTP Response) .json": "fhir.missing",
        "process_message/response/ValidationRequest (HTTP Response) .json": "fhir.id",
    }
    assert Counter(refused.values())["fhir.not-a-bundle"] > 50


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({})


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_change_brings_the_reader_down(data: st.DataObject) -> None:
    """Whatever one part of a message is replaced by, it is read or refused."""
    bundle = copy.deepcopy(BUNDLE)
    here: Any = bundle
    while True:
        name = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else list(range(len(here)))))
        if not isinstance(here[name], dict | list) or not here[name] or data.draw(st.integers(0, 4)) == 0:
            here[name] = data.draw(LEAVES)
            break
        here = here[name]
    try:
        outcome = [item.own_id for item in fhir.parse(json.dumps(bundle).encode(), SAYING)]
    except Unreadable as fault:
        outcome = [fault.code]
    assert len(outcome) == 1
    assert outcome[0]
