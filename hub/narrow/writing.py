"""Writing: the source of a writer of a schema's records, all of them and nothing else; runs none of it."""

from __future__ import annotations

from typing import Any

from hub.narrow.source import Source, branch_of, identifier_of, kind_of, logical_of


class Writing(Source):
    """Compiles a writer; in what it makes, `out` are the bytes so far."""

    def __init__(self, dates: frozenset[str]) -> None:
        super().__init__()
        self._dates = dates

    def source(self, schema: Any) -> str:
        """The source of `write`, for records of *schema*."""
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
            inner = branch_of(schema)
            with self.inside(f"if {name} is None:"):
                self.line("out.append(0)")
            with self.inside("else:"):
                if kind_of(inner) == "string":
                    self._string(name, place, "SOME_LENGTHS", "b'\\x02' + ")
                else:
                    self.line("out.append(2)")
                    self._value(inner, name, place)
            return
        kind = kind_of(schema)
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
            self.line(f"{inner} = {name}[{identifier_of(field['name'])!r}]")
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
        logical = logical_of(schema) if ".".join(place) in self._dates else ""
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
