"""Source: lines of Python in the making, and what there is to know of the schemas they are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Source:
    """Lines of Python at their depth, and names that nobody has used."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0
        self._names = 0

    def line(self, text: str) -> None:
        """Write one line."""
        self._lines.append("    " * self._depth + text)

    def name(self, kind: str) -> str:
        """A name that nobody has used."""
        self._names += 1
        return f"{kind}{self._names}"

    def inside(self, opening: str) -> Source:
        """Write *opening*; what is written `with` it stands one step further in."""
        self.line(opening)
        return self

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._lines) + "\n"


def branch_of(union: list[Any]) -> Any:
    """The other branch of a union with null, which comes first; raises TypeError for any other union."""
    if len(union) != 2 or union[0] != "null" or isinstance(union[1], list):
        raise TypeError("a union here is null, or one type")
    return union[1]


def kind_of(schema: Any) -> str:
    """Avro's name of a type; raises TypeError for one that is not read here."""
    kind = schema["type"] if isinstance(schema, Mapping) else schema
    if kind not in ("record", "array", "string", "boolean", "int", "long"):
        raise TypeError(f"{kind!r} is none of the kinds that streams have")
    if kind == "record" and not schema["fields"]:  # it would take no room, and a list of them could be of any length
        raise TypeError("a record has fields")
    return str(kind)


def logical_of(schema: Any) -> str:
    """Avro's logical type, empty where it has none."""
    return str(schema.get("logicalType", "")) if isinstance(schema, Mapping) else ""


def leaves_in(schema: Any, place: tuple[str, ...]) -> Iterator[str]:
    """The dotted paths of all leaves of a schema that lies at *place*."""
    if isinstance(schema, list):
        yield from leaves_in(branch_of(schema), place)
    elif kind_of(schema) == "record":
        for field in schema["fields"]:
            yield from leaves_in(field["type"], (*place, field["name"]))
    elif kind_of(schema) == "array":
        yield from leaves_in(schema["items"], place)
    else:
        yield ".".join(place)


def identifier_of(name: str) -> str:
    """*name*, which goes into source; raises TypeError where it is none."""
    if not name.isidentifier():
        raise TypeError("a field's name is an identifier")
    return name
