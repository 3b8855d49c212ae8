"""Showing: what was sent, made safe for a terminal, and what stands where the fault is; who may see it is elsewhere."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from hub import formats
from hub.agency import Saying
from hub.errors import HubError
from hub.formats import csv, hl7

MOST_CHARACTERS = 4_000
LONGEST = 1_000
_POSITION = re.compile(r"line (\d+)(?: column (\d+))?")
_LINES = re.compile(r"\r\n|\r|\n")
_BYTE = re.compile(r"byte (\d+)")
_STEP = re.compile(r"[^.\[\]]+")


def safe(text: str) -> str:
    """
    *text* without anything that steers a terminal or hides how it reads: such a character stands as its number.

    Controls (ECMA-48 sequences begin with one), format characters such as those that turn the direction of writing,
    line and paragraph separators, and what is no character.
    """
    return "".join(
        letter if letter.isprintable() or letter == " " else f"\\u{{{ord(letter):x}}}"
        for letter in unicodedata.normalize("NFC", text)
    )


def lines_of(raw: bytes, near: int = 0, most: int = MOST_CHARACTERS) -> tuple[list[tuple[int, str]], int]:
    """
    What was sent as numbered lines that are safe to print, and how many characters were left out behind them.

    They begin with the first, or shortly before the line *near*. Lines end in CR, LF or both: HL7 v2 ends its segments
    in CR. What is not UTF-8 is read as Windows-1252, or byte by byte.
    """
    every = _LINES.split(_text(raw))
    first = max(0, near - 4)
    lines: list[tuple[int, str]] = []
    left = most
    for number, line in enumerate(every[first:], first + 1):
        if left <= 0:
            break
        lines.append((number, safe(line[:left])))
        left -= len(line) + 1
    shown = sum(len(line) + 1 for line in every[first : first + len(lines)])
    behind = sum(len(line) + 1 for line in every[first:]) - shown - min(left, 0)
    while lines and not lines[-1][1]:
        lines.pop()
    return lines, max(0, behind)


def line_of(place: str) -> int:
    """The number of the line that a place names, or 0."""
    found = _POSITION.fullmatch(place)
    return int(found[1]) if found is not None else 0


def at_fault(raw: bytes, saying: Saying | None, place: str) -> str | None:
    """
    What stands at the *place* of the fault, safe to print; None where that cannot be told.

    A place is a column of a row, a path in a document, a field of a segment, or a line, as the format has it.
    """
    if not place:
        return None
    if (found := _BYTE.fullmatch(place)) is not None:
        start = int(found[1])
        return safe(_text(raw[max(0, start - 20) : start + 20]))
    if saying is not None and saying.format in ("json", "fhir") and (found := _POSITION.fullmatch(place)) is not None:
        lines = _LINES.split(_text(raw))
        number, column = int(found[1]) - 1, int(found[2] or 1) - 1
        return safe(lines[number][max(0, column - 20) : column + 20]) if number < len(lines) else None
    try:
        return _within(raw, saying, place)
    except (HubError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _within(raw: bytes, saying: Saying | None, place: str) -> str | None:
    if saying is None:
        return None
    if saying.format in ("json", "fhir"):
        value: Any = json.loads(raw.decode("utf-8-sig"))
        for step in _STEP.findall(place):
            value = value[int(step)] if isinstance(value, list) else value[step]
        return safe(json.dumps(value, ensure_ascii=False))[:LONGEST]
    message = next(iter(formats.parse(raw, saying))).message
    if isinstance(message, hl7.Message):
        return safe(message[place])[:LONGEST]
    if isinstance(message, csv.Row):
        name = place.removeprefix("column ").strip()
        return safe(message[name])[:LONGEST] if name in message else None
    return None


def _text(raw: bytes) -> str:
    for charset in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")
