"""
Splicing: an event's bytes cut down to the fields that a policy names, without reading any of them.

A recipient's schema is the event's own without what was not granted, so that what a recipient gets is made of pieces of
the event's bytes. It shares nothing with the compiled readers and writers (`hub.narrow`), and is here to be compared
with what they make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from hub.coarse import WORDS, Word
from hub.gates import day

Splice = Callable[[bytes, "date | None"], bytes]


class Unspliced(Exception):
    """The event's bytes are of a kind that is not cut here, such as a list in several blocks."""


def spliced(schema: Any, own_id: int, fields: frozenset[str], coarse: Mapping[str, str]) -> Splice:
    """
    What cuts events of *schema*, in Confluent's wire format, down to *fields*, and to *coarse* ones coarsened.

    The second argument of what it returns is the event's day, for the words that want it.
    """
    made = _Cutting(fields, {path: WORDS[word] for path, word in coarse.items()})
    source = "\n".join(("def splice(d, today):", *made.lines(schema)))
    space: dict[str, Any] = {**made.words, "OWN": b"\x00" + own_id.to_bytes(4, "big"), "text": _text, "whole": _whole,
             "coarsened": _coarsened, "Unspliced": Unspliced}  # fmt: skip
    exec(compile(source, "<splice>", "exec"), space)  # noqa: S102  made here, of positions and numbers only
    splice: Splice = space["splice"]
    return splice


class _Cutting:
    """
    Writes the source of one cut.

    In it `d` are the event's bytes, `p` the place in them, and `s` where the piece begins that is being kept.
    """

    def __init__(self, fields: frozenset[str], coarse: Mapping[str, Word]) -> None:
        self._fields, self._coarse = fields, coarse
        self._loops = 0
        self.words: dict[str, tuple[Word, str]] = {}

    def lines(self, schema: Any) -> Iterator[str]:
        yield from ("  out = [OWN]", "  p = s = 5")
        yield from self._value(schema, "", "  ")
        yield from ("  if p != len(d): raise Unspliced", "  out.append(d[s:p])", "  return b''.join(out)")

    def _kept(self, schema: Any, path: str) -> bool:
        if isinstance(schema, list):
            return self._kept(schema[1], path)
        if isinstance(schema, Mapping) and schema["type"] == "record":
            return any(self._kept(one["type"], f"{path}{one['name']}.") for one in schema["fields"])
        if isinstance(schema, Mapping) and schema["type"] == "array":
            return self._kept(schema["items"], path)
        return path.rstrip(".") in self._fields or path.rstrip(".") in self._coarse

    def _value(self, schema: Any, path: str, at: str) -> Iterator[str]:
        if path and not self._kept(schema, path):
            yield f"{at}out.append(d[s:p])"
            yield from self._step(schema, at)
            yield f"{at}s = p"
        elif path.rstrip(".") in self._coarse:
            yield from self._coarsen(schema, path.rstrip("."), at)
        elif isinstance(schema, list):
            yield from (f"{at}b = d[p]; p += 1", f"{at}if b:")
            yield from self._value(schema[1], path, at + "  ")
        elif isinstance(schema, Mapping) and schema["type"] == "record":
            for field in schema["fields"]:
                yield from self._value(field["type"], f"{path}{field['name']}.", at)
        elif isinstance(schema, Mapping) and schema["type"] == "array":
            yield from self._each(at, self._value(schema["items"], path, at + "    "))
        else:
            yield from self._step(schema, at)

    def _each(self, at: str, inner: Iterator[str]) -> Iterator[str]:
        self._loops += 1
        count = f"n{self._loops}"
        yield from (f"{at}while d[p]:", f"{at}  {count}, p = whole(d, p)", f"{at}  for _ in range({count}):")
        yield from inner
        yield f"{at}p += 1"

    def _step(self, schema: Any, at: str) -> Iterator[str]:
        """Pass over a value."""
        kind = schema["type"] if isinstance(schema, Mapping) else schema
        if isinstance(schema, list):
            yield from (f"{at}b = d[p]; p += 1", f"{at}if b:")
            yield from self._step(schema[1], at + "  ")
        elif kind == "record":
            for field in schema["fields"]:
                yield from self._step(field["type"], at)
        elif kind == "array":
            yield from self._each(at, self._step(schema["items"], at + "    "))
        elif kind == "string":
            yield f"{at}n = d[p]"
            yield f"{at}if n < 128: p += 1 + (n >> 1)"
            yield f"{at}elif d[p + 1] < 128: p += 2 + ((n & 127 | d[p + 1] << 7) >> 1)"
            yield f"{at}else: p = text(d, p)"
        elif kind == "boolean":
            yield f"{at}p += 1"
        else:
            yield from (f"{at}while d[p] > 127: p += 1", f"{at}p += 1")

    def _coarsen(self, schema: Any, path: str, at: str) -> Iterator[str]:
        word, name = self._coarse[path], f"w{len(self.words)}"
        optional, bare = isinstance(schema, list), schema[1] if isinstance(schema, list) else schema
        kind = bare["type"] if isinstance(bare, Mapping) else bare
        self.words[name] = (word, kind)
        yield f"{at}out.append(d[s:p])"
        inner = at
        if optional:
            yield from (f"{at}b = d[p]; p += 1", f"{at}if b:")
            inner = at + "  "
        yield f"{inner}s = p"
        yield from self._step(bare, inner)
        before = "b'\\x02' + " if optional and not word.of_absence else ""
        yield f"{inner}out.append({before}coarsened({name}, d[s:p], today))"
        if optional:
            absent = f"coarsened({name}, None, today)" if word.of_absence else "b'\\x00'"
            yield f"{at}else: out.append({absent})"
        yield f"{at}s = p"


def _text(data: bytes, at: int) -> int:
    """Where a string ends whose length is of more than one byte."""
    length, start = _whole(data, at)
    return start + length


def _whole(data: bytes, at: int) -> tuple[int, int]:
    """A count or length, never below zero, and where it ends (Avro: zig-zag, seven bits to a byte)."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    if value & 1 or shift > 70:
        raise Unspliced
    return value >> 1, at


def _signed(data: bytes) -> int:
    value = sum((byte & 127) << 7 * place for place, byte in enumerate(data))
    return -(value + 1 >> 1) if value & 1 else value >> 1


def _coarsened(how: tuple[Word, str], piece: bytes | None, today: date | None) -> bytes:
    """A leaf's bytes, coarsened; None where it is absent."""
    word, kind = how
    value: Any = None
    if piece is not None and kind == "string":
        length, start = _whole(piece, 0)
        value = piece[start : start + length].decode()
    elif piece is not None:
        value = piece == b"\x01" if kind == "boolean" else _signed(piece)
        value = day(value) if date in word.takes else value
    told = word.apply(value, today) if word.of_day else word.apply(value)
    if isinstance(told, bool):
        return b"\x01" if told else b"\x00"
    if isinstance(told, int):
        return _spelt(told << 1 if told >= 0 else (-told << 1) - 1)
    if isinstance(told, datetime):
        raise Unspliced
    written = str(told).encode()
    return _spelt(len(written) << 1) + written


def _spelt(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
