"""Scan: the words in bytes that nobody could read, one after the other; what is looked for among them is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 1_000
"""Letters of the longest word that is told: what is longer is no identifier, and as bytes could be a whole file."""
_RUN_BYTES = 4 * LONGEST  # a letter is at most four bytes, in UTF-32
_GAP_BYTES = 8
_STRETCH = 65_536
_WORD = re.compile(r"[^\W_]+")
_LETTERS = "".join(f"\\x{one:02x}" for one in range(256) if one == 0 or _WORD.match(chr(one)))
_RUN = re.compile(f"[{_LETTERS}]+".encode())  # with the zeros in it that UTF-16 puts between letters
_JOINT = re.compile(r"(?<=\d)[ -](?=\d)")  # an NHS number is often written 3-3-4


class Word(NamedTuple):
    """One word in capitals; *joint* where it goes on from the one before as a number does in groups of digits."""

    text: str
    joint: bool


def parts(text: str) -> list[str]:
    """The words of a short text."""
    return _WORD.findall(text)


def each(raw: bytes) -> Iterator[Word]:
    """Every word in *raw* in order; an empty one in the place of one that is too long."""
    before, end = "", 0
    for run in _RUN.finditer(raw):
        start, stop = run.span()
        text = "" if stop - start > _RUN_BYTES else letters(run[0])
        if not text and stop - start <= _RUN_BYTES:  # nothing but zeros
            continue
        gap = raw[end:start].replace(b"\x00", b"") if start - end <= _GAP_BYTES else b""
        yield Word(text, gap in (b" ", b"-") and before[-1:].isdecimal() and text[:1].isdecimal())
        before, end = text, stop


def together(raw: bytes) -> Iterator[str]:
    """The words in *raw*, and up to three that follow one another as one: whatever parted them in an identifier."""
    second = third = ""
    for word, _ in each(raw):
        if not word:
            second = third = ""
            continue
        yield word
        if third:
            yield third + word
            if second:
                yield second + third + word
        second, third = third, word


def joined(raw: bytes) -> Iterator[str]:
    """The words in *raw*, and each number in groups of digits as one."""
    groups: list[str] = []
    for word, joint in each(raw):
        if not joint:
            yield from _number(groups)
            groups = []
        if word:
            yield word
        if len(groups) <= LONGEST:
            groups.append(word)
    yield from _number(groups)


def _number(groups: list[str]) -> Iterator[str]:
    if 1 < len(groups) <= LONGEST:
        yield "".join(groups)


def stands(raw: bytes, text: str) -> bool:
    """Whether *text*, which is in capitals, stands in *raw* as it is, or with its numbers in groups of digits."""
    reach = 8 * len(text)  # as long as it can be with zeros in it and a sign after each digit
    for start in range(0, len(raw), _STRETCH):
        found = letters(raw[start : start + _STRETCH + reach])
        if text in found or text in _JOINT.sub("", found):
            return True
    return False


def letters(raw: bytes) -> str:
    """A short *raw* in capitals, byte by byte: what is no ASCII is some letter or other, and the same one each time."""
    return raw.replace(b"\x00", b"").decode("latin-1").upper()
