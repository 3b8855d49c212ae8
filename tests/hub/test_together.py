"""Together: nobody gets what was found out before they asked, and nobody waits for more than two runs."""

from __future__ import annotations

import asyncio

import pytest

from hub.together import Together


class Counting:
    """Work that says how often it began, and goes on when it is let."""

    def __init__(self) -> None:
        self.began = 0
        self.go = asyncio.Event()
        self.fails = False

    async def __call__(self) -> int:
        """Its own number."""
        self.began += 1
        mine = self.began
        await self.go.wait()
        if self.fails:
            raise OSError
        return mine


async def turns(count: int = 5) -> None:
    """Let others run."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_who_asks_while_it_runs_gets_the_next_run_and_all_of_them_the_same():
    """The run under way may have begun before what they want to know of."""

    async def scene() -> None:
        work = Counting()
        together = Together(work)
        first = asyncio.create_task(together())
        await turns()
        others = [asyncio.create_task(together()) for _ in range(50)]
        await turns()
        assert work.began == 1
        work.go.set()
        assert await first == 1
        assert set(await asyncio.gather(*others)) == {2}
        assert await together() == 3

    asyncio.run(scene())


def test_what_goes_wrong_is_told_to_all_who_waited_and_the_next_begins_anew():
    """A failure is not remembered."""

    async def scene() -> None:
        work = Counting()
        together = Together(work)
        work.fails = True
        waiting = [asyncio.create_task(together()) for _ in range(3)]
        work.go.set()
        assert all(isinstance(one, OSError) for one in await asyncio.gather(*waiting, return_exceptions=True))
        work.fails = False
        assert await together() == 2

    asyncio.run(scene())


def test_who_gives_up_takes_it_from_nobody():
    """The others get their answer."""

    async def scene() -> None:
        work = Counting()
        together = Together(work)
        gone, stays = asyncio.create_task(together()), asyncio.create_task(together())
        await turns()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        work.go.set()
        assert await stays == 1

    asyncio.run(scene())
