"""
Flags that follow a person to a new NHS number: what stands under the old one is said again under the new one.

A flag is found by NHS number alone, in the national service and at the hospital's door. Where a number went out of use
and exactly one took its place, each plan that stands, or ended within twelve months, is said anew: so it is uploaded
again, and the local join finds it. The watch emits the stream that it keeps; nothing goes round, because what is said
anew is remembered under the new number, and is judged by nobody.

**Never across an adoption.** A child who is adopted gets a new NHS number, and nothing may lead from the old to the new
one (Adoption and Children Act 2002 s.77 and s.79). What names an identifier that an order closed does not come in at
all (`hub.wall`); but the number may change days before anybody tells the hub of the order. So of a child whose care has
ended, adoption being one way in which it ends, nothing is said anew: the case system hears of the change, and a person
there decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from hub.envelope import Envelope, stamp
from hub.stream import Event
from hub.watch import State, Watch
from schemas.cpis_flag import FlagChanged
from schemas.cpis_flag.memory import lapses, name_of

_MOST: Final = 60  # plans of one subject that are remembered, those last spoken of

_BELIEVED: Final = frozenset({"cpis", "pds", "case_system"})  # a hospital merges its own records, and errs

Entry = dict[str, Any]


def remember(state: State | None, flag: Mapping[str, Any], now: datetime) -> State | None:
    """
    The subject's plans after *flag*, each whole, so that it can be said again; *now* is when the hub took it in.

    Of two words on one plan the later one counts, whatever the order in which they come; of two at the same moment a
    withdrawal, else the one that shows the plan longer. What was withdrawn, or is not shown any more, keeps nothing
    but the moment and the end it was said with, so that an older word that comes late cannot bring it back.
    """
    entry: Entry = {"said": stamp(now)}
    if flag.get("deleted") is None:
        entry |= {
            "ended": None if flag.get("ended") is None else stamp(flag["ended"]),
            "flag": FlagChanged.model_validate(flag).model_dump(mode="json"),
        }
    name = name_of(flag)
    entries = dict(state or {})
    if name not in entries or _weight(entry) > _weight(entries[name]):
        entries[name] = entry
    newest = datetime.fromisoformat(max(one["said"] for one in entries.values()))
    last = sorted(entries, key=lambda one: (entries[one]["said"], one))[-_MOST:]
    return {one: _shrunk(entries[one], newest) for one in sorted(last)}


def _weight(entry: Entry) -> tuple[str, bool, str, str]:
    withdrawn = "ended" not in entry
    ended = "" if withdrawn else entry["ended"] or "open"  # "open" sorts after every digit
    return entry["said"], withdrawn, ended, json.dumps(entry.get("flag"), sort_keys=True)


def _shrunk(entry: Entry, newest: datetime) -> Entry:
    ended = entry.get("ended")
    if ended is not None and newest > lapses(datetime.fromisoformat(ended)):
        return {"said": entry["said"], "ended": ended}
    return entry


def judge(
    change: Mapping[str, Any], state: State | None, papers: Envelope, *, now: datetime, caught_up: bool
) -> Iterator[Event]:
    """
    Each plan under the old number said anew under the one new number; nothing where none or several are told.

    Nothing is said on a hospital's word: two records merged in error would flag another person. Nothing is said of a
    plan that is shown no longer, nor of a child whose care is over. Where the flags were not caught up, what is known
    is said all the same: nothing here follows from what is absent. What ended is asked of the moment at which the
    change was told, so that judging again says the same.
    """
    if len(change["new"]) != 1 or change["said_by"] not in _BELIEVED:
        return
    (new,), at = change["new"], change["as_of"]
    flags = [FlagChanged.model_validate(entry["flag"]) for _, entry in sorted((state or {}).items()) if "flag" in entry]
    shown = [flag for flag in flags if flag.ended is None or at < lapses(flag.ended)]
    if any(flag.plan == "looked_after" and flag.ended is not None and flag.ended <= at for flag in shown):
        return
    for flag in shown:
        yield flag.model_copy(update={"subject": flag.subject.model_copy(update={"nhs_number": new})})


watch = Watch(
    name="cpis-number",
    keeps="cpis_flag",
    on="nhs_number_change",
    emits="cpis_flag",
    remember=remember,
    judge=judge,
)
