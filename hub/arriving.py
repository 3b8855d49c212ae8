"""Arriving: a record of a recipient's topic becomes a row of the ledger, sealed; whatever it is, it does not vanish."""

from __future__ import annotations

import hashlib

from hub.envelope import Envelope
from hub.keys import Keys
from hub.parcel import Way, to_payload
from hub.store.entries import Arrival, Lane
from hub.transports.kafka.reading import Stored


def arrival(stored: Stored, way: Way, keys: Keys) -> Arrival:
    """
    A record as the ledger takes it.

    One whose papers are not sound is taken too, parked, under an id made from its place: nothing that was
    committed may vanish, and it must not stop what lies behind it.
    """
    record = stored.record
    address, fault = "", "" if record.value else "record.empty"
    message_id = hashlib.sha256(f"{record.topic}/{stored.partition}/{stored.offset}".encode()).hexdigest()[:32]
    try:
        papers = Envelope.from_headers(record.headers)
        if not sound(papers.id, 64) or not sound(papers.address or "-", 200):
            raise ValueError
        message_id, address = papers.id, papers.address
        subject = (record.key or b"").decode("ascii") or message_id
        if not sound(subject, 64):
            raise ValueError
    except (KeyError, ValueError):
        fault, subject = "envelope.unsound", message_id
    return Arrival(
        Lane(way.agency.key, way.stream.name, address),
        message_id,
        record.topic,
        stored.partition,
        stored.offset,
        subject,
        keys.seal("ledger", to_payload(record.headers, record.value or b""), message_id),
        whole=way.whole,
        fault=fault,
        since=stored.time,
    )


def sound(text: str, longest: int) -> bool:
    """Whether a database takes *text* as it is, whichever database it is."""
    return 0 < len(text) <= longest and text.isprintable()
