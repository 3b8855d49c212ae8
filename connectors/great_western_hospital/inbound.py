"""What Great Western Hospital says: an ADT or FHIR message becomes an attendance event for each patient it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from connectors.great_western_hospital import encounter
from connectors.great_western_hospital.attendance import HAPPENED, sound, the_number
from hub.errors import NotForUs, NotUnderstood
from hub.formats.hl7 import Message
from hub.formats.hl7_values import LONDON, date_of, local_id, nhs_number, nhs_numbers, timestamp
from hub.inbound import Query
from hub.stream import Event

if TYPE_CHECKING:  # the models of FHIR are slow to import, and HL7 v2 needs none
    from hub.formats.fhir_read import Message as FhirMessage

# What an event can do without, and where it comes from.
SPARED: Mapping[str, str] = {
    "patient.nhs_number": "PID-3",
    "patient.hospital_number": "PID-3",
    "patient.hospital_number_authority": "PID-3",
    "patient.surname": "PID-5.1",
    "patient.forename": "PID-5.2",
    "patient.born": "PID-7",
    "patient.postcode": "PID-11.5",
    "recorded_at": "EVN-2",
    "location": "PV1-3",
    "patient_class": "PV1-2",
    "visit_number": "PV1-19",
    "admission_method": "PV1-4",
    "source_of_admission": "PV1-14",
    "discharge_destination": "PV1-36",
    "discharged_at": "PV1-45",
    "former_nhs_number": "MRG-1",
    "former_hospital_number": "MRG-1",
    "former_hospital_number_authority": "MRG-1",
}


def adt(message: Message) -> Iterator[Event | Query]:
    """
    A patient's stay or record changed (HL7 v2 ADT, HL7 UK A.3); a merge of many patients gives an event for each.

    Messages of other types and events that say nothing of a stay are not for us. A patient without any sound
    identifier, a merge that does not say who was discarded, and an event without any time are not understood.
    """
    kind, trigger = message.type
    if kind != "ADT" or trigger not in HAPPENED:
        said = re.fullmatch(r"[A-Z]{3}-[A-Z][0-9]{2}", f"{kind}-{trigger}")
        raise NotForUs(f"hl7.{said[0].lower()}" if said else "hl7.other-type")
    happened = HAPPENED[trigger]
    for one in message.groups("PID") if happened == "person_merged" else [message]:
        yield from _reported(one, happened)


def encounters(message: FhirMessage) -> Iterator[Event | Query]:
    """
    A patient's stay changed (FHIR R4 message, UK Core): the same events as of `adt`, by the same codes.

    Messages of other systems of events are not for us. Refused are an event that says the opposite of the
    Encounter's status, a Patient who is not in the bundle or has no sound identifier, and what is about a person and
    not a stay (A28, A31, A34, A40): it has no Encounter, and comes by HL7 v2.
    """
    yield from encounter.reported(message)


def _reported(message: Message, happened: str) -> Iterator[Event | Query]:
    queries: list[Query] = []
    site = message["PV1-3.4"]
    organisation = message["MSH-4"]
    values: dict[str, Any] = {
        "patient": _patient(message, queries),
        "happened": happened,
        "at": _at(message, happened, queries),
        "recorded_at": _time(message, "EVN-2", queries),
        "organisation_ods": organisation if re.fullmatch(r"[A-Z0-9]{3}(?:[A-Z0-9]{2})?", organisation) else None,
        "site_ods": site if re.fullmatch(r"[A-Z0-9]{5}", site) else None,  # a site's code has five characters (ITK)
        "location": ", ".join(part for part in (message[f"PV1-3.{number}"] for number in (1, 2, 3)) if part),
        "patient_class": message["PV1-2"],
        "visit_number": message["PV1-19"],
        "admission_method": message["PV1-4"],
        "source_of_admission": message["PV1-14"],
        "discharge_destination": message["PV1-36"],
        "discharged_at": _time(message, "PV1-45", queries),
    }
    if happened == "person_merged":
        values["former_nhs_number"] = next(iter(nhs_numbers(message, "MRG-1")), None)
        former = local_id(message, "MRG-1")
        values["former_hospital_number"], values["former_hospital_number_authority"] = former
    yield from sound(values, SPARED, queries)


def _patient(message: Message, queries: list[Query]) -> dict[str, Any]:
    _, traced = nhs_number(message)
    number, verified = the_number([(one, traced) for one in nhs_numbers(message)], "PID-3", queries)
    hospital_number, authority = local_id(message)
    surname, forename = _name(message)
    sex = message["PID-8"].upper()
    sensitive = message["PV1-16"].upper()
    return {
        "nhs_number": number,
        "nhs_number_verified": verified,
        "hospital_number": hospital_number,
        "hospital_number_authority": authority,
        "surname": surname,
        "forename": forename,
        "born": _born(message, queries),
        "sex": sex if sex in ("M", "F") else "U" if sex else None,
        "postcode": message["PID-11.5"],
        # The S-flag (PDS). Whatever is not a plain no is taken for a yes, and what is not said is not known.
        "restricted": sensitive not in ("N", "0") if sensitive else None,
    }


def _name(message: Message) -> tuple[str, str]:
    """The legal or current name, where several are given."""
    names = message.repetitions("PID-5") or [[""]]
    kinds = [one[6].upper() if len(one) > 6 else "" for one in names]
    best = next((one for one, kind in zip(names, kinds, strict=True) if kind in ("L", "CURRENT")), names[0])
    return best[0], best[1] if len(best) > 1 else ""


def _born(message: Message, queries: list[Query]) -> date | None:
    try:
        return date_of(message["PID-7"], "PID-7") if message["PID-7"] else None
    except NotUnderstood as fault:
        queries.append(Query(fault.code, fault.place))
        return None


def _at(message: Message, happened: str, queries: list[Query]) -> datetime:
    """
    When it happened: as occurred, else as the visit has it, else as recorded, else as sent.

    Where the first of them knows no more than the day, it is the first of the others that knows the time on that day:
    at midnight a plan that began that morning would not have stood yet.
    """
    visit = {"arrived": ("PV1-44",), "admitted": ("PV1-44",), "discharged": ("PV1-45",)}.get(happened, ())
    first: datetime | None = None
    for place in ("EVN-6", *visit, "EVN-2", "MSH-7"):
        if (moment := _time(message, place, queries)) is None:
            continue
        exact = len(message[place].strip()) > len("YYYYMMDD")
        if exact and (first is None or _day(first) == _day(moment)):
            return moment
        first = first or moment
    if first is not None:
        return first
    raise NotUnderstood("time.none", "EVN-6", "say when it happened, in EVN-6 or at least in MSH-7")


def _day(moment: datetime) -> date:
    return moment.astimezone(LONDON).date()


def _time(message: Message, place: str, queries: list[Query]) -> datetime | None:
    try:
        return timestamp(message[place], place) if message[place] else None
    except NotUnderstood as fault:
        queries.append(Query(fault.code, place))
        return None
