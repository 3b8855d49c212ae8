"""Progress: how far each partition was taken in, and the wait until that is far enough; counts only, no broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Place = tuple[str, int]
"""Topic and partition."""


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
        self._behind.discard(place)

    def past(self, place: Place, end: int) -> bool:
        """Whether everything before *end* was worked on."""
        return self._reached.get(place, -1) >= end and self._done.get(place, -1) >= self._fetched.get(place, -1)

    async def caught_up(self, place: Place, end: Callable[[], Awaitable[int]], patience: float) -> bool:
        """
        Whether everything before *end*, asked once and now, was worked on within *patience* seconds.

        A partition that was waited for in vain is not waited for again until it has caught up, so that one that
        is stuck delays what follows once, not every time.
        """
        try:
            async with asyncio.timeout(patience):
                mark = await end()
                while not self.past(place, mark):
                    if place in self._behind:
                        return False
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            self._behind.add(place)
            return False
        self._behind.discard(place)
        return True
