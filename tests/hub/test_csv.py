"""CSV is read as spreadsheets write it, and written so that neither an import nor a spreadsheet trips over it."""

from __future__ import annotations

import csv as plain
import io
import string
import time
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.agency import Saying
from hub.errors import Unreadable
from hub.formats import Item, csv, csv_write

HEADING = b"NAME,BORN,TOWN\r\n"


def saying(*columns: str, charset: str = "utf-8") -> Saying:
    return Saying.model_validate(
        {"format": "csv", "by": "files", "into": ["any"], "columns": columns, "charset": charset}
    )


def read(data: bytes, *columns: str, charset: str = "utf-8") -> list[Item]:
    return list(csv.parse(data, saying(*columns, charset=charset)))


def refusal(data: bytes, *columns: str, charset: str = "utf-8") -> Unreadable:
    """The refusal of a whole file: raised by parse() itself, before anything is yielded."""
    with pytest.raises(Unreadable) as caught:
        csv.parse(data, saying(*columns, charset=charset))
    return caught.value


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"], ids=["crlf", "lf", "cr"])
def test_any_line_end_parts_rows(end):
    """Windows, Unix and old Macintosh line ends all part rows, and the last row needs none."""
    items = read(end.join([b"NAME,BORN", b"Ann,2012-01-02", b"Bob,2013-02-03"]))
    assert [(i.message["NAME"], i.message["BORN"]) for i in items] == [("Ann", "2012-01-02"), ("Bob", "2013-02-03")]


def test_a_byte_order_mark_is_not_part_of_the_first_name():
    """Spreadsheets mark UTF-8 with three bytes; the first column is still found by its name."""
    (item,) = read(b"\xef\xbb\xbfNAME,BORN\r\nZo\xc3\xab,2012-01-02", "NAME")
    assert item.message["NAME"] == "Zoë"


def test_column_names_are_trimmed_and_their_case_does_not_matter():
    """People retype headings; a column is found however it is spelled."""
    (item,) = read(b" Name ,bOrN\n Ann ,x\n", "NAME", "BORN")
    assert (item.message["NAME"], item.message["name"], item.message["Born"]) == ("Ann", "Ann", "x")


def test_columns_may_be_reordered_and_more_than_asked_for():
    """Columns are found by name, and those that nobody asked for are kept."""
    (item,) = read(b"EXTRA,TOWN,NAME\nmore,Swindon,Ann\n", "NAME", "TOWN")
    assert (item.message["NAME"], item.message["TOWN"], item.message["EXTRA"]) == ("Ann", "Swindon", "more")
    assert item.message.columns == ("EXTRA", "TOWN", "NAME")


def test_a_cell_is_blank_where_blank_or_absent_or_of_no_such_column():
    """Blank, white space and an absent column all read as the empty string."""
    (item,) = read(b"NAME,TOWN,BORN\nAnn,  ,\n")
    assert [item.message[name] for name in ("TOWN", "BORN", "NOT_A_COLUMN")] == ["", "", ""]
    assert "BORN" in item.message
    assert "NOT_A_COLUMN" not in item.message


def test_a_repeated_column_refuses_the_file():
    """Nobody can say which of two columns of one name is meant."""
    fault = refusal(b"NAME,BORN,name\nAnn,2012-01-02,Ann\n", "NAME")
    assert (fault.code, fault.place) == ("csv.column-twice", "NAME")


def test_a_refusal_repeats_no_name_that_the_catalog_does_not_know():
    """Where a file lacks its heading the first row stands in its place, and that is somebody's record."""
    fault = refusal(b"Smith,Smith,2012-01-02\nJones,Ann,2012-01-02\n", "NAME")
    assert (fault.code, fault.place) == ("csv.column-twice", "column 2")
    assert "mith" not in str(fault)


def test_nameless_columns_are_no_repetition():
    """Spreadsheets save stray columns without a name, often several."""
    (item,) = read(b"NAME,,\nAnn,x,y\n", "NAME")
    assert item.message.values() == ["Ann", "x", "y"]


def test_a_missing_column_refuses_the_file_by_its_name():
    """Columns that a line cannot do without are asked for by name."""
    fault = refusal(b"NAME,TOWN\nAnn,Swindon\n", "NAME", "BORN")
    assert (fault.code, fault.place) == ("csv.column-missing", "BORN")


