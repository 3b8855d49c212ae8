"""Reading: what a format recognised in a message before anybody asked what it means, in words; nothing is decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hub import formats
from hub.agency import Saying
from hub.errors import Unreadable
from hub.formats.hl7 import Message
from hub.inbound import Refusal

Recognised = tuple[tuple[str, str], ...]
"""What was recognised, and as what."""
SHOWN = 40  # of a list of columns, segments or entries


def recognised(item: formats.Item, saying: Saying) -> Recognised:
    """What was recognised of one message, such as its character set, its type and its sender's own id for it."""
    message = item.message
    if isinstance(message, Unreadable):
        return (("fault", f"{message.code} {message.place}".strip()), ("what to do", message.mend))
    found = tuple(_marks(message, item.raw))
    said = item.own_id or "none: its bytes and its place among the others stand for it"
    return (*found, ("its own id", said), ("bytes", f"{len(item.raw):,}"))


def _marks(message: Any, raw: bytes) -> Iterator[tuple[str, str]]:
    if isinstance(message, Message):
        marks = message.separators
        fifth = f", {marks.truncation} a fifth" if marks.truncation else ""
        yield "character set", message.charset
        yield (
            "separators",
            (
                f"{marks.field} parts fields, {marks.component} components, {marks.repetition} repetitions, "
                f"{marks.subcomponent} subcomponents; {marks.escape} escapes{fifth}"
            ),
        )
        yield "message type", "^".join(part for part in message.type if part)
        yield "version", message["MSH-12"] or "none"
        yield "segments", _some(message.names)
        return
    yield "character set", _charset(raw)
    if hasattr(message, "columns"):
        yield "columns", _some([name for name in message.columns if name])
        yield "blank cells", str(sum(not cell for cell in message.values()))
    elif isinstance(message, dict):
        if isinstance(message.get("resourceType"), str):
            yield "resource", message["resourceType"]
        yield "entries", _some([str(name) for name in message])
    elif isinstance(getattr(message, "tag", None), str):
        namespace, _, name = message.tag.rpartition("}")
        yield "root element", name
        yield "namespace", namespace.lstrip("{") or "none"
        yield "elements", f"{sum(1 for _ in message.iter()):,}"


def _some(names: list[str]) -> str:
    more = f" … and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _charset(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "none that is UTF-8: read as what the line says, or as Windows-1252"
    return "UTF-8 with a mark" if raw.startswith(b"\xef\xbb\xbf") else "UTF-8" if not raw.isascii() else "ASCII"


def split(data: bytes, saying: Saying) -> tuple[list[formats.Item], Refusal | None]:
    """The messages of a file, or why it cannot be read as a whole."""
    try:
        return list(formats.parse(data, saying)), None
    except Unreadable as fault:
        return [], Refusal(-1, fault.code, fault.place, fault.mend, data, readable=False)
