"""The scribe: what many ask to write goes to disk together, in one transaction, by one thread; what it is, they say."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from hub.errors import TransportError
from hub.store import sharing

MOST = 200  # callers to one transaction, so that the first of them does not wait for ever more
T = TypeVar("T")


class _Asked(Generic[T]):
    """One caller's work, what came of it, and the caller's future."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: T | None = None
        self.fault: Exception | None = None
        self.done: Future[T] = Future()

    def do(self) -> None:
        """Do the work; what it raises is kept for its caller."""
        try:
            self._result = self._work()
        except Exception as fault:  # noqa: BLE001  it is raised where the caller waits
            self.fault = fault

    def tell(self, fault: Exception | None = None) -> None:
        """Answer the caller: with what its own work raised, with *fault*, or with its result."""
        if (raised := self.fault or fault) is not None:
            self.done.set_exception(raised)
        else:
            self.done.set_result(self._result)  # type: ignore[arg-type]  # None only where T has None


class Scribe:
    """
    Writes to one database for many callers at once; each is answered after the commit that holds all of its writing.

    To commit costs the disk's own time, whatever is in it; and where SQLite lets one writer in at a time, those who
    would write at once sleep until they look again. Here they stand in line, and all who stand there go in together.
    A caller's work uses `writing` and `reading` of `hub.store`; each block of its writing is kept or undone as a whole,
    and what it raises is nobody else's trouble.
    """

    def __init__(self, store: Engine) -> None:
        self._store = store
        self._waiting: queue.SimpleQueue[_Asked[Any] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="scribe", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[], T]) -> T:
        """What *work* returns, once what it wrote is committed; raises what it raised, or the commit."""
        asked = _Asked(work)
        with self._gate:
            if self._closed:
                raise TransportError("the store is closed; nothing was written")
            self._waiting.put(asked)
        return await asyncio.wrap_future(asked.done)

    def close(self, timeout: float = 30.0) -> None:
        """Write what waits, then end; waits *timeout* seconds for it."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._next()
            batch = [asked for asked in batch if asked.done.set_running_or_notify_cancel()]
            if batch:
                self._together(batch)

    def _next(self) -> tuple[list[_Asked[Any]], bool]:
        """All who stand in line, and whether they are the last."""
        batch: list[_Asked[Any]] = []
        asked = self._waiting.get()
        while asked is not None:
            batch.append(asked)
            if len(batch) == MOST or self._waiting.empty():  # nobody else takes from it
                return batch, False
            asked = self._waiting.get()
        return batch, True

    def _together(self, batch: Sequence[_Asked[Any]]) -> None:
        fault: Exception | None = None
        try:
            if len(batch) == 1:
                batch[0].do()
            else:
                with self._store.begin() as connection, sharing(self._store, connection):
                    for asked in batch:
                        asked.do()
                        if asked.fault is not None:
                            _still_open(connection)
        except Exception as error:  # noqa: BLE001  whatever it is, it is those callers' to hear
            fault = error
        for asked in batch:
            asked.tell(fault)


def _still_open(connection: Connection) -> None:
    """
    Raise OperationalError where the database ended the transaction by itself, as SQLite does when the disk is full.

    What others wrote before is gone then, and the driver would say nothing of it at the commit.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" and not driver.in_transaction:
        raise OperationalError("COMMIT", None, RuntimeError("the database undid what was written"))
