"""What the watches commit of what they read: never more than was finished, however the offsets lie."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from hub.watches.bounds import Consumer
from hub.watches.progress import Committable

AT, PLACE = TP("came.v1", 0), ("came.v1", 0)


def test_what_is_not_finished_is_not_committed_past() -> None:
    """A later record that is finished first covers none before it, and where transactions ended no record is missed."""
    reading = Committable()
    for offset in (0, 2, 4):
        reading.begun(PLACE, offset)
    assert reading.next(PLACE) == 0
    reading.finished(PLACE, 4)
    assert reading.next(PLACE) == 0
    reading.finished(PLACE, 0)
    assert reading.next(PLACE) == 2
    reading.finished(PLACE, 2)
    assert reading.next(PLACE) == 5


@given(st.data())
def test_whatever_the_order_what_is_committed_is_finished(data: st.DataObject) -> None:
    """For all gaps and all orders in which the work ends; and when all is finished, all is committed."""
    steps = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=12), "distances")
    offsets = [sum(steps[: index + 1]) for index in range(len(steps))]
    reading, done = Committable(), set[int]()
    for offset in offsets:
        reading.begun(PLACE, offset)
    for offset in data.draw(st.permutations(offsets), "order"):
        reading.finished(PLACE, offset)
        done.add(offset)
        at = reading.next(PLACE)
        assert at is not None
        assert done.issuperset(one for one in offsets if one < at)
    assert reading.next(PLACE) == offsets[-1] + 1


def test_what_is_begun_again_after_a_seek_is_unfinished_again() -> None:
    """Two works on one record are under way: the first that ends does not speak for the other."""
    reading = Committable()
    reading.begun(PLACE, 3)
    reading.begun(PLACE, 3)
    reading.finished(PLACE, 3)
    assert reading.next(PLACE) == 3
    reading.finished(PLACE, 3)
    assert reading.next(PLACE) == 4


def test_of_what_is_no_longer_ours_nothing_is_committed() -> None:
    """What ends after the partition went to another process says nothing."""
    reading = Committable()
    reading.begun(PLACE, 3)
    reading.forget(PLACE)
    reading.finished(PLACE, 3)
    assert reading.next(PLACE) is None


def test_the_consumer_commits_that_and_keeps_no_account_of_its_own() -> None:
    """Whatever Faust noted as acknowledged, and nothing of it is kept for ever."""
    consumer: Any = object.__new__(Consumer)
    consumer.app = SimpleNamespace(committable=Committable())
    consumer._acked, consumer._acked_index = defaultdict(list, {AT: [0, 4]}), defaultdict(set, {AT: {0, 4}})
    for offset in (0, 2, 4):
        consumer.app.committable.begun(PLACE, offset)
    consumer.app.committable.finished(PLACE, 0)
    consumer.app.committable.finished(PLACE, 4)

    assert consumer._new_offset(AT) == 2
    assert (consumer._acked[AT], consumer._acked_index[AT]) == ([], set())
