"""Entries: the words in which couriers and ledger talk of what is on its way; no SQL."""

from __future__ import annotations

from collections.abc import Mapping
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
    *fault* is the code of what makes it undeliverable: it is parked on arrival. *since* is when it was released, by
    Kafka's clock: what a file of its period holds does not depend on when a courier read it.
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
    since: datetime | None = None


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
class Handed:
    """
    The road took these messages, and *ack* is how it said so; the partner's own word is still to come.

    Where it has not come by *until* they go again, as they went.
    """

    ids: tuple[str, ...]
    ack: str
    until: datetime


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


Outcome = Acked | Handed | Again | Parked


class Said(NamedTuple):
    """
    A partner's word on one file, as the ledger takes it: *event* is the word's own id, *stream* the one it came by.

    The file is named by *number* or by the *delivery*'s id. Verdicts are those of `hub.acknowledgement`; *records*
    holds verdict and code of each record that fared otherwise than the file.
    """

    stream: str
    event: str
    number: int | None
    delivery: str | None
    verdict: str
    code: str
    records: Mapping[int, tuple[str, str]]


class Late(NamedTuple):
    """A delivery that was handed over and of which the partner has not said what became of it."""

    lane: Lane
    delivery: str
    number: int
    handed: datetime
    messages: int
