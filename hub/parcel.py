"""Parcels: rows of the ledger become what one attempt hands over; pure, and the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hub.agency import BY_FILE, HOLD_MANY, Agency, Door
from hub.catalog import Catalog
from hub.envelope import Headers
from hub.errors import MessageError, TransportError, Unreadable
from hub.keys import Keys
from hub.outbound import Letter, Run, open_letter, render
from hub.store.entries import Entry, Lane, Parked
from hub.stream import Stream
from hub.transports import Delivery, Sink

STATUS = re.compile(r"status (\d{3})\b", re.ASCII)  # as in "https: status 422"
CODE = re.compile(r"[a-z][a-z0-9._-]{0,79}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Way:
    """How one stream goes to one agency."""

    agency: Agency
    stream: Stream
    door: Door
    sink: Sink
    first_number: int = 1

    @property
    def filed(self) -> bool:
        """Whether messages go in files of many, whose members are fixed before the file goes."""
        door = self.door
        many = door.batch > 1 or door.every is not None or door.numbered
        return many and door.by in BY_FILE and door.format in HOLD_MANY

    @property
    def whole(self) -> bool:
        """Whether a message says all that is true of its child, so that only the newest need go."""
        return self.door.newest or self.stream.keep == "latest"


class Group(NamedTuple):
    """
    What goes in one delivery: its id and its rows; a file's *run*.

    A file that is *new* has its members fixed before it goes; *older* are the rows that it makes needless.
    """

    delivery: str
    rows: Sequence[Entry]
    run: Run | None = None
    new: bool = False
    older: tuple[str, ...] = ()


class Parcel(NamedTuple):
    """
    What one attempt carries: one message, or a file; *records* says which record of it carries each message.

    *traces* are the messages' own traceparents.
    """

    ids: tuple[str, ...]
    tries: int
    delivery: Delivery
    group: Group
    records: tuple[int, ...] = ()
    traces: tuple[str, ...] = ()


def pack_all(
    groups: Sequence[Group],
    lane: Lane,
    way: Way,
    catalog: Catalog,
    keys: Keys,
    rule: Callable[[Letter], str | None],
) -> tuple[list[Parcel], list[Parked]]:
    """
    Each group as a parcel, or parked because it cannot be one: trying again would not help.

    *rule* says by what rule a letter may not leave any more; then nothing is rendered of its group.
    """
    parcels: list[Parcel] = []
    failed: list[Parked] = []
    for group in groups:
        rows = group.rows
        ids = tuple(row.message_id for row in rows)
        try:
            letters = [_open(row, catalog, keys) for row in rows]
            if (shut := next(filter(None, map(rule, letters)), None)) is not None:
                failed.append(Parked(ids, shut))
                continue
            run = group.run or Run(0, max(row.created for row in rows))
            made = render(catalog, way.stream, way.agency, way.door, letters, run)
            if made.records and len(made.records) != len(ids):
                raise Unreadable("outbound.records", "", "say for each letter which record carries it, or for none")
        except Exception as error:  # noqa: BLE001  whatever is wrong with one message must not stop the others
            failed.append(Parked(ids, f"render.{code_of(error)}"))
            continue
        delivery = Delivery(group.delivery, *lane, made.content_type, made.body, made.suffix, made.name)
        traces = tuple(letter.envelope.trace for letter in letters)
        parcels.append(Parcel(ids, max(row.attempts for row in rows), delivery, group, made.records, traces))
    return parcels, failed


def _open(row: Entry, catalog: Catalog, keys: Keys) -> Letter:
    headers, value = from_payload(keys.unseal("ledger", row.payload, row.message_id))
    return open_letter(catalog, value, headers, row.subject)


def code_of(error: Exception) -> str:
    """The code of an error of ours; of any other only its kind, since its text may hold what was sent."""
    said = error.code if isinstance(error, MessageError) else ""
    if isinstance(error, TransportError):
        first, _, rest = str(error).partition(" ")
        status = STATUS.match(rest)
        said = first.rstrip(":;,") + (f".{status[1]}" if status else "")
    return said if CODE.fullmatch(said) else type(error).__name__.lower()


def batch_id(lane: Lane, ids: Sequence[str], number: int = 0) -> str:
    """The id of a file: the same messages in the same lane, under the same number, always have the same one."""
    numbered = (str(number),) if number else ()
    return hashlib.sha256("\x00".join((*lane, *numbered, *ids)).encode()).hexdigest()[:32]


def to_payload(headers: Headers, value: bytes) -> bytes:
    """A record's papers and value as bytes to seal."""
    return json.dumps([[name, text.decode("latin-1")] for name, text in headers]).encode() + b"\n" + value


def from_payload(content: bytes) -> tuple[Headers, bytes]:
    """The papers and value in what `to_payload` made."""
    papers, _, value = content.partition(b"\n")
    return tuple((name, text.encode("latin-1")) for name, text in json.loads(papers)), value
