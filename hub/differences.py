"""Differences: what a receipt says and a decision made again does not; how it is made again is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hub.avro import leaves_of, schema_of
from hub.catalog import Catalog
from hub.disclosure import Outcome, Receipt, Verdict
from hub.stream import Stream

WHOLE = ("verdict", "rule", "agreement", "gate", "relied", "notice", "basis")


class Difference(NamedTuple):
    """One thing that the receipt says and the decision, made again, does not."""

    what: str
    said: str
    found: str


def differences(catalog: Catalog, stream: Stream, receipt: Receipt, again: Receipt) -> list[Difference]:
    """Everything in which the decision *again* is not the one of *receipt*, line by line."""
    said, found = receipt.outcome, again.outcome
    lines = [(name, getattr(said, name), getattr(found, name)) for name in WHOLE]
    lines += [
        ("known of the child", ", ".join(receipt.standing), ", ".join(again.standing)),
        ("message id", receipt.message, again.message),
        ("SHA-256 of what was sent", receipt.sent, again.sent),
    ]
    lines += _fields(catalog, stream, said, found)
    return [Difference(what, one, other) for what, one, other in lines if one != other]


def _fields(catalog: Catalog, stream: Stream, said: Outcome, found: Outcome) -> Iterator[tuple[str, str, str]]:
    """
    Each field's verdict in both.

    A field that the stream has got since is in no receipt of before; none may lack that the stream had in one piece.
    """
    before, now = ({one.path: one for one in outcome.fields} for outcome in (said, found))
    schemas = [one["schema"] for one in catalog.lock.entries if one["subject"] == stream.topic]
    as_it_was = any(leaves_of(schema) == before.keys() for schema in (*schemas, schema_of(stream)))
    for path in sorted(before.keys() | now.keys()):
        if path in before or not as_it_was or now[path].rule != "not-granted":
            yield path, _verdict(before.get(path)), _verdict(now.get(path))
    if len(before) != len(said.fields):
        yield "fields", f"{len(said.fields)} lines", f"{len(before)} fields"


def _verdict(one: Verdict | None) -> str:
    return "not said" if one is None else f"{one.verdict} ({one.rule})" if one.rule else one.verdict
