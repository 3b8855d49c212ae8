"""Projections: a grant compiled, so that what was not granted is never materialised on the way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.avro import Codec, bare, granted_schemas, schema_of
from hub.coarse import WORDS
from hub.errors import HubError
from hub.policy import Grant
from hub.stream import Stream

Tree = Mapping[str, "Tree | None"]


class NotPermitted(HubError):
    """The second check found a field that the grant does not name: nothing is published."""


class Projection:
    """
    One grant of one stream, compiled once: `project` reads the granted fields, `encode` writes them.

    With *plain*, values are Python's dates and times; without, they stay the integers that Avro carries, which is
    quicker where nobody looks at them. Coarsening always looks.
    """

    def __init__(self, stream: Stream, grant: Grant, source_id: int, own_id: int, *, plain: bool = False) -> None:
        reader, written = granted_schemas(stream, grant)
        whole = schema_of(stream)
        if not plain and not grant.coarse:
            whole, reader, written = bare(whole), bare(reader), bare(written)
        self.schema = written
        self._source = Codec(source_id, whole, reader)
        self._own = Codec(own_id, written)
        self._coarse = tuple((path.split("."), WORDS[word]) for path, word in grant.coarse.items())
        self._permitted = tree_of((*grant.fields, *grant.coarse))

    def project(self, data: bytes) -> dict[str, Any]:
        """The granted part of an event's bytes, coarsened; raises NotPermitted where the second check disagrees."""
        values = self._source.decode(data)
        for path, word in self._coarse:
            _apply(values, path, word.apply, of_absence=word.of_absence)
        if not permitted(values, self._permitted):
            raise NotPermitted("a field that the grant does not name came out of its projection")
        return values

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """As the recipient's topic carries it."""
        return self._own.encode(values)


def tree_of(paths: tuple[str, ...]) -> Tree:
    """Dotted paths as nested mappings; a leaf is None. Built from the policy's words, not from any schema."""
    tree: dict[str, Any] = {}
    for path in paths:
        here = tree
        *above, leaf = path.split(".")
        for part in above:
            here = here.setdefault(part, {})
        here[leaf] = None
    return tree


def permitted(values: Any, tree: Tree | None) -> bool:
    """The second check: whether every field of *values*, at any depth, is one that *tree* names."""
    if tree is None:  # a leaf, or a list of leaves
        return not any(isinstance(one, (dict, list)) for one in (values if isinstance(values, list) else [values]))
    if isinstance(values, list):
        return all(permitted(one, tree) for one in values)
    if isinstance(values, dict):
        return all(name in tree and permitted(one, tree[name]) for name, one in values.items())
    return values is None


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
