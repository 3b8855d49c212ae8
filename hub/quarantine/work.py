"""Work: an item is shown, replayed or discarded, and nothing of that without its audit; planned it is elsewhere."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.envelope import Record
from hub.handled import handled
from hub.quarantine.clashes import NEWER, THERE, Clash, clashes
from hub.quarantine.item import Item, opened
from hub.quarantine.replay import MOST_EVENTS, Plan, plan, walled
from hub.quarantine.ward import Entry, History, NotDone, Wanted, Ward
from hub.reasons import Reason
from hub.store.inbox import Inbox
from hub.transports.kafka import Committer, Turn
from hub.wall import holds

TURN = "hub-quarantine.0"
"""One for all: whoever replays or discards ends the turn of whoever was at it."""
MOST_AT_ONCE = 10_000
TOGETHER = 200
"""Items in one transaction: a commit takes milliseconds, and what follows a mend of ours can be thousands."""
TWO = "quarantine.two-under-one-id"
DOUBT = "quarantine.doubt"
_COUNTED = (("events", "events"), ("set_aside", "set aside"), ("refused", "refused and kept"), ("queried", "queried"))


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one item: what there was to do, what stood against it, and whether it was done."""

    plan: Plan
    clash: Clash | None
    done: bool = False

    @property
    def code(self) -> str:
        """Why it was not done, empty where it was."""
        return self.clash.code if self.clash is not None else self.plan.code

    @property
    def mend(self) -> str:
        """What to do about that."""
        return self.clash.mend if self.clash is not None else self.plan.mend

    def said(self, *, dry: bool = False) -> str:
        """What became of it, in a line; with *dry*, what would."""
        if self.code:
            place = f" at {self.plan.place}" if self.clash is None and self.plan.place else ""
            return f"not replayed, {self.code}{place}" + (f" → {self.mend}" if self.mend else "")
        counts = self.plan.counts
        parts = [f"{counts[name]} {word}" for name, word in _COUNTED if counts.get(name)]
        return f"{'would be ' if dry else ''}replayed, {', '.join(parts)}"


def show(ward: Ward, name: str, why: Reason) -> tuple[Entry, bytes]:
    """
    The item whose id begins with *name* and what was sent, once it is on record that it was shown.

    Raises NotDone where an adoption order closed an identifier that it names, or it was discarded.
    """
    (entry,) = ward.entries(Wanted(ids=(name,)), boxes=True)
    item = entry.item
    if entry.state == "discarded":
        raise NotDone(f"{entry.ended}; nobody is shown it any more")
    raw = opened(ward.keys, item)
    if _closed(ward, item, raw):
        raise NotDone(f"{item.id}: an adoption order closed the child's identifiers since: it is shown to nobody")
    committer = Committer(ward.bootstrap, f"hub-quarantine.{uuid.uuid4().hex}", ward.extra)
    try:
        at = datetime.now(UTC)
        committer.enqueue([handled(item.id, item.topic, "shown", why, at, item.seen)]).result()
    finally:
        committer.close()
    return entry, raw


def preview(
    ward: Ward, wanted: Wanted, inbox: Inbox | None = None, *, corrected: bytes | None = None, even_so: bool = False
) -> Iterator[Done]:
    """What would become of each by `replay`; nothing is written, and nobody's turn is ended."""
    for one, clash in _planned(ward, wanted, inbox, corrected, even_so):
        yield Done(one, clash)


def replay(
    ward: Ward, wanted: Wanted, why: Reason, inbox: Inbox | None = None, *, corrected: bytes | None = None,
    second: str = "", even_so: bool = False, together: int = TOGETHER,
) -> Iterator[Done]:  # fmt: skip
    """
    Take the open ones of *wanted* in again, each in one transaction with its audit, some *together*; gives what became
    of each.

    The turn is taken first, then everything that was done is read to its end: an item is never replayed twice, whoever
    else is at it. *inbox* is the gateway's: whoever sends the very same again is answered as if it had been taken in
    when it came. It is told after the commit: before, a message could pass for taken in and be lost. So where one sends
    it at that very moment, or after a kill between the two, the event comes again, under its id.

    Raises NotDone where one that is named is not open, `Fenced` where somebody else took the turn; what was given until
    then is done, and nothing after it.
    """
    with Turn(ward.bootstrap, TURN, ward.extra) as turn:
        for some in _some(_planned(ward, wanted, inbox, corrected, even_so), together):
            at = datetime.now(UTC)
            results = [Done(one, clash, done=clash is None and not one.code) for one, clash in some]
            turn.commit([record for one in results for record in _written(one, why, at, second)])
            for result in results:
                if result.done:
                    ward.keep(result.plan.news)
                if result.done and inbox is not None:
                    _tell(inbox, result.plan, at)
            yield from results


