"""Undelivered: what the couriers' ledgers say has not been acknowledged, for each agency and stream; only read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, and_, func, inspect, make_url, or_, select
from sqlalchemy.exc import SQLAlchemyError

from hub.store import engine, reading
from hub.store.rows import is_handed
from hub.store.tables import deliveries


class Oldest(NamedTuple):
    """Where the oldest record lies on its topic, and when a courier took it in."""

    topic: str
    partition: int
    offset: int
    created: datetime


class Open(NamedTuple):
    """
    What one ledger holds of one agency and stream.

    Of *messages* that are not acknowledged *parked* wait for a person, and *failing* were tried in vain since
    *failing_since*, one that is just being tried again among them; *acknowledged_at* is the last acknowledgement.
    """

    messages: int = 0
    parked: int = 0
    failing: int = 0
    failing_since: datetime | None = None
    oldest: Oldest | None = None
    acknowledged_at: datetime | None = None


Way = tuple[str, str]
NO_LEDGER = "the couriers have written no ledger yet"


class Ledgers:
    """Reads the ledgers at some URLs; makes nothing, changes nothing, and holds up nobody who writes."""

    def __init__(self, urls: Collection[str]) -> None:
        self._urls = tuple(dict.fromkeys(urls))
        self._engines: dict[str, Engine] = {}

    def look(self, ways: Collection[Way]) -> tuple[dict[Way, Open], dict[str, str]]:
        """What each of *ways* has open, all ledgers together; and why one could not be looked at, by its name."""
        found: dict[Way, Open] = {}
        faults: dict[str, str] = {}
        for number, url in enumerate(self._urls, 1):
            name = "ledger" if len(self._urls) == 1 else f"ledger {number} of {len(self._urls)}"
            try:
                store = self._engine(url)
                if store is None:
                    faults[name] = NO_LEDGER
                    continue
                for way, one in _open(store, ways).items():
                    found[way] = _both(found[way], one) if way in found else one
            except SQLAlchemyError as error:
                faults[name] = f"{type(error).__name__}: see that the store is up and that HUB_STORE_URL names it"
        return found, faults

    def close(self) -> None:
        """Let go of every connection."""
        for store in self._engines.values():
            store.dispose()
        self._engines.clear()

    def _engine(self, url: str) -> Engine | None:
        """The store, None where nobody wrote it yet: looking must not make one."""
        if url not in self._engines:
            where = make_url(url)
            if where.get_backend_name() == "sqlite" and not Path(where.database or "").is_file():
                return None
            store = engine(url)
            if not inspect(store).has_table(deliveries.name):
                store.dispose()
                return None
            self._engines[url] = store
        return self._engines[url]


def _open(store: Engine, ways: Collection[Way]) -> dict[Way, Open]:
    rows = deliveries.c
    before = or_(and_(rows.state == "PENDING", rows.attempts > 0), and_(rows.state == "ATTEMPT", rows.attempts > 1))
    tried = and_(before, ~is_handed(deliveries)).label("tried")
    counted = (func.count(), func.min(rows.seq), func.min(rows.created))
    query = select(rows.agency, rows.stream, rows.state, tried, *counted).where(rows.settled.is_(None))
    query = query.group_by(rows.agency, rows.stream, rows.state, tried)
    found: dict[Way, Open] = {}
    first: dict[Way, int] = {}
    with reading(store) as connection:
        for agency, stream, state, failing, count, seq, created in connection.execute(query).all():
            way = (agency, stream)
            one = found.get(way, Open())
            one = one._replace(messages=one.messages + count, parked=one.parked + (count if state == "PARKED" else 0))
            if failing:
                since = min(created, one.failing_since or created)
                one = one._replace(failing=one.failing + count, failing_since=since)
            found[way], first[way] = one, min(seq, first.get(way, seq))
        where = (rows.topic, rows.partition, rows.offset, rows.created)
        for (agency, stream), seq in first.items():
            row = connection.execute(select(*where).where(rows.agency == agency, rows.seq == seq)).one_or_none()
            found[agency, stream] = found[agency, stream]._replace(oldest=Oldest(*row) if row is not None else None)
        for agency, stream in ways:
            last = select(rows.settled).where(rows.agency == agency, rows.stream == stream, rows.settled.is_not(None))
            last = last.where(rows.state == "ACKED").order_by(rows.settled.desc()).limit(1)
            moment = connection.execute(last).scalar_one_or_none()
            found[agency, stream] = found.get((agency, stream), Open())._replace(acknowledged_at=moment)
    return found


def _both(one: Open, other: Open) -> Open:
    """What two ledgers say of the same: a stream changes its lane only where somebody changes the stream."""
    oldest = min((each.oldest for each in (one, other) if each.oldest), key=lambda each: each.created, default=None)
    acked = max((each.acknowledged_at for each in (one, other) if each.acknowledged_at), default=None)
    since = min((each.failing_since for each in (one, other) if each.failing_since), default=None)
    return Open(
        one.messages + other.messages, one.parked + other.parked, one.failing + other.failing, since, oldest, acked
    )
