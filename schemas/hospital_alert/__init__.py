"""
Hospital alert: the verdict on one hospital attendance, whether a CP-IS flag stands or not; nothing of treatment.

Every attendance gets a verdict, so that silence never reads as "no flag". Plans as in DCB1609; a plan stays
visible for twelve months after its end. A flag is found by NHS number alone, the one that was sent or the one that the
identity index knows: `match` says whether whoever came is then the one who was flagged, and where that is not certain,
a policy lets through no more than whom to `call`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Authority, Day, LocalId, Moment, Name, NhsNumber, OdsCode, Phone, ProtectionPlan

Verdict = Literal["flagged", "nothing_known", "unknown"]
"""A plan stands; none is held; or it could not be told (no NHS number, or the flags were not up to date)."""


class Patient(Event):
    """Who came, with what is needed to be sure of it and no more."""

    nhs_number: Annotated[NhsNumber | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    surname: Annotated[Name | None, Field(description="Surname."), Sensitivity.PERSONAL] = None
    forename: Annotated[Name | None, Field(description="Forename."), Sensitivity.PERSONAL] = None
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None


class Plan(Event):
    """A plan or care status that stands, or ended within twelve months (DCB1609)."""

    plan: Annotated[ProtectionPlan, Field(description="Which of the three cohorts."), Sensitivity.SPECIAL]
    started: Annotated[Moment, Field(description="When it began."), Sensitivity.SPECIAL]
    ended: Annotated[Moment | None, Field(description="When it ended or will end."), Sensitivity.SPECIAL] = None
    authority: Annotated[Authority, Field(description="Whom to call."), Sensitivity.OPEN]


class Otherwise(Event):
    """Another NHS number that the same alert rests on; by it too it is asked what is known of the child."""

    nhs_number: Annotated[NhsNumber, Field(description="NHS number."), Sensitivity.IDENTIFIER]


class AlertRaised(Event):
    """Whether a patient who came is known to children's services (DCB1609 query response, and its refusal)."""

    attendance_id: Annotated[LocalId, Field(description="The event id of the attendance it answers."), Sensitivity.OPEN]
    verdict: Annotated[Verdict, Field(description="What is known."), Sensitivity.SPECIAL]
    patient: Annotated[Patient, Field(description="Who came."), Sensitivity.IDENTIFIER]
    happened: Annotated[Literal["arrived", "admitted"], Field(description="What happened."), Sensitivity.SPECIAL]
    at: Annotated[Moment, Field(description="When it happened."), Sensitivity.SPECIAL]
    organisation_ods: Annotated[OdsCode | None, Field(description="The trust."), Sensitivity.OPEN] = None
    site_ods: Annotated[OdsCode | None, Field(description="The site."), Sensitivity.SPECIAL] = None
    visit_number: Annotated[
        LocalId | None, Field(description="The attendance's or admission's number."), Sensitivity.IDENTIFIER
    ] = None
    plans: Annotated[
        tuple[Plan, ...], Field(max_length=20, description="The plans that stand."), Sensitivity.SPECIAL
    ] = ()
    worker_id: Annotated[
        LocalId | None, Field(description="The allocated social worker's number."), Sensitivity.IDENTIFIER
    ] = None
    as_of: Annotated[Moment, Field(description="How recent the flags were that were asked."), Sensitivity.OPEN]
    match: Annotated[
        Literal["certain", "probable", "possible"] | None,
        Field(description="How certain it is that the patient is the child of the flag."),
        Sensitivity.OPEN,
    ] = None
    call: Annotated[
        Phone | None, Field(description="Whom to call about it: an authority's emergency duty team."), Sensitivity.OPEN
    ] = None
    otherwise: Annotated[
        Otherwise | None,
        Field(description="The other NHS number, where the flag was not found by the one of the patient above."),
        Sensitivity.IDENTIFIER,
    ] = None

    @model_validator(mode="after")
    def _plans_fit(self) -> Self:
        if (self.verdict == "flagged") != bool(self.plans):
            raise PydanticCustomError("verdict_against_plans", "plans stand with the verdict flagged, and only with it")
        if self.verdict != "flagged" and (self.match is not None or self.call is not None):
            raise PydanticCustomError("matched_without_a_flag", "leave out match and call where nothing was found")
        return self


stream = Stream(
    name="hospital_alert",
    event=AlertRaised,
    key=("patient.nhs_number", "attendance_id"),
    subject=(("nhs_number", "patient.nhs_number"), ("nhs_number", "otherwise.nhs_number")),
    born="patient.born",
    match="match",
    keep="days",
    steward="safeguarding",
    lane="urgent",
)
