"""Tokens: values that nothing else says, of every kind that an event's field can have; what they mean is nothing."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, TypeVar, get_args, get_origin

T = TypeVar("T")
TEXT = re.compile(rb"canary-[0-9a-f]{16}", re.IGNORECASE)
"""A token of text, wherever it stands."""
_LONG_AGO = date(1910, 1, 1).toordinal()
_DAYS = 32_000  # to the middle of 1997: no child's birth, and nothing of this century
_OUTWARD = string.digits + string.ascii_uppercase
_INWARD = "ABDEFGHJLNPQRSTUWXYZ"  # the letters that the second half of a postcode may have


class Tokens:
    """
    Values that are each handed out once, drawn by *chance*.

    Texts tell themselves from everything else; the few values that a day or a whole number can have are told apart
    within one round only.
    """

    def __init__(self, chance: random.Random, now: datetime) -> None:
        self._chance = chance
        self._now = now
        self._given: set[Any] = set()

    def text(self) -> str:
        """`canary-` and 64 bits."""
        return f"canary-{self._chance.getrandbits(64):016x}"

    def postcode(self) -> str:
        """In the shape of one, of an area that does not exist."""
        draw = self._chance.choice
        return self._once(lambda: f"ZZ9{draw(_OUTWARD)} {draw(string.digits)}{draw(_INWARD)}{draw(_INWARD)}")

    def day(self) -> date:
        """A day of the last century."""
        return self._once(lambda: date.fromordinal(_LONG_AGO + self._chance.randrange(_DAYS)))

    def birthday(self) -> date:
        """Of a child for whom a parent answers: one to fourteen years ago."""
        return self._once(lambda: self._now.date() - timedelta(days=self._chance.randrange(366, 14 * 365)))

    def moment(self) -> datetime:
        """To the millisecond, of the century's first years."""
        return self._once(lambda: _moment(self._chance.randrange(10**12, 12 * 10**11)))

    def lately(self) -> datetime:
        """A moment of the last thirty days, when something can have been put on record."""
        until = int(self._now.timestamp() * 1000)
        return self._once(lambda: _moment(until - self._chance.randrange(60_000, 30 * 86_400_000)))

    def number(self) -> int:
        """Of nine digits."""
        return self._once(lambda: self._chance.randrange(10**8, 10**9))

    def any_of(self, values: Sequence[T]) -> T:
        """One of *values*, which may have been given before."""
        return self._chance.choice(values)

    def of(self, kind: Any) -> Any:
        """One for a field of *kind*; a code of a list, and what is true or false, can only vary."""
        if get_origin(kind) is Literal:
            return self.any_of(get_args(kind))
        if kind is bool:
            return self.any_of((True, False))
        return {str: self.text, int: self.number, date: self.day, datetime: self.moment}[kind]()

    def _once(self, draw: Callable[[], T]) -> T:
        for _ in range(10_000):
            value = draw()
            if value not in self._given:
                self._given.add(value)
                return value
        raise ValueError("a round asks for more days or numbers than can be told apart")


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC) + timedelta(milliseconds=milliseconds % 1000)


def texts_in(data: bytes) -> set[str]:
    """The tokens of text that stand in *data* as they are."""
    return {found.decode().lower() for found in TEXT.findall(data)}