@pytest.mark.parametrize("row", [b"Ann,2012-01-02", b"Ann,2012-01-02,Swindon,", b"High St, 1,Ann,Swindon"])
def test_a_ragged_row_is_refused_alone(row):
    """A comma without quotes would put values into the wrong columns: that row goes, the others stay."""
    bad, good = read(HEADING + row + b"\r\nBob,2013-02-03,Swindon\r\n")
    assert isinstance(bad.message, Unreadable)
    assert (bad.message.code, bad.message.place) == ("csv.ragged", "line 2")
    assert good.message["NAME"] == "Bob"


def test_an_open_quote_refuses_the_file():
    """The rows behind an open quote were swallowed by it."""
    fault = refusal(HEADING + b'Ann,2012-01-02,Swindon\r\n"Bob,2013-02-03,Swindon\r\nEve,2014-03-04,Swindon\r\n')
    assert (fault.code, fault.place) == ("csv.quote-open", "line 3")


def test_an_open_quote_that_a_later_one_closes_refuses_the_file():
    """Two open quotes make one regular row out of several: the rows within it give them away."""
    data = b'A,B,C,D,E\n1,2,3,4,"x\n1,2,3,4,5\n1,2,3,4,y"\n1,2,3,4,5\n'
    assert (refusal(data).code, refusal(data).place) == ("csv.quote-swallowed", "line 2")


def test_a_quote_within_quotes_refuses_the_file():
    """What follows a quote that is not written twice cannot be told from text."""
    assert refusal(HEADING + b'"An"n",2012-01-02,Swindon\r\n').code == "csv.quote"


def test_quoted_cells_hold_commas_quotes_and_line_ends():
    """An address on two lines is one cell, and the next row knows its own line."""
    first, second = read(HEADING + b'"Ann ""Nan""",2012-01-02,"1 High St,\r\nSwindon"\r\nBob,2013-02-03,x\r\n')
    assert (first.message["NAME"], first.message["TOWN"]) == ('Ann "Nan"', "1 High St,\r\nSwindon")
    assert (first.message.line, second.message.line) == (2, 4)


def test_each_row_keeps_its_own_bytes_below_the_heading():
    """What goes to quarantine is a file that can be mended and sent again: the heading and that row, to the byte."""
    data = b'\xef\xbb\xbfNAME,TOWN\r\nAnn,"1 High St\r\nSwindon"\r\n\r\nZo\xc3\xab,x'
    first, second = read(data)
    assert first.raw == b'NAME,TOWN\r\nAnn,"1 High St\r\nSwindon"\r\n'
    assert second.raw == b"NAME,TOWN\r\nZo\xc3\xab,x"
    assert [i.message["NAME"] for i in read(second.raw)] == ["Zoë"]


def test_blank_rows_are_passed_over_even_where_ragged():
    """Spreadsheets save rows that were cleared, with as many commas as they please."""
    items = read(b"\r\n" + HEADING + b',,\r\n\r\n , ,,,\r\n"","",""\r\nAnn,2012-01-02,Swindon\r\n')
    assert [i.message["NAME"] for i in items] == ["Ann"]


def test_a_heading_alone_gives_nothing():
    """A file without rows is sound: today there was nothing to say."""
    assert read(HEADING, "NAME") == []


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b" ,\t,\r\n", b"\xc2\xa0\n"])
def test_a_file_without_a_heading_is_empty(data):
    """Nothing, a mark alone, blank lines and blank names are no heading."""
    assert refusal(data, "NAME").code == "csv.empty"


@pytest.mark.parametrize("by", [b";", b"\t", b"|"], ids=["semicolon", "tab", "bar"])
def test_another_delimiter_is_refused_as_such(by):
    """A spreadsheet set to another country's habits writes semicolons; the refusal says so."""
    assert refusal(by.join([b"NAME", b"BORN"]) + b"\nAnn\n", "NAME", "BORN").code == "csv.delimiter"


def test_utf16_is_refused_as_such():
    """What a spreadsheet calls Unicode text is UTF-16, and the refusal says what to save instead."""
    assert refusal("NAME,BORN\r\nAnn,x".encode("utf-16"), "NAME").code == "csv.utf-16"
    assert refusal("NAME,BORN\r\nAnn,x".encode("utf-16-le"), "NAME").code == "csv.nul"


def test_nul_bytes_refuse_the_file():
    """A NUL is the sign of a file that broke on its way."""
    assert refusal(HEADING + b"An\0n,2012-01-02,Swindon\r\n").code == "csv.nul"


def test_control_characters_refuse_their_row():
    """An escape sequence in a name could act in a terminal, or hide."""
    bad, good = read(HEADING + b"An\x1b[2Jn,2012-01-02,Swindon\r\nBob,x,y\r\n")
    assert isinstance(bad.message, Unreadable)
    assert (bad.message.code, bad.message.place) == ("csv.control-character", "line 2")
    assert good.message["NAME"] == "Bob"


