"""Readiness: what this process still lacks to do its work, in words, and whether its loop turns; nothing of anybody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

HANGS_SECONDS = 120.0
"""How long a loop may stand still: the longest single call of ours, to brokers that do not answer, takes 30 s."""


class Readiness:
    """
    What one process says of itself. Safe in any thread.

    It is ready while it lacks nothing, and alive while its loop *beats*; one that never beat is not judged by that.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lacks: dict[str, tuple[str, float]] = {}
        self._beat: float | None = None
        self._lock = threading.Lock()
        self.announced: dict[str, object] = {}
        """What goes into run/<process>.json whenever the process says there that it is ready."""

    def lacks(self, what: str, why: str) -> None:
        """Say that *what* is not there yet, or no longer, and *why*, in words; since when is kept."""
        with self._lock:
            _, since = self._lacks.get(what, ("", self._clock()))
            self._lacks[what] = (why, since)

    def has(self, what: str) -> None:
        """Say that *what* is there."""
        if what in self._lacks:
            with self._lock:
                self._lacks.pop(what, None)

    def beat(self) -> None:
        """Say that the loop turned."""
        self._beat = self._clock()

    def missing(self) -> Mapping[str, str]:
        """What is lacking, each with the reason and for how long; nothing where the process is ready."""
        now = self._clock()
        with self._lock:
            return {what: f"{why} (for {now - since:.0f} s)" for what, (why, since) in self._lacks.items()}

    def hangs(self) -> str:
        """How long the loop has stood still, in words; empty while it turns."""
        still = 0.0 if self._beat is None else self._clock() - self._beat
        return f"the loop has not turned for {still:.0f} s" if still > HANGS_SECONDS else ""

    def reset(self) -> None:
        """As at the start; for tests."""
        with self._lock:
            self._lacks.clear()
            self.announced.clear()
            self._beat = None


OWN = Readiness()
"""This process's."""
