"""How a group fares is told from what was seen of it, whatever its size; a usual pause alarms nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hub.ops.conditions import PATIENCE, Conditions
from hub.transports.kafka import Lag

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
EVERY = timedelta(seconds=2)


def fares(seen: Iterator[tuple[int, int]] | list[tuple[int, int]], members: int | None = 1) -> list[str]:
    """How it fares after each look; *seen* is (committed, end) of its one partition, look by look."""
    conditions, told = Conditions(), []
    for number, (committed, end) in enumerate(seen):
        now = NOW + number * EVERY
        row = Lag("g", "t", 0, committed, end, end - committed, now if end > committed else None, 0, 0)
        told.append(conditions.see([row], {"g": members}, now)["g", "t"])
    return told


def test_who_is_at_the_end_is_well_whoever_is_in_the_group() -> None:
    """A courier of a quiet stream, or one that was stopped for the night with nothing to carry."""
    assert fares([(5, 5)] * 9) == ["ok"] * 9
    assert fares([(5, 5)] * 9, members=0) == ["ok"] * 9


def test_who_left_while_records_wait_has_stopped_by_the_second_look() -> None:
    """One look may fall between the going and the coming of a member."""
    assert fares([(5, 6)] * 3, members=0) == ["unknown", "stopped", "stopped"]


def test_who_stays_and_commits_nothing_stands_still() -> None:
    """After seven seconds, however much or little waits; a group of which nobody knows who is in it as well."""
    for waiting in (1, 100_000):
        for members in (1, None):
            told = fares([(5, 5 + waiting)] * 9, members)
            assert told.index("stalled") == PATIENCE / EVERY + 0.5
            assert set(told[:4]) <= {"unknown", "ok"}


def test_one_partition_that_stands_still_is_seen_though_others_go_on() -> None:
    """The sum of all would hide it."""
    conditions, told = Conditions(), []
    for number in range(8):
        now = NOW + number * EVERY
        rows = [Lag("g", "t", 0, 5, 9, 4, now, 0, 0), Lag("g", "t", 1, number, number + 1, 1, now, 0, 0)]
        told.append(conditions.see(rows, {"g": 2}, now)["g", "t"])
    assert told[-1] == "stalled"


def test_who_catches_up_is_well() -> None:
    """However far it still is behind."""
    assert set(fares([(number * 100, 100_000) for number in range(30)])[1:]) == {"ok"}


def test_who_commits_and_falls_behind_all_the_same_is_slow() -> None:
    """After a window in which it was further behind throughout than before."""
    told = fares([(number * 10, number * 30 + 5) for number in range(30)])
    assert told[-1] == "slow"
    assert set(told[:10]) <= {"unknown", "ok"}


def test_who_is_behind_by_turns_is_not_slow() -> None:
    """Lag that comes and goes is a steady flow looked at by chance."""
    assert "slow" not in fares([(number * 10, number * 10 + number % 4) for number in range(60)])


def test_who_usually_commits_every_twenty_seconds_does_not_stand_still_at_fifteen() -> None:
    """What it did before and went on all the same is its way; twice as long is not."""
    usual = [(number // 10 * 10, number + 1) for number in range(60)]
    assert "stalled" not in fares(usual)[20:]
    assert fares(usual + [(50, 61 + number) for number in range(20)])[-1] == "stalled"


def test_who_stopped_and_comes_back_is_well_at_once() -> None:
    """With its first commit."""
    told = fares([(5, 9)] * 8 + [(6, 9)])
    assert (told[-2], told[-1]) == ("stalled", "ok")
