"""FHIR R4: the parts every message bundle is made of, and the rules it must keep; what a bundle says is elsewhere."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fhir.resources.R4B.bundle import Bundle, BundleEntry
from fhir.resources.R4B.codeableconcept import CodeableConcept
from fhir.resources.R4B.coding import Coding
from fhir.resources.R4B.extension import Extension
from fhir.resources.R4B.fhirresourcemodel import FHIRResourceModel
from fhir.resources.R4B.identifier import Identifier
from fhir.resources.R4B.reference import Reference

from hub.errors import MessageError, Unreadable
from hub.formats import json as json_format

NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
ODS_ORGANISATION: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE: Final = "https://fhir.nhs.uk/Id/ods-site-code"
NHS_NUMBER_STATUS: Final = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
NHS_NUMBER_STATUS_CODES: Final = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"
SNOMED: Final = "http://snomed.info/sct"
FLAG_DETAIL: Final = "http://hl7.org/fhir/StructureDefinition/flag-detail"

# fmt: off
ISSUE_CODES: Final = frozenset([
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired",
    "forbidden", "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found",
    "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict",
    "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled",
    "informational",
])
# fmt: on
"""FHIR R4 value set issue-type (required): the only words of an outcome that are repeated."""

_SEVERITIES: Final = ("fatal", "error", "warning", "information")  # worst first
_RESPONSES: Final = {"ok": "ok", "transient-error": "response.transient-error"}
_NAMESPACE: Final = uuid.UUID("6f1a52b5-6bd0-5e0f-9d0c-0c6f5d0e7a31")


def nhs_number(number: str, *, verified: bool = False) -> Identifier:
    """An NHS number (UK Core); only one that is known to be traced says `01`, number present and verified."""
    status = Extension(
        url=NHS_NUMBER_STATUS,
        valueCodeableConcept=concept(NHS_NUMBER_STATUS_CODES, "01", "Number present and verified"),
    )
    return Identifier(extension=[status] if verified else None, system=NHS_NUMBER, value=number)


def organisation(ods_code: str | None, name: str | None = None) -> Reference:
    """An organisation by its ODS code, and by name where that is known; the bundle need not hold it."""
    identifier = Identifier(system=ODS_ORGANISATION, value=ods_code) if ods_code else None
    return Reference(type="Organization", identifier=identifier, display=name)


def coding(system: str, code: str, display: str) -> Coding:
    """One code of one system."""
    return Coding(system=system, code=code, display=display)


def concept(system: str, code: str, display: str) -> CodeableConcept:
    """A concept with one coding."""
    return CodeableConcept(coding=[coding(system, code, display)])


def urn(message_id: str, part: str) -> str:
    """The `urn:uuid:` of one *part* of a message: the same at every attempt, and no other message's."""
    return f"urn:uuid:{uuid.uuid5(uuid.uuid5(_NAMESPACE, message_id), part)}"


def own_id(full_url: str) -> str:
    """The resource id that belongs to a `urn:uuid:`."""
    return full_url.removeprefix("urn:uuid:")


def to(full_url: str, kind: str | None = None) -> Reference:
    """A reference to another entry of the bundle."""
    return Reference(reference=full_url, type=kind)


def message(message_id: str, timestamp: datetime, resources: Mapping[str, FHIRResourceModel]) -> Bundle:
    """
    The message bundle of *resources* by their fullUrl, MessageHeader first (FHIR R4, messaging).

    *timestamp* is aware; the bundle's id and identifier derive from *message_id*, since every attempt is the
    same transmission. Raises `Unreadable` where the bundle breaks a rule of messaging, ValueError for a
    *timestamp* without an offset.
    """
    if timestamp.tzinfo is None:
        raise ValueError("a message's timestamp needs its offset")
    bundle_url = urn(message_id, "Bundle")
    bundle = Bundle(
        id=own_id(bundle_url),
        identifier=Identifier(system="urn:ietf:rfc:3986", value=bundle_url),
        type="message",
        timestamp=timestamp.astimezone(UTC),
        entry=[BundleEntry(fullUrl=full_url, resource=resource) for full_url, resource in resources.items()],
    )
    check_message(bundle)
    return bundle


def render(bundle: Bundle) -> bytes:
    """
    *bundle* as FHIR JSON in the order of the specification's elements: the same bundle is the same bytes.

    Raises `Unreadable` where a message bundle breaks a rule of messaging: it does not leave.
    """
    if bundle.type == "message":
        check_message(bundle)
    return bundle.model_dump_json().encode()


