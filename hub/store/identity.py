"""
The identity index in SQL: names, links and marks of what is closed; whom they lead to is `hub.identity`'s to say.

What lies here is the only copy of most of it. Kafka keeps the events that said it for a week, so that no more than the
last week's links could be said again from there; what persons decided is nowhere else; and what an adoption order
closed follows from its topic for the identifiers that it names, but not for the hospital's and school's numbers that
were closed with them. So the database is backed up, and personal data lies in it sealed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, Connection, Engine, and_, bindparam, delete, exists, or_, select, text
from sqlalchemy.schema import Table

from hub.identity.closing import closing
from hub.identity.graph import Graph, Link
from hub.identity.index import Looked, News, mark, word_mark, word_of
from hub.identity.names import NHS_NUMBER, Name
from hub.identity.statements import Doubt, Source, name_of
from hub.keys import Keys
from hub.store import create, insert, reading, writing
from hub.store.identity_tables import closed, doubts, links, metadata, names

AT_ONCE = 400  # values in one IN: below what either database takes, and few enough statements for a file
MOST_NAMES = 2_000  # looked at in one closing; one child has some dozens, and what hangs together may be many children
WHOLE = "-"
PERSON = "person"
"""In the place of an agency: a person said it, and the record of what was done says who."""
MAYBE_CLOSED = "identity.maybe-closed"
"""An adoption order closed what this was tied to, and it may be another child's: somebody must say."""
_CLOSING = 0x69646E74  # any fixed number: the lock that keeps what is being closed from being written anew

# Made once: to put a statement together takes longer than to carry it out.
_SOME: BindParameter[str] = bindparam("some", expanding=True)
_NUMBERS: BindParameter[str] = bindparam("numbers", expanding=True)
_SHUT = select(closed.c.mark).where(closed.c.mark.in_(_SOME))
_KNOWN = select(names.c.name).where(names.c.name.in_(_SOME))
_AROUND = select(
    *(links.c[name] for name in Link._fields),
    links.c.one_kind,
    links.c.other_kind,
    links.c.last,
    links.c.taken_back,
).where(
    or_(
        links.c.one.in_(_SOME),
        links.c.other.in_(_SOME),
        and_(links.c.one.in_(_NUMBERS), links.c.relation == "gave-way"),
        and_(links.c.other.in_(_NUMBERS), links.c.relation == "gave-way"),
    )
)


