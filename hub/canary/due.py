"""
Due: what an agency is to hear of a canary, worked out from the words of its policy alone.

This is a second reading of what the gate does, by other hands: a walk over plain values, with nothing of what compiles,
projects, coarsens or decides. It knows canaries and no other events, so it can be short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hub.agency import Hearing
from hub.canary.hatching import Canary
from hub.policy import Grant, Policy
from hub.stream import Sensitivity, Stream

Place = tuple[str | int, ...]
"""Where a value lies: the names on the way to it, and its number in each list."""
LONDON = ZoneInfo("Europe/London")
TO_NOBODY = frozenset({"restricted", "conflict", "legal-hold", "adopted"})


class Due(NamedTuple):
    """What is to be heard of one canary: each value by its place, and the address on its papers."""

    leaves: Mapping[Place, Any]
    address: str


def due(canary: Canary, agency: str, policy: Policy, hearing: Hearing, *, now: datetime) -> Due | None:
    """What *agency* is to hear of *canary* when it is decided *now*; None for nothing at all."""
    stream, grant = canary.stream, policy.hears[canary.stream.name]
    if now.astimezone(LONDON).date() > policy.expires or _shut(canary, grant):
        return None
    for path, accepted in grant.where.items():
        if not any(one == value and type(one) is type(value) for value in accepted for one in said(canary, path)):
            return None
    limited = _limited(canary, grant)
    lost = _lost(stream, grant, limited)
    if lost is None:
        return None
    address = ""
    if hearing.addressed_by is not None:
        if hearing.addressed_by in limited:
            return None
        address = next(iter(said(canary, hearing.addressed_by)), None) or hearing.otherwise or ""
        if not address:
            return None
    day = now.astimezone(LONDON).date()
    leaves = {}
    for place, value in flat(canary.values):
        path = path_of(place)
        if path in lost:
            continue
        if path in grant.fields:
            leaves[place] = value
        elif path in grant.coarse:
            leaves[place] = COARSE[grant.coarse[path]](value, day)
    return Due(leaves, address) if leaves else None


def _shut(canary: Canary, grant: Grant) -> bool:
    """Whether a seal, a right or the gate keeps all of it back."""
    way, stream = canary.way, canary.stream
    if (stream.restricted and way.restricted is not False) or (stream.conflicts and way.conflict):
        return True
    if way.told in TO_NOBODY:
        return True
    overridden = stream.override is not None and way.override == "sound"
    objects = way.told == "restriction" or (way.told == "objection" and grant.basis.article6 not in ("c", "d"))
    if objects and not (overridden and grant.gate in ("contact-stage", "significant-harm")):
        return True
    asked = stream.consent is not None or canary.told is not None
    agreed = asked and way.consent == "given" and way.told != "withdrawn"
    if grant.gate == "consent":
        return not agreed
    if grant.gate == "significant-harm":
        return not overridden
    if grant.gate == "contact-stage":
        return not (stream.stage is not None and way.at_contact and (agreed or overridden))
    return False


def _limited(canary: Canary, grant: Grant) -> set[str]:
    """The granted fields that are kept back of this canary."""
    way, stream = canary.way, canary.stream
    granted = {*grant.fields, *grant.coarse}
    facts = {fact.name: fact for fact in stream.facts()}
    limited: set[str] = set()
    if (stream.confidential and way.confidential) or way.told == "confidential":
        limited |= {path for path in granted if facts[path].sensitivity is Sensitivity.CONTACT}
    if stream.approvals is None or not way.approved:
        limited |= {path for path in granted if facts[path].sensitivity is Sensitivity.NARRATIVE}
    if stream.match and not way.certain:
        limited |= granted - set(grant.even_if.uncertain)
    if grant.gate == "opt-out" and way.told == "opted-out":
        limited |= granted - set(grant.even_if.opted_out)
    return limited


def _lost(stream: Stream, grant: Grant, limited: set[str]) -> set[str] | None:
    """
    All granted fields that go with those that are *limited*; None where the event cannot be told without them.

    A field that must have a value goes with the nearest record around it that may be absent, or list that may be
    empty, and with all that is in that.
    """
    optional = {fact.name for fact in stream.facts() if fact.optional or fact.repeated}
    optional -= {path for path, word in grant.coarse.items() if word == "present"}
    lost: set[str] = set()
    for path in limited:
        parts = path.split(".")
        above = [".".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
        node = next((one for one in above if one in optional), None)
        if node is None:
            return None
        lost |= {one for one in (*grant.fields, *grant.coarse) if one == node or one.startswith(f"{node}.")}
    return lost


def said(canary: Canary, path: str) -> list[Any]:
    """What a canary says at *path*, outside lists: one value, or none."""
    wanted = tuple(path.split("."))
    return [value for place, value in flat(canary.values) if place == wanted]


def flat(values: Any, above: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value that is said, with its place; what is absent is not."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from flat(value, (*above, name))
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from flat(value, (*above, number))
    elif values is not None:
        yield above, values


def path_of(place: Place) -> str:
    """The field of a place, as policies write it."""
    return ".".join(part for part in place if isinstance(part, str))


def _age_band(born: date, day: date) -> str:
    years = int(f"{day:%Y%m%d}") - int(f"{born:%Y%m%d}")
    if years < 0:
        return "unborn"
    bands = [(1, "under 1"), (5, "1 to 4"), (10, "5 to 9"), (16, "10 to 15"), (18, "16 to 17")]
    return next((name for end, name in bands if years // 10_000 < end), "18 and over")


def _count_band(count: int, _day: date) -> str:
    bands = [(0, "none"), (5, "1 to 5"), (10, "6 to 10"), (20, "11 to 20")]
    return next((name for most, name in bands if count <= most), "over 20")


COARSE: Mapping[str, Callable[[Any, date], Any]] = {
    "year": lambda value, _: int(f"{value:%Y}"),
    "month": lambda value, _: f"{value:%Y-%m}",
    "age_band": _age_band,
    "outward_postcode": lambda value, _: value.split()[0],
    "initial": lambda value, _: value[0].upper(),
    "initials": lambda value, _: " ".join(part[0] for part in value.upper().split("-")),
    "present": lambda _, __: True,
    "count_band": _count_band,
}
"""What a token looks like once it is coarsened, by the word."""
