"""
Field types that two or more streams use: what a figure of the health, school and care standards must look like.

A type of one stream alone stands in that stream. Every type refuses by a named code and without the value, so that
a refusal can be logged; what is only doubtful (a UPN whose check letter fails) is a function for the connectors to
ask, not a refusal.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from hub.identity import check_digits
from hub.identity.check_digits import digits
from hub.stream import Event, Sensitivity

# --- text -----------------------------------------------------------------------------------------------------

# A line break ends a record in CSV and a segment in HL7; a bidirectional override shows a reader what is not there; the
# last two are no characters at all, and no XML document may hold them.
_HIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")
_HIDDEN_IN_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


def _one_line(value: str) -> str:
    if _HIDDEN.search(value):
        raise PydanticCustomError("hidden_character", "one line of visible characters; take out what is not shown")
    return value


def _lines(value: str) -> str:
    if _HIDDEN_IN_LINES.search(value):
        raise PydanticCustomError("hidden_character", "lines of visible characters; take out what is not shown")
    return value


Name = Annotated[str, StringConstraints(min_length=1, max_length=120), AfterValidator(_one_line)]
"""A person's, an organisation's or a place's name; one line."""

Words = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_one_line)]
"""A short description in somebody's own words; one line, at most the 300 characters a class list may hold."""

Narrative = Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(_lines)]
"""Free text of several lines."""

LocalId = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_one_line)]
"""An identifier of one system. The CIN census's LAchildID ends at 20 characters; other systems' are longer."""

Code = Annotated[str, StringConstraints(min_length=1, max_length=20), AfterValidator(_one_line)]
"""A code of a list that the hub does not own and passes on as it is."""

# --- time -----------------------------------------------------------------------------------------------------

_FIRST, _LAST = date(1900, 1, 1), date(2199, 12, 31)  # 0001-01-01 and 9999-12-31 stand for "none" in many systems
_ISO_DAY: Final = re.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*", re.ASCII)
_ISO_MOMENT: Final = re.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}\S*\s*", re.ASCII)


def _day_as_iso(value: Any) -> Any:
    # Left to itself pydantic takes "20160501", a date of HL7, for seconds, and makes it a day in 1970. An instant is
    # no day either: midnight of a birth in British Summer Time is the evening before in UTC.
    iso = bool(_ISO_DAY.fullmatch(value)) if isinstance(value, str) else type(value) is date
    if not iso:
        raise PydanticCustomError("not_an_iso_day", "write a day as YYYY-MM-DD")
    return value


def _moment_as_iso(value: Any) -> Any:
    iso = bool(_ISO_MOMENT.fullmatch(value)) if isinstance(value, str) else isinstance(value, datetime)
    if not iso:
        raise PydanticCustomError("not_an_iso_moment", "write a time as YYYY-MM-DDThh:mm:ss with Z or an offset")
    return value


def _plausible_day(value: date) -> date:
    if not _FIRST <= value <= _LAST:
        raise PydanticCustomError("implausible_day", "a day before 1900 or after 2199; leave out what is not known")
    return value


