"""Cases in few words: what a decision looks at, where only what a test is about is said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from hub.agency import Agency
from hub.avro import granted_schemas, schema_of
from hub.case import Case
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.keys import Keys, digest
from hub.policy import Grant, Policy
from hub.schema_lock import SchemaLock
from hub.standing import Standing
from hub.stream import Stream
from hub.view import Known
from hub.wire import record_of

NOON = datetime(2026, 9, 15, 12, tzinfo=UTC)
"""The moment at which cases are decided."""
TAKEN = datetime(2026, 9, 15, 8, tzinfo=UTC)
"""When the hub took their events in."""
LONG_AGO = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""When it took in what is known of the child."""


def standing(**said: Any) -> dict[str, Any]:
    """What is known of a child, as the view holds it: nothing but what is *said*."""
    return Standing().model_dump() | said


def answered(status: str, at: datetime | None = LONG_AGO, by: str | None = "parent", **said: Any) -> dict[str, Any]:
    """One answer to the question whether something may be shared."""
    return {"about": None, "status": status, "given_by": by, "recorded_at": at, "until": None} | said


def objected(status: str, at: datetime = LONG_AGO, to: str | None = None) -> dict[str, Any]:
    """One objection."""
    return {"to": to, "status": status, "recorded_at": at}


def known(*standings: Mapping[str, Any], at: datetime = LONG_AGO, doubt: bool = False) -> Known:
    """What is known of a child of whom these *standings* were said."""
    ids = tuple(f"{number:032x}" for number in range(len(standings)))
    return Known(standings, ids, (at,) * len(standings), doubt)


def case(values: Mapping[str, Any], stream: Stream, *standings: Mapping[str, Any], **changes: Any) -> Case:
    """One event before one agency."""
    said = {"agency": "police", "address": "", "at": TAKEN, "now": NOON, "known": known(*standings)}
    return Case(values=values, stream=stream, **(said | changes))


def granted(*fields: str, **said: Any) -> Grant:
    """A grant of *fields*; the rest of it is what passes, where nothing else is *said*."""
    rest = {
        "because": "a reason of some length",
        "notice": "MASH",
        "basis": {"article6": "e"},
        "gate": "statute",
        "kept": "14 days",
    }
    return Grant.model_validate({**rest, "fields": fields, **said})


def small_catalog(stream: Stream, grants: Mapping[str, Grant], lock: SchemaLock | None = None, **hears: Any) -> Catalog:
    """One stream and the agencies that are granted it, as JSON or Avro from Kafka; *hears* is said of all of them."""
    policies = {
        key: Policy(agreement="ISA-1", expires=date(2030, 1, 1), hears={stream.name: grant}, version="0" * 16)
        for key, grant in grants.items()
    }
    door = {"format": "avro", "by": "kafka"} | hears
    agencies = {
        key: Agency(name=f"Agency {key}", steward="a@b.example", key=key, hears={stream.name: door}) for key in grants
    }
    wanted = {stream.topic: schema_of(stream)} | {
        stream.topic_to(key): granted_schemas(stream, grant)[1] for key, grant in grants.items()
    }
    locked = (lock or SchemaLock([])).with_subjects(wanted)
    return Catalog({stream.name: stream}, agencies, policies, {}, {}, None, locked)


def taken_in(
    catalog: Catalog, stream: Stream, values: Mapping[str, Any], at: datetime = TAKEN, *, values_as: bytes | None = None
) -> Record:
    """An event as it lies on its topic; *values_as* are its bytes, where they are there already."""
    papers = Envelope("0123456789abcdef" * 2, "/tests", stream.topic, at, traceparent("0123456789abcdef" * 2))
    value = catalog.codec(stream).encode(values) if values_as is None else values_as
    return Record(stream.topic, b"f" * 32, value, papers.headers())


def status(catalog: Catalog, keys: Keys, at: datetime, **said: Any) -> Record:
    """What is *said* of a child, as it lies on its topic since *at*; the rest is not said."""
    (stream,) = catalog.standing
    values = stream.event.model_validate(said).model_dump()
    return record_of(catalog, keys, stream, values, digest(b"said", repr(said)), "/tests", at)