def _some(planned: Iterator[tuple[Plan, Clash | None]], most: int) -> Iterator[list[tuple[Plan, Clash | None]]]:
    """What goes in one transaction: at most so many items, and no more events than one item may have."""
    some: list[tuple[Plan, Clash | None]] = []
    events = 0
    for one, clash in planned:
        if some and (len(some) == most or events + len(one.records) > MOST_EVENTS):
            yield some
            some, events = [], 0
        some.append((one, clash))
        events += len(one.records)
    if some:
        yield some


def _written(result: Done, why: Reason, at: datetime, second: str) -> Iterator[Record]:
    """What goes onto topics of one item: its events, where it is replayed, and its audit."""
    one, item = result.plan, result.plan.item
    if result.done:
        yield from one.records
    yield handled(
        item.id, item.topic, "replayed" if result.done else "tried", why, at, item.seen,
        events=one.events if result.done else (), counts=one.counts, code=result.code, correction=one.correction,
        second=second,
    )  # fmt: skip


def _tell(inbox: Inbox, one: Plan, at: datetime) -> None:
    if one.sent is not None and one.answer is not None:
        answer = json.dumps(one.answer._asdict())
        inbox.settle(one.item.agency, one.item.line, one.sent.name, one.sent.content, answer, now=at)


def discard(ward: Ward, wanted: Wanted, why: Reason) -> Iterator[Entry]:
    """
    Put on record that nothing is to come of the open ones of *wanted*, which nobody is shown from then on.

    The sealed bytes stay where they are until the topic's retention takes them: Kafka deletes no single record.
    Raises as `replay`.
    """
    with Turn(ward.bootstrap, TURN, ward.extra) as turn:
        entries = _open(ward, wanted, ward.settled(), boxes=False)
        for start in range(0, len(entries), TOGETHER):
            some, at = entries[start : start + TOGETHER], datetime.now(UTC)
            turn.commit([handled(of.item.id, of.item.topic, "discarded", why, at, of.item.seen) for of in some])
            yield from some


def _planned(
    ward: Ward, wanted: Wanted, inbox: Inbox | None, corrected: bytes | None, even_so: bool
) -> Iterator[tuple[Plan, Clash | None]]:
    """What is to be done with each, and what stands against it; all is read before the first is given."""
    history = ward.settled()
    entries, known = _open(ward, wanted, history, boxes=True), ward.known()
    plans = [plan(ward.catalog, ward.keys, one.item, known, corrected=corrected) for one in entries]
    found = clashes(ward.catalog, plans, ward.read)
    replayed = history.replayed()
    often = Counter(event for one in plans if one.item.agency for event in one.events)
    for one in plans:
        clash = found.get(one.item.id)
        if clash is not None and clash.code == NEWER and even_so:
            clash = None
        if one.item.id in history.doubted:
            clash = Clash(DOUBT, "something is on record of it that cannot be read: discard it, and have it sent again")
        if clash is None and one.item.agency:
            clash = _taken(one, replayed, often, inbox)
        yield one, clash


def _taken(one: Plan, replayed: Collection[str], often: Mapping[str, int], inbox: Inbox | None) -> Clash | None:
    """Whether its events' ids are another's: the same message came again, or two were refused under one id."""
    if any(often[event] > 1 for event in one.events):
        return Clash(TWO, "two were refused under one id: replay the one that holds, and discard the other")
    sent, item = one.sent, one.item
    again = inbox is not None and sent is not None and inbox.recall(item.agency, item.line, sent.name, b"") is not None
    if again or any(event in replayed for event in one.events):
        return Clash(THERE, "it was sent again since and taken in, or replayed under its id: discard this one")
    return None


def _open(ward: Ward, wanted: Wanted, history: History, *, boxes: bool) -> list[Entry]:
    """Those of *wanted* that are open; raises NotDone where one that was named is not, or there are too many."""
    entries = ward.entries(wanted, history, boxes=boxes)
    ended = [one.ended for one in entries if one.end is not None]
    if wanted.ids and ended:
        raise NotDone("; ".join(ended))
    found = [one for one in entries if one.end is None]
    if len(found) > MOST_AT_ONCE:
        raise NotDone(f"{len(found)} items are too many at once, at most {MOST_AT_ONCE}: name a --line or a --code")
    return found


def _closed(ward: Ward, item: Item, raw: bytes) -> bool:
    known, agency = ward.known(), ward.catalog.agencies.get(item.agency)
    if agency is not None and item.line in agency.says:
        return walled(ward.catalog.line(item.agency, item.line), raw, known)
    return holds(raw, known.closed)
