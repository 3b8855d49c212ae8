"""Ledger: what is on its way to whom, and how far it got; pure SQL in short transactions, all times are arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, exists, func, or_, select, update

from hub.store import create, insert, reading
from hub.store.entries import Acked, Again, Arrival, Entry, Lane, Outcome, Parked
from hub.store.tables import deliveries, metadata, turns

HORIZON = timedelta(minutes=15)
"""No due time lies further ahead; one that does was written by a clock that was wrong, and counts as due."""

WAITING = ("PENDING", "ATTEMPT")
EMPTY = b""

_ENTRY = tuple(deliveries.c[name] for name in Entry.__dataclass_fields__)


def _of(lane: Lane) -> ColumnElement[bool]:
    return and_(*(deliveries.c[part] == value for part, value in lane._asdict().items()))


def _is_due(table: Any, now: datetime) -> ColumnElement[bool]:
    return and_(table.c.state.in_(WAITING), or_(table.c.due <= now, table.c.due > now + HORIZON))


class Ledger:
    """The couriers' ledger over one database; many processes may use it at once, each for agencies of its own."""

    def __init__(self, store: Engine) -> None:
        self._store = store
        create(store, metadata)

    def enqueue(self, arrivals: Sequence[Arrival], now: datetime) -> None:
        """Take in what came, in this order; a message id that is there already changes nothing."""
        for agency in sorted({arrival.lane.agency for arrival in arrivals}):
            with self._store.begin() as connection:
                self._enqueue(connection, [one for one in arrivals if one.lane.agency == agency], now)

    def _enqueue(self, connection: Connection, arrivals: Sequence[Arrival], now: datetime) -> None:
        agency, many = arrivals[0].lane.agency, len(arrivals)
        used = select(func.coalesce(func.max(deliveries.c.seq), 0)).where(deliveries.c.agency == agency)
        turn = insert(self._store, turns).values(agency=agency, last=used.scalar_subquery() + many)
        turn = turn.on_conflict_do_update(index_elements=["agency"], set_={"last": turns.c.last + many})
        first = connection.execute(turn.returning(turns.c.last)).scalar_one() - many + 1
        rows = [
            {
                **arrival.lane._asdict(),
                "message_id": arrival.message_id,
                "seq": first + position,
                "topic": arrival.topic,
                "partition": arrival.partition,
                "offset": arrival.offset,
                "subject": arrival.subject,
                "payload": arrival.payload,
                "state": "PARKED" if arrival.fault else "PENDING",
                "attempts": 0,
                "due": now,
                "batch": None,
                "reason": arrival.fault,
                "ack": "",
                "created": now,
                "settled": None,
            }
            for position, arrival in enumerate(arrivals)
        ]
        once = insert(self._store, deliveries).on_conflict_do_nothing(index_elements=["agency", "stream", "message_id"])
        connection.execute(once, rows)
        for arrival in arrivals:
            if arrival.whole and not arrival.fault:
                self._coalesce(connection, arrival, now)

    def _coalesce(self, connection: Connection, arrival: Arrival, now: datetime) -> None:
        newest = (
            select(deliveries.c.seq)
            .where(_of(arrival.lane), deliveries.c.message_id == arrival.message_id)
            .scalar_subquery()
        )
        older = and_(
            _of(arrival.lane),
            deliveries.c.subject == arrival.subject,
            deliveries.c.state == "PENDING",
            deliveries.c.attempts == 0,
            deliveries.c.batch.is_(None),
            deliveries.c.settled.is_(None),
            deliveries.c.seq < newest,
        )
        connection.execute(
            update(deliveries).where(older).values(state="SUPERSEDED", payload=EMPTY, settled=now, reason="newer")
        )

    def lanes(self, agency: str) -> list[Lane]:
        """The lanes of an agency in which something is waiting to go."""
        query = select(deliveries.c.stream, deliveries.c.address).distinct()
        query = query.where(
            deliveries.c.agency == agency, deliveries.c.settled.is_(None), deliveries.c.state.in_(WAITING)
        )
        with reading(self._store) as connection:
            return [Lane(agency, stream, address) for stream, address in connection.execute(query)]

    def due(
        self, lane: Lane, now: datetime, limit: int, *, together: bool = False, untried_first: bool = False
    ) -> list[Entry]:
        """
        What may be tried now, oldest first: for each child, only what no earlier message still holds back.

        An earlier message holds back its child's later ones until it is settled, parked ones too, and nobody
        else's. With *together*, later ones follow where the earlier can go in the same batch. *untried_first*
        puts what failed least first, so that one message that always fails cannot be all that is ever tried; it
        does not go with *together*, where the limit could then part a child's messages in the wrong place.
        """
        earlier = deliveries.alias("earlier")
        same_batch = and_(earlier.c.batch.is_not(None), earlier.c.batch == deliveries.c.batch)
        passes = same_batch
        if together:
            both_free = and_(earlier.c.batch.is_(None), deliveries.c.batch.is_(None))
            passes = or_(same_batch, and_(both_free, _is_due(earlier, now)))
        held = exists().where(
            earlier.c.agency == deliveries.c.agency,
            earlier.c.stream == deliveries.c.stream,
            earlier.c.address == deliveries.c.address,
            earlier.c.subject == deliveries.c.subject,
            earlier.c.settled.is_(None),
            earlier.c.seq < deliveries.c.seq,
            func.coalesce(passes, False).is_(False),  # NULL, where one has a batch and the other none, is no
        )
        query = select(*_ENTRY).where(_of(lane), deliveries.c.settled.is_(None), _is_due(deliveries, now), ~held)
        order = (deliveries.c.attempts, deliveries.c.seq) if untried_first else (deliveries.c.seq,)
        with reading(self._store) as connection:
            return [Entry(*row) for row in connection.execute(query.order_by(*order).limit(limit))]

    def next_due(self, lane: Lane, now: datetime) -> datetime | None:
        """When something that waits in a lane becomes due, after *now*."""
        query = select(func.min(deliveries.c.due)).where(
            _of(lane),
            deliveries.c.settled.is_(None),
            deliveries.c.state.in_(WAITING),
            deliveries.c.due > now,
        )
        with reading(self._store) as connection:
            moment: datetime | None = connection.execute(query).scalar_one()
            return moment

    def assign_batch(self, lane: Lane, ids: Sequence[str], batch: str) -> None:
        """Fix that these messages go together, at every attempt, under the id *batch*."""
        free = and_(_of(lane), deliveries.c.message_id.in_(ids), deliveries.c.batch.is_(None))
        with self._store.begin() as connection:
            connection.execute(update(deliveries).where(free, deliveries.c.settled.is_(None)).values(batch=batch))

    def rows_of_batch(self, lane: Lane, batch: str) -> list[Entry]:
        """All messages of a batch that are not settled, in order."""
        query = select(*_ENTRY).where(_of(lane), deliveries.c.batch == batch, deliveries.c.settled.is_(None))
        with reading(self._store) as connection:
            return [Entry(*row) for row in connection.execute(query.order_by(deliveries.c.seq))]

    def attempt(self, lane: Lane, ids: Sequence[str], now: datetime, until: datetime) -> frozenset[str]:
        """
        Note that these messages are about to be tried; returns the ids of those that really are the caller's.

        They are nobody else's before *until*, and due again then, unless their outcome is known by that time.
        """
        mine = and_(_of(lane), deliveries.c.message_id.in_(ids), deliveries.c.settled.is_(None))
        change = (
            update(deliveries)
            .where(mine, _is_due(deliveries, now))
            .values(state="ATTEMPT", attempts=deliveries.c.attempts + 1, due=until)
            .returning(deliveries.c.message_id)
        )
        with self._store.begin() as connection:
            return frozenset(connection.execute(change).scalars())

    def settle(self, lane: Lane, outcomes: Sequence[Outcome], now: datetime) -> None:
        """
        Write down how attempts ended, all in one transaction.

        An acknowledgement is a fact and settles a message whatever was thought of it; the other outcomes only
        hold for what still waits.
        """
        with self._store.begin() as connection:
            for outcome in outcomes:
                open_rows = and_(_of(lane), deliveries.c.message_id.in_(outcome.ids), deliveries.c.settled.is_(None))
                change = update(deliveries).where(open_rows)
                match outcome:
                    case Acked():
                        change = change.values(
                            state="ACKED", payload=EMPTY, ack=outcome.ack[:200], reason="", settled=now
                        )
                    case Again():
                        change = change.where(deliveries.c.state == "ATTEMPT")
                        change = change.values(
                            state="PENDING", due=min(outcome.due, now + HORIZON), reason=outcome.reason[:120]
                        )
                    case Parked():
                        change = change.where(deliveries.c.state.in_(WAITING))
                        change = change.values(state="PARKED", reason=outcome.reason[:120])
                connection.execute(change)

    def recover(self, agency: str, now: datetime) -> int:
        """
        Make due at once what was being tried when the agency's courier last died; returns how many.

        For the start of a courier. Should another one be alive after all, a message may go twice, with one id.
        """
        lost = and_(deliveries.c.agency == agency, deliveries.c.settled.is_(None), deliveries.c.state == "ATTEMPT")
        with self._store.begin() as connection:
            return connection.execute(update(deliveries).where(lost).values(state="PENDING", due=now)).rowcount

    def hasten(self, lane: Lane, now: datetime) -> None:
        """Make due at once what waits for another try: the partner is back."""
        waiting = and_(_of(lane), deliveries.c.settled.is_(None), deliveries.c.state == "PENDING")
        with self._store.begin() as connection:
            connection.execute(update(deliveries).where(waiting, deliveries.c.due > now).values(due=now))

    def release(self, agency: str, stream: str, message_id: str, now: datetime) -> bool:
        """Let a parked message go again, outside its batch; False where it is not parked."""
        return self._unpark(agency, stream, message_id, state="PENDING", due=now, batch=None)

    def give_up(self, agency: str, stream: str, message_id: str, reason: str, now: datetime) -> bool:
        """Decide that a parked message never goes, for a *reason* (a code); False where it is not parked."""
        return self._unpark(
            agency, stream, message_id, state="SUPERSEDED", payload=EMPTY, settled=now, reason=reason[:120]
        )

    def _unpark(self, agency: str, stream: str, message_id: str, **values: Any) -> bool:
        parked = and_(
            deliveries.c.agency == agency,
            deliveries.c.stream == stream,
            deliveries.c.message_id == message_id,
            deliveries.c.state == "PARKED",
        )
        with self._store.begin() as connection:
            return connection.execute(update(deliveries).where(parked).values(**values)).rowcount == 1

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
        query = select(*deliveries.c["agency", "stream", "address"], *_ENTRY).where(
            deliveries.c.agency == agency, deliveries.c.settled.is_(None), deliveries.c.state == "PARKED"
        )
        with reading(self._store) as connection:
            rows = connection.execute(query.order_by(deliveries.c.seq).limit(limit)).all()
        return [(Lane(*row[:3]), replace(Entry(*row[3:]), payload=EMPTY)) for row in rows]

    def prune(self, agency: str, stream: str, before: datetime) -> int:
        """
        Forget what was settled before a moment; returns how many rows that were.

        A forgotten message would be taken for new if Kafka still held it, so *before* must lie further back
        than the topic reaches.
        """
        old = and_(deliveries.c.agency == agency, deliveries.c.stream == stream, deliveries.c.settled < before)
        with self._store.begin() as connection:
            return connection.execute(delete(deliveries).where(old)).rowcount
