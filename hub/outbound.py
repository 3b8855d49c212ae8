"""Outbound: one event becomes, for each agency, what it gets or the rule that kept it back; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from hub.agency import PSEUDONYM, Agency, Door
from hub.avro import bare, leaves_of, schema_of
from hub.case import Case
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Envelope, Headers, Record, is_synthetic, stamp
from hub.errors import CatalogError, Unreadable
from hub.formats import json as json_format
from hub.gates import paths as gate_paths
from hub.keys import Keys
from hub.limits import NONE as NO_LIMIT
from hub.limits import paths as limit_paths
from hub.narrow import Reader
from hub.route import CONTENT_TYPES, Route, papers_of
from hub.seals import identifiers
from hub.seals import paths as seal_paths
from hub.stream import Stream, pick
from hub.view import NOTHING_KNOWN, Known, View

SUFFIXES: Mapping[str, str] = {
    "avro": ".avro", "json": ".json", "csv": ".csv", "xml": ".xml", "fhir": ".fhir.json", "hl7": ".hl7",
}  # fmt: skip


class Run(NamedTuple):
    """
    Which file of its lane one is, and when it was put together: the same at every attempt.

    *number* is 0 where files of that door are not numbered.
    """

    number: int
    at: datetime


class Made(NamedTuple):
    """
    What an agency's own `<stream>_as_xml` makes of letters: the file, and its name where a standard prescribes one.

    *records* says for each letter which record of the file carries it, counted from 1, so that a partner's word on one
    record finds the messages that it is about.
    """

    body: bytes
    name: str = ""
    records: tuple[int, ...] = ()


class Letter(NamedTuple):
    """
    What an agency may hear of one event: *values* hold granted fields only, *envelope* the recipient's papers.

    *subject* is the pseudonym under which this recipient, and no other, hears of the child: the same every time, and
    nothing by which anybody else could find one.
    """

    values: Mapping[str, Any]
    envelope: Envelope
    subject: str = ""


class Rendered(NamedTuple):
    """Letters in the partner's own format."""

    body: bytes
    content_type: str
    suffix: str
    name: str = ""
    records: tuple[int, ...] = ()


class Carried(NamedTuple):
    """What came of one event: the records for the agencies that hear it, and a receipt for each that could."""

    records: list[Record]
    receipts: list[Receipt]


class Desk:
    """All the routes of one stream: built once from the catalog, then asked for every event."""

    def __init__(self, catalog: Catalog, stream: Stream, keys: Keys, *, traced: bool = False) -> None:
        self.stream = stream
        self.routes = tuple(_routes(catalog, stream, keys, traced=traced))
        self._lock, self._keys, self._standing = catalog.lock, keys, catalog.standing
        self._wanted = set(seal_paths(stream)) | set(limit_paths(stream))
        for route in self.routes:
            self._wanted |= {*route.grant.where, *gate_paths(route.grant.gate, stream)}
            if route.addressed_by is not None:
                self._wanted.add(route.addressed_by)
        self._views: dict[bytes, Reader] = {}
        self.view = self._view(catalog.id_of(stream.topic, schema_of(stream)))
        """Reads what decisions ask for, and nothing else."""

    def _view(self, schema_id: int) -> Reader:
        """The view on events of one schema: a field that it did not have yet is absent."""
        prefix = b"\x00" + schema_id.to_bytes(4, "big")
        if prefix not in self._views:
            if self._lock.subject(schema_id) != self.stream.topic:
                raise Unreadable("avro.schema-id", "", "the record was written with another stream's schema")
            whole = self._lock.schema(schema_id)
            self._views[prefix] = Reader(schema_id, bare(whole), frozenset(self._wanted & leaves_of(whole)))
        return self._views[prefix]

    def carry(self, record: Record, *, now: datetime, view: View | None = None) -> Carried:
        """
        Decide one event for every agency that a policy names, and write what is released.

        *view* is what is known of children; without one nothing is known of any. Raises `Unreadable`, `KeyError` or
        `ValueError` where the record itself is not sound: then nobody hears it.
        """
        value, key = record.value or b"", record.key or b""
        papers = papers_of(record.headers)
        reader = self._views.get(value[:5]) or self._view(int.from_bytes(value[1:5], "big"))
        values, stream = reader.read(value), self.stream
        known = self._known(view, key, values) if view else NOTHING_KNOWN
        records: list[Record] = []
        receipts: list[Receipt] = []
        at = _stamped(now)
        for route in self.routes:
            address = "" if route.addressed_by is None else pick(values, route.addressed_by) or route.otherwise
            rule, relied, kept = route.judge(Case(values, stream, route.agency, address, papers.time, now, known))
            sent = rule or route.write(value, key, papers, address, kept)
            if isinstance(sent, str):
                outcome = route.outcome(sent, "", NO_LIMIT)
                receipts.append(Receipt(papers.id, outcome, known.ids, "", "", at, papers.synthetic))
                continue
            records.append(sent.record)
            outcome = route.outcome("", relied, kept)
            receipts.append(Receipt(papers.id, outcome, known.ids, sent.message, sent.digest, at, papers.synthetic))
        return Carried(records, receipts)

    def _known(self, view: View, key: bytes, values: Mapping[str, Any]) -> Known:
        named = identifiers(values, self.stream)
        if not view.unread:
            return view.known(key, named)
        others = (self._keys.subject(said, {kind: one}, "") for said in self._standing for kind, one in named)
        return view.known(key, named, [one.encode() for one in others])

    def refused(self, record: Record, *, now: datetime) -> list[Receipt]:
        """A receipt for every agency that could have heard a record which `carry` could not read."""
        event = (dict(record.headers or ()).get("ce_id") or b"").decode("ascii", "replace")
        outcomes = (route.outcome("unreadable", "", NO_LIMIT) for route in self.routes)
        synthetic = is_synthetic(record.headers)
        return [Receipt(event, outcome, (), "", "", _stamped(now), synthetic) for outcome in outcomes]


