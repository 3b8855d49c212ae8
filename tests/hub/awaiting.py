"""How tests of roads wait: for conditions, in a loop of their own; the suite's time limit is the only clock."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from hub.transports import Answer


def awaited(test: Callable[..., Any]) -> Callable[..., None]:
    """Run an asynchronous test in a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def until(happened: Callable[[], Any]) -> Any:
    """Wait for a condition."""
    while not (result := happened()):
        await asyncio.sleep(0.005)
    return result


class Gateway:
    """Keeps what it was given, and answers by turns."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.given: list[tuple[str, str, bytes]] = []
        self.before: Callable[[], None] = lambda: None

    async def __call__(self, agency: str, line: str, data: bytes) -> Answer:
        """Take one message."""
        self.given.append((agency, line, data))
        self.before()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
