"""Ledger: what is on its way to whom, and how far it got; pure SQL in short transactions, all times are arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, Update, and_, case, func, or_, select, tuple_, update

from hub.store import insert, reading, writing
from hub.store.entries import Arrival, Entry, Lane, Outcome, Parked
from hub.store.oversight import Oversight
from hub.store.rows import (
    EMPTY,
    FILE,
    HORIZON,
    WAITING,
    asked,
    is_due,
    is_handed,
    named,
    of,
    portions,
    when,
)
from hub.store.runs import Runs
from hub.store.statements import ATTEMPT, NEXT_DUE, change, due
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
            or_(~is_handed(deliveries), is_due(deliveries, when(now))),
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
        at, wanted = when(now, before), {"most": limit}
        query = due(together=together, untried_first=untried_first, filed=before is not None)
        with reading(self._store) as connection:
            return [Entry(*row) for row in connection.execute(query, named(lane) | asked(at) | wanted)]

    def next_due(self, lane: Lane, now: datetime) -> datetime | None:
        """When something that waits in a lane becomes due, after *now*."""
        with reading(self._store) as connection:
            moment: datetime | None = connection.execute(NEXT_DUE, named(lane) | {"when_now": now}).scalar_one()
            return moment

    def attempt(self, lane: Lane, ids: Sequence[str], now: datetime, until: datetime) -> frozenset[str]:
        """
        Note that these messages are about to be tried; returns the ids of those that really are the caller's.

        They are nobody else's before *until*, and due again then, unless their outcome is known by that time.
        """
        with writing(self._store) as connection:
            said = named(lane) | asked(when(now)) | {"ids": list(ids), "until": until}
            return frozenset(connection.execute(ATTEMPT, said).scalars())

    def settle(self, lane: Lane, outcomes: Sequence[Outcome], now: datetime) -> None:
        """
        Write down how attempts ended, all in one transaction.

        An acknowledgement is a fact and settles a message whatever was thought of it; the other outcomes only
        hold for what still waits. What the road has stays there whatever an earlier attempt made of it, and a file of
        which one message is parked is parked whole, the others as `file`: it would be another under the same id.
        """
        of_kind: defaultdict[Update, list[dict[str, object]]] = defaultdict(list)
        with writing(self._store) as connection:
            for outcome in outcomes:
                if isinstance(outcome, Parked):
                    for ids in portions(outcome.ids):
                        self._park(connection, lane, outcome.reason, ids)
                    continue
                statement, said = change(outcome, now)
                of_kind[statement] += ({**named(lane), **said, "id": one} for one in outcome.ids)
            for statement, rows in of_kind.items():
                connection.execute(statement, rows)

    def _park(self, connection: Connection, lane: Lane, reason: str, ids: Sequence[str]) -> None:
        rows = and_(of(lane), deliveries.c.settled.is_(None))
        its_own = deliveries.c.message_id.in_(ids)
        files = select(deliveries.c.batch).where(rows, its_own, deliveries.c.batch.is_not(None))
        change = update(deliveries).where(rows, or_(its_own, deliveries.c.batch.in_(files)))
        for_another = and_(its_own, deliveries.c.state == "PARKED", deliveries.c.reason == FILE)
        change = change.where(or_(deliveries.c.state.in_(WAITING), for_another))
        which = case((its_own, reason[:120]), else_=FILE)
        connection.execute(change.values(state="PARKED", ack="", reason=which))

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
