"""Verification: a decision made again from what the topics still hold, and held against its receipt; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from hub.agency import Agency
from hub.archive import Archive, Archived
from hub.avro import granted_schemas
from hub.catalog import Catalog
from hub.differences import Difference, differences
from hub.disclosure import Receipt
from hub.envelope import Record
from hub.errors import CatalogError, Unreadable
from hub.following import Following
from hub.keys import Keys
from hub.outbound import Desk
from hub.schema_lock import SchemaLock, undocumented
from hub.seals import identifiers
from hub.stream import Stream
from hub.wire import Wire

SETTLED = timedelta(seconds=60)
"""
What was said of a child this long before a decision must have been looked at: the relay decides within seconds of
having caught up, its transactions end in a quarter of this, and its clock and Kafka's differ by less.
"""
DOUBT = "view.doubt"


class Said(NamedTuple):
    """A record of a standing's topic, and when Kafka took it in."""

    record: Record
    time: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What the topics hold of some decisions: *events* by their ids, each as often as it lies there, what was said of
    children's standing, oldest first within a key, and the policies as they were.
    """

    events: Mapping[str, Sequence[Record]]
    standings: Sequence[Said]
    archive: Archive


@dataclass(frozen=True, slots=True)
class Verified:
    """
    What came of one receipt.

    The *same*; or what differs; or what is *gone*, so that nobody can say. *decided* is the decision as made again, and
    *by* the policy that made it. *notes* are what else a reader should know.
    """

    receipt: Receipt
    decided: Receipt | None = None
    by: Archived | None = None
    differences: tuple[Difference, ...] = ()
    gone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the decision was made again and is the one that the receipt attests, to the last byte."""
        return self.decided is not None and not self.gone and not self.differences


class _Gone(Exception):
    """Something that the decision rested on is not there any more."""


def verify(catalog: Catalog, keys: Keys, receipt: Receipt, evidence: Evidence) -> Verified:
    """
    Decide again what *receipt* attests, at its moment, and compare verdict, rules, fields and hash of what was sent.

    Decided is by the policy version that the receipt names, on the event as it lies on its topic and just what the
    receipt says was known of the child, with the hub's keys and today's code. How the agency took delivery and the
    schema ids of that day are not in the receipt: of those that were ever in use one must give the same. What was said
    of the child well before and is not in the receipt is a difference too.
    """
    notes: list[str] = []
    try:
        stream = catalog.streams.get(receipt.stream)
        if stream is None:
            raise _Gone(f"no stream {receipt.stream} is in today's catalog")
        ways = _policies(receipt, evidence.archive, notes)
        events = _events(receipt, stream, evidence, notes)
        known = _known(catalog, receipt, evidence)
        tried = _tried(catalog, keys, stream, receipt, ways, events, known)
    except _Gone as gone:
        return Verified(receipt, gone=(str(gone),), notes=tuple(notes))
    differing, again, by, event = min(tried, key=lambda one: len(one[0]))
    differing += _overlooked(catalog, stream, receipt, event, evidence)
    if len(ways) > 1:
        notes.append(f"took delivery in the way {by.delivery}, one of {len(ways)} on record beside that policy")
    return Verified(receipt, again, by, tuple(differing), (), tuple(notes))


def _policies(receipt: Receipt, archive: Archive, notes: list[str]) -> list[Archived]:
    name = f"{receipt.agency}/{receipt.outcome.policy}"
    notes += [why for key, why in archive.refused.items() if key.startswith(f"{name}/")]
    try:
        found = archive.of(receipt.agency, receipt.outcome.policy)
    except CatalogError as error:
        raise _Gone(f"policy version {name} cannot be read by today's checks: {error.findings[0]}") from None
    if not found:
        raise _Gone(f"policy version {name} is not known: policies.v1 does not hold it")
    before = [one for one in found if one.since <= receipt.at]
    if not before:
        notes.append(f"policy version {name} was first put on record after this decision, at {found[-1].since}")
    return before or found


def _events(receipt: Receipt, stream: Stream, evidence: Evidence, notes: list[str]) -> list[Record]:
    found = [one for one in evidence.events.get(receipt.event, ()) if one.topic == stream.topic]
    if not found:
        raise _Gone(f"the event is not on {stream.topic} any more")
    distinct = list(dict.fromkeys(found))
    if len(found) > 1:
        alike = "each time the same" if len(distinct) == 1 else "and not each time the same: one of them must fit"
        notes.append(f"the event lies {len(found)} times on {stream.topic}, {alike}")
    return distinct


