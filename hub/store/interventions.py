"""Interventions: who decided what of a parked message, when and why; rows are added in the deed's own transaction."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, insert, select

from hub.store import reading
from hub.store.tables import interventions


class Intervention(NamedTuple):
    """One decision: *what* is a verb, *reason* the code under which the message was parked; nothing of its content."""

    at: datetime
    by: str
    what: str
    agency: str
    stream: str
    message_id: str
    reason: str
    because: str


def record(connection: Connection, one: Intervention) -> None:
    """Write it down; it stands where what was decided stands, or neither does."""
    connection.execute(insert(interventions).values(**one._asdict()))


def recorded(store: Engine, limit: int = 100) -> list[Intervention]:
    """The last decisions, the newest first."""
    query = select(*interventions.c[Intervention._fields]).order_by(interventions.c.id.desc()).limit(limit)
    with reading(store) as connection:
        return [Intervention(*row) for row in connection.execute(query)]
