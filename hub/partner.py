"""Partners: what all lanes of one agency on one road know together: whether anybody answers, and whose turn it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from hub.patience import PROBE_SECONDS, Breaker, Uniform
from hub.store.entries import Lane


class Partner:
    """
    One agency's end of one road.

    A lane has a breaker of its own, for one of a family that is away, or one message that always fails. When nothing
    but failures comes from several lanes, nobody is there: then one attempt at a time asks, for all of them, and lanes
    take turns at it. The first answer opens the road to all. Nothing is dropped; times are monotonic seconds.
    """

    def __init__(self, uniform: Uniform) -> None:
        self._uniform = uniform
        self._all = Breaker(uniform)
        self._failing: Counter[Lane] = Counter()  # since the last answer
        self._lanes: dict[Lane, Breaker] = {}
        self._news: dict[Lane, Callable[[], None]] = {}
        self._flying = 0
        self._turns: dict[Lane, None] = {}  # who asks next, in this order, while nobody answers

    @property
    def away(self) -> bool:
        """Whether nobody answers, as far as two failures or more beside those of the worst lane can tell."""
        return self._all.open and self._failing.total() - max(self._failing.values()) > 1

    @property
    def lanes(self) -> Collection[Lane]:
        """The lanes that are at work."""
        return self._news.keys()

    def join(self, lane: Lane, news: Callable[[], None]) -> None:
        """Take in a lane; *news* wakes it when it should ask again for its turn."""
        self._lanes.setdefault(lane, Breaker(self._uniform))
        self._news[lane] = news

    def leave(self, lane: Lane, flying: int) -> None:
        """A lane has nothing to carry any more, or is stopped with *flying* attempts whose end nobody saw."""
        self._flying -= flying
        self._news.pop(lane, None)
        self._lanes.pop(lane, None)
        self.decline(lane)

    def careful(self, lane: Lane) -> bool:
        """Whether what a lane may try now is a probe, which is best made with what failed least."""
        return self.away or self._lanes[lane].open

    def room(self, lane: Lane, now: float, flying: int, abreast: int) -> int:
        """How many more deliveries a lane may start, with *flying* of its own under way; while away, one, in turn."""
        if not self.away:
            return self._lanes[lane].room(now, flying, abreast)
        self._turns.setdefault(lane)
        mine = next(iter(self._turns)) == lane
        return self._all.room(now, self._flying, abreast) if mine else 0

    def rest(self, lane: Lane, now: float) -> float:
        """Seconds after which a lane without room should ask again, at the latest: it is woken when its turn comes."""
        if not self.away:
            return self._lanes[lane].rest(now)
        mine = self._flying == 0 and next(iter(self._turns), lane) == lane
        return self._all.rest(now) if mine else PROBE_SECONDS

    def decline(self, lane: Lane) -> None:
        """A lane leaves its turn to the next: it has nothing that may be tried now."""
        first = next(iter(self._turns), None)
        self._turns.pop(lane, None)
        if first == lane:
            self._wake_next()

    def started(self, lane: Lane, many: int) -> None:
        """So many deliveries of a lane are under way; its turn is over."""
        self._flying += many
        self._turns.pop(lane, None)

    def ended(self, lane: Lane, now: float, *, answered: bool) -> Collection[Lane]:
        """One delivery ended; returns the lanes to which the partner is back, whose messages need wait no longer."""
        self._flying -= 1
        was_away = self.away
        if not answered:
            self._failing[lane] += 1
            self._all.failed(now)
            if not was_away:
                self._lanes[lane].failed(now)
            self._wake_next()
            return ()
        self._all.answered()
        self._failing.clear()
        returned = self._lanes[lane].answered()
        if not was_away:
            return (lane,) if returned else ()
        back = tuple(self._news)
        self._lanes = {one: Breaker(self._uniform) for one in self._news}
        self._turns.clear()
        for wake in list(self._news.values()):
            wake()
        return back

    def _wake_next(self) -> None:
        for lane in list(self._turns):
            if lane in self._news:
                self._news[lane]()
                return
            del self._turns[lane]
