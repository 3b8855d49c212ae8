"""Envelopes: an event's papers, carried as Kafka headers in the CloudEvents binding; no personal data in any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

Headers = tuple[tuple[str, bytes], ...]
LARGEST_RECORD = 4 * 1024 * 1024  # bytes, as topics take it and producers send it
SYNTHETIC = ("ce_hubsynthetic", b"true")
"""The header of an invented event, which canaries send: it is carried like any other, and nobody acts on it."""


class Record(NamedTuple):
    """What goes to, or came from, a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Envelope:
    """
    The papers of one event (CloudEvents 1.0, Kafka protocol binding, binary mode).

    *id* is unique within *source*; *type* is the topic that the event belongs to; *time* is when the hub took the
    event in, in UTC; *trace* is a W3C `traceparent`; *address* names one of a family of like recipients. An event that
    is *synthetic* is about nobody (`hub.canary`).
    """

    id: str
    source: str
    type: str
    time: datetime
    trace: str
    address: str = ""
    synthetic: bool = False

    def headers(self, content_type: str = "application/avro") -> Headers:
        """As Kafka headers, always in the same order."""
        address = ((b"hubaddress", self.address.encode()),) if self.address else ()
        return (
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", self.type.encode()),
            ("ce_time", stamp(self.time).encode()),
            ("traceparent", self.trace.encode()),
            ("content-type", content_type.encode()),
            *((SYNTHETIC,) if self.synthetic else ()),
            *((f"ce_{name.decode()}", value) for name, value in address),
        )

    @classmethod
    def from_headers(cls, headers: Headers | list[tuple[str, bytes]] | None) -> Envelope:
        """Read the papers back; raises KeyError where one is missing, ValueError where one is not readable."""
        have = {name: value for name, value in headers or () if value is not None}  # Kafka has headers without a value
        time = datetime.fromisoformat(have["ce_time"].decode())
        if time.tzinfo is None:
            raise ValueError("ce_time has no offset")
        return cls(
            id=have["ce_id"].decode(),
            source=have["ce_source"].decode(),
            type=have["ce_type"].decode(),
            time=time,
            trace=have["traceparent"].decode(),
            address=have.get("ce_hubaddress", b"").decode(),
            synthetic=have.get(SYNTHETIC[0]) == SYNTHETIC[1],
        )


def is_synthetic(headers: Headers | list[tuple[str, bytes]] | None) -> bool:
    """Whether a record is of an invented event; for those who would act on a real one, before they look further."""
    return SYNTHETIC in (headers or ())


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def traceparent(event_id: str) -> str:
    """A W3C traceparent that starts at the event: its trace id is the event's own."""
    return f"00-{event_id}-{event_id[:16]}-01"