def check_message(bundle: Bundle) -> None:
    """
    The rules of FHIR R4 messaging, with what NHS England's messaging adds; raises `Unreadable` at the first broken.

    A bundle of type message with a timestamp; its first entry, and no other, a MessageHeader; a `urn:uuid:`
    fullUrl on every entry, each once and agreeing with the resource's id; every focus in the bundle, at least
    one; and no `urn:uuid:` reference, nor one to a contained resource, that leads nowhere.
    """
    if bundle.type != "message":
        raise Unreadable("fhir.type", "Bundle.type", "the type of a message bundle is message")
    if bundle.timestamp is None:
        raise Unreadable("fhir.timestamp", "Bundle.timestamp", "say when the bundle was put together")
    entries = bundle.entry or []
    resources: list[Any] = [entry.resource for entry in entries]
    kinds = [one.get_resource_type() if one is not None else "" for one in resources]
    if not kinds or kinds[0] != "MessageHeader" or "MessageHeader" in kinds[1:]:
        raise Unreadable("fhir.header", "Bundle.entry[0]", "the first entry, and no other, is the MessageHeader")
    urls: set[str] = set()
    for index, entry in enumerate(entries):
        place = f"Bundle.entry[{index}].fullUrl"
        url = str(entry.fullUrl or "")
        if re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", url) is None:
            raise Unreadable("fhir.full-url", place, "give each entry a urn:uuid: in lower case")
        if url in urls:
            raise Unreadable("fhir.full-url-twice", place, "give each entry its own fullUrl")
        if resources[index] is None or resources[index].id not in (None, own_id(url)):
            raise Unreadable("fhir.id", f"Bundle.entry[{index}].resource.id", "let id and fullUrl agree")
        urls.add(url)
    focus = resources[0].focus or []
    if not focus or any(str(one.reference or "") not in urls for one in focus):
        raise Unreadable("fhir.focus", "MessageHeader.focus", "the focus of a message is an entry of its own bundle")
    for index, resource in enumerate(resources):
        held = {f"#{one.id}" for one in getattr(resource, "contained", None) or []} | {"#"}
        for reference in _references(resource.model_dump(mode="json")):
            lost = reference.startswith("urn:uuid:") and reference not in urls
            if lost or (reference.startswith("#") and reference not in held):
                raise Unreadable("fhir.reference", f"Bundle.entry[{index}]", "a reference leads nowhere")


def outcome_of(body: bytes) -> str:
    """
    What a partner's answer says, in words of FHIR's own closed lists only; nothing else of it is repeated.

    `<severity>.<code>` of the worst issue of an OperationOutcome, `response.<code>` of a message's response
    where that is not `ok`, `ok` for any other resource, and "" for what is no FHIR JSON.
    """
    try:
        answer = json_format.document(body)
    except MessageError:
        return ""
    if not isinstance(answer, dict) or not isinstance(answer.get("resourceType"), str):
        return ""
    said = [word for word in _outcomes(answer) if word != "ok"]
    return min(said, key=_badness, default="ok")


def _outcomes(resource: dict[str, Any]) -> Iterator[str]:
    match resource:
        case {"resourceType": "OperationOutcome", "issue": [*issues]}:
            for issue in issues:
                found = issue if isinstance(issue, dict) else {}
                severity, code = found.get("severity"), found.get("code")
                # An issue without a severity that we know is an error: doubt must not read as delivered.
                known = severity if severity in _SEVERITIES else "error"
                yield f"{known}.{code if isinstance(code, str) and code in ISSUE_CODES else 'unknown'}"
        case {"resourceType": "OperationOutcome"}:
            yield "error.unknown"
        case {"resourceType": "MessageHeader", "response": response}:
            code = response.get("code") if isinstance(response, dict) else None
            yield _RESPONSES.get(str(code), "response.fatal-error")
        case {"resourceType": "Bundle", "entry": [*entries]}:
            for entry in entries:
                inner = entry.get("resource") if isinstance(entry, dict) else None
                if isinstance(inner, dict) and inner.get("resourceType") != "Bundle":
                    yield from _outcomes(inner)


def _badness(outcome: str) -> int:
    severity = outcome.partition(".")[0]
    order = ("response", *_SEVERITIES)
    return order.index(severity)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "reference" and isinstance(one, str):
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)
