"""
Pupil in care: what the Virtual School tells the school on whose roll a child in care is; no care plan, no placement.

The fields are those of the Common Transfer File, version 25, by which schools hand pupils on: identity, care status,
special educational needs, attendance, former school. Episodes of care are `looked_after_child`, single marks
`school_attendance`, and the review of the education plan is `personal_education_plan`. Of a child who was adopted
nothing is ever said here: a new identity begins with a new record, and no file leads from the old one to it.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Day, DfeNumber, LaCode, LocalId, Name, Sex, Uln, Upn, Urn

# fmt: off
CurriculumYear = Literal[
    "N1", "N2", "R", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "M", "X",
]
# fmt: on
"""CTF, NCyearActual; M is a class of mixed years, X one that follows no year."""

SenProvision = Literal["N", "K", "E"]
"""CTF, SENprovision: none, SEN support, education, health and care plan."""


class Pupil(Event):
    """A pupil as the Common Transfer File names one; without a UPN there is none."""

    upn: Annotated[Upn, Field(description="Unique pupil number, which may be temporary."), Sensitivity.IDENTIFIER]
    uln: Annotated[Uln | None, Field(description="Unique learner number."), Sensitivity.IDENTIFIER] = None
    case_id: Annotated[
        LocalId | None, Field(description="The number in the authority's case system."), Sensitivity.IDENTIFIER
    ] = None
    surname: Annotated[Name, Field(description="Legal surname."), Sensitivity.PERSONAL]
    forename: Annotated[Name, Field(description="Legal forename."), Sensitivity.PERSONAL]
    born: Annotated[Day, Field(description="Date of birth."), Sensitivity.PERSONAL]
    sex: Annotated[Sex, Field(description="Sex."), Sensitivity.PERSONAL]
    nc_year: Annotated[
        CurriculumYear | None, Field(description="National curriculum year in which the pupil is taught."),
        Sensitivity.PERSONAL,
    ] = None  # fmt: skip


class Care(Event):
    """Whether the pupil is in care, and of which authority (CTF LookedAfter): no legal status, no placement."""

    in_care: Annotated[bool, Field(description="Whether an authority looks after the pupil now."), Sensitivity.SPECIAL]
    authority: Annotated[
        LaCode, Field(description="The authority that looks after the pupil, or last did."), Sensitivity.SPECIAL
    ]


class School(Event):
    """A school and the pupil's time on its roll (CTF SchoolHistory)."""

    dfe_number: Annotated[
        DfeNumber, Field(description="Authority and establishment number, seven digits."), Sensitivity.CONTACT
    ]
    name: Annotated[Name | None, Field(description="The school's name."), Sensitivity.CONTACT] = None
    started: Annotated[Day | None, Field(description="First day on roll."), Sensitivity.PERSONAL] = None
    left: Annotated[Day | None, Field(description="Last day on roll."), Sensitivity.PERSONAL] = None

    @model_validator(mode="after")
    def _left_after_it_began(self) -> Self:
        if self.started is not None and self.left is not None and self.left < self.started:
            raise PydanticCustomError("left_before_started", "a pupil leaves a school after the first day there")
        return self


class OnRoll(Event):
    """The school on whose roll the pupil is, or will be: whose message this is."""

    urn: Annotated[Urn, Field(description="Unique reference number."), Sensitivity.CONTACT]
    dfe_number: Annotated[
        DfeNumber, Field(description="Authority and establishment number, seven digits."), Sensitivity.CONTACT
    ]
    name: Annotated[Name | None, Field(description="The school's name."), Sensitivity.CONTACT] = None
    started: Annotated[Day | None, Field(description="First day on roll."), Sensitivity.PERSONAL] = None


class SpecialNeeds(Event):
    """Provision for special educational needs (CTF SENhistory); which needs, the school's own assessment says."""

    provision: Annotated[SenProvision, Field(description="None, SEN support, or a plan."), Sensitivity.SPECIAL]
    since: Annotated[Day, Field(description="The day from which it holds."), Sensitivity.SPECIAL]


class Attendance(Event):
    """Half days of one academic year at one school, counted (CTF Attendance, YearData)."""

    year: Annotated[
        int, Field(ge=2000, le=2199, description="The year in which the academic year began."), Sensitivity.PERSONAL
    ]
    dfe_number: Annotated[DfeNumber, Field(description="The school that counted."), Sensitivity.CONTACT]
    possible: Annotated[int, Field(ge=0, le=420, description="Sessions possible."), Sensitivity.PERSONAL]
    attended: Annotated[int, Field(ge=0, le=420, description="Sessions attended."), Sensitivity.PERSONAL]
    authorised: Annotated[int, Field(ge=0, le=420, description="Absences authorised."), Sensitivity.PERSONAL]
    unauthorised: Annotated[int, Field(ge=0, le=420, description="Absences not authorised."), Sensitivity.PERSONAL]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.attended + self.authorised + self.unauthorised > self.possible:
            raise PydanticCustomError(
                "more_sessions_than_possible", "attended and absent sessions are no more than were possible"
            )
        return self


class PupilInCareChanged(Event):
    """What the school of a child in care must know of the pupil, whole, as it now is (CTF 25)."""

    pupil: Annotated[Pupil, Field(description="The pupil."), Sensitivity.IDENTIFIER]
    care: Annotated[Care, Field(description="Care status."), Sensitivity.SPECIAL]
    school: Annotated[OnRoll, Field(description="Where the pupil is, or will be, on roll."), Sensitivity.CONTACT]
    former_school: Annotated[
        School | None, Field(description="Where the pupil was on roll before."), Sensitivity.CONTACT
    ] = None
    special_needs: Annotated[
        SpecialNeeds | None, Field(description="Special educational needs."), Sensitivity.SPECIAL
    ] = None
    attendance: Annotated[
        Attendance | None, Field(description="Attendance in the latest year."), Sensitivity.CONTACT
    ] = None


stream = Stream(
    name="pupil_in_care",
    event=PupilInCareChanged,
    key=("pupil.upn",),
    subject=(("upn", "pupil.upn"), ("case_id", "pupil.case_id")),
    born="pupil.born",
    keep="days",
    steward="education",
)
