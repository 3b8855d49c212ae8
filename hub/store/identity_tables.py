"""Tables of the identity index: names and links are keyed digests, personal data is sealed, closed ones are marks."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, MetaData, String, Table

from hub.identified import CERTAINTIES
from hub.store import Moment

metadata = MetaData()

names = Table(
    "identity_names",
    metadata,
    Column("name", String(32), primary_key=True),  # keyed digest of kind, issuer and value
    Column("kind", String(40), nullable=False),
    Column("box", LargeBinary, nullable=False),  # sealed: issuer and value
)

links = Table(
    "identity_links",
    metadata,
    Column("id", String(32), primary_key=True),  # keyed digest of the statement: who says what of which two
    Column("one", String(32), nullable=False),
    Column("one_kind", String(40), nullable=False),
    Column("other", String(32), nullable=False),
    Column("other_kind", String(40), nullable=False),
    Column("relation", String(8), nullable=False),
    Column("certainty", String(8), nullable=False),
    Column("born", String(32), nullable=False),  # keyed digest, or empty
    Column("agency", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("event", String(64), nullable=False),  # the first that said it
    Column("at", Moment, nullable=False),
    Column("last", Moment, nullable=False),  # when it was last said, to within a week
    Column("taken_back", Moment),  # a person took it back: it has no effect, however often it is said
    CheckConstraint("relation IN ('same', 'gave-way')", name="identity_links_relation"),
    CheckConstraint(f"certainty IN {CERTAINTIES}", name="identity_links_certainty"),
)
Index("identity_links_one", links.c.one)
Index("identity_links_other", links.c.other)
Index("identity_links_last", links.c.last)

doubts = Table(
    "identity_doubts",
    metadata,
    Column("code", String(40), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("agency", String(80), nullable=False),
    Column("stream", String(80), nullable=False),
    Column("event", String(64), nullable=False),
    Column("at", Moment, nullable=False),
)

closed = Table(  # the adoption enclave: marks under a key of its own, which lead back to nothing above
    "identity_closed",
    metadata,
    Column("mark", String(32), primary_key=True),
    Column("agency", String(80), primary_key=True),  # who could write the word that is marked; "-" marks a whole name
)

audit = Table(
    "identity_audit",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("by", String(120), nullable=False),
    Column("did", String(20), nullable=False),
    Column("what", String(80), nullable=False),  # a link, or a kind of identifier; never whose
    Column("because", String(2000), nullable=False),
)
