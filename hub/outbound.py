"""Outbound: one event becomes, for each agency, what it gets or the rule that kept it back; pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from hub.agency import Agency, Door, Hearing
from hub.avro import bare, granted_schemas, leaves_of, schema_of
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Envelope, Headers, Record, stamp, traceparent
from hub.errors import CatalogError
from hub.formats import json as json_format
from hub.gates import paths as gate_paths
from hub.keyed import Keyed
from hub.keys import Keys
from hub.narrow import Reader
from hub.policy import Grant, Policy, Withheld, decide
from hub.projection import Projection
from hub.seals import paths as seal_paths
from hub.stream import Stream, pick

SOURCE = "/sharing-hub"
CONTENT_TYPES: Mapping[str, str] = {
    "avro": "application/avro",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "fhir": "application/fhir+json",
    "hl7": "x-application/hl7-v2+er7",
}
_REQUIRED = frozenset({"ce_id", "ce_source", "ce_type", "ce_time", "traceparent"})
SUFFIXES: Mapping[str, str] = {"avro": ".avro", "json": ".json", "csv": ".csv", "fhir": ".fhir.json", "hl7": ".hl7"}


class Letter(NamedTuple):
    """What an agency may hear of one event: *values* hold granted fields only, *envelope* the recipient's papers."""

    values: Mapping[str, Any]
    envelope: Envelope


class Rendered(NamedTuple):
    """Letters in the partner's own format."""

    body: bytes
    content_type: str
    suffix: str


class Carried(NamedTuple):
    """What came of one event: the records for the agencies that hear it, and a receipt for each that could."""

    records: list[Record]
    receipts: list[Receipt]


@dataclass(frozen=True, slots=True)
class Route:
    """One stream on its way to one agency, compiled; what is the same for every event is made once."""

    agency: str
    policy: Policy
    grant: Grant
    hearing: Hearing
    topic: str
    projection: Projection
    json: bool
    subject: Keyed
    message: Keyed

    def papers(self, message_id: str, time: datetime, address: str) -> Envelope:
        """The recipient's papers of one event."""
        return Envelope(message_id, SOURCE, self.topic, time, traceparent(message_id), address)


class _Headers:
    """A route's headers, just as its papers would write them; few of them differ from event to event."""

    def __init__(self, route: Route) -> None:
        content_type = CONTENT_TYPES["json" if route.json else "avro"]
        any_event = route.papers("", datetime.fromtimestamp(0, UTC), "").headers(content_type)
        self._version, _, self._source, self._type, _, _, self._content_type = any_event

    def of(self, message_id: str, time: bytes, address: str) -> Headers:
        """The headers of one event; *time* as `stamp` writes it."""
        own = (
            self._version,
            ("ce_id", message_id.encode()),
            self._source,
            self._type,
            ("ce_time", time),
            ("traceparent", traceparent(message_id).encode()),
            self._content_type,
        )
        return (*own, ("ce_hubaddress", address.encode())) if address else own


_Papers = tuple[str, datetime, bytes]
"""What the recipients' papers need of an event's: its id and when the hub took it in, also as `stamp` writes it."""