def _plausible_moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise PydanticCustomError("no_offset", "a time without an offset is two instants in October; add it")
    if not _FIRST.year <= value.year <= _LAST.year:
        raise PydanticCustomError("implausible_moment", "a time before 1900 or after 2199; leave out what is not known")
    # Whole milliseconds are what the wire carries: an event is equal to itself after it has been there.
    return value.astimezone(UTC).replace(microsecond=value.microsecond // 1000 * 1000)


Day = Annotated[date, BeforeValidator(_day_as_iso), AfterValidator(_plausible_day)]
"""A calendar day; as text only as YYYY-MM-DD."""

Moment = Annotated[datetime, BeforeValidator(_moment_as_iso), AfterValidator(_plausible_moment)]
"""An instant, kept in UTC to the millisecond; as text only in ISO 8601 and with its offset."""

# --- identifiers ----------------------------------------------------------------------------------------------

_GAPS: Final = re.compile(r"[\s\u200b\ufeff\-\u2010-\u2015\u2212]+")
_ASCII: Final = re.ASCII | re.IGNORECASE  # asked before upper(), which makes two letters of one sharp s

nhs_number_check_digit_holds = check_digits.nhs_number
"""Whether ten digits are a possible NHS number."""

upn_check_letter_holds = check_digits.upn
"""Whether the letter in front of a UPN fits the rest."""


def _nhs_number(value: str) -> str:
    number = _GAPS.sub("", value)
    if not digits(number, 10):
        raise PydanticCustomError("nhs_number_form", "an NHS number is ten digits")
    if not nhs_number_check_digit_holds(number):
        raise PydanticCustomError("nhs_number_check_digit", "not a possible NHS number; trace it, or leave it out")
    return number


def _upn(value: str) -> str:
    upn = _GAPS.sub("", value)
    if not re.fullmatch(r"[A-Z][A-Z0-9]{12}", upn, _ASCII):
        raise PydanticCustomError("upn_form", "a UPN is a letter and twelve figures, the last of which may be a letter")
    return upn.upper()


def _uln(value: str) -> str:
    if not digits(value, 10):
        raise PydanticCustomError("uln_form", "a unique learner number is ten digits")
    rest = sum(int(digit) * weight for digit, weight in zip(value[:9], range(10, 1, -1), strict=True)) % 11
    if rest == 0 or 10 - rest != int(value[9]):
        raise PydanticCustomError("uln_check_digit", "not a possible unique learner number; leave it out")
    return value


def _dfe_number(value: str) -> str:
    number = value.replace("/", "").replace(" ", "")
    if not digits(number, 7):
        raise PydanticCustomError(
            "dfe_number_form", "a DfE number is the authority's three digits and the school's four"
        )
    return number


def _urn(value: str) -> str:
    if not digits(value, 6):
        raise PydanticCustomError("urn_form", "a school's URN is six digits")
    return value


def _la_code(value: str) -> str:
    if not digits(value, 3):
        raise PydanticCustomError("la_code_form", "a local authority's code is three digits")
    return value


def _ods_code(value: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]{3,10}", value, _ASCII):
        raise PydanticCustomError("ods_code_form", "an ODS code is three to ten letters and digits")
    return value.upper()


NhsNumber = Annotated[str, AfterValidator(_nhs_number)]
"""Ten digits whose check digit holds; spaces and hyphens go."""

Upn = Annotated[str, AfterValidator(_upn)]
"""A unique pupil number by its form; ask `upn_check_letter_holds` for a query, since many real ones fail it."""

Uln = Annotated[str, AfterValidator(_uln)]
"""A unique learner number (Learning Records Service): modulus 11, weights 10 to 2, and 10 less the remainder."""

DfeNumber = Annotated[str, AfterValidator(_dfe_number)]
"""An establishment by seven digits, authority and school: 866 4001, also written 866/4001."""

Urn = Annotated[str, AfterValidator(_urn)]
"""A school's unique reference number in Get Information About Schools."""

LaCode = Annotated[str, AfterValidator(_la_code)]
"""The DfE's number of a local authority, such as 866."""

OdsCode = Annotated[str, AfterValidator(_ods_code)]
"""An organisation or site of the Organisation Data Service."""

# --- how to reach somebody ------------------------------------------------------------------------------------


def _postcode(value: str) -> str:
    tight = _GAPS.sub("", value)
    # The shape alone: it also holds for ZZ99 3VZ, the NHS's code for no fixed abode.
    if not re.fullmatch(r"(?:[A-Z]{1,2}[0-9][A-Z0-9]?|GIR)[0-9][A-Z]{2}", tight, _ASCII):
        raise PydanticCustomError("postcode_form", "not a postcode of the United Kingdom; leave out a part of one")
    return f"{tight[:-3]} {tight[-3:]}".upper()


def _phone(value: str) -> str:
    number = re.sub(r"^tel:", "", value, flags=re.IGNORECASE)
    if number.startswith(("+", "00")):
        number = number.replace("(0)", "")  # the trunk zero of "+44 (0)1632" is not dialled after a country's code
    number = re.sub(r"[().]", "", _GAPS.sub("", number))
    if not re.fullmatch(r"\+?[0-9]{3,15}", number, re.ASCII):
        raise PydanticCustomError("phone_form", "one telephone number: three to fifteen digits, without words")
    return number


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;:\"()\[\]\\]{1,190}", value):
        raise PydanticCustomError("email_form", "one e-mail address, without a name around it")
    if any(unicodedata.category(letter).startswith("C") for letter in value):
        raise PydanticCustomError("email_form", "one e-mail address, without hidden characters")
    return value


Postcode = Annotated[str, AfterValidator(_postcode)]
"""Upper case with one space, such as ZZ9 9ZZ."""

Phone = Annotated[str, AfterValidator(_phone)]
"""What can follow `tel:` in DCB1609: an optional plus and digits, no spaces."""

Email = Annotated[str, AfterValidator(_email)]
"""One e-mail address."""

# --- lists ----------------------------------------------------------------------------------------------------

Sex = Literal["M", "F", "U"]
"""CIN census and SSDA903 from 2024/25."""

# fmt: off
EthnicityCode = Literal[
    "WBRI", "WIRI", "WIRT", "WOTH", "WROM", "MWBC", "MWBA", "MWAS", "MOTH", "AIND", "APKN", "ABAN", "AOTH",
    "BCRB", "BAFR", "BOTH", "CHNE", "OOTH", "REFU", "NOBT",
]
# fmt: on
"""CIN census, Ethnicity."""

ProtectionPlan = Literal["child_protection", "looked_after", "unborn_child_protection"]
"""The three cohorts of CP-IS (DCB1609)."""

# --- records --------------------------------------------------------------------------------------------------


class Address(Event):
    """Where a person lives or stays, in the parts that the NHS school-move extract has columns for."""

    line_1: Annotated[Name | None, Field(description="Building and street, or the flat."), Sensitivity.CONTACT] = None
    line_2: Annotated[Name | None, Field(description="Second line."), Sensitivity.CONTACT] = None
    line_3: Annotated[Name | None, Field(description="Third line."), Sensitivity.CONTACT] = None
    town: Annotated[Name | None, Field(description="Post town."), Sensitivity.CONTACT] = None
    county: Annotated[Name | None, Field(description="County."), Sensitivity.CONTACT] = None
    postcode: Annotated[Postcode | None, Field(description="Postcode."), Sensitivity.CONTACT] = None


class Authority(Event):
    """The authority responsible for a plan, and its two telephones (DCB1609: office hours and emergency duty)."""

    name: Annotated[Name, Field(description="The authority's name."), Sensitivity.OPEN]
    ods_code: Annotated[OdsCode, Field(description="Its code in the Organisation Data Service."), Sensitivity.OPEN]
    office_phone: Annotated[Phone, Field(description="Whom to call in office hours."), Sensitivity.OPEN]
    emergency_phone: Annotated[Phone, Field(description="The emergency duty team."), Sensitivity.OPEN]
