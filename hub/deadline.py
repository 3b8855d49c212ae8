"""Deadlines: by when what the hub took in must have arrived, in words of a closed vocabulary; it looks at no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

ENGLAND = ZoneInfo("Europe/London")
SATURDAY = 5
LONGEST_DAYS = 366  # how far ahead a calendar is looked through for one day

WORDS = (
    r"^(?:1 (?:minute|hour|day|working day)"
    r"|(?:[2-9]|[1-9][0-9]{1,2}) (?:minutes|hours|days|working days)"
    r"|next (?:working|school) day (?:[01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""All that a deadline can say."""
SAID = "say such as `5 minutes`, `24 hours`, `1 working day`, `next working day 12:00`, `next school day 08:30`"
_SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
Kind = Literal["working", "school"]


class OutOfCalendar(LookupError):
    """A day was asked for of which the calendar does not say what it is; *day* is the first of them."""

    def __init__(self, kind: Kind, day: date) -> None:
        super().__init__(f"connectors/calendar.yaml does not say whether {day} is a {kind} day")
        self.kind: Kind = kind
        self.day = day


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BankHolidays(_Shape):
    """
    The bank holidays in England, complete from the *first* day to the *last*.

    Banking and Financial Dealings Act 1971 s.1 and Schedule 1, royal proclamations under it, and at common law Good
    Friday and Christmas Day; substitute days as published.
    """

    source: Annotated[str, Field(min_length=12, description="Where they are published.")]
    as_of: Annotated[date, Field(description="The day of which this list is.")]
    first: Annotated[date, Field(description="The first day of which it tells.")]
    last: Annotated[date, Field(description="The last day of which it tells: write the next year before it comes.")]
    days: Annotated[Mapping[date, str], Field(description="Each bank holiday and its name.")]

    @model_validator(mode="after")
    def _within(self) -> Self:
        if outside := [day for day in self.days if not self.first <= day <= self.last]:
            raise ValueError(f"{min(outside)} does not lie between first and last")
        return self


class Term(_Shape):
    """A term, or half of one: Mondays to Fridays from the *first* to the *last* but bank holidays and days *closed*."""

    first: Annotated[date, Field(description="The first day on which pupils come.")]
    last: Annotated[date, Field(description="The last day on which pupils come.")]
    closed: Annotated[tuple[date, ...], Field(description="Days between on which no school is open.")] = ()


class SchoolTerms(_Shape):
    """
    The terms of the authority's schools, complete from the *first* day to the *last*; outside of that nothing is known.

    Days for staff training differ from school to school; those are school days here, so that nobody is told too late.
    """

    source: Annotated[str, Field(min_length=12, description="Where the authority publishes them.")]
    first: Annotated[date, Field(description="The first day of which this tells.")]
    last: Annotated[date, Field(description="The last day of which this tells.")]
    terms: Annotated[tuple[Term, ...], Field(min_length=1, description="Term by term, in order.")]


class Calendar(_Shape):
    """The shape of calendar.yaml: which days count."""

    bank_holidays: Annotated[BankHolidays, Field(description="Bank holidays in England.")]
    school_terms: Annotated[SchoolTerms | None, Field(description="Terms of the authority's schools.")] = None

    def is_working(self, day: date) -> bool:
        """Whether *day* is neither at a weekend nor a bank holiday; raises `OutOfCalendar` where that is not known."""
        known = self.bank_holidays
        if not known.first <= day <= known.last:
            raise OutOfCalendar("working", day)
        return day.weekday() < SATURDAY and day not in known.days

    def is_school(self, day: date) -> bool:
        """Whether schools of the authority are open on *day*; raises `OutOfCalendar` where that is not known."""
        known = self.school_terms
        if known is None or not known.first <= day <= known.last:
            raise OutOfCalendar("school", day)
        term = next((one for one in known.terms if one.first <= day <= one.last), None)
        return term is not None and day not in term.closed and self.is_working(day)

    def last(self, kind: Kind) -> date | None:
        """The last day of which it tells, None where of none."""
        known = self.bank_holidays if kind == "working" else self.school_terms
        return known.last if known is not None else None


@dataclass(frozen=True, slots=True)
class Deadline:
    """What a deadline's words say: an amount of time, of working days, or the next day of a *kind* at a time."""

    span: timedelta = timedelta()
    working_days: int = 0
    kind: Kind | None = None
    at: time = time()

    @property
    def asks(self) -> Kind | None:
        """Of which days it must be known what they are."""
        return "working" if self.working_days else self.kind


def parse(within: str) -> Deadline:
    """What *within* says; raises ValueError where it is none of the words."""
    if re.fullmatch(WORDS, within) is None:
        raise ValueError(SAID)
    words = within.split()
    if words[0] == "next":
        return Deadline(kind="school" if words[1] == "school" else "working", at=time.fromisoformat(words[3]))
    if words[1] == "working":
        return Deadline(working_days=int(words[0]))
    return Deadline(span=int(words[0]) * _SPANS[words[1].removesuffix("s")])


def due(since: datetime, within: str, calendar: Calendar | None) -> datetime:
    """
    By when what the hub took in at *since* must have arrived, in UTC.

    Minutes, hours and days pass on every day alike. *Working days* pass on a clock that stands still at weekends and on
    bank holidays: what came on Friday at three is due on Monday at three, what came on a Sunday at the end of Monday
    (Working Together to Safeguard Children 2023: a decision within one working day of a referral being received).
    The *next school day 08:30* is the first such moment after *since* (Domestic Abuse Act 2021 s.49A, Operation
    Encompass: before the school day begins). All of it by the clocks of England. A time that the clocks leave out in
    spring is the one an hour later, a time that comes twice in autumn the first.

    Raises ValueError where *within* is none of the words, or *since* has no zone, and `OutOfCalendar` where it hangs on
    a day of which *calendar* does not tell.
    """
    if since.tzinfo is None:
        raise ValueError("a moment must say its time zone")
    said, local = parse(within), since.astimezone(ENGLAND)
    if said.asks is None:
        return since.astimezone(UTC) + said.span
    if calendar is None:
        raise OutOfCalendar(said.asks, local.date())
    if said.working_days:
        return _working(local, said.working_days, calendar)
    counts = calendar.is_school if said.kind == "school" else calendar.is_working
    for ahead in range(LONGEST_DAYS):
        day = local.date() + timedelta(days=ahead)
        if counts(day) and (moment := _at(day, said.at)) > since:
            return moment
    raise OutOfCalendar(said.asks, local.date() + timedelta(days=LONGEST_DAYS))


def _working(local: datetime, days: int, calendar: Calendar) -> datetime:
    """So many working days after *local*: at the same time, or at midnight after the last where it was none itself."""
    stands = not calendar.is_working(local.date())
    day, left = local.date(), days
    while left:
        day += timedelta(days=1)
        left -= calendar.is_working(day)
    if stands:
        return _at(day + timedelta(days=1), time())
    return _at(day, local.time())


def _at(day: date, at: time) -> datetime:
    """A time of the clocks of England on *day*, in UTC; of one that comes twice the first."""
    return datetime.combine(day, at.replace(fold=0), ENGLAND).astimezone(UTC)
