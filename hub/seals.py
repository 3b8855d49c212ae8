"""Seals: what no policy can open; asked before any policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hub.case import Case
from hub.stream import Event, Stream, pick
from hub.view import Identifier


def ask(case: Case) -> str | None:
    """
    The seal that keeps this event from this agency, or None.

    `adoption`: the child was adopted, and this event names the child as they were before; nothing said of that child
    is told to anyone again, but for what came with the order itself (Adoption and Children Act 2002 s.46; the
    authority's adoption file is the one way back). `legal-hold`: a court or legal adviser has stopped all sharing.
    `restricted`: the record is marked sensitive (the NHS S-flag, a protected identity); where a stream can carry the
    mark, only a `False` that was actually said opens it: an absent mark is a doubt. `conflict`: the person of whom the
    child is in danger works where it would be heard.
    """
    standings, stream = case.known.standings, case.stream
    if standings:
        for standing, said_at in zip(standings, case.known.times, strict=True):
            if standing["adopted"] is not None and case.at != said_at:
                return "adoption"
        if any(standing["legal_hold"] for standing in standings):
            return "legal-hold"
        if any(standing["restricted"] for standing in standings):
            return "restricted"
    if stream.restricted is not None and pick(case.values, stream.restricted) is not False:
        return "restricted"
    listed = [one for standing in standings for one in standing["conflicts"]]
    if stream.conflicts is not None:
        listed += pick(case.values, stream.conflicts) or ()
    if listed and (case.agency in listed or (case.address and f"{case.agency}/{case.address}" in listed)):
        return "conflict"
    return None


def identifiers(values: Mapping[str, Any] | Event, stream: Stream) -> list[Identifier]:
    """All identifiers by which an event names its child."""
    return [(kind, found) for kind, path in stream.subject if isinstance(found := pick(values, path), str) and found]


def paths(stream: Stream) -> Collection[str]:
    """The fields that seals look at, and those by which the child is found."""
    marks = (stream.restricted, stream.conflicts)
    return {*(mark for mark in marks if mark is not None), *(path for _, path in stream.subject)}
