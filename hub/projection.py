"""Projections: a grant compiled, so that what was not granted is never materialised on the way out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from hub.avro import granted_schemas, leaves_of, schema_of
from hub.coarse import WORDS, Word
from hub.gates import day_in_england
from hub.narrow import Reader, Writer
from hub.policy import Grant
from hub.stream import Stream

NOTHING: frozenset[str] = frozenset()


class NothingFits(KeyError):
    """What is to be kept back of an event cannot be left out of what the recipient's schema wants."""


class Projection:
    """
    One grant of one stream, compiled once: `project` reads the granted fields, `encode` writes them.

    *source* is the schema with which events were written, under *source_id*. With *plain*, values are Python's dates
    and times; without, they stay the integers that Avro carries, which is quicker where nobody looks at them.
    Coarsening looks at the fields that it coarsens.
    """

    def __init__(
        self, stream: Stream, grant: Grant, source_id: int, own_id: int, *, plain: bool = False, source: Any = None
    ) -> None:
        reader, self.schema = granted_schemas(stream, grant)
        self._id, self._source = source_id, schema_of(stream) if source is None else source
        self._paths = frozenset(leaves_of(reader))
        self._dates = self._paths if plain else frozenset(grant.coarse)
        self._missing = missing(self.schema, self._paths - leaves_of(self._source), leaves_of(self._source))
        self._readers: dict[frozenset[str], Reader] = {}
        self._lost: dict[frozenset[str], Mapping[str, str]] = {}
        self.reader = self._reader(NOTHING)
        self.writer = Writer(own_id, self.schema, self._paths if plain else frozenset())
        self.encode = self.writer.write
        """Granted values as the recipient's topic carries them; raises ValueError where they do not fit its schema."""
        self._coarse = tuple((path.split("."), WORDS[word]) for path, word in grant.coarse.items())
        self._of_day = any(word.of_day for _, word in self._coarse)

    def project(self, data: bytes, at: datetime | None = None, without: frozenset[str] = NOTHING) -> dict[str, Any]:
        """
        The granted part of an event's bytes, coarsened; null where it is kept back, which is *without*.

        What is kept back is stepped over like what was never granted. *at* is when the hub took the event in, which
        some words of coarsening want. Raises `NothingFits` where the recipient's schema has no way to leave it out.
        """
        reader = self.reader if not without else self._readers.get(without) or self._reader(without)
        values = reader.read(data)
        today = day_in_england(at) if self._of_day and at is not None else None
        for path, word in self._coarse:
            _apply(values, path, word, today)
        return values

    def lost(self, without: frozenset[str]) -> Mapping[str, str]:
        """Each granted leaf that goes where the leaves in *without* are kept back, with the one for which it goes."""
        found = self._lost.get(without)
        if found is None:
            found = self._lost[without] = self._goes(without)
        return found

    def _goes(self, without: frozenset[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for leaf in sorted(without, reverse=True):
            try:
                node = _node(self.schema, leaf)
            except NothingFits:
                continue
            found |= {path: leaf for path in self._paths if path == node or path.startswith(f"{node}.")}
        return found | {leaf: leaf for leaf in without}

    def _emptied(self, without: frozenset[str]) -> frozenset[str]:
        """The topmost places of which nothing is heard: that something was there is not told either."""
        cut(self.schema, without)
        lost = self.lost(without)
        heard = self._paths - lost.keys()
        return frozenset(
            next(
                place
                for place, nullable in _way(self.schema, leaf)
                if nullable and not any(one == place or one.startswith(f"{place}.") for one in heard)
            )
            for leaf in lost
        )

    def _reader(self, without: frozenset[str]) -> Reader:
        nodes = self._emptied(without)
        absent = nodes | self._missing
        paths = frozenset(
            path for path in self._paths if not any(path == one or path.startswith(f"{one}.") for one in absent)
        )
        made = self._readers[without] = Reader(self._id, self._source, paths, self._dates & paths, absent)
        return made


def cut(schema: Any, leaves: Collection[str]) -> frozenset[str]:
    """
    The nodes that are null where *leaves* are kept back: each leaf itself, or the nearest record above it that may be.

    Raises `NothingFits` where neither it nor anything above it may be null.
    """
    return frozenset([_node(schema, leaf) for leaf in sorted(leaves)])


def missing(schema: Any, leaves: Collection[str], have: Collection[str]) -> frozenset[str]:
    """
    The nodes of *schema* that are null because whoever wrote the event did not know the *leaves* in them yet.

    The topmost that is new: *have* are the leaves that were known. Raises `NothingFits` where it may not be null.
    """
    nodes = set()
    for leaf in leaves:
        node, nullable = next(
            (place, nullable)
            for place, nullable in _way(schema, leaf)
            if not any(one == place or one.startswith(f"{place}.") for one in have)
        )
        if not nullable:
            raise NothingFits(node)
        nodes.add(node)
    return frozenset(nodes)


def _node(schema: Any, leaf: str) -> str:
    found = [place for place, nullable in _way(schema, leaf) if nullable]
    if not found:
        raise NothingFits(leaf)
    return found[-1]


def _way(schema: Any, leaf: str) -> Iterator[tuple[str, bool]]:
    """The places on the way to *leaf*, from the top, and whether each may be null, or a list without elements."""
    here, parts = schema, leaf.split(".")
    for depth, part in enumerate(parts, 1):
        here = next(field["type"] for field in here["fields"] if field["name"] == part)
        listed = isinstance(here, Mapping) and here.get("type") == "array"
        yield ".".join(parts[:depth]), isinstance(here, list) or listed
        while isinstance(here, list) or (isinstance(here, Mapping) and here.get("type") == "array"):
            here = here[1] if isinstance(here, list) else here["items"]


def _apply(values: Any, path: list[str], word: Word, today: date | None) -> None:
    """Coarsen the field at *path*, in every element of a list on the way."""
    if isinstance(values, list):
        for one in values:
            _apply(one, path, word, today)
    elif isinstance(values, dict):
        head, *rest = path
        if rest:
            _apply(values.get(head), rest, word, today)
        elif word.of_absence or values.get(head) is not None:
            values[head] = word.apply(values.get(head), today) if word.of_day else word.apply(values.get(head))