class SqlIndex:
    """The index over one database, for as many processes as there are."""

    def __init__(self, store: Engine, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._new = {table: insert(store, table).on_conflict_do_nothing() for table in (names, doubts, closed)}
        link = insert(store, links)
        self._said = link.on_conflict_do_update(index_elements=["id"], set_={"last": link.excluded.last})
        create(store, metadata)

    def look(self, names: Mapping[str, Name], *, whole: bool = False) -> Looked:
        """All that is tied to *names*, as far as it can lead to an NHS number, or the *whole* that hangs together."""
        marks = {mark(self._keys, name): own for own, name in names.items()}
        with reading(self._store) as connection:
            graph = graph_of(connection, {own: name.kind for own, name in names.items()}, whole=whole)
            return Looked(graph, frozenset(marks[one] for one in shut_of(connection, marks)))

    def value(self, name: str) -> str | None:
        """The identifier itself."""
        with reading(self._store) as connection:
            found = self.named(connection, [name])
        return found[name].value if found else None

    def named(self, connection: Connection, wanted: Collection[str]) -> dict[str, Name]:
        """The identifiers that are called *wanted*, as far as they are known."""
        found = {}
        for some in portions(wanted):
            for own, kind, box in connection.execute(
                select(names.c.name, names.c.kind, names.c.box).where(names.c.name.in_(some))
            ):
                found[own] = Name(kind, *json.loads(self._keys.unseal("identity", box, own)))
        return found

    def keep(self, news: News) -> None:
        """Keep *news*, but for what was closed since it was looked up; the same again changes nothing."""
        with writing(self._store) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock_shared(:one)"), {"one": _CLOSING})
            self.write(connection, news)

    def write(self, connection: Connection, news: News) -> None:
        """Keep *news* in a transaction that is under way."""
        used = {one for link in news.links for one in (link.one, link.other)} | {one.name for one, _ in news.doubts}
        marks = {mark(self._keys, news.names[own]): own for own in used if own in news.names}
        shut = {marks[one] for one in shut_of(connection, marks)}
        known = {row.name for some in portions(used) for row in connection.execute(_KNOWN, {"some": some})}
        kinds = {own: news.names[own].kind for own in used if own in news.names}
        self._insert(connection, names, [
            {"name": own, "kind": kinds[own], "box": self._box(own, news.names[own])}
            for own in sorted(kinds.keys() - shut - known)
        ])  # fmt: skip
        rows = [
            {**link._asdict(), "one_kind": kinds[link.one], "other_kind": kinds[link.other], "last": link.at}
            for link in sorted({link.id: link for link in news.links}.values())
            if shut.isdisjoint((link.one, link.other))
        ]
        if rows:
            connection.execute(self._said, rows)
        self._insert(connection, doubts, [
            {**doubt._asdict(), **source._asdict()}
            for doubt, source in sorted(news.doubts) if doubt.name not in shut
        ])  # fmt: skip

    def close(self, named: Collection[Name], at: datetime) -> int:
        """
        Close, and forget all but the marks; returns how many identifiers that were.

        What is closed and what is forgotten is one transaction. In SQLite the place of what is deleted is overwritten.
        """
        own = {name_of(self._keys, name): name for name in named}
        with writing(self._store) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:one)"), {"one": _CLOSING})
            else:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            graph = graph_of(connection, {one: name.kind for one, name in own.items()}, whole=True)
            mine, beside = closing(graph, own)
            every = {**self.named(connection, mine), **own}
            marks = [{"mark": mark(self._keys, name), "agency": WHOLE} for name in every.values()]
            for name in every.values():
                if (word := word_of(name)) is not None:
                    marks.append({"mark": word_mark(self._keys, *word), "agency": word[0]})
            self._insert(connection, closed, marks)
            for some in portions(every):
                connection.execute(delete(names).where(names.c.name.in_(some)))
                connection.execute(delete(links).where(or_(links.c.one.in_(some), links.c.other.in_(some))))
                connection.execute(delete(doubts).where(doubts.c.name.in_(some)))
            self._insert(connection, doubts, [
                {**Doubt(MAYBE_CLOSED, one)._asdict(), **Source("", "", "", at)._asdict()}
                for one in sorted(beside) if graph.kinds[one] != NHS_NUMBER  # who the child is now, perhaps
            ])  # fmt: skip
        return len(every)

    def prune(self, before: datetime) -> int:
        """
        Forget what nobody said since a moment; returns how many links that were.

        A hospital says who everybody is that it treats, and the index keeps nobody for ever. What persons said or took
        back stays, and so does which NHS number gave way to which, which is said once.
        """
        forgotten = and_(
            links.c.last < before,
            links.c.taken_back.is_(None),
            links.c.agency != PERSON,
            or_(links.c.relation == "same", links.c.one_kind != NHS_NUMBER),
        )
        with writing(self._store) as connection:
            count = connection.execute(delete(links).where(forgotten)).rowcount
            if count:
                tied = exists().where(or_(links.c.one == names.c.name, links.c.other == names.c.name))
                asked = exists().where(doubts.c.name == names.c.name)
                connection.execute(delete(names).where(~tied, ~asked))
        return count

    def closed_words(self, agency: str) -> Collection[str]:
        """Marks of what all know, and of what *agency* itself gave out."""
        with reading(self._store) as connection:
            return set(connection.scalars(select(closed.c.mark).where(closed.c.agency.in_(("", agency)))))

    def _box(self, own: str, name: Name) -> bytes:
        return self._keys.seal("identity", json.dumps([name.issuer, name.value]).encode(), own)

    def _insert(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        if rows:
            connection.execute(self._new[table], rows)


def shut_of(connection: Connection, marks: Iterable[str]) -> set[str]:
    """Those of *marks* that stand for something closed."""
    return {one for some in portions(marks) for one in connection.scalars(_SHUT, {"some": some})}


def graph_of(connection: Connection, kinds: Mapping[str, str], *, whole: bool = False) -> Graph:
    """
    The links around the names in *kinds*, wave by wave, as far as they lead on.

    Unless the *whole* is wanted, of an NHS number only what it gave way to, or the other way round: whom else it ties
    is asked from the other end.
    """
    graph = Graph(kinds)
    wave, loaded = set(kinds), set(kinds)
    while wave:
        if whole and len(loaded) > MOST_NAMES + len(kinds):
            graph.cut = True
            break
        for some in portions(wave):
            numbers = [] if whole else [name for name in some if graph.kinds[name] == NHS_NUMBER]
            others = some if whole else [name for name in some if graph.kinds[name] != NHS_NUMBER]
            for *said, one_kind, other_kind, last, taken_back in connection.execute(
                _AROUND, {"some": others, "numbers": numbers}
            ):
                link = Link(*said)
                graph.last[link.id] = last
                graph.kinds.setdefault(link.one, one_kind)
                graph.kinds.setdefault(link.other, other_kind)
                if taken_back is None:
                    graph.add(link)
                else:
                    graph.taken_back.add(link.id)
        wave = {following for name in wave for following in _following(graph, name, whole=whole)} - loaded
        loaded |= wave
    return graph


def _following(graph: Graph, name: str, *, whole: bool) -> Iterator[str]:
    """Where it goes on from a name: to all that is tied to it, or only to where an event's number may lie."""
    if whole:
        yield from (one for link in graph.of(name) for one in (link.one, link.other))
        return
    yield from (following for following, _ in graph.steps(name))
    if graph.kinds[name] == NHS_NUMBER:
        yield from (link.one for link in graph.of(name) if link.relation == "gave-way")


def portions(values: Iterable[str]) -> Iterator[list[str]]:
    """*values* in an order that is always the same, as many at once as one statement takes."""
    ordered = sorted(values)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]
