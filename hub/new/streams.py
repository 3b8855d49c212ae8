"""Streams: the folder of a new stream, to be filled in."""

from __future__ import annotations


def module(name: str, event: str) -> str:
    """The text of its module; *event* is the name of what it reports."""
    return f'''"""TODO: {name}: what happened, in words that all agencies share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Day, LocalId


class Child(Event):
    """The child it happened to."""

    local_id: Annotated[
        LocalId, Field(description="The number in the authority's case system."), Sensitivity.IDENTIFIER
    ]
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None


class {event}(Event):
    """TODO: who reported what."""

    child: Annotated[Child, Field(description="The child it happened to.")]
    happened_on: Annotated[Day, Field(description="The day on which it happened."), Sensitivity.PERSONAL]


stream = Stream(
    name="{name}",
    event={event},
    key=("child.local_id",),
    # Every identifier of the child, with its kind: what was said of their consent, of an opt-out, of an adoption is
    # found by these, and by no other. `nhs_number` and `upn` too, where the event has them.
    subject=(("case_id", "child.local_id"),),
    born="child.born",
    keep="days",
    steward="TODO",
)
'''
