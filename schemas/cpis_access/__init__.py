"""
CP-IS access: somebody in unscheduled care looked up a person whom CP-IS knows; not why they came, which nobody says.

CP-IS Access to Service Notification (REPC_MT000004GB01), one event for each look. It carries no reason, no site within
the organisation and no kind of care. Only unscheduled settings cause one: that there is none never means that a child
was not seen.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Code, LocalId, Moment, Name, NhsNumber, OdsCode


class Worker(Event):
    """Who looked, or who answers for the system that did (COCT_TP145102GB01, COCT_TP145104GB01)."""

    role_code: Annotated[Code | None, Field(description="Code of the job role in the NHS."), Sensitivity.OPEN] = None
    role: Annotated[Name | None, Field(description="The job role in words."), Sensitivity.OPEN] = None
    name: Annotated[Name | None, Field(description="Their name."), Sensitivity.PERSONAL] = None


class Viewer(Event):
    """By whom the record was looked at: a person, or a system with those who answer for it."""

    organisation: Annotated[Name | None, Field(description="The organisation's name."), Sensitivity.SPECIAL] = None
    organisation_ods: Annotated[OdsCode | None, Field(description="Its code."), Sensitivity.SPECIAL] = None
    system: Annotated[LocalId | None, Field(description="The system's number, if it was one."), Sensitivity.OPEN] = None
    people: Annotated[
        tuple[Worker, ...], Field(max_length=20, description="Who looked, or who answers for it."), Sensitivity.PERSONAL
    ] = ()


class RecordAccessed(Event):
    """One look at one person's record in CP-IS (`CP-ISNHSQuery` within REPC_MT000004GB01)."""

    query_id: Annotated[LocalId, Field(description="The id of the query that was answered."), Sensitivity.OPEN]
    at: Annotated[Moment, Field(description="When it was looked at."), Sensitivity.SPECIAL]
    nhs_number: Annotated[NhsNumber | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    local_id: Annotated[
        LocalId | None, Field(description="The number in the authority's case system."), Sensitivity.IDENTIFIER
    ] = None
    by: Annotated[Viewer, Field(description="Who looked."), Sensitivity.SPECIAL]
    upload_number: Annotated[
        int | None, Field(ge=0, description="Which upload the record came from."), Sensitivity.OPEN
    ] = None
    notified_at: Annotated[Moment, Field(description="When CP-IS told of it."), Sensitivity.OPEN]

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.nhs_number is None and self.local_id is None:
            raise PydanticCustomError("names_nobody", "say whose record it was, by NHS number or local number")
        return self


stream = Stream(
    name="cpis_access",
    event=RecordAccessed,
    key=("nhs_number", "local_id"),
    subject=(("nhs_number", "nhs_number"), ("case_id", "local_id")),
    keep="days",
    steward="safeguarding",
    lane="urgent",
)
