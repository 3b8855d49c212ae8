"""The Patient Flag shape (NHS England, Patient Flag guide): one resource each from granted values; no message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fhir.resources.R4B.careplan import CarePlan
from fhir.resources.R4B.careteam import CareTeam
from fhir.resources.R4B.coding import Coding
from fhir.resources.R4B.contactpoint import ContactPoint
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.extension import Extension
from fhir.resources.R4B.flag import Flag
from fhir.resources.R4B.humanname import HumanName
from fhir.resources.R4B.identifier import Identifier
from fhir.resources.R4B.meta import Meta
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.period import Period
from fhir.resources.R4B.provenance import Provenance, ProvenanceAgent
from fhir.resources.R4B.reference import Reference

from hub.formats import fhir

PLANS: Final[Mapping[str, tuple[str, str]]] = {
    "child_protection": ("342191000000101", "Subject to child protection plan"),
    "looked_after": ("764841000000100", "Looked after child"),
    "unborn_child_protection": ("818901000000100", "Unborn child subject to child protection plan"),
}
"""SNOMED CT, value set https://fhir.nhs.uk/England/ValueSet/England-ChildProtectionPlan 1.0.0."""

CPIS_FLAG: Final = (
    "https://fhir.nhs.uk/England/CodeSystem/England-FlagCategoryPatient",
    "child-protection-information-system-flag",
    "Child Protection Information System Flag",
)
POINTER: Final = "A person known to children's services may be with you; make sure who it is"
"""What is said in place of any plan where it is not certain that whoever came is the one who was flagged."""

_PROFILE: Final = "https://fhir.nhs.uk/England/StructureDefinition/England-"
UK_CORE: Final = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-"
NOT_SAID_WHOSE: Final = "Children's services"  # in a pointer, which does not say which authority's
_ENCOUNTER_STATUS: Final = {"arrived": "arrived", "admitted": "in-progress"}


def _over(plan: Mapping[str, Any], as_of: datetime) -> bool:
    ended = plan.get("ended")
    return ended is not None and ended <= as_of


def _period(plan: Mapping[str, Any]) -> Period:
    return Period(start=plan["started"], end=plan.get("ended"))


def patient_resource(url: str, person: Mapping[str, Any]) -> Patient:
    """Who came, as far as it is granted."""
    surname, forename = person.get("surname"), person.get("forename")
    name = HumanName(use="official", family=surname, given=[forename] if forename else None)
    return Patient(
        id=fhir.own_id(url),
        meta=Meta(profile=[f"{UK_CORE}Patient"]),
        identifier=[fhir.nhs_number(person["nhs_number"])],  # whether it was traced is the hospital's to say
        name=[name] if surname or forename else None,
        birthDate=person.get("born"),
    )


def encounter_resource(url: str, patient: str, values: Mapping[str, Any]) -> Encounter | None:
    """The hospital's own attendance, by its own number; None where nothing about it is told."""
    visit, at, happened = (values.get(name) for name in ("visit_number", "at", "happened"))
    if visit is None and at is None:
        return None
    trust = values.get("organisation_ods")
    owner = fhir.organisation(trust) if trust else None
    number = Identifier(
        type=fhir.concept("http://terminology.hl7.org/CodeSystem/v2-0203", "VN", "Visit number"),
        value=visit,
        assigner=owner,
    )
    return Encounter(
        id=fhir.own_id(url),
        meta=Meta(profile=[f"{UK_CORE}Encounter"]),
        identifier=[number] if visit is not None else None,
        status=_ENCOUNTER_STATUS.get(happened or "", "unknown"),
        # The element is mandatory, and the alert is not told the class: an arrival may be to any clinic.
        class_fhir=Coding(system="http://terminology.hl7.org/CodeSystem/v3-NullFlavor", code="UNK"),
        subject=fhir.to(patient, "Patient"),
        period=Period(start=at) if at is not None else None,
        serviceProvider=owner,
    )


def care_team_resource(url: str, patient: str, authority: Mapping[str, Any]) -> CareTeam:
    """The authority and its two telephones: `work` in office hours, `mobile` for the emergency duty team."""
    name, phones = authority.get("name"), (("office_phone", "work"), ("emergency_phone", "mobile"))
    telecom = [
        ContactPoint(system="phone", value=authority[field], use=use) for field, use in phones if authority.get(field)
    ]
    ods_code = authority.get("ods_code")
    return CareTeam(
        id=fhir.own_id(url),
        meta=Meta(profile=[f"{_PROFILE}CareTeam-Flag"]),
        status="active",
        name=name,
        subject=fhir.to(patient, "Patient"),
        telecom=telecom or None,
        managingOrganization=[fhir.organisation(ods_code, name)] if ods_code or name else None,
    )


def care_plan_resource(url: str, patient: str, team: str, plan: Mapping[str, Any], as_of: datetime) -> CarePlan:
    """One plan or care status; completed where it was over at *as_of*."""
    code, display = PLANS[plan["plan"]]
    return CarePlan(
        id=fhir.own_id(url),
        meta=Meta(profile=[f"{_PROFILE}CarePlan-Flag"]),
        status="completed" if _over(plan, as_of) else "active",
        intent="plan",
        category=[fhir.concept(fhir.SNOMED, code, display)],
        subject=fhir.to(patient, "Patient"),
        period=_period(plan),
        careTeam=[fhir.to(team, "CareTeam")],
    )


def flag_resource(
    url: str, patient: str, visit: str | None, care: str, plan: Mapping[str, Any], as_of: datetime
) -> Flag:
    """The flag of one plan, with its Provenance: whose record it is, and that it was so at *as_of*."""
    authority = plan.get("authority") or {}
    return Flag(
        id=fhir.own_id(url),
        meta=Meta(profile=[f"{_PROFILE}Flag-PatientFlag"]),
        contained=[_provenance(fhir.organisation(authority.get("ods_code"), authority.get("name")), as_of)],
        extension=[Extension(url=fhir.FLAG_DETAIL, valueReference=fhir.to(care, "CarePlan"))],
        status="inactive" if _over(plan, as_of) else "active",
        code=fhir.concept(*CPIS_FLAG),
        subject=fhir.to(patient, "Patient"),
        period=_period(plan),
        encounter=fhir.to(visit, "Encounter") if visit is not None else None,
    )


def pointer_resource(url: str, patient: str, visit: str | None, team: str | None, as_of: datetime) -> Flag:
    """
    The flag of somebody who may be with the hospital: no plan and no period, only what it means and whom to call.

    It claims no profile: that of a patient flag leads to a CarePlan, and this one must not say that there is any.
    """
    detail = [Extension(url=fhir.FLAG_DETAIL, valueReference=fhir.to(team, "CareTeam"))] if team is not None else None
    code = fhir.concept(*CPIS_FLAG)
    code.text = POINTER
    return Flag(
        id=fhir.own_id(url),
        contained=[_provenance(fhir.organisation(None, NOT_SAID_WHOSE), as_of)],
        extension=detail,
        status="active",
        code=code,
        subject=fhir.to(patient, "Patient"),
        encounter=fhir.to(visit, "Encounter") if visit is not None else None,
    )


def _provenance(who: Reference, as_of: datetime) -> Provenance:
    return Provenance(
        id="provenance",
        meta=Meta(profile=[f"{_PROFILE}Provenance-Flag"]),
        target=[fhir.to("#")],
        recorded=as_of,
        activity=fhir.concept("http://terminology.hl7.org/CodeSystem/v3-DataOperation", "CREATE", "create"),
        agent=[ProvenanceAgent(who=who, onBehalfOf=who)],
    )
