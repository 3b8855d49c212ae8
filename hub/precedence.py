"""
Precedence: while the urgent lane carries, the routine lane rests after each piece of work; what they carry is not here.

Both lanes use the same processors and the same brokers. To be nice is not enough: what a routine process has the
brokers do, they do for it at their own priority, and an alert then stands behind thousands of registers' records. So
the urgent lane leaves a mark in the state folder whenever it has something to carry, and for a moment after that the
routine lane works in small pieces and rests the longer part of its time. Where nothing is urgent, it never rests.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hub.settings import Settings
from hub.stream import Lane

MARK_SECONDS = 0.2  # how often a mark that is there already is set anew
FRESH_SECONDS = 2.0  # how long after a mark the urgent lane counts as carrying
SHARE = 0.25  # of its time that the routine lane works meanwhile: it is slowed, and never stands still
LONGEST_REST = 1.0  # seconds, after a piece of work that took long for another reason
PIECE = 500  # records that the routine lane takes at once meanwhile


class Precedence:
    """
    One lane's side of it; *mark* is the file that tells, the same for all processes that share a state folder.

    A file that cannot be written or read changes nothing: then each lane works as if the other were not there.
    """

    def __init__(self, mark: Path | None, lane: Lane, *, clock: Callable[[], float] = time.time) -> None:
        self._mark, self._lane, self._clock = mark, lane, clock
        self._told = 0.0

    @classmethod
    def of(cls, settings: Settings, lane: Lane) -> Precedence:
        """A process's of *lane*, by the mark in the state folder."""
        return cls(settings.path("run", "urgent"), lane)

    def carrying(self) -> None:
        """Say that there is something to carry now, where this lane is the urgent one."""
        now = self._clock()
        if self._mark is None or self._lane != "urgent" or 0.0 <= now - self._told < MARK_SECONDS:
            return
        self._told = now
        with suppress(OSError):  # what is urgent is carried all the same
            self._mark.touch(mode=0o600)
            os.utime(self._mark, (now, now))

    @property
    def yields(self) -> bool:
        """Whether this lane is to make room for the other now."""
        if self._mark is None or self._lane == "urgent":
            return False
        try:
            age = self._clock() - self._mark.stat().st_mtime
        except OSError:
            return False
        return abs(age) < FRESH_SECONDS  # of a clock that was set back, a mark is no use for longer than that

    def rest(self, worked: float) -> float:
        """For how many seconds to rest after having worked for *worked* seconds."""
        return min(LONGEST_REST, worked * (1 / SHARE - 1)) if self.yields else 0.0


ALONE = Precedence(None, "urgent")
"""For who works without another lane beside it: it has precedence over nobody, and yields to nobody."""
