"""CSV, written: tables as partners' imports take them, and as no spreadsheet can be attacked with; `csv` reads them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from hub.stream import pick

# What begins a formula: = + - @, their full-width and small forms, and the minus sign; and behind what one can begin.
_FORMULA = re.compile(
    "(^|[;|\n])"
    '((?:[^\\S\n]|["\u200b\u2060\ufeff])*)'
    "([=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212][^;|\n]*)"
)
_DIGITS = re.compile(r"[+-]?[0-9][0-9 ().-]*")
_CONTROL_TEXT = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]+")


def render(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str | None],
    *,
    opened_in: Literal["spreadsheet", "machine"] = "spreadsheet",
) -> bytes:
    """
    Write *rows* (nested values) under *columns* (heading to field path, or None for a column left empty).

    UTF-8 without a mark, CRLF, always a heading; the same values give the same bytes. Dates are ISO 8601, truth is
    true or false, what is absent is blank.

    Partners' imports take these files, but people open them in spreadsheets too. What a spreadsheet would run as a
    formula gets an apostrophe before it (OWASP ASVS 1.2.10), also within a cell, where another country's spreadsheet
    would begin a new one: after a semicolon, a bar or a line end. Not so numbers and telephone numbers such as
    +44 1632 960001: digits can call nothing, and the apostrophe would spoil them for the import. What is *opened_in* a
    machine only is never changed: an apostrophe would become part of a child's name there. Raises TypeError for a
    record or a list: a cell holds one value.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        cells = [_cell(pick(row, path)) if path else "" for path in columns.values()]
        writer.writerow(map(_as_text, cells) if opened_in == "spreadsheet" else cells)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case str():
            return _CONTROL_TEXT.sub(" ", value.replace("\r\n", "\n")).strip()
    raise TypeError(f"a CSV cell cannot hold {type(value).__name__}")


def _as_text(cell: str) -> str:
    """A cell with an apostrophe before all that a spreadsheet would run."""
    return _FORMULA.sub(
        lambda found: found[0] if _DIGITS.fullmatch(found[3]) else f"{found[1]}'{found[2]}{found[3]}", cell
    )
