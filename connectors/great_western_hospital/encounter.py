"""An Encounter that a FHIR message tells of becomes an attendance event, as an ADT message would; no other message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from connectors.great_western_hospital.attendance import HAPPENED, sound, the_number
from hub.errors import NotForUs, NotUnderstood
from hub.formats import fhir_values as fhir
from hub.inbound import Query
from hub.stream import Event

if TYPE_CHECKING:
    from hub.formats.fhir_read import Message

EVENTS: Final = "http://terminology.hl7.org/CodeSystem/v2-0003"
"""HL7's own table of trigger events: no national list of FHIR message events has one for an attendance."""

PERSONS: Final = frozenset({"A28", "A31", "A34", "A40"})
"""Of a person and not of a stay: they come by HL7 v2, where their structures are."""

ADMISSION_METHOD: Final = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AdmissionMethod"

_NEVER_WAS: Final = frozenset({"cancelled", "entered-in-error"})
_AGAINST: Final[Mapping[str, frozenset[str]]] = {
    "arrived": _NEVER_WAS | {"planned"},
    "admitted": _NEVER_WAS | {"planned"},
    "discharged": _NEVER_WAS | {"planned", "arrived"},
    "discharge_cancelled": _NEVER_WAS | {"finished"},
}
"""What an Encounter's status cannot be where this happened: nobody could say which of the two is meant."""

_CLASSES: Final = {
    "EMER": "E",
    "IMP": "I",
    "ACUTE": "I",
    "NONAC": "I",
    "SS": "I",
    "OBSENC": "I",
    "AMB": "O",
    "PRENC": "P",
}
"""FHIR R4's v3-ActCode as HL7 table 0004, in which the event is."""

_BORN, _TIME, _ENCOUNTER = "Patient.birthDate", "Encounter.period", "Encounter"
PLACES: Final[Mapping[str, str]] = {
    "patient.nhs_number": "Patient.identifier",
    "patient.hospital_number": "Patient.identifier",
    "patient.hospital_number_authority": "Patient.identifier",
    "patient.surname": "Patient.name",
    "patient.forename": "Patient.name",
    "patient.born": _BORN,
    "patient.postcode": "Patient.address",
    "recorded_at": "MessageHeader.meta",
    "organisation_ods": "Encounter.serviceProvider",
    "site_ods": "Encounter.location",
    "location": "Encounter.location",
    "patient_class": "Encounter.class",
    "visit_number": "Encounter.identifier",
    "admission_method": "Encounter.extension",
    "source_of_admission": "Encounter.hospitalization.admitSource",
    "discharge_destination": "Encounter.hospitalization.dischargeDisposition",
    "discharged_at": _TIME,
}
"""What an event can do without, and where it comes from."""


def reported(message: Message) -> Iterator[Event | Query]:
    """The event of each Encounter that the message is about, with queries; raises as `inbound.encounters` says."""
    system, trigger = message.event
    if system != EVENTS or trigger not in HAPPENED:
        raise NotForUs("fhir.other-event")
    if trigger in PERSONS:
        raise NotUnderstood("event.not-by-fhir", "MessageHeader.event", "send what is about a person by HL7 v2")
    focus, others = message.focus("Encounter"), message.all("Encounter")
    if not others:
        raise NotUnderstood("encounter.none", "MessageHeader.focus", "send the Encounter that this happened in")
    if not focus and len(others) > 1:
        raise NotUnderstood("encounter.several", "MessageHeader.focus", "let it lead to the one that this happened in")
    for visit in focus or others:
        yield from _visit(message, visit, HAPPENED[trigger])


