"""FHIR R4: message bundles read and written, and the parts they are made of; what a bundle says is elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from fhir.resources.R4B.bundle import Bundle, BundleEntry
from fhir.resources.R4B.codeableconcept import CodeableConcept
from fhir.resources.R4B.coding import Coding
from fhir.resources.R4B.extension import Extension
from fhir.resources.R4B.fhirresourcemodel import FHIRResourceModel
from fhir.resources.R4B.identifier import Identifier
from fhir.resources.R4B.reference import Reference

from hub.formats.fhir_read import Message, essence, parse
from hub.formats.fhir_rules import check_message
from hub.formats.fhir_values import NHS_NUMBER, NHS_NUMBER_STATUS, NHS_NUMBER_STATUS_CODES, ODS_ORGANISATION, ODS_SITE

__all__ = [
    "FLAG_DETAIL", "NHS_NUMBER", "NHS_NUMBER_STATUS", "NHS_NUMBER_STATUS_CODES", "ODS_ORGANISATION", "ODS_SITE",
    "SNOMED", "Message", "check_message", "coding", "concept", "essence", "message", "nhs_number", "organisation",
    "own_id", "parse", "render", "to", "urn",
]  # fmt: skip

SNOMED: Final = "http://snomed.info/sct"
FLAG_DETAIL: Final = "http://hl7.org/fhir/StructureDefinition/flag-detail"

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
