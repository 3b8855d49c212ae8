"""Tables: the columns of what couriers and gateway must not forget; personal data only in sealed payloads."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from hub.store import Moment

STATES = ("PENDING", "ATTEMPT", "ACKED", "PARKED", "SUPERSEDED")

metadata = MetaData()

deliveries = Table(
    "deliveries",
    metadata,
    Column("agency", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("message_id", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False),  # the order of arrival within one agency
    Column("topic", String(249), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("subject", String(64), nullable=False),
    Column("address", String(200), nullable=False),
    Column("payload", LargeBinary, nullable=False),  # sealed; emptied once settled
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Moment, nullable=False),  # PENDING: when to try; ATTEMPT: when the one who tries is given up
    Column("batch", String(64)),
    Column("reason", String(120), nullable=False),  # a code, never a text
    Column("ack", String(200), nullable=False),  # ATTEMPT: how the road said that it took it; ACKED: the partner's word
    Column("created", Moment, nullable=False),
    Column("settled", Moment),  # null as long as the row may still have to go, and holds back what follows it
    UniqueConstraint("agency", "seq"),
    CheckConstraint(f"state IN {STATES}", name="deliveries_state"),
    CheckConstraint("(state IN ('ACKED', 'SUPERSEDED')) = (settled IS NOT NULL)", name="deliveries_settled"),
)
_open = deliveries.c.settled.is_(None)
Index(
    "deliveries_open",
    deliveries.c.agency,
    deliveries.c.stream,
    deliveries.c.address,
    deliveries.c.seq,
    sqlite_where=_open,
    postgresql_where=_open,
)
Index(
    "deliveries_before",
    deliveries.c.agency,
    deliveries.c.stream,
    deliveries.c.address,
    deliveries.c.subject,
    deliveries.c.seq,
    sqlite_where=_open,
    postgresql_where=_open,
)
Index(
    "deliveries_batch",
    deliveries.c.agency,
    deliveries.c.stream,
    deliveries.c.batch,
    sqlite_where=deliveries.c.batch.is_not(None),
    postgresql_where=deliveries.c.batch.is_not(None),
)
Index("deliveries_settled_at", deliveries.c.agency, deliveries.c.stream, deliveries.c.settled)

turns = Table(  # the last seq given out to each agency; its row lock makes arrivals of one agency take turns
    "turns",
    metadata,
    Column("agency", String(80), primary_key=True),
    Column("last", BigInteger, nullable=False),
)

runs = Table(  # one row for each file: what is the same at every attempt; numbered ones stay, or a number came twice
    "runs",
    metadata,
    Column("agency", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),
    Column("batch", String(64), primary_key=True),
    Column("address", String(200), nullable=False),
    Column("number", BigInteger, nullable=False),  # 0 where files of that door are not numbered
    Column("at", Moment, nullable=False),
    Column("records", Text, nullable=False),  # JSON: message id → which record of the file carries it
)
Index(
    "runs_number",
    runs.c.agency,
    runs.c.stream,
    runs.c.address,
    runs.c.number,
    unique=True,
    sqlite_where=runs.c.number > 0,
    postgresql_where=runs.c.number > 0,
)

heard = Table(  # acknowledgements that came, so that each counts once
    "heard",
    metadata,
    Column("agency", String(80), primary_key=True),
    Column("stream", String(80), primary_key=True),  # the acknowledgements' own
    Column("event", String(64), primary_key=True),
    Column("at", Moment, nullable=False),
)

interventions = Table(  # what people decided of what was parked; rows are added and never changed
    "interventions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("by", String(120), nullable=False),
    Column("what", String(20), nullable=False),
    Column("agency", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("reason", String(120), nullable=False),  # the code under which it was parked
    Column("because", String(2000), nullable=False),
)

_STAND = "interventions are added, never changed"  # whatever program tries
_TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER interventions_no_{deed.lower()} BEFORE {deed} ON interventions "
        f"BEGIN SELECT RAISE(ABORT, '{_STAND}'); END"
        for deed in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION interventions_stand() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_STAND}'; END $$",
        "CREATE TRIGGER interventions_stand BEFORE UPDATE OR DELETE ON interventions "
        "FOR EACH ROW EXECUTE FUNCTION interventions_stand()",
    ],
}


@event.listens_for(interventions, "after_create")
def _make_it_stand(_table: Table, connection: Connection, **_: object) -> None:
    for trigger in _TRIGGERS[connection.dialect.name]:
        connection.exec_driver_sql(trigger)


inbox = Table(
    "inbox",
    metadata,
    Column("agency", String(80), primary_key=True),
    Column("line", String(80), primary_key=True),
    Column("own_id", String(32), primary_key=True),  # keyed digest
    Column("box", LargeBinary, nullable=False),  # sealed: hash of the content, and the answer
    Column("created", Moment, nullable=False),
)
Index("inbox_created", inbox.c.created)

spent = Table(  # assertions by which agencies proved themselves, each of which counts once
    "spent",
    metadata,
    Column("name", String(32), primary_key=True),  # keyed digest of the agency and its own name for it
    Column("until", Moment, nullable=False),
)
Index("spent_until", spent.c.until)
