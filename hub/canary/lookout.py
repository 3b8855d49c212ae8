"""Lookout: what each agency got of a round's canaries, held against what it was to get; pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hub import disclosure
from hub.avro import Codec
from hub.canary.alarm import HEADERS, Alarm, Kind, Tally
from hub.canary.due import Due, Place, due, flat, path_of
from hub.canary.hatching import SOURCE, Canary, hearers
from hub.canary.reading import name as named
from hub.canary.reading import said_by, same, tells, told_by, whole
from hub.canary.tokens import texts_in
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Record, is_synthetic
from hub.errors import Unreadable
from hub.keys import Keys, digest


class _Pair:
    """One canary and one agency that hears its stream: what is *due*, and what came of it."""

    def __init__(self, canary: Canary, agency: str, due: Due | None, as_json: bool, keys: Keys) -> None:
        subject, message = keys.recipient(agency)
        self.canary, self.agency, self.due, self.as_json = canary, agency, due, as_json
        self.key, self.message = digest(subject, canary.record.key or b"").encode(), digest(message, canary.event)
        self.came: Mapping[Place, Any] | None = None
        self.sent = ""
        self.receipt: Receipt | None = None
        self.lapsed = False


class Lookout:
    """
    Watches for one round's canaries in whatever is published.

    Each record of an agency's topic is read with what that agency has: the schema that its bytes name, or JSON. Every
    record, canary or not, is searched for tokens: value, key and headers, as bytes.
    """

    def __init__(self, catalog: Catalog, keys: Keys, canaries: Sequence[Canary], *, now: datetime) -> None:
        self._catalog = catalog
        self._canaries = {canary.event: canary for canary in canaries}
        self._heard: dict[str, tuple[str, str]] = {}  # by topic, who hears what there
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._messages: dict[tuple[str, str], _Pair] = {}
        self._places: dict[str, tuple[Canary, str]] = {}  # by token, whose it is and where it was said
        self._waiting: set[str] = set()  # events of which not every receipt is here
        self._alarms: dict[Alarm, None] = {}
        self._handed_out = 0
        self._ended = False
        self._pages = Codec(catalog.id_of(disclosure.TOPIC, disclosure.SCHEMA), disclosure.SCHEMA)
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.unheard = Counter(canary.stream.name for canary in canaries if not hearers(catalog, canary.stream))
        """Of the streams that nobody hears, how many canaries travel them."""
        for stream in catalog.streams.values():
            for agency in catalog.agencies:
                self._heard[stream.topic_to(agency)] = (agency, stream.name)
        for canary in canaries:
            self._know(canary, keys, now)

    def _know(self, canary: Canary, keys: Keys, now: datetime) -> None:
        for place, value in flat(canary.values):
            if isinstance(value, str):
                for token in texts_in(value.encode()):
                    self._places[token] = (canary, path_of(place))
        for agency in hearers(self._catalog, canary.stream):
            policy, hearing = self._catalog.policies[agency], self._catalog.agencies[agency].hears[canary.stream.name]
            door = hearing.doors[0]
            as_json = door.by == "kafka" and door.format == "json"
            pair = _Pair(canary, agency, due(canary, agency, policy, hearing, now=now), as_json, keys)
            self._pairs[canary.event, agency] = self._messages[pair.message, agency] = pair
            self.tallies.setdefault((agency, canary.stream.name), Tally()).sent += 1
            self._waiting.add(canary.event)

    @property
    def topics(self) -> list[str]:
        """What to read: every agency's topics, what watches emit, and the disclosures."""
        streams = self._catalog.streams
        heard = [streams[name].topic_to(key) for key, policy in self._catalog.policies.items() for name in policy.hears]
        emitted = {streams[watch.emits].topic for watch in self._catalog.watches.values()}
        return [*heard, *sorted(emitted), disclosure.TOPIC]

    @property
    def settled(self) -> bool:
        """Whether every receipt is here, and everything that is to come."""
        return all(pair.receipt and (pair.due is None or pair.came is not None) for pair in self._pairs.values())

    def take(self, record: Record, seconds: float = 0.0) -> None:
        """Look at one published record, *seconds* after the canaries were sent."""
        if record.topic == disclosure.TOPIC:
            self._receipts(record)
            return
        if record.topic in self._catalog.by_topic:
            self._emitted(record)
            return
        agency, stream = self._heard[record.topic]
        own_id = dict(record.headers).get("ce_id", b"").decode("ascii", "replace")
        pair = self._messages.get((own_id, agency)) or self._pairs.get((own_id, agency))
        if pair is not None and pair.canary.stream.name == stream:
            self._arrived(pair, record, seconds)
            return
        for token in texts_in(whole(record)) & self._places.keys():
            canary, path = self._places[token]
            self._alarm("leak", agency, stream, path, canary)

    def _emitted(self, record: Record) -> None:
        """A watch must not act on a canary; what it emits of one tells its tokens."""
        if dict(record.headers).get("ce_source") == SOURCE.encode():
            return
        for token in texts_in(whole(record)) & self._places.keys():
            canary, path = self._places[token]
            self._alarm("leak", "a watch", self._catalog.by_topic[record.topic].name, path, canary)

    def _arrived(self, pair: _Pair, record: Record, seconds: float) -> None:
        canary, granted = pair.canary, pair.due
        if pair.lapsed:
            return

        def alarm(kind: Kind, place: str) -> None:
            self._alarm(kind, pair.agency, canary.stream.name, place, canary)

        if not is_synthetic(record.headers):
            alarm("unmarked", "headers.ce_hubsynthetic")
        if record.key != pair.key:
            alarm("leak", "key")
        if canary.event.encode() in whole(record):  # each agency has an id of its own, so that no two can be joined
            alarm("leak", "event id")
        address = ("ce_hubaddress", granted.address.encode() if granted is not None else b"")
        if address[1] and address not in record.headers:
            alarm("missing", "headers.ce_hubaddress")
        for name, value in record.headers:
            if (name, value) != address and texts_in(name.encode() + b"\n" + value):
                alarm("leak", f"headers.{name}" if name in HEADERS else "headers")
        try:
            told = told_by(self._catalog, record, as_json=pair.as_json)
        except (Unreadable, ValueError):
            told = {}
            alarm("missing", "value")
        pair.came = dict(flat(told))
        pair.sent = hashlib.sha256(record.value or b"").hexdigest()
        leaves = granted.leaves if granted is not None else {}
        for place, value in pair.came.items():
            if place not in leaves:
                alarm("leak", named(path_of(place), canary))
            elif not same(leaves[place], value):
                finer = path_of(place) in self._grant(pair).coarse or tells(value, canary, place)
                alarm("leak" if finer else "missing", path_of(place))
        for place in leaves.keys() - pair.came.keys():
            alarm("missing", path_of(place))
        due_texts = {token for one in leaves.values() if isinstance(one, str) for token in texts_in(one.encode())}
        for token in (texts_in(record.value or b"") & self._places.keys()) - due_texts:
            other, path = self._places[token]
            self._alarm("leak", pair.agency, canary.stream.name, path, other)
        if granted is not None:
            tally = self.tallies[pair.agency, canary.stream.name]
            tally.arrived += 1
            tally.seconds = max(tally.seconds, seconds)

    def _grant(self, pair: _Pair) -> Any:
        return self._catalog.policies[pair.agency].hears[pair.canary.stream.name]

    def _receipts(self, record: Record) -> None:
        for token in texts_in(whole(record)) & self._places.keys():
            canary, path = self._places[token]
            self._alarm("leak", "disclosures", canary.stream.name, path, canary)
        value = record.value or b""
        if not any(event.encode() in value for event in self._waiting):
            return  # a page of others' receipts, of which there are many
        try:
            receipts = disclosure.receipts_of(value, self._pages)
        except Unreadable:
            return  # then they are missing
        for receipt in receipts:
            if receipt.event not in self._canaries:
                continue
            pair = self._pairs.get((receipt.event, receipt.agency))
            if pair is None:
                canary = self._canaries[receipt.event]
                self._alarm("receipt", receipt.agency, canary.stream.name, "agency", canary)
            else:
                pair.receipt = receipt
        self._waiting = {event for (event, _), pair in self._pairs.items() if pair.receipt is None}

    def end(self) -> None:
        """
        The time is up: what has not come is missing, and what the receipts say is held against what came.

        What was said of a child beforehand is forgotten now, so that nothing follows if its canary is carried yet.
        """
        for pair in self._pairs.values() if not self._ended else ():
            pair.lapsed = pair.receipt is None and pair.canary.told is not None
            wrong = list(self._wrong(pair))
            for kind, place in wrong:
                self._alarm(kind, pair.agency, pair.canary.stream.name, place, pair.canary)
            if pair.due is None and pair.came is None and not wrong:
                self.tallies[pair.agency, pair.canary.stream.name].withheld += 1
        self._ended = True

    def _wrong(self, pair: _Pair) -> Iterator[tuple[Kind, str]]:
        receipt, came = pair.receipt, pair.came
        if pair.due is not None and came is None:
            yield "missing", "event"
        if receipt is None:
            if pair.due is None or came is not None:
                yield "receipt", "event"
            return
        if receipt.outcome.policy != self._catalog.policies[pair.agency].version:
            yield "policy", "version"
        if receipt.verdict != ("withheld" if came is None else "released"):
            yield "receipt", "verdict"
        if came is not None and (receipt.message, receipt.sent) != (pair.message, pair.sent):
            yield "receipt", "sent"
        heard = {path_of(place) for place in came or ()}
        coarse = self._grant(pair).coarse
        said = {one.path: one.verdict for one in receipt.outcome.fields}
        for path in {fact.name for fact in pair.canary.stream.facts() if fact.record is None} | said.keys():
            expected = "withheld" if path not in heard else "coarsened" if path in coarse else "released"
            if said.get(path) != expected and (path in said_by(pair.canary) or expected != "withheld"):
                yield "receipt", named(path, pair.canary)

    def alarms(self) -> list[Alarm]:
        """What is wrong, as far as it is known."""
        return list(self._alarms)

    def news(self) -> list[Alarm]:
        """What is wrong and was not handed out here before."""
        found = list(self._alarms)[self._handed_out :]
        self._handed_out += len(found)
        return found

    def _alarm(self, kind: Kind, agency: str, stream: str, place: str, canary: Canary) -> None:
        alarm = Alarm(kind, agency, stream, place, canary.way.name)
        if alarm not in self._alarms:
            self._alarms[alarm] = None
            if (agency, stream) in self.tallies:
                self.tallies[agency, stream].alarms[kind] += 1
