"""Words: ages, moments and conditions as ops reads them; what they mean is decided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from hub.ops.picture import Condition, Reader

ENGLAND: Final = ZoneInfo("Europe/London")
UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class Said(NamedTuple):
    """A state for people: a *word*, its *look* (colour and shape go together), and what it means in a *sentence*."""

    word: str
    look: str
    sentence: str


CONDITIONS: Final[Mapping[Condition, Said]] = {
    "stopped": Said("stopped", "trouble", "records wait, and nobody reads them"),
    "stalled": Said("stalled", "trouble", "records wait, and the reader makes no headway"),
    "slow": Said("slow", "warning", "it reads, and falls further behind"),
    "silent": Said("silent", "warning", "nothing was said for longer than ever lately"),
    "unknown": Said("not known", "unknown", "too little was seen of it yet"),
    "ok": Said("in order", "ok", "at the end, or coming nearer to it"),
}
"""The worst first."""
READERS: Final[Mapping[Reader, str]] = {
    "relay": "the relay",
    "watch": "a watch",
    "courier": "a courier",
    "partner": "the partner itself",
}


def lasting(seconds: float) -> str:
    """A time in its largest unit and, where that says something, the next: `3 h 20 min`, `4 min`, `40 s`."""
    left = max(0, round(seconds))
    for place, (unit, size) in enumerate(UNITS):
        if left >= size:
            many, rest = divmod(left, size)
            if place + 1 < len(UNITS) and many < 10 and unit != "min" and rest >= UNITS[place + 1][1]:
                return f"{many} {unit} {rest // UNITS[place + 1][1]} {UNITS[place + 1][0]}"
            return f"{many} {unit}"
    return "0 s"


def age(since: datetime, now: datetime) -> str:
    """How long ago *since* was."""
    return lasting((now - since).total_seconds())


def moment(at: datetime, now: datetime) -> str:
    """A moment as people in England say it: `21:30` today, `Tue 08:30` within a week, `3 Dec 2026` further away."""
    here, today = at.astimezone(ENGLAND), now.astimezone(ENGLAND)
    if here.date() == today.date():
        return f"{here:%H:%M}"
    if abs(here - today) < timedelta(days=6):
        return f"{here:%a %H:%M}"
    return f"{here.day} {here:%b %Y}"


def clock(at: datetime) -> str:
    """A moment of today to the second."""
    return f"{at.astimezone(ENGLAND):%H:%M:%S}"


def exact(at: datetime) -> str:
    """A moment with its day, to the second, in England."""
    here = at.astimezone(ENGLAND)
    return f"{here:%a} {here.day} {here:%b %Y %H:%M:%S %Z}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 item`, `1,204 items`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def rate(a_minute: float) -> str:
    """A rate in figures that can be told apart: `0`, `0.4`, `12`, `1,204`."""
    return f"{a_minute:,.1f}" if 0 < a_minute < 10 else f"{a_minute:,.0f}"


def named(name: str) -> str:
    """The name of a stream, line or code as words."""
    return name.replace("_", " ")


def titled(name: str) -> str:
    """The same, at the head of something."""
    return sentence(named(name))


def sentence(said: str) -> str:
    """What is said, as it stands at the head of a line."""
    return said[:1].upper() + said[1:]