def _known(catalog: Catalog, receipt: Receipt, evidence: Evidence) -> Following:
    """A view of just what the receipt says was known of the child; where that was in doubt, of all that was said."""
    at = datetime.fromisoformat(receipt.at)
    if receipt.rule == DOUBT:
        return _as_of(catalog, evidence, at)
    by_id: dict[str, Record] = {}
    for said in evidence.standings:
        if said.time <= at or _id(said.record) not in by_id:
            by_id[_id(said.record)] = said.record
    following = Following(catalog)
    for event_id in receipt.standing:
        if event_id not in by_id:
            raise _Gone(f"what was known of the child then, {event_id}, was superseded and is compacted away")
        following.take(by_id[event_id])
    return following


def _as_of(catalog: Catalog, evidence: Evidence, at: datetime) -> Following:
    """A view of all that Kafka had taken in by *at*, as far as it is still there."""
    following = Following(catalog)
    for said in evidence.standings:
        if said.time <= at:
            following.take(said.record)
    return following


def _id(record: Record) -> str:
    return dict(record.headers or ()).get("ce_id", b"").decode("ascii", "replace")


Try = tuple[list[Difference], Receipt | None, Archived, Record]


def _tried(
    catalog: Catalog, keys: Keys, stream: Stream, receipt: Receipt, ways: Sequence[Archived], events: Sequence[Record],
    known: Following,
) -> list[Try]:  # fmt: skip
    """The decision made again in each way in which it can have been made, up to one that fits."""
    tried: list[Try] = []
    gone: _Gone | None = None
    for way in ways:
        if stream.name not in way.policy.hears or stream.name not in way.hears:
            granted = Difference("granted", f"{stream.name} is", f"{stream.name} is not, by that policy")
            tried.append(([granted], None, way, events[0]))
            continue
        try:
            for then in _catalogs(catalog, stream, way):
                for event in events:
                    again = _again(then, keys, stream, receipt, event, known)
                    differing = differences(catalog, stream, receipt, again)
                    tried.append((differing, again, way, event))
                    if not differing:
                        return tried
        except _Gone as error:
            gone = gone or error
    if gone is not None:
        raise gone  # it may have been just the way that cannot be gone any more
    return tried


def _catalogs(catalog: Catalog, stream: Stream, way: Archived) -> Iterator[Catalog]:
    """The catalog as it was for one agency, once for each schema id under which it can have been told."""
    topic = stream.topic_to(way.agency)
    try:
        wanted = undocumented(granted_schemas(stream, way.policy.hears[stream.name])[1])
    except KeyError as error:
        raise _Gone(f"that policy grants what the stream does not say any more: {error.args[0]}") from None
    entries = catalog.lock.entries
    fitting = [one for one in entries if one["subject"] == topic and one["schema"] == wanted]
    if not fitting:
        raise _Gone(f"topics/schemas.lock knows no schema of {topic} that has just what that policy grants")
    live = Agency(name=way.agency, steward="nobody@archive", hears=way.hears, key=way.agency)
    for entry in reversed(fitting):
        # What stands last for a subject is its current schema, and each entry keeps its own id wherever it stands.
        lock = SchemaLock([*(one for one in entries if one is not entry), entry])
        yield replace(catalog, lock=lock, agencies={live.key: live}, policies={live.key: way.policy})


def _again(then: Catalog, keys: Keys, stream: Stream, receipt: Receipt, event: Record, known: Following) -> Receipt:
    now = datetime.fromisoformat(receipt.at)
    desk = Desk(then, stream, keys)
    try:
        (again,) = desk.carry(event, now=now, view=known.view).receipts
    except Exception:  # noqa: BLE001  as the relay: whatever is wrong with it, nobody hears it
        schema_id = int.from_bytes((event.value or b"")[1:5], "big")
        if receipt.rule != "unreadable" and then.lock.subject(schema_id) != stream.topic:
            raise _Gone(f"topics/schemas.lock knows no schema id {schema_id}, in which the event is written") from None
        (again,) = desk.refused(event, now=now)
    if receipt.rule == DOUBT and again.rule != DOUBT:
        raise _Gone("that something said of the child could not be read cannot be seen any more")
    return again


def _overlooked(
    catalog: Catalog, stream: Stream, receipt: Receipt, event: Record, evidence: Evidence
) -> list[Difference]:
    """What had been said of the child well before the decision and still held at it, and is not in the receipt."""
    try:
        named = identifiers(Wire(catalog).read(stream, event.value or b""), stream)
    except Unreadable:
        return []
    at = datetime.fromisoformat(receipt.at)
    views = (_as_of(catalog, evidence, until).view for until in (at - SETTLED, at))
    held = [view.known(event.key or b"", named) for view in views]
    listed = set(receipt.standing)
    missed = sorted(set(held[0].ids) & set(held[1].ids) - listed)
    if held[0].doubt and held[1].doubt and receipt.rule != DOUBT:
        return [Difference("known of the child", ", ".join(sorted(listed)), "something that could not be read")]
    return [Difference("known of the child", "not looked at", one) for one in missed]
