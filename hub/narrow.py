"""
Narrow readers and writers: never a leaf that was not asked for becomes a value.

A grant is compiled, once, into Python that walks an Avro record by its schema: what was asked for is read, everything
else is stepped over, and every byte must be accounted for. The source is kept, to be read by people (`Reader.source`).
It takes one spelling of each value only, the one that Avro's writers write: no bool but 0 and 1, no number with bytes
to spare, no length below zero, no branch that a union does not have.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hub.errors import Unreadable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_ZERO = EPOCH.toordinal()
MILLISECOND = timedelta(milliseconds=1)
KNOWN = 2_048
"""Lengths below this are looked up, longer ones worked out."""


class Reader:
    """
    Reads the leaves at *paths* of records that were written with *schema* under *schema_id*, and nothing else.

    Dates and times stay Avro's integers, except at the paths in *dates*. Raises KeyError for a path that is no leaf of
    the schema, TypeError for a schema of kinds that the hub's streams do not have.
    """

    def __init__(self, schema_id: int, schema: Any, paths: frozenset[str], dates: frozenset[str] = frozenset()) -> None:
        made = _Reading(paths, dates)
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
        self.source = _Writing(dates).source(schema)
        self.write: Callable[[Mapping[str, Any]], bytes] = _made(self.source, "write", schema_id)
        """The bytes of values; raises ValueError, with the place and not the value, where they do not fit."""


def _made(source: str, name: str, schema_id: int) -> Any:
    space: dict[str, Any] = {
        "PREFIX": struct.pack(">bI", 0, schema_id),
        "DAY_ZERO": DAY_ZERO,
        "EPOCH": EPOCH,
        "KNOWN": KNOWN,
        "LENGTHS": _LENGTHS,
        "MILLISECOND": MILLISECOND,
        "SOME_LENGTHS": _SOME_LENGTHS,
        "Unreadable": Unreadable,
        "date": date,
        "datetime": datetime,
        "ROOM": _ROOM,
        "day": _day,
        "long_number": _long_number,
        "long_room": _long_room,
        "long_text": _long_text,
        "misfit": _misfit,
        "number": number,
        "unreadable": _unreadable,
    }
    exec(compile(source, f"<{name}>", "exec"), space)  # noqa: S102  made here, of identifiers and our own words only
    return space[name]


# --- what the compiled code calls -----------------------------------------------------------------------------


def number(value: int) -> bytes:
    """*value* as Avro writes an int or a long: zig-zag, seven bits to a byte; raises OverflowError beyond 64 bits."""
    return _LENGTHS[value] if 0 <= value < KNOWN else _spelt(value)


def _spelt(value: int) -> bytes:
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError("Avro's numbers have 64 bits")
    rest, out = value << 1 ^ value >> 63, bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_LENGTHS = tuple(_spelt(length) for length in range(KNOWN))
_SOME_LENGTHS = tuple(b"\x02" + length for length in _LENGTHS)
_ROOM = tuple(0 if first & 129 else 1 + (first >> 1) for first in range(256))
"""By its first byte, the room that a string takes with its length; 0 where more must be known."""


def _long_number(first: int, data: bytes, at: int) -> tuple[int, int]:
    """The number of more than one byte that *first* begins and that goes on *at*, and where it ends."""
    value, shift, byte = first & 127, 7, 128
    while byte & 128:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if shift > 70:
            raise _unreadable()
    if byte == 0 or value >> 64:
        raise _unreadable()
    return value >> 1 ^ -(value & 1), at


def _long_room(data: bytes, at: int) -> int:
    """The room of a string whose length is of more than one byte, or below zero."""
    first, second = data[at], data[at + 1]
    if first & 129 == 128 and 0 < second < 128:  # nearly all: up to 8,191
        return 2 + ((first & 127 | second << 7) >> 1)
    if first & 1:
        raise _unreadable()
    length, start = _long_number(first, data, at + 1)
    return start - at + length


def _long_text(data: bytes, at: int) -> tuple[str, int]:
    """A string whose length is of more than one byte, and where it ends."""
    first, second = data[at], data[at + 1]
    if first & 129 == 128 and 0 < second < 128:
        start = at + 2
        end = start + ((first & 127 | second << 7) >> 1)
    elif first & 1:
        raise _unreadable()
    else:
        length, start = _long_number(first, data, at + 1)
        end = start + length
    return data[start:end].decode(), end


def _day(value: int) -> date:
    return date.fromordinal(value + DAY_ZERO)


def _unreadable() -> Unreadable:
    return Unreadable("avro.truncated", "", "the record does not fit its schema")


def _misfit(place: str) -> ValueError:
    return ValueError(f"{place or 'the record'} is not what its schema says")


# --- the compilers --------------------------------------------------------------------------------------------


class _Source:
    """Lines of Python at their depth, and names that nobody has used."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0
        self._names = 0

    def line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    def name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"

    def inside(self, opening: str) -> _Source:
        self.line(opening)
        return self

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"


