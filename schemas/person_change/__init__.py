"""
Person change: the national demographics say that something about a person changed, as it was told; not what now holds.

Fields follow the events that the Personal Demographics Service publishes by NEMS (National Events Management Service):
birth, death, change of address, change of GP practice, and that a record changed. An event carries what it is about
and no more: a change of GP says no address. Neither NEMS nor the road it comes on keeps an order, so an event here
may be older than one before it; `person_now` has those that were not.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Address, Day, LocalId, Moment, Name, NhsNumber, OdsCode

Changed = Literal["address", "gp", "death", "birth", "record"]
"""pds-change-of-address-1, -change-of-gp-1, -death-notification-1, -birth-notification-1, pds-record-change."""


class PersonChanged(Event):
    """One event about a person (NEMS, STU3 MessageHeader and Patient)."""

    nhs_number: Annotated[NhsNumber, Field(description="NHS number."), Sensitivity.IDENTIFIER]
    changed: Annotated[Changed, Field(description="What changed."), Sensitivity.SPECIAL]
    kind: Annotated[
        Literal["new", "update", "delete"],
        Field(description="Whether it is told for the first time, told anew, or taken back."),
        Sensitivity.OPEN,
    ]
    message_id: Annotated[LocalId, Field(description="The publisher's own id of the event."), Sensitivity.OPEN]
    version: Annotated[
        int | None,
        Field(ge=0, description="The event's number among those of this person and kind of event."),
        Sensitivity.OPEN,
    ] = None
    as_of: Annotated[Moment, Field(description="The moment whose state the event tells."), Sensitivity.PERSONAL]
    surname: Annotated[Name | None, Field(description="Surname."), Sensitivity.PERSONAL] = None
    forename: Annotated[Name | None, Field(description="Forename."), Sensitivity.PERSONAL] = None
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    address: Annotated[
        Address | None, Field(description="Where the person now lives, of a birth or a move."), Sensitivity.CONTACT
    ] = None
    gp_ods: Annotated[
        OdsCode | None, Field(description="The practice with which the person is now registered."), Sensitivity.CONTACT
    ] = None
    death: Annotated[
        Literal["informal", "formal", "removed"] | None,
        Field(description="Told of, certified, or taken back: the person is alive."),
        Sensitivity.SPECIAL,
    ] = None
    died: Annotated[Day | None, Field(description="Date of death."), Sensitivity.SPECIAL] = None
    mother_nhs_number: Annotated[
        NhsNumber | None, Field(description="The mother's NHS number, of a birth."), Sensitivity.IDENTIFIER
    ] = None
    restricted: Annotated[
        bool | None, Field(description="Whether the record is sensitive (S-flag)."), Sensitivity.SPECIAL
    ] = None


stream = Stream(
    name="person_change",
    event=PersonChanged,
    key=("nhs_number",),
    subject=(("nhs_number", "nhs_number"),),
    born="born",
    restricted="restricted",
    keep="days",
    steward="health",
    lane="routine",
)
