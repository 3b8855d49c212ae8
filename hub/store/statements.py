"""Statements: what couriers ask of the ledger for each message, made once: to make one costs more than to ask it."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, Update, and_, bindparam, exists, func, or_, select, update

from hub.store.entries import Acked, Again, Handed
from hub.store.rows import ASKED_WHEN, EMPTY, ENTRY, HORIZON, KEPT_OVER, OF_LANE, WAITING, is_due, is_handed
from hub.store.tables import deliveries


@cache
def due(*, together: bool, untried_first: bool, filed: bool) -> Select[Any]:
    """The question of `Ledger.due`."""
    earlier = deliveries.alias("earlier")
    same_batch = and_(earlier.c.batch.is_not(None), earlier.c.batch == deliveries.c.batch)
    passes = same_batch
    if together:
        both_free = and_(earlier.c.batch.is_(None), deliveries.c.batch.is_(None))
        passes = or_(same_batch, and_(both_free, is_due(earlier, ASKED_WHEN, filed=filed)))
    held = exists().where(
        earlier.c.agency == deliveries.c.agency,
        earlier.c.stream == deliveries.c.stream,
        earlier.c.address == deliveries.c.address,
        earlier.c.subject == deliveries.c.subject,
        earlier.c.settled.is_(None),
        earlier.c.reason != KEPT_OVER,  # nothing is left of it, so that it can never go before this one
        earlier.c.seq < deliveries.c.seq,
        func.coalesce(passes, False).is_(False),  # NULL, where one has a batch and the other none, is no
    )
    ripe = is_due(deliveries, ASKED_WHEN, filed=filed)
    order = (deliveries.c.attempts, deliveries.c.seq) if untried_first else (deliveries.c.seq,)
    query = select(*ENTRY).where(OF_LANE, deliveries.c.settled.is_(None), ripe, ~held)
    return query.order_by(*order).limit(bindparam("most"))


NEXT_DUE = select(func.min(deliveries.c.due)).where(
    OF_LANE,
    deliveries.c.settled.is_(None),
    deliveries.c.state.in_(WAITING),
    ~is_handed(deliveries),
    deliveries.c.due > ASKED_WHEN.now,
)
_OPEN = and_(OF_LANE, deliveries.c.settled.is_(None))
_TRIED = and_(_OPEN, deliveries.c.message_id == bindparam("id"), deliveries.c.state == "ATTEMPT")
ATTEMPT = (
    update(deliveries)
    .where(_OPEN, deliveries.c.message_id.in_(bindparam("ids", expanding=True)), is_due(deliveries, ASKED_WHEN))
    .values(state="ATTEMPT", ack="", attempts=deliveries.c.attempts + 1, due=bindparam("until"))
    .returning(deliveries.c.message_id)
)
_ACKED = (
    update(deliveries)
    .where(_OPEN, deliveries.c.message_id == bindparam("id"))
    .values(state="ACKED", payload=EMPTY, ack=bindparam("said"), reason="", settled=bindparam("at"))
)
_HANDED = update(deliveries).where(_TRIED).values(ack=bindparam("said"), due=bindparam("at"), reason="")
_AGAIN = (
    update(deliveries)
    .where(_TRIED, ~is_handed(deliveries))
    .values(state="PENDING", due=bindparam("at"), reason=bindparam("said"))
)


def change(outcome: Acked | Handed | Again, now: datetime) -> tuple[Update, dict[str, object]]:
    """What an outcome changes in each of its messages' rows."""
    match outcome:
        case Acked():
            return _ACKED, {"said": outcome.ack[:200], "at": now}
        case Handed():
            return _HANDED, {"said": outcome.ack[:200] or "handed over", "at": outcome.until}
        case Again():
            return _AGAIN, {"said": outcome.reason[:120], "at": min(outcome.due, now + HORIZON)}