class _Reading(_Source):
    """
    Compiles a reader.

    In what it makes, `d` are the bytes and `p` is the place in them. `p` never goes back, and a slice or a step that
    goes past the end leaves it there, so that the one comparison at the end bounds every read before it; nothing that
    was read is let out before that.
    """

    def __init__(self, paths: frozenset[str], dates: frozenset[str]) -> None:
        super().__init__()
        self._paths = paths
        self._dates = dates
        self.found: set[str] = set()

    def source(self, schema: Any) -> str:
        with self.inside("def read(d):"):
            with self.inside("if not d.startswith(PREFIX):"):
                self.line("raise Unreadable('avro.schema-id', '', 'the record was written with another schema')")
            self.line("p = 5")
            with self.inside("try:"):
                value = self._value(schema, (), wanted=True)
            with self.inside("except (IndexError, ValueError, OverflowError):"):
                self.line("raise unreadable() from None")
            with self.inside("if p > len(d):"):
                self.line("raise unreadable()")
            with self.inside("if p < len(d):"):
                self.line("raise Unreadable('avro.trailing-bytes', '', 'the record is longer than its schema says')")
            self.line(f"return {value}")
        return self.text()

    def _wants(self, schema: Any, place: tuple[str, ...]) -> bool:
        return any(path in self._paths for path in _leaves(schema, place))

    def _value(self, schema: Any, place: tuple[str, ...], *, wanted: bool) -> str:
        """Write what reads, or steps over, one value; returns the name under which it then is."""
        if isinstance(schema, list):
            return self._optional(_branch(schema), place, wanted=wanted)
        kind = _kind(schema)
        if kind == "record":
            return self._record(schema, place, wanted=wanted)
        if kind == "array":
            return self._array(schema["items"], place, wanted=wanted)
        return self._leaf(schema, kind, place, wanted=wanted)

    def _optional(self, schema: Any, place: tuple[str, ...], *, wanted: bool) -> str:
        self.line("b = d[p]; p += 1")
        with self.inside("if b == 2:"):
            name = self._value(schema, place, wanted=wanted)
        with self.inside("elif b:"):
            self.line("raise unreadable()")
        if wanted:
            with self.inside("else:"):
                self.line(f"{name} = None")
        return name

    def _record(self, schema: Any, place: tuple[str, ...], *, wanted: bool) -> str:
        parts = []
        for field in schema["fields"]:
            here = (*place, _identifier(field["name"]))
            self.line(f"# {'.'.join(here)}")
            inner = wanted and self._wants(field["type"], here)
            value = self._value(field["type"], here, wanted=inner)
            if inner:
                parts.append(f"{field['name']!r}: {value}")
        if not wanted:
            return ""
        return self._named("{" + ", ".join(parts) + "}")

    def _array(self, items: Any, place: tuple[str, ...], *, wanted: bool) -> str:
        found, count, ends = self.name("v"), self.name("count"), self.name("ends")
        if wanted:
            self.line(f"{found} = []")
        with self.inside("while True:"):
            self.line(f"{count} = d[p]; p += 1")
            self._rest_of_number(count)
            with self.inside(f"if not {count}:"):
                self.line("break")
            self.line(f"{ends} = None")
            with self.inside(f"if {count} < 0:"):  # a block that says how long it is, so that it could be passed over
                self.line(f"{count} = -{count}")
                self.line(f"{ends} = d[p]; p += 1")
                self._rest_of_number(ends)
                self.line(f"{ends} += p")
            with self.inside(f"if {count} > len(d) - p:"):  # each item takes a byte at least
                self.line("raise unreadable()")
            with self.inside(f"for _ in range({count}):"):
                inner = self._value(items, place, wanted=wanted)
                if wanted:
                    self.line(f"{found}.append({inner})")
            with self.inside(f"if {ends} is not None and p != {ends}:"):
                self.line("raise unreadable()")
        return found

    def _leaf(self, schema: Any, kind: str, place: tuple[str, ...], *, wanted: bool) -> str:
        path = ".".join(place)
        if wanted:
            self.found.add(path)
        value = self.name("v") if wanted else ""
        if kind == "string" and wanted:
            self.line("n = ROOM[d[p]]")
            with self.inside("if n:"):
                self.line(f"{value} = d[p + 1:p + n].decode(); p += n")
            with self.inside("else:"):
                self.line(f"{value}, p = long_text(d, p)")
        elif kind == "string":
            self.line("p += ROOM[d[p]] or long_room(d, p)")
        elif kind == "boolean":
            self.line("b = d[p]; p += 1")
            with self.inside("if b > 1:"):
                self.line("raise unreadable()")
            if wanted:
                self.line(f"{value} = b == 1")
        else:
            self.line("n = d[p]; p += 1")
            self._rest_of_number("n")
            if kind == "int":
                with self.inside("if not -0x80000000 <= n <= 0x7fffffff:"):
                    self.line("raise unreadable()")
            if wanted:
                self.line(f"{value} = {_AS_DATES[_logical(schema)] if path in self._dates else 'n'}")
        return value

    def _named(self, expression: str) -> str:
        name = self.name("v")
        self.line(f"{name} = {expression}")
        return name

    def _rest_of_number(self, name: str) -> None:
        with self.inside(f"if {name} & 128:"):
            self.line(f"{name}, p = long_number({name}, d, p)")
        with self.inside("else:"):
            self.line(f"{name} = {name} >> 1 ^ -({name} & 1)")


