"""Precedence: while the urgent lane carries, the routine lane works in pieces and rests; else it works as ever."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.office import Office
from hub.precedence import ALONE, FRESH_SECONDS, LONGEST_REST, MARK_SECONDS, SHARE, Precedence
from hub.store import engine
from hub.store.ledger import Ledger
from tests.hub.lives import CATALOG, KEYS, meanwhile

MORNING = 1_800_000_000.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At nine."""
    return Clock()


@pytest.fixture
def lanes(tmp_path: Path, clock: Clock) -> tuple[Precedence, Precedence]:
    """The urgent lane's and the routine lane's, of one state folder."""
    mark = tmp_path / "urgent"
    return Precedence(mark, "urgent", clock=clock), Precedence(mark, "routine", clock=clock)


def test_where_nothing_urgent_is_carried_the_routine_lane_never_rests(lanes: tuple[Precedence, Precedence]) -> None:
    """Neither before the first mark nor alone."""
    _, routine = lanes
    assert not routine.yields
    assert routine.rest(60.0) == 0.0
    assert not ALONE.yields
    ALONE.carrying()


def test_the_routine_lane_yields_while_the_urgent_one_carries_and_shortly_after(
    lanes: tuple[Precedence, Precedence], clock: Clock
) -> None:
    """From the mark on for two seconds; then it works as ever."""
    urgent, routine = lanes
    urgent.carrying()
    assert routine.yields
    clock.now += FRESH_SECONDS - 0.01
    assert routine.yields
    clock.now += 0.02
    assert not routine.yields
    urgent.carrying()
    assert routine.yields


def test_neither_the_urgent_lane_nor_what_the_routine_one_carries_makes_anybody_wait(
    lanes: tuple[Precedence, Precedence],
) -> None:
    """The mark is the urgent lane's alone, and it looks at none."""
    urgent, routine = lanes
    routine.carrying()
    assert not routine.yields
    urgent.carrying()
    assert not urgent.yields
    assert urgent.rest(10.0) == 0.0


def test_a_mark_is_set_anew_only_now_and_then(
    lanes: tuple[Precedence, Precedence], clock: Clock, tmp_path: Path
) -> None:
    """Thousands of alerts a second cost no more than five of them."""
    urgent, _ = lanes
    urgent.carrying()
    clock.now += MARK_SECONDS / 2
    urgent.carrying()
    assert (tmp_path / "urgent").stat().st_mtime == MORNING
    clock.now += MARK_SECONDS
    urgent.carrying()
    assert (tmp_path / "urgent").stat().st_mtime == pytest.approx(clock.now)


def test_a_clock_that_is_set_back_leaves_no_mark_that_holds_for_hours(
    lanes: tuple[Precedence, Precedence], clock: Clock
) -> None:
    """A mark of the future is as stale as one of long ago, and the next is set at once."""
    urgent, routine = lanes
    urgent.carrying()
    clock.now -= 3600.0
    assert not routine.yields
    urgent.carrying()
    assert routine.yields


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    """Both lanes then work as if the other were not there."""
    (tmp_path / "file").write_text("in the way")
    mark = tmp_path / "file" / "urgent"
    Precedence(mark, "urgent").carrying()
    assert not Precedence(mark, "routine").yields


@given(worked=st.floats(0.0, 1e6))
def test_the_routine_lane_works_a_share_of_its_time_and_never_stands_still(worked: float) -> None:
    """For every piece of work the rest is three times as long, and a second at most."""

    class Urged(Precedence):
        """One that is always asked to make room."""

        yields = True

    rest = Urged(None, "routine").rest(worked)
    assert rest <= LONGEST_REST
    assert rest == LONGEST_REST or worked / (worked + rest or 1.0) == pytest.approx(SHARE if worked else 0.0)


def test_while_it_yields_a_process_does_one_piece_at_a_time_and_rests_after_each(
    lanes: tuple[Precedence, Precedence], tmp_path: Path
) -> None:
    """Two runners that both want to work take turns; where nothing is urgent they work side by side."""
    urgent, routine = lanes
    office = Office(
        CATALOG,
        KEYS,
        Ledger(engine(f"sqlite:///{tmp_path / 'x.db'}")),
        meanwhile(),
        lambda: datetime.now(UTC),
        random.uniform,
    )
    inside, seen = set[object](), list[int]()

    async def piece(of: Office) -> None:
        async with of.turn(of.carrying):
            inside.add(asyncio.current_task())
            for _ in range(5):
                await asyncio.sleep(0)
            seen.append(len(inside))
            inside.discard(asyncio.current_task())

    async def both(of: Office) -> int:
        seen.clear()
        await asyncio.gather(piece(of), piece(of))
        return max(seen)

    async def life() -> tuple[int, int]:
        of = replace(office, precedence=routine)
        beside = await both(of)
        urgent.carrying()
        return beside, await both(of)

    assert asyncio.run(life()) == (2, 1)
