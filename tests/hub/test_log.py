"""Logging: one line a record, the listed keys only, and never what an exception or a library says of a message."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from hub import log
from hub.log import KEYS, Line, note

SECRET = "Zebedee"


@pytest.fixture
def lines(capsys):
    """A function that starts logging in a style and gives the lines that were written since."""

    def started(style="text", **options):
        log.start(style, **options)

        def written() -> list[str]:
            return capsys.readouterr().err.splitlines()

        return written

    return started


def test_a_line_tells_what_happened_and_to_whom(lines):
    """As text that a person reads."""
    written = lines()
    note("relay", "carried", agency="clinic", count=3)

    (line,) = written()
    assert line.endswith(" info    relay: carried agency=clinic count=3")


def test_a_line_is_json_where_a_machine_reads(lines):
    """One object a line, with the same keys."""
    written = lines("json")
    note("relay", "carried", agency="clinic", count=3)

    (line,) = written()
    said = json.loads(line)
    assert {key: said[key] for key in said if key != "time"} == {
        "level": "info", "logger": "hub.relay", "what": "carried", "agency": "clinic", "count": 3}  # fmt: skip


@pytest.mark.parametrize("key", ["nhs_number", "surname", "value", "body", "text", "exc_info"])
def test_an_unlisted_key_is_refused(key):
    """A mistake in the code shows in its first test, and not in a log file."""
    with pytest.raises(TypeError, match=key):
        note("relay", "carried", **{key: SECRET})


def test_no_listed_key_asks_for_what_a_message_says():
    """The list is short enough to read, and names nobody."""
    assert not {
        key for key in KEYS if any(word in key for word in ("name", "number", "born", "address", "value", "body"))
    }


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("logger", ["hub.relay", "hub", "aiohttp.server", "asyncio"])
def test_an_exceptions_text_is_never_printed(style, logger, lines):
    """Its kind and the place in the code are; not what it says, nor what the one says that caused it."""
    written = lines(style)
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise RuntimeError(f"again {SECRET}") from error
    except RuntimeError:
        logging.getLogger(logger).exception("it failed", stack_info=False)

    (line,) = written()
    assert SECRET not in line
    assert "RuntimeError" in line
    assert "test_an_exceptions_text_is_never_printed:" in line


def test_what_a_library_says_is_kept_to_its_template(lines):
    """Its arguments may hold what was read."""
    written = lines()
    logging.getLogger("aiohttp").warning("could not parse %r of %s", SECRET, SECRET)

    (line,) = written()
    assert line.endswith("aiohttp: could not parse %r of %s")


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_record_is_one_line_whatever_it_holds(style, lines):
    """Nobody writes a second line into the log, nor steers the terminal of whoever reads it."""
    written = lines(style)
    note("relay", "carried", place="a\r\nfake\x1b[2J\u2028b\x85c")
    logging.getLogger("library").warning("one\ntwo")

    first, second = written()
    assert "fake" in first
    assert not set("\r\x1b\x85\u2028") & set(first)
    assert "one" in second
    assert "two" in second


def test_what_is_not_text_is_written_all_the_same(lines):
    """A path or an exception's class among the keys does not make logging fail."""
    written = lines("json")
    note("relay", "carried", file=sys.path.__class__, state={1})

    assert len(written()) == 1


def test_quiet_keeps_to_warnings(lines):
    """For commands whose output is a table."""
    written = lines(quiet=True)
    note("relay", "carried")
    note("relay", "did not carry", level=logging.WARNING)

    (line,) = written()
    assert "did not carry" in line


def test_libraries_are_heard_from_warnings_on(lines):
    """Their chatter is not ours."""
    written = lines()
    logging.getLogger("aiohttp").info("a request came")

    assert written() == []


def test_a_line_can_be_written_without_an_exception_being_handled():
    """`exc_info=True` outside of an except clause has nothing to tell."""
    record = logging.LogRecord("hub.x", logging.ERROR, "", 1, "odd", (), (None, None, None))

    assert Line("text").format(record).endswith("error   x: odd")
