"""Precedence: what can wait waits while there is work on what cannot, and never for good."""

from __future__ import annotations

import asyncio

import pytest

from hub import precedence
from hub.precedence import Precedence


async def until_done(task: asyncio.Task[None]) -> bool:
    """Whether *task* is done after some turns of the loop."""
    for _ in range(20):
        await asyncio.sleep(0)
    return task.done()


def test_what_can_wait_waits_for_work_on_what_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the last of it is done."""
    monkeypatch.setattr(precedence, "LONGEST_SECONDS", 60.0)
    monkeypatch.setattr(precedence, "LOOKS_SECONDS", 0.0)

    async def scene() -> None:
        order = Precedence()
        with order.pressing():
            with order.pressing():
                waiting = asyncio.create_task(order.give_way())
                assert not await until_done(waiting)
            assert not await until_done(waiting)
        assert await until_done(waiting)

    asyncio.run(scene())


def test_nothing_waits_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many alerts there are."""
    monkeypatch.setattr(precedence, "LONGEST_SECONDS", 0.0)

    async def scene() -> None:
        order = Precedence()
        with order.pressing():
            await order.give_way()

    asyncio.run(scene())


def test_work_that_fails_presses_no_more() -> None:
    """What comes behind it goes on at once."""

    async def scene() -> None:
        order = Precedence()
        with pytest.raises(OSError), order.pressing():  # noqa: PT011  whichever it is
            raise OSError
        assert await until_done(asyncio.create_task(order.give_way()))

    asyncio.run(scene())
