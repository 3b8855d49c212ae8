"""What the Virtual School says: which child in care is on which school's roll, and when the education plan is due."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hub.errors import NotUnderstood
from hub.formats.csv import Row
from hub.inbound import Query
from hub.stream import Event
from hub.table import Table
from schemas.fields import upn_check_letter_holds
from schemas.personal_education_plan import PersonalEducationPlanReviewed
from schemas.pupil_in_care import PupilInCareChanged

SEXES: Mapping[str, str] = {"male": "M", "m": "M", "female": "F", "f": "F", "u": "U"}

UPN = re.compile(r"[A-Z][0-9]{11}[0-9A-Z]", re.ASCII | re.IGNORECASE)
"""A UPN that schools' systems take, temporary ones too; whether its check letter holds is a query."""

CODES: Mapping[str, str] = {"special_needs.provision": "SEN_PROVISION"}
"""Codes that people type in either case, by the field that they fill."""

PUPILS = Table(
    PupilInCareChanged,
    {
        "pupil.upn": "UPN",
        "pupil.uln": "ULN",
        "pupil.case_id": "CHILD_ID",
        "pupil.surname": "SURNAME",
        "pupil.forename": "FORENAME",
        "pupil.born": "DOB",
        "pupil.sex": "SEX",
        "pupil.nc_year": "NC_YEAR",
        "care.in_care": "IN_CARE",
        "care.authority": "CARE_AUTHORITY",
        "school.urn": "SCHOOL_URN",
        "school.dfe_number": "DFE_NUMBER",
        "school.name": "SCHOOL_NAME",
        "school.started": "SCHOOL_STARTED",
        "former_school.dfe_number": "FORMER_DFE_NUMBER",
        "former_school.name": "FORMER_SCHOOL_NAME",
        "former_school.started": "FORMER_STARTED",
        "former_school.left": "FORMER_LEFT",
        "special_needs.provision": "SEN_PROVISION",
        "special_needs.since": "SEN_SINCE",
        "attendance.year": "ATTENDANCE_YEAR",
        "attendance.dfe_number": "ATTENDANCE_DFE_NUMBER",
        "attendance.possible": "SESSIONS_POSSIBLE",
        "attendance.attended": "SESSIONS_ATTENDED",
        "attendance.authorised": "SESSIONS_AUTHORISED",
        "attendance.unauthorised": "SESSIONS_UNAUTHORISED",
    },
    doubtful={"pupil.uln": "uln.invalid", "pupil.nc_year": "code.unknown"},
)

EDUCATION_PLANS = Table(
    PersonalEducationPlanReviewed,
    {
        "pupil.upn": "UPN",
        "pupil.case_id": "CHILD_ID",
        "pupil.surname": "SURNAME",
        "pupil.forename": "FORENAME",
        "pupil.in_care_of": "CARE_AUTHORITY",
        "school_urn": "SCHOOL_URN",
        "reviewed": "REVIEWED",
        "next_review": "NEXT_REVIEW",
        "contact.name": "CONTACT",
        "contact.email": "CONTACT_EMAIL",
        "contact.phone": "CONTACT_PHONE",
    },
    doubtful={"contact.email": "email.form", "contact.phone": "phone.form"},
)


def pupils(row: Row) -> Iterator[Event | Query]:
    """A child in care is, or will be, on the roll of a school (the items of the Common Transfer File)."""
    if row["UPN"] and not UPN.fullmatch(row["UPN"].replace(" ", "")):
        raise NotUnderstood("upn.form", "UPN", "write a letter and twelve figures, of which the last may be a letter")
    given = {path: row[column].upper() for path, column in CODES.items() if row[column]}
    if row["SEX"].lower() in SEXES:
        given["pupil.sex"] = SEXES[row["SEX"].lower()]
    yield from PUPILS.event(row, given)
    yield from _doubtful_upn(row)


def education_plans(row: Row) -> Iterator[Event | Query]:
    """When a child's personal education plan was reviewed, when it will be, and whom to ask; not what is in it."""
    yield from EDUCATION_PLANS.event(row)
    yield from _doubtful_upn(row)


def _doubtful_upn(row: Row) -> Iterator[Query]:
    """Many real numbers fail their check letter, and the school knows its pupil by it all the same (DfE, UPN guide)."""
    if not upn_check_letter_holds(row["UPN"].replace(" ", "").upper()):
        yield Query("upn.check-letter", "UPN")
