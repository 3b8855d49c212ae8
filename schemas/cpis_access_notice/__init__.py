"""
CP-IS access notice: one look at a CP-IS record and whose case it is; that nobody looked is never said.

Every access gets a notice. `known` says what our own flags hold of that person: `nothing_known` and `unknown` do not
mean that the person is nobody's, since CP-IS had a record of ours to show, and somebody must find out why.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.cpis_access import Viewer
from schemas.fields import LocalId, Moment, NhsNumber, ProtectionPlan

Known = Literal["flagged", "nothing_known", "unknown"]
"""A plan stands; none is held; or it could not be told (no NHS number, or the flags were not up to date)."""


class AccessNoticed(Event):
    """A person's CP-IS record was looked at in unscheduled care (DCB1609), with whom it concerns here."""

    access_id: Annotated[LocalId, Field(description="The event id of the access."), Sensitivity.OPEN]
    at: Annotated[Moment, Field(description="When it was looked at."), Sensitivity.SPECIAL]
    nhs_number: Annotated[NhsNumber | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    local_id: Annotated[LocalId | None, Field(description="The number in the case system."), Sensitivity.IDENTIFIER] = (
        None
    )
    by: Annotated[Viewer, Field(description="Who looked."), Sensitivity.SPECIAL]
    known: Annotated[Known, Field(description="What our own flags hold."), Sensitivity.SPECIAL]
    plans: Annotated[
        tuple[ProtectionPlan, ...], Field(max_length=3, description="Which kinds of plan stand."), Sensitivity.SPECIAL
    ] = ()
    worker_id: Annotated[
        LocalId | None, Field(description="The allocated social worker's number."), Sensitivity.IDENTIFIER
    ] = None
    as_of: Annotated[Moment, Field(description="How recent the flags were that were asked."), Sensitivity.OPEN]

    @model_validator(mode="after")
    def _plans_fit(self) -> Self:
        if (self.known == "flagged") != bool(self.plans):
            raise PydanticCustomError("known_against_plans", "plans stand where it is flagged, and only there")
        return self


stream = Stream(
    name="cpis_access_notice",
    event=AccessNoticed,
    key=("nhs_number", "local_id"),
    subject=(("nhs_number", "nhs_number"), ("case_id", "local_id")),
    keep="days",
    steward="safeguarding",
    lane="urgent",
)
