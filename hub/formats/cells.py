"""Cells: what people in England type into a table as a day, a time, a number, yes and no; not what it is about."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from hub.errors import NotUnderstood

SHORTENED = "number.shortened"

LONDON = ZoneInfo("Europe/London")

_DAY = re.compile(r"(?:(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)/(\d\d?)/(\d{4}))", re.ASCII)
_MIDNIGHT = re.compile(r"[ T]00:00(?::00(?:\.0+)?)?", re.ASCII)
_TIME = re.compile(r"[ T](\d\d?):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_TRUTH = {"y": True, "yes": True, "true": True, "t": True, "1": True, "1.0": True} | {
    "n": False, "no": False, "false": False, "f": False, "0": False, "0.0": False,
}  # fmt: skip
_SERIAL = re.compile(r"[1-9]\d{4}(?:\.\d+)?", re.ASCII)
# With a sign or a point: 7E1 is a form of year 7.
_SHORTENED = re.compile(r"[+-]?\d(?:(?:\.\d+)?E[+-]|\.\d+E)\d{1,3}", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"(\d{1,9})(?:\.0+)?", re.ASCII)


def day(text: str, place: str) -> date:
    """
    A calendar day: 2012-06-01 or 01/06/2012, day first; the midnight that databases append is no part of it.

    Raises `NotUnderstood` at *place* for anything else, such as a year of two digits; a spreadsheet's own number of a
    day has a code of its own, since it is mended in another way.
    """
    found = _DAY.match(text)
    if found is not None and (found.end() == len(text) or _MIDNIGHT.fullmatch(text, found.end())):
        try:
            return _day(found)
        except ValueError:
            pass
    if _SERIAL.fullmatch(text):
        mend = "a spreadsheet's own number of a day: format the column as a date, DD/MM/YYYY, and save it again"
        raise NotUnderstood("day.serial", place, mend)
    raise NotUnderstood("day.form", place, "write a day as DD/MM/YYYY or YYYY-MM-DD")


def moment(text: str, place: str, *, end: bool = False) -> datetime:
    """
    An instant, in UTC: a day and a time in England, or ISO 8601 with its offset.

    What happened in an hour that the clocks repeat, or on a day without a time, is taken at its earliest; the
    *end* of something at its latest: what protects a child is never shortened by a guess. Raises `NotUnderstood`
    at *place*, also for the hour that the clocks leave out.
    """
    found = _DAY.match(text)
    if found is None:
        raise _no_moment(place)
    try:
        found_day = _day(found)
        if found.end() == len(text):
            local = datetime.combine(found_day, time(23, 59, 59) if end else time(0))
            offset = None
        else:
            clock = _TIME.fullmatch(text, found.end())
            if clock is None:
                raise _no_moment(place)
            local = datetime.combine(found_day, time(int(clock[1]), int(clock[2]), int(clock[3] or 0)))
            offset = clock[4]
        if offset is not None:
            return datetime.fromisoformat(f"{local.isoformat()}{offset}").astimezone(UTC)
    except ValueError:
        raise _no_moment(place) from None
    instant = local.replace(tzinfo=LONDON, fold=int(end)).astimezone(UTC)
    if instant.astimezone(LONDON).replace(tzinfo=None) != local:
        raise NotUnderstood("moment.never-was", place, "the clocks went forward over this hour; look it up")
    return instant


def truth(text: str, place: str) -> bool:
    """Yes or no, as Y, yes, true or 1, and their opposites; raises `NotUnderstood` at *place* for anything else."""
    answer = _TRUTH.get(text.lower())
    if answer is None:
        raise NotUnderstood("yes-no.form", place, "write Y or N, or leave it blank where it is not known")
    return answer


def whole(text: str, place: str) -> int:
    """A count, with the .0 that table programs give it or without; raises `NotUnderstood` at *place*."""
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise NotUnderstood("number.form", place, "write a whole number in digits")
    return int(found[1])


def text(text: str, place: str) -> str:
    """
    Text as it stands.

    Raises `NotUnderstood` at *place* for a number that a spreadsheet has shortened: 9.99E+09 was an NHS number whose
    last digits are in the file no more, and whoever read it as one would find another child, or none.
    """
    if _SHORTENED.fullmatch(text):
        mend = "a spreadsheet has shortened this number and lost its digits: format the column as text, export it again"
        raise NotUnderstood(SHORTENED, place, mend)
    return text


def _day(found: re.Match[str]) -> date:
    if found[1] is not None:
        return date(int(found[1]), int(found[2]), int(found[3]))
    return date(int(found[6]), int(found[5]), int(found[4]))


def _no_moment(place: str) -> NotUnderstood:
    return NotUnderstood("moment.form", place, "write a time as DD/MM/YYYY HH:MM, or in ISO 8601")
