"""Entries: the words in which couriers and ledger talk of what is on its way; no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Lane(NamedTuple):
    """One recipient of one stream; *address* names one of a family of like recipients. Order is kept in a lane."""

    agency: str
    stream: str
    address: str


class Arrival(NamedTuple):
    """
    One message for one lane: *subject* is the recipient's pseudonym for the child, *payload* is sealed.

    *whole* says that it carries all that is now true of its subject, so that older ones not yet tried need not go.
    *fault* is the code of what makes it undeliverable: it is parked on arrival.
    """

    lane: Lane
    message_id: str
    topic: str
    partition: int
    offset: int
    subject: str
    payload: bytes
    whole: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a message and how far it got."""

    message_id: str
    seq: int
    subject: str
    payload: bytes
    state: str
    attempts: int
    due: datetime
    batch: str | None
    reason: str
    ack: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Acked:
    """The partner has these messages, and *ack* is how it said so."""

    ids: tuple[str, ...]
    ack: str


@dataclass(frozen=True, slots=True)
class Again:
    """These messages are to be tried again when *due*; *reason* is a code."""

    ids: tuple[str, ...]
    due: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Parked:
    """These messages wait for a person, and hold back what follows them for the same child; *reason* is a code."""

    ids: tuple[str, ...]
    reason: str


Outcome = Acked | Again | Parked
