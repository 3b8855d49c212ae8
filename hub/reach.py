"""Reach: how many events, of how many children, a change of policies touches; found by deciding each of them twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from hub.catalog import Catalog
from hub.coarse import WORDS
from hub.disclosure import Outcome
from hub.errors import MessageError
from hub.happened import Happened, told
from hub.keys import Keys
from hub.outbound import Desk
from hub.stream import Stream
from hub.widening.order import COARSER, FULL
from hub.wire import Wire

KINDS = ("newly heard", "with more", "with less", "no longer heard")


@dataclass(slots=True)
class Touched:
    """Events, and their subjects' Kafka keys, that fare alike."""

    events: int = 0
    children: set[bytes] = field(default_factory=set)

    def add(self, key: bytes) -> None:
        """One more event of the child under *key*."""
        self.events += 1
        self.children.add(key)


@dataclass(slots=True)
class Reach:
    """
    What a change of policies touches, by agency, stream and one of KINDS.

    *asked* is how many events were decided, *unread* how many could not be; *stopped* whether somebody ended it early.
    """

    touched: dict[tuple[str, str, str], Touched] = field(default_factory=dict)
    asked: int = 0
    unread: int = 0
    stopped: bool = False

    def add(self, agency: str, stream: str, kind: str, key: bytes) -> None:
        """One more event that fares as *kind* says."""
        self.touched.setdefault((agency, stream, kind), Touched()).add(key)


def reach(
    old: Catalog, new: Catalog, streams: Collection[Stream], happened: Happened, keys: Keys, *, now: datetime
) -> Reach:
    """
    Decide each event by the policies of *old* and by those of *new*, and count what differs.

    Both catalogs have the same streams. What one event is told of is compared by the fields that have a value in it,
    so that a field newly granted counts only where there was something to tell. Ctrl-C ends it with what it has.
    """
    found, wire = Reach(), Wire(new)
    desks = {stream.topic: (stream, Desk(old, stream, keys), Desk(new, stream, keys)) for stream in streams}
    try:
        for record in happened.events:
            found.asked += 1
            stream, *both = desks[record.topic]
            try:
                before, after = (
                    {one.agency: one.outcome for one in desk.carry(record, now=now, view=happened.view).receipts}
                    for desk in both
                )
                leaves = frozenset(told(wire.read(stream, record.value or b"")))
            except (MessageError, KeyError, ValueError):
                found.unread += 1
                continue
            for agency in {*before, *after}:
                for kind in differences(before.get(agency), after.get(agency), leaves):
                    found.add(agency, stream.name, kind, record.key or b"")
    except KeyboardInterrupt:
        found.stopped = True
    return found


def differences(old: Outcome | None, new: Outcome | None, leaves: Collection[str]) -> Iterator[str]:
    """How an agency fares otherwise with an event in which *leaves* have a value: some of KINDS."""
    before, after = _ways(old, leaves), _ways(new, leaves)
    if before is None or after is None:
        if after is not None:
            yield "newly heard"
        if before is not None:
            yield "no longer heard"
        return
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    less = {path for path in changed if path not in after or after[path] in COARSER.get(before.get(path, ""), ())}
    if changed - less:
        yield "with more"
    if less:
        yield "with less"


def _ways(outcome: Outcome | None, leaves: Collection[str]) -> dict[str, str] | None:
    """How each field that says something is heard; None where the event is not."""
    if outcome is None or outcome.verdict != "released":
        return None
    ways = {
        one.path: FULL if one.verdict == "released" else one.rule for one in outcome.fields if one.verdict != "withheld"
    }
    return {path: way for path, way in ways.items() if path in leaves or (way in WORDS and WORDS[way].of_absence)}
