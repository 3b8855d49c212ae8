"""
CSV, read: tables as spreadsheets and management information systems really write them; `csv_write` writes them.

Reading follows RFC 4180 with a heading, and is strict where leniency could put a value in the wrong column: a row
with too many or too few cells is refused alone, also where what is too many is blank, since a comma within a cell
looks like that too; quotes that do not match refuse the whole file, because the rows behind them can no longer be told
from text. What a row means is the agency's business: a row of instructions below the heading, say, is a row like any
other here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.agency import Saying
from hub.errors import Unreadable
from hub.formats import Item

MOST_BYTES = 50_000_000
MOST_ROWS = 500_000
MOST_COLUMNS = 300
MOST_CHARACTERS = 20_000  # in one cell; also the longest text an event may hold
MOST_LINES = 4 * MOST_ROWS  # blank lines and lines within cells cost time too

_MARK = b"\xef\xbb\xbf"
_SEP = re.compile(r"\"?sep=(.?)\"?,*", re.IGNORECASE)
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UTF8_PAIR = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
# What Windows-1252 gives beside letters: nbsp £ ° · ² ½ and the euro, quotes, dashes and dots of word processors.
_SIGNS = r"\xa0\xa3\xb0\xb2\xb7\xbd\u20ac\u2018\u2019\u201c\u201d\u2013\u2014\u2026"
_NOT_IN_UK_TEXT = re.compile(
    rf"[^\x00-\x7f\xc0-\xd6\xd8-\xf6\xf8-\xff\u0152\u0153\u0160\u0161\u0178\u017d\u017e{_SIGNS}]"
)


_MARKED = re.compile(r"'[+-]?[0-9][0-9 ./:()-]*", re.ASCII)


class Row:
    """
    One row: cells by column name, whatever the case of the name; blank where blank, absent, or no such column.

    An apostrophe before what is else a number, a telephone or a day is how spreadsheets, and those who write for them,
    mark it as text; it is no part of it.
    """

    __slots__ = ("_cells", "_places", "columns", "line")

    def __init__(self, columns: tuple[str, ...], places: Mapping[str, int], cells: Sequence[str], line: int) -> None:
        self.columns = columns
        self.line = line
        self._places = places
        self._cells = cells

    def __getitem__(self, column: str) -> str:
        place = self._places.get(column.casefold())
        if place is None:
            return ""
        cell = self._cells[place].strip()
        return cell[1:] if cell.startswith("'") and _MARKED.fullmatch(cell) else cell

    def __contains__(self, column: object) -> bool:
        return isinstance(column, str) and column.casefold() in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def values(self) -> list[str]:
        """All cells in their order, those of nameless columns too."""
        return [cell.strip() for cell in self._cells]

    def __repr__(self) -> str:
        return f"<Row at line {self.line}>"  # a row is somebody's record: never shown


def parse(data: bytes, saying: Saying) -> Iterator[Item]:
    """
    Read the rows of a file; rows without any content are passed over.

    The file is gone through twice, so that nothing is yielded of a file that turns out to be unreadable as a
    whole. Each row is kept with a copy of the heading, which is why a long one is for few rows only. Raises
    `Unreadable` with csv.empty, too-large, heading-too-long, utf-16, nul, charset, delimiter, column-twice,
    column-missing, too-many-columns, too-many-rows, row-too-long, cell-too-long, quote, quote-open or
    quote-swallowed. A row with another number of cells than the heading is an Item with csv.ragged, one with
    control characters in it an Item with csv.control-character.
    """
    charset, data = _charset(data, saying.charset)
    if data.count(b"\n") + data.count(b"\r") > MOST_LINES:
        raise _too_many_rows()
    repeated = 0
    for count, item in enumerate(_rows(data, charset, saying.columns)):
        repeated += len(item.raw)
        if count >= MOST_ROWS:
            raise _too_many_rows()
        if repeated - len(data) > MOST_BYTES:
            raise Unreadable("csv.heading-too-long", "line 1", "give columns shorter names, or send fewer rows at once")
    return _rows(data, charset, saying.columns)


def heading(data: bytes, saying: Saying) -> frozenset[str]:
    """The names of a file's columns, in lower case, whichever they are; raises `Unreadable` as `parse` does."""
    charset, data = _charset(data, saying.charset)
    lines = _Lines(data, charset)
    names, _ = _heading(csv.reader(lines, strict=True), lines)
    return frozenset(map(str.casefold, names))


