"""Coarsening: the few words in which a field may be heard less exactly; each is one function with its sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any


def year(value: date) -> int:
    """The year of a date."""
    return value.year


def month(value: date) -> str:
    """The year and month of a date: `2012-06`."""
    return f"{value.year:04d}-{value.month:02d}"


AGES = ((1, "under 1"), (5, "1 to 4"), (10, "5 to 9"), (16, "10 to 15"), (18, "16 to 17"))
"""The age bands of the children in need statistics, with those of age told apart."""


def age_band(value: date, day: date) -> str:
    """The band of the age that somebody born on a date has on *day*: `10 to 15`; `unborn` before the birth."""
    if day < value:
        return "unborn"
    age = day.year - value.year - ((day.month, day.day) < (value.month, value.day))
    return next((band for below, band in AGES if age < below), "18 and over")


def count_band(value: int) -> str:
    """About how many: few are never told exactly, as the Department for Education's statistics suppress 1 to 5."""
    if value <= 0:
        return "none"
    return "1 to 5" if value <= 5 else "6 to 10" if value <= 10 else "11 to 20" if value <= 20 else "over 20"


def outward_postcode(value: str) -> str:
    """The first half of a postcode, which names some thousands of households."""
    head, space, _ = value.strip().upper().partition(" ")
    return head if space else head[:-3]


def initial(value: str) -> str:
    """The first letter of a name."""
    return value.strip()[:1].upper()


def initials(value: str) -> str:
    """The first letter of each part of a name: `J S`."""
    return " ".join(part[0] for part in value.upper().replace("-", " ").split())


def present(value: Any) -> bool:
    """Only that the field has a value: "known to us: call this number"."""
    return value is not None


@dataclass(frozen=True, slots=True)
class Word:
    """
    One word of the vocabulary: from which kinds of field, by which function, to which kind.

    A word *of_day* is given the event's own day as well, never today's: the same event is told in the same words
    whenever it is told.
    """

    apply: Callable[..., Any]
    takes: tuple[type, ...]
    gives: type
    of_day: bool = False
    of_absence: bool = False  # whether an absent value still says something


WORDS: Mapping[str, Word] = {
    "year": Word(year, (date,), int),
    "month": Word(month, (date,), str),
    "outward_postcode": Word(outward_postcode, (str,), str),
    "age_band": Word(age_band, (date,), str, of_day=True),
    "count_band": Word(count_band, (int,), str),
    "initials": Word(initials, (str,), str),
    "initial": Word(initial, (str,), str),
    "present": Word(present, (object,), bool, of_absence=True),
}
