"""
CP-IS flag: a child protection plan or care status began, ended or was withdrawn; who attended is elsewhere.

Cohorts, dates and telephones as in DCB1609 (Child Protection - Information Sharing). An unborn child's plan is
held against the mother's NHS number; nothing about the baby is carried.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Authority, Day, LocalId, Moment, Name, NhsNumber, ProtectionPlan

LAST_YEAR = 2099
"""The last year that a date of an upload can have (TS.NHS.DateType1)."""


class Subject(Event):
    """Who is flagged: the child, or the mother of the unborn child (DCB1609 Child and UnbornChild)."""

    nhs_number: Annotated[
        NhsNumber, Field(description="NHS number; the mother's for an unborn plan."), Sensitivity.IDENTIFIER
    ]
    local_id: Annotated[
        LocalId | None, Field(description="The subject's number in the case system."), Sensitivity.IDENTIFIER
    ] = None
    surname: Annotated[Name, Field(description="Surname."), Sensitivity.PERSONAL]
    forename: Annotated[Name, Field(description="Forename."), Sensitivity.PERSONAL]
    born: Annotated[Day, Field(description="Date of birth; the mother's for an unborn plan."), Sensitivity.PERSONAL]


class FlagChanged(Event):
    """The state of one plan of one subject, whole, as it now is (DCB1609 upload record)."""

    subject: Annotated[Subject, Field(description="Who is flagged."), Sensitivity.IDENTIFIER]
    plan: Annotated[ProtectionPlan, Field(description="Which of the three cohorts."), Sensitivity.SPECIAL]
    started: Annotated[Moment, Field(description="When the plan or status began."), Sensitivity.SPECIAL]
    ended: Annotated[
        Moment | None, Field(description="When it ended or, for an unborn child, will end."), Sensitivity.SPECIAL
    ] = None
    deleted: Annotated[
        Moment | None,
        Field(description="When the record was withdrawn as uploaded in error; not an end."),
        Sensitivity.SPECIAL,
    ] = None
    authority: Annotated[Authority, Field(description="Who is responsible."), Sensitivity.OPEN]
    worker_id: Annotated[
        LocalId | None, Field(description="The allocated social worker's number."), Sensitivity.IDENTIFIER
    ] = None

    @model_validator(mode="after")
    def _end_fits(self) -> Self:
        if self.ended is not None and self.ended < self.started:
            raise PydanticCustomError("ended_before_it_started", "the end lies before the start")
        if self.plan == "unborn_child_protection" and self.ended is None:
            raise PydanticCustomError("unborn_without_end", "an unborn child's plan must say when it ends")
        moments = (one for one in (self.started, self.ended, self.deleted) if one is not None)
        if max(self.subject.born.year, *(one.year for one in moments)) > LAST_YEAR:
            raise PydanticCustomError(
                "beyond_the_standard", "CP-IS writes years up to 2099; leave out what is not known"
            )
        return self


stream = Stream(
    name="cpis_flag",
    event=FlagChanged,
    key=("subject.nhs_number",),
    subject=(("nhs_number", "subject.nhs_number"), ("case_id", "subject.local_id")),
    keep="standing",
    steward="safeguarding",
    lane="urgent",
)
