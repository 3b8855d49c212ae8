"""Seals: what no policy can open; asked before any policy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from hub.case import Case
from hub.stream import Event, Stream, pick
from hub.view import Identifier, Known


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
    known, stream = case.known, case.stream
    if known.standings and (seal := _of_child(known, case.at)) is not None:
        return seal
    if stream.restricted is not None and pick(case.values, stream.restricted) is not False:
        return "restricted"
    own = () if stream.conflicts is None else pick(case.values, stream.conflicts) or ()
    return _conflict(known, own, case.agency, case.address) if own or known.standings else None


def of_released(known: Known, agency: str, address: str, at: datetime) -> str | None:
    """The seal that what is *known* by now puts on what was released before, of an event that was taken in *at*."""
    return _of_child(known, at) or _conflict(known, (), agency, address)


def said(standing: Mapping[str, Any]) -> bool:
    """Whether anything in a *standing* seals."""
    return bool(
        standing["adopted"] is not None or standing["legal_hold"] or standing["restricted"] or standing["conflicts"]
    )


def _of_child(known: Known, at: datetime) -> str | None:
    for standing, said_at in zip(known.standings, known.times, strict=True):
        if standing["adopted"] is not None and at != said_at:
            return "adoption"
    if any(standing["legal_hold"] for standing in known.standings):
        return "legal-hold"
    if any(standing["restricted"] for standing in known.standings):
        return "restricted"
    return None


def _conflict(known: Known, own: Iterable[str], agency: str, address: str) -> str | None:
    listed = [one for standing in known.standings for one in standing["conflicts"]]
    listed += own
    if listed and (agency in listed or (address and f"{agency}/{address}" in listed)):
        return "conflict"
    return None


def identifiers(values: Mapping[str, Any] | Event, stream: Stream) -> list[Identifier]:
    """All identifiers by which an event names its child."""
    return [(kind, found) for kind, path in stream.subject if isinstance(found := pick(values, path), str) and found]


def paths(stream: Stream) -> Collection[str]:
    """The fields that seals look at, and those by which the child is found."""
    marks = (stream.restricted, stream.conflicts)
    return {*(mark for mark in marks if mark is not None), *(path for _, path in stream.subject)}
