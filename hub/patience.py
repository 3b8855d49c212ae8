"""Patience: when to ask again somebody who did not answer; time and chance are arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
PROBE_SECONDS = 30.0
FAILURES = 5

Uniform = Callable[[float, float], float]
"""A random number between two bounds, such as `random.uniform`."""


def backoff(attempts: int, uniform: Uniform) -> float:
    """Seconds until the next attempt after *attempts* that failed: full jitter, exponential, 1 s to 5 min at most."""
    return uniform(0.0, min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempts - 1, 30)))


@dataclass(slots=True)
class Breaker:
    """
    Opens after five failures in a row; then one probe at a time, at most every half minute, until one succeeds.

    It never drops anything, only delays. The rest between probes stays short, because one message that fails
    alone on a quiet lane looks just like a partner who is away, and nothing else should wait long for it.
    """

    uniform: Uniform
    failures: int = 0
    resumes: float = 0.0

    @property
    def open(self) -> bool:
        """Whether only a probe may go."""
        return self.failures >= FAILURES

    def room(self, now: float, flying: int, abreast: int) -> int:
        """How many more deliveries may start at *now* (monotonic seconds), with *flying* under way."""
        if not self.open:
            return max(0, abreast - flying)
        return 1 if flying == 0 and now >= self.resumes else 0

    def rest(self, now: float) -> float:
        """Seconds until the next probe may go."""
        return max(0.0, self.resumes - now) if self.open else 0.0

    def failed(self, now: float) -> None:
        """One more failure in a row."""
        self.failures += 1
        if self.open:
            longest = min(PROBE_SECONDS, FIRST_SECONDS * 2.0 ** min(self.failures - 1, 30))
            self.resumes = now + self.uniform(longest / 2, longest)

    def answered(self) -> bool:
        """The partner answered, be it no; returns whether it had been away."""
        was_open, self.failures = self.open, 0
        return was_open
