"""
NHS number change: one NHS number is no longer in use, and which took its place; who the person is is not asked.

Said by whoever learns it: CP-IS of a record that was uploaded (Inactive NHS Number Notification, REPC_MT000005GB01),
the Personal Demographics Service, a hospital that merged two records. A number may be replaced by none that is told,
or by several: then only a person can say who is who, and nothing follows by itself.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import LocalId, Moment, NhsNumber

Authority = Literal["cpis", "pds", "hospital", "case_system"]
"""Who says so: the national child protection service, the national register, a hospital, our own case system."""


class Former(Event):
    """By which numbers the person went until now."""

    nhs_number: Annotated[NhsNumber, Field(description="The number that is no longer in use."), Sensitivity.IDENTIFIER]
    local_id: Annotated[
        LocalId | None, Field(description="The number in the authority's case system."), Sensitivity.IDENTIFIER
    ] = None


class NumberReplaced(Event):
    """An NHS number went out of use."""

    old: Annotated[Former, Field(description="Who it was."), Sensitivity.IDENTIFIER]
    new: Annotated[
        tuple[NhsNumber, ...],
        Field(max_length=100, description="The numbers that took its place, if any was told."),
        Sensitivity.IDENTIFIER,
    ] = ()
    said_by: Annotated[Authority, Field(description="Who says so."), Sensitivity.OPEN]
    as_of: Annotated[Moment, Field(description="When they said it."), Sensitivity.OPEN]

    @model_validator(mode="after")
    def _is_another(self) -> Self:
        if self.old.nhs_number in self.new:
            raise PydanticCustomError("replaced_by_itself", "the new number is the old one")
        if len(set(self.new)) < len(self.new):
            raise PydanticCustomError("number_named_twice", "name each new number once")
        return self


stream = Stream(
    name="nhs_number_change",
    event=NumberReplaced,
    key=("old.nhs_number",),
    subject=(("nhs_number", "old.nhs_number"), ("case_id", "old.local_id")),
    superseded=("old.nhs_number", "new"),
    keep="days",
    steward="safeguarding",
    lane="urgent",
)
