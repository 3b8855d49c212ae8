"""Runs: what each file holds, its number and its moment, and what the partner said became of it; no bytes of any."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select, update
from sqlalchemy.exc import IntegrityError

from hub.outbound import Run
from hub.store import insert, reading, writing
from hub.store.entries import Entry, Lane, Said
from hub.store.rows import EMPTY, ENTRY, HORIZON, WAITING, Rows, of, portions
from hub.store.tables import deliveries, heard, runs

Heard = Literal["settled", "again", "unknown", "known before", "ambiguous", "heard before"]
"""What came of a partner's word: the last four change nothing."""


class Runs(Rows):
    """The files of every lane."""

    def next_number(self, lane: Lane, first: int = 1) -> int:
        """The number that the next file of a lane gets: one more than the last, and not below *first*."""
        query = select(func.max(runs.c.number)).where(_files_of(lane))
        with reading(self._store) as connection:
            last: int | None = connection.execute(query).scalar_one()
        return max((last or 0) + 1, first)

    def run_of(self, lane: Lane, batch: str) -> Run | None:
        """What was fixed for a file with its members; None for one that is not, or from before files had runs."""
        query = select(runs.c.number, runs.c.at).where(_files_of(lane), runs.c.batch == batch)
        with reading(self._store) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Run(*row)

    def assign_batch(
        self,
        lane: Lane,
        ids: Sequence[str],
        batch: str,
        run: Run | None = None,
        *,
        records: Sequence[int] = (),
        older: Sequence[str] = (),
        now: datetime | None = None,
    ) -> bool:
        """
        Fix that these messages go together, at every attempt, under the id *batch*, as one *run*; all or nothing.

        *records* says which record of the file carries each; *older* are messages that need not go because one of
        these says all that is true of the same child. False, and nothing is changed, where one of them went elsewhere
        meanwhile or somebody else took the number.
        """
        free = and_(of(lane), deliveries.c.batch.is_(None), deliveries.c.settled.is_(None))
        try:
            with writing(self._store) as connection:
                if run is not None:
                    said = json.dumps(dict(zip(ids, records, strict=True)) if records else {})
                    row = {**lane._asdict(), "batch": batch, **run._asdict(), "records": said}
                    once = insert(self._store, runs).on_conflict_do_nothing(
                        index_elements=["agency", "stream", "batch"]
                    )
                    connection.execute(once, row)
                found = 0
                for some in portions(ids):
                    taken = update(deliveries).where(free, deliveries.c.message_id.in_(some)).values(batch=batch)
                    found += connection.execute(taken).rowcount
                if found < len(ids):
                    raise _TakenElsewhere
                for some in portions(older):
                    past = update(deliveries).where(free, deliveries.c.message_id.in_(some))
                    past = past.where(deliveries.c.state == "PENDING")
                    gone = {"state": "SUPERSEDED", "payload": EMPTY, "settled": now, "reason": "newer"}
                    connection.execute(past.values(**gone))
        except (_TakenElsewhere, IntegrityError):
            return False
        return True

    def rows_of_batch(self, lane: Lane, batch: str) -> list[Entry]:
        """All messages of a batch that are not settled, in order."""
        query = select(*ENTRY).where(of(lane), deliveries.c.batch == batch, deliveries.c.settled.is_(None))
        with reading(self._store) as connection:
            return [Entry(*row) for row in connection.execute(query.order_by(deliveries.c.seq))]

    def acknowledge(
        self,
        agency: str,
        streams: Sequence[str],
        said: Said,
        now: datetime,
        pause: Callable[[int], timedelta],
    ) -> Heard:
        """
        Let a file of one of *streams* fare as *agency* says, whatever the runner knows of it by now; each word once.

        A file that is wanted *again* goes again whole, after *pause* of the attempts so far, with the same number and
        bytes, and what is said of single records then waits for the file that is taken. A record that alone is wanted
        again leaves its file and goes in a later one. A word on a file that there is not, that is settled, or that more
        than one file could be meant by, changes nothing.
        """
        with writing(self._store) as connection:
            once = insert(self._store, heard).values(agency=agency, stream=said.stream, event=said.event, at=now)
            new = connection.execute(once.on_conflict_do_nothing().returning(heard.c.event))
            if new.scalar_one_or_none() is None:
                return "heard before"
            files = self._meant(connection, agency, streams, said)
            if len(files) != 1:
                return "ambiguous" if files else "unknown"
            file = files[0]
            columns = (deliveries.c.message_id, deliveries.c.attempts)
            query = select(*columns).where(file.rows, deliveries.c.settled.is_(None))
            rows = connection.execute(query).all()
            if not rows:
                return "known before"
            due = min(now + pause(max(row.attempts for row in rows)), now + HORIZON)
            if said.verdict == "again":
                self._fare(connection, file, [row.message_id for row in rows], "again", said, due, now)
                return "again"
            fares: dict[tuple[str, str], list[str]] = defaultdict(list)
            for row in rows:
                named = said.records.get(file.records.get(row.message_id, 0), (said.verdict, said.code))
                fares[named].append(row.message_id)
            for (verdict, code), ids in fares.items():
                leaves = "leaves" if verdict == "again" else verdict
                self._fare(connection, file, ids, leaves, said._replace(code=code), due, now)
            return "settled"

    def _meant(self, connection: Connection, agency: str, streams: Sequence[str], said: Said) -> list[_File]:
        """The files that a word can be about; more than one only where a number is not enough."""
        if said.number is not None:
            numbered = and_(runs.c.agency == agency, runs.c.stream.in_(streams), runs.c.number == said.number)
            query = select(runs.c.stream, runs.c.batch, runs.c.records).where(numbered, runs.c.number > 0)
            rows = connection.execute(query).all()
            return [_File(_members(agency, stream, batch), json.loads(records)) for stream, batch, records in rows]
        if said.delivery is None:
            return []
        one = and_(deliveries.c.agency == agency, deliveries.c.stream.in_(streams))
        alone = and_(one, deliveries.c.message_id == said.delivery, deliveries.c.batch.is_(None))
        together = and_(one, deliveries.c.batch == said.delivery)
        by_stream = select(deliveries.c.stream).distinct()
        found = [_File(and_(alone, deliveries.c.stream == stream), {})
                 for stream in connection.execute(by_stream.where(alone)).scalars()]  # fmt: skip
        for stream in connection.execute(by_stream.where(together)).scalars():
            kept = select(runs.c.records).where(
                runs.c.agency == agency, runs.c.stream == stream, runs.c.batch == said.delivery
            )
            records = connection.execute(kept).scalar_one_or_none()
            found.append(_File(_members(agency, stream, said.delivery), json.loads(records or "{}")))
        return found

    def _fare(
        self, connection: Connection, file: _File, ids: Sequence[str], verdict: str, said: Said, due: datetime,
        now: datetime,
    ) -> None:  # fmt: skip
        """Write down how some messages of a file fared: an acceptance is a fact, all else holds for what waits."""
        reason = f"{said.stream}.{said.code}"[:120]
        for some in portions(ids):
            change = update(deliveries).where(
                file.rows, deliveries.c.message_id.in_(some), deliveries.c.settled.is_(None)
            )
            if verdict == "accepted":
                change = change.values(state="ACKED", payload=EMPTY, ack=said.code, reason="", settled=now)
            else:
                change = change.where(deliveries.c.state.in_(WAITING))
                match verdict:
                    case "refused":
                        change = change.values(state="PARKED", ack="", reason=reason)
                    case "leaves":
                        change = change.values(state="PENDING", ack="", due=due, reason=reason, batch=None, attempts=0)
                    case _:
                        change = change.values(state="PENDING", ack="", due=due, reason=reason)
            connection.execute(change)


class _File(NamedTuple):
    """One file: which rows are in it, and which record carries each message."""

    rows: ColumnElement[bool]
    records: Mapping[str, int]


class _TakenElsewhere(Exception):
    """Somebody else was first; raised to undo what was begun."""


def _files_of(lane: Lane) -> ColumnElement[bool]:
    return and_(*(runs.c[part] == value for part, value in lane._asdict().items()))


def _members(agency: str, stream: str, batch: str) -> ColumnElement[bool]:
    return and_(deliveries.c.agency == agency, deliveries.c.stream == stream, deliveries.c.batch == batch)
