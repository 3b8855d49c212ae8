"""FHIR R4 values: what identifiers, codes and times of UK Core resources mean; of no message and for any agency."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from hub.errors import NotUnderstood

NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
ODS_ORGANISATION: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE: Final = "https://fhir.nhs.uk/Id/ods-site-code"
NHS_NUMBER_STATUS: Final = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
NHS_NUMBER_STATUS_CODES: Final = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"
IDENTIFIER_TYPES: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
LONDON: Final = ZoneInfo("Europe/London")

_PLAIN: Final = frozenset({"U", "N", "L", "M"})  # unrestricted, normal, low, moderate
_SEXES: Final = {"male": "M", "female": "F"}


def nhs_numbers(patient: Any) -> list[tuple[str, bool | None]]:
    """
    All different NHS numbers of a Patient, without spaces and hyphens, each with whether it says that it was traced.

    `01` of the verification status means present and verified, any other not, and none at all that nobody says
    (UK Core). The check digit is not looked at here.
    """
    found: dict[str, bool | None] = {}
    for one in patient.identifier or []:
        number = re.sub(r"[\s-]", "", str(one.value or ""))
        if str(one.system or "") == NHS_NUMBER and number:
            found.setdefault(number, _verified(one))
    return list(found.items())


def local_id(patient: Any) -> tuple[str | None, str | None]:
    """
    The hospital's own number for the patient, and who assigned it, an ODS code.

    Of several, one of type `MR` comes first. National numbers, which are those of the NHS's own systems, are none.
    """
    own = [one for one in patient.identifier or [] if one.value and not str(one.system or "").startswith(_NATIONAL)]
    own.sort(key=lambda one: "MR" not in codes(one.type, IDENTIFIER_TYPES))
    if not own:
        return None, None
    return str(own[0].value), identifier(getattr(own[0].assigner, "identifier", None), ODS_ORGANISATION, ODS_SITE)


_NATIONAL: Final = ("https://fhir.nhs.uk/Id/", "https://fhir.hl7.org.uk/Id/", "https://fhir.nhs.scot/", "urn:oid:")


def identifier(one: Any, *systems: str) -> str | None:
    """The value of an Identifier of one of these systems."""
    return str(one.value) if one is not None and str(one.system or "") in systems and one.value else None


def ods_code(reference: Any, resource: Any, *systems: str) -> str | None:
    """The ODS code of what a Reference leads to: its own identifier's, else that of the *resource* it leads to."""
    said = [getattr(reference, "identifier", None), *(getattr(resource, "identifier", None) or [])]
    return next((code for one in said if (code := identifier(one, *(systems or (ODS_ORGANISATION, ODS_SITE))))), None)


def codes(concept: Any, system: str | None = None) -> list[str]:
    """The codes of a CodeableConcept, of this system where one is named."""
    found = getattr(concept, "coding", None) or []
    return [str(one.code) for one in found if one.code and system in (None, str(one.system or ""))]


def extension(resource: Any, url: str) -> Any:
    """The first extension of this URL, or None."""
    return next((one for one in getattr(resource, "extension", None) or [] if str(one.url) == url), None)


def restricted(patient: Any) -> bool | None:
    """
    Whether the record is a sensitive one (PDS: confidentiality in `meta.security`); None where nobody says.

    Whatever is not plainly unrestricted is taken for restricted.
    """
    labels = getattr(patient.meta, "security", None) or []
    said = {str(one.code or "").upper() for one in labels if str(one.system or "") == CONFIDENTIALITY}
    return not said <= _PLAIN if said else None


def sex(patient: Any) -> str | None:
    """M, F, or U for any other word; None where there is none."""
    return _SEXES.get(patient.gender, "U") if patient.gender else None


def name(patient: Any) -> tuple[str | None, str | None]:
    """Family name and first given name, of the official name where several are given."""
    names = patient.name or []
    best = next((one for one in names if one.use == "official"), names[0] if names else None)
    if best is None:
        return None, None
    return best.family, next(iter(best.given or []), None)


def postcode(patient: Any) -> str | None:
    """That of the home, of the addresses that are not old ones."""
    now = [one for one in patient.address or [] if one.use != "old" and one.postalCode]
    best = next((one for one in now if one.use == "home"), now[0] if now else None)
    return None if best is None else str(best.postalCode)


def day(value: Any, place: str) -> date | None:
    """A date to the day; raises `NotUnderstood` (fhir.imprecise) for a year or a month alone."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise NotUnderstood("fhir.imprecise", place, "write dates to the day, as YYYY-MM-DD")


def moment(value: Any, place: str) -> datetime | None:
    """An instant; raises `NotUnderstood` (fhir.imprecise) for what is a day, a month or a year."""
    if value is None or isinstance(value, datetime):
        return value
    raise NotUnderstood("fhir.imprecise", place, "write times to the second, with their offset")


def start_of_day(value: Any) -> datetime | None:
    """The first instant that a value can mean, where it is at least a day in the United Kingdom."""
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time(), LONDON) if isinstance(value, date) else None


def _verified(one: Any) -> bool | None:
    found = extension(one, NHS_NUMBER_STATUS)
    said = codes(getattr(found, "valueCodeableConcept", None))
    return "01" in said if said else None
