"""Conditions: how a group fares, from what was seen of it over a sliding window; no threshold of lag or age."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hub.ops.picture import Condition
from hub.transports.kafka import Lag

WINDOW = timedelta(seconds=30)
"""What *slow* looks at: whether all of its second half is further behind than all of its first."""
PATIENCE = timedelta(seconds=7)
"""How long a group may commit nothing while records wait, unless it took longer lately and went on all the same."""
REMEMBERED = 20  # commits of a partition of which is remembered how long they took
MORE = 1.5
WORST: tuple[Condition, ...] = ("stopped", "stalled", "slow", "unknown", "silent", "ok")


@dataclass(slots=True)
class _Partition:
    """What was seen of one group in one partition: its *place*, since when it is there while records wait."""

    place: int | None
    waits_from: datetime | None
    moved: datetime | None = None
    took: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class Conditions:
    """What was seen of every group lately."""

    def __init__(self) -> None:
        self._partitions: dict[tuple[str, str, int], _Partition] = {}
        self._lags: dict[tuple[str, str], deque[tuple[datetime, int]]] = {}
        self._empty: dict[str, int] = {}

    def see(self, rows: list[Lag], members: dict[str, int | None], now: datetime) -> dict[tuple[str, str], Condition]:
        """Take in one measurement; gives each group's condition in each topic."""
        groups = {row.group for row in rows}
        self._empty = {one: self._empty.get(one, 0) + 1 if members.get(one, 0) == 0 else 0 for one in groups}
        told: dict[tuple[str, str], list[Lag]] = {}
        for row in rows:
            told.setdefault((row.group, row.topic), []).append(row)
        self._partitions = {(row.group, row.topic, row.partition): self._moved(row, now) for row in rows}
        self._lags = {one: self._lags.get(one, deque()) for one in told}
        found: dict[tuple[str, str], Condition] = {}
        for (group, topic), of in told.items():
            lags = self._lags[group, topic]
            lags.append((now, sum(row.lag for row in of)))
            while lags[0][0] < now - WINDOW:
                lags.popleft()
            found[group, topic] = self._condition(group, of, lags, now)
        return found

    def moved(self, row: Lag) -> datetime | None:
        """When a group was last seen to commit something new in a partition."""
        known = self._partitions.get((row.group, row.topic, row.partition))
        return known.moved if known is not None else None

    def _moved(self, row: Lag, now: datetime) -> _Partition:
        """One partition at one more look."""
        known = self._partitions.get((row.group, row.topic, row.partition))
        if known is None:
            return _Partition(row.committed, now if row.lag else None)
        if known.place != row.committed:
            if known.waits_from is not None:
                known.took.append((now - known.waits_from).total_seconds())
            known.place, known.waits_from, known.moved = row.committed, now if row.lag else None, now
        elif not row.lag:
            known.waits_from = None
        elif known.waits_from is None:
            known.waits_from = now
        return known

    def _condition(self, group: str, of: list[Lag], lags: deque[tuple[datetime, int]], now: datetime) -> Condition:
        if not any(row.lag for row in of):
            return "ok"
        if self._empty[group] > 1:  # a member that only comes back under its name is missed by one look at the most
            return "stopped"
        if any(self._stands(row, now) for row in of):
            return "stopped" if self._empty[group] else "stalled"
        if len(lags) == 1:
            return "unknown"
        return "slow" if _falls_behind(lags, now) else "ok"

    def _stands(self, row: Lag, now: datetime) -> bool:
        """Whether records wait in a partition longer than the group ever let them lately, without a commit."""
        known = self._partitions[row.group, row.topic, row.partition]
        if known.waits_from is None:
            return False
        usual = timedelta(seconds=MORE * max(known.took, default=0.0))
        return now - known.waits_from >= max(PATIENCE, usual)


def _falls_behind(lags: deque[tuple[datetime, int]], now: datetime) -> bool:
    """Whether a whole window was seen, and its second half is further behind throughout than ever in its first."""
    if lags[0][0] > now - WINDOW * 0.8:
        return False
    middle = now - WINDOW / 2
    before, after = ([lag for at, lag in lags if (at >= middle) is later] for later in (False, True))
    return bool(before and after) and min(after) > max(before)
