"""
The second check: whether what is about to leave is what a policy names, by a way of its own from bytes to verdict.

It shares nothing with the compiled readers and writers. Mostly the event's bytes, cut down by the policy's words
(`hub.splice`), are compared with the result. Where they are not the same, or cannot be, fastavro decodes event and
result anew, by the schemas that the lock gives for the ids in their bytes, and both are walked by the policy's words.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import fastavro

from hub.avro import bare, leaves_of
from hub.coarse import WORDS
from hub.errors import HubError
from hub.gates import day, day_in_england
from hub.policy import Grant
from hub.splice import Unspliced, spliced

PLAIN = frozenset({str, int, bool, date, datetime, type(None)})
"""The types of what a leaf may be; anything else would have something inside it."""
PAPERS = frozenset({"id", "type", "time"})
"""What a JSON letter says of itself beside what was granted (`hub.formats.json`)."""
Path = tuple[str, ...]


class Tree(NamedTuple):
    """What a policy's paths name at one depth: all *names*, and the *parts* among them that have names of their own."""

    names: frozenset[str]
    parts: Mapping[str, Tree]


class NotPermitted(HubError):
    """The second check found what the grant does not name: nothing is published."""


class SecondCheck:
    """
    One grant's second look at what is about to be published.

    *source* is the schema of the event's bytes, *own* that of the recipient's, both as the lock has them.
    """

    def __init__(self, grant: Grant, source: Any, own_id: int, own: Any, *, as_json: bool = False) -> None:
        self._source = fastavro.parse_schema(copy.deepcopy(source) if as_json else bare(source))
        self._own = fastavro.parse_schema(bare(own))
        words = {*grant.fields, *grant.coarse}
        whole = not as_json and words <= leaves_of(source)
        self._splice = spliced(bare(source), own_id, frozenset(grant.fields), grant.coarse) if whole else None
        self._prefix = b"\x00" + own_id.to_bytes(4, "big")
        self._json = as_json
        self._tree = tree_of((*grant.fields, *grant.coarse))
        self._of_day = any(WORDS[word].of_day for word in grant.coarse.values())
        self._coarse = {tuple(path.split(".")): WORDS[word] for path, word in grant.coarse.items()}

    def permits(self, event: bytes, body: bytes, kept_back: Collection[str], at: datetime) -> None:
        """
        Whether *body* says of *event* what the grant names, unaltered or coarsened, and nothing of what is *kept_back*.

        *at* is when the hub took the event in.

        Raises NotPermitted, which says neither what nor where: that would be a part of it.
        """
        today = day_in_england(at) if self._of_day else at.date()
        if not kept_back and self._spliced(event, today) == body:
            return
        told = self._told(body)
        if not permitted(told, self._tree):
            raise NotPermitted("what was to be published says what the grant does not name")
        said = fastavro.schemaless_reader(_after_id(event), self._source, None)
        back = frozenset(tuple(path.split(".")) for path in kept_back)
        if not self._agrees(told, said, (), back, today):
            raise NotPermitted("what was to be published is not what the event says")

    def _spliced(self, event: bytes, today: date) -> bytes | None:
        try:
            return self._splice(event, today) if self._splice is not None else None
        except (Unspliced, IndexError, ValueError):
            return None

    def _told(self, body: bytes) -> Any:
        if self._json:
            told = json.loads(body)
            return {name: value for name, value in told.items() if name not in PAPERS}
        if not body.startswith(self._prefix):
            raise NotPermitted("what was to be published is not of the recipient's schema")
        source = _after_id(body)
        told = fastavro.schemaless_reader(source, self._own, None)
        if source.read(1):
            raise NotPermitted("what was to be published is longer than its schema says")
        return told

    def _agrees(self, told: Any, said: Any, path: Path, back: frozenset[Path], today: date) -> bool:
        if type(told) is dict:
            return type(said) is dict and all(
                self._agrees(one, said.get(name), (*path, name), back, today) for name, one in told.items()
            )
        if type(told) is list and told and type(told[0]) is dict:
            return (
                type(said) is list
                and len(told) == len(said)
                and all(self._agrees(one, other, path, back, today) for one, other in zip(told, said, strict=True))
            )
        if told is None or (told == [] and any(one[: len(path)] == path for one in back)):
            return True  # a list is left out as an empty one
        if path in back:
            return False
        word = self._coarse.get(path)
        if word is None:
            return bool(told == (_spelt(said) if self._json else said))
        whole = day(said) if date in word.takes else said
        return bool(told == (word.apply(whole, today) if word.of_day else word.apply(whole)))


def _spelt(value: Any) -> Any:
    """A leaf as JSON letters spell it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _after_id(data: bytes) -> io.BytesIO:
    source = io.BytesIO(data)
    source.seek(5)
    return source


def tree_of(paths: Iterable[str]) -> Tree:
    """Dotted paths as a tree. Built from the policy's words, not from any schema."""
    below: dict[str, list[str]] = {}
    for path in paths:
        head, dot, rest = path.partition(".")
        below.setdefault(head, []).extend([rest] if dot else [])
    return Tree(frozenset(below), {name: tree_of(rest) for name, rest in below.items() if rest})


def permitted(values: Any, tree: Tree) -> bool:
    """
    Whether every field of *values*, at any depth, is one that *tree* names.

    It knows nothing of schemas and of what was compiled from them, only the policy's words. Names and types are
    compared as sets, because this is asked of everything that leaves the authority.
    """
    if type(values) is list:
        return all(permitted(one, tree) for one in values)
    if type(values) is not dict:
        return values is None
    if not values.keys() <= tree.names:
        return False
    if not tree.parts and PLAIN.issuperset(map(type, values.values())):
        return True
    for name, one in values.items():
        part = tree.parts.get(name)
        if part is not None:
            if not permitted(one, part):
                return False
        elif type(one) not in PLAIN and not (type(one) is list and PLAIN.issuperset(map(type, one))):
            return False
    return True