@pytest.mark.parametrize("declared", ["utf-8", "iso-8859-1"])
def test_what_is_not_utf8_is_read_as_windows_text(declared):
    """Names with accents survive a spreadsheet that saves in the Windows character set, apostrophes too."""
    (item,) = read(HEADING + "Zoë O\u2019Hara-Peña,2012-01-02,Swindon".encode("cp1252"), charset=declared)
    assert item.message["NAME"] == "Zoë O\u2019Hara-Peña"


def test_utf8_wins_over_the_declared_character_set():
    """A sender that moved on to UTF-8 must not have its names spoilt by an old declaration."""
    (item,) = read(HEADING + "Zoë,x,y".encode(), charset="iso-8859-1")
    assert item.message["NAME"] == "Zoë"


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        ("Zoë,x,y".encode() + b"\r\nPe\xf1a,x,y", "iso-8859-1"),
        (b"Zo\x81,x,y", "iso-8859-1"),
        (b"Zo\xa4\xac,x,y", "utf-8"),
        ("Zoë,x,y".encode("cp1252"), "ascii"),
        (b"\xef\xbb\xbf" + "Zoë,x,y".encode("cp1252"), "iso-8859-1"),
    ],
    ids=["utf8-and-windows-mixed", "no-such-letter", "not-uk-text", "ascii-declared", "marked-as-utf8"],
)
def test_bytes_that_make_no_sure_text_refuse_the_file(data, declared):
    """A spoilt name finds the wrong child, or none: what cannot be told for certain is not guessed."""
    mark = data[:3] if data.startswith(b"\xef\xbb\xbf") else b""
    assert refusal(mark + HEADING + data.removeprefix(mark), charset=declared).code == "csv.charset"


def test_letters_at_the_seams_of_a_large_file_are_read():
    """A large file is checked in parts; a letter of several bytes across two parts is still one letter."""
    for shift in range(4):
        data = b"NAME\n" + b"x" * shift + "\nz\n".join(["€" * 5_000] * 70).encode()
        assert len(data) > 1_000_000
        assert read(data)[-1].message["NAME"] == "€" * 5_000


def test_files_beyond_the_limits_are_refused(monkeypatch):
    """A file that is too large, too long or too wide is refused before it costs anything."""
    assert refusal(b"NAME\n" + b"x" * csv.MOST_BYTES).code == "csv.too-large"
    assert refusal(b",".join(b"C%d" % n for n in range(csv.MOST_COLUMNS + 1))).code == "csv.too-many-columns"
    assert refusal(b"NAME\n" + b"x" * (csv.MOST_CHARACTERS + 1)).code == "csv.cell-too-long"
    assert refusal(b"NAME\n" + b"x" * 140_000).code == "csv.cell-too-long"
    assert refusal(b"NAME\n" + b"," * 6_000_001).code == "csv.row-too-long"
    assert refusal(b"NAME\n" + b"\n" * csv.MOST_LINES).code == "csv.too-many-rows"
    monkeypatch.setattr(csv, "MOST_ROWS", 3)
    assert len(read(b"NAME\n" + b"x\n" * 3)) == 3
    assert refusal(b"NAME\n" + b"x\n" * 4).code == "csv.too-many-rows"


def test_a_heading_that_is_long_is_for_few_rows():
    """Each row is kept with its heading: a small file could otherwise be a thousand times its size in memory."""
    heading = b",".join(b"%d" % number + b"A" * 400 for number in range(200)) + b"\n"

    assert refusal(heading + b"x\n" * 2_000).code == "csv.heading-too-long"
    assert len(read(heading + b"x\n" * 20)) == 20


def test_a_row_is_never_shown():
    """A row that ends up in a log by mistake tells its line and nothing else."""
    (item,) = read(HEADING + b"Ann,2012-01-02,Swindon\r\n")
    assert repr(item.message) == "<Row at line 2>"


def test_forty_thousand_rows_take_about_a_second():
    """A whole authority's session totals are read while a person waits; ten times the usual is allowed for here."""
    data = b"pupil,school,row,order,source,sessions,reason\n" + b"0002e817-8ca,SCH7,028bdbe4,2,e20,133.0,C\n" * 40_000
    started = time.perf_counter()
    assert sum(1 for item in csv.parse(data, saying("pupil")) if item.message["reason"] == "C") == 40_000
    assert time.perf_counter() - started < 2


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_a_refusal(data):
    """Whatever is sent, what comes of it is rows or an `Unreadable`, never another error."""
    with suppress(Unreadable):
        assert all(isinstance(item.message, csv.Row | Unreadable) for item in csv.parse(data, saying()))


