"""The scan: word by word it finds what it would find in the whole, however long that is and whatever is in it."""

from __future__ import annotations

import re
import tracemalloc
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import scan
from hub.identity.index import MemoryIndex
from hub.identity.names import Name
from hub.identity.registry import Registry
from hub.inbound import Refusal
from hub.keys import Keys
from hub.wall import CLOSED, holds
from tests.hub.test_portions import CATALOG, NOON

KEYS = Keys(b"a secret for tests, of 32 bytes.")
WORD = re.compile(r"[^\W_]+")
JOINT = re.compile(r"(?<=\d)[ -](?=\d)")

SOME = st.text(alphabet="aZ019 -_,;\n\x00\xb2\xdf\xe9\xff", max_size=40).map(lambda text: text.encode("latin-1"))
VALUES = st.from_regex(r"[A-Z0-9]{1,4}(-[A-Z0-9]{1,3})?", fullmatch=True)


def whole(raw: bytes) -> str:
    return raw.replace(b"\x00", b"").decode("latin-1").upper()


@settings(max_examples=500, deadline=None)
@given(raw=SOME)
def test_the_words_are_those_of_the_whole(raw: bytes) -> None:
    """One, two and three of them as one, and numbers in groups of digits."""
    found = WORD.findall(whole(raw))

    assert set(scan.together(raw)) == {
        "".join(found[start : start + many]) for many in (1, 2, 3) for start in range(len(found) - many + 1)
    }
    assert set(scan.joined(raw)) == {*found, *WORD.findall(JOINT.sub("", whole(raw)))}


@settings(max_examples=100, deadline=None)
@given(raw=st.lists(st.one_of(SOME, VALUES.map(str.encode))).map(b"".join), value=VALUES)
def test_a_value_is_found_across_the_edges_of_stretches(raw: bytes, value: str) -> None:
    """Wherever they fall: here after each byte, or each few."""
    text = whole(raw)
    expected = value in text or value in JOINT.sub("", text)
    for stretch in (1, 3, 64):
        with mock.patch.object(scan, "_STRETCH", stretch):
            assert scan.stands(raw, value) == expected


@pytest.mark.parametrize("at", [0, 65_530, 65_536, 131_070])
@pytest.mark.parametrize("written", [b"9990000018", b"999 000 0018", "9990000018".encode("utf-16-le")])
def test_an_identifier_is_found_anywhere_in_a_long_file(at: int, written: bytes) -> None:
    """A word of a file that nobody could read."""
    raw = b"." * at + written + b"." * 200_000

    assert holds(raw, {("nhs_number", "9990000018")})
    assert not holds(raw, {("nhs_number", "9990000026")})
    assert "9990000018" in scan.together(raw)


def registry() -> Registry:
    index = MemoryIndex(KEYS)
    index.close([Name("nhs_number", "", "9990000018")], NOON)
    return Registry(KEYS, index)


@pytest.mark.parametrize(
    ("beside", "shut"), [(b" 999 000 0018", True), (b" 9990000018", True), (b" 9990000026", False)]
)
def test_a_closed_identifier_is_found_after_more_words_than_are_remembered(beside: bytes, shut: bool) -> None:
    """Of what was looked at no more is known than so many words."""
    raw = b" ".join(b"%05d" % n for n in range(300)) + beside
    with mock.patch("hub.identity.registry.MOST_SEEN", 7):
        found = registry().sifted(CATALOG.line("ward", "list"), Refusal(-1, "json.syntax", "", "", raw, readable=False))

    assert (found.code == CLOSED) == shut


def test_what_is_too_long_for_a_word_is_no_identifier() -> None:
    """And is passed over, with whatever is said to go on from it."""
    assert list(scan.together(b"9" * 10_000 + b" 18 a")) == ["18", "A", "18A"]
    assert list(scan.joined(b"9" * 10_000 + b" 18")) == ["18"]


@pytest.mark.parametrize("filler", [b"9990000026 ", b"a9", b"1-", b"\xff\xfe\x00 ", b"., "])
def test_to_scan_takes_no_memory_to_speak_of(filler: bytes) -> None:
    """Of a file however long: neither its words nor its text is held."""
    raw = filler * (200_000 // len(filler))
    line, refusal = CATALOG.line("ward", "list"), Refusal(-1, "json.syntax", "", "", raw, readable=False)
    tracemalloc.start()
    try:
        assert not holds(raw, {("nhs_number", "9990000018")})
        assert registry().sifted(line, refusal) is refusal
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()
