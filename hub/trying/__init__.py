"""
Trying: one message or event, each step from bytes to bytes, by the hub's own code in memory; nothing is published.

What carries is `hub.once.Once`: the gateway's intake, watches, desks and rendering. What is here only looks.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.doors import door_for
from hub.envelope import Envelope, Record
from hub.errors import CatalogError
from hub.explain import events_in
from hub.inbound import Outcome, read
from hub.keys import Keys
from hub.once import Delivered, Once
from hub.stream import Stream, pick
from hub.sync import as_synced
from hub.trying.asking import Asked, asked, heard
from hub.trying.reading import Recognised, recognised, split
from hub.wall import let_in
from hub.wire import Wire, record_of

NOT_HEARD = "hears"


@dataclass(frozen=True, slots=True)
class Said:
    """A message as it was read: which of how *many* in its file, what was recognised, and what came of it."""

    agency: str
    line: str
    format: str
    by: str
    number: int
    many: int
    recognised: Recognised
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One agency's part: what was asked, the fields, and what would leave for it; *trial* where it is sent nothing."""

    agency: str
    trial: bool
    released: bool
    rule: str
    asked: tuple[Asked, ...]
    fields: tuple[tuple[str, str], ...]
    message: str


@dataclass(frozen=True, slots=True)
class Happened:
    """One event on its topic: whose pseudonym is its key, its *values* with how much each can hurt, who hears it."""

    stream: str
    id: str
    source: str
    key: str
    named_by: str
    values: tuple[tuple[str, Any, str], ...]
    told: tuple[Told, ...]
    deaf: tuple[str, ...]
    """Agencies whose policies do not name the stream."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything from the bytes that came to the bytes that would leave."""

    said: Said | None
    events: tuple[Happened, ...]
    deliveries: tuple[Delivered, ...]


def of_message(
    catalog: Catalog, path: Path, agency: str, line: str, *, now: datetime, number: int = 1,
    before: Sequence[tuple[Path, str, str]] = (), only: Sequence[str] = (), road: str = "",
) -> Trial:  # fmt: skip
    """
    Message *number* of the file *path*, as *line* of *agency* says it, after the files *before*.

    *only* keeps to some agencies, *road* to doors of that road. Raises CatalogError for a line, an agency or a message
    that there is not.
    """
    hub = _hub(catalog, now, only)
    for file, whose, its in before:
        hub.give(file, whose, its)
    seen = {topic: len(records) for topic, records in hub.log.topics.items()}
    known, data = hub.catalog.line(agency, line), path.read_bytes()
    saying = known.agency.says[line]
    items, fault = split(data, saying)
    if fault is None and not 1 <= number <= max(1, len(items)):
        raise CatalogError([f"{path}: has {len(items)} messages; --message is a number from 1 to {len(items)}"])
    if not items:
        whole = (fault,) if fault is not None else ()
        return Trial(Said(agency, line, saying.format, saying.by, 0, 0, (), whole), (), ())
    item = items[number - 1]
    closed = hub.following.view.closed()
    outcomes = tuple(let_in(known, one, closed) for one in read(known, item.raw, hub.keys))
    said = Said(agency, line, saying.format, saying.by, number, len(items), recognised(item, saying), outcomes)
    hub.deliver()  # what came before has gone
    gone = len(hub.outcome.delivered)
    hub.take(item.raw, agency, line)
    fresh = [record for topic, records in list(hub.log.topics.items()) for record in records[seen.get(topic, 0) :]]
    fresh.sort(
        key=lambda record: ("ce_source", f"/{agency}/{line}".encode()) not in record.headers
    )  # what it led to later
    return _looked(catalog, hub, said, fresh, gone, only, road)