def _charset(data: bytes, declared: str) -> tuple[str, bytes]:
    """
    How the bytes are to be read, and the bytes without their mark.

    A mark, and else strict UTF-8, decide. What is not UTF-8 is read as Windows-1252, which is what senders mean by
    ISO-8859-1; without that having been declared only where it gives letters and signs that occur in the United
    Kingdom. Never where the bytes hold UTF-8 letters as well: that is a damaged file, and every name would be too.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable("csv.too-large", "", f"send at most {MOST_BYTES // 1_000_000} MB in one file")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unreadable("csv.utf-16", "", "save the file as CSV UTF-8, not as Unicode text")
    marked = data.startswith(_MARK)
    while data.startswith(_MARK):  # a program that marks what another had marked already
        data = data[len(_MARK) :]
    if b"\0" in data:
        raise Unreadable("csv.nul", f"byte {data.index(0)}", "save the file as CSV UTF-8")
    try:
        for start in range(0, len(data), 1_000_000):  # in parts: the text of a large file is never held whole
            _whole_letters(data, start, start + 1_000_000).decode()
    except UnicodeDecodeError:
        if marked or declared == "ascii" or _UTF8_PAIR.search(data):
            raise _undecodable() from None
    else:
        return "utf-8", data
    try:
        for start in range(0, len(data), 1_000_000):
            text = data[start : start + 1_000_000].decode("cp1252")
            if declared != "iso-8859-1" and _NOT_IN_UK_TEXT.search(text):
                raise _undecodable()
    except UnicodeDecodeError:
        raise _undecodable() from None
    return "cp1252", data


def _whole_letters(data: bytes, start: int, end: int) -> bytes:
    """A part of *data* cut where no UTF-8 letter is."""
    while 0 < start < len(data) and data[start] & 0xC0 == 0x80:
        start += 1
    while end < len(data) and data[end] & 0xC0 == 0x80:
        end += 1
    return data[start:end]


def _undecodable() -> Unreadable:
    return Unreadable("csv.charset", "", "save the file as CSV UTF-8")


def _too_many_rows() -> Unreadable:
    return Unreadable("csv.too-many-rows", "", f"send at most {MOST_ROWS} rows in one file")


def _delimiter() -> Unreadable:
    return Unreadable("csv.delimiter", "line 1", "part the cells by commas")


class _Lines:
    """The physical lines of a file, decoded one by one, with a tally of where the reader is."""

    def __init__(self, data: bytes, charset: str) -> None:
        self._found = _LINE.finditer(data)
        self._charset = charset
        self.count = 0
        self.end = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        match = next(self._found)
        self.count += 1
        self.end = match.end()
        if len(match[0]) > MOST_COLUMNS * MOST_CHARACTERS:
            raise Unreadable("csv.row-too-long", f"line {self.count}", "look for rows without line ends")
        return match[0].decode(self._charset)


def _rows(data: bytes, charset: str, required: Sequence[str]) -> Iterator[Item]:
    """Every row with content as an Item; raises `Unreadable` where the rows cannot be told apart."""
    lines = _Lines(data, charset)
    reader = csv.reader(lines, strict=True)
    names, begins = _heading(reader, lines)
    places = _places(names, required)
    columns, width = tuple(names), len(names)
    heading = data[begins : lines.end]
    heading = heading if heading.endswith((b"\r", b"\n")) else heading + b"\n"
    suspect = _CONTROL.search(data) is not None
    while True:
        line, start = lines.count + 1, lines.end
        cells = _next_row(reader, lines)
        if cells is None:
            return
        if not any(cells) or not any(map(str.strip, cells)):
            continue
        raw = data[start : lines.end]
        place = f"line {line}"
        message: Row | Unreadable
        if lines.count > line:
            _look_for_swallowed_rows(cells, width, place)
        if len(raw) > MOST_CHARACTERS and max(map(len, cells)) > MOST_CHARACTERS:
            raise Unreadable("csv.cell-too-long", place, f"a cell holds at most {MOST_CHARACTERS} characters")
        if len(cells) != width:
            mend = "give the row as many cells as the heading has; a cell with a comma in it needs quotes"
            message = Unreadable("csv.ragged", place, mend)
        elif suspect and _CONTROL.search(raw):
            message = Unreadable("csv.control-character", place, "take control characters out of the row")
        else:
            message = Row(columns, places, cells, line)
        yield Item(heading + raw, None, message)


def _heading(reader: Any, lines: _Lines) -> tuple[list[str], int]:
    """The names of the columns, and the byte at which they begin; what lies above them is passed over."""
    begins = 0
    while True:
        cells = _next_row(reader, lines)
        if cells is None:
            raise Unreadable("csv.empty", "", "send a file with a heading")
        names = [name.strip() for name in cells]
        told = _SEP.fullmatch(",".join(names))
        if told is None and any(names):
            return names, begins
        if told is not None:  # a spreadsheet's own line, which says by what the cells are parted; commas here
            if told[1] not in ("", ","):
                raise _delimiter()
            begins = lines.end


def _next_row(reader: Any, lines: _Lines) -> list[str] | None:
    """The next row of *reader* (a `csv.reader`, whose type has no public name), or None at the end."""
    line = lines.count + 1
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        place = f"line {line}"
        if "unexpected end" in str(error):
            raise Unreadable("csv.quote-open", place, "close the quote that is opened in this row") from None
        if "limit" in str(error):
            raise Unreadable("csv.cell-too-long", place, "look for a quote without its partner") from None
        raise Unreadable("csv.quote", place, "write a quote within quotes twice") from None
    return row


def _places(names: Sequence[str], required: Sequence[str]) -> dict[str, int]:
    """Where each named column is; a name is repeated in an error only where the catalog knows it too."""
    if len(names) > MOST_COLUMNS:
        raise Unreadable("csv.too-many-columns", "line 1", f"send at most {MOST_COLUMNS} columns")
    if len(names) == 1 and re.search(r"[;\t|]", names[0]):
        raise _delimiter()
    known = {column.casefold(): column for column in required}
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if name.casefold() in places:
            where = known.get(name.casefold(), f"column {place + 1}")
            raise Unreadable("csv.column-twice", where, "give each column a name of its own")
        if name:
            places[name.casefold()] = place
    for folded, column in known.items():
        if folded not in places:
            raise Unreadable("csv.column-missing", column, "send the column, even where all its cells are blank")
    return places


def _look_for_swallowed_rows(cells: Sequence[str], width: int, place: str) -> None:
    """
    Refuse the file where a quoted cell holds what looks like whole rows.

    An open quote followed, rows later, by another gives a row that is regular and wrong. Tables of fewer than five
    columns are not looked at: an address on several lines has as many commas.
    """
    if width < 5:
        return
    for cell in cells:
        if any(part.count(",") >= width - 1 for part in cell.splitlines()[1:]):
            raise Unreadable("csv.quote-swallowed", place, "close the quote that is opened in this row")