def test_a_line_that_says_by_what_cells_are_parted_is_no_heading():
    """A spreadsheet reads `sep=,` above the heading as its own; what says another sign is refused as that."""
    for line in (b"sep=,\r\n", b'"sep=,"\r\n', b"SEP=,\r\n"):
        (item,) = read(line + b"NAME,TOWN\r\nAnn,Swindon\r\n", "NAME", "TOWN")
        assert (item.message["NAME"], item.message.line) == ("Ann", 3)
        assert item.raw == b"NAME,TOWN\r\nAnn,Swindon\r\n"
    assert refusal(b"sep=;\r\nNAME;TOWN\r\nAnn;Swindon\r\n", "NAME").code == "csv.delimiter"
    assert refusal(b"sep=\t\r\nNAME\tTOWN\r\nAnn\tSwindon\r\n", "NAME").code == "csv.delimiter"


def test_a_file_that_two_programs_marked_is_read():
    """The second mark would stand before the first column's name, and nobody would see it."""
    (item,) = read(b"\xef\xbb\xbf\xef\xbb\xbfNAME,BORN\r\nAnn,x", "NAME")
    assert item.message["NAME"] == "Ann"


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("'01632 960001", "01632 960001"), ("'+44 1632 960001", "+44 1632 960001"), ("'01/02/2012", "01/02/2012"),
        ("'9990000018", "9990000018"), ("'=1+1", "'=1+1"), ("'tHooft", "'tHooft"), ("'", "'"), ("'90s", "'90s"),
    ],
)  # fmt: skip
def test_an_apostrophe_that_marks_a_number_as_text_is_no_part_of_it(written, read_as):
    """It keeps a leading nought; before a name or a formula it stays, because it may belong there."""
    (item,) = read(f"NAME,X\n{written},x\n".encode())
    assert item.message["NAME"] == read_as


@pytest.mark.parametrize("columns", [b"NAME,TOWN,,,", b"NAME,TOWN,\xc2\xa0,,"])
def test_trailing_columns_without_a_name_are_nothing(columns):
    """A spreadsheet whose user once touched a cell far to the right saves empty columns for ever."""
    (item,) = read(columns + b"\r\nAnn,Swindon,,,\r\n", "NAME", "TOWN")
    assert (item.message["NAME"], item.message["TOWN"]) == ("Ann", "Swindon")


def test_an_open_quote_never_makes_one_row_of_three(public_data):
    """Whatever row of a real list loses its closing quote, no later child vanishes into it: the file is refused."""
    data = (public_data / "chis-cohort-lists" / "pds_extravaganza.csv").read_bytes()
    heading, *rows = data.splitlines(keepends=True)[:4]
    for broken, cell in [(broken, cell) for broken in range(3) for cell in (2, 8, 12)]:
        parts = rows[broken].split(b",")
        parts[cell] = b'"' + parts[cell].strip(b'"')
        told = [*rows[:broken], b",".join(parts), *rows[broken + 1 :]]
        assert refusal(heading + b"".join(told)).code in ("csv.quote-open", "csv.quote-swallowed", "csv.quote")


cells = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20).map(str.strip)


@given(st.lists(st.tuples(cells, cells.filter(bool)), max_size=8))
def test_what_is_written_is_read_again(pairs):
    """Rows survive writing and reading, but for the apostrophe before what would be a formula."""
    data = csv_write.render([{"a": a, "b": b} for a, b in pairs], {"A": "a", "B": "b"})
    again = [(item.message["A"], item.message["B"]) for item in csv.parse(data, saying("A", "B"))]
    assert again == [tuple(csv_write._as_text(csv_write._cell(one)) for one in pair) for pair in pairs]


def test_values_are_written_in_one_way():
    """Dates, truth, numbers, absence, nested fields and columns left empty, in the order of the columns."""
    row = {
        "child": {"surname": "Ní Bhriain", "born": date(2012, 6, 1), "restricted": False, "left": None},
        "at": datetime(2026, 9, 1, 8, 30, tzinfo=UTC),
        "siblings": 2,
    }
    columns = {
        "SURNAME": "child.surname", "DOB": "child.born", "RESTRICTED": "child.restricted", "LEFT": "child.left",
        "NEVER": None, "GONE": "child.school.urn", "AT": "at", "SIBLINGS": "siblings",
    }  # fmt: skip
    assert csv_write.render([row], columns).decode() == (
        "SURNAME,DOB,RESTRICTED,LEFT,NEVER,GONE,AT,SIBLINGS\r\n"
        "Ní Bhriain,2012-06-01,false,,,,2026-09-01T08:30:00+00:00,2\r\n"
    )


