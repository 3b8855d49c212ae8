"""Pairs of events that one recipient must not be able to tell apart, drawn by a policy's words."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from hub import gates, seals
from hub.avro import bare, schema_of
from hub.policy import Grant
from hub.stream import Stream

EPOCH = date(1970, 1, 1)
ODD = "aZ09 ,;\"'\\/<>&|^~=+@\n\t\x00\u00a3\u00e9\u0411\u202e\u2603\U0001f9d2"
Path = tuple[str, ...]


@dataclass(frozen=True)
class Kin:
    """Draws events of a *stream*, and to each one others of which a recipient with *grant* is told the same."""

    stream: Stream
    grant: Grant
    open: bool = True  # whether drawn events mostly pass gate, seal and where; else they are as they come
    loose: frozenset[str] = frozenset()  # granted paths that are varied all the same, to see that the difference shows

    @cached_property
    def schema(self) -> Any:
        """What events are drawn from: without logical types, since nobody is to read them here."""
        return bare(schema_of(self.stream))

    @cached_property
    def asked(self) -> dict[str, tuple[Any, ...]]:
        """The fields that a decision looks at, with values that let an event pass."""
        passing: dict[str, tuple[Any, ...]] = {
            **dict.fromkeys(gates.paths(self.grant.gate, self.stream), ("given by someone",)),
            **dict.fromkeys(seals.paths(self.stream), (False,)),
            **self.grant.where,
        }
        known = {
            f"{self.stream.consent}.status": ("given", "refused"),
            f"{self.stream.override}.recorded_at": (1_789_000_000_000,),
            self.stream.stage: ("contact",),
        }
        return {path: known.get(path, values) for path, values in passing.items()}

    @cached_property
    def held(self) -> frozenset[str]:
        """The paths at which both events of a pair are equal."""
        return (frozenset(self.grant.fields) | frozenset(self.asked)) - self.loose

    def drawn(self, chance: random.Random) -> dict[str, Any]:
        """Any event."""
        return _drawn(self.schema, (), self.asked if self.open else {}, chance)

    def varied(self, values: dict[str, Any], chance: random.Random) -> dict[str, Any]:
        """Another event: the same where it is held, of the same coarse value where it is coarsened, else anything."""
        return _varied(self.schema, values, (), self.held, self.grant.coarse, chance)


def _drawn(schema: Any, place: Path, hints: Mapping[str, tuple[Any, ...]], chance: random.Random) -> Any:
    path = ".".join(place)
    if isinstance(schema, list):
        likely = 0.97 if any(hint == path or hint.startswith(path + ".") for hint in hints) else 0.7
        return _drawn(schema[1], place, hints, chance) if chance.random() < likely else None
    if isinstance(schema, dict) and schema["type"] == "record":
        return {f["name"]: _drawn(f["type"], (*place, f["name"]), hints, chance) for f in schema["fields"]}
    if isinstance(schema, dict) and schema["type"] == "array":
        return [_drawn(schema["items"], place, hints, chance) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
    if path in hints and chance.random() < 0.97:
        return chance.choice(hints[path])
    return _leaf(schema, chance)


def _leaf(kind: str, chance: random.Random) -> Any:
    if kind == "string":
        length = chance.choice((0, 1, 3, 8, 8, 8, 20, 70))
        return "".join(chance.choice(ODD) for _ in range(length)) + str(chance.randrange(10**6))
    if kind == "boolean":
        return chance.random() < 0.5
    return chance.randrange(-20_000, 60_000) if kind == "int" else chance.randrange(0, 4_000_000_000_000)


def _varied(
    schema: Any, value: Any, place: Path, held: frozenset[str], coarse: Mapping[str, str], chance: random.Random
) -> Any:
    path = ".".join(place)
    if path in held:
        return value
    if path in coarse:
        return _alike(schema[1] if isinstance(schema, list) else schema, value, coarse[path], chance)
    if place and not any(known.startswith(path + ".") for known in (*held, *coarse)):
        return _drawn(schema, place, {}, chance)
    if value is None:
        return None
    if isinstance(schema, list):
        return _varied(schema[1], value, place, held, coarse, chance)
    if schema["type"] == "array":
        return [_varied(schema["items"], one, place, held, coarse, chance) for one in value]
    return {
        f["name"]: _varied(f["type"], value[f["name"]], (*place, f["name"]), held, coarse, chance)
        for f in schema["fields"]
    }


def _alike(kind: str, value: Any, word: str, chance: random.Random) -> Any:
    """Another value that coarsens to the same, written without a look at `hub.coarse`."""
    if value is None:
        return None
    if word == "present":
        return _leaf(kind, chance)
    if word in ("year", "month"):
        day = EPOCH + timedelta(value)
        month = chance.randrange(1, 13) if word == "year" else day.month
        return (day.replace(month=month, day=chance.randrange(1, 29)) - EPOCH).days
    if word == "initial":
        head = value.lstrip()[:1]
        return value if not head else head + _leaf("string", chance)
    head, space, _ = value.strip().partition(" ")
    return f"{head} {_leaf('string', chance)}" if space and head else value
