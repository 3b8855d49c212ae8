"""Spelling: Avro's numbers, lengths and texts, byte by byte; what compiled readers and writers call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hub.errors import Unreadable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_ZERO = EPOCH.toordinal()
MILLISECOND = timedelta(milliseconds=1)
KNOWN = 2_048
"""Numbers below this are looked up, larger ones worked out."""


def number(value: int) -> bytes:
    """*value* as Avro writes an int or a long: zig-zag, seven bits to a byte; raises OverflowError beyond 64 bits."""
    return LENGTHS[value] if 0 <= value < KNOWN else _spelt(value)


def _spelt(value: int) -> bytes:
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError("Avro's numbers have 64 bits")
    rest, out = value << 1 ^ value >> 63, bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


LENGTHS = tuple(_spelt(length) for length in range(KNOWN))
SOME_LENGTHS = tuple(b"\x02" + length for length in LENGTHS)
ROOM = tuple(0 if first & 129 else 1 + (first >> 1) for first in range(256))
"""By its first byte, the room that a string takes with its length; 0 where more must be known."""


def long_number(first: int, data: bytes, at: int) -> tuple[int, int]:
    """The number of more than one byte that *first* begins and that goes on *at*, and where it ends."""
    value, shift, byte = first & 127, 7, 128
    while byte & 128:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if shift > 70:
            raise unreadable()
    if byte == 0 or value >> 64:
        raise unreadable()
    return value >> 1 ^ -(value & 1), at


def long_room(data: bytes, at: int) -> int:
    """The room of a string whose length is of more than one byte, or below zero."""
    first, second = data[at], data[at + 1]
    if first & 129 == 128 and 0 < second < 128:  # nearly all: up to 8,191
        return 2 + ((first & 127 | second << 7) >> 1)
    if first & 1:
        raise unreadable()
    length, start = long_number(first, data, at + 1)
    return start - at + length


def long_text(data: bytes, at: int) -> tuple[str, int]:
    """A string whose length is of more than one byte, and where it ends."""
    first, second = data[at], data[at + 1]
    if first & 129 == 128 and 0 < second < 128:
        start = at + 2
        end = start + ((first & 127 | second << 7) >> 1)
    elif first & 1:
        raise unreadable()
    else:
        length, start = long_number(first, data, at + 1)
        end = start + length
    return data[start:end].decode(), end


def day(value: int) -> date:
    """The date of Avro's day *value*; raises ValueError or OverflowError where no calendar has it."""
    return date.fromordinal(value + DAY_ZERO)


def unreadable() -> Unreadable:
    """What is raised of bytes that no writer of the schema wrote; it says nothing of them."""
    return Unreadable("avro.truncated", "", "the record does not fit its schema")


def misfit(place: str) -> ValueError:
    """What is raised of values that do not fit at *place*; it says nothing of them."""
    return ValueError(f"{place or 'the record'} is not what its schema says")


CALLED: Mapping[str, Any] = {
    "DAY_ZERO": DAY_ZERO,
    "EPOCH": EPOCH,
    "KNOWN": KNOWN,
    "LENGTHS": LENGTHS,
    "MILLISECOND": MILLISECOND,
    "ROOM": ROOM,
    "SOME_LENGTHS": SOME_LENGTHS,
    "Unreadable": Unreadable,
    "date": date,
    "datetime": datetime,
    "day": day,
    "long_number": long_number,
    "long_room": long_room,
    "long_text": long_text,
    "misfit": misfit,
    "number": number,
    "unreadable": unreadable,
}
"""Every name that compiled code may use, besides Python's own."""
