"""Tally: what came of one message or file, counted as it goes by, and what its sender is told; it holds no content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hub.inbound import NOT_NEEDED, Outcome, Queried, Refusal, SetAside, Understood
from hub.quarantine.item import plain
from hub.transports import Answer
from hub.wall import CLOSED

UNKEPT = frozenset({CLOSED, NOT_NEEDED})
"""The refusals of which nothing is kept, neither in quarantine nor in the sender's folder."""


class Tally:
    """Counts by kind and by code, and the fault that its sender is told, without its bytes."""

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self.refusals: Counter[str] = Counter()
        self.asides: Counter[str] = Counter()
        self.events = self.queried = 0
        self._fault: Refusal | None = None
        self.add(outcomes)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count some more; they come after those that were counted before."""
        for one in outcomes:
            if isinstance(one, Refusal):
                self.refusals[one.code] += 1
                if self._fault is None or (one.code == CLOSED and self._fault.code != CLOSED):
                    self._fault = replace(one, raw=b"")
            elif isinstance(one, SetAside):
                self.asides[one.code] += 1
            else:
                self.events += isinstance(one, Understood)
                self.queried += isinstance(one, Queried)

    @property
    def answer(self) -> Answer:
        """What a sender is told of everything that came of its message: counts, and the first fault."""
        refused, aside = self.refusals.total(), self.asides.total()
        answer = Answer(events=self.events, set_aside=aside, refused=refused)
        if self._fault is None:
            return answer
        return answer._replace(
            code=plain(self._fault.code),
            place=plain(self._fault.place),
            mend=self._fault.mend,
            readable=self._fault.readable or self.events + self.queried + aside + refused > 1,
            kept=self._fault.code not in UNKEPT,
        )
