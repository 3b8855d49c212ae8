"""Precedence: within one process, work on what cannot wait goes before work on what can; it carries nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_SECONDS = 0.25  # for which a register gives way, so that it goes on however many alerts there are
LOOKS_SECONDS = 0.005


class Precedence:
    """
    Where processors are short, an alert must not stand in line with a backlog of registers.

    Only work counts, not waiting for a partner: one who hangs holds up nobody.
    """

    def __init__(self) -> None:
        self._at_work = 0

    @contextmanager
    def pressing(self) -> Iterator[None]:
        """As long as the block lasts, something is worked on that cannot wait."""
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    async def give_way(self) -> None:
        """Return once nothing is worked on that cannot wait, or after a quarter of a second."""
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_SECONDS
        while self._at_work and clock() < until:
            await asyncio.sleep(LOOKS_SECONDS)