_AS_DATES: Mapping[str, str] = {
    "date": "day(n)",
    "timestamp-millis": "EPOCH + n * MILLISECOND",
    "": "n",
}


class _Writing(_Source):
    """Compiles a writer; in what it makes, `out` are the bytes so far."""

    def __init__(self, dates: frozenset[str]) -> None:
        super().__init__()
        self._dates = dates

    def source(self, schema: Any) -> str:
        with self.inside("def write(values):"):
            self.line("out = bytearray(PREFIX)")
            with self.inside("try:"):
                self._value(schema, "values", ())
            with self.inside("except (KeyError, OverflowError, UnicodeEncodeError):"):
                self.line("raise misfit('') from None")
            self.line("return bytes(out)")
        return self.text()

    def _value(self, schema: Any, name: str, place: tuple[str, ...]) -> None:
        if isinstance(schema, list):
            inner = _branch(schema)
            with self.inside(f"if {name} is None:"):
                self.line("out.append(0)")
            with self.inside("else:"):
                if _kind(inner) == "string":
                    self._string(name, place, "SOME_LENGTHS", "b'\\x02' + ")
                else:
                    self.line("out.append(2)")
                    self._value(inner, name, place)
            return
        kind = _kind(schema)
        if kind == "record":
            self._record(schema, name, place)
        elif kind == "array":
            self._array(schema["items"], name, place)
        elif kind == "string":
            self._string(name, place, "LENGTHS", "")
        elif kind == "boolean":
            self._of_type("bool", name, place)
            self.line(f"out.append({name})")
        else:
            self._number(schema, kind, name, place)

    def _record(self, schema: Any, name: str, place: tuple[str, ...]) -> None:
        fields = schema["fields"]
        with self.inside(f"if type({name}) is not dict or len({name}) != {len(fields)}:"):
            self._refuse(place)
        for field in fields:
            inner = self.name("v")
            self.line(f"{inner} = {name}[{_identifier(field['name'])!r}]")
            self._value(field["type"], inner, (*place, field["name"]))

    def _array(self, items: Any, name: str, place: tuple[str, ...]) -> None:
        self._of_type("list", name, place)
        with self.inside(f"if {name}:"):
            self.line(f"out += number(len({name}))")
            inner = self.name("v")
            with self.inside(f"for {inner} in {name}:"):
                self._value(items, inner, place)
        self.line("out.append(0)")

    def _string(self, name: str, place: tuple[str, ...], lengths: str, before: str) -> None:
        self._of_type("str", name, place)
        self.line(f"b = {name}.encode(); n = len(b)")
        self.line(f"out += {lengths}[n] if n < KNOWN else {before}number(n)")
        self.line("out += b")

    def _number(self, schema: Any, kind: str, name: str, place: tuple[str, ...]) -> None:
        logical = _logical(schema) if ".".join(place) in self._dates else ""
        if logical == "date":
            self._of_type("date", name, place)
            self.line(f"n = {name}.toordinal() - DAY_ZERO")
        elif logical == "timestamp-millis":
            with self.inside(f"if type({name}) is not datetime or {name}.tzinfo is None:"):
                self._refuse(place)
            self.line(f"n = ({name} - EPOCH) // MILLISECOND")
        else:
            self._of_type("int", name, place)
            self.line(f"n = {name}")
            if kind == "int":
                with self.inside("if not -0x80000000 <= n <= 0x7fffffff:"):
                    self._refuse(place)
        self.line("out += LENGTHS[n] if 0 <= n < KNOWN else number(n)")

    def _of_type(self, kind: str, name: str, place: tuple[str, ...]) -> None:
        with self.inside(f"if type({name}) is not {kind}:"):
            self._refuse(place)

    def _refuse(self, place: tuple[str, ...]) -> None:
        self.line(f"raise misfit({'.'.join(place)!r})")


