"""Transports: the world; each module has a Source, a Sink, or both, and none of them decides anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class Answer(NamedTuple):
    """
    What a sender is told, after the commit: counts of what became of its message, and the first fault.

    Where it is not to be *kept*, a road keeps nothing of the message either: neither its bytes nor its name.
    """

    code: str = "accepted"
    place: str = ""
    mend: str = ""
    events: int = 0
    set_aside: int = 0
    refused: int = 0
    readable: bool = True
    kept: bool = True

    @property
    def accepted(self) -> bool:
        """Whether nothing in the message was refused."""
        return self.code == "accepted"


Receive = Callable[[str, str, bytes], Awaitable[Answer]]
"""(agency, line, bytes) → the answer, awaited until everything that came of the bytes is committed in Kafka."""


class Source(Protocol):
    """A road on which agencies speak."""

    async def start(self, receive: Receive) -> None:
        """Begin to listen; returns once ready."""

    async def stop(self) -> None:
        """Stop listening; what was received is answered first."""


@runtime_checkable
class PutsAway(Protocol):
    """A source that keeps what it answered for, so that its sender sees what became of it."""

    async def forget(self, before: float) -> int:
        """Delete what was put away before a time (seconds since 1970); returns how many files that were."""


class Delivery(NamedTuple):
    """One thing to hand over: *message_id* is the same at every attempt."""

    message_id: str
    agency: str
    stream: str
    address: str
    content_type: str
    body: bytes
    suffix: str
    name: str = ""
    """The file's name where the partner's standard prescribes one; else roads of files make one of the rest."""


class Reached(NamedTuple):
    """One step on the way to a partner's door that went well: what was tried, and what was found."""

    step: str
    found: str


class Sink(Protocol):
    """A road on which an agency hears."""

    async def deliver(self, delivery: Delivery) -> str:
        """
        Hand over, and return the partner's own acknowledgement, or the road's where that comes later.

        What an attempt whose end was not heard delivered is found, as far as the partner's side can be asked.
        Raises `TransportError` where it should be tried again, `Refused` where the partner never will take it.
        """

    async def close(self) -> None:
        """Let go of connections."""


class Reachable(Protocol):
    """A sink whose door can be tried."""

    async def reach(self) -> Sequence[Reached]:
        """
        Go to the door and hand over nothing: connection, then credentials, each step that went well.

        Raises `TransportError`, with a code and what to do, at the first that did not.
        """
