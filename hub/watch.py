"""Watches: what needs memory or a clock, as two pure functions; where the memory is kept is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from hub.envelope import Envelope, Record
from hub.keys import Keys
from hub.stream import Event, Stream

State = dict[str, Any]
MOST_DOUBTS, MORE_DOUBTS = 100, "more"
Remember = Callable[[State | None, Mapping[str, Any], datetime], State | None]


class Judge(Protocol):
    """Yields the events that come of one event of the judged stream."""

    def __call__(
        self, values: Mapping[str, Any], state: State | None, papers: Envelope, /, *, now: datetime, caught_up: bool
    ) -> Iterator[Event]:
        """
        What follows from *values*, given the *state* remembered of the same Kafka key.

        *papers* are the judged event's own; *caught_up* is False where the memory may lack something that had been
        said before this event was taken up, so that what is absent from *state* proves nothing. Raises `NotForUs`
        where the event is sound and nothing is to come of it, which is counted by its code.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """
    One join of two streams whose Kafka keys are the same pseudonym.

    Every event of *keeps* is given to *remember*, which returns the new state of its Kafka key: what JSON can hold,
    or None to forget. Its third argument is the moment the hub took that event in, so that the same events
    give the same state at any replay; and because an event can be given again after a restart, remembering what is
    already known must change nothing. Every event of *on* is given to *judge*, and what it yields goes to *emits*.
    Where both are one stream, each event is remembered before it is judged.
    """

    name: str
    keeps: str
    on: str
    emits: str
    remember: Remember
    judge: Judge


def record_of(
    watch: Watch, stream: Stream, keys: Keys, papers: Envelope, position: int, event: Event, value: bytes
) -> Record:
    """
    The record of one *event* that *watch* emits on *stream*; *value* are its bytes, *papers* the judged event's own.

    The id follows from the judged event and the *position* among what came of it, so that judging again is the same
    event; the judged event's trace goes on.
    """
    own = keys.event_id(f"watch.{watch.name}", watch.emits, papers.id, position)
    trace = "-".join((*papers.trace.split("-")[:2], own[:16], "01"))
    envelope = Envelope(id=own, source=f"/watch/{watch.name}", type=stream.topic, time=papers.time, trace=trace)
    key = keys.subject(stream, event.model_dump(), otherwise=own).encode()
    return Record(stream.topic, key, value, envelope.headers())


@dataclass(frozen=True, slots=True)
class Memory:
    """
    What is held of one Kafka key: the watch's own *state*, and *doubts*, the ids of kept events it could not take in.

    While there is a doubt nothing that is absent from the state proves anything, so no judgement is caught up.
    """

    state: State | None = None
    doubts: tuple[str, ...] = ()

    def knowing(self, state: State | None, event_id: str) -> Memory:
        """The memory after *event_id* was taken in; a doubt about that same event, replayed, is over."""
        return Memory(state, tuple(doubt for doubt in self.doubts if doubt != event_id))

    def doubting(self, event_id: str) -> Memory:
        """The memory after *event_id* could not be taken in; beyond a hundred they are not told apart, nor ended."""
        name = event_id if len(self.doubts) < MOST_DOUBTS else MORE_DOUBTS
        return self if {event_id, name} & set(self.doubts) else replace(self, doubts=(*self.doubts, name))

    def pack(self) -> bytes | None:
        """As bytes, the same for the same memory; None where there is nothing to keep."""
        if self.state is None and not self.doubts:
            return None
        held = {"state": self.state, "doubts": sorted(self.doubts)}
        return json.dumps(held, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def unpack(cls, data: bytes | None) -> Memory:
        """Back from bytes; raises ValueError or KeyError where they are not a memory."""
        if data is None:
            return cls()
        held = json.loads(data)
        return cls(held["state"], tuple(held["doubts"]))
