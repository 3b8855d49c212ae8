"""Ledger: what is on its way to whom, and how far it got; pure SQL in short transactions, all times are arguments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, exists, func, or_, select, tuple_, update

from hub.store import insert, reading, writing
from hub.store.entries import Acked, Again, Arrival, Entry, Handed, Lane, Outcome, Parked
from hub.store.oversight import Oversight
from hub.store.rows import EMPTY, ENTRY, HORIZON, WAITING, is_due, is_handed, of, portions
from hub.store.runs import Runs
from hub.store.tables import deliveries, turns

__all__ = ["HORIZON", "Ledger"]


class Ledger(Runs, Oversight):
    """
    The couriers' ledger over one database; many processes may use it at once, each for agencies of its own.

    What arrives and is tried is here; files are in `Runs`, what people ask and decide in `Oversight`.
    """

    def enqueue(self, arrivals: Sequence[Arrival], now: datetime) -> None:
        """Take in what came, in this order; a message id that is there already changes nothing."""
        for agency in sorted({arrival.lane.agency for arrival in arrivals}):
            with writing(self._store) as connection:
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
                "due": now if arrival.since is None else min(now, arrival.since),
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
            .where(of(arrival.lane), deliveries.c.message_id == arrival.message_id)
            .scalar_subquery()
        )
        older = and_(
            of(arrival.lane),
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

    def lanes(self, agency: str, streams: Collection[str], now: datetime) -> list[Lane]:
        """
        The lanes of an agency, of those *streams*, in which something is waiting to go.

        What a partner has yet to answer is not.
        """
        query = select(deliveries.c.stream, deliveries.c.address).distinct()
        query = query.where(
            deliveries.c.agency == agency,
            deliveries.c.stream.in_(streams),
            deliveries.c.settled.is_(None),
            deliveries.c.state.in_(WAITING),
            or_(~is_handed(deliveries), is_due(deliveries, now)),
        )
        with reading(self._store) as connection:
            return [Lane(agency, stream, address) for stream, address in connection.execute(query)]

    def due(
        self,
        lane: Lane,
        now: datetime,
        limit: int,
        *,
        together: bool = False,
        untried_first: bool = False,
        before: datetime | None = None,
    ) -> list[Entry]:
        """
        What may be tried now, oldest first: for each child, only what no earlier message still holds back.

        An earlier message holds back its child's later ones until it is settled, parked ones too, and nobody
        else's. With *together*, later ones follow where the earlier can go in the same batch. *untried_first*
        puts what failed least first, so that one message that always fails cannot be all that is ever tried; it
        does not go with *together*, where the limit could then part a child's messages in the wrong place. *before*
        keeps back what is in no file yet and waits only since then or later.
        """
        earlier = deliveries.alias("earlier")
        same_batch = and_(earlier.c.batch.is_not(None), earlier.c.batch == deliveries.c.batch)
        passes = same_batch
        if together:
            both_free = and_(earlier.c.batch.is_(None), deliveries.c.batch.is_(None))
            passes = or_(same_batch, and_(both_free, is_due(earlier, now, before)))
        held = exists().where(
            earlier.c.agency == deliveries.c.agency,
            earlier.c.stream == deliveries.c.stream,
            earlier.c.address == deliveries.c.address,
            earlier.c.subject == deliveries.c.subject,
            earlier.c.settled.is_(None),
            earlier.c.seq < deliveries.c.seq,
            func.coalesce(passes, False).is_(False),  # NULL, where one has a batch and the other none, is no
        )
        query = select(*ENTRY).where(of(lane), deliveries.c.settled.is_(None), is_due(deliveries, now, before), ~held)
        order = (deliveries.c.attempts, deliveries.c.seq) if untried_first else (deliveries.c.seq,)
        with reading(self._store) as connection:
            return [Entry(*row) for row in connection.execute(query.order_by(*order).limit(limit))]

    def next_due(self, lane: Lane, now: datetime) -> datetime | None:
        """When something that waits in a lane becomes due, after *now*."""
        query = select(func.min(deliveries.c.due)).where(
            of(lane),
            deliveries.c.settled.is_(None),
            deliveries.c.state.in_(WAITING),
            ~is_handed(deliveries),
            deliveries.c.due > now,
        )
        with reading(self._store) as connection:
            moment: datetime | None = connection.execute(query).scalar_one()
            return moment

    def attempt(self, lane: Lane, ids: Sequence[str], now: datetime, until: datetime) -> frozenset[str]:
        """
        Note that these messages are about to be tried; returns the ids of those that really are the caller's.

        They are nobody else's before *until*, and due again then, unless their outcome is known by that time.
        """
        mine = and_(of(lane), deliveries.c.message_id.in_(ids), deliveries.c.settled.is_(None))
        change = (
            update(deliveries)
            .where(mine, is_due(deliveries, now))
            .values(state="ATTEMPT", ack="", attempts=deliveries.c.attempts + 1, due=until)
            .returning(deliveries.c.message_id)
        )
        with writing(self._store) as connection:
            return frozenset(connection.execute(change).scalars())

    def settle(self, lane: Lane, outcomes: Sequence[Outcome], now: datetime) -> None:
        """
        Write down how attempts ended, all in one transaction.

        An acknowledgement is a fact and settles a message whatever was thought of it; the other outcomes only
        hold for what still waits. What the road has stays there whatever an earlier attempt made of it, and a file of
        which one message is parked is parked whole: without it the file would be another under the same id.
        """
        with writing(self._store) as connection:
            for outcome in outcomes:
                for ids in portions(outcome.ids):
                    self._settle(connection, lane, outcome, ids, now)

    def _settle(self, connection: Connection, lane: Lane, outcome: Outcome, ids: Sequence[str], now: datetime) -> None:
        rows = and_(of(lane), deliveries.c.settled.is_(None))
        named = deliveries.c.message_id.in_(ids)
        tried = and_(rows, named, deliveries.c.state == "ATTEMPT")
        change = update(deliveries)
        match outcome:
            case Acked():
                change = change.where(rows, named)
                change = change.values(state="ACKED", payload=EMPTY, ack=outcome.ack[:200], reason="", settled=now)
            case Handed():
                change = change.where(tried)
                change = change.values(ack=outcome.ack[:200] or "handed over", due=outcome.until, reason="")
            case Again():
                due = min(outcome.due, now + HORIZON)
                change = change.where(tried, ~is_handed(deliveries))
                change = change.values(state="PENDING", due=due, reason=outcome.reason[:120])
            case Parked():
                files = select(deliveries.c.batch).where(rows, named, deliveries.c.batch.is_not(None))
                change = change.where(rows, or_(named, deliveries.c.batch.in_(files)))
                change = change.where(deliveries.c.state.in_(WAITING))
                change = change.values(state="PARKED", ack="", reason=outcome.reason[:120])
        connection.execute(change)

    def recover(self, agency: str, streams: Collection[str], now: datetime) -> int:
        """
        Make due at once what was being tried, of those *streams*, when their courier last died; returns how many.

        For the start of a courier. Should another one be alive after all, a message may go twice, with one id.
        """
        lost = and_(
            deliveries.c.agency == agency,
            deliveries.c.stream.in_(streams),
            deliveries.c.settled.is_(None),
            deliveries.c.state == "ATTEMPT",
            ~is_handed(deliveries),
        )
        with writing(self._store) as connection:
            return connection.execute(update(deliveries).where(lost).values(state="PENDING", due=now)).rowcount

    def hasten(self, lanes: Collection[Lane], now: datetime) -> None:
        """Make due at once what waits in *lanes* for another try: the partner is back."""
        theirs = tuple_(*deliveries.c[Lane._fields]).in_(lanes)
        waiting = and_(theirs, deliveries.c.settled.is_(None), deliveries.c.state == "PENDING")
        with writing(self._store) as connection:
            connection.execute(update(deliveries).where(waiting, deliveries.c.due > now).values(due=now))
