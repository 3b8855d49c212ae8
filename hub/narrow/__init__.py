"""
Narrow readers and writers: never a leaf that was not asked for becomes a value.

A grant is compiled, once, into Python that walks an Avro record by its schema: what was asked for is read, everything
else is stepped over, and every byte must be accounted for. The source is kept, to be read by people (`Reader.source`).
It takes one spelling of each value only, the one that Avro's writers write: no bool but 0 and 1, no number with bytes
to spare, no length below zero, no branch that a union does not have.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from hub.narrow.reading import Reading
from hub.narrow.spelling import CALLED, number
from hub.narrow.writing import Writing

__all__ = ["Reader", "Writer", "number"]


class Reader:
    """
    Reads the leaves at *paths* of records that were written with *schema* under *schema_id*, and nothing else.

    Dates and times stay Avro's integers, except at the paths in *dates*. What lies at *absent*, leaves or records, is
    null in what is read, whether the schema has it, and it is stepped over, or not. Raises KeyError for a path that is
    no leaf of the schema, TypeError for a schema of kinds that the hub's streams do not have.
    """

    def __init__(
        self,
        schema_id: int,
        schema: Any,
        paths: frozenset[str],
        dates: frozenset[str] = frozenset(),
        absent: frozenset[str] = frozenset(),
    ) -> None:
        made = Reading(paths, dates, absent)
        self.source = made.source(schema)
        if missing := paths - made.found:
            raise KeyError(f"no leaf of the schema lies at {sorted(missing)[0]}")
        self.read: Callable[[bytes], dict[str, Any]] = _made(self.source, "read", schema_id)
        """The values in a record's bytes; raises Unreadable unless every byte of them is as the schema says."""


class Writer:
    """
    Writes values as records of *schema* under *schema_id*: just its fields, each of just its type.

    Dates and times are Avro's integers, except at the paths in *dates*.
    """

    def __init__(self, schema_id: int, schema: Any, dates: frozenset[str] = frozenset()) -> None:
        self.source = Writing(dates).source(schema)
        self.write: Callable[[Mapping[str, Any]], bytes] = _made(self.source, "write", schema_id)
        """The bytes of values; raises ValueError, with the place and not the value, where they do not fit."""


def _made(source: str, name: str, schema_id: int) -> Any:
    space: dict[str, Any] = {**CALLED, "PREFIX": struct.pack(">bI", 0, schema_id)}
    exec(compile(source, f"<{name}>", "exec"), space)  # noqa: S102  made here, of identifiers and our own words only
    return space[name]
