"""Hatching: the canaries of one round, for each stream one that each agency may hear, and such as nobody may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args, get_origin

from hub.canary.tokens import Tokens
from hub.canary.ways import OPEN, Way, ways_of
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.keys import Keys
from hub.policy import Grant
from hub.stream import Event, Fact, Sensitivity, Stream, pick, unwrap

SOURCE = "/canary"
BY_CONSENT = frozenset({"consent", "contact-stage"})
UNSAID: Mapping[str, Any] = {
    "nhs_number": None, "upn": None, "case_id": None, "born": None, "answers": [], "objections": [],
    "restriction": False, "opted_out": False, "restricted": False, "address_confidential": False, "conflicts": [],
    "legal_hold": False, "adopted": None,
}  # fmt: skip
"""A standing that says nothing of its child."""


@dataclass(frozen=True, slots=True)
class Canary:
    """One invented event: *values* are what it says, *record* how, *told* what is said of its child before it."""

    event: str
    stream: Stream
    way: Way
    values: Mapping[str, Any]
    record: Record
    told: Record | None = None


def hearers(catalog: Catalog, stream: Stream) -> dict[str, Grant]:
    """By agency, the grant under which it hears *stream*: of agencies that are live and have a door for it."""
    return {
        agency.key: catalog.policies[agency.key].hears[stream.name]
        for agency in catalog.agencies.values()
        if agency.status == "live" and stream.name in agency.hears and agency.key in catalog.policies
        and stream.name in catalog.policies[agency.key].hears
    }  # fmt: skip


def hatch(catalog: Catalog, keys: Keys, tokens: Tokens, *, now: datetime, turn: int | None = None) -> list[Canary]:
    """
    The canaries of one round.

    For each stream one for each agency that hears it, open to it in every way, and one for each of the ways in which
    an event may be kept back; with *turn*, of these only one, each round another. Of a stream that nobody hears one,
    which nobody must hear.
    """
    round_id, canaries = tokens.text(), list[Canary]()
    for stream in catalog.streams.values():
        grants = hearers(catalog, stream)
        wanted: list[tuple[Way, Mapping[str, Any]]] = [(OPEN, _where([grant])) for grant in grants.values()]
        if grants:
            ways = ways_of(stream, frozenset(path for grant in grants.values() for path in grant.where))
            chosen = ways if turn is None or not ways else [ways[turn % len(ways)]]
            wanted += [(way, _where(list(grants.values()))) for way in chosen]
        nest = _Nest(catalog, keys, stream, grants, tokens, now)
        for number, (way, where) in enumerate(wanted or [(OPEN, {})]):
            canaries.append(nest.canary(f"{round_id}.{stream.name}.{number}", number, way, where))
    return canaries


def _where(grants: Sequence[Grant]) -> dict[str, tuple[Any, ...]]:
    """By field, the values that all of *grants* accept; where there are none, those that the first does."""
    accepted: dict[str, tuple[Any, ...]] = {}
    for grant in grants:
        for path, values in grant.where.items():
            shared = tuple(value for value in accepted.get(path, values) if value in values)
            accepted[path] = shared or accepted[path]
    return accepted


class _Nest:
    """Where the canaries of one stream come from."""

    def __init__(
        self, catalog: Catalog, keys: Keys, stream: Stream, grants: Mapping[str, Grant], tokens: Tokens, now: datetime
    ) -> None:
        self._catalog, self._keys, self._stream, self._tokens = catalog, keys, stream, tokens
        self._grants, self._now = grants, now
        self._facts = {fact.name: fact for fact in stream.facts()}
        coarse = [item for grant in grants.values() for item in grant.coarse.items()]
        self._asks = stream.consent is None and any(grant.gate in BY_CONSENT for grant in grants.values())
        self._postcodes = {path for path, word in coarse if word == "outward_postcode"}

    def canary(self, name: str, number: int, way: Way, where: Mapping[str, tuple[Any, ...]]) -> Canary:
        """The canary called *name*, the *number*th of its stream, which differs in the *way* from an open one."""
        stream, event = self._stream, self._keys.event_id("canary", self._stream.name, name, 0)
        said = {path: self._tokens.any_of(values) for path, values in where.items()} | self._said(way)
        values = self._values(stream.event, (), said)
        if self._catalog.keeping[stream.keep].compact:  # the newest of each key stays: canaries must not pile up there
            key = self._keys.pseudonym("canary", f"{stream.name}.{number}")
        else:
            key = self._keys.subject(stream, values, otherwise=event)
        record = _record(self._catalog, stream, event, key, values, self._now)
        told = self._told(way, name, number, values) if way.told or self._asks else None
        return Canary(event, stream, way, values, record, told)

    def _said(self, way: Way) -> dict[str, Any]:
        """What decisions look at, as this *way* has it."""
        stream, lately = self._stream, self._tokens.lately
        said: dict[str, Any] = {}
        if stream.born is not None:
            said[stream.born] = self._tokens.birthday()
        if stream.restricted is not None:
            said[stream.restricted] = way.restricted
        if stream.conflicts is not None:
            said[stream.conflicts] = sorted(self._grants) if way.conflict else []
        if stream.match is not None:
            said[stream.match] = "certain" if way.certain else "possible"
        if stream.confidential is not None:
            said[stream.confidential] = way.confidential
        if stream.stage is not None:
            said[stream.stage] = "contact" if way.at_contact else self._another(stream.stage, {"contact"})
        if stream.consent is not None:
            said |= {f"{stream.consent}.status": way.consent, f"{stream.consent}.given_by": "parent",
                     f"{stream.consent}.recorded_at": lately()}  # fmt: skip
        if stream.override is not None:
            said |= {stream.override: None} if way.override == "none" else {
                f"{stream.override}.reason": "significant_harm" if way.override == "sound" else None,
                f"{stream.override}.recorded_at": lately(),
            }  # fmt: skip
        if stream.approvals is not None:
            texts = [name for name, fact in self._facts.items()
                     if fact.sensitivity is Sensitivity.NARRATIVE and fact.record is None]  # fmt: skip
            approved = [{"field": text, "by": self._tokens.text(), "approved_at": lately()} for text in texts]
            said[stream.approvals] = approved if way.approved else []
        if way.not_where:
            accepted = {value for grant in self._grants.values() for value in grant.where.get(way.not_where, ())}
            said[way.not_where] = self._another(way.not_where, accepted)
        return said

    def _another(self, path: str, than: set[Any]) -> Any:
        """A value of the field at *path* that is none of *than*."""
        fact: Fact = self._facts[path]
        if get_origin(fact.kind) is Literal:
            others = [value for value in get_args(fact.kind) if value not in than]
            return self._tokens.any_of(others) if others else self._tokens.text()
        if fact.kind is bool:
            return (not than.pop()) if len(than) == 1 else None
        return self._tokens.of(fact.kind)

    def _values(self, model: type[Event], above: tuple[str, ...], said: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._value(model, name, (*above, name), said) for name in model.model_fields}

    def _value(self, model: type[Event], name: str, place: tuple[str, ...], said: Mapping[str, Any]) -> Any:
        path = ".".join(place)
        if path in said:
            return said[path]
        kind, _, repeated = unwrap(model.model_fields[name].annotation)
        several = [self._one(kind, place, said) for _ in range(2 if repeated else 1)]
        return several if repeated else several[0]

    def _one(self, kind: Any, place: tuple[str, ...], said: Mapping[str, Any]) -> Any:
        if isinstance(kind, type) and issubclass(kind, Event):
            return self._values(kind, place, said)
        return self._tokens.postcode() if ".".join(place) in self._postcodes else self._tokens.of(kind)

    def _told(self, way: Way, name: str, number: int, values: Mapping[str, Any]) -> Record | None:
        """What is said beforehand of the child that *values* are about; None where nothing can be."""
        if not self._catalog.standing:
            return None
        stream = self._catalog.standing[0]
        just_now = self._now - timedelta(seconds=1)
        answer = {"about": None, "status": "given", "given_by": "young_person", "recorded_at": self._tokens.lately(),
                  "until": None}  # fmt: skip
        what: dict[str, dict[str, Any]] = {
            "": {},
            "withdrawn": {"answers": [{"about": None, "status": "withdrawn", "given_by": "parent",
                                       "recorded_at": just_now, "until": None}]},
            "objection": {"objections": [{"to": None, "status": "raised", "recorded_at": just_now}]},
            "restriction": {"restriction": True},
            "opted-out": {"opted_out": True},
            "restricted": {"restricted": True},
            "confidential": {"address_confidential": True},
            "conflict": {"conflicts": sorted(self._grants)},
            "legal-hold": {"legal_hold": True},
            "adopted": {"adopted": self._now.date()},
        }  # fmt: skip
        child: dict[str, Any] = {kind: pick(values, path) for kind, path in self._stream.subject}
        child["answers"] = [answer] if self._asks else []
        event = self._keys.event_id("canary", stream.name, name, 1)
        key = self._keys.pseudonym("canary", f"{stream.name}.{self._stream.name}.{number}")
        # Taken in a moment before: what is said of a child in the event of the order itself is not behind the wall.
        return _record(self._catalog, stream, event, key, {**UNSAID, **child, **what[way.told]}, just_now)


def _record(catalog: Catalog, stream: Stream, event: str, key: str, values: Mapping[str, Any], at: datetime) -> Record:
    papers = Envelope(event, SOURCE, stream.topic, at.astimezone(UTC), traceparent(event), synthetic=True)
    return Record(stream.topic, key.encode(), catalog.codec(stream).encode(values), papers.headers())
