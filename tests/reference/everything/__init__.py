"""
Everything: a stream that uses whatever a stream may declare, at every depth; none of the hub's uses all of it.

Records that may be absent lie in records that may not, lists in lists, free text in both, so that a limit finds a way
out that is near, far or none at all.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from hub.gates import Approval, Consent, Override
from hub.stream import Event, Sensitivity, Stream


class Place(Event):
    """Where somebody is."""

    line: Annotated[str, Field(description="Building and street."), Sensitivity.CONTACT]
    postcode: Annotated[str | None, Field(description="Postcode."), Sensitivity.CONTACT] = None
    rooms: Annotated[int | None, Field(description="How many rooms."), Sensitivity.PERSONAL] = None


class Note(Event):
    """Something that somebody wrote."""

    text: Annotated[str, Field(description="What was written."), Sensitivity.NARRATIVE]
    on: Annotated[date | None, Field(description="On which day."), Sensitivity.PERSONAL] = None
    counts: Annotated[tuple[int, ...], Field(description="How many of each."), Sensitivity.PERSONAL] = ()


class Person(Event):
    """Somebody in the child's life."""

    name: Annotated[str, Field(description="Name."), Sensitivity.PERSONAL]
    born: Annotated[date | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    place: Annotated[Place | None, Field(description="Where they are."), Sensitivity.CONTACT] = None
    notes: Annotated[tuple[Note, ...], Field(description="What was written of them."), Sensitivity.NARRATIVE] = ()


class Child(Event):
    """The child."""

    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    upn: Annotated[str | None, Field(description="Unique pupil number."), Sensitivity.IDENTIFIER] = None
    case_id: Annotated[str | None, Field(description="Number in the case system."), Sensitivity.IDENTIFIER] = None
    name: Annotated[str, Field(description="Name."), Sensitivity.PERSONAL]
    born: Annotated[date | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None
    expected: Annotated[date | None, Field(description="Expected date of delivery."), Sensitivity.SPECIAL] = None
    home: Annotated[Place, Field(description="Home."), Sensitivity.CONTACT]
    refuge: Annotated[Place | None, Field(description="Where the child is hidden."), Sensitivity.CONTACT] = None


class Everything(Event):
    """Something happened, with all that may be said of anything."""

    child: Annotated[Child | None, Field(description="The child."), Sensitivity.NARRATIVE] = None
    stage: Annotated[
        Literal["contact", "referral", "closed"] | None, Field(description="How far it has come."), Sensitivity.SPECIAL
    ] = None
    match: Annotated[
        Literal["certain", "probable", "possible"] | None,
        Field(description="How sure it is who the child is."),
        Sensitivity.PERSONAL,
    ] = None
    restricted: Annotated[bool | None, Field(description="Whether it is sensitive."), Sensitivity.SPECIAL] = None
    confidential: Annotated[bool | None, Field(description="Whether the place is hidden."), Sensitivity.SPECIAL] = None
    conflicts: Annotated[tuple[str, ...], Field(description="Who must not hear."), Sensitivity.CRIMINAL] = ()
    worker: Annotated[str | None, Field(description="Whose message it is."), Sensitivity.IDENTIFIER] = None
    at: Annotated[datetime, Field(description="When it happened."), Sensitivity.PERSONAL]
    sessions: Annotated[int, Field(description="How many sessions."), Sensitivity.PERSONAL]
    codes: Annotated[tuple[str, ...], Field(description="Codes that fit."), Sensitivity.SPECIAL] = ()
    summary: Annotated[str | None, Field(description="In short."), Sensitivity.NARRATIVE] = None
    account: Annotated[Note, Field(description="At length."), Sensitivity.NARRATIVE]
    people: Annotated[tuple[Person, ...], Field(description="Who else is there."), Sensitivity.NARRATIVE] = ()
    consent: Annotated[Consent | None, Field(description="What was answered."), Sensitivity.PERSONAL] = None
    override: Annotated[Override | None, Field(description="Why without consent."), Sensitivity.SPECIAL] = None
    approvals: Annotated[tuple[Approval, ...], Field(description="Released free text."), Sensitivity.OPEN] = ()


stream = Stream(
    name="everything",
    event=Everything,
    key=("child.nhs_number", "child.upn", "child.case_id"),
    keep="days",
    steward="tests",
    subject=(("nhs_number", "child.nhs_number"), ("upn", "child.upn"), ("case_id", "child.case_id")),
    born="child.born",
    expected="child.expected",
    consent="consent",
    override="override",
    stage="stage",
    restricted="restricted",
    conflicts="conflicts",
    confidential="confidential",
    match="match",
    approvals="approvals",
)
