"""Previews: what one agency would have received of some events, counted field by field; nothing is published."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime

from hub.catalog import Catalog
from hub.coarse import WORDS
from hub.disclosure import Outcome
from hub.document import near
from hub.envelope import Record
from hub.errors import CatalogError, MessageError
from hub.happened import Happened, told
from hub.keys import Keys
from hub.once import Delivered, Once
from hub.outbound import Desk
from hub.stream import Stream
from hub.versions import supposing
from hub.wire import Wire


@dataclass(slots=True)
class Heard:
    """
    What an agency would have heard of one stream.

    *children* are the subjects' Kafka keys; *rules* say why the rest was withheld; *fields* how often each field that
    had a value was released, coarsened or withheld, and by which word or rule.
    """

    events: int = 0
    released: int = 0
    children: set[bytes] = field(default_factory=set)
    told_of: set[bytes] = field(default_factory=set)
    rules: Counter[str] = field(default_factory=Counter)
    fields: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def add(self, key: bytes, outcome: Outcome, said: frozenset[str]) -> None:
        """One event of the child under *key*, in which the fields *said* have a value."""
        self.events += 1
        self.children.add(key)
        if outcome.verdict == "released":
            self.released += 1
            self.told_of.add(key)
        else:
            self.rules[outcome.rule] += 1
        for one in outcome.fields:
            if one.path in said or (one.verdict == "coarsened" and WORDS[one.rule].of_absence):
                self.fields.setdefault(one.path, Counter())[one.verdict, one.rule] += 1


@dataclass(slots=True)
class Preview:
    """
    What *agency* would have heard, stream by stream, and the first of what would have been sent to it.

    *unread* is how many events could not be read; *stopped* whether somebody ended it before it had seen them all.
    """

    agency: str
    heard: dict[str, Heard] = field(default_factory=dict)
    sent: list[Record] = field(default_factory=list)
    unread: int = 0
    stopped: bool = False


def alone(catalog: Catalog, agency: str) -> Catalog:
    """
    *catalog* as if *agency* alone heard anything, and were live.

    Raises CatalogError where there is no such agency, or no policy of it.
    """
    if agency not in catalog.agencies:
        raise CatalogError([f"no agency {agency!r}; {near(agency, catalog.agencies)}"])
    if agency not in catalog.policies:
        raise CatalogError([f"{agency} hears nothing: connectors/{agency}/ has no policy.yaml; {_who(catalog)}"])
    return supposing(catalog, {agency: catalog.policies[agency]})


def _who(catalog: Catalog) -> str:
    return f"there is one of: {', '.join(sorted(catalog.policies))}"


def streams_of(catalog: Catalog, agency: str, stream: str | None) -> list[Stream]:
    """The streams that *agency* hears, or the one named; raises CatalogError where it does not hear that one."""
    hears = catalog.policies[agency].hears
    if stream is not None and stream not in hears:
        raise CatalogError([f"{agency} does not hear {stream!r}; {near(stream, hears)}"])
    return [catalog.streams[name] for name in hears if stream in (None, name)]


def preview(
    catalog: Catalog,
    agency: str,
    happened: Happened,
    streams: list[Stream],
    keys: Keys,
    *,
    now: datetime,
    most: int = 0,
) -> Preview:
    """
    Decide each event for *agency* as the relay would *now*; *catalog* is one that it is `alone` in.

    As many as *most* of the records that would have been sent are kept. Ctrl-C ends it with what it has.
    """
    found, wire = Preview(agency, {stream.name: Heard() for stream in streams}), Wire(catalog)
    desks = {stream.topic: Desk(catalog, stream, keys) for stream in streams}
    try:
        for record in happened.events:
            desk = desks[record.topic]
            try:
                carried = desk.carry(record, now=now, view=happened.view)
                said = frozenset(told(wire.read(desk.stream, record.value or b"")))
            except (MessageError, KeyError, ValueError):
                found.unread += 1
                continue
            for receipt in carried.receipts:
                found.heard[desk.stream.name].add(record.key or b"", receipt.outcome, said)
            found.sent += carried.records[: max(0, most - len(found.sent))]
    except KeyboardInterrupt:
        found.stopped = True
    return found


def letters(catalog: Catalog, found: Preview, keys: Keys) -> list[Delivered]:
    """What was kept of what would have been sent, in the agency's own format."""
    once = Once(replace(catalog, watches={}), keys)
    once.log.append(found.sent)
    return once.deliver().delivered


def readable(catalog: Catalog, one: Delivered) -> str:
    """A delivery as text for a terminal: Avro as JSON, HL7 a segment to a line, and nothing that moves the cursor."""
    if one.fault:
        return f"not rendered: {one.fault}; a courier would park it"
    if one.door.format == "avro":
        return json.dumps(catalog.lock.codec(one.body).decode(one.body), indent=2, ensure_ascii=False, default=str)
    text = one.body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)
