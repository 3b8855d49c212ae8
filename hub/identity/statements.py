"""Statements: the links that one event makes between identifiers, and what of it a person must look at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from hub.identified import Certainty
from hub.identity.graph import Graph, Link, Relation
from hub.identity.names import NHS_NUMBER, SHARED, Name, Said
from hub.keys import Keys

TWO_NUMBERS = "identity.two-numbers-merged"
"""A merge of records with two NHS numbers: the numbers stay two, and what rests on either record is only possible."""
NO_SUCCESSOR = "identity.no-successor"
"""A number was withdrawn, and nobody says what took its place: trace it."""
SAID_AGAIN = "identity.said-again"
"""What a person took back was said again, and stays taken back."""
CONTRADICTED = "identity.contradicted"
"""One identifier leads to two NHS numbers."""
BORN_DIFFERS = "identity.born-differs"
"""The date of birth is another than was said beside the number that the identifiers lead to."""
TOO_MANY = "identity.too-many"
"""One identifier is tied to so many others that it names nobody."""


AGAIN = timedelta(days=7)
"""How long it is enough to have written down that something was said."""


class Source(NamedTuple):
    """Who says it: the *agency*, on which *stream*, in which *event*, taken in *at*."""

    agency: str
    stream: str
    event: str
    at: datetime


class Doubt(NamedTuple):
    """What a person must look at: *code* says why, and *name* which identifier."""

    code: str
    name: str


def name_of(keys: Keys, name: Name) -> str:
    """What an identifier is called in the index."""
    return keys.identity("name", *name)


def link_of(
    keys: Keys, one: str, other: str, relation: Relation, certainty: Certainty, source: Source, born: str = ""
) -> Link:
    """One statement; the same of the same agency is the same link, whenever it is said."""
    date = keys.identity("born", other, born) if born else ""
    own = keys.identity("link", one, other, relation, certainty, date, source.agency)
    return Link(own, one, other, relation, certainty, date, source.agency, source.stream, source.event, source.at)


def statements(said: Said, keys: Keys, graph: Graph, source: Source) -> Iterator[Link | Doubt]:
    """
    What *said* adds to *graph*, which knows the names in it.

    Identifiers said together are tied to the best of them. A merge (HL7 v2 A40: PID survives, MRG-1 is discarded) ties
    two numbers of one issuer for certain, of two issuers not quite (HL7 UK A.3 matches them by authority), and never
    two NHS numbers: that both are one person's is the Spine's to say.
    """
    for link in _links(said, keys, source):
        if link.id in graph.taken_back:
            yield Doubt(SAID_AGAIN, link.one)
        elif link.id in graph.links:
            if source.at - graph.last.get(link.id, source.at) > AGAIN:
                graph.last[link.id] = source.at
                yield link  # to keep that it was said of late
        elif full := next((name for name in (link.one, link.other) if graph.full(name)), None):
            yield Doubt(TOO_MANY, full)
        else:
            yield link
    for discarded, survivor in said.merged:
        if discarded.kind == NHS_NUMBER and survivor not in (None, discarded):
            yield Doubt(TWO_NUMBERS, name_of(keys, discarded))
    if said.superseded is not None and not said.superseded[1]:
        yield Doubt(NO_SUCCESSOR, name_of(keys, said.superseded[0]))


def _links(said: Said, keys: Keys, source: Source) -> Iterator[Link]:
    word: Certainty = "certain" if said.sure else "probable"
    if said.names:
        anchor = name_of(keys, said.names[0])
        for name in said.names[1:]:
            yield link_of(keys, name_of(keys, name), anchor, "same", word, source, said.born)
    yield from _merges(said, keys, source, word)
    if said.superseded is not None:
        old, new = said.superseded
        successors = [name for name in new if name != old]
        certainty: Certainty = word if len(successors) == 1 else "possible"
        for name in successors:
            yield link_of(keys, name_of(keys, old), name_of(keys, name), "gave-way", certainty, source)


def _merges(said: Said, keys: Keys, source: Source, word: Certainty) -> Iterator[Link]:
    discarded = [name for name, _ in said.merged if name.kind not in SHARED]
    numbers = [name for name, _ in said.merged if name.kind == NHS_NUMBER]
    for name, survivor in said.merged:
        if name.kind in SHARED or name == survivor:
            continue
        if survivor is not None:
            certainty: Certainty = "certain" if name.issuer == survivor.issuer else "probable"
            yield link_of(keys, name_of(keys, name), name_of(keys, survivor), "gave-way", certainty, source)
        elif said.names:
            yield link_of(keys, name_of(keys, name), name_of(keys, said.names[0]), "same", word, source)
    # What is discarded was one record, whose two numbers nobody traced for this message.
    beside = discarded or [name for name in said.names if name.kind not in SHARED]
    for number in numbers:
        for name in beside:
            yield link_of(keys, name_of(keys, name), name_of(keys, number), "same", "probable", source)
