"""Identified: what an event says where the hub, and not its sender, knows by which NHS number the child goes."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from hub.stream import Event, Sensitivity

Certainty = Literal["certain", "probable", "possible"]
"""Only `certain` is used without a person's review; of the rest a recipient is told no more than a pointer."""
CERTAINTIES: tuple[Certainty, ...] = get_args(Certainty)
Because = Literal["local_number", "superseded", "former", "contradicted"]


class Identified(Event):
    """
    By which NHS number an event is carried, and why not by the one that its sender gave, or did not give.

    What the sender said stays beside it as it was said. *because* is `local_number` where the sender's own number
    led to it, `superseded` where the number that was sent gave way to it, `former` where it is an older number of the
    same person, under which something may still lie, and `contradicted` where what was said does not agree.
    """

    nhs_number: Annotated[
        str,
        Field(pattern=r"^[0-9]{10}$", description="The NHS number by which it is carried."),
        Sensitivity.IDENTIFIER,
    ]
    match: Annotated[
        Certainty, Field(description="How certain it is that this number is that of who is meant."), Sensitivity.OPEN
    ]
    because: Annotated[Because, Field(description="What led to it."), Sensitivity.OPEN]
