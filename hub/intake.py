"""Intake: what a sender's bytes become, and what the sender is told once that is committed; no socket, no broker."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Protocol
from weakref import WeakValueDictionary

from hub import intake_counts, spans
from hub.catalog import Catalog
from hub.envelope import Record
from hub.identity.index import News
from hub.identity.registry import NOTHING, Registry
from hub.inbound import USED_BEFORE, Line, Outcome, Portion, Refusal, Understood, essence, own_id, portions
from hub.keys import Keys
from hub.log import note
from hub.quarantine.item import Sent, plain, refused
from hub.tally import UNKEPT, Tally
from hub.transports import Answer
from hub.view import Identifier
from hub.wall import let_in
from hub.wire import record_of

Commit = Callable[[Sequence[Record]], Awaitable[None]]
Clock = Callable[[], datetime]
Write = Callable[[Callable[[], None]], Awaitable[None]]
"""Does work that writes to the gateway's database; returns once what it wrote is committed."""
Wall = Callable[[], Awaitable[Collection[Identifier]]]
"""The identifiers that adoption orders closed, all that were committed before the call; raises TransportError."""
SHORT = 16_384
"""Up to so many bytes a message's id is read where it came: to hand it to a thread would take as long."""


def now_in_utc() -> datetime:
    """The moment at which it is asked."""
    return datetime.now(UTC)


class Remembered(Protocol):
    """What was answered to an id the first time, and whether the content now is the content then."""

    @property
    def answer(self) -> str:
        """The answer, as JSON."""

    @property
    def same(self) -> bool:
        """Whether it is the same message again."""


class Inbox(Protocol):
    """Remembers what senders were answered, so that the same message twice gets the same answer."""

    def recall(self, agency: str, line: str, own_id: str, content: bytes) -> Remembered | None:
        """What was answered to this id before, or None."""

    def remember(
        self, agency: str, line: str, own_id: str, content: bytes, answer: str, *, now: datetime
    ) -> Remembered:
        """Keep the answer; called after the commit."""


