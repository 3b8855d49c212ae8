"""
Adoption case: how far a child's adoption has come, until the order; nothing here knows the child's later name.

Dates and reasons are those of the quarterly adoption and special guardianship collection (SSD `ssd_permanence`)
and of the SSDA903 files ad1 and placed_for_adoption.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Day, LocalId, Name

ReversalReason = Literal["RD1", "RD2", "RD3", "RD4"]
"""SSDA903 REASON_PLACED_CEASED: needs changed; no placement order; no adopters; other."""

AdoptersSex = Literal["M1", "F1", "MM", "FF", "MF"]
"""SSDA903 SEX_ADOPTR."""

AdoptersLegalStatus = Literal["L0", "L11", "L12", "L2", "L3", "L4"]
"""SSDA903 LS_ADOPTR."""


OrderType = Literal["adoption", "special_guardianship", "child_arrangements"]


class Child(Event):
    """The child under the identity from before the order (SSDA903)."""

    local_id: Annotated[
        LocalId, Field(description="The child's number in the authority's return."), Sensitivity.IDENTIFIER
    ]
    surname: Annotated[Name | None, Field(description="Surname before the order."), Sensitivity.PERSONAL] = None
    forename: Annotated[Name | None, Field(description="Forename before the order."), Sensitivity.PERSONAL] = None
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None


class AdoptionCaseChanged(Event):
    """How far one child's way to adoption has come, as it now is (SSD `ssd_permanence`) or as a return has it."""

    child: Annotated[Child, Field(description="The child."), Sensitivity.IDENTIFIER]
    adoption_decided: Annotated[
        bool | None,
        Field(description="Whether adoption was decided to be in the child's best interest, reversed since or not."),
        Sensitivity.SPECIAL,
    ] = None
    decided: Annotated[
        Day | None, Field(description="The agency decision maker decided for adoption."), Sensitivity.SPECIAL
    ] = None
    ffa_decided: Annotated[
        Day | None, Field(description="Decision for fostering for adoption."), Sensitivity.SPECIAL
    ] = None
    placement_order: Annotated[Day | None, Field(description="The court's placement order."), Sensitivity.SPECIAL] = (
        None
    )
    matched: Annotated[Day | None, Field(description="Matched with adopters."), Sensitivity.SPECIAL] = None
    placed: Annotated[Day | None, Field(description="Placed for adoption."), Sensitivity.SPECIAL] = None
    placed_ffa: Annotated[Day | None, Field(description="Placed in fostering for adoption."), Sensitivity.SPECIAL] = (
        None
    )
    reversed_on: Annotated[
        Day | None, Field(description="It was decided that the child is not to be adopted."), Sensitivity.SPECIAL
    ] = None
    reversal_reason: Annotated[ReversalReason | None, Field(description="Why not."), Sensitivity.SPECIAL] = None
    ordered: Annotated[Day | None, Field(description="The final order."), Sensitivity.SPECIAL] = None
    order_type: Annotated[
        OrderType | None,
        Field(description="Which final order."),
        Sensitivity.SPECIAL,
    ] = None
    adopted_by_foster_carer: Annotated[
        bool | None, Field(description="Whether the adopters were the foster carers."), Sensitivity.SPECIAL
    ] = None
    adopters: Annotated[int | None, Field(ge=1, le=2, description="How many adopters."), Sensitivity.SPECIAL] = None
    adopters_sex: Annotated[AdoptersSex | None, Field(description="Their sex."), Sensitivity.SPECIAL] = None
    adopters_legal_status: Annotated[
        AdoptersLegalStatus | None, Field(description="Married, partners or single."), Sensitivity.SPECIAL
    ] = None
    siblings_group: Annotated[
        bool | None, Field(description="Whether the plan is for siblings together."), Sensitivity.SPECIAL
    ] = None
    siblings_together: Annotated[
        int | None,
        Field(ge=0, le=20, description="Siblings placed together, this child among them."),
        Sensitivity.SPECIAL,
    ] = None
    siblings_apart: Annotated[
        int | None, Field(ge=0, le=20, description="Siblings placed apart."), Sensitivity.SPECIAL
    ] = None
    placed_foster_carer: Annotated[
        Day | None,
        Field(description="Placed with the foster carers who then became the adopters."),
        Sensitivity.SPECIAL,
    ] = None

    whole: Annotated[
        bool | None,
        Field(description="Whether this is all that is known of the case: a yearly return holds a part of it."),
        Sensitivity.OPEN,
    ] = None

    @model_validator(mode="after")
    def _one_after_another(self) -> Self:
        steps = (self.decided, self.placement_order, self.matched, self.placed, self.ordered)
        if any(later < earlier for earlier, later in pairwise(step for step in steps if step is not None)):
            raise PydanticCustomError(
                "out_of_order", "decision, placement order, match, placement and final order follow one another"
            )
        return self

    @model_validator(mode="after")
    def _reversed_is_over(self) -> Self:
        if self.reversed_on is None:
            if self.reversal_reason is not None:
                raise PydanticCustomError("reason_without_reversal", "a reason for a reversal needs its day")
            return self
        # Special guardianship and child arrangements are what a reversed plan may well end in.
        over = [self.placed, self.ordered if self.order_type in (None, "adoption") else None]
        if any(step is not None and step > self.reversed_on for step in over):
            raise PydanticCustomError("placed_after_reversal", "no placement or adoption order follows a reversal")
        return self


stream = Stream(
    name="adoption_case",
    event=AdoptionCaseChanged,
    key=("child.local_id",),
    subject=(("case_id", "child.local_id"),),
    born="child.born",
    keep="days",
    steward="safeguarding",
)
