"""Rows: which rows of the ledger are whose, and which of them may be tried; the conditions all its rooms share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, and_, bindparam, or_

from hub.store import create
from hub.store.entries import Entry, Lane
from hub.store.tables import deliveries, metadata

HORIZON = timedelta(minutes=15)
"""
No due time lies further ahead; one that does was written by a clock that was wrong, and counts as due.

But for what was handed over and waits for the partner's own word: that lies `PATIENCE` ahead.
"""
PATIENCE = timedelta(days=6)
"""
How long a partner may take to say what became of a file before it goes again, with the same number and bytes.

A MESH message that nobody fetched comes back undelivered after five days, so that by then the road's own word is there.
"""
WAITING = ("PENDING", "ATTEMPT")
EMPTY = b""
FILE = "file"
"""By what a message is parked of whose file another cannot go."""
KEPT_OVER = "kept.over"
"""The code of what was not delivered as long as the grant lets the hub keep it: parked, with nothing left to send."""
AT_ONCE = 500  # ids in one statement: SQLite and PostgreSQL take so many parameters and more

ENTRY = tuple(deliveries.c[name] for name in Entry.__dataclass_fields__)


class Rows:
    """One database with the ledger's tables."""

    def __init__(self, store: Engine) -> None:
        self._store = store
        create(store, metadata)

    @property
    def database(self) -> Engine:
        """The database that it is."""
        return self._store


def of(lane: Lane) -> ColumnElement[bool]:
    """The rows of one lane."""
    return and_(*(deliveries.c[part] == value for part, value in lane._asdict().items()))


OF_LANE = and_(*(deliveries.c[part] == bindparam(f"of_{part}") for part in Lane._fields))
"""The same in a statement that is made once, because to make one costs more than to ask it: `named` says which."""


def named(lane: Lane) -> dict[str, str]:
    """What a statement with `OF_LANE` is asked with."""
    return {f"of_{part}": value for part, value in lane._asdict().items()}


def is_handed(table: Any) -> ColumnElement[bool]:
    """Whether the road has it, and the partner's own word is awaited."""
    return and_(table.c.state == "ATTEMPT", table.c.ack != "")


class When(NamedTuple):
    """A moment, and those by which a row's due time is judged: moments, or in `ASKED_WHEN` where they are put in."""

    now: Any
    wrong: Any
    very_wrong: Any
    before: Any


ASKED_WHEN = When(*(bindparam(f"when_{part}") for part in When._fields))


def when(now: datetime, before: datetime | None = None) -> When:
    """
    The moments that *now* comes to.

    What is in no file yet may be tried only where it waits since *before*: of a door whose files go at set times, the
    end of the last period.
    """
    return When(now, now + HORIZON, now + PATIENCE + HORIZON, before)


def asked(moments: When) -> dict[str, datetime | None]:
    """What a statement with `ASKED_WHEN` is asked with."""
    return {f"when_{part}": value for part, value in moments._asdict().items()}


def is_due(table: Any, at: When, *, filed: bool = False) -> ColumnElement[bool]:
    """Whether a row may be tried; with *filed*, one that is in no file yet only where it waits since `before`."""
    wrong = table.c.due > at.wrong
    ripe = table.c.due <= at.now
    if filed:
        ripe = and_(ripe, or_(table.c.batch.is_not(None), table.c.due < at.before))
    handed = and_(is_handed(table), or_(table.c.due <= at.now, table.c.due > at.very_wrong))
    other = and_(~is_handed(table), or_(ripe, wrong))
    return and_(table.c.state.in_(WAITING), or_(handed, other))


def portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """*ids* in portions that a statement can name."""
    return (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE))