class Intake:
    """Receives for every line of the catalog; *commit* returns only once Kafka holds everything it was given."""

    def __init__(
        self,
        catalog: Catalog,
        keys: Keys,
        commit: Commit,
        inbox: Inbox | None = None,
        clock: Clock = now_in_utc,
        *,
        wall: Wall | None = None,
        registry: Registry | None = None,
        write: Write = asyncio.to_thread,
    ) -> None:
        self._catalog = catalog
        self._keys = keys
        self._commit = commit
        self._inbox = inbox
        self._clock = clock
        self._wall = wall
        self._registry = registry
        self._write = write
        for stream in catalog.streams.values():
            catalog.codec(stream)  # made now: what is wrong with one is told at start, not by the first message
        self._busy: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    async def receive(self, agency: str, line: str, data: bytes) -> Answer:
        """
        Take *data* in and answer for it.

        The same message under the same id gets the answer it got before; another one under an id that was used
        is refused, and kept in quarantine. An id under which everything was refused is not used: the sender may
        mend the message, or we our code. Raises `TransportError` where the commit did not succeed: then the sender
        must not be told that it did.
        """
        known = self._catalog.line(agency, line)
        short = len(data) <= SHORT
        name, content = _known_by(known, data) if short else await asyncio.to_thread(_known_by, known, data)
        async with self._busy.setdefault((agency, line, name), asyncio.Lock()):
            return await self._once(known, data, name, content)

    async def _once(self, line: Line, data: bytes, name: str, content: bytes) -> Answer:
        now = self._clock()
        agency = line.agency.key
        before = None
        if self._inbox is not None:  # a database is asked in a thread: other senders' sockets do not wait for it
            before = await asyncio.to_thread(self._inbox.recall, agency, line.name, name, content)
        if before is not None and before.same:
            note("gateway", "the same message again", agency=agency, line=line.name)
            intake_counts.again(line)
            return Answer(**json.loads(before.answer))
        closed = await self._closed()
        if before is not None:
            again = Refusal(-1, USED_BEFORE, "", "send it under an id of its own", data, readable=True)
            fault = await asyncio.to_thread(self._sifted, line, again, now, closed)
            note(
                "gateway",
                "an id was used again for other content",
                level=logging.ERROR,
                agency=agency,
                line=line.name,
                code=again.code,
            )
            if records := self._records(line, fault, now, _sent(name, content, [fault])):
                await self._commit(records)
            tally = Tally([fault])
            intake_counts.took_in(line, tally)
            return tally.answer
        tally = await self._in_portions(line, data, (name, content), now, closed)
        _note(line, tally)
        intake_counts.took_in(line, tally)
        return tally.answer

    async def _in_portions(
        self, line: Line, data: bytes, known_by: tuple[str, bytes], now: datetime, closed: Collection[Identifier]
    ) -> Tally:
        """
        Understand and commit *data* a portion at a time, so that no file is too long for the memory there is.

        Each portion is what a message of its own would be: the next one meets the wall as it is by then, and the index
        with what this one added. A crash between two leaves no answer; the file comes again, and its events under the
        same ids.
        """
        coming, tally = portions(line, data, self._keys), Tally()
        while True:
            portion, records, news = await asyncio.to_thread(self._understood, line, coming, known_by, now, closed)
            if records:
                await self._commit(records)
                spans.took_in(line, records, now)
            tally.add(portion.outcomes)
            answer = tally.answer if portion.last and (tally.events or tally.asides) else None
            if news or answer is not None:
                await self._write(partial(self._keep, line, *known_by, answer, news, now))
            if portion.last:
                return tally
            del portion, records, news  # or it would be held beside the next
            closed = await self._closed()

    async def _closed(self) -> Collection[Identifier]:
        return await self._wall() if self._wall is not None else ()

    def _keep(self, line: Line, name: str, content: bytes, answer: Answer | None, news: News, now: datetime) -> None:
        """What the message adds to who is who, and the answer that it gets whenever it comes again."""
        if self._registry is not None:
            self._registry.keep(news)
        if self._inbox is not None and answer is not None:
            told = json.dumps(answer._asdict())
            self._inbox.remember(line.agency.key, line.name, name, content, told, now=now)

    def _sifted(self, line: Line, refusal: Refusal, now: datetime, closed: Collection[Identifier]) -> Outcome:
        fault = let_in(line, refusal, closed)
        if self._registry is not None and isinstance(fault, Refusal):
            self._registry.close(closed, now)
            return self._registry.sifted(line, fault)
        return fault

    def _understood(
        self, line: Line, coming: Iterator[Portion], known_by: tuple[str, bytes], now: datetime,
        closed: Collection[Identifier],
    ) -> tuple[Portion, list[Record], News]:  # fmt: skip
        """The next portion of those that are *coming*, as it is let in and carried; its records; and what is new."""
        portion, news = next(coming), NOTHING
        outcomes = [let_in(line, one, closed) for one in portion.outcomes]
        if self._registry is not None:
            self._registry.close(closed, now)
            outcomes, news = self._registry.settle(line, outcomes, now)
        sent = _sent(*known_by, outcomes, whole=portion.whole)
        records = [record for one in outcomes for record in self._records(line, one, now, sent)]
        return portion._replace(outcomes=outcomes), records, news

    def _records(self, line: Line, outcome: Outcome, now: datetime, sent: Sent) -> list[Record]:
        if isinstance(outcome, Refusal):
            kept = outcome.code not in UNKEPT
            return [refused(self._keys, line.agency.key, line.name, outcome, sent, now)] if kept else []
        if not isinstance(outcome, Understood):
            return []
        values, source = outcome.event.model_dump(), f"/{line.agency.key}/{line.name}"
        return [record_of(self._catalog, self._keys, outcome.stream, values, outcome.id, source, now)]


def _sent(name: str, content: bytes, outcomes: Sequence[Outcome], *, whole: bool = True) -> Sent:
    alone = whole and len({one.position for one in outcomes}) == 1 and outcomes[0].position <= 0
    return Sent(name, hashlib.sha256(content).hexdigest(), alone)


def _known_by(line: Line, data: bytes) -> tuple[str, bytes]:
    """The name of a message, its sender's own or the hash of its bytes, and what makes it the same message again."""
    return own_id(line, data) or hashlib.sha256(data).hexdigest(), essence(line, data)


def _note(line: Line, tally: Tally) -> None:
    answer = tally.answer
    note(
        "gateway",
        "took in",
        agency=line.agency.key,
        line=line.name,
        events=answer.events,
        set_aside=answer.set_aside,
        refused=answer.refused,
        queried=tally.queried,
    )
    for code, count in _plainly(tally.refusals).most_common(5):
        what = "refused, and nothing of it kept" if code in UNKEPT else "refused, and kept in quarantine"
        level = logging.ERROR if code == USED_BEFORE else logging.INFO
        note("gateway", what, level=level, agency=line.agency.key, line=line.name, code=code, count=count)
    for code, count in _plainly(tally.asides).most_common(5):
        note("gateway", "set aside", agency=line.agency.key, line=line.name, code=code, count=count)


def _plainly(codes: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for code, count in codes.items():
        found[plain(code)] += count
    return found
