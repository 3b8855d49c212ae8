"""How far a partition was taken in, and the bounded wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hub.watches.progress import Progress

PLACE, JUDGED = ("said.v1", 3), ("came.v1", 3)
LONG, NONE = 20.0, 0.01


async def ended(at: int) -> int:
    return at


def up_to(progress: Progress, end: int, patience: float = NONE) -> bool:
    return asyncio.run(progress.caught_up(PLACE, JUDGED, 0, lambda: ended(end), patience))


def test_nothing_known_is_not_caught_up() -> None:
    """A partition that was never looked at proves nothing, though it be empty."""
    progress = Progress()
    assert not up_to(progress, 0)
    progress.reached(PLACE, 0)
    assert up_to(progress, 0)


def test_what_was_handed_out_must_be_done() -> None:
    """Fetched is not yet worked on."""
    progress = Progress()
    progress.fetched(PLACE, 6)
    progress.reached(PLACE, 7)
    assert not up_to(progress, 7)
    progress.done(PLACE, 5)
    assert not up_to(progress, 7)
    progress.done(PLACE, 6)
    assert up_to(progress, 7)


def test_offsets_that_are_never_handed_out_are_passed() -> None:
    """An aborted transaction and its marker lie before the end, and nobody will work on them."""
    progress = Progress()
    progress.fetched(PLACE, 6)
    progress.done(PLACE, 6)
    progress.reached(PLACE, 10)
    assert up_to(progress, 10)
    assert not up_to(progress, 11)


def test_what_was_given_up_is_forgotten() -> None:
    """After a rebalance what was once reached says nothing."""
    progress = Progress()
    progress.reached(PLACE, 9)
    progress.forget(PLACE)
    assert not up_to(progress, 9)


def test_the_wait_ends_as_soon_as_the_work_is_there() -> None:
    """The waiter is woken; it does not look again by the clock."""
    progress = Progress()
    progress.fetched(PLACE, 4)
    progress.reached(PLACE, 5)

    async def waits() -> bool:
        waiter = asyncio.create_task(progress.caught_up(PLACE, JUDGED, 0, lambda: ended(5), LONG))
        await asyncio.sleep(0)
        progress.done(PLACE, 4)
        return await waiter

    assert asyncio.run(asyncio.wait_for(waits(), LONG / 2))


def test_a_stuck_partition_is_waited_for_once() -> None:
    """After one wait in vain the next answers come at once, until it has caught up."""
    progress = Progress()
    progress.reached(PLACE, 1)
    assert not up_to(progress, 2)

    async def quick(end: int) -> bool:
        return await asyncio.wait_for(progress.caught_up(PLACE, JUDGED, 0, lambda: ended(end), LONG), LONG / 2)

    assert not asyncio.run(quick(2))
    progress.reached(PLACE, 2)
    assert asyncio.run(quick(2))


def test_an_end_that_is_not_told_is_not_waited_for_longer() -> None:
    """Where the broker does not say, the patience covers the question as well."""
    progress = Progress()
    progress.reached(PLACE, 2)

    async def never() -> int:
        await asyncio.Event().wait()
        return 0

    ask: Callable[[], object] = never
    assert not asyncio.run(progress.caught_up(PLACE, JUDGED, 0, ask, NONE))  # type: ignore[arg-type]  # it never returns


def test_what_was_handed_out_together_asks_once_where_the_partition_ends() -> None:
    """A backlog is not judged at the pace of the network; what came after the question asks anew."""
    progress, asked = Progress(), list[int]()
    progress.reached(PLACE, 10)
    progress.fetched(JUDGED, 4)

    async def end() -> int:
        asked.append(len(asked))
        progress.fetched(JUDGED, 7)  # while the broker thinks, more come
        return 10

    async def judged(offset: int) -> bool:
        return await progress.caught_up(PLACE, JUDGED, offset, end, NONE)

    async def one_by_one() -> None:
        for offset in (2, 3, 4):
            assert await judged(offset)
        assert asked == [0]
        assert await judged(5)
        assert await judged(7)
        assert asked == [0, 1]

    asyncio.run(one_by_one())


def test_an_answer_does_not_outlive_the_partition() -> None:
    """After a rebalance the end is asked for again."""
    progress = Progress()
    progress.fetched(JUDGED, 4)
    progress.reached(PLACE, 10)
    assert up_to(progress, 9)
    progress.forget(PLACE)
    progress.reached(PLACE, 10)
    assert not up_to(progress, 12)
