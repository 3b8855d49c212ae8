"""Acknowledgements: what a partner says became of a file it was sent, after the road's own answer; no format."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hub.stream import Event, Sensitivity

Verdict = Literal["accepted", "again", "refused"]
"""It has it; it asks for the very same once more; it does not take it, and a person must look."""


class RecordVerdict(Event):
    """What became of one record of a file."""

    record: Annotated[int, Field(ge=1, description="Which record of the file, from 1."), Sensitivity.OPEN]
    verdict: Annotated[Verdict, Field(description="What became of it."), Sensitivity.OPEN]
    code: Annotated[
        str, Field(min_length=1, max_length=40, description="The partner's own code for that."), Sensitivity.OPEN
    ]


class Acknowledgement(Event):
    """
    What became of one file: of all its records alike, but for those that are named.

    A file is named by the *number* of its run, or by the id of its delivery as *message_id* where the road itself
    gave it back undelivered.
    """

    number: Annotated[int | None, Field(ge=0, description="The number of the file's run."), Sensitivity.OPEN] = None
    message_id: Annotated[
        str | None, Field(max_length=64, description="The id under which the file was handed over."), Sensitivity.OPEN
    ] = None
    verdict: Annotated[Verdict, Field(description="What became of the file."), Sensitivity.OPEN]
    code: Annotated[
        str, Field(min_length=1, max_length=40, description="The partner's own code for that."), Sensitivity.OPEN
    ]
    records: Annotated[
        tuple[RecordVerdict, ...],
        Field(max_length=100_000, description="Records that fared otherwise than the file."),
        Sensitivity.OPEN,
    ] = ()
