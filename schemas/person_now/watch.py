"""
The order of what NEMS tells: an event that something newer overtook is not told on, whatever the order they came in.

Neither NEMS nor MESH guarantees order. Its specification has events that tell a whole state ordered by
`meta.lastUpdated`, and those that tell of one step by `meta.versionId`, for each person and kind of event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from hub.envelope import Envelope, stamp
from hub.errors import NotForUs
from hub.stream import Event
from hub.watch import State, Watch
from schemas.person_now import PersonUpdated

BY_VERSION: Final = frozenset({"record"})
"""A change of the record says only that there was one: the record's own version is its order."""


def remember(state: State | None, change: Mapping[str, Any], now: datetime) -> State:
    """The newest place in the order that was seen of each kind of event; to see one again changes nothing."""
    newest = dict(state or {})
    place = _place(change)
    newest[change["changed"]] = max(place, newest.get(change["changed"], place))
    return newest


def judge(
    change: Mapping[str, Any], state: State | None, papers: Envelope, *, now: datetime, caught_up: bool
) -> Iterator[Event]:
    """
    The event itself where nothing newer of its kind was seen of this person; raises `NotForUs` where it was.

    The state holds this event already. Where it may lack others the event is told on all the same: it carries the
    moment it is of, and what is told late is better than what is not told.
    """
    if (state or {}).get(change["changed"], _place(change)) != _place(change):
        raise NotForUs("person.overtaken")
    yield PersonUpdated.model_validate(change)


def _place(change: Mapping[str, Any]) -> list[Any]:
    """Where an event stands among those of its person and kind; by its own id where all else is the same."""
    moment, version = stamp(change["as_of"]), change["version"] or 0
    first = [version, moment] if change["changed"] in BY_VERSION else [moment, version]
    return [*first, change["message_id"]]


watch = Watch(
    name="person_order",
    keeps="person_change",
    on="person_change",
    emits="person_now",
    remember=remember,
    judge=judge,
)
