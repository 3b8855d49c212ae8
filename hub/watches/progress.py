"""Progress: how far each partition was taken in, and the wait until that is far enough; counts only, no broker."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

Place = tuple[str, int]
"""Topic and partition."""


class Mark(NamedTuple):
    """Where a partition ended, and, of each partition, the last record that was handed out before that was asked."""

    end: int
    before: Mapping[Place, int]


class Progress:
    """
    Where reading and work stand, partition by partition.

    Three numbers are needed, because control records and aborted transactions have offsets that are never handed
    out: the offset up to which was *reached*, the last record *fetched* before it, and the last one *done*.
    """

    def __init__(self) -> None:
        self._reached: dict[Place, int] = {}
        self._fetched: dict[Place, int] = {}
        self._done: dict[Place, int] = {}
        self._behind: set[Place] = set()
        self._marks: dict[Place, Mark] = {}
        self._moved = asyncio.Event()

    def fetched(self, place: Place, offset: int) -> None:
        """The record at *offset* is the last that was handed out; to be said before `reached`."""
        self._fetched[place] = offset

    def reached(self, place: Place, position: int) -> None:
        """Everything before *position* was handed out or is never to be."""
        if self._reached.get(place) != position:
            self._reached[place] = position
            self._moved.set()

    def done(self, place: Place, offset: int) -> None:
        """The record at *offset* was worked on, and so was all that was handed out before it."""
        self._done[place] = max(offset, self._done.get(place, -1))
        self._moved.set()

    def forget(self, place: Place) -> None:
        """The partition is no longer ours."""
        for numbers in (self._reached, self._fetched, self._done):
            numbers.pop(place, None)
        self._marks.pop(place, None)
        self._behind.discard(place)

    def past(self, place: Place, end: int) -> bool:
        """Whether everything before *end* was worked on."""
        return self._reached.get(place, -1) >= end and self._done.get(place, -1) >= self._fetched.get(place, -1)

    async def caught_up(
        self, place: Place, judged: Place, offset: int, end: Callable[[], Awaitable[int]], patience: float
    ) -> bool:
        """
        Whether all that *place* held when the record at *offset* of *judged* was handed out was worked on.

        That is waited for *patience* seconds. Where the partition ends is asked of the broker by *end*, once for all
        records that had been handed out by then: what was said before any of them lies before that end.

        A partition that was waited for in vain is not waited for again until it has caught up, so that one that
        is stuck delays what follows once, not every time.
        """
        try:
            async with asyncio.timeout(patience):
                mark = self._marks.get(place)
                if mark is None or mark.before.get(judged, -1) < offset:
                    handed_out = dict(self._fetched)
                    self._marks[place] = mark = Mark(await end(), handed_out)
                while not self.past(place, mark.end):
                    if place in self._behind:
                        return False
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            self._behind.add(place)
            return False
        self._behind.discard(place)
        return True


class Committable:
    """
    What may be committed of each partition: what lies before its first record that was begun and is not finished.

    Records of a partition are begun in their order, and finished in any.
    """

    def __init__(self) -> None:
        self._unfinished: dict[Place, Counter[int]] = {}
        self._next: dict[Place, int] = {}

    def begun(self, place: Place, offset: int) -> None:
        """The record at *offset* is worked on; after a seek perhaps once more, and those behind it then come again."""
        self._unfinished.setdefault(place, Counter())[offset] += 1
        self._next[place] = offset + 1

    def finished(self, place: Place, offset: int) -> None:
        """All that came of it is committed."""
        unfinished = self._unfinished.get(place, Counter())
        unfinished[offset] -= 1
        if unfinished[offset] <= 0:
            del unfinished[offset]

    def next(self, place: Place) -> int | None:
        """The offset that may be committed, None while nothing of the partition was begun."""
        return min(self._unfinished.get(place, ()), default=self._next.get(place))

    def forget(self, place: Place) -> None:
        """The partition is no longer ours."""
        self._unfinished.pop(place, None)
        self._next.pop(place, None)
