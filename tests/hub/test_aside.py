"""Aside: what hangs holds its own places and nobody else's."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hub.transports.aside import aside


def test_what_hangs_is_in_nobody_elses_way() -> None:
    """Two places that hang keep the third of their own waiting, and neither another's work nor the default threads."""
    let_go = threading.Event()

    async def scenario() -> None:
        hanging, other = asyncio.Semaphore(2), asyncio.Semaphore(1)
        stuck = [asyncio.ensure_future(aside(hanging, let_go.wait)) for _ in range(3)]
        assert await aside(other, lambda: 7) == 7
        assert await asyncio.to_thread(lambda: 8) == 8
        for one in stuck[:2]:
            one.cancel()
        await asyncio.sleep(0)
        assert hanging.locked()  # whoever waited gave up: the threads still hang
        let_go.set()
        assert await asyncio.wait_for(stuck[2], 10)
        assert not hanging.locked()

    asyncio.run(scenario())


def test_what_work_raises_is_raised_where_it_is_awaited() -> None:
    """And its place is free again."""

    async def scenario() -> None:
        room = asyncio.Semaphore(1)
        with pytest.raises(OSError, match="full"):
            await aside(room, lambda: (_ for _ in ()).throw(OSError("full")))
        assert await aside(room, lambda: 1) == 1

    asyncio.run(scenario())