@lru_cache(maxsize=8)
def _stamped(now: datetime) -> str:
    """*now* as receipts say it; one transaction's are all decided at the same time."""
    return stamp(now)


def _routes(catalog: Catalog, stream: Stream, keys: Keys, *, traced: bool) -> Iterator[Route]:
    for agency in catalog.agencies.values():
        policy = catalog.policies.get(agency.key)
        granted = policy is not None and stream.name in policy.hears and stream.name in agency.hears
        if policy is not None and granted and agency.status != "trial":
            yield Route(catalog, stream, agency, policy, keys, traced=traced)


def open_letter(catalog: Catalog, value: bytes, headers: Headers, subject: str = "") -> Letter:
    """Read a recipient topic's record, whose key is *subject*, with the schema it was written with."""
    return Letter(catalog.lock.codec(value).decode(value), Envelope.from_headers(headers), subject)


def render(
    catalog: Catalog, stream: Stream, agency: Agency, door: Door, letters: Sequence[Letter], run: Run
) -> Rendered:
    """
    *letters* as the bytes that go through *door*.

    Only CSV and XML hold more than one letter. An agency's own `<stream>_as_<format>` is used where it has one: one for
    XML is given all *letters* and the *run*, and returns what was `Made`; one for CSV is given a letter, and returns
    its values in the partner's own codes, from which the door's columns are filled.
    """
    own = catalog.renderer(agency.key, f"{stream.name}_as_{door.format}")
    made = Made(b"")
    if door.format == "csv":
        from hub.formats import csv_write  # noqa: PLC0415  the relay, which imports this module, renders no CSV

        rows = [{**(own(letter) if own else letter.values), PSEUDONYM: letter.subject} for letter in letters]
        made = Made(csv_write.render(rows, door.columns, opened_in=door.opened_in))
    elif own is not None and door.format == "xml":
        made = own(letters, run)
    elif own is not None:
        said = own(*letters)
        if door.format == "fhir":
            from hub.formats import fhir  # noqa: PLC0415  fhir.resources takes a second to import

            said = fhir.render(said)
        made = Made(said)
    elif door.format == "json":
        (letter,) = letters
        made = Made(json_format.render(letter.values, papers=letter.envelope))
    else:
        raise CatalogError([f"{agency.key}: outbound.py has no {stream.name}_as_{door.format}"])
    return Rendered(made.body, CONTENT_TYPES[door.format], SUFFIXES[door.format], made.name, made.records)
