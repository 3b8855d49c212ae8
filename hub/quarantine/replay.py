"""Replay: what comes of an item of quarantine by today's code and under its own ids; nothing is written here."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.catalog import Catalog
from hub.envelope import Envelope, Record, is_synthetic
from hub.errors import CatalogError, MessageError, Unreadable
from hub.identity.index import News
from hub.identity.registry import NOTHING, Registry
from hub.inbound import Line, Outcome, Queried, Refusal, SetAside, Understood, read, read_again
from hub.keys import Keys
from hub.outbound import Desk
from hub.quarantine.item import Item, Papers, Sent, opened, papers_of, refused
from hub.tally import Tally
from hub.transports import Answer
from hub.view import Identifier, View
from hub.wall import CLOSED, holds, let_in, names
from hub.wire import Wire, record_of

MOST_EVENTS = 20_000
"""Of one item: they go in one transaction, and their ids in one record of it."""
USED = "id.used-before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What is known of children at the moment of a replay: which identifiers are *closed*, and the relay's *view*.

    The *registry* says by which NHS number an event is carried, as for the gateway; without one all go as said.
    """

    closed: Collection[Identifier] = ()
    view: View
    registry: Registry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What comes of one item.

    *code* is empty where it is taken in: then *records* are what goes onto topics and *events* their ids; else it says
    why nothing comes of it, with *place* and *mend*. *answer* is what whoever
    sends the very same again is told, where something is to be told.
    """

    item: Item
    code: str = ""
    place: str = ""
    mend: str = ""
    records: tuple[Record, ...] = ()
    events: tuple[str, ...] = ()
    counts: Mapping[str, int]
    sent: Sent | None = None
    answer: Answer | None = None
    correction: str = ""
    news: News = NOTHING
    """What the identity index is to keep, once Kafka has the records."""


def plan(catalog: Catalog, keys: Keys, item: Item, known: Known, *, corrected: bytes | None = None) -> Plan:
    """
    What comes of *item* today, or of a *corrected* copy of what was sent.

    Of what an agency said: it is read and understood by today's code, the wall is asked, and what is understood
    becomes events under the ids, and with the time, that they would have had when it came. Of a record of a stream: it
    goes back onto its topic as it was, for the relay to decide by today's policies, if it can be worked on now.
    """
    try:
        papers, raw = papers_of(keys, item), opened(keys, item)
    except Unreadable as fault:
        return _nothing(item, fault.code, fault.place, fault.mend)
    if papers is None:
        mend = "it was kept before quarantine kept what its ids come of: have it sent again"
        return _nothing(item, "quarantine.no-papers", mend=mend)
    if papers.too_large or (not item.agency and not raw):
        mend = "its bytes were too many to be kept here: have it sent again"
        return _nothing(item, "quarantine.too-large", mend=mend)
    try:
        if not item.agency:
            return _record(catalog, keys, item, papers, raw, known, corrected)
        return _said(catalog, keys, catalog.line(item.agency, item.line), item, papers, raw, known, corrected)
    except CatalogError:
        return _nothing(item, "quarantine.no-line", mend="the catalog has no such line any more: discard it")


def _nothing(item: Item, code: str, place: str = "", mend: str = "", *, count: int = 0) -> Plan:
    return Plan(item=item, code=code, place=place, mend=mend, counts={"refused": count})


def _said(
    catalog: Catalog, keys: Keys, line: Line, item: Item, papers: Papers, raw: bytes, known: Known,
    corrected: bytes | None,
) -> Plan:  # fmt: skip
    sent = papers.sent
    if item.code == USED or sent is None:
        mend = "its id is another message's, whose event would be taken for this one's: have it sent under its own"
        return _nothing(item, USED, mend=mend)
    if papers.origin and walled(line, raw, known):
        return _nothing(item, CLOSED, mend=CLOSED_MEND)
    data = raw if corrected is None else corrected
    if papers.origin:
        found = read_again(line, data, papers.origin, keys)
    else:
        found = list(read(line, data, keys, whole=sent.content))
    taken_in, news = datetime.fromisoformat(item.time), NOTHING
    found = [let_in(line, one, known.closed) for one in found]
    if known.registry is not None:
        known.registry.close(known.closed, taken_in)
        found, news = known.registry.settle(line, found, taken_in)
    fault = _fault(found)
    if fault is not None:
        count = sum(isinstance(one, Refusal) for one in found)
        mend = CLOSED_MEND if fault.code == CLOSED else fault.mend
        return _nothing(item, fault.code, fault.place, mend, count=count)
    events = tuple(one.id for one in found if isinstance(one, Understood))
    if len(events) > MOST_EVENTS:
        return _nothing(item, "quarantine.too-many", mend="have it sent again: it would be understood now")
    parts = Sent(sent.name, sent.content, alone=False)
    return Plan(
        item=item,
        records=tuple(record for one in found for record in _records(catalog, keys, line, one, taken_in, parts)),
        events=events,
        counts=_counts(found),
        sent=sent if sent.alone else None,
        answer=Tally(found).answer if sent.alone else None,
        correction="" if corrected is None else keys.pseudonym("correction", hashlib.sha256(data).hexdigest()),
        news=news,
    )


CLOSED_MEND = "an adoption order closed the child's identifiers since: nothing of it is taken in; discard it"


def _fault(found: Collection[Outcome]) -> Refusal | None:
    """The first refusal, where nothing but refusals came of it."""
    if any(isinstance(one, Understood | SetAside) for one in found):
        return None
    empty = Refusal(-1, "nothing-said", "", "it holds no message", b"", readable=True)
    return next((one for one in found if isinstance(one, Refusal)), empty)


def _records(catalog: Catalog, keys: Keys, line: Line, outcome: Outcome, at: datetime, sent: Sent) -> list[Record]:
    """An event under its stream, with the time at which it came; a part that is refused still is an item of its own."""
    if isinstance(outcome, Understood):
        values, source = outcome.event.model_dump(), f"/{line.agency.key}/{line.name}"
        return [record_of(catalog, keys, outcome.stream, values, outcome.id, source, at)]
    if isinstance(outcome, Refusal) and outcome.code != CLOSED:
        return [refused(keys, line.agency.key, line.name, outcome, sent, at)]
    return []


def _counts(found: Collection[Outcome]) -> dict[str, int]:
    count = Counter(type(one) for one in found)
    return {"events": count[Understood], "set_aside": count[SetAside], "refused": count[Refusal],
            "queried": count[Queried]}  # fmt: skip


def walled(line: Line, raw: bytes, known: Known) -> bool:
    """Whether *raw*, which was refused once, would not be kept today: it names a child whose identifiers are closed."""
    kept = let_in(line, Refusal(0, "", "", "", raw, readable=False), known.closed)
    if isinstance(kept, Refusal) and known.registry is not None:
        kept = known.registry.sifted(line, kept)
    return isinstance(kept, Refusal) and kept.code == CLOSED


def _record(
    catalog: Catalog, keys: Keys, item: Item, papers: Papers, raw: bytes, known: Known, corrected: bytes | None
) -> Plan:
    if corrected is not None:
        mend = "an event is not corrected here: its sender says it anew"
        return _nothing(item, "quarantine.an-event", mend=mend)
    stream = catalog.by_topic.get(item.place.split("/")[0])
    if stream is None:
        return _nothing(item, "quarantine.no-stream", mend="the catalog has no such stream any more: discard it")
    record = Record(stream.topic, item.key, raw, papers.headers)
    if is_synthetic(record.headers):
        return _nothing(item, "quarantine.canary", mend="it is about nobody: discard it")
    try:
        if item.key is None:
            raise MessageError("no-key", item.place, "the record belongs to no subject; its producer is at fault")
        event = Envelope.from_headers(record.headers).id
        values = Wire(catalog).read(stream, raw)
        closed = names(values, stream, known.closed)
        if not closed and not item.watch:
            Desk(catalog, stream, keys).carry(record, now=datetime.now(UTC), view=known.view)
    except MessageError as error:
        closed = holds(raw, known.closed)
        fault = error.code, error.place, error.mend
    except Exception as error:  # noqa: BLE001  what the relay or a watch would trip over again; its kind is told
        closed = holds(raw, known.closed)
        fault = f"error.{type(error).__name__.lower()}", "", "mend the code, or the schema lock, first"
    else:
        if not closed:
            return Plan(item=item, records=(record,), events=(event,), counts={"events": 1})
    if closed:
        return _nothing(item, CLOSED, mend=CLOSED_MEND)
    return _nothing(item, *fault, count=1)
