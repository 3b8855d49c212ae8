"""
The Common Transfer File, version 25: its elements in their order, its file's name; whose pupil it is, others decide.

The header and the order of its elements are those of the writer in the Department for Education's own Get Information
About Pupils; the parts of a pupil stand in the order of the specification's published versions (CTF 15 to 21) and of
management information systems that read it. No schema of it is public, so `faults` holds what leaves against the same
rules, and against the code lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

from lxml import etree

from hub.formats.cells import LONDON
from hub.formats.xml import Element
from hub.stream import pick

VERSION: Final = "25.0"
AUTHORITY: Final = "866"
"""Swindon, as source of the file; an authority's own number among establishments is LLLL."""
SENDER: Final = "LLLL"
SENDER_NAME: Final = "Virtual School for Children in Care"
LAST_SERIAL: Final = 999

HEADER: Final = (
    "DocumentName", "CTFversion", "DateTime", "DocumentQualifier", "DataDescriptor", "SupplierID", "SourceSchool",
    "DestSchool",
)  # fmt: skip
PUPIL: Final = (
    "UPN", "UniqueLearnerNumber", "UCI", "Surname", "Forename", "DOB", "Sex", "BasicDetails", "FSMhistory",
    "LookedAfter", "SENhistory", "Address", "Phones", "Email", "Contacts", "Attendance", "StageAssessments",
    "SchoolHistory",
)  # fmt: skip
NEEDED: Final = ("UPN", "Surname", "Forename", "DOB", "Sex", "LookedAfter")
"""What no pupil of ours goes without."""

_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "CTfile": ("Header", "CTFpupilData"),
    "Header": HEADER,
    "SourceSchool": ("LEA", "Estab", "SchoolName", "AcademicYear"),
    "DestSchool": ("LEA", "Estab"),
    "Pupil": PUPIL,
    "BasicDetails": ("NCyearActual",),
    "LookedAfter": ("InCare", "CareAuthority"),
    "SEN": ("StartDate", "SENprovision"),
    "YearData": (
        "Year", "LEA", "Estab", "SchoolName", "SessionsPossible", "SessionsAuthorised", "SessionsAttended",
        "SessionsUnauthorised",
    ),
    "School": ("LEA", "Estab", "SchoolName", "EntryDate", "LeavingDate"),
}  # fmt: skip
_FORMS: Final[Mapping[str, str]] = {
    "UPN": r"[A-Z]\d{11}[0-9A-Z]",
    "UniqueLearnerNumber": r"\d{10}",
    "DOB": r"\d{4}-\d\d-\d\d",
    "StartDate": r"\d{4}-\d\d-\d\d",
    "EntryDate": r"\d{4}-\d\d-\d\d",
    "LeavingDate": r"\d{4}-\d\d-\d\d",
    "DateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
    "Sex": r"[MFU]",
    "InCare": r"true|false",
    "CareAuthority": r"\d{3}",
    "LEA": r"\d{3}",
    "Estab": r"\d{4}|LLLL",
    "SENprovision": r"[NKE]",
    "NCyearActual": r"N[12]|R|[1-9]|1[0-4]|M|X",
    "AcademicYear": r"\d{4}",
    "Year": r"\d{4}",
}


def document(pupils: Sequence[Mapping[str, Any]], dfe_number: str, at: datetime) -> Element:
    """*pupils*, as `pupil_in_care` says them, for the school of *dfe_number*, put together *at* an instant."""
    local = at.astimezone(LONDON)
    root = etree.Element("CTfile")
    header = _under(root, "Header")
    _under(header, "DocumentName", "Common Transfer File")
    _under(header, "CTFversion", VERSION)
    _under(header, "DateTime", local.strftime("%Y-%m-%dT%H:%M:%S"))
    _under(header, "DocumentQualifier", "partial")
    _under(header, "SupplierID", "Sharing hub")
    source = _under(header, "SourceSchool")
    _under(source, "LEA", AUTHORITY)
    _under(source, "Estab", SENDER)
    _under(source, "SchoolName", SENDER_NAME)
    _under(source, "AcademicYear", str(academic_year(local.date())))
    _establishment(_under(header, "DestSchool"), dfe_number)
    data = _under(root, "CTFpupilData")
    for one in pupils:
        _pupil(_under(data, "Pupil"), one)
    return root


