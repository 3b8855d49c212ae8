"""What Great Western Hospital says: an HL7 v2 ADT message becomes one attendance event for each patient it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError

from hub.errors import NotForUs, NotUnderstood
from hub.formats.hl7 import Message
from hub.formats.hl7_values import date_of, local_id, nhs_number, nhs_numbers, timestamp
from hub.inbound import Query
from hub.stream import Event
from schemas.fields import nhs_number_check_digit_holds
from schemas.hospital_attendance import AttendanceReported

# HL7 UK A.3. A34 is what senders of HL7 2.3 merge by; A40 took its place.
HAPPENED: Mapping[str, str] = {
    "A01": "admitted",
    "A03": "discharged",
    "A04": "arrived",
    "A08": "updated",
    "A11": "admission_cancelled",
    "A13": "discharge_cancelled",
    "A28": "person_added",
    "A31": "person_updated",
    "A34": "person_merged",
    "A40": "person_merged",
}

# What an event can do without, and where it comes from: where such a value is not sound the event stands without
# it, since a child's arrival must not be lost for a postcode, and a person is asked to look.
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
CODES: Mapping[str, str] = {
    "nhs_number_check_digit": "nhs-number.check-digit",
    "nhs_number_form": "nhs-number.form",
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
    yield _sound({name: value if value != "" else None for name, value in values.items()}, queries)
    yield from dict.fromkeys(queries)


def _patient(message: Message, queries: list[Query]) -> dict[str, Any]:
    number, verified = nhs_number(message)
    sound = [one for one in nhs_numbers(message) if nhs_number_check_digit_holds(one)]
    if len(sound) > 1:
        # Two children's numbers on one arrival: to pick one could tell of the wrong child
        number, verified = None, None
        queries.append(Query("nhs-number.several", "PID-3"))
    elif sound and number != sound[0]:
        number = sound[0]
        queries.append(Query("nhs-number.check-digit", "PID-3"))
    hospital_number, authority = local_id(message)
    surname, forename = _name(message)
    sex = message["PID-8"].upper()
    sensitive = message["PV1-16"].upper()
    patient = {
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
    return {name: value if value != "" else None for name, value in patient.items()}


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
    """When it happened: as occurred, else as the visit has it, else as recorded, else as sent."""
    visit = {"arrived": ("PV1-44",), "admitted": ("PV1-44",), "discharged": ("PV1-45",)}.get(happened, ())
    for place in ("EVN-6", *visit, "EVN-2", "MSH-7"):
        if (moment := _time(message, place, queries)) is not None:
            return moment
    raise NotUnderstood("time.none", "EVN-6", "say when it happened, in EVN-6 or at least in MSH-7")


def _time(message: Message, place: str, queries: list[Query]) -> datetime | None:
    try:
        return timestamp(message[place], place) if message[place] else None
    except NotUnderstood as fault:
        queries.append(Query(fault.code, place))
        return None


def _sound(values: dict[str, Any], queries: list[Query]) -> AttendanceReported:
    """The event, without those of its values that are not sound and can be spared."""
    while True:  # each turn takes at least one value away, or ends
        try:
            return AttendanceReported.model_validate(values)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False, include_context=False):
                path = ".".join(str(part) for part in fault["loc"])
                if fault["type"] == "no_identifier":
                    raise _nobody(queries) from None
                if fault["type"] == "merge_of_one":
                    raise NotUnderstood("merge.nobody-discarded", "MRG-1", "say in MRG-1 who was merged") from None
                if path not in SPARED:
                    raise
                queries.append(
                    Query(CODES.get(fault["type"], f"invalid.{fault['type'].replace('_', '-')}"), SPARED[path])
                )
                record, name = (values["patient"], path.removeprefix("patient.")) if "." in path else (values, path)
                record[name] = None
                if name == "nhs_number":
                    record["nhs_number_verified"] = None


def _nobody(queries: list[Query]) -> NotUnderstood:
    said = next((one.code for one in queries if one.code.startswith("nhs-number")), "identifiers.none")
    return NotUnderstood(said, "PID-3", "send a sound NHS number, or the hospital's own number of type MR")
