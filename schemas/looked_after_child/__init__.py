"""
Looked-after child: a child in care and one episode of it, as SSDA903 records them; adoption is elsewhere.

Code lists are those of the SSDA903 header and episodes files. Where they differ by year the union is accepted,
because an episode keeps the code of the year it began in; what has been dropped stands in RETIRED_PLACEMENTS.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Day, EthnicityCode, LocalId, Postcode, Sex, Upn

# fmt: off
ReasonStarted = Literal["S", "L", "P", "T", "B", "U"]
"""RNE: started care; or legal status, placement, both or carer changed within it."""

LegalStatus = Literal["C1", "C2", "D1", "E1", "V2", "V3", "V4", "L1", "L2", "L3", "J1", "J2", "J3"]
"""LS."""

Need = Literal["N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8"]
"""CIN, the category of need."""

Placement = Literal[
    "A3", "A4", "A5", "A6", "H5", "K1", "K2", "K3", "P1", "P2", "P3", "R1", "R2", "R3", "R5", "S1",
    "T0", "T1", "T2", "T3", "T4", "U1", "U2", "U3", "U4", "U5", "U6", "Z1", "Z11", "Z12", "Z13", "Z14",
]
"""PLACE, every year's."""

RETIRED_PLACEMENTS: Final = frozenset({"H5", "P2", "Z1"})
"""H5 and P2 left the list in 2024/25; Z11 to Z14 replaced Z1 by 2025/26."""

PlacementProvider = Literal["PR0", "PR1", "PR2", "PR3", "PR4", "PR5"]
"""PLACE_PROVIDER."""

ReasonEnded = Literal[
    "X1", "E2", "E3", "E4A", "E4B", "E5", "E6", "E7", "E8", "E9", "E11", "E12", "E13", "E14", "E15", "E16", "E17",
    "E41", "E45", "E46", "E47", "E48",
]
"""REC; E11 and E12 are adoptions."""

ReasonChanged = Literal[
    "CARPL", "CLOSE", "ALLEG", "STAND", "APPRR", "CREQB", "CREQO", "CHILD", "LAREQ", "PLACE", "CUSTOD", "OTHER",
]
"""REASON_PLACE_CHANGE."""

UpnUnknown = Literal["UN1", "UN2", "UN3", "UN4", "UN5", "UN6", "UN7"]
"""UPNunknown of the CIN census; UN1 to UN5 in SSDA903."""
# fmt: on


def _ofsted_urn(value: str) -> str:
    urn = value.upper()
    # X seven times: the provider is a regional adoption agency, which has none.
    if not re.fullmatch(r"(?:SC)?[0-9]{6,7}|X{7}", urn, re.ASCII):
        raise PydanticCustomError(
            "ofsted_urn_form", "a provider's Ofsted URN is six or seven digits, SC before it or not"
        )
    return urn


class Child(Event):
    """The header of a child in care (SSDA903 header)."""

    local_id: Annotated[
        LocalId, Field(description="The child's number in the authority's return."), Sensitivity.IDENTIFIER
    ]
    upn: Annotated[Upn | None, Field(description="Unique pupil number."), Sensitivity.IDENTIFIER] = None
    upn_unknown_reason: Annotated[
        UpnUnknown | None, Field(description="Why there is no UPN."), Sensitivity.PERSONAL
    ] = None
    sex: Annotated[Sex | None, Field(description="Sex."), Sensitivity.PERSONAL] = None
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    ethnicity: Annotated[
        EthnicityCode | None, Field(description="Ethnicity by the CIN census's list."), Sensitivity.SPECIAL
    ] = None
    mother: Annotated[
        bool | None, Field(description="Whether the child in care is herself a mother."), Sensitivity.SPECIAL
    ] = None
    mothers_child_born: Annotated[
        Day | None, Field(description="When her own child was born."), Sensitivity.SPECIAL
    ] = None

    @model_validator(mode="after")
    def _header_fits(self) -> Self:
        if self.upn is not None and self.upn_unknown_reason is not None:
            raise PydanticCustomError("upn_known_and_unknown", "give the UPN or why there is none, not both")
        if self.mothers_child_born is not None and self.mother is False:
            raise PydanticCustomError(
                "child_of_no_mother", "a child was born to somebody who is said not to be a mother"
            )
        return self


class Episode(Event):
    """A stretch of care with one legal status and one placement (SSDA903 episodes)."""

    started: Annotated[Day, Field(description="DECOM: first day."), Sensitivity.SPECIAL]
    ended: Annotated[
        Day | None, Field(description="DEC: the day on which the next begins or care ends."), Sensitivity.SPECIAL
    ] = None
    reason_started: Annotated[ReasonStarted, Field(description="RNE: why it began."), Sensitivity.SPECIAL]
    legal_status: Annotated[LegalStatus, Field(description="LS: by what order."), Sensitivity.SPECIAL]
    need: Annotated[Need, Field(description="CIN: the main need."), Sensitivity.SPECIAL]
    placement: Annotated[Placement, Field(description="PLACE: what kind of placement."), Sensitivity.SPECIAL]
    provider: Annotated[
        PlacementProvider | None, Field(description="PLACE_PROVIDER: whose placement it is."), Sensitivity.SPECIAL
    ] = None
    reason_ended: Annotated[ReasonEnded | None, Field(description="REC: why it ended."), Sensitivity.SPECIAL] = None
    reason_changed: Annotated[
        ReasonChanged | None, Field(description="REASON_PLACE_CHANGE: why the child moved."), Sensitivity.SPECIAL
    ] = None
    home_postcode: Annotated[
        Postcode | None, Field(description="HOME_POST: where the child came from."), Sensitivity.CONTACT
    ] = None
    placement_postcode: Annotated[
        Postcode | None, Field(description="PL_POST: where the child is."), Sensitivity.CONTACT
    ] = None
    ofsted_urn: Annotated[
        Annotated[str, AfterValidator(_ofsted_urn)] | None,
        Field(description="URN: the provider's number with Ofsted."),
        Sensitivity.CONTACT,
    ] = None

    @model_validator(mode="after")
    def _lasts_a_day(self) -> Self:
        if self.ended is not None and self.ended <= self.started:
            raise PydanticCustomError("ended_before_it_lasted", "an episode ends on a later day than it starts")
        return self


class LookedAfterRecorded(Event):
    """The authority recorded a child in care, or one episode of theirs (SSDA903)."""

    child: Annotated[Child, Field(description="The child in care."), Sensitivity.SPECIAL]
    episode: Annotated[
        Episode | None, Field(description="The episode, where the record is of one."), Sensitivity.SPECIAL
    ] = None


stream = Stream(
    name="looked_after_child",
    event=LookedAfterRecorded,
    key=("child.local_id",),
    subject=(
        ("upn", "child.upn"),
        ("case_id", "child.local_id"),
    ),
    born="child.born",
    keep="days",
    steward="safeguarding",
)
