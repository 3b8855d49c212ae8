"""Stores: what the hub must remember in SQL, by URL; Kafka is the log, and nothing here is a second copy of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import Table
from sqlalchemy.types import TypeDecorator

BUSY_MILLISECONDS = 15_000
MOST_CONNECTIONS = 60  # of one process beyond SQLAlchemy's five: each agency's courier reads in a thread of its own
_of_this_thread = threading.local()
_CREATING = 0x68756273  # any fixed number: the advisory lock under which tables are made


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC and given back in UTC, whatever the database makes of time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; raises ValueError for a datetime that does not say its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment must say its time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """From the database, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def engine(url: str) -> Engine:
    """
    The database at *url*: `sqlite:///path`, `sqlite://` (in memory) or `postgresql://…`.

    What is committed is on disk, in both: SQLite in WAL mode with synchronous=FULL, PostgreSQL with
    synchronous_commit on, whatever its server defaults to. Raises ValueError for another kind of database.
    """
    where = make_url(url)
    kind = where.get_backend_name()
    if kind in ("postgresql", "postgres"):
        options = "-c timezone=UTC -c synchronous_commit=on -c statement_timeout=60s"
        return create_engine(
            where.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            max_overflow=MOST_CONNECTIONS,
            hide_parameters=True,
            connect_args={"connect_timeout": 10, "options": options},
        )
    if kind != "sqlite":
        raise ValueError(f"the store is SQLite or PostgreSQL, not {kind}; set HUB_STORE_URL to one of them")
    room: dict[str, Any] = {}
    if where.database and where.database != ":memory:":
        room = {"max_overflow": MOST_CONNECTIONS}
        Path(where.database).parent.mkdir(parents=True, exist_ok=True)
        Path(where.database).touch(mode=0o600)
    made = create_engine(where, hide_parameters=True, connect_args={"timeout": BUSY_MILLISECONDS / 1000}, **room)
    event.listen(made, "connect", _prepare_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: _begin_sqlite does
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MILLISECONDS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another wrote meanwhile; IMMEDIATE waits.
    reads = connection.get_execution_options().get("reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def reading(store: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and holds up nobody who writes; in a shared one, that one."""
    if (shared := _shared(store)) is not None:
        yield shared
        return
    with store.connect().execution_options(reads=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(store: Engine) -> Iterator[Connection]:
    """A transaction, committed at the end of the block; in a shared one, a part of it that can be undone by itself."""
    if (shared := _shared(store)) is not None:
        with shared.begin_nested():
            yield shared
        return
    with store.begin() as connection:
        yield connection


@contextmanager
def sharing(store: Engine, connection: Connection) -> Iterator[None]:
    """In the block, all that this thread reads and writes in *store* is part of the transaction of *connection*."""
    _of_this_thread.shared = (store, connection)
    try:
        yield
    finally:
        del _of_this_thread.shared


def _shared(store: Engine) -> Connection | None:
    of, connection = getattr(_of_this_thread, "shared", (None, None))
    return connection if of is store else None


def create(store: Engine, metadata: MetaData) -> None:
    """Make the tables of *metadata* that are not there yet; safe while other processes do the same."""
    with store.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:one)"), {"one": _CREATING})
        metadata.create_all(connection)


def insert(store: Engine, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what to do on conflict, which SQL leaves to each database."""
    return sqlite.insert(table) if store.dialect.name == "sqlite" else postgresql.insert(table)
