"""
Standing: what is known of one child that decides who may hear of them; what happened to the child is elsewhere.

Said whole, on a compacted topic: the newest word takes the place of the one before. It holds no case information, and
of every child but those who need it the hub holds none.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from hub.gates import Recorded, Status, Who
from hub.stream import Event, Sensitivity


class Answer(Event):
    """One answer to the question whether something may be shared (UK GDPR article 7)."""

    about: Annotated[
        str | None,
        Field(max_length=120, description="The section of the privacy notice it is about; absent: all of them."),
        Sensitivity.OPEN,
    ] = None
    status: Annotated[Status, Field(description="What was answered, or that nobody did."), Sensitivity.PERSONAL]
    given_by: Annotated[Who | None, Field(description="Who answered."), Sensitivity.PERSONAL] = None
    recorded_at: Annotated[Recorded, Field(description="When the answer was recorded."), Sensitivity.OPEN]
    until: Annotated[date | None, Field(description="The last day on which it holds."), Sensitivity.OPEN] = None


class Objection(Event):
    """An objection to being told of (UK GDPR article 21), and what came of it."""

    to: Annotated[
        str | None, Field(max_length=80, description="The agency that is not to hear; absent: none is."),
        Sensitivity.PERSONAL,
    ] = None  # fmt: skip
    status: Annotated[
        Literal["raised", "upheld", "overruled"],
        Field(description="Raised and not answered yet; upheld; or overruled on compelling grounds."),
        Sensitivity.PERSONAL,
    ]
    recorded_at: Annotated[Recorded, Field(description="When that was recorded."), Sensitivity.OPEN]


class Standing(Event):
    """
    What decides who may hear of one child.

    Found by any of the identifiers it names. Where `adopted` is said, these are the child's identifiers from before
    the order; those of after it are never said here, nor anything else of the child's new life.
    """

    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    upn: Annotated[str | None, Field(description="Unique pupil number."), Sensitivity.IDENTIFIER] = None
    case_id: Annotated[
        str | None, Field(description="The child's number in the authority's case system."), Sensitivity.IDENTIFIER
    ] = None
    born: Annotated[date | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    answers: Annotated[
        tuple[Answer, ...], Field(max_length=200, description="What was answered on sharing."), Sensitivity.PERSONAL
    ] = ()
    objections: Annotated[
        tuple[Objection, ...], Field(max_length=200, description="Objections to sharing."), Sensitivity.PERSONAL
    ] = ()
    restriction: Annotated[
        bool, Field(description="Whether processing is restricted (UK GDPR article 18)."), Sensitivity.PERSONAL
    ] = False
    opted_out: Annotated[
        bool,
        Field(description="Whether no more than name, address and date of birth may be passed on for learning and "
                          "careers (Education and Skills Act 2008 s.14)."),
        Sensitivity.PERSONAL,
    ] = False  # fmt: skip
    restricted: Annotated[
        bool, Field(description="Whether the record is sensitive: nobody hears of the child."), Sensitivity.SPECIAL
    ] = False
    address_confidential: Annotated[
        bool, Field(description="Whether nobody may learn where the child is, as in a refuge."), Sensitivity.SPECIAL
    ] = False
    conflicts: Annotated[
        tuple[str, ...],
        Field(max_length=50, description="Agencies, or agency/address, that must not hear: the person of whom the "
                                         "child is in danger works there."),
        Sensitivity.CRIMINAL,
    ] = ()  # fmt: skip
    legal_hold: Annotated[
        bool, Field(description="Whether a court or legal adviser has stopped all sharing."), Sensitivity.SPECIAL
    ] = False
    adopted: Annotated[
        date | None, Field(description="The day of the adoption order, which closes these identifiers."),
        Sensitivity.SPECIAL,
    ] = None  # fmt: skip
