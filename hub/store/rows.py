"""Rows: which rows of the ledger are whose, and which of them may be tried; the conditions all its rooms share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, or_

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


def is_handed(table: Any) -> ColumnElement[bool]:
    """Whether the road has it, and the partner's own word is awaited."""
    return and_(table.c.state == "ATTEMPT", table.c.ack != "")


def is_due(table: Any, now: datetime, before: datetime | None = None) -> ColumnElement[bool]:
    """
    Whether a row may be tried *now*; one that is in no file yet only where it waits since before a moment.

    Of a door whose files go at set times that moment is the end of the last period.
    """
    wrong = table.c.due > now + HORIZON
    ripe = table.c.due <= now
    if before is not None:
        ripe = and_(ripe, or_(table.c.batch.is_not(None), table.c.due < before))
    handed = and_(is_handed(table), or_(table.c.due <= now, table.c.due > now + PATIENCE + HORIZON))
    other = and_(~is_handed(table), or_(ripe, wrong))
    return and_(table.c.state.in_(WAITING), or_(handed, other))


def portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """*ids* in portions that a statement can name."""
    return (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE))
