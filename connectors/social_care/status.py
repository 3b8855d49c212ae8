"""The sharing status format: what social care's JSON may hold, field by field; what it means is in inbound.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from hub.formats.part import Part
from hub.gates import Status, Who
from schemas.fields import Day, LocalId, Moment, Name, NhsNumber, Upn


class Answered(Part):
    """One answer to the question whether something may be shared."""

    about: Annotated[
        Name | None, Field(description="The section of the privacy notice, as its heading is spelled; left out: all.")
    ] = None
    status: Annotated[Status, Field(description="What was answered, or that nobody did.")]
    given_by: Annotated[Who | None, Field(description="Who answered.")] = None
    recorded_at: Annotated[Moment, Field(description="When the answer was recorded.")]
    until: Annotated[Day | None, Field(description="The last day on which it holds.")] = None


class Objected(Part):
    """An objection to being told of, and what came of it."""

    to: Annotated[Name | None, Field(description="The agency, by its name in the hub; left out: all.")] = None
    status: Annotated[
        Literal["raised", "upheld", "overruled"], Field(description="Not answered yet; upheld; or overruled.")
    ]
    recorded_at: Annotated[Moment, Field(description="When that was recorded.")]


class SharingStatus(Part):
    """All that now decides who may hear of one child, whole: what is left out is not so."""

    id: Annotated[LocalId, Field(description="Social care's own id of this message: the same id, the same message.")]
    nhs_number: Annotated[NhsNumber | None, Field(description="NHS number.")] = None
    upn: Annotated[Upn | None, Field(description="Unique pupil number.")] = None
    case_id: Annotated[LocalId | None, Field(description="The child's number in the case system.")] = None
    born: Annotated[Day | None, Field(description="Date of birth.")] = None
    answers: Annotated[tuple[Answered, ...], Field(max_length=200, description="What was answered on sharing.")] = ()
    objections: Annotated[tuple[Objected, ...], Field(max_length=200, description="Objections to sharing.")] = ()
    restriction: Annotated[StrictBool, Field(description="Processing is restricted (UK GDPR article 18).")] = False
    opted_out: Annotated[
        StrictBool, Field(description="No more than name, address and date of birth (Education and Skills Act 2008).")
    ] = False
    restricted: Annotated[StrictBool, Field(description="The record is sensitive: nobody hears of the child.")] = False
    address_confidential: Annotated[StrictBool, Field(description="Nobody may learn where the child is.")] = False
    conflicts: Annotated[
        tuple[Name, ...],
        Field(max_length=50, description="Agencies, or agency/address, that must not hear of the child."),
    ] = ()
    legal_hold: Annotated[StrictBool, Field(description="A court or legal adviser has stopped all sharing.")] = False
    adopted: Annotated[
        Day | None,
        Field(description="The day of the adoption order: these identifiers are closed. Say nothing of the new ones."),
    ] = None
