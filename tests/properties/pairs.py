"""Pairs of events that one recipient must not be able to tell apart, drawn by a policy's words."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any

from hub import gates, limits, seals
from hub.avro import bare, schema_of
from hub.policy import Grant
from hub.stream import Sensitivity, Stream
from tests.reference import naive

EPOCH = date(1970, 1, 1)
TODAY = date(2026, 9, 15)
ODD = "aZ09 ,;\"'\\/<>&|^~=+@\n\t\x00\u00a3\u00e9\u0411\u202e\u2603\U0001f9d2"
RECORDED = (None, 1_780_000_000_000, 1_789_000_000_000)  # before the day on which the tests stand


@dataclass(frozen=True)
class Kin:
    """Draws events of a *stream*, and to each one others of which a recipient with *grant* is told the same."""

    stream: Stream
    grant: Grant
    addressed_by: str | None = None
    open: bool = True  # whether drawn events mostly pass gate, seal and where; else they are as they come
    loose: frozenset[str] = frozenset()  # granted paths that are varied all the same, to see that the difference shows

    @cached_property
    def schema(self) -> Any:
        """What events are drawn from: without logical types, since nobody is to read them here."""
        return bare(schema_of(self.stream))

    @cached_property
    def asked(self) -> dict[str, tuple[Any, ...]]:
        """The fields that a decision looks at, with values that let an event pass, where not any does."""
        stream = self.stream
        looked_at = {
            *gates.paths(self.grant.gate, stream),
            *seals.paths(stream),
            *limits.paths(stream),
            *([self.addressed_by] if self.addressed_by else []),
        }
        texts = tuple(fact.name for fact in stream.facts() if fact.sensitivity is Sensitivity.NARRATIVE)
        known = {
            stream.restricted: (False,),
            stream.conflicts: ("somebody_else",),
            stream.confidential: (False, False, False, True),
            stream.match: ("certain", "certain", "certain", "probable", "possible", None),
            stream.stage: ("contact",),
            stream.expected: (20_000, None, None),
            stream.born: (14_000, 17_000, 17_500, None),
            f"{stream.consent}.status": ("given", "given", "refused"),
            f"{stream.consent}.given_by": ("parent", "young_person"),
            f"{stream.consent}.recorded_at": RECORDED,
            f"{stream.override}.recorded_at": RECORDED[1:],
            f"{stream.approvals}.field": texts,
            f"{stream.approvals}.approved_at": RECORDED[1:],
            **{path: tuple(name_of(kind, child) for child in range(len(STANDINGS))) for kind, path in stream.subject},
        }
        return {path: known.get(path, ()) for path in looked_at} | dict(self.grant.where)

    def held(self, withheld: Collection[str] = ()) -> frozenset[str]:
        """The paths at which both events of a pair are equal, where those *withheld* are not heard of this event."""
        return (frozenset(self.grant.fields) - frozenset(withheld) | frozenset(self.asked)) - self.loose

    def drawn(self, chance: random.Random) -> dict[str, Any]:
        """Any event."""
        hints = self.asked if self.open else {}
        return _drawn(self.schema, "", hints, above(frozenset(hints)), chance)

    def varied(self, values: dict[str, Any], chance: random.Random, withheld: Collection[str] = ()) -> dict[str, Any]:
        """Another event: the same where it is held, of the same coarse value where it is coarsened, else anything."""
        coarse = {path: word for path, word in self.grant.coarse.items() if path not in withheld}
        held = self.held(withheld)
        return _varied(self.schema, values, "", held, coarse, above(held.union(coarse)), chance)


CALM: Mapping[str, Any] = {
    "nhs_number": None, "upn": None, "case_id": None, "born": None, "answers": [], "objections": [],
    "restriction": False, "opted_out": False, "restricted": False, "address_confidential": False, "conflicts": [],
    "legal_hold": False, "adopted": None,
}  # fmt: skip
STANDINGS: tuple[Mapping[str, Any] | None, ...] = (
    *[None] * 12,
    {},
    {"address_confidential": True},
    {"opted_out": True},
    {"opted_out": True, "address_confidential": True, "born": date(2005, 1, 1)},
    {"restriction": True},
    {"adopted": date(2026, 1, 1)},
)
"""What is known of each child; of most nothing."""


def name_of(kind: str, child: int) -> str:
    """The identifier of a child of `STANDINGS`."""
    return f"{kind} {child}"


Hints = Mapping[str, tuple[Any, ...]]


@lru_cache(maxsize=1_000)
def above(paths: frozenset[str]) -> frozenset[str]:
    """All places that lie above some of *paths*."""
    steps = (path.split(".")[:-1] for path in paths)
    return frozenset(".".join(way[:end]) for way in steps for end in range(1, len(way) + 1))


def _drawn(schema: Any, path: str, hints: Hints, way: frozenset[str], chance: random.Random) -> Any:
    hinted = hints.get(path)
    if isinstance(schema, list):
        likely = 0.97 if path in hints or path in way else 0.7
        if hinted and None in hinted:
            likely = 1 - 1 / len(hinted)
        return _drawn(schema[1], path, hints, way, chance) if chance.random() < likely else None
    if isinstance(schema, dict) and schema["type"] == "record":
        return {f["name"]: _drawn(f["type"], _below(path, f["name"]), hints, way, chance) for f in schema["fields"]}
    if isinstance(schema, dict) and schema["type"] == "array":
        return [_drawn(schema["items"], path, hints, way, chance) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
    if hinted and chance.random() < 0.97:
        return chance.choice([hint for hint in hinted if hint is not None])
    return _leaf(schema, chance)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _leaf(kind: str, chance: random.Random) -> Any:
    if kind == "string":
        length = chance.choice((0, 1, 3, 8, 8, 8, 20, 70))
        return "".join(chance.choices(ODD, k=length)) + str(chance.randrange(10**6))
    if kind == "boolean":
        return chance.random() < 0.5
    return chance.randrange(-20_000, 60_000) if kind == "int" else chance.randrange(0, 4_000_000_000_000)


def _varied(
    schema: Any,
    value: Any,
    path: str,
    held: frozenset[str],
    coarse: Mapping[str, str],
    way: frozenset[str],
    chance: random.Random,
) -> Any:
    if path in held:
        return value
    if path in coarse:
        kind = schema[1] if isinstance(schema, list) else schema
        if coarse[path] == "present" and value is not None:
            return _drawn(kind, path, {}, frozenset(), chance)
        return _alike(kind, value, coarse[path], chance)
    if path and path not in way:
        return _drawn(schema, path, {}, frozenset(), chance)
    if value is None:
        return None
    if isinstance(schema, list):
        return _varied(schema[1], value, path, held, coarse, way, chance)
    if schema["type"] == "array":
        return [_varied(schema["items"], one, path, held, coarse, way, chance) for one in value]
    return {
        f["name"]: _varied(f["type"], value[f["name"]], _below(path, f["name"]), held, coarse, way, chance)
        for f in schema["fields"]
    }


def _alike(kind: str, value: Any, word: str, chance: random.Random) -> Any:
    """Another value that coarsens to the same, as the reference and not the gate would coarsen it."""
    if value is None:
        return None
    whole = EPOCH + timedelta(value) if kind == "int" else value
    coarse = naive.coarse(word, whole, TODAY)
    for _ in range(5):
        other = _near(whole, coarse, word, chance)
        if naive.coarse(word, other, TODAY) == coarse:
            return (other - EPOCH).days if kind == "int" else other
    return value


def _near(value: Any, coarse: Any, word: str, chance: random.Random) -> Any:
    """A value that may well coarsen to the same."""
    if word in ("year", "month"):
        month = value.month if word == "month" else chance.randrange(1, 13)
        return value.replace(month=month, day=chance.randrange(1, 29))
    if word == "age_band":
        return value + timedelta(chance.randrange(-1_500, 1_500))
    if word == "count_band":
        return chance.choice((value + chance.randrange(-9, 9), value * 3))
    if word == "outward_postcode":
        return f"{coarse} {_leaf('string', chance)}"
    return " ".join(initial + _leaf("string", chance).replace(" ", "") for initial in coarse.split())
