"""Watching: what one watch does with one record; what brings the records and holds the memory is elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from pydantic import ValidationError

from hub.envelope import Envelope, Headers, Record, is_synthetic
from hub.errors import MessageError, NotForUs, NotUnderstood, TransportError, Unreadable
from hub.keys import Keys
from hub.log import note
from hub.quarantine.item import set_aside
from hub.stream import Stream
from hub.watch import MORE_DOUBTS, Memory, Watch, record_of
from hub.wire import Wire

UNREADABLE_MEMORY = "memory"  # the doubt that stands where what was held of a key could not be opened


class Taken(NamedTuple):
    """A record as it was taken from a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> str:
        """Where it stands; what its sealed bytes are bound to."""
        return f"{self.topic}/{self.partition}/{self.offset}"


Promise = Awaitable[object]
"""Kept once Kafka has committed what was sent; fails where it cannot."""


class Worked(NamedTuple):
    """What became of a record: it is done with when every promise is kept; *fault* is why it goes to quarantine."""

    promises: tuple[Promise, ...] = ()
    fault: MessageError | None = None


class Ground(Protocol):
    """What a watching stands on."""

    def recall(self, watch: str, key: bytes) -> bytes | None:
        """What is held under *key*."""

    def hold(self, watch: str, key: bytes, memory: bytes | None, partition: int) -> Promise:
        """Hold *memory* under *key*, or nothing where it is None; raises MessageError where it is too large."""

    async def emit(self, record: Record) -> Promise:
        """Send *record*; raises MessageError where it is too large to be sent ever."""

    async def caught_up(self, watch: str, topic: str, partition: int, offset: int) -> bool:
        """
        Whether all that the kept stream's *partition* held when this record was handed out was taken in.

        It waits a while for that.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """One watch at work: its three streams, what reads and writes them, and the hub's keys."""

    watch: Watch
    kept: Stream
    judged: Stream
    emitted: Stream
    wire: Wire
    keys: Keys
    ground: Ground

    async def keep(self, taken: Taken) -> Worked:
        """
        Take in a record of the kept stream; the memory has it when this returns, and Kafka when the promise is kept.

        A record that cannot be taken in leaves its key in doubt until that event is replayed, so that what could not
        be read never passes for what was never said. A record without a value (an erasure) forgets. A canary is about
        nobody, and nothing comes of it.
        """
        if is_synthetic(taken.headers):
            return Worked()
        if taken.key is None:
            return Worked(
                fault=NotUnderstood("no-key", "", "the record belongs to no subject; its producer is at fault")
            )
        if taken.value is None:
            return Worked((self.ground.hold(self.watch.name, taken.key, None, taken.partition),))
        before, event_id = self.recall(taken.key), taken.place
        try:
            papers = _papers(taken)
            event_id = papers.id
            values = self.wire.read(self.kept, taken.value)
            after = before.knowing(self.watch.remember(before.state, values, papers.time), event_id)
            return Worked(self._held(taken, before, after))
        except Exception as error:  # noqa: BLE001  whatever goes wrong with one flag, the next must be taken in
            fault = fault_of(error)
        try:
            return Worked(self._held(taken, before, before.doubting(event_id)), fault)
        except MessageError:  # what is known with the doubt is too large; then it is all in doubt
            return Worked(self._held(taken, before, Memory(None, (MORE_DOUBTS,))), fault)

    def _held(self, taken: Taken, before: Memory, after: Memory) -> tuple[Promise, ...]:
        packed = after.pack()
        if taken.key is None or packed == before.pack():
            return ()
        box = None if packed is None else self.keys.seal(f"watch.{self.watch.name}", packed, taken.key.hex())
        return (self.ground.hold(self.watch.name, taken.key, box, taken.partition),)

    async def keep_and_judge(self, taken: Taken, now: Callable[[], datetime]) -> Worked:
        """Both, of a watch that judges what it keeps: in this order, so that each event is in what it is judged by."""
        kept = await self.keep(taken)
        if kept.fault is not None:
            return kept
        judged = await self.judge(taken, now)
        return Worked((*kept.promises, *judged.promises), judged.fault)

    async def judge(self, taken: Taken, now: Callable[[], datetime]) -> Worked:
        """Judge a record of the judged stream and emit what comes of it; nothing comes of a canary."""
        if taken.value is None or is_synthetic(taken.headers):
            return Worked()
        try:
            papers = _papers(taken)
            values = self.wire.read(self.judged, taken.value)
            # What went before on the same partition of the same stream was taken in by the same hand
            one_stream = self.watch.keeps == self.watch.on
            caught_up = one_stream or await self.ground.caught_up(
                self.watch.name, taken.topic, taken.partition, taken.offset
            )
            memory = Memory(None, ("no-key",)) if taken.key is None else self.recall(taken.key)
            certain = caught_up and not memory.doubts
            found = list(self.watch.judge(values, memory.state, papers, now=now(), caught_up=certain))
            records = [self._record(papers, position, event) for position, event in enumerate(found)]
            return Worked(tuple([await self.ground.emit(record) for record in records]))
        except TransportError:
            raise
        except NotForUs as aside:
            note("watches", "set aside", code=aside.code, topic=taken.topic, count=1)
            return Worked()
        except Exception as error:  # noqa: BLE001  whatever goes wrong with one arrival, the next must be judged
            return Worked(fault=fault_of(error))

    def _record(self, papers: Envelope, position: int, event: object) -> Record:
        stream = self.emitted
        if not isinstance(event, stream.event):
            raise NotUnderstood("not-its-stream", self.watch.name, "the watch yields what its `emits` does not hold")
        value = self.wire.write(stream, event.model_dump())
        return record_of(self.watch, stream, self.keys, papers, position, event, value)

    def recall(self, key: bytes) -> Memory:
        """What is held under *key*; in doubt where it cannot be opened."""
        return unsealed(self.keys, self.watch.name, key, self.ground.recall(self.watch.name, key))

    def quarantined(self, taken: Taken, fault: MessageError, now: datetime) -> Record:
        """What goes to quarantine: the record's bytes sealed, a code and its place in the open."""
        record = Record(taken.topic, taken.key, taken.value, taken.headers)
        return set_aside(self.keys, record, f"watch.{fault.code}", taken.place, now, self.watch.name)


def unsealed(keys: Keys, watch: str, key: bytes, box: bytes | None) -> Memory:
    """A memory as it is held, opened; what cannot be opened is a doubt, never an absence."""
    if box is None:
        return Memory()
    try:
        return Memory.unpack(keys.unseal(f"watch.{watch}", box, key.hex()))
    except (InvalidTag, ValueError, KeyError, TypeError):
        return Memory(None, (UNREADABLE_MEMORY,))


def _papers(taken: Taken) -> Envelope:
    try:
        return Envelope.from_headers(taken.headers)
    except (KeyError, ValueError):
        raise Unreadable("no-papers", taken.place, "a CloudEvents header is missing or not readable") from None


def fault_of(error: Exception) -> MessageError:
    """Any error as a code and a place; nothing that it says of the message is taken along."""
    if isinstance(error, MessageError):
        return error
    if isinstance(error, ValidationError):
        return NotUnderstood.from_validation(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else ""
    return NotUnderstood(f"error.{type(error).__name__.lower()}", where, "mend the watch")
