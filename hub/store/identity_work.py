"""Work: what persons look up, confirm and take back in the identity index; every act is on record, nobody's name is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, exists, func, insert, select, update

from hub.errors import HubError
from hub.identified import Certainty
from hub.identity.graph import Graph, Link
from hub.identity.index import News, mark
from hub.identity.names import NHS_NUMBER, Name
from hub.identity.statements import CONTRADICTED, Source, link_of, name_of
from hub.keys import Keys
from hub.reasons import reason
from hub.store import reading, writing
from hub.store.identity import PERSON, SqlIndex, graph_of
from hub.store.identity_tables import audit, closed, doubts, links

UNCONFIRMED = "identity.unconfirmed"
"""Identifiers that were said together by somebody who did not trace them: `confirm` the link, or take it back."""
MOST = 50  # shown at once


class Told(NamedTuple):
    """One link with its ends, each as kind, issuer and a masked value; *taken_back* is when, if it was."""

    link: Link
    one: str
    other: str
    taken_back: datetime | None


class Shown(NamedTuple):
    """What is known of one identifier: the NHS numbers that it leads to, masked, and each link around it."""

    numbers: Mapping[str, Certainty]
    links: Sequence[Told]


class Waiting(NamedTuple):
    """One thing that waits for a person: why, its *name* for the command line, whose it is (masked), since when."""

    code: str
    name: str
    whose: str
    at: datetime


class NotDone(HubError):
    """What a person asked for cannot be, and the message says why."""


class Work:
    """What a person may do with the index; *by* and *because* are put on record before anything is shown or changed."""

    def __init__(self, store: Engine, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._index = SqlIndex(store, keys)

    def waiting(self) -> Counter[str]:
        """How much waits for a person, by why; contradictions that are none any more are forgotten."""
        with writing(self._store) as connection:
            self._forget(connection)
            counts = Counter({
                row.code: row.many
                for row in connection.execute(select(doubts.c.code, func.count().label("many")).group_by(doubts.c.code))
            })  # fmt: skip
            many = connection.execute(select(func.count()).select_from(links).where(_unconfirmed())).scalar_one()
        return counts + Counter({UNCONFIRMED: many})

    def listed(self, *, by: str, because: str, now: datetime) -> list[Waiting]:
        """What waits, the oldest first, at most 50 of them; raises NotAnswered where *because* will not do."""
        with writing(self._store) as connection:
            self._record(connection, "work", "all that waits", by, because, now)
            self._forget(connection)
            query = select(doubts.c.code, doubts.c.name, doubts.c.at).order_by(doubts.c.at).limit(MOST)
            rows = list(connection.execute(query))
            known = self._index.named(connection, [row.name for row in rows])
            found = [Waiting(row.code, f"{row.code}:{row.name}", masked(known.get(row.name)), row.at) for row in rows]
            query = select(links.c.id, links.c.one, links.c.at).where(_unconfirmed()).order_by(links.c.at).limit(MOST)
            pairs = list(connection.execute(query))
            known = self._index.named(connection, [row.one for row in pairs])
        found += [Waiting(UNCONFIRMED, row.id, masked(known.get(row.one)), row.at) for row in pairs]
        return sorted(found, key=lambda one: one.at)[:MOST]

    def show(self, name: Name, *, by: str, because: str, now: datetime) -> Shown:
        """What is known of *name*; of one that an adoption order closed nothing is known."""
        own = name_of(self._keys, name)
        with writing(self._store) as connection:
            self._record(connection, "show", f"a {name.kind}", by, because, now)
            graph = graph_of(connection, {own: name.kind})
            numbers = graph.numbers([own])
            rows = connection.execute(
                select(links).where((links.c.one == own) | (links.c.other == own)).order_by(links.c.at)
            )
            said = [({column: row[column] for column in Link._fields}, row["taken_back"]) for row in rows.mappings()]
            wanted = {own, *numbers, *(one[end] for one, _ in said for end in ("one", "other"))}
            known = self._index.named(connection, wanted)
        told = [
            Told(Link(**one), masked(known.get(one["one"])), masked(known.get(one["other"])), back)
            for one, back in said
        ]
        return Shown({masked(known.get(one)): certainty for one, certainty in numbers.items()}, told)

    def tie(self, one: Name, other: Name, *, by: str, because: str, now: datetime) -> str:
        """
        Say, as a person, that two identifiers are of one; returns the link, by which that can be taken back.

        Raises NotDone where both are NHS numbers, which are the Spine's to tie, where they are the same, and where an
        adoption order closed one of them.
        """
        if one == other or (one.kind == other.kind == NHS_NUMBER):
            raise NotDone("name two, of which at most one is an NHS number: two of those are the Spine's to tie")
        if one.kind == NHS_NUMBER:
            one, other = other, one
        known = {name_of(self._keys, name): name for name in (one, other)}
        with writing(self._store) as connection:
            marks = [mark(self._keys, name) for name in (one, other)]
            if connection.execute(select(closed.c.mark).where(closed.c.mark.in_(marks))).first() is not None:
                raise NotDone("one of them names nobody any more: nothing ties an identity to one that was closed")
            first, second = (name_of(self._keys, name) for name in (one, other))
            return self._tie(connection, first, second, known, by, because, now)

    def confirm(self, link_id: str, *, by: str, because: str, now: datetime) -> str:
        """Say, as a person, what a link says that is not certain; returns the link that says so now."""
        with writing(self._store) as connection:
            row = connection.execute(select(links).where(links.c.id == link_id)).mappings().one_or_none()
            if row is None or row["taken_back"] is not None:
                raise NotDone("there is no such link, or it was taken back: see `hub identity work`")
            known = self._index.named(connection, [row["one"], row["other"]])
            return self._tie(connection, row["one"], row["other"], known, by, because, now)

    def take_back(self, link_id: str, *, by: str, because: str, now: datetime) -> None:
        """
        Undo one link: from now on all is as if it had not been said, also where it is said again.

        Raises NotDone where there is none, or it was taken back before.
        """
        with writing(self._store) as connection:
            query = update(links).where(links.c.id == link_id, links.c.taken_back.is_(None)).values(taken_back=now)
            if connection.execute(query).rowcount != 1:
                raise NotDone("there is no such link, or it was taken back before: `hub identity show` lists them")
            self._record(connection, "unmerge", link_id, by, because, now)

    def settle(self, name: str, *, by: str, because: str, now: datetime) -> None:
        """Say that somebody looked at what waits under *name*; a contradiction comes back as long as it is one."""
        code, _, own = name.partition(":")
        with writing(self._store) as connection:
            if connection.execute(delete(doubts).where(doubts.c.code == code, doubts.c.name == own)).rowcount != 1:
                raise NotDone("nothing waits under that name: `hub identity work` lists what does")
            self._record(connection, "settle", name, by, because, now)

    def _tie(
        self, connection: Connection, one: str, other: str, known: Mapping[str, Name], by: str, because: str,
        now: datetime,
    ) -> str:  # fmt: skip
        link = link_of(self._keys, one, other, "same", "certain", Source(PERSON, "", "", now))
        link = link._replace(id=self._keys.identity("link", one, other, PERSON, now.isoformat()))  # each time anew
        self._index.write(connection, News(known, [link], []))
        self._record(connection, "link", link.id, by, because, now)
        return link.id

    def _record(self, connection: Connection, did: str, what: str, by: str, because: str, now: datetime) -> None:
        said = {"at": now, "did": did, "what": what, **reason(by, because)._asdict()}
        connection.execute(insert(audit).values(said))

    def _forget(self, connection: Connection) -> None:
        """Contradictions that a link taken back has ended."""
        for row in connection.execute(select(doubts.c.name).where(doubts.c.code == CONTRADICTED)).all():
            graph = _around(connection, row.name)
            if graph is None or len(graph.numbers([row.name])) < 2:
                connection.execute(delete(doubts).where(doubts.c.code == CONTRADICTED, doubts.c.name == row.name))

    def record(self) -> list[Mapping[str, object]]:
        """What was done, the newest first."""
        with reading(self._store) as connection:
            return [dict(row) for row in connection.execute(select(audit).order_by(audit.c.number.desc())).mappings()]


def _around(connection: Connection, name: str) -> Graph | None:
    row = connection.execute(
        select(links.c.one, links.c.one_kind, links.c.other_kind).where((links.c.one == name) | (links.c.other == name))
    ).first()
    if row is None:
        return None
    return graph_of(connection, {name: row.one_kind if row.one == name else row.other_kind})


def _unconfirmed() -> ColumnElement[bool]:
    """Links that are less than certain, that hold, and that nobody said better."""
    better = links.alias("better")
    sure = exists().where(
        better.c.one == links.c.one, better.c.other == links.c.other, better.c.certainty == "certain",
        better.c.taken_back.is_(None),
    )  # fmt: skip
    return and_(links.c.certainty != "certain", links.c.taken_back.is_(None), ~sure)


def masked(name: Name | None) -> str:
    """An identifier as it may be shown on a screen: its kind, its issuer and its last three characters."""
    if name is None:
        return "not known"
    shown = name.value[-3:] if len(name.value) > 5 else ""
    return f"{name.kind} {'•' * 5}{shown}" + (f" of {name.issuer.rstrip('/')}" if name.issuer else "")
