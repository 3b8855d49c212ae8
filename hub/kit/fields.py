"""Fields: what a partner's engineer must know of each, as policy, model and limits have it; none that is not heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, get_args, get_origin

from hub.agency import Door
from hub.coarse import WORDS
from hub.notice.register import Field, Flow
from hub.notice.words import CATEGORIES
from hub.policy import Grant
from hub.stream import Fact, Sensitivity, Stream

KINDS: Mapping[str, Mapping[type, str]] = {
    "avro": {str: "string", int: "long", bool: "boolean", date: "int, a date: days since 1970-01-01",
             datetime: "long, a timestamp-millis: milliseconds since 1970-01-01 in UTC"},
    "json": {str: "text", int: "whole number", bool: "true or false", date: "day, as 2026-09-15",
             datetime: "instant in UTC, as 2026-09-15T08:40:00Z"},
    "": {str: "text", int: "whole number", bool: "yes or no", date: "day", datetime: "instant"},
}  # fmt: skip
"""What a value is, in the words of the format; what is neither Avro nor JSON says it in its own standard's way."""

ABSENT: Mapping[str, str] = {
    "avro": "null", "json": "left out", "csv": "an empty cell", "xml": "left out", "fhir": "left out", "hl7": "empty",
}  # fmt: skip
"""How each format says that there is nothing."""


class Heard(NamedTuple):
    """One field: *where* it stands in what arrives, *codes* all that it can say where there is a list, *absent* why."""

    where: str
    about: str
    sentence: str
    kind: str
    codes: tuple[str, ...]
    exactly: str
    category: str
    absent: tuple[str, ...]


def heard(flow: Flow, stream: Stream, grant: Grant, door: Door) -> Iterator[Heard]:
    """Every field of *flow*, which is what *grant* comes to, as it goes through *door*."""
    facts = {fact.name: fact for fact in stream.facts()}
    columns: dict[str, list[str]] = {}
    for column, path in door.columns.items():
        columns.setdefault(path or "", []).append(column)
    for field in flow.heard:
        fact = facts[field.path]
        where = ", ".join(columns.get(field.path, ())) or field.path
        codes = grant.where.get(field.path) or (get_args(fact.kind) if get_origin(fact.kind) is Literal else ())
        category = CATEGORIES[fact.sensitivity] if fact.sensitivity is not None else ""
        said = "" if field.exactly == "in full" else field.exactly
        kind = _kind(fact, grant.coarse.get(field.path), door.format)
        coarse = field.path in grant.coarse
        absent = tuple(_absent(field, fact, facts, stream, grant))
        yield Heard(
            where, field.about, field.sentence, kind, () if coarse else tuple(map(str, codes)), said, category, absent
        )


def _kind(fact: Fact, word: str | None, form: str) -> str:
    bare: Any = fact.kind
    if get_origin(bare) is Literal:
        bare = type(get_args(bare)[0])
    if word is not None:
        bare = WORDS[word].gives
    said = KINDS.get(form, KINDS[""])[bare]
    return f"list of: {said}" if fact.repeated else said


def _absent(field: Field, fact: Fact, facts: Mapping[str, Fact], stream: Stream, grant: Grant) -> Iterator[str]:
    """Each reason for which a message can come without the field; none where it is always there."""
    if field.path in grant.coarse and WORDS[grant.coarse[field.path]].of_absence:
        return
    way = [facts[".".join(fact.path[:depth])] for depth in range(1, len(fact.path) + 1)]
    if not any(one.optional or one.repeated for one in way):
        return  # where it must be kept back nothing is sent at all
    if any(one.optional for one in way):
        yield "it is not known"
    if any(one.repeated for one in way):
        yield "the list is empty"
    if fact.sensitivity is Sensitivity.CONTACT:
        yield "nobody may learn where the child is, or nobody said that one may"
    if fact.sensitivity is Sensitivity.NARRATIVE:
        yield "no named person has read this text and released it"
    if stream.match is not None and field.path not in grant.even_if.uncertain:
        yield "it is not certain which child is meant"
    if grant.gate == "opt-out" and field.path not in grant.even_if.opted_out:
        yield "the family opted out"
