"""JSON (RFC 8259): strict reading of what partners send, and the one spelling in which we write; no schema of any."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from hub.agency import Saying
from hub.envelope import Envelope, stamp
from hub.errors import Unreadable
from hub.formats import Item

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_ITEMS = 10_000
MAX_DIGITS = 40  # of one number; Python would refuse some thousands only, and no field of ours needs twenty

_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*")
_NEVER_TEXT = re.compile("[\x00\ud800-\udfff]")  # NUL, and half of a surrogate pair: no column nor UTF-8 holds them


def parse(data: bytes, saying: Saying) -> Iterator[Item]:
    """
    One Item for the document, or one for each element where the document is an array.

    The message is the object as a dict; its own id is the member `id` where that is a string. UTF-8 always
    (RFC 8259 §8.1), whatever the line's charset says. An element that is no object, repeats a name or holds
    what JSON numbers and strings cannot, is bad alone; raises `Unreadable` where the whole cannot be trusted.
    """
    text = _text(data)
    start = _SPACE.match(text).end()  # type: ignore[union-attr]  # the pattern matches the empty string too
    if text[start] != "[":
        value, fault = _whole(text, start)
        if fault is not None:
            raise fault
        return iter((_item(data, value, None, ""),))
    return iter([_item(raw, value, fault, place) for raw, value, fault, place in _elements(text, start)])


def document(data: bytes) -> Any:
    """The value of one JSON document, under the same rules; raises `Unreadable`."""
    text = _text(data)
    value, fault = _whole(text, _SPACE.match(text).end())  # type: ignore[union-attr]  # as above
    if fault is not None:
        raise fault
    return value


def render(values: Mapping[str, Any], *, papers: Envelope | None = None) -> bytes:
    """
    *values* as one compact object: names sorted, what is None left out, dates ISO 8601, times RFC 3339 in UTC.

    A record of which nothing is left is left out as well, so that an absent record and one without a granted
    value are the same bytes. With *papers* the object also has `id` (the same at every attempt), `type` and
    `time`; raises ValueError where the values have a member of that name, or a time without an offset, and
    TypeError for what has no JSON form.
    """
    plain = _plain(values)
    if papers is not None:
        own = {"id": papers.id, "type": papers.type, "time": stamp(papers.time)}
        if not own.keys().isdisjoint(plain):
            raise ValueError("a field of the event has the name of one of its papers (id, type, time)")
        plain |= own
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise Unreadable("too-large", "", f"send at most {MAX_BYTES} bytes at once")
    try:
        text = data.decode("utf-8-sig")  # RFC 8259 §8.1 lets a reader pass over a byte order mark
    except UnicodeDecodeError as error:
        raise Unreadable("not-utf-8", f"byte {error.start}", "send UTF-8") from None
    if not text.strip(" \t\n\r"):
        raise Unreadable("empty", "", "send a JSON object, or an array of objects")
    depth = 0
    for token in _STRUCTURE.finditer(text):  # before the parser, which would recurse
        if token.group() in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise Unreadable("too-deep", _position(text, token.start()), f"nest at most {MAX_DEPTH} levels")
        elif token.group() in ("]", "}"):
            depth -= 1
    return text


class _Reading:
    """One value's decoder, which notes faults that the grammar allows instead of stopping at them."""

    def __init__(self) -> None:
        self.code: str | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._int,
            parse_float=self._float,
            parse_constant=self._constant,
        )

    def at(self, text: str, start: int) -> tuple[Any, int]:
        try:
            value, end = self._decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            _not_json(text, error.pos)
        if self.code is None and _unholdable(value):
            self.code = "not-text"
        return value, end

    def fault(self, place: str) -> Unreadable | None:
        return None if self.code is None else Unreadable(self.code, place, _MEND[self.code])

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            self.code = "duplicate-name"
        return made

    def _int(self, digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            self.code = "number"
            return 0
        return int(digits)

    def _float(self, digits: str) -> float:
        value = float(digits) if len(digits) <= MAX_DIGITS else math.inf
        if not math.isfinite(value):
            self.code = "number"
        return value

    def _constant(self, _: str) -> float:
        self.code = "number"
        return math.nan


_MEND = {
    "duplicate-name": "let each name occur once in an object",
    "number": f"write numbers as JSON does: no NaN, no Infinity, at most {MAX_DIGITS} digits",
    "not-text": "send no NUL and no half of a surrogate pair in a string",
    "not-an-object": "send a JSON object, or an array of objects",
}


def _whole(text: str, start: int) -> tuple[Any, Unreadable | None]:
    reading = _Reading()
    value, end = reading.at(text, start)
    end = _SPACE.match(text, end).end()  # type: ignore[union-attr]  # as above
    if end != len(text):
        _not_json(text, end)
    return value, reading.fault("")


def _elements(text: str, start: int) -> Iterator[tuple[bytes, Any, Unreadable | None, str]]:
    """Each element of the array that opens at *start*, with its own bytes; whatever breaks the array raises."""

    def skip(at: int) -> int:
        return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # as above

    here, index = skip(start + 1), 0
    if text[here : here + 1] != "]":
        while True:
            if index == MAX_ITEMS:
                raise Unreadable("too-many", f"[{index}]", f"send at most {MAX_ITEMS} objects at once")
            reading, place = _Reading(), f"[{index}]"
            value, end = reading.at(text, here)
            yield text[here:end].encode("utf-8"), value, reading.fault(place), place
            here, index = skip(end), index + 1
            if text[here : here + 1] != ",":
                break
            here = skip(here + 1)
        if text[here : here + 1] != "]":
            _not_json(text, here)
    if (end := skip(here + 1)) != len(text):
        _not_json(text, end)


def _item(raw: bytes, value: Any, fault: Unreadable | None, place: str) -> Item:
    if fault is None and not isinstance(value, dict):
        fault = Unreadable("not-an-object", place, _MEND["not-an-object"])
        if not place:
            raise fault
    if fault is not None:
        return Item(raw, None, fault)
    own_id = value.get("id")
    return Item(raw, own_id if isinstance(own_id, str) and own_id else None, value)


def _not_json(text: str, at: int) -> NoReturn:
    raise Unreadable("not-json", _position(text, at), "send JSON as RFC 8259 has it") from None


def _position(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1} column {at - text.rfind(chr(10), 0, at)}"


def _unholdable(value: Any) -> bool:
    if isinstance(value, str):
        return _NEVER_TEXT.search(value) is not None
    if isinstance(value, dict):
        return any(_unholdable(name) or _unholdable(one) for name, one in value.items())
    return isinstance(value, list) and any(_unholdable(one) for one in value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        made = {name: _plain(one) for name, one in value.items()}
        if not all(isinstance(name, str) for name in made):
            raise TypeError("a JSON object's names are strings")
        return {name: one for name, one in made.items() if one is not None and one != {}}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time without an offset has no place in RFC 3339")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")
