"""Telltales: the demo's day with names that nothing else can be taken for, and the search for any of its people."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

SUFFIX = "wyckhollow"
"""Makes `Per` a name that does not stand in `person` and does not come up by chance in sealed bytes."""

_NAME = re.compile(r"[^\W\d_][\w'\-]*")
_NAME_COLUMN = re.compile(r"(SURNAME|FORENAME|FIRST_NAME|LAST_NAME)$", re.IGNORECASE)
_NAME_MEMBERS = ("surname", "forename", "forenames", "known_as", "pers_surname", "pers_forename", "name")
_NHS_NUMBER = re.compile(r"(?<!\d)999[ -]?\d{3}[ -]?\d{4}(?!\d)")
_UPN = re.compile(r"(?<!\w)[A-HJ-NP-RT-Z]\d{11}[\dA-Z](?!\w)")


class Sending(Protocol):
    """What the day is made of."""

    agency: str
    line: str
    name: str
    data: bytes


class People(NamedTuple):
    """Everyone of a day: each *name*, and each *number*, NHS number or UPN."""

    names: frozenset[str]
    numbers: frozenset[str]


def people_of(day: Iterable[Sending]) -> People:
    """The names and numbers of everyone in *day*, found where its formats say that they stand."""
    names: set[str] = set()
    numbers: set[str] = set()
    for sending in day:
        text = sending.data.decode()
        numbers |= {re.sub("[ -]", "", found) for found in _NHS_NUMBER.findall(text)} | set(_UPN.findall(text))
        for said in _names(sending.name, text):
            names |= {part for part in said.split() if _NAME.fullmatch(part)}
    return People(frozenset(names), frozenset(numbers))


def _names(file: str, text: str) -> Iterator[str]:
    if file.endswith(".csv"):
        for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))):
            yield from (said for column, said in row.items() if column and said and _NAME_COLUMN.search(column)
                        and not said.startswith("Required"))  # fmt: skip
    elif file.endswith(".json"):
        yield from _members(json.loads(text))
    else:
        for segment in text.split("\r"):
            if segment.startswith("PID|"):
                yield from segment.split("|")[5].split("^")[:2]


def _members(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _members(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in _NAME_MEMBERS and isinstance(one, str):
                yield one
            yield from _members(one)


def lengthened(data: bytes, names: Iterable[str]) -> bytes:
    """*data* with each of *names*, where it stands as a word, made longer."""
    text = data.decode()
    if text.startswith("{"):  # JSON may spell a letter as an escape
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return re.sub(rf"(?<!\w)({'|'.join(sorted(names, key=len, reverse=True))})(?!\w)", rf"\g<1>{SUFFIX}", text).encode()


def needles(word: str, *, is_number: bool) -> set[bytes]:
    """
    Every way in which *word* could lie in lower-cased bytes.

    As it is in four encodings, in hexadecimal, in Base64 at each of its three alignments, as JSON and URLs escape it;
    a number also with its usual spaces, and as an unkeyed hash, which anyone can reverse by trying all numbers.
    """
    found: set[bytes] = set()
    spelt = {word, word.lower(), word.upper()}
    if is_number and len(word) == 10:
        spelt |= {f"{word[:3]}{mark}{word[3:6]}{mark}{word[6:]}" for mark in " -"}
    for text in spelt:
        raw = text.encode()
        found |= {raw, text.encode("latin-1"), text.encode("utf-16-le"), text.encode("utf-16-be"), raw.hex().encode()}
        found |= {json.dumps(text)[1:-1].encode(), quote(text).encode()}
        for shift in range(3):
            coded = base64.b64encode(bytes(shift) + raw)
            found.add(coded[(0, 2, 3)[shift] : len(raw) * 8 // 6])
        if is_number:
            for hashed in (hashlib.md5, hashlib.sha1, hashlib.sha256):
                digest = hashed(raw).digest()
                found |= {digest, digest.hex().encode(), base64.b64encode(digest)[:-2]}
    return {needle.lower() for needle in found}


class Search:
    """The search for everyone of a day, made ready once."""

    def __init__(self, people: People) -> None:
        self._needles = {needle: word for word in people.names for needle in needles(word, is_number=False)}
        self._needles |= {needle: word for word in people.numbers for needle in needles(word, is_number=True)}

    def hits(self, sinks: Mapping[str, bytes]) -> dict[str, set[str]]:
        """By the sink's name, who was found in it; a sink without anybody is left out."""
        found: dict[str, set[str]] = {}
        for name, content in sinks.items():
            hay = content.lower()
            who = {word for needle, word in self._needles.items() if needle in hay}
            if who:
                found[name] = who
        return found
