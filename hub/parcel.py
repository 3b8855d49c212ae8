"""Parcels: rows of the ledger become what one attempt hands over; pure, and the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hub.agency import BY_FILE, HOLD_MANY, Agency, Door
from hub.catalog import Catalog
from hub.envelope import Headers
from hub.errors import MessageError, TransportError
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

    @property
    def together(self) -> int:
        """How many messages one delivery may hold; only a file can hold more than one."""
        return self.door.batch if self.door.by in BY_FILE and self.door.format in HOLD_MANY else 1


class Parcel(NamedTuple):
    """What one attempt carries: one message, or a batch."""

    ids: tuple[str, ...]
    tries: int
    delivery: Delivery


Group = tuple[str, Sequence[Entry]]
"""The id of a delivery and the rows that go in it."""


def pack_all(
    groups: Sequence[Group], lane: Lane, way: Way, catalog: Catalog, keys: Keys
) -> tuple[list[Parcel], list[Parked]]:
    """Each group as a parcel, or parked because it cannot be one: trying again would not help."""
    parcels: list[Parcel] = []
    failed: list[Parked] = []
    for delivery_id, rows in groups:
        ids = tuple(row.message_id for row in rows)
        try:
            letters = [_open(row, catalog, keys) for row in rows]
            run = Run(0, max(row.created for row in rows))
            made = render(catalog, way.stream, way.agency, way.door, letters, run)
        except Exception as error:  # noqa: BLE001  whatever is wrong with one message must not stop the others
            failed.append(Parked(ids, f"render.{code_of(error)}"))
            continue
        delivery = Delivery(delivery_id, *lane, made.content_type, made.body, made.suffix, made.name)
        parcels.append(Parcel(ids, max(row.attempts for row in rows), delivery))
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


def batch_id(lane: Lane, ids: Sequence[str]) -> str:
    """The id of a batch: the same messages in the same lane always have the same one."""
    return hashlib.sha256("\x00".join((*lane, *ids)).encode()).hexdigest()[:32]


def to_payload(headers: Headers, value: bytes) -> bytes:
    """A record's papers and value as bytes to seal."""
    return json.dumps([[name, text.decode("latin-1")] for name, text in headers]).encode() + b"\n" + value


def from_payload(content: bytes) -> tuple[Headers, bytes]:
    """The papers and value in what `to_payload` made."""
    papers, _, value = content.partition(b"\n")
    return tuple((name, text.encode("latin-1")) for name, text in json.loads(papers)), value
