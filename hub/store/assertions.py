"""Assertions that agencies used, so that none is used twice; forgotten when they would not be good any more."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, delete
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import TransportError
from hub.keys import Keys
from hub.store import create, insert
from hub.store.tables import metadata, spent


class SpentAssertions:
    """
    As `hub.access.assertion.Spent`, in SQL: what was used before a restart, or at another gateway, stays used.

    Of a name only a keyed digest is kept: what strangers call a thing may say anything about anyone.
    """

    def __init__(self, store: Engine, keys: Keys) -> None:
        self._store, self._keys = store, keys
        create(store, metadata)

    def spend(self, agency: str, name: str, until: float, now: float) -> bool:
        """Write it down; False where it had been."""
        row = {
            "name": self._keys.event_id(agency, "client assertion", name, -1),  # no line is called so
            "until": datetime.fromtimestamp(until, UTC),
        }
        try:
            with self._store.begin() as connection:
                connection.execute(delete(spent).where(spent.c.until < datetime.fromtimestamp(now, UTC)))
                kept = insert(self._store, spent).values(row).on_conflict_do_nothing().returning(spent.c.name)
                return connection.execute(kept).scalar_one_or_none() is not None
        except SQLAlchemyError as error:
            raise TransportError(f"store: {type(error).__name__}") from None