def file_name(dfe_number: str, number: int) -> str:
    """
    `866LLLL_CTF_LLLEEEE_NNN.xml`: from the authority, to the school, and the *number* of the file on that way, from 1.

    The serial has three digits: after 999 comes 001 again. A file of that name still lies there only where the school
    took none of the 998 in between, and is then not overwritten: the road refuses it, and a person looks.
    """
    return f"{AUTHORITY}{SENDER}_CTF_{dfe_number}_{(number - 1) % LAST_SERIAL + 1:03d}.xml"


def academic_year(day: date) -> int:
    """The year in which the academic year of *day* began: it begins with September."""
    return day.year if day.month >= 9 else day.year - 1


def faults(root: Element) -> Iterator[str]:
    """The paths of elements that are missing, where they may not stand, or not of their form; never what they hold."""
    if root.tag != "CTfile":
        yield "CTfile"
        return
    for part in ("Header", "CTFpupilData"):
        if root.find(part) is None:
            yield f"CTfile/{part}"
    if not root.findall("CTFpupilData/Pupil"):
        yield "CTfile/CTFpupilData/Pupil"
    for pupil in root.iterfind("CTFpupilData/Pupil"):
        yield from (f"Pupil/{name}" for name in NEEDED if pupil.find(name) is None)
    for element in root.iter():
        order = _ORDER.get(element.tag)
        names = [child.tag for child in element]
        if order is not None:
            yield from (f"{element.tag}/{name}" for name in names if name not in order)
            places = [order.index(name) for name in names if name in order]
            if any(later <= earlier for earlier, later in pairwise(places)):
                yield element.tag
        elif element.tag == "CTFpupilData":
            yield from (f"CTFpupilData/{name}" for name in names if name != "Pupil")
        form = _FORMS.get(element.tag)
        if form is not None and not re.fullmatch(form, element.text or "", re.ASCII):
            yield element.tag


def _pupil(pupil: Element, said: Mapping[str, Any]) -> None:
    _fill(pupil, said["pupil"], {"UPN": "upn", "UniqueLearnerNumber": "uln", "Surname": "surname"})
    _fill(pupil, said["pupil"], {"Forename": "forename", "DOB": "born", "Sex": "sex"})
    if pick(said, "pupil.nc_year") is not None:
        _under(_under(pupil, "BasicDetails"), "NCyearActual", said["pupil"]["nc_year"])
    _fill(_under(pupil, "LookedAfter"), said["care"], {"InCare": "in_care", "CareAuthority": "authority"})
    if needs := said.get("special_needs"):
        sen = _under(_under(pupil, "SENhistory"), "SEN")
        _fill(sen, needs, {"StartDate": "since", "SENprovision": "provision"})
    if attendance := said.get("attendance"):
        year = _under(_under(pupil, "Attendance"), "YearData")
        _fill(year, attendance, {"Year": "year"})
        _establishment(year, attendance["dfe_number"])
        _fill(year, attendance, {"SessionsPossible": "possible", "SessionsAuthorised": "authorised"})
        _fill(year, attendance, {"SessionsAttended": "attended", "SessionsUnauthorised": "unauthorised"})
    history = [one for one in (said.get("former_school"), said["school"]) if one]
    schools = _under(pupil, "SchoolHistory")
    for one in history:
        school = _under(schools, "School")
        _establishment(school, one["dfe_number"])
        _fill(school, one, {"SchoolName": "name", "EntryDate": "started", "LeavingDate": "left"})


def _establishment(above: Element, dfe_number: str) -> None:
    _under(above, "LEA", dfe_number[:3])
    _under(above, "Estab", dfe_number[3:])


def _fill(above: Element, values: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """An element for each value that is there; an empty one would say that it is known to be none."""
    for name, field in names.items():
        value = values.get(field)
        if value is not None:
            _under(above, name, _text(value))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _under(above: Element, name: str, text: str | None = None) -> Element:
    element = etree.SubElement(above, name)
    element.text = text
    return element