def test_no_rows_still_give_the_heading():
    """An import that finds no heading fails; one that finds no rows knows that there were none."""
    assert csv_write.render([], {"A": "a", "B": None}) == b"A,B\r\n"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "@SUM(A1)", "-", "-cmd|' /C calc'!A0", "+HYPERLINK(1)", "\t=1", "\r=1", "\0=1", " =1", "\uff1d1"],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text):
    """OWASP ASVS 1.2.10: text that begins like a formula is marked as text."""
    (_, (cell,)) = plain.reader(io.StringIO(csv_write.render([{"a": text}], {"A": "a"}).decode(), newline=""))
    assert cell.startswith("'")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Ann;=1+1", "Ann;'=1+1"), ("Ann;  @SUM(A1)", "Ann;'  @SUM(A1)"), ("Ann|-cmd", "Ann|'-cmd"),
        ("1 High St\n=1+1", "1 High St\n'=1+1"), ("\ufe66 1", "'\ufe66 1"), ("\u2212x", "'\u2212x"),
        ("\u200b=1", "'\u200b=1"), ("\ufeff=1", "'\ufeff=1"), ("a;+44 1632 960001", "a;+44 1632 960001"),
        ("a=b; c-d", "a=b; c-d"),
    ],
)  # fmt: skip
def test_what_another_countrys_spreadsheet_would_run_gets_an_apostrophe_too(text, written):
    """Where semicolons part cells, one of ours is several of theirs; signs that look alike may be taken as such."""
    (_, (cell,)) = plain.reader(io.StringIO(csv_write.render([{"a": text}], {"A": "a"}).decode(), newline=""))
    assert cell == written


RUN = "=+-@\uff1d\uff0b\uff0d\uff20"
nasty = st.text(st.sampled_from([*"=+-@;|,\"' \n\t\r1aZ", "\uff1d", "\uff20", "\u200b", "\xa0"]), max_size=12)


@given(st.lists(nasty | cells, min_size=1, max_size=4))
def test_no_spreadsheet_finds_a_formula_in_any_cell(texts):
    """Whatever a spreadsheet parts cells by, none begins with what it would run, unless it is a number."""
    names = [f"c{number}" for number in range(len(texts))]
    columns = {name.upper(): name for name in names}
    written = csv_write.render([dict(zip(names, texts, strict=True))], columns).decode()
    rows = list(plain.reader(io.StringIO(written, newline="")))
    assert len(rows) == 2
    for cell in rows[1]:
        for piece in cell.replace("|", ";").replace("\n", ";").split(";"):
            shown = piece.strip(' \xa0\u200b"')
            assert not shown.startswith(tuple(RUN)) or shown[1:].strip(string.digits + " ().-") == ""


@given(st.lists(st.tuples(nasty | cells), max_size=4))
def test_what_a_machine_opens_is_never_changed(texts):
    """But for control characters and the space around it, a cell is what was said."""
    data = csv_write.render([{"a": one, "b": "x"} for (one,) in texts], {"A": "a", "B": "b"}, opened_in="machine")
    rows = list(plain.reader(io.StringIO(data.decode(), newline="")))[1:]
    assert [row[0] for row in rows] == [csv_write._cell(one) for (one,) in texts]
    assert all(row[0].strip() == row[0] for row in rows)


@pytest.mark.parametrize("text", ["+44 1632 960001", "+44 (0)1632 960001", "-5", "/", "\\", "#", "O'Hara", "Ann-Mary"])
def test_telephone_numbers_numbers_marks_and_names_are_left_as_they_are(text):
    """Digits can call nothing, and an apostrophe would spoil the number for the import."""
    assert csv_write.render([{"a": text}], {"A": "a"}) == f"A\r\n{text}\r\n".encode()


def test_control_characters_are_not_written():
    """They would show as nothing and break imports; line ends within an address stay, within quotes."""
    assert csv_write.render([{"a": "1 High St\r\nSwin\x1bdon"}], {"A": "a"}) == b'A\r\n"1 High St\nSwin don"\r\n'


def test_a_record_is_not_a_cell():
    """A column that names a whole record would write more than one value into a cell."""
    with pytest.raises(TypeError):
        csv_write.render([{"child": {"surname": "Smith"}}], {"CHILD": "child"})
