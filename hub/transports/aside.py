"""Aside: work that may hang for good, such as writing to a share, in threads that nobody else needs; no pool."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def aside(room: asyncio.Semaphore, work: Callable[[], T]) -> T:
    """
    What *work* returns or raises, from a thread of its own; as many at once as *room* has places.

    A place is given back when the work ends, not when whoever waited for it gave up: what hangs takes no more threads
    than that, and the next ones wait for a place. The threads do not hold up the end of the process.
    """
    loop = asyncio.get_running_loop()
    await room.acquire()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        room.release()
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # what the work returned

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001  it is raised where it is awaited
            error = raised
        with suppress(RuntimeError):  # the loop ended meanwhile
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await done
