"""Handled: what somebody did with an item of quarantine, or looked up, who and why; no word of what was said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from hub.envelope import Record, stamp
from hub.errors import Unreadable
from hub.reasons import Reason

TOPIC = "handled.v1"
Action = Literal["shown", "tried", "replayed", "discarded", "searched"]
ACTIONS: tuple[Action, ...] = get_args(Action)
COUNTS = ("events", "set_aside", "refused", "queried")


class Handled(NamedTuple):
    """
    One thing that was done with one item, *by* whom, *because* of what, *at* when (RFC 3339 in UTC).

    *kept* is the topic on which the item lies, and *seen* the partition and offset of it that was looked at: what
    comes after is the same message refused once more. *events* are the ids of the events that came of it, and *counts*
    how many came, were set aside, refused and queried. *code* says why nothing came of one that was *tried*.
    *correction* is a keyed digest of what was replayed in the place of what was sent, and *second* who agreed to that.

    Where somebody *searched*, *item* is the pseudonym or id that was looked for, and *kept* the topic it was looked for
    on; no item of quarantine has that id.
    """

    item: str
    kept: str
    action: Action
    by: str
    because: str
    at: str
    seen: str
    events: tuple[str, ...] = ()
    counts: Mapping[str, int] = {}
    code: str = ""
    correction: str = ""
    second: str = ""

    @property
    def offset(self) -> int:
        """How far the item was looked at."""
        return int(self.seen.partition("/")[2])


def handled(
    item: str, kept: str, action: Action, why: Reason, at: datetime, seen: str, *, events: Iterable[str] = (),
    counts: Mapping[str, int] = {}, code: str = "", correction: str = "", second: str = "",
) -> Record:  # fmt: skip
    """The record of it, under the item's id."""
    said = Handled(
        item, kept, action, why.by, why.because, stamp(at), seen, tuple(events), counts, code, correction, second
    )
    body = json.dumps(said._asdict(), ensure_ascii=False, sort_keys=True).encode()
    return Record(TOPIC, item.encode(), body, (("content-type", b"application/json"),))


def read(record: Record) -> Handled:
    """A record of the topic; raises Unreadable where it is none."""
    try:
        said = json.loads(record.value or b"")
        words = {name: str(said[name]) for name in Handled._fields if name not in ("events", "counts", "action")}
        events = tuple(map(str, said["events"]))
        counts = {str(name): int(count) for name, count in said["counts"].items()}
        (action,) = (one for one in ACTIONS if one == said["action"])
        found = Handled(action=action, events=events, counts=counts, **words)
        number = found.offset
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreadable("handled.unreadable", TOPIC, "it was not written by `hub quarantine`") from None
    if found.item.encode() != record.key or number < 0:
        raise Unreadable("handled.key", TOPIC, "its key is another item's")
    return found


def closing(done: Iterable[Handled], newest: int) -> Handled | None:
    """
    What ended the item whose *newest* record lies at that offset, if anything did.

    A replay ends it for good. A discard ends what was there: where the same message was refused once more since, its
    sender insists, and it is open again.
    """
    ended = [one for one in done if one.action == "replayed" or (one.action == "discarded" and one.offset >= newest)]
    return next((one for one in ended if one.action == "replayed"), ended[-1] if ended else None)
