"""Telling: how each delivery stands against its deadline, in words, and which is worst; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, NamedTuple

from hub.catalog import Catalog
from hub.ops.picture import Delivery, Picture, Trouble
from hub.ops.web import words
from hub.ops.web.words import Said

State = Literal["late", "nearly late", "held off", "parked", "waiting", "told"]
STATES: Final[dict[State, Said]] = {
    "late": Said("late", "trouble", "not acknowledged within the time that was agreed"),
    "nearly late": Said("nearly late", "warning", "three quarters of the time that was agreed are over"),
    "held off": Said("held off", "warning", "the partner's door failed again and again, and is knocked at less often"),
    "parked": Said("parked", "warning", "some wait for a person"),
    "waiting": Said("on its way", "ok", "waits, and within the time that was agreed"),
    "told": Said("told", "ok", "nothing waits"),
}
"""The worst first."""
NEARLY: Final = 0.75
"""The share of the agreed time after which somebody can still see to it that it is kept."""
SHORT: Final = 3 * 3600.0
"""Seconds of an agreed time that is told as `4 min of 5`; a longer one is told by when it ends."""
_PERIOD: Final = re.compile(r"(\d+)\s*(seconds?|minutes?|hours?)")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}


class Standing(NamedTuple):
    """One delivery with its *state*, and the *share* of its time that is used up, 0 where no time is agreed."""

    delivery: Delivery
    state: State
    share: float


def standing(one: Delivery, now: datetime) -> Standing:
    """How *one* stands at *now*."""
    share = 0.0
    if one.undelivered and one.oldest is not None and one.due is not None:
        allowed = (one.due - one.oldest).total_seconds()
        share = (now - one.oldest).total_seconds() / allowed if allowed > 0 else 1.0
    late = bool(one.undelivered) and one.due is not None and now > one.due
    state: State = (
        "late"
        if late
        else "nearly late"
        if share >= NEARLY
        else "held off"
        if one.held_off
        else "parked"
        if one.parked
        else "waiting"
        if one.undelivered
        else "told"
    )
    return Standing(one, state, max(share, 1.0) if late else share)


def standings(deliveries: Iterable[Delivery], now: datetime) -> list[Standing]:
    """Each of *deliveries* with how it stands, the worst first."""
    order = list(STATES)
    found = [standing(one, now) for one in deliveries]
    return sorted(found, key=lambda one: (order.index(one.state), -one.share, one.delivery.agency, one.delivery.stream))


def waits(one: Delivery, now: datetime) -> str:
    """How long its oldest waits, against the time that was agreed: `4 min of 5 min`."""
    if not one.undelivered or one.oldest is None:
        return "nothing waits"
    waited = words.age(one.oldest, now)
    if one.due is None:
        return f"{waited}, no time agreed"
    allowed = (one.due - one.oldest).total_seconds()
    if allowed <= SHORT:
        return f"{waited} of {words.lasting(allowed)}"
    left = (one.due - now).total_seconds()
    how = f"in {words.lasting(left)}" if left >= 0 else f"{words.lasting(-left)} ago"
    return f"{waited}; {'due' if left >= 0 else 'was due'} {words.moment(one.due, now)}, {how}"


def agreed(one: Delivery) -> float | None:
    """The time that was agreed, in seconds, where it is the same at any hour; None where it goes by the calendar."""
    if (found := _PERIOD.fullmatch(one.within.strip())) is not None:
        return float(found[1]) * _SECONDS[found[2].rstrip("s")]
    if one.oldest is not None and one.due is not None and (one.due - one.oldest).total_seconds() <= SHORT:
        return (one.due - one.oldest).total_seconds()
    return None


def troubles(catalog: Catalog, picture: Picture, now: datetime) -> list[Trouble]:
    """
    What a person should look at, the worst first.

    What is late is told though the observer did not: the page must never know less than its own figures say.
    """
    known = {(one.agency, one.stream) for one in picture.troubles if one.severity == "trouble"}
    late = [
        Trouble(
            severity="trouble",
            code="delivery.overdue",
            agency=one.delivery.agency,
            stream=one.delivery.stream,
            since=one.delivery.due,
            sentence=f"{oldest(catalog, one.delivery)}: {waits(one.delivery, now)}",
        )
        for one in standings(picture.deliveries, now)
        if one.state == "late" and (one.delivery.agency, one.delivery.stream) not in known
    ]
    every = [*picture.troubles, *late]
    return sorted(every, key=lambda one: (one.severity != "trouble", one.since or now, one.code, one.sentence))


def oldest(catalog: Catalog, one: Delivery) -> str:
    """The subject of a sentence about what waits longest."""
    return f"Oldest undelivered {words.named(one.stream)} to {name_of(catalog, one.agency)}"


def name_of(catalog: Catalog, agency: str) -> str:
    """An agency's own name; its key where the catalog does not know it."""
    known = catalog.agencies.get(agency)
    return agency if known is None else known.name


def short(catalog: Catalog, agency: str) -> str:
    """An agency's name without what it is a part of."""
    return name_of(catalog, agency).partition(",")[0]
