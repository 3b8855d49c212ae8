"""The index as the gateway sees it: what is known of some identifiers, and what is to be kept; where, is elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from hub.identity.closing import closing
from hub.identity.graph import Graph, Link
from hub.identity.names import SHARED, Name
from hub.identity.statements import Doubt, Source, name_of
from hub.keys import Keys
from hub.scan import LONGEST


class News(NamedTuple):
    """What a message adds: identifiers under their names, links between them, and what a person must look at."""

    names: Mapping[str, Name]
    links: Collection[Link]
    doubts: Collection[tuple[Doubt, Source]]

    def __bool__(self) -> bool:
        return bool(self.links or self.doubts)


class Looked(NamedTuple):
    """What is known about some identifiers, and which of them an adoption order closed."""

    graph: Graph
    closed: frozenset[str]


class Index(Protocol):
    """Identifiers, what ties them, and what is closed."""

    def look(self, names: Mapping[str, Name], *, whole: bool = False) -> Looked:
        """All that is tied to *names*, as far as it can lead to an NHS number, or the *whole* that hangs together."""

    def value(self, name: str) -> str | None:
        """The identifier that is called *name*; None where it is not known, or was closed meanwhile."""

    def keep(self, news: News) -> None:
        """Keep *news*; the same again changes nothing."""

    def close(self, named: Collection[Name], at: datetime) -> int:
        """Close the identities that *named* name, and forget them; returns how many identifiers that were."""

    def closed_words(self, agency: str) -> Collection[str]:
        """The marks (`word_mark`) of closed identifiers that *agency* could write."""


def mark(keys: Keys, name: Name) -> str:
    """What is left of an identifier once it is closed."""
    return keys.enclave("name", *name)


def word_mark(keys: Keys, agency: str, word: str) -> str:
    """What is left of it to find it by in what nobody can read; *agency* is empty for a number that all know."""
    return keys.enclave("word", agency, word)


def word_of(name: Name) -> tuple[str, str] | None:
    """Who could write an identifier, and how it looks without spaces and signs; None where it is not `telling`."""
    word = "".join(letter for letter in name.value.upper() if letter.isalnum())
    agency = "" if name.kind in SHARED else name.issuer.partition("/")[0]
    return (agency, word) if telling(word) else None


def telling(word: str) -> bool:
    """
    Whether a word, in capitals, can be what is left of an identifier.

    A short number of a hospital's stands in every second message as something else.
    """
    return 5 <= len(word) <= LONGEST and any(letter.isdigit() for letter in word)


class MemoryIndex:
    """The index for as long as a process lives, for `hub run --once` and for tests."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.graph = Graph()
        self.names: dict[str, Name] = {}
        self.doubts: dict[Doubt, Source] = {}
        self.marks: set[str] = set()
        self._words: dict[str, set[str]] = {}

    def look(self, names: Mapping[str, Name], *, whole: bool = False) -> Looked:
        """All that is known, *whole* or not: a copy, because what a message says counts only once it is committed."""
        closed = frozenset(own for own, name in names.items() if self.marks and mark(self._keys, name) in self.marks)
        return Looked(Graph(self.graph.kinds, self.graph.links.values(), self.graph.taken_back), closed)

    def value(self, name: str) -> str | None:
        """The identifier itself."""
        return self.names[name].value if name in self.names else None

    def keep(self, news: News) -> None:
        """Keep *news*, but for what was closed meanwhile."""
        shut = {own for own, name in news.names.items() if mark(self._keys, name) in self.marks}
        for link in news.links:
            if shut.isdisjoint((link.one, link.other)):
                self.graph.add(link)
        for doubt, source in news.doubts:
            if doubt.name not in shut:
                self.doubts.setdefault(doubt, source)
        tied = {name for link in news.links for name in (link.one, link.other)}
        for own in (tied | {doubt.name for doubt, _ in news.doubts}) & news.names.keys() - shut:
            self.names[own] = news.names[own]
            self.graph.kinds[own] = news.names[own].kind

    def close(self, named: Collection[Name], at: datetime) -> int:
        """Close, and forget all but the marks."""
        own = {name_of(self._keys, name): name for name in named}
        mine, _ = closing(self.graph, own)
        for name in {**own, **{one: self.names[one] for one in mine if one in self.names}}.values():
            self.marks.add(mark(self._keys, name))
            if (word := word_of(name)) is not None:
                self._words.setdefault(word[0], set()).add(word_mark(self._keys, *word))
        for one in mine:
            for link in list(self.graph.of(one)):
                self.graph.links.pop(link.id, None)
            self.names.pop(one, None)
            self.graph.kinds.pop(one, None)
        self.graph = Graph(self.graph.kinds, self.graph.links.values(), self.graph.taken_back)
        self.doubts = {doubt: source for doubt, source in self.doubts.items() if doubt.name not in mine}
        return len(own.keys() | mine)

    def closed_words(self, agency: str) -> Collection[str]:
        """Marks of what all know, and of what *agency* itself gave out."""
        return self._words.get("", set()) | self._words.get(agency, set())