def _visit(message: Message, visit: Any, happened: str) -> Iterator[Event | Query]:
    patient = message.at(visit.subject, "Patient")
    if patient is None:
        raise NotUnderstood("patient.none", "Encounter.subject", "let it lead to a Patient of the same bundle")
    stands = visit.status not in _NEVER_WAS
    if visit.status in _AGAINST.get(happened, ()) or (happened == "admission_cancelled" and stands):
        raise NotUnderstood("status.against-event", "Encounter.status", "let event and status say the same")
    queries: list[Query] = []
    yield from sound(_values(message, visit, patient, happened, queries), PLACES, queries)


def _values(message: Message, visit: Any, patient: Any, happened: str, queries: list[Query]) -> dict[str, Any]:
    stay, where = visit.hospitalization, _where(message, visit)
    provider = visit.serviceProvider or message.header.sender
    return {
        "patient": _patient(patient, queries),
        "happened": happened,
        "at": _at(message, visit, happened, queries),
        "recorded_at": _recorded(message),
        "organisation_ods": fhir.ods_code(provider, message.at(provider), fhir.ODS_ORGANISATION),
        "site_ods": next((code for one in where if (code := fhir.ods_code(*one, fhir.ODS_SITE))), None),
        "location": next((name for one in where if (name := _called(*one))), None),
        "patient_class": _class(visit, queries),
        "visit_number": next((str(one.value) for one in visit.identifier or [] if one.value), None),
        "admission_method": _code(getattr(fhir.extension(visit, ADMISSION_METHOD), "valueCodeableConcept", None)),
        "source_of_admission": _code(getattr(stay, "admitSource", None)),
        "discharge_destination": _code(getattr(stay, "dischargeDisposition", None)),
        "discharged_at": fhir.start_of_day(getattr(visit.period, "end", None)),
    }


def _patient(patient: Any, queries: list[Query]) -> dict[str, Any]:
    number, verified = the_number(fhir.nhs_numbers(patient), "Patient.identifier", queries)
    hospital_number, authority = fhir.local_id(patient)
    surname, forename = fhir.name(patient)
    try:
        born = fhir.day(patient.birthDate, _BORN)
    except NotUnderstood as fault:
        born = None
        queries.append(Query(fault.code, fault.place))
    return {
        "nhs_number": number,
        "nhs_number_verified": verified,
        "hospital_number": hospital_number,
        "hospital_number_authority": authority,
        "surname": surname,
        "forename": forename,
        "born": born,
        "sex": fhir.sex(patient),
        "postcode": fhir.postcode(patient),
        "restricted": fhir.restricted(patient),
    }


def _at(message: Message, visit: Any, happened: str, queries: list[Query]) -> datetime:
    """When it happened: as the stay's period has it, else when it was recorded, else when it was sent."""
    end = "end" if happened == "discharged" else "start"
    if happened in ("arrived", "admitted", "discharged"):
        said, place = getattr(visit.period, end, None), f"{_TIME}.{end}"
        try:
            if (moment := fhir.moment(said, place)) is not None:
                return moment
        except NotUnderstood as fault:
            queries.append(Query(fault.code, fault.place))
            if (moment := fhir.start_of_day(said)) is not None:
                return moment
    return _recorded(message)


def _recorded(message: Message) -> datetime:
    found: datetime = getattr(message.header.meta, "lastUpdated", None) or message.bundle.timestamp
    return found


def _where(message: Message, visit: Any) -> list[tuple[Any, Any]]:
    """Where the patient is, each Reference with the resource that it leads to; what is over comes last."""
    places = sorted(visit.location or [], key=lambda one: one.status == "completed")
    return [(one.location, message.at(one.location, "Location")) for one in places]


def _called(reference: Any, resource: Any) -> str | None:
    found: str | None = getattr(resource, "name", None) or reference.display
    return found


def _class(visit: Any, queries: list[Query]) -> str | None:
    said = str(visit.class_fhir.code or "")
    if said and said not in _CLASSES:
        queries.append(Query("class.unknown", PLACES["patient_class"]))
    return _CLASSES.get(said)


def _code(concept: Any) -> str | None:
    return next(iter(fhir.codes(concept)), None)
