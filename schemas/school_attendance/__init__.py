"""
School attendance: what a school marked for one pupil in one session; totals are `termly_attendance`.

Marks and their statistical classes are those of the School Attendance (Pupil Registration) (England) Regulations
2024 (SI 2024/208, regulation 10), in force from 19 August 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Local, Sensitivity, Stream
from schemas.fields import Day, LocalId, Name, Upn, Urn

# fmt: off
AttendanceMark = Literal[
    "/", "\\", "B", "C", "C1", "C2", "D", "E", "G", "I", "J1", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T",
    "U", "V", "W", "X", "Y1", "Y2", "Y3", "Y4", "Y5", "Y6", "Y7", "Z", "#",
]
# fmt: on

RETIRED_MARKS: Final = frozenset({"H", "J", "Y"})
"""Marks before August 2024; no event carries one, because what each has become is for the school to say."""

StatisticalClass = Literal[
    "attending",
    "attending_elsewhere",
    "dual_registered",
    "authorised",
    "unauthorised",
    "unable_to_attend",
    "not_required",
]

_CLASSES: Final[Mapping[StatisticalClass, tuple[AttendanceMark, ...]]] = {
    "attending": ("/", "\\", "L"),
    "attending_elsewhere": ("B", "K", "P", "V", "W"),
    "dual_registered": ("D",),
    "authorised": ("C", "C1", "C2", "E", "I", "J1", "M", "R", "S", "T"),
    "unauthorised": ("G", "N", "O", "U"),
    "unable_to_attend": ("Q", "Y1", "Y2", "Y3", "Y4", "Y5", "Y6", "Y7"),
    "not_required": ("#", "X", "Z"),
}

STATISTICAL_CLASS: Final[Mapping[AttendanceMark, StatisticalClass]] = MappingProxyType(
    {mark: name for name, marks in _CLASSES.items() for mark in marks}
)
"""How each mark is counted; the last three classes and `dual_registered` are not possible sessions."""


def _in_lower_case(value: str) -> str:
    return " ".join(value.lower().split())


class Pupil(Event):
    """A pupil as a school's register knows them; at least one identifier is needed to tell whose mark it is."""

    upn: Annotated[Upn | None, Field(description="Unique pupil number."), Sensitivity.IDENTIFIER] = None
    local_id: Annotated[
        LocalId | None, Field(description="The pupil's number in the sender's own system."), Sensitivity.IDENTIFIER
    ] = None
    surname: Annotated[Name | None, Field(description="Legal surname."), Sensitivity.PERSONAL] = None
    forename: Annotated[Name | None, Field(description="Legal forename."), Sensitivity.PERSONAL] = None
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    in_care_of: Annotated[
        Annotated[Name, AfterValidator(_in_lower_case)] | None,
        Field(description="The authority that looks after the pupil, in lower case, such as swindon."),
        Sensitivity.SPECIAL,
    ] = None
    registered_urn: Annotated[
        Urn | None, Field(description="The school on whose roll the pupil is."), Sensitivity.CONTACT
    ] = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.upn is None and self.local_id is None:
            raise PydanticCustomError("no_identifier", "a pupil needs a UPN or a local number")
        return self


class AttendanceRecorded(Event):
    """A school marked one pupil in one session (SI 2024/208 regulation 10)."""

    pupil: Annotated[Pupil, Field(description="Who was marked."), Sensitivity.SPECIAL]
    school_urn: Annotated[Urn, Field(description="The school that marked its register."), Sensitivity.CONTACT]
    day: Annotated[Day, Field(description="The school day."), Sensitivity.PERSONAL]
    session: Annotated[Literal["am", "pm"], Field(description="Morning or afternoon."), Sensitivity.PERSONAL]
    mark: Annotated[
        AttendanceMark,
        Field(description="The mark; some tell of illness, religion or ethnic group."),
        Sensitivity.SPECIAL,
    ]
    statistical_class: Annotated[StatisticalClass, Field(description="How the mark is counted."), Sensitivity.PERSONAL]
    minutes_late: Annotated[
        int | None,
        Field(ge=0, le=480, description="Minutes after the register opened, where the pupil came late."),
        Sensitivity.PERSONAL,
    ] = None

    @model_validator(mode="after")
    def _mark_fits(self) -> Self:
        if (self.mark, self.session) in {("/", "pm"), ("\\", "am")}:
            raise PydanticCustomError(
                "mark_of_the_other_session", "a stroke is present in the morning, a backslash in the afternoon"
            )
        if self.statistical_class != STATISTICAL_CLASS[self.mark]:
            raise PydanticCustomError("class_of_another_mark", "the statistical class is not the one of this mark")
        if self.minutes_late is not None and self.mark not in ("L", "U"):
            raise PydanticCustomError("late_without_a_late_mark", "minutes late go with the marks L and U only")
        return self


stream = Stream(
    name="school_attendance",
    event=AttendanceRecorded,
    key=("pupil.upn", "school_urn/pupil.local_id"),
    subject=(("upn", "pupil.upn"),),
    also=(Local("pupil_number", "pupil.local_id", ("school_urn",)),),
    keep="days",
    steward="education",
)
