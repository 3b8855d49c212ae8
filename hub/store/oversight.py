"""Oversight: what people and ops ask of the ledger, and what a person decides of what was parked; audited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, true, update

from hub.reasons import Reason
from hub.store import reading, writing
from hub.store.entries import Entry, Lane, Late
from hub.store.interventions import Intervention, record
from hub.store.rows import EMPTY, ENTRY, FILE, KEPT_OVER, PATIENCE, WAITING, Rows, is_handed
from hub.store.tables import deliveries, heard, runs

AT_A_TIME = 1000  # rows forgotten in one transaction, so that a large one holds up nobody's writing


class Standing(NamedTuple):
    """How one stream stands with one agency: counts, the codes of what is parked, and since when the oldest waits."""

    agency: str
    stream: str
    waiting: int
    under_way: int
    handed: int
    parked: Mapping[str, int]
    oldest: datetime | None


class Oversight(Rows):
    """The ledger as those see it who answer for it."""

    def release(self, agency: str, stream: str, message_id: str, now: datetime, *, by: Reason | None = None) -> bool:
        """
        Let a parked message go again, outside its batch; False where it is not parked, or nothing is left of it.

        One that is parked only for another of its file takes along all that are.
        """
        changed = {"state": "PENDING", "due": now, "batch": None, "ack": ""}
        may = deliveries.c.reason != KEPT_OVER
        return self._decide("release", (agency, stream, message_id), now, by, changed, may, along=True)

    def give_up(
        self, agency: str, stream: str, message_id: str, reason: str, now: datetime, *, by: Reason | None = None
    ) -> bool:
        """Decide that a parked message never goes, for a *reason* (a code); False where it is not parked."""
        changed = {"state": "SUPERSEDED", "payload": EMPTY, "settled": now, "reason": reason[:120]}
        return self._decide("give up", (agency, stream, message_id), now, by, changed)

    def _decide(
        self,
        what: str,
        message: tuple[str, str, str],
        now: datetime,
        by: Reason | None,
        changed: Mapping[str, Any],
        may: ColumnElement[bool] | None = None,
        *,
        along: bool = False,
    ) -> bool:
        """
        Change a parked row that *may* be, and put on record who decided so, in one transaction.

        Where it is parked only for another of its file, all that are go *along*.
        """
        agency, stream, message_id = message
        parked = and_(
            deliveries.c.agency == agency,
            deliveries.c.stream == stream,
            deliveries.c.message_id == message_id,
            deliveries.c.state == "PARKED",
            true() if may is None else may,
        )
        with writing(self._store) as connection:
            row = connection.execute(select(deliveries.c.reason, deliveries.c.batch).where(parked)).one_or_none()
            if row is None:
                return False
            reason, batch = row
            if along and reason == FILE:
                of_file = (deliveries.c.agency == agency, deliveries.c.stream == stream, deliveries.c.batch == batch)
                parked = and_(*of_file, deliveries.c.state == "PARKED", deliveries.c.reason == FILE)
            connection.execute(update(deliveries).where(parked).values(**changed))
            if by is not None:
                record(connection, Intervention(now, by.by, what, *message, reason, by.because))
            return True

    def counts(self, agency: str) -> Mapping[str, int]:
        """How many messages are in each state; a state without any is 0."""
        query = select(deliveries.c.state, func.count()).where(deliveries.c.agency == agency)
        with reading(self._store) as connection:
            return Counter(dict(connection.execute(query.group_by(deliveries.c.state)).all()))

    def oldest(self, agency: str, stream: str | None = None) -> datetime | None:
        """Since when the oldest message that has still to go waits; parked ones do not count."""
        query = select(func.min(deliveries.c.created)).where(
            deliveries.c.agency == agency, deliveries.c.settled.is_(None), deliveries.c.state.in_(WAITING)
        )
        if stream is not None:
            query = query.where(deliveries.c.stream == stream)
        with reading(self._store) as connection:
            moment: datetime | None = connection.execute(query).scalar_one()
            return moment

    def parked(self, agency: str, limit: int = 100) -> list[tuple[Lane, Entry]]:
        """What waits for a person, oldest first, without the payload."""
        query = select(*deliveries.c["agency", "stream", "address"], *ENTRY).where(
            deliveries.c.agency == agency, deliveries.c.settled.is_(None), deliveries.c.state == "PARKED"
        )
        with reading(self._store) as connection:
            rows = connection.execute(query.order_by(deliveries.c.seq).limit(limit)).all()
        return [(Lane(*row[:3]), replace(Entry(*row[3:]), payload=EMPTY)) for row in rows]

    def find(self, start: str, limit: int = 10) -> list[tuple[Lane, str]]:
        """The parked messages whose id begins so, each with its lane."""
        rows = deliveries.c
        query = select(rows.agency, rows.stream, rows.address, rows.message_id).where(
            rows.state == "PARKED", rows.message_id.startswith(start, autoescape=True)
        )
        with reading(self._store) as connection:
            return [(Lane(*row[:3]), row[3]) for row in connection.execute(query.limit(limit))]

    def reason(self, agency: str, stream: str, message_id: str) -> str | None:
        """The code under which a message is parked; None where it is not."""
        rows = deliveries.c
        query = select(rows.reason).where(
            rows.agency == agency, rows.stream == stream, rows.message_id == message_id, rows.state == "PARKED"
        )
        with reading(self._store) as connection:
            found: str | None = connection.execute(query).scalar_one_or_none()
            return found

    def standing(self) -> list[Standing]:
        """How each stream stands with each agency of which the ledger holds something that is not settled."""
        rows, handed_ = deliveries.c, is_handed(deliveries)
        counted = (func.count(), func.min(rows.created))
        query = select(rows.agency, rows.stream, rows.state, handed_, rows.reason, *counted)
        query = query.where(rows.settled.is_(None)).group_by(rows.agency, rows.stream, rows.state, handed_, rows.reason)
        found: dict[tuple[str, str], Standing] = {}
        with reading(self._store) as connection:
            told = connection.execute(query).all()
        for agency, stream, state, handed, reason, count, oldest in sorted(told, key=lambda row: tuple(row)[:3]):
            one = found.get((agency, stream)) or Standing(agency, stream, 0, 0, 0, {}, None)
            if state == "PARKED":
                one = one._replace(parked=Counter(one.parked) + Counter({reason: count}))
            else:
                one = one._replace(oldest=oldest if one.oldest is None else min(one.oldest, oldest))
                part = "handed" if handed else "under_way" if state == "ATTEMPT" else "waiting"
                one = one._replace(**{part: getattr(one, part) + count})
            found[agency, stream] = one
        return list(found.values())

    def overdue(self, now: datetime, after: timedelta, agency: str | None = None) -> list[Late]:
        """What was handed over longer than *after* ago and the partner has not answered for, the oldest first."""
        rows = deliveries.c
        late = and_(rows.settled.is_(None), is_handed(deliveries), rows.due <= now + PATIENCE - after)
        if agency is not None:
            late = and_(late, rows.agency == agency)
        name = func.coalesce(rows.batch, rows.message_id).label("delivery")
        due = func.min(rows.due)
        query = select(rows.agency, rows.stream, rows.address, name, func.max(runs.c.number), due, func.count())
        same = and_(*(runs.c[part] == rows[part] for part in ("agency", "stream", "batch")))
        query = query.outerjoin_from(deliveries, runs, same).where(late)
        query = query.group_by(rows.agency, rows.stream, rows.address, name).order_by(due)
        found: list[Late] = []
        with reading(self._store) as connection:
            for agency_, stream, address, delivery, number, moment, count in connection.execute(query):
                found.append(Late(Lane(agency_, stream, address), delivery, number or 0, moment - PATIENCE, count))
        return found

    def erase(self, agency: str, stream: str, before: datetime) -> int:
        """
        Erase what some messages say that came before a moment and were not delivered; returns how many.

        They are `AT_A_TIME` while there may be more. Each stays as a row, parked as `kept.over`, so that a person
        learns of it; it holds back nothing, and the partner's word on what the road took still settles it. What a
        file holds is kept as long as the youngest of its messages may be: without one it would be another file.
        """
        rows, member = deliveries.c, deliveries.alias("member")
        younger = exists().where(
            member.c.agency == agency,
            member.c.stream == stream,
            member.c.batch == rows.batch,
            member.c.settled.is_(None),
            member.c.created >= before,
        )
        theirs = and_(rows.agency == agency, rows.stream == stream, rows.settled.is_(None))
        over = and_(theirs, rows.created < before, rows.payload != EMPTY, or_(rows.batch.is_(None), ~younger))
        some = select(rows.message_id).where(over).order_by(rows.seq).limit(AT_A_TIME)
        erased = update(deliveries).where(theirs, rows.message_id.in_(some))
        with writing(self._store) as connection:
            changed = {"state": "PARKED", "payload": EMPTY, "ack": "", "reason": KEPT_OVER}
            return connection.execute(erased.values(**changed)).rowcount

    def prune(self, agency: str, stream: str, before: datetime) -> int:
        """
        Forget some of what was settled before a moment; returns how many messages, `AT_A_TIME` while there may be more.

        A forgotten message would be taken for new if Kafka still held it, so *before* must lie further back
        than the topic reaches. Of numbered files the number stays.
        """
        old = and_(deliveries.c.agency == agency, deliveries.c.stream == stream, deliveries.c.settled < before)
        some = select(deliveries.c.message_id).where(old).limit(AT_A_TIME)
        theirs = and_(deliveries.c.agency == agency, deliveries.c.stream == stream, deliveries.c.message_id.in_(some))
        with writing(self._store) as connection:
            gone = connection.execute(delete(deliveries).where(theirs)).rowcount
        if gone == AT_A_TIME:
            return gone
        members = select(deliveries.c.batch).where(
            deliveries.c.agency == agency, deliveries.c.stream == stream, deliveries.c.batch == runs.c.batch
        )
        empty = and_(runs.c.agency == agency, runs.c.stream == stream, runs.c.at < before, ~members.exists())
        with writing(self._store) as connection:
            connection.execute(delete(runs).where(empty, runs.c.number == 0))
            connection.execute(update(runs).where(empty, runs.c.records != "{}").values(records="{}"))
            connection.execute(delete(heard).where(heard.c.agency == agency, heard.c.at < before))
        return gone
