"""HL7 v2 values: what times, dates and identifiers mean by the UK's own rules; what happened is not asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hub.errors import NotUnderstood
from hub.formats.hl7 import Message

LONDON = ZoneInfo("Europe/London")

# The spellings of an NHS number in PID-3 as (assigning authority, type): HL7 UK A.3, the ITK examples, and what
# two London trusts send.
NHS_NUMBER = frozenset({("NHS", "NH"), ("NHS", ""), ("NHS", "HN"), ("NHSNBR", "NHSNMBR")})
LOCAL_TYPES = (
    "MR",
    "MRN",
    "PI",
    "",
)  # best first: medical record number, as some senders spell it, internal, untyped

_TIME = re.compile(
    r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.([0-9]{1,6}))?)?)?)?)?)?"
    r"([+-][0-9]{4})?"
)


def timestamp(text: str, place: str = "") -> datetime:
    """
    An HL7 time, `YYYY[MM[DD[HH[MM[SS[.S…]]]]]][+ZZZZ]`, in UTC; parts that are not given are the earliest ones.

    Without an offset it is wall-clock time in the United Kingdom. Of an hour that occurs twice, when the clocks go
    back, the first one is meant: nothing is made to look later than it was. A time in the hour that the clocks
    skip was written by a clock not yet put forward, so it is GMT. Raises `NotUnderstood` (`hl7.time` at *place*).
    """
    match = _TIME.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError("not an HL7 time")
        return _moment(match).astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise NotUnderstood(
            "hl7.time", place, "write times as YYYYMMDDHHMMSS, with an offset if not UK time"
        ) from fault


def date_of(text: str, place: str = "") -> date:
    """
    The calendar day that an HL7 date or time names, such as a date of birth.

    Without an offset the day is the one that is written, never converted: real feeds send birth dates with an hour.
    So is midnight with any offset, which stands for a date without a time. Any other time with an offset is an
    instant, and its day is the one it had in the United Kingdom: `20120630230000+0000` is midnight of 1 July in
    British Summer Time. Raises `NotUnderstood` (`hl7.time`; `hl7.imprecise` for a year or a month alone).
    """
    match = _TIME.fullmatch(text.strip())
    if match is not None and match[3] is None:
        raise NotUnderstood("hl7.imprecise", place, "write dates to the day, as YYYYMMDD")
    instant = timestamp(text, place)
    assert match is not None  # noqa: S101  timestamp raised otherwise
    hour_said = any(int(part) for part in match.groups()[3:6] if part)
    if match[8] is None or not hour_said:
        return date(int(match[1]), int(match[2]), int(match[3]))
    return instant.astimezone(LONDON).date()


def time_text(moment: datetime) -> str:
    """A moment as HL7 writes it, in UK wall-clock time with its offset, to the second."""
    return moment.astimezone(LONDON).strftime("%Y%m%d%H%M%S%z")


def nhs_number(message: Message) -> tuple[str | None, bool | None]:
    """
    The first NHS number in PID-3, ten characters where the sender kept to the form, and whether it was traced.

    PID-32 `NSTS01` means verified, any other `NSTS` status not, none at all that nobody says (HL7 UK A.3). The check
    digit is not looked at here.
    """
    numbers = nhs_numbers(message)
    statuses = [one[0].upper() for one in message.repetitions("PID-32") if one[0].upper().startswith("NSTS")]
    verified = ("NSTS01" in statuses) if statuses and numbers else None
    return (numbers[0] if numbers else None), verified


def nhs_numbers(message: Message, path: str = "PID-3") -> list[str]:
    """All different NHS numbers in a list of identifiers, spaces and hyphens removed."""
    found = (
        re.sub(r"[\s-]", "", one[0])
        for one in message.repetitions(path)
        if (_part(one, 4).upper(), _part(one, 5).upper()) in NHS_NUMBER
    )
    return list(dict.fromkeys(number for number in found if number))


def local_id(message: Message, path: str = "PID-3") -> tuple[str | None, str | None]:
    """
    The hospital's own number for the patient, and the authority that assigned it (an ODS code, by HL7 UK A.3).

    Of several, one assigned by the sending organisation (MSH-4) comes first: an A&E number may stand beside it
    under another authority.
    """
    sender = message["MSH-4"]
    for kind in LOCAL_TYPES:
        ids = [one for one in _local(message.repetitions(path)) if _part(one, 5).upper() == kind]
        ids.sort(key=lambda one: _part(one, 4) != sender)
        if ids:
            return ids[0][0], _part(ids[0], 4) or None
    return None, None


def _local(repetitions: Iterable[list[str]]) -> Iterable[list[str]]:
    """Identifiers that are not national ones: a CHI number (Scotland) is no more a hospital's than an NHS number."""
    for one in repetitions:
        authority, kind = _part(one, 4).upper(), _part(one, 5).upper()
        if one[0] and (authority, kind) not in NHS_NUMBER and authority not in ("NHS", "NHSNBR", "CHI"):
            yield one


def _part(components: list[str], number: int) -> str:
    return components[number - 1].strip() if len(components) >= number else ""


def _moment(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (
        int(part or low) for part, low in zip(match.groups(), (1, 1, 1, 0, 0, 0), strict=False)
    )
    fraction = int((match[7] or "0").ljust(6, "0"))
    if match[8] is None:
        return datetime(year, month, day, hour, minute, second, fraction, tzinfo=LONDON)
    ahead = timedelta(hours=int(match[8][1:3]), minutes=int(match[8][3:]))
    if int(match[8][3:]) > 59 or ahead > timedelta(hours=14):
        raise ValueError("not an offset")
    zone = timezone(-ahead if match[8][0] == "-" else ahead)
    return datetime(year, month, day, hour, minute, second, fraction, tzinfo=zone)
