"""Quiet: what Faust and its libraries log, reduced to what the hub lets be logged, and said once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from hub.log import note

LIBRARIES = ("faust", "mode", "aiokafka")
SECONDS = 60.0


class Seldom(logging.Handler):
    """
    Passes on the template of a warning, without its arguments and traceback, which may hold what was read.

    Each template is passed on at most once in *seconds*, with the *count* of what was left out before it: while a
    broker is away aiokafka says so seventy times a second.
    """

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._seconds = seconds
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, or count it."""
        now, what = self._clock(), (record.name, str(record.msg).split("\n")[0][:120])
        last, count = self._said.get(what, (now - self._seconds, 0))
        if now - last < self._seconds:
            self._said[what] = (last, count + 1)
            return
        if len(self._said) > 1000:  # templates that are made up as they go; the memory of them must not grow
            self._said.clear()
        self._said[what] = (now, 0)
        kind = {"kind": record.exc_info[0].__name__} if record.exc_info and record.exc_info[0] else {}
        note(f"watches.{record.name}", what[1], level=record.levelno, count=count, **kind)


def quieten() -> None:
    """Give Faust, mode and aiokafka one voice."""
    seldom = Seldom()
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.handlers[:] = [seldom]
        logger.propagate = False
