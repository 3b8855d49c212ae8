"""What Great Western Hospital hears: the CP-IS alert on a patient who came, as FHIR or HL7 v2; it decides nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.fhirresourcemodel import FHIRResourceModel
from fhir.resources.R4B.messageheader import MessageHeader, MessageHeaderSource
from fhir.resources.R4B.meta import Meta
from fhir.resources.R4B.reference import Reference

from connectors.great_western_hospital import patient_flag
from hub.errors import NotUnderstood
from hub.formats import fhir, hl7_write
from hub.formats.hl7_values import time_text
from hub.outbound import Letter

_SERVICE: Final = ("CPIS", "Child Protection - Information Sharing", "99CPIS")


def hospital_alert_as_fhir(letter: Letter) -> Bundle:
    """
    The alert as an R4 message in the shape of the Patient Flag API (NHS England, Patient Flag guide).

    MessageHeader, Patient, Encounter, and for each plan a Flag whose flag-detail leads to its CarePlan and from
    there to the authority's CareTeam: office telephone use `work`, emergency duty team use `mobile`. Each Flag
    contains its Provenance, which says whose record it is and how recent (`as_of`). A plan that is over is an
    inactive Flag and a completed CarePlan; it stays visible for twelve months (DCB1609).

    Where no plan is told, because it is not certain who came, one Flag without a period says in its text what that
    means, and its flag-detail leads straight to a CareTeam with the number to call.

    Raises `NotUnderstood` where the patient could not be recognised, a plan is told only in part, or nothing says how
    recent the flags are: a flag of unknown age must not be shown as if it were today's.
    """
    alert = _Alert.of(letter)
    message_id = letter.envelope.id
    header, patient, visit = (fhir.urn(message_id, part) for part in ("MessageHeader", "Patient", "Encounter"))
    encounter = patient_flag.encounter_resource(visit, patient, letter.values)
    teams: dict[str, FHIRResourceModel] = {}
    plans: dict[str, FHIRResourceModel] = {}
    flags: dict[str, FHIRResourceModel] = {}
    for number, plan in enumerate(alert.plans, start=1):
        authority = plan.get("authority") or {}
        team = fhir.urn(message_id, f"CareTeam {sorted(authority.items())}")  # one team for an authority's plans
        care, flag = fhir.urn(message_id, f"CarePlan {number}"), fhir.urn(message_id, f"Flag {number}")
        teams.setdefault(team, patient_flag.care_team_resource(team, patient, authority))
        plans[care] = patient_flag.care_plan_resource(care, patient, team, plan, alert.as_of)
        flags[flag] = patient_flag.flag_resource(flag, patient, visit if encounter else None, care, plan, alert.as_of)
    if not alert.plans:
        team, flag = fhir.urn(message_id, "CareTeam"), fhir.urn(message_id, "Flag")
        if alert.call is not None:
            teams[team] = patient_flag.care_team_resource(
                team, patient, {"name": patient_flag.NOT_SAID_WHOSE, "emergency_phone": alert.call}
            )
        met_at, whom = visit if encounter else None, team if teams else None
        flags[flag] = patient_flag.pointer_resource(flag, patient, met_at, whom, alert.as_of)
    head = MessageHeader(
        id=fhir.own_id(header),
        meta=Meta(profile=[f"{patient_flag.UK_CORE}MessageHeader"]),
        eventCoding=fhir.coding(*patient_flag.CPIS_FLAG),
        sender=alert.sender,
        source=MessageHeaderSource(
            name="Children's services sharing hub", endpoint=fhir.urn(letter.envelope.source, "endpoint")
        ),
        focus=[fhir.to(flag, "Flag") for flag in flags],
    )
    met = {visit: encounter} if encounter is not None else {}
    entries = {
        header: head,
        patient: patient_flag.patient_resource(patient, alert.patient),
        **met,
        **flags,
        **plans,
        **teams,
    }
    return fhir.message(message_id, letter.envelope.time, entries)


def hospital_alert_as_hl7(letter: Letter) -> bytes:
    """
    The alert as an unsolicited observation, ORU^R01 of HL7 v2.4: one OBR for each plan, one OBX for each fact of it.

    Why ORU^R01. An ADT^A08 or A31 is an order to update the patient: a system may write our partial PID over its
    demographics, and HL7 UK A.3 has no alert segment in either. BAR is about accounts. MDM^T02 needs a document
    store and brings text that no rule can act on. An ORU adds observations to a patient found by PID-3, changes
    nothing that is there, and every trust's integration engine takes it; the engine maps the SNOMED CT code in
    OBX-5 to its own alert.

    Header as NHS ITK has it (MSH-17 GBR, MSH-18 UNICODE, MSH-19 EN; UTF-8), original acknowledgement mode. PID-3
    as HL7 UK A.3: `number^^^NHS^NH`. MSH-10 is the first 20 characters (the longest that 2.4 allows) of the
    message id in base32, so that every attempt has the same. Times are London's with their offset: right for who
    reads it, and for who does not. OBX-14 says how recent the flag is.

    Where no plan is told, because it is not certain who came, one OBR says so and whom to call, and all of it is
    preliminary (OBR-25 and OBX-11 `P`), so that no engine files it as a fact. Raises as `hospital_alert_as_fhir`.
    """
    alert = _Alert.of(letter)
    as_of = time_text(alert.as_of)
    control_id = base64.b32encode(bytes.fromhex(letter.envelope.id))[:20].decode()
    authorities = {(plan.get("authority") or {}).get("ods_code") for plan in alert.plans}
    speaker = authorities.pop() if len(authorities) == 1 else None
    trust = alert.values.get("organisation_ods")
    person = alert.patient
    born = person.get("born")
    # PID-5 is required; a name type of U says that there is none to tell (HL7 table 0200).
    nameless = not (person.get("surname") or person.get("forename"))
    called = (person.get("surname"), person.get("forename"), *[None] * 4, "U" if nameless else None)
    segments: list[tuple[str, hl7_write.Fields]] = [
        (
            "MSH",
            {
                3: "SHARINGHUB", 4: speaker, 6: trust, 7: time_text(letter.envelope.time),
                9: ("ORU", "R01", "ORU_R01"), 10: control_id, 11: "P", 12: "2.4", 17: "GBR", 18: "UNICODE",
                19: "EN",
            },
        ),
        (
            "PID",
            {
                1: 1, 3: (person.get("nhs_number"), None, None, "NHS", "NH"),
                5: called, 7: born.strftime("%Y%m%d") if born else None,
            },
        ),
    ]  # fmt: skip
    visit, at = alert.values.get("visit_number"), alert.values.get("at")
    if visit or at:
        segments.append(("PV1", {1: 1, 2: "U", 19: visit, 44: time_text(at) if at else None}))
    groups = [("F", list(_observations(plan))) for plan in alert.plans] or [("P", list(_pointer(alert.call)))]
    for number, (status, observations) in enumerate(groups, start=1):
        segments.append(("OBR", {1: number, 3: f"{control_id}-{number}", 4: _SERVICE, 7: as_of, 25: status}))
        for line, (kind, name, meaning, value) in enumerate(observations, start=1):
            observation = (name, meaning, "99CPIS")
            segments.append(("OBX", {1: line, 2: kind, 3: observation, 4: number, 5: value, 11: status, 14: as_of}))
    return hl7_write.render(segments)


class _Alert(NamedTuple):
    """What both forms need, looked at once."""

    values: Mapping[str, Any]
    patient: Mapping[str, Any]
    plans: list[Mapping[str, Any]]
    call: str | None
    as_of: datetime

    @property
    def sender(self) -> Reference | None:
        """The authority whose record it is, where all plans are of one."""
        said = {(one.get("ods_code"), one.get("name")) for plan in self.plans if (one := plan.get("authority"))}
        return fhir.organisation(*said.pop()) if len(said) == 1 and (None, None) not in said else None

    @classmethod
    def of(cls, letter: Letter) -> _Alert:
        values = letter.values
        patient, plans, as_of = values.get("patient") or {}, values.get("plans") or [], values.get("as_of")
        if not patient.get("nhs_number"):
            raise NotUnderstood("unrecognisable", "patient.nhs_number", "nobody could tell whose flag it is")
        if any(plan.get("plan") not in patient_flag.PLANS for plan in plans):
            raise NotUnderstood("no-plan", "plans.plan", "a plan that is told of says which it is")
        if any(not plan.get("started") for plan in plans):
            raise NotUnderstood("no-start", "plans.started", "a plan needs its start")
        if as_of is None:
            raise NotUnderstood("no-age", "as_of", "a flag must say how recent it is")
        return cls(values, patient, list(plans), values.get("call"), as_of)


_Line = tuple[str, str, str, hl7_write.Repetition]


def _pointer(call: str | None) -> Iterator[_Line]:
    """What is said in place of any plan where it is not certain who came."""
    yield "ST", "POINTER", "Not certain who came", patient_flag.POINTER
    if call is not None:
        yield "ST", "EMERGENCY_PHONE", "Telephone of the emergency duty team", call


def _observations(plan: Mapping[str, Any]) -> Iterator[_Line]:
    """The facts of one plan: OBX-2, the local code and its meaning, OBX-5; what is not told has no line."""
    authority = plan.get("authority") or {}
    ended = plan.get("ended")
    lines: tuple[_Line, ...] = (
        ("CE", "PLAN", "Plan or care status", (*patient_flag.PLANS[plan["plan"]], "SCT")),
        ("TS", "STARTED", "Started", time_text(plan["started"])),
        ("TS", "ENDED", "Ended, or will end", time_text(ended) if ended else None),
        ("ST", "AUTHORITY", "Responsible authority", authority.get("name")),
        ("ST", "AUTHORITY_ODS", "Responsible authority, ODS code", authority.get("ods_code")),
        ("ST", "OFFICE_PHONE", "Telephone in office hours", authority.get("office_phone")),
        ("ST", "EMERGENCY_PHONE", "Telephone of the emergency duty team", authority.get("emergency_phone")),
    )
    return (line for line in lines if line[3])