class Desk:
    """All the routes of one stream: built once from the catalog, then asked for every event."""

    def __init__(self, catalog: Catalog, stream: Stream, keys: Keys) -> None:
        self.stream = stream
        self.routes = tuple(_routes(catalog, stream, keys))
        self._headers = {route.agency: _Headers(route) for route in self.routes}
        wanted = set(seal_paths(stream))
        for route in self.routes:
            wanted |= {*route.grant.where, *gate_paths(route.grant.gate, stream)}
        whole = schema_of(stream)
        self.view = Reader(catalog.id_of(stream.topic, whole), bare(whole), frozenset(wanted & leaves_of(whole)))
        """Reads what decisions ask for, and nothing else."""

    def carry(self, record: Record, *, now: datetime) -> Carried:
        """
        Decide one event for every agency that a policy names, and write what is released.

        Raises `Unreadable`, `KeyError` or `ValueError` where the record itself is not sound: then nobody hears it.
        """
        value, key = record.value or b"", record.key or b""
        papers = _papers(record.headers)
        view = self.view.read(value)
        at = _stamped(now)
        records: list[Record] = []
        receipts: list[Receipt] = []
        for route in self.routes:
            decision = decide(view, route.policy, self.stream, now=now)
            sent = decision.rule if isinstance(decision, Withheld) else self._released(route, value, key, papers)
            message = digest_sent = rule = ""
            if isinstance(sent, str):
                rule = sent
            else:
                released, message, digest_sent = sent
                records.append(released)
            receipts.append(
                Receipt(
                    papers[0],
                    self.stream.name,
                    route.agency,
                    "withheld" if rule else "released",
                    rule,
                    route.policy.version,
                    route.grant.gate,
                    route.grant.notice,
                    message,
                    digest_sent,
                    at,
                )
            )
        return Carried(records, receipts)

    def _released(self, route: Route, value: bytes, key: bytes, papers: _Papers) -> tuple[Record, str, str] | str:
        """The record for one agency, its message id and its value's hash; or the rule that kept it back after all."""
        event_id, time, stamped = papers
        try:
            values = route.projection.project(value)
            address = ""
            if route.hearing.addressed_by is not None:
                address = pick(values, route.hearing.addressed_by) or route.hearing.otherwise or ""
                if not address:
                    return f"address.{route.hearing.addressed_by}"
            message = route.message.digest(event_id.encode())
            if route.json:
                body = json_format.render(values, papers=route.papers(message, time, address))
            else:
                body = route.projection.encode(values)
            headers = self._headers[route.agency].of(message, stamped, address)
            subject = route.subject.digest(key).encode()
        except Exception as error:  # noqa: BLE001  whatever goes wrong here, the event stays with us
            return f"fields.{type(error).__name__.lower()}"
        return Record(route.topic, subject, body, headers), message, hashlib.sha256(body).hexdigest()


_STAMP = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z").fullmatch


def _papers(headers: Headers | list[tuple[str, bytes]]) -> _Papers:
    """As much of an event's papers as its recipients' need; raises KeyError and ValueError as `Envelope` does."""
    have = dict(headers)
    if not have.keys() >= _REQUIRED:
        raise KeyError("an event's papers are not complete")
    written = have["ce_time"]
    time = datetime.fromisoformat(written.decode())
    # What is in the hub's own spelling already need not be spelt again; anything else is not passed on.
    return (have["ce_id"].decode(), time, written if _STAMP(written) else stamp(time).encode())


@lru_cache(maxsize=8)
def _stamped(now: datetime) -> str:
    """*now* as receipts say it; one transaction's are all decided at the same time."""
    return stamp(now)


def _routes(catalog: Catalog, stream: Stream, keys: Keys) -> list[Route]:
    routes = []
    for agency in catalog.agencies.values():
        policy = catalog.policies.get(agency.key)
        hearing = agency.hears.get(stream.name)
        if policy is None or hearing is None or stream.name not in policy.hears or agency.status == "trial":
            continue
        topic = stream.topic_to(agency.key)
        as_json = hearing.doors[0].by == "kafka" and hearing.doors[0].format == "json"
        grant = policy.hears[stream.name]
        source_id = catalog.id_of(stream.topic, schema_of(stream))
        own_id = catalog.id_of(topic, granted_schemas(stream, grant)[1])
        projection = Projection(stream, grant, source_id, own_id, plain=as_json)
        own = map(Keyed, keys.recipient(agency.key))
        routes.append(Route(agency.key, policy, grant, hearing, topic, projection, as_json, *own))
    return routes


def open_letter(catalog: Catalog, value: bytes, headers: Headers) -> Letter:
    """Read a recipient topic's record with the schema it was written with, into Python's types."""
    return Letter(catalog.lock.codec(value).decode(value), Envelope.from_headers(headers))


def render(catalog: Catalog, stream: Stream, agency: Agency, door: Door, letters: Sequence[Letter]) -> Rendered:
    """
    *letters* as the bytes that go through *door*.

    Only CSV holds more than one letter; an agency's own `<stream>_as_<format>` is used where it has one.
    """
    own = catalog.renderer(agency.key, f"{stream.name}_as_{door.format}")
    body: bytes
    if door.format == "csv":
        from hub.formats import csv  # noqa: PLC0415  the relay, which imports this module, renders no CSV

        body = csv.render([letter.values for letter in letters], door.columns)
    elif own is not None:
        made = own(*letters)
        if door.format == "fhir":
            from hub.formats import fhir  # noqa: PLC0415  fhir.resources takes a second to import

            body = fhir.render(made)
        else:
            body = made
    elif door.format == "json":
        (letter,) = letters
        body = json_format.render(letter.values, papers=letter.envelope)
    else:
        raise CatalogError([f"{agency.key}: outbound.py has no {stream.name}_as_{door.format}"])
    return Rendered(body, CONTENT_TYPES[door.format], SUFFIXES[door.format])
