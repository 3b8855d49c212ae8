"""Periods: when a door whose files go at set times sends its next one; from the calendar alone, no memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Europe/London")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONTHS = {"month": 1, "quarter": 3}
UNITS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}


def period(every: str, at: datetime) -> tuple[datetime, datetime]:
    """
    The first instant of the period in which *at* lies, and that of the next, both in UTC.

    Months and quarters are those of the calendar in Europe/London. `24 hours` and the like are counted from midnight
    UTC on 1 January 1970, whoever asks and whenever they began, so that no restart moves them. Raises ValueError for
    words that agency.yaml does not take.
    """
    if every in MONTHS:
        local, months = at.astimezone(LOCAL), MONTHS[every]
        index = local.year * 12 + (local.month - 1) // months * months
        return _month(index), _month(index + months)
    number, _, unit = every.partition(" ")
    if unit not in UNITS or not number.isdecimal() or int(number) == 0:
        raise ValueError(f"{every!r} is no period")
    length = int(number) * UNITS[unit]
    begins = EPOCH + (at - EPOCH) // length * length
    return begins, begins + length


def _month(index: int) -> datetime:
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=LOCAL).astimezone(UTC)
