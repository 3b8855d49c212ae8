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


def outward_postcode(value: str) -> str:
    """The first half of a postcode, which names some thousands of households."""
    head, space, _ = value.strip().upper().partition(" ")
    return head if space else head[:-3]


def initial(value: str) -> str:
    """The first letter of a name."""
    return value.strip()[:1].upper()


def present(value: Any) -> bool:
    """Only that the field has a value: "known to us: call this number"."""
    return value is not None


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the vocabulary: from which kinds of field, by which function, to which kind."""

    apply: Callable[[Any], Any]
    takes: tuple[type, ...]
    gives: type
    of_absence: bool = False  # whether an absent value still says something


WORDS: Mapping[str, Word] = {
    "year": Word(year, (date,), int),
    "month": Word(month, (date,), str),
    "outward_postcode": Word(outward_postcode, (str,), str),
    "initial": Word(initial, (str,), str),
    "present": Word(present, (object,), bool, of_absence=True),
}
