"""Watching: when a file of a folder is ready, and what happens to it then; where the folder lies is a `Place`'s."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hub.errors import HubError, Refused, TransportError
from hub.log import note
from hub.transports import Answer, Receive
from hub.transports.naming import Mark, finished

_CODE = re.compile(r"[a-z][a-z0-9._-]{0,79}")
M = TypeVar("M", bound=Mark)


class Place(Protocol[M]):
    """
    One folder. A fault of the place itself is a TransportError or OSError of `files`, or a TransportError elsewhere.

    Any other error of `take` and `put_away` is one file's own, and does not stop the others.
    """

    async def files(self) -> Mapping[str, M]:
        """The regular files that lie there now; links, pipes and folders are none."""

    async def take(self, name: str, mark: M, most: int) -> bytes | None:
        """The bytes of a file, some more than *most* where it holds more, or None where it is not as it was."""

    async def put_away(self, name: str, mark: M, answer: Answer) -> None:
        """Move a file that was answered, never over another; one that replaced it meanwhile stays to be read."""


@dataclass(slots=True)
class Seen(Generic[M]):
    """One file of a folder, between looks: unchanged since when, and when it may be tried (monotonic seconds)."""

    mark: M
    since: float
    looks: int = 1
    failures: int = 0
    not_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is looked, how long a file must stand still (seconds), the shortest and longest pause after a fault."""

    every: float
    settle: float
    backoff: tuple[float, float]

    def pause(self, failures: int) -> float:
        """Exponential with full jitter, so that lines that failed together do not come back together."""
        first, most = self.backoff
        return random.uniform(first / 2, max(first, min(most, first * 2.0 ** min(failures, 30))))  # noqa: S311


class Watch(Generic[M]):
    """
    Watches one place for one line (agency, line).

    A file is taken once its mark stayed the same over two looks and the settling time. While the hub cannot commit,
    the line waits at its oldest file, so that files are taken in the order they came; one file that makes trouble of
    its own is passed over, and tried again later.
    """

    def __init__(self, road: str, line: tuple[str, str], place: Place[M], pace: Pace, most_bytes: int) -> None:
        self._road, self._line, self._place, self._pace, self._most = road, line, place, pace, most_bytes

    async def run(self, receive: Receive, stopping: asyncio.Event) -> None:
        """Until *stopping*; the file that was received last is answered and put away first."""
        seen: dict[str, Seen[M]] = {}
        failures = 0
        while not stopping.is_set():
            pause = self._pace.every
            try:
                there = await self._place.files()
                for name, one in ready(seen, there, self._pace.settle, time.monotonic()):
                    if stopping.is_set():
                        break
                    await self._one(name, one, receive)
                failures = 0
            except (TransportError, OSError) as error:
                pause = self._pace.pause(failures)
                failures += 1
                keys = {"kind": type(error).__name__, "code": code_of(error), "seconds": round(pause, 1)}
                self._note("tried again", logging.WARNING, **keys)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)

    async def _one(self, name: str, one: Seen[M], receive: Receive) -> None:
        """Take one file; only a TransportError that time may mend leaves here: one file does not stop the others."""
        try:
            data = await self._place.take(name, one.mark, self._most)
            if data is None:
                return
            if len(data) > self._most:
                mend = f"send at most {self._most // 1_000_000} MB in one file"
                answer = Answer(f"{self._road}.too-large", "", mend, refused=1, readable=False)
            else:
                answer = await receive(*self._line, data)
            await self._place.put_away(name, one.mark, answer)
        except Refused as error:  # Kafka will never take what is in it: no reason for the files behind it to wait
            self._passed_over(one, error)
        except TransportError:
            raise
        except Exception as error:  # noqa: BLE001  one odd file, or a fault of ours: the line goes on, and it is told
            self._passed_over(one, error)
        else:
            counts = {"events": answer.events, "set_aside": answer.set_aside, "refused": answer.refused}
            self._note("received", logging.INFO, file=one.mark.label, code=answer.code, **counts)

    def _passed_over(self, one: Seen[M], error: Exception) -> None:
        """Try a file later than those behind it, and say so."""
        pause = self._pace.pause(one.failures)
        one.failures += 1
        one.not_before = time.monotonic() + pause
        keys = {"kind": type(error).__name__, "code": code_of(error), "seconds": round(pause, 1)}
        self._note("a file makes trouble", logging.ERROR, file=one.mark.label, **keys)

    def _note(self, what: str, level: int, **keys: object) -> None:
        note(self._road, what, level=level, agency=self._line[0], line=self._line[1], **keys)


def ready(seen: dict[str, Seen[M]], there: Mapping[str, M], settle: float, now: float) -> list[tuple[str, Seen[M]]]:
    """The files that are ready at *now*, oldest first; *seen* is brought up to date with what is *there*."""
    whole = {name: mark for name, mark in there.items() if finished(name)}
    for name in seen.keys() - whole.keys():
        del seen[name]
    for name, mark in whole.items():
        if name in seen and seen[name].mark == mark:
            seen[name].looks += 1
        else:
            seen[name] = Seen(mark, now)
    found = [
        (name, one)
        for name, one in seen.items()
        if one.looks > 1 and now - one.since >= settle and now >= one.not_before
    ]
    return sorted(found, key=lambda pair: (pair[1].mark.changed, pair[0]))


def code_of(error: Exception) -> str:
    """The code with which an error of ours begins, for a log; empty for the system's own, of which the kind is told."""
    said = str(error).partition(":")[0] if isinstance(error, HubError) else ""
    return said if _CODE.fullmatch(said) else ""
