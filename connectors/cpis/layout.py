"""
The layout of a CP-IS upload: every element and attribute of a `File` that may stand there; no rule across elements.

REPC_MT000002GB01 with COCT_TP145100GB01, TP145101GB01, TP146100GB01, TP146101GB01 and TP146102GB01 of the CP-IS message
schemas. What HL7 fixes (classes, moods, codes, template ids) is prohibited on the wire and so stands nowhere here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from hub.formats.xml import HL7V3

LOCALISATION: Final = "NPFIT:HL7:Localisation"
NHS_NUMBER: Final = "2.16.840.1.113883.2.1.4.1"
LOCAL_ID: Final = "2.16.840.1.113883.2.1.3.2.4.18.24"
ODS_ORGANISATION: Final = "2.16.840.1.113883.2.1.3.2.4.19.1"
ODS_SITE: Final = "2.16.840.1.113883.2.1.3.2.4.19.2"
CONTENT: Final = "2.16.840.1.113883.2.1.3.2.4.18.16"


class PlanTemplate(NamedTuple):
    """How one of the three cohorts is written: the template of its act, and what its elements begin with."""

    act: str
    prefix: str
    end_needed: bool


PLANS: Final[Mapping[str, PlanTemplate]] = {
    "child_protection": PlanTemplate("COCT_TP146101GB01.CPPInformation", "cPP", end_needed=False),
    "looked_after": PlanTemplate("COCT_TP146100GB01.LACInformation", "lAC", end_needed=False),
    "unborn_child_protection": PlanTemplate("COCT_TP146102GB01.UCPInformation", "uCP", end_needed=True),
}
"""The plans, in the order in which a record has them."""

CHILD: Final = "COCT_TP145101GB01.Child"
UNBORN: Final = "COCT_TP145100GB01.UnbornChild"


class Figure(NamedTuple):
    """What a value must look like, the code of one that does not, and how to mend it."""

    code: str
    form: re.Pattern[str]
    mend: str


def _figure(code: str, form: str, mend: str) -> Figure:
    return Figure(f"cpis.{code}", re.compile(form, re.ASCII), mend)


PLAN_DATE: Final = _figure(
    "date", r"(19|20)\d\d(0[1-9]|1[012])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d",
    "write exactly twelve digits, YYYYMMDDhhmm, between 1900 and 2099",
)  # fmt: skip
BIRTH: Final = _figure("birth", r"(19|20)\d\d(0[1-9]|1[012])(0[1-9]|[12]\d|3[01])", "write eight digits, YYYYMMDD")
CREATED: Final = _figure(
    "creation-time", r"20\d\d(0[1-9]|1[012])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d[+-]\d{4}",
    "write YYYYMMDDhhmmss and the offset",
)  # fmt: skip
NUMBER: Final = _figure("number", r"0|[1-9]\d{0,17}", "write a whole number")
PHONE: Final = _figure("phone", r"tel:\+?\d{3,15}", "write tel: and digits, without spaces")
USE: Final = _figure("phone-use", r"WP|EC", "write WP for office hours, EC for the emergency duty team")
ODS: Final = _figure("ods-code", r"[A-Z0-9]{3,10}", "write a code of the Organisation Data Service")
ODS_ROOT: Final = _figure("root", re.escape(ODS_ORGANISATION) + "|" + re.escape(ODS_SITE), "write an ODS root")
PERSON_ROOT: Final = _figure("root", re.escape(NHS_NUMBER) + "|" + re.escape(LOCAL_ID), "write an identifier's root")
CONTENT_ROOT: Final = _figure("root", re.escape(CONTENT), "write the root of contentId")
CONTENT_NAME: Final = _figure("content-id", r"COCT_TP14(5|6)10\dGB01#\w+", "write the template and its class")
PERSON_NUMBER: Final = _figure("identifier", r"\S(.{0,38}\S)?", "write one to forty characters")
ASSIGNER: Final = _figure("assigning-authority", r"[A-Z0-9]{3,10}:.*\S.*", "write the ODS code, a colon and the name")
NAME: Final = _figure("name", r".*\S.*", "write a name")


class Part(NamedTuple):
    """One element: how often it stands in the one above it, and what it holds, all of it."""

    name: str
    parts: tuple[Part, ...] = ()
    attributes: Mapping[str, Figure] = {}
    may: Mapping[str, Figure] = {}
    text: Figure | None = None
    least: int = 1
    most: int = 1
    space: str = HL7V3

    @property
    def tag(self) -> str:
        """The element's name as lxml has it."""
        return f"{{{self.space}}}{self.name}"


def _dated(number: str, name: str, *, least: int) -> Part:
    value = Part("value", attributes={"value": PLAN_DATE})
    return Part(number, (Part(name, (value,)),), least=least)


def _plan(template: PlanTemplate) -> Part:
    return Part(
        template.act,
        (
            _dated("component", f"{template.prefix}StartDate", least=1),
            _dated("component1", f"{template.prefix}EndDate", least=int(template.end_needed)),
            _dated("component2", f"{template.prefix}DeleteDate", least=0),
        ),
        least=0,
    )


_CONTENT: Final = Part(
    "contentId", attributes={"root": CONTENT_ROOT, "extension": CONTENT_NAME}, space=LOCALISATION
)  # fmt: skip
_IDS: Final = Part(
    "id", attributes={"root": PERSON_ROOT, "extension": PERSON_NUMBER}, may={"assigningAuthorityName": ASSIGNER}, most=2
)
_PERSON: Final = (
    Part("birthTime", attributes={"value": BIRTH}),
    Part("name", (Part("given", text=NAME), Part("family", text=NAME))),
)
_RECORD: Final = Part(
    "CP-ISRecord",
    (
        Part("pertinentInformation", (_CONTENT, *(_plan(template) for template in PLANS.values())), most=3),
        Part(
            "subject",
            (
                _CONTENT,
                Part(UNBORN, (Part("parentMotherPerson", (*_PERSON, Part("playedMother", (_IDS,)))),), least=0),
                Part(CHILD, (_IDS, Part("childPerson", _PERSON)), least=0),
            ),
            most=2,
        ),
    ),
)
_SENDER: Final = Part(
    "organisation",
    (
        Part("id", attributes={"root": ODS_ROOT, "extension": ODS}),
        Part("name", text=NAME),
        Part("telecom", attributes={"value": PHONE, "use": USE}, least=2, most=2),
    ),
)
FILE: Final = Part(
    "File",
    (
        Part("creationTime", attributes={"value": CREATED}),
        Part("id", attributes={"extension": NUMBER}),
        Part("transmissionQuantity", attributes={"value": NUMBER}),
        Part("communicationFunctionSnd", (_SENDER,)),
        Part("record", (_RECORD,), most=1_000_000),
    ),
)
"""The whole file, stricter than the schema where the standard is: both telephones, real figures everywhere."""
