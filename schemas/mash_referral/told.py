"""What every partner's document of a contact holds alike: factors, addresses, and the record of consent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hub.formats.part import Part
from hub.gates import Status, Who
from schemas.fields import Moment, Name, Postcode
from schemas.mash_referral import FactorCode


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


Factor = Annotated[FactorCode, BeforeValidator(_upper)]
"""A code of the CIN census's AssessmentFactors, in any case."""


class Place(Part):
    """An address, as far as it is known."""

    line_1: Annotated[Name | None, Field(description="Building and street, or the flat.")] = None
    line_2: Annotated[Name | None, Field(description="Second line.")] = None
    line_3: Annotated[Name | None, Field(description="Third line.")] = None
    town: Annotated[Name | None, Field(description="Post town.")] = None
    county: Annotated[Name | None, Field(description="County.")] = None
    postcode: Annotated[Postcode | None, Field(description="Postcode, whole or not at all.")] = None


class Agreed(Part):
    """Whether the family, or the young person, agreed to sharing."""

    status: Annotated[
        Status, Field(description="What was answered (`sought`: not answered yet), or that nobody asked.")
    ]
    given_by: Annotated[
        Who | None, Field(description="Who answered; an agreement that nobody is said to have given is void.")
    ] = None
    recorded_at: Annotated[Moment | None, Field(description="When the answer was recorded.")] = None


class Overridden(Part):
    """Why it is shared without consent: void to every gate unless all three are there."""

    reason: Annotated[
        Literal["significant_harm", "prevent_crime", "seeking_consent_raises_risk", "child_at_risk"] | None,
        Field(description="Why it is shared without consent."),
    ] = None
    author: Annotated[
        Name | None, Field(description="The role, rank or post, not the name, of the person who decided.")
    ] = None
    recorded_at: Annotated[Moment | None, Field(description="When the decision was recorded.")] = None