def of_event(
    catalog: Catalog, path: Path, stream: str, *, now: datetime, standing: Path | None = None,
    only: Sequence[str] = (), road: str = "",
) -> Trial:  # fmt: skip
    """The event of *stream* in the JSON file *path*; what the file *standing* says of its child was known yesterday."""
    hub = _hub(catalog, now, only)
    kind = hub.catalog.streams[stream]
    if standing is not None:
        (about,) = hub.catalog.standing[:1]
        (known,) = events_in(standing, about, several=False)
        earlier = now - timedelta(days=1)
        hub.carry(record_of(hub.catalog, hub.keys, about, known, secrets.token_hex(16), "/try", earlier))
    (values,) = events_in(path, kind, several=False)
    record = record_of(hub.catalog, hub.keys, kind, values, secrets.token_hex(16), "/try", now)
    gone = len(hub.deliver().delivered)
    hub.carry(record)
    return _looked(catalog, hub, None, [record], gone, only, road)


def _hub(catalog: Catalog, now: datetime, only: Sequence[str]) -> Once:
    """A hub in memory with keys of its own, in which agencies on trial are live: to be tried is what a trial is for."""
    for one in only:
        if one not in catalog.agencies:
            raise CatalogError([f"no agency {one!r}; there is: {', '.join(sorted(catalog.agencies))}"])
    live = {key: one.model_copy(update={"status": "live"}) for key, one in catalog.agencies.items()}
    return Once(as_synced(replace(catalog, agencies=live)), Keys(secrets.token_bytes(32)), lambda: now)


def _looked(
    catalog: Catalog, hub: Once, said: Said | None, fresh: list[Record], gone: int, only: Sequence[str], road: str
) -> Trial:
    """What became of the records that are *fresh*; the deliveries after the first *gone*."""

    def door_of(agency: Agency, stream: str) -> Door:
        return next((one for one in agency.hears[stream].doors if one.by == road), None) or door_for(agency, stream)

    made = hub.deliver(door_of).delivered[gone:]
    happened = [_happened(catalog, hub, hub.catalog.by_topic[one.topic], one, only)
                for one in fresh if one.topic in hub.catalog.by_topic]  # fmt: skip
    return Trial(said, tuple(happened), tuple(one for one in made if not only or one.agency in only))


def _happened(catalog: Catalog, hub: Once, stream: Stream, record: Record, only: Sequence[str]) -> Happened:
    papers = Envelope.from_headers(record.headers)
    values = Wire(hub.catalog).read(stream, record.value or b"")
    said = tuple(
        (fact.name, _plain(value), str(fact.sensitivity or ""))
        for fact in stream.facts()
        if fact.record is None and (value := _at(values, fact.path)) not in (None, [])
    )
    named = next((one for one in stream.key if all(pick(values, path) for path in one.split("/"))), "")
    told = []
    for receipt in hub.outcome.receipts:
        if receipt.event != papers.id or receipt.stream != stream.name or (only and receipt.agency not in only):
            continue
        agency, outcome = hub.catalog.agencies[receipt.agency], receipt.outcome
        grant = hub.catalog.policies[receipt.agency].hears[stream.name]
        questions = asked(outcome, grant, agency.hears[stream.name].addressed_by)
        trial = catalog.agencies[agency.key].status == "trial"
        told.append(Told(agency.key, trial, not outcome.rule, outcome.rule, questions, heard(outcome), receipt.message))
    able = {one.agency for one in told}
    deaf = tuple(key for key in hub.catalog.agencies if key not in able and (not only or key in only))
    key = (record.key or b"").decode("ascii", "replace")
    return Happened(stream.name, papers.id, papers.source, key, named, said, tuple(told), deaf)


def _plain(value: Any) -> Any:
    """A value as an event says it: days and times as ISO 8601 writes them."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def _at(values: Any, path: tuple[str, ...]) -> Any:
    """What lies at *path*, through lists: of a list of records, the list of that part of each."""
    for index, part in enumerate(path):
        if isinstance(values, list):
            found = [one for item in values if (one := _at(item, path[index:])) is not None]
            return found or None
        values = values.get(part) if isinstance(values, dict) else None
    return values
