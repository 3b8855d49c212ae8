"""Handled: what is on record of each item, and when it is done with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.errors import Unreadable
from hub.handled import ACTIONS, TOPIC, closing, handled, read
from hub.reasons import reason

WHY = reason("Ada Quill", "The school sent the register again, without that row.")
AT = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)


def said(action="replayed", seen="3/40", **more):
    """One thing that was done."""
    return handled("item", "quarantine.schools", action, WHY, AT, seen, **more)


@pytest.mark.parametrize("action", ACTIONS)
def test_what_was_done_is_read_as_it_was_written(action):
    """Who, why, when, and what came of it."""
    one = read(said(action, events=["e1", "e2"], counts={"events": 2}, code="c", correction="d", second="Bo Sample"))

    assert (one.item, one.kept, one.action, one.by, one.because) == ("item", "quarantine.schools", action, *WHY)
    assert (one.at, one.offset, one.events, one.counts) == ("2026-09-15T09:30:00.000Z", 40, ("e1", "e2"), {"events": 2})
    assert (one.code, one.correction, one.second) == ("c", "d", "Bo Sample")


@pytest.mark.parametrize(
    "change",
    [{"value": b"{}"}, {"value": b"not JSON"}, {"value": None}, {"key": b"another"}, {"value": b"[]"},
     {"value": said().value.replace(b"replayed", b"forgiven")}, {"value": said().value.replace(b"3/40", b"40")}],
)  # fmt: skip
def test_what_was_not_written_by_the_verb_is_not_taken_for_it(change):
    """Nor what lies under another item's key."""
    with pytest.raises(Unreadable, match=TOPIC):
        read(said()._replace(**change))


def ended(*done, newest=40):
    """What ended an item, by its action."""
    end = closing([read(one) for one in done], newest)
    return end.action if end is not None else "open"


def test_looking_and_trying_end_nothing():
    """Nor does nothing at all."""
    assert ended() == ended(said("shown"), said("tried")) == "open"


def test_a_replay_ends_an_item_for_good():
    """Also where it is refused once more, or discarded, afterwards."""
    assert ended(said("replayed"), newest=41) == ended(said("replayed"), said("discarded")) == "replayed"


def test_a_discard_ends_what_was_there():
    """Where the same message is refused once more its sender insists, and somebody must look again."""
    assert ended(said("discarded")) == "discarded"
    assert ended(said("discarded"), newest=41) == "open"