def _branch(union: list[Any]) -> Any:
    """The other branch of a union with null, which comes first; raises TypeError for any other union."""
    if len(union) != 2 or union[0] != "null" or isinstance(union[1], list):
        raise TypeError("a union here is null, or one type")
    return union[1]


def _kind(schema: Any) -> str:
    """Avro's name of a type; raises TypeError for one that is not read here."""
    kind = schema["type"] if isinstance(schema, Mapping) else schema
    if kind not in ("record", "array", "string", "boolean", "int", "long"):
        raise TypeError(f"{kind!r} is none of the kinds that streams have")
    if kind == "record" and not schema["fields"]:  # it would take no room, and a list of them could be of any length
        raise TypeError("a record has fields")
    return str(kind)


def _logical(schema: Any) -> str:
    return str(schema.get("logicalType", "")) if isinstance(schema, Mapping) else ""


def _leaves(schema: Any, place: tuple[str, ...]) -> Iterator[str]:
    if isinstance(schema, list):
        yield from _leaves(_branch(schema), place)
    elif _kind(schema) == "record":
        for field in schema["fields"]:
            yield from _leaves(field["type"], (*place, field["name"]))
    elif _kind(schema) == "array":
        yield from _leaves(schema["items"], place)
    else:
        yield ".".join(place)


def _identifier(name: str) -> str:
    """*name*, which goes into source; raises TypeError where it is none."""
    if not name.isidentifier():
        raise TypeError("a field's name is an identifier")
    return name
