"""Together: one piece of work for all who asked before it began; what the work is, its owner says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """
    Work that is done by one at a time, and whose result is as good for everybody who asked before it began.

    So fifty who ask within a moment wait for two runs at most: the one under way, which may have begun too early for
    them, and the next.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """The result of a run that began after this call; raises what it raised, for each who waited for it."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        return await asyncio.shield(self._next)  # whoever gives up takes it from nobody else

    async def _after(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        return await self._work()
