"""Outbound: one event becomes, for each agency, what it gets or the rule that kept it back; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from hub.agency import Agency, Door, Hearing
from hub.avro import Codec, bare, granted_schemas, narrowed, schema_of
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Envelope, Headers, Record, stamp, traceparent
from hub.errors import CatalogError
from hub.formats import json as json_format
from hub.gates import paths as gate_paths
from hub.keys import Keys, digest
from hub.policy import Policy, Withheld, decide
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
    """One stream on its way to one agency, compiled."""

    agency: str
    policy: Policy
    hearing: Hearing
    topic: str
    projection: Projection
    json: bool
    subject_key: bytes
    message_key: bytes


class Desk:
    """All the routes of one stream: built once from the catalog, then asked for every event."""

    def __init__(self, catalog: Catalog, stream: Stream, keys: Keys) -> None:
        self.stream = stream
        self.routes = tuple(_routes(catalog, stream, keys))
        wanted = set(seal_paths(stream))
        for route in self.routes:
            grant = route.policy.hears[stream.name]
            wanted |= {*grant.where, *gate_paths(grant.gate, stream)}
        schema_id, whole = catalog.id_of(stream.topic, schema_of(stream)), bare(schema_of(stream))
        view = narrowed(whole, frozenset(wanted))
        self._view = Codec(schema_id, whole, view) if view is not None else None

    def carry(self, record: Record, *, now: datetime) -> Carried:
        """
        Decide one event for every agency that a policy names, and write what is released.

        Raises `Unreadable`, `KeyError` or `ValueError` where the record itself is not sound: then nobody hears it.
        """
        value, key = record.value or b"", record.key or b""
        papers = Envelope.from_headers(record.headers)
        view = self._view.decode(value) if self._view is not None else {}
        carried = Carried([], [])
        for route in self.routes:
            decision = decide(view, route.policy, self.stream, now=now)
            sent = None if isinstance(decision, Withheld) else self._released(route, value, key, papers)
            rule = decision.rule if isinstance(decision, Withheld) else ""
            if isinstance(sent, str):
                rule, sent = sent, None
            if sent is not None:
                carried.records.append(sent)
            carried.receipts.append(_receipt(route, self.stream, papers, sent, rule, now))
        return carried

    def _released(self, route: Route, value: bytes, key: bytes, papers: Envelope) -> Record | str:
        """The record for one agency, or the rule that kept it back after all."""
        try:
            values = route.projection.project(value)
            address = ""
            if route.hearing.addressed_by is not None:
                address = pick(values, route.hearing.addressed_by) or route.hearing.otherwise or ""
                if not address:
                    return f"address.{route.hearing.addressed_by}"
            message_id = digest(route.message_key, papers.id)
            envelope = Envelope(message_id, SOURCE, route.topic, papers.time, traceparent(message_id), address)
            body = json_format.render(values, papers=envelope) if route.json else route.projection.encode(values)
        except Exception as error:  # noqa: BLE001  whatever goes wrong here, the event stays with us
            return f"fields.{type(error).__name__.lower()}"
        content_type = CONTENT_TYPES["json" if route.json else "avro"]
        return Record(route.topic, digest(route.subject_key, key).encode(), body, envelope.headers(content_type))


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
        routes.append(Route(agency.key, policy, hearing, topic, projection, as_json, *keys.recipient(agency.key)))
    return routes


def _receipt(route: Route, stream: Stream, papers: Envelope, sent: Record | None, rule: str, now: datetime) -> Receipt:
    grant = route.policy.hears[stream.name]
    return Receipt(
        event=papers.id,
        stream=stream.name,
        agency=route.agency,
        verdict="released" if sent is not None else "withheld",
        rule=rule,
        policy=route.policy.version,
        gate=grant.gate,
        notice=grant.notice,
        message=dict(sent.headers)["ce_id"].decode() if sent is not None else "",
        sent=hashlib.sha256(sent.value or b"").hexdigest() if sent is not None else "",
        at=stamp(now),
    )


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
