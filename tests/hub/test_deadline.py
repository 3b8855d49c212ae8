"""Deadlines: the words, the days that count, the clocks of England, and doubt that is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import catalog as catalogs
from hub.deadline import ENGLAND, BankHolidays, Calendar, OutOfCalendar, SchoolTerms, Term, due, parse

CALENDAR = catalogs.look().calendar
assert CALENDAR is not None
BANK = CALENDAR.bank_holidays
AUTUMN = SchoolTerms(
    source="invented for these tests", first=date(2026, 9, 1), last=date(2027, 1, 31),
    terms=(
        Term(first=date(2026, 9, 3), last=date(2026, 10, 23)),
        Term(first=date(2026, 11, 2), last=date(2026, 12, 18), closed=(date(2026, 11, 27),)),
        Term(first=date(2027, 1, 4), last=date(2027, 2, 12)),
    ),
)  # fmt: skip
SCHOOLS = Calendar(bank_holidays=BANK, school_terms=AUTUMN)
MOMENTS = st.integers(0, 1_398 * 24 * 60).map(lambda n: datetime(2025, 1, 2, tzinfo=UTC) + timedelta(minutes=n))
SPANS = st.sampled_from(["1 minute", "5 minutes", "24 hours", "1 day", "999 days"])
COUNTED = st.sampled_from(["1 working day", "2 working days", "10 working days", "next working day 12:00"])


def england(text: str) -> datetime:
    """A time by the clocks of England."""
    return datetime.fromisoformat(text).replace(tzinfo=ENGLAND)


@pytest.mark.parametrize(("since", "within", "until"), [
    ("2026-11-26 21:00", "5 minutes", "2026-11-26 21:05"),
    ("2026-11-26 21:00", "1 working day", "2026-11-27 21:00"),
    ("2026-11-27 15:00", "1 working day", "2026-11-30 15:00"),              # a Friday
    ("2026-11-29 11:00", "1 working day", "2026-12-01 00:00"),              # a Sunday: Monday is the one day
    ("2026-12-24 16:00", "1 working day", "2026-12-29 16:00"),              # Christmas, a Saturday, its substitute day
    ("2026-12-24 16:00", "2 working days", "2026-12-30 16:00"),
    ("2027-12-24 10:00", "1 working day", "2027-12-29 10:00"),              # both days are kept on other days
    ("2027-12-31 10:00", "1 working day", "2028-01-04 10:00"),              # New Year's Day was a Saturday
    ("2026-04-02 09:00", "1 working day", "2026-04-07 09:00"),              # Easter
    ("2026-11-27 09:00", "next working day 12:00", "2026-11-27 12:00"),
    ("2026-11-27 12:00", "next working day 12:00", "2026-11-30 12:00"),
    ("2026-11-25 23:00", "next school day 08:30", "2026-11-26 08:30"),
    ("2026-11-26 03:00", "next school day 08:30", "2026-11-26 08:30"),
    ("2026-11-26 08:30", "next school day 08:30", "2026-11-30 08:30"),      # Friday no school is open
    ("2026-10-23 20:00", "next school day 08:30", "2026-11-02 08:30"),      # half-term, and the clocks go back in it
    ("2026-12-18 20:00", "next school day 08:30", "2027-01-04 08:30"),
    ("2026-03-28 23:00", "24 hours", "2026-03-30 00:00"),                   # the clocks go forward: a day of 23 hours
    ("2026-03-27 15:00", "1 working day", "2026-03-30 15:00"),
])  # fmt: skip
def test_what_came_then_is_due_then(since: str, within: str, until: str) -> None:
    """Each word, at weekends, on bank holidays and their substitutes, in holidays, and when the clocks change."""
    assert due(england(since), within, SCHOOLS) == england(until)


@pytest.mark.parametrize("within", [
    "", "soon", "5", "0 minutes", "1 minutes", "2 minute", "05 minutes", "1000 days", "5 minutes ", "5  minutes",
    "1 Working Day", "next school day", "next school day 24:00", "next school day 8:30", "next bank holiday 08:30",
    "one working day", "1 working days", "5 minutes\n", "\u0665 minutes",
])  # fmt: skip
def test_what_is_none_of_the_words_is_refused(within: str) -> None:
    """The vocabulary is closed: nothing is guessed."""
    with pytest.raises(ValueError, match="say such as"):
        parse(within)


@given(MOMENTS, st.one_of(SPANS, COUNTED))
def test_what_is_due_is_due_later_and_in_utc(since: datetime, within: str) -> None:
    """Nothing is due before it came, and every answer is in one zone."""
    until = due(since, within, CALENDAR)
    assert until > since
    assert until.tzinfo is UTC


@given(MOMENTS, MOMENTS, st.one_of(SPANS, COUNTED))
def test_who_comes_first_is_due_first(one: datetime, other: datetime, within: str) -> None:
    """A deadline never overtakes another of the same words."""
    first, second = sorted((one, other))
    assert due(first, within, CALENDAR) <= due(second, within, CALENDAR)


@given(MOMENTS, st.integers(1, 10))
def test_so_many_working_days_lie_between(since: datetime, days: int) -> None:
    """Counted by hand, day by day: the clock ran for just so many times twenty-four hours of working days."""
    words = f"{days} working day{'s' if days > 1 else ''}"
    begin, end = since.astimezone(ENGLAND), due(since, words, CALENDAR).astimezone(ENGLAND)
    ran, day = timedelta(), begin.date()
    while day <= end.date():
        if CALENDAR.is_working(day):
            lower = max(datetime.combine(day, time()), begin.replace(tzinfo=None))
            upper = min(datetime.combine(day + timedelta(days=1), time()), end.replace(tzinfo=None))
            ran += max(upper - lower, timedelta())
        day += timedelta(days=1)
    assert abs(ran - timedelta(days=days)) <= timedelta(hours=1)  # a time that the clocks leave out is an hour later


@given(MOMENTS)
def test_the_next_school_day_is_a_school_day_and_none_lies_before_it(since: datetime) -> None:
    """Or it is said that nobody knows."""
    try:
        until = due(since, "next school day 08:30", SCHOOLS).astimezone(ENGLAND)
    except OutOfCalendar as error:
        known = AUTUMN.first <= error.day <= AUTUMN.last
        assert not known
        return
    assert until.time() == time(8, 30)
    assert SCHOOLS.is_school(until.date())
    before = until.date() - timedelta(days=1)
    while before > since.astimezone(ENGLAND).date():
        assert not SCHOOLS.is_school(before)
        before -= timedelta(days=1)


@pytest.mark.parametrize(("since", "within", "calendar"), [
    ("2024-12-31 10:00", "1 working day", CALENDAR),
    ("2028-12-29 10:00", "1 working day", CALENDAR),
    ("2026-11-26 10:00", "next school day 08:30", CALENDAR),       # whose terms nobody wrote
    ("2027-01-29 10:00", "next school day 08:30", SCHOOLS),
    ("2026-11-26 10:00", "1 working day", None),
])  # fmt: skip
def test_outside_of_the_calendar_no_day_is_taken_for_a_plain_one(
    since: str, within: str, calendar: Calendar | None
) -> None:
    """It is an error that names the day, whatever the weekday."""
    with pytest.raises(OutOfCalendar, match=r"does not say whether \d{4}-\d\d-\d\d is a (working|school) day"):
        due(england(since), within, calendar)


def test_minutes_need_no_calendar() -> None:
    """An alert is due in five minutes, whatever is known of days."""
    assert due(england("2031-01-01 00:00"), "5 minutes", None) == england("2031-01-01 00:05")


def test_a_moment_without_a_zone_is_refused() -> None:
    """It could be an hour wrong."""
    with pytest.raises(ValueError, match="zone"):
        due(datetime(2026, 11, 26), "5 minutes", None)  # noqa: DTZ001  that is the point


def easter(year: int) -> date:
    """The Gregorian computus (Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e, f, g = b // 4, b % 4, (b + 8) // 25, (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    el = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * el) // 451
    month, day = divmod(h + el - 7 * m + 114, 31)
    assert f >= 0
    return date(year, month, day + 1)


def by_the_rules(year: int) -> set[date]:
    """The bank holidays in England of a year without a proclamation of its own."""
    monday = lambda month, first: next(  # noqa: E731
        day for day in (date(year, month, first) + timedelta(days=n) for n in range(7)) if day.weekday() == 0
    )
    christmas, found = [date(year, 12, 25), date(year, 12, 26)], set[date]()
    free = next(date(year, 1, n) for n in (1, 2, 3) if date(year, 1, n).weekday() < 5)
    for day in christmas:
        while day.weekday() >= 5 or day in found:
            day += timedelta(days=1)  # noqa: PLW2901
        found.add(day)
    sunday = easter(year)
    return found | {
        free, sunday - timedelta(days=2), sunday + timedelta(days=1), monday(5, 1), monday(5, 25), monday(8, 25),
    }  # fmt: skip


@pytest.mark.parametrize("year", range(BANK.first.year, BANK.last.year + 1))
def test_the_bank_holidays_are_those_of_the_rules(year: int) -> None:
    """Whoever writes a year on by hand is told of a slip; one proclaimed for a single year is written down here."""
    assert {day for day in BANK.days if day.year == year} == by_the_rules(year)


def test_a_holiday_outside_of_its_list_is_refused() -> None:
    """It would say that the list is longer than it is."""
    with pytest.raises(ValueError, match="2029-01-01"):
        BankHolidays.model_validate(BANK.model_dump() | {"days": {date(2029, 1, 1): "New Year's Day"}})
