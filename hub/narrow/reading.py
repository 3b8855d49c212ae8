"""Reading: the source of a reader of some leaves of a schema, which steps over the others; runs none of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.narrow.source import Source, branch_of, identifier_of, kind_of, leaves_in, logical_of


class Reading(Source):
    """
    Compiles a reader.

    In what it makes, `d` are the bytes and `p` is the place in them. `p` never goes back, and a slice or a step that
    goes past the end leaves it there, so that the one comparison at the end bounds every read before it; nothing that
    was read is let out before that.
    """

    def __init__(self, paths: frozenset[str], dates: frozenset[str], absent: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._paths = paths
        self._absent = absent
        self._dates = dates
        self.found: set[str] = set()

    def source(self, schema: Any) -> str:
        """The source of `read`, for records of *schema*."""
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
        """Whether anything is read of what lies at *place*, be it that it is null."""
        path = ".".join(place)
        below = any(one.startswith(f"{path}.") for one in self._absent)
        return below or any(path in self._paths for path in leaves_in(schema, place))

    def _value(self, schema: Any, place: tuple[str, ...], *, wanted: bool) -> str:
        """Write what reads, or steps over, one value; returns the name under which it then is."""
        if isinstance(schema, list):
            return self._optional(branch_of(schema), place, wanted=wanted)
        kind = kind_of(schema)
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
            here = (*place, identifier_of(field["name"]))
            self.line(f"# {'.'.join(here)}")
            if wanted and ".".join(here) in self._absent:
                self._value(field["type"], here, wanted=False)
                parts.append(f"{field['name']!r}: {nothing_of(field['type'])}")
                continue
            inner = wanted and self._wants(field["type"], here)
            value = self._value(field["type"], here, wanted=inner)
            if inner:
                parts.append(f"{field['name']!r}: {value}")
        if not wanted:
            return ""
        have = {(*place, field["name"]) for field in schema["fields"]}
        new = sorted(way for one in self._absent if (way := tuple(one.split(".")))[:-1] == place and way not in have)
        parts += [f"{way[-1]!r}: None" for way in new]
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
                self.line(f"{value} = {_AS_DATES[logical_of(schema)] if path in self._dates else 'n'}")
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


def nothing_of(schema: Any) -> str:
    """What stands where a field is kept back: an empty list where it is a list that must be there, else null."""
    return "[]" if isinstance(schema, Mapping) and schema.get("type") == "array" else "None"


_AS_DATES: Mapping[str, str] = {
    "date": "day(n)",
    "timestamp-millis": "EPOCH + n * MILLISECOND",
    "": "n",
}
