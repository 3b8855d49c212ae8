"""What schools say: marks of the day, the census's totals of a term, and lists of the children on their rolls."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from hub.errors import NotForUs, NotUnderstood
from hub.formats.csv import Row
from hub.inbound import Query
from hub.stream import Event
from hub.table import Table
from schemas.child_demographics import DemographicsChanged
from schemas.fields import upn_check_letter_holds
from schemas.school_attendance import RETIRED_MARKS, STATISTICAL_CLASS, AttendanceRecorded
from schemas.termly_attendance import TermlySessionsCounted

AUTHORITIES: Mapping[str, str] = {"866": "swindon", "swindon borough council": "swindon"}
"""What registers write for the authority that looks after a pupil, where it is ours; others stay as written."""

NOT_TAKEN = frozenset({"", "-"})
"""What registers write before a session was marked."""

SEXES: Mapping[str, str] = {"male": "M", "m": "M", "female": "F", "f": "F"} | dict.fromkeys(
    ("not known", "not specified", "u"), "U"
)

HOME_OR_UNKNOWN = frozenset({"999999", "888888"})
"""Written for a URN: educated at home, and school not known (NHS cohort list, row of instructions)."""

ATTENDANCE = Table(
    AttendanceRecorded,
    {
        "pupil.upn": "UPN",
        "pupil.local_id": "LOCAL_ID",
        "pupil.surname": "SURNAME",
        "pupil.forename": "FORENAME",
        "pupil.born": "DOB",
        "pupil.in_care_of": "IN_CARE_OF",
        "pupil.registered_urn": "REGISTERED_URN",
        "school_urn": "SCHOOL_URN",
        "day": "DATE",
        "session": "SESSION",
        "minutes_late": "MINUTES_LATE",
        "mark": "MARK",
    },
    doubtful={"pupil.upn": "upn.form", "minutes_late": "minutes-late.form"},
)

CENSUS_SESSIONS = Table(
    TermlySessionsCounted,
    {
        "pupil.record_id": "pupilonrolltableid",
        "pupil.school": "NativeId",
        "sessions": "sessions",
        "mark": "attendancereason",
    },
)

CHILD_AND_PARENTS: Mapping[str, str | tuple[str, ...]] = {
    "child.nhs_number": "CHILD_NHS_NUMBER",
    "child.surname": "CHILD_LAST_NAME",
    "child.forename": "CHILD_FIRST_NAME",
    "child.preferred_forename": ("CHILD_PREFERRED_FIRST_NAME", "CHILD_PREFERRED_GIVEN_NAME"),
    "child.sex": "CHILD_GENDER",
    "child.born": "CHILD_DATE_OF_BIRTH",
    "child.address.line_1": "CHILD_ADDRESS_LINE_1",
    "child.address.line_2": "CHILD_ADDRESS_LINE_2",
    "child.address.town": "CHILD_TOWN",
    "child.address.postcode": "CHILD_POSTCODE",
    "school.year_group": "CHILD_YEAR_GROUP",
    "school.registration": "CHILD_REGISTRATION",
    "parents.0.name": "PARENT_1_NAME",
    "parents.0.relationship": "PARENT_1_RELATIONSHIP",
    "parents.0.email": "PARENT_1_EMAIL",
    "parents.0.phone": "PARENT_1_PHONE",
    "parents.1.name": "PARENT_2_NAME",
    "parents.1.relationship": "PARENT_2_RELATIONSHIP",
    "parents.1.email": "PARENT_2_EMAIL",
    "parents.1.phone": "PARENT_2_PHONE",
}

DOUBTFUL: Mapping[str, str] = {
    "child.nhs_number": "nhs-number.invalid",
    "child.sex": "code.unknown",
    "child.address.postcode": "postcode.form",
    "parents.0.email": "email.form",
    "parents.0.phone": "phone.form",
    "parents.1.email": "email.form",
    "parents.1.phone": "phone.form",
}

CLASS_LIST = Table(DemographicsChanged, CHILD_AND_PARENTS, doubtful=DOUBTFUL)

COHORT_LIST = Table(
    DemographicsChanged,
    {**CHILD_AND_PARENTS, "school.urn": "CHILD_SCHOOL_URN"},
    doubtful={**DOUBTFUL, "school.urn": "school-urn.form"},
)


def attendance(row: Row) -> Iterator[Event | Query]:
    """One pupil was marked in one session (SI 2024/208 regulation 10); our own layout, in README.md."""
    if row["MARK"] in NOT_TAKEN:
        raise NotForUs("register.not-taken")
    given = _mark(row, "MARK") | {"session": row["SESSION"].lower() or None}
    authority = " ".join(row["IN_CARE_OF"].lower().split())
    given["pupil.in_care_of"] = AUTHORITIES.get(authority, authority) or None
    late = given["mark"] in ("L", "U")
    if not late:
        given["minutes_late"] = None
    if not row["SESSION"]:
        raise NotUnderstood("cell.blank", "SESSION", "write AM or PM")
    yield from ATTENDANCE.event(row, given)
    if not late and row["MINUTES_LATE"] not in ("", "0", "0.0"):  # registers that fill in every cell write 0
        yield Query("minutes-late.not-late", "MINUTES_LATE")
    upn = row["UPN"].upper()
    if len(upn) == 13 and not upn_check_letter_holds(upn):
        yield Query("upn.check-letter", "UPN")


def census_sessions(row: Row) -> Iterator[Event | Query]:
    """How often a pupil was marked in one way in a term (school census, termlysessiondetails)."""
    yield from CENSUS_SESSIONS.event(row, _mark(row, "attendancereason"))


def class_lists(row: Row) -> Iterator[Event | Query]:
    """A child of a class list (NHS layout); which school it is of, the file does not say."""
    _not_instructions(row)
    yield from CLASS_LIST.event(row, _sex(row))
    yield from _names_with_signs(row)


def cohort_lists(row: Row) -> Iterator[Event | Query]:
    """A child of a cohort list (NHS layout), where postcode and school may not be blank."""
    _not_instructions(row)
    for column in ("CHILD_POSTCODE", "CHILD_SCHOOL_URN"):
        if not row[column]:
            raise NotUnderstood("cell.blank", column, "fill it in")
    given = _sex(row)
    if row["CHILD_SCHOOL_URN"] in HOME_OR_UNKNOWN:
        given["school.urn"] = None
    yield from COHORT_LIST.event(row, given)
    yield from _names_with_signs(row)


def _mark(row: Row, column: str) -> dict[str, Any]:
    """A mark and how it is counted; the marks that August 2024 retired are for the school to replace."""
    mark = row[column].upper()
    if mark in RETIRED_MARKS:
        raise NotUnderstood("attendance-code.retired", column, "use the codes in force since 19 August 2024")
    counted = next((name for one, name in STATISTICAL_CLASS.items() if one == mark), None)
    if counted is None:
        raise NotUnderstood("attendance-code.unknown", column, "use a code of SI 2024/208")
    return {"mark": mark, "statistical_class": counted}


def _sex(row: Row) -> dict[str, Any]:
    known = SEXES.get(row["CHILD_GENDER"].lower())
    return {"child.sex": known} if known else {}


def _not_instructions(row: Row) -> None:
    """The NHS layout offers a row below the heading that says what to fill in; people leave it there."""
    if all(cell.lower().startswith(("required", "optional")) for cell in row.values() if cell):
        raise NotForUs("csv.instruction-row")


def _names_with_signs(row: Row) -> Iterator[Query]:
    """A sign within a name is a slip of a key, or what a wrong character set makes of an accent."""
    for column in ("CHILD_FIRST_NAME", "CHILD_LAST_NAME"):
        if any(unicodedata.category(one)[0] not in "LM" and one not in " -'`.\u2019" for one in row[column]):
            yield Query("name.sign", column)
