"""
Personal education plan: when a child in care's plan was reviewed and will be, and whom to ask; not what is in it.

The plan itself (Care Planning, Placement and Case Review (England) Regulations 2010, Schedule 1 paragraph 2) is kept
by the designated teacher and the Virtual School, and is read where it is kept.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Day, Email, LaCode, LocalId, Name, Phone, Upn, Urn


class Pupil(Event):
    """The child whose plan it is."""

    upn: Annotated[Upn, Field(description="Unique pupil number, which may be temporary."), Sensitivity.IDENTIFIER]
    case_id: Annotated[
        LocalId | None, Field(description="The number in the authority's case system."), Sensitivity.IDENTIFIER
    ] = None
    surname: Annotated[Name, Field(description="Legal surname."), Sensitivity.PERSONAL]
    forename: Annotated[Name, Field(description="Legal forename."), Sensitivity.PERSONAL]
    in_care_of: Annotated[
        LaCode | None, Field(description="The authority that looks after the child now."), Sensitivity.SPECIAL
    ] = None


class Contact(Event):
    """Who in the Virtual School answers for the child, as a member of staff."""

    name: Annotated[Name, Field(description="Name of the member of staff."), Sensitivity.PERSONAL]
    email: Annotated[Email | None, Field(description="The work address."), Sensitivity.PERSONAL] = None
    phone: Annotated[Phone | None, Field(description="The work telephone."), Sensitivity.PERSONAL] = None


class PersonalEducationPlanReviewed(Event):
    """A plan was made or reviewed, or its next review was set (SI 2010/959 Schedule 1 paragraph 2)."""

    pupil: Annotated[Pupil, Field(description="Whose plan it is."), Sensitivity.SPECIAL]
    school_urn: Annotated[
        Urn, Field(description="The school whose designated teacher keeps its part."), Sensitivity.CONTACT
    ]
    reviewed: Annotated[
        Day | None, Field(description="The day of the last meeting; absent before the first."), Sensitivity.PERSONAL
    ] = None
    next_review: Annotated[
        Day | None, Field(description="The day by which it is reviewed next."), Sensitivity.PERSONAL
    ] = None
    contact: Annotated[Contact | None, Field(description="Whom to ask."), Sensitivity.PERSONAL] = None

    @model_validator(mode="after")
    def _says_a_day(self) -> Self:
        if self.reviewed is None and self.next_review is None:
            raise PydanticCustomError("no_review", "say when the plan was reviewed, or when it will be")
        if self.reviewed is not None and self.next_review is not None and self.next_review <= self.reviewed:
            raise PydanticCustomError("next_before_last", "the next review comes after the last one")
        return self


stream = Stream(
    name="personal_education_plan",
    event=PersonalEducationPlanReviewed,
    key=("pupil.upn",),
    subject=(("upn", "pupil.upn"), ("case_id", "pupil.case_id")),
    keep="days",
    steward="education",
)
