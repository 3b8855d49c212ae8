"""Projections: a grant compiled, so that what was not granted is never materialised on the way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from hub.avro import granted_schemas, leaves_of, schema_of
from hub.coarse import WORDS
from hub.errors import HubError
from hub.narrow import Reader, Writer
from hub.policy import Grant
from hub.stream import Stream

PLAIN = frozenset({str, int, bool, date, datetime, type(None)})
"""The types of what a leaf may be; anything else would have something inside it."""


class Tree(NamedTuple):
    """What a policy's paths name at one depth: all *names*, and the *parts* among them that have names of their own."""

    names: frozenset[str]
    parts: Mapping[str, Tree]


class NotPermitted(HubError):
    """The second check found a field that the grant does not name: nothing is published."""


class Projection:
    """
    One grant of one stream, compiled once: `project` reads the granted fields, `encode` writes them.

    With *plain*, values are Python's dates and times; without, they stay the integers that Avro carries, which is
    quicker where nobody looks at them. Coarsening looks at the fields that it coarsens.
    """

    def __init__(self, stream: Stream, grant: Grant, source_id: int, own_id: int, *, plain: bool = False) -> None:
        reader, self.schema = granted_schemas(stream, grant)
        paths = frozenset(leaves_of(reader))
        self.reader = Reader(source_id, schema_of(stream), paths, paths if plain else frozenset(grant.coarse))
        self.writer = Writer(own_id, self.schema, paths if plain else frozenset())
        self.encode = self.writer.write
        """Granted values as the recipient's topic carries them; raises ValueError where they do not fit its schema."""
        self._read = self.reader.read
        self._coarse = tuple((path.split("."), WORDS[word]) for path, word in grant.coarse.items())
        self._permitted = tree_of((*grant.fields, *grant.coarse))

    def project(self, data: bytes) -> dict[str, Any]:
        """The granted part of an event's bytes, coarsened; raises NotPermitted where the second check disagrees."""
        values = self._read(data)
        for path, word in self._coarse:
            _apply(values, path, word.apply, of_absence=word.of_absence)
        if not permitted(values, self._permitted):
            raise NotPermitted("a field that the grant does not name came out of its projection")
        return values


def tree_of(paths: Iterable[str]) -> Tree:
    """Dotted paths as a tree. Built from the policy's words, not from any schema."""
    below: dict[str, list[str]] = {}
    for path in paths:
        head, dot, rest = path.partition(".")
        below.setdefault(head, []).extend([rest] if dot else [])
    return Tree(frozenset(below), {name: tree_of(rest) for name, rest in below.items() if rest})


def permitted(values: Any, tree: Tree) -> bool:
    """
    The second check: whether every field of *values*, at any depth, is one that *tree* names.

    It knows nothing of schemas and of what was compiled from them, only the policy's words. Names and types are
    compared as sets, because this is asked of everything that leaves the authority.
    """
    if type(values) is list:
        return all(permitted(one, tree) for one in values)
    if type(values) is not dict:
        return values is None
    if not values.keys() <= tree.names:
        return False
    if not tree.parts and PLAIN.issuperset(map(type, values.values())):
        return True
    for name, one in values.items():
        part = tree.parts.get(name)
        if part is not None:
            if not permitted(one, part):
                return False
        elif type(one) not in PLAIN and not (type(one) is list and PLAIN.issuperset(map(type, one))):
            return False
    return True


def _apply(values: Any, path: list[str], function: Any, *, of_absence: bool) -> None:
    """Coarsen the field at *path*, in every element of a list on the way."""
    if isinstance(values, list):
        for one in values:
            _apply(one, path, function, of_absence=of_absence)
    elif isinstance(values, dict):
        head, *rest = path
        if rest:
            _apply(values.get(head), rest, function, of_absence=of_absence)
        elif of_absence or values.get(head) is not None:
            values[head] = function(values.get(head))
