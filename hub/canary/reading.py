"""Reading: what an agency finds in a record that came to it, and what of a canary is in that; pure."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from hub.canary.due import Place, flat, path_of
from hub.canary.hatching import Canary
from hub.canary.tokens import texts_in
from hub.catalog import Catalog
from hub.envelope import Record, is_synthetic
from hub.errors import Unreadable

PAPERS = ("id", "type", "time")  # what a letter in JSON says of itself


def told_by(catalog: Catalog, record: Record, *, as_json: bool) -> dict[str, Any]:
    """
    What a record says, read with what its agency has: JSON, or the schema that its bytes name, its topic's own.

    Raises Unreadable or ValueError where it cannot be read.
    """
    value = record.value or b""
    if as_json:
        letter = json.loads(value)
        if not isinstance(letter, dict):
            raise Unreadable("not-an-object", "", "a letter in JSON is an object")
        return {name: one for name, one in letter.items() if name not in PAPERS}
    codec = catalog.lock.codec(value)
    if catalog.lock.subject(codec.id) != record.topic:
        raise Unreadable("avro.schema-id", "", "the record's schema is another topic's")
    return codec.decode(value)


def is_marked(record: Record) -> bool:
    """Whether a record is, or holds anything of, a canary."""
    return is_synthetic(record.headers) or bool(texts_in(whole(record)))


def whole(record: Record) -> bytes:
    """Everything of a record, as bytes to search."""
    parts = (name.encode() + b"=" + (value or b"") for name, value in record.headers)
    return b"\n".join((record.value or b"", record.key or b"", *parts))


def same(expected: Any, told: Any) -> bool:
    """Whether what was *told*, in Avro or in JSON, is what was *expected*."""
    if isinstance(told, str) and isinstance(expected, datetime):
        try:
            return datetime.fromisoformat(told) == expected
        except ValueError:
            return False
    if isinstance(told, str) and isinstance(expected, date):
        return told == expected.isoformat()
    return type(told) is type(expected) and bool(told == expected)


def tells(value: Any, canary: Canary, place: Place) -> bool:
    """Whether *value* is, or holds, what the canary says at another place than this one."""
    spelt = str(_plain(value)).lower()
    others = [_plain(one) for where, one in flat(canary.values) if where != place and not isinstance(one, bool)]
    return any(value == one or (len(str(one)) > 6 and str(one).lower() in spelt) for one in others)


def said_by(canary: Canary) -> set[str]:
    """The fields at which a canary says something."""
    return {path_of(place) for place, _ in flat(canary.values)}


def name(path: str, canary: Canary) -> str:
    """A path as it may be told: one that no field of the stream has could itself be a token."""
    return path if path in {fact.name for fact in canary.stream.facts()} else "value"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
