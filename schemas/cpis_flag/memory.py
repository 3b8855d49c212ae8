"""
Flags remembered: what stands of one subject's plans, from each word on them; what follows from it is elsewhere.

CP-IS shows a person while a plan or care status lasts and for twelve months after it ended (DCB1609). What was
withdrawn as uploaded in error is never shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hub.envelope import stamp
from hub.watch import State

_LONDON: Final = ZoneInfo("Europe/London")
_LATE: Final = timedelta(days=31)  # how late a hospital may report an arrival and still be told what stood then

Entry = dict[str, Any]


def remember(state: State | None, flag: Mapping[str, Any], now: datetime) -> State | None:
    """
    The subject's flags after *flag*, which the hub took in at *now*: one entry for each plan of each authority.

    Of two words on one plan the later one counts, whatever the order in which they come; of two at the same
    moment a withdrawal, else the one that shows the plan longer. What will not be shown again keeps nothing but the
    moment and the end it was said with, so that an older word that comes late cannot bring it back.
    """
    entry: Entry = {"said": stamp(now)}
    if flag.get("deleted") is not None:
        entry["withdrawn"] = True
    else:
        entry |= {
            "ended": None if flag.get("ended") is None else stamp(flag["ended"]),
            "authority": {part: flag["authority"][part] for part in _AUTHORITY},
            "worker_id": flag.get("worker_id"),
            "born": flag["subject"]["born"].isoformat(),
        }
    name = name_of(flag)
    entries = dict(state or {})
    if name not in entries or _weight(entry) > _weight(entries[name]):
        entries[name] = entry
    newest = max(_moment(one["said"]) for one in entries.values())
    return {one: _shrunk(entries[one], newest) for one in sorted(entries)}


_AUTHORITY: Final = ("name", "ods_code", "office_phone", "emergency_phone")


def name_of(flag: Mapping[str, Any]) -> str:
    """What tells one plan from another: whose it is, of which kind, and when it started."""
    return "|".join((flag["authority"]["ods_code"], flag["plan"], stamp(flag["started"])))


def _weight(entry: Entry) -> tuple[str, bool, str, str]:
    ended = "" if "withdrawn" in entry else entry["ended"] or "open"  # "open" sorts after every digit
    return entry["said"], "withdrawn" in entry, ended, json.dumps(entry, sort_keys=True)


def _shrunk(entry: Entry, newest: datetime) -> Entry:
    ended = entry.get("ended")
    if ended is not None and newest > lapses(_moment(ended)) + _LATE:
        return {"said": entry["said"], "ended": ended}
    return entry


def lapses(ended: datetime) -> datetime:
    """
    The instant from which a plan that *ended* is no longer shown: the end, in England, of the same day a year later.

    The corresponding-date rule for a period of months; a plan that ended on 29 February is shown to the end of
    28 February.
    """
    day = ended.astimezone(_LONDON).date()
    leap = (day.month, day.day) == (2, 29)
    last = date(day.year + 1, day.month, 28 if leap else day.day)
    return datetime.combine(last + timedelta(days=1), time(), _LONDON).astimezone(UTC)


def standing(known: Mapping[str, Entry], at: datetime) -> list[str]:
    """The names of the plans that are shown at *at*, in the order in which they started."""
    return sorted((name for name, entry in known.items() if _stands(name, entry, at)), key=_start)


def worker(known: Mapping[str, Entry], shown: list[str], at: datetime) -> str | None:
    """
    The social worker of whom the latest word knows on those of the *shown* plans that last at *at*; None for none.

    A plan that ended is shown for twelve months more, but whose case it was hears nothing of the child any more: where
    no plan lasts, it is for the duty team.
    """
    lasting = [one for one in map(known.__getitem__, shown) if one["ended"] is None or at < _moment(one["ended"])]
    said = {one["said"]: str(one["worker_id"]) for one in lasting if one["worker_id"]}
    return said[max(said)] if said else None


def recency(known: Mapping[str, Entry], shown: list[str], now: datetime, *, caught_up: bool) -> datetime:
    """How recent the flags are that were asked: *now*, or where some may be missing the latest word that is *shown*."""
    if caught_up or not shown:
        return now
    return _moment(max(str(known[name]["said"]) for name in shown))


def _moment(said: str) -> datetime:
    return datetime.fromisoformat(said)


def _start(name: str) -> tuple[str, str]:
    return name.rpartition("|")[2], name


def _stands(name: str, entry: Entry, at: datetime) -> bool:
    if "authority" not in entry or _moment(_start(name)[0]) > at:
        return False
    return entry["ended"] is None or at < lapses(_moment(entry["ended"]))
