"""
Sharing status: what a child, and those who speak for them, have said on being told of; what happened is elsewhere.

Consent and its withdrawal (UK GDPR article 7), objection (article 21), restriction (article 18), the opt-out of the
Education and Skills Act 2008 s.14; and what keeps a child safe whoever may hear: a sensitive record, an address that
nobody may learn, an agency in conflict, a legal hold, an adoption order. Said whole, each time one of these changes.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.standing import Standing
from hub.stream import Sensitivity, Stream
from schemas.fields import Day, LocalId, NhsNumber, Upn


class SharingStatusRecorded(Standing):
    """The authority recorded what now decides who may hear of one child."""

    nhs_number: Annotated[NhsNumber | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    upn: Annotated[Upn | None, Field(description="Unique pupil number."), Sensitivity.IDENTIFIER] = None
    case_id: Annotated[
        LocalId | None, Field(description="The child's number in the authority's case system."), Sensitivity.IDENTIFIER
    ] = None
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.nhs_number is None and self.upn is None and self.case_id is None:
            raise PydanticCustomError("nobody", "say whose it is: an NHS number, a UPN or a case number")
        return self


stream = Stream(
    name="sharing_status",
    event=SharingStatusRecorded,
    key=("nhs_number", "upn", "case_id"),
    subject=(("nhs_number", "nhs_number"), ("upn", "upn"), ("case_id", "case_id")),
    born="born",
    conflicts="conflicts",
    keep="latest",
    steward="safeguarding",
    lane="urgent",
)
