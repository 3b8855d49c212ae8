"""Portions: a long file is committed a few messages at a time, and comes to what it would come to as one."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from hub import inbound
from hub.agency import Agency
from hub.avro import schema_of
from hub.catalog import Catalog
from hub.envelope import Envelope, Record
from hub.errors import NotForUs, NotUnderstood, TransportError
from hub.formats.csv import Row
from hub.identified import Identified
from hub.identity.index import MemoryIndex
from hub.identity.registry import Registry
from hub.inbound import Line
from hub.intake import Intake
from hub.keys import Keys
from hub.quarantine.item import PAPERS
from hub.schema_lock import SchemaLock
from hub.stream import Event, Local, Sensitivity, Stream
from hub.transports import Answer
from hub.transports.memory import MemoryInbox
from hub.view import Identifier

KEYS = Keys(b"a secret for tests, of 32 bytes.")
NOON = datetime(2026, 9, 15, 12, 0, tzinfo=UTC)
NUMBERS = ("9990000018", "9990000026")
SHUT = "9990000034"

Text = Annotated[str | None, Field(description="x"), Sensitivity.IDENTIFIER]


class Came(Event):
    """Somebody came."""

    number: Text = None
    local: Text = None
    identified: Annotated[Identified | None, Field(description="x"), Sensitivity.IDENTIFIER] = None


CAME = Stream(
    name="came", event=Came, key=("identified.nhs_number", "number"), keep="days", steward="x",
    subject=(("nhs_number", "number"), ("nhs_number", "identified.nhs_number")),
    also=(Local("hospital_number", "local"),), identified="identified",
)  # fmt: skip
SAYS = {"list": {"format": "json", "by": "files", "into": ["came"], "identifies": "certain"},
        "table": {"format": "csv", "by": "files", "into": ["came"]}}  # fmt: skip
WARD = Agency(name="A ward", steward="a@b.example", key="ward", says=SAYS)


def came(message: Mapping[str, Any] | Row) -> Iterator[Event]:
    if "aside" in message:
        raise NotForUs("not-a-child")
    if "bad" in message:
        raise NotUnderstood("local.missing", "", "say who")
    yield Came(number=message["number"] or None, local=message["local"] or None)
    if "twice" in message:
        yield Came(local=message["local"] or None)


class Small(Catalog):
    """One agency with a line of each format."""

    def line(self, agency: str, name: str) -> Line:
        """The line of that name."""
        return Line(WARD, name, came, (CAME,))


LOCK = SchemaLock([]).with_subjects({CAME.topic: schema_of(CAME)})
CATALOG = Small({"came": CAME}, {"ward": WARD}, {}, {}, {}, None, LOCK)


class Ward:
    """An intake, with all that it committed and learnt unless it *forgets*; one commit can be made to fail."""

    def __init__(self, closed: frozenset[Identifier] = frozenset(), *, forgets: bool = False) -> None:
        self.index = MemoryIndex(KEYS)
        self.commits: list[list[Record]] = []
        self.fails_at: int | None = None
        self.closed = [closed]
        self._forgets = forgets
        self.intake = Intake(
            CATALOG, KEYS, self._commit, MemoryInbox(), lambda: NOON,
            wall=self._wall, registry=Registry(KEYS, self.index), write=self._write,
        )  # fmt: skip

    async def _commit(self, records: Sequence[Record]) -> None:
        if len(self.commits) == self.fails_at:
            self.fails_at = None
            raise TransportError("kafka: no answer")
        self.commits.append([] if self._forgets else list(records))

    async def _wall(self) -> frozenset[Identifier]:
        return self.closed.pop(0) if len(self.closed) > 1 else self.closed[0]

    async def _write(self, work: Callable[[], None]) -> None:
        if not self._forgets:
            work()

    def take(self, data: bytes, most: int, line: str = "list", most_bytes: int = 2_000_000) -> Answer:
        """The answer to *data*, taken in in portions of at most *most* outcomes."""
        with mock.patch.multiple(inbound, MOST_OUTCOMES=most, MOST_BYTES=most_bytes):
            return asyncio.run(self.intake.receive("ward", line, data))

    @property
    def records(self) -> list[tuple[Any, ...]]:
        """All that was committed, in order, opened where it was sealed: no two seals of the same are alike."""
        return [opened(record) for records in self.commits for record in records]

    @property
    def ids(self) -> list[str]:
        """Of the events in each commit, in order."""
        return [
            Envelope.from_headers(one.headers).id for some in self.commits for one in some if one.topic == CAME.topic
        ]


def opened(record: Record) -> tuple[Any, ...]:
    if record.topic == CAME.topic:
        return (record.topic, record.key, record.value, record.headers)
    name = (record.key or b"").decode()
    headers = dict(record.headers)
    papers = json.loads(KEYS.unseal("quarantine.papers", headers.pop(PAPERS) or b"", name))
    return (record.topic, name, KEYS.unseal("quarantine", record.value or b"", name), headers, papers)


said = st.fixed_dictionaries(
    {"number": st.sampled_from(["", *NUMBERS, SHUT]), "local": st.sampled_from(["", "H100001", "H100002"])},
    optional={"aside": st.just(1), "bad": st.just(1), "twice": st.just(1), "id": st.sampled_from(["m1", "m2", "m3"])},
)


@settings(max_examples=100, deadline=None)
@given(messages=st.lists(said, max_size=12), most=st.integers(1, 5), most_bytes=st.sampled_from([1, 120, 2_000_000]))
def test_portions_come_to_what_the_whole_comes_to(messages: list[dict[str, Any]], most: int, most_bytes: int) -> None:
    """The same records in the same order, the same answer, and the same said of who is who."""
    data = json.dumps(messages).encode()
    whole, parted = (Ward(frozenset({("nhs_number", SHUT)})) for _ in range(2))

    assert whole.take(data, 1000) == parted.take(data, most, most_bytes=most_bytes)

    assert len(whole.commits) <= 1
    assert whole.records == parted.records
    assert whole.index.graph.links == parted.index.graph.links
    assert whole.index.doubts == parted.index.doubts


def rows(count: int) -> bytes:
    return b"number,local\r\n" + b"".join(b"%010d,H%06d\r\n" % (n, n) for n in range(count))


def test_what_came_of_one_message_is_not_parted() -> None:
    """Its events are committed together, as many as there are."""
    ward = Ward()
    ward.take(json.dumps([{"number": "", "local": f"H10000{n}", "twice": 1} for n in range(3)]).encode(), 1)

    assert [len(one) for one in ward.commits] == [2, 2, 2]


@pytest.mark.parametrize("fails_at", [0, 1, 3])
def test_after_a_crash_between_portions_the_file_comes_again_under_the_same_ids(fails_at: int) -> None:
    """Nothing is promised and nothing is lost; what was committed before is known again by its ids."""
    ward, whole = Ward(), Ward()
    whole.take(rows(10), 1000, "table")
    ward.fails_at = fails_at
    with pytest.raises(TransportError):
        ward.take(rows(10), 3, "table")
    before = ward.ids

    answer = ward.take(rows(10), 3, "table")

    assert answer == Answer(events=10)
    assert before == whole.ids[: 3 * fails_at]
    assert ward.ids == before + whole.ids
    assert ward.take(rows(10), 3, "table") == answer
    assert ward.ids == before + whole.ids


def test_an_order_that_is_said_between_two_portions_holds_for_the_second() -> None:
    """The wall is asked before each, as for messages that come one by one."""
    ward = Ward()
    ward.closed = [frozenset(), frozenset({("nhs_number", SHUT)})]

    answer = ward.take(json.dumps([{"number": SHUT, "local": ""}] * 2).encode(), 1)

    assert (answer.events, answer.refused, answer.code) == (1, 1, "identity.closed")


@pytest.mark.parametrize(("count", "alone"), [(1, True), (2, False)])
def test_only_what_came_in_one_message_came_alone(count: int, alone: bool) -> None:
    """Else a replay of the first would answer for the whole file, though the first portion holds nothing else."""
    ward = Ward()
    ward.take(json.dumps([{"bad": 1}] * count).encode(), 1)

    assert {papers["sent"]["alone"] for *_, papers in ward.records} == {alone}


def test_a_longer_file_needs_no_more_memory() -> None:
    """But for its own bytes: what came of it is let go portion by portion."""

    def peak(count: int) -> int:
        data, ward = rows(count), Ward(forgets=True)
        tracemalloc.start()
        try:
            ward.take(data, 100, "table")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is made once
    assert peak(4_000) - peak(400) < 3_600 * 300  # bytes for each row more; what comes of a row takes over 1,000
