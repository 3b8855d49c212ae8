"""Tracing: off unless told, no word that is not listed, and a trace that no recipient can follow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import catalog as catalogs
from hub import tracing
from hub.envelope import Envelope
from hub.keyed import Keyed
from hub.keys import Keys
from hub.outbound import Desk
from hub.route import hidden, unhidden
from hub.tracing import Span
from tests.bench.events import demographics
from tests.flow.collector import Collector
from tests.flow.partners import until

KEYS = Keys(b"a secret for tests, of 32 bytes.")
IDS = st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}")
NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
SPAN = Span("gateway", "0" * 31 + "1", "0" * 15 + "1", "", 1, 2, {"agency": "schools"})


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Where traces go; afterwards they go nowhere."""
    listening = Collector()
    yield listening
    tracing.stop()
    listening.close()


def test_nothing_is_traced_unless_a_setting_says_where_to():
    """And what would send it is not even loaded."""
    code = "import hub.cli, hub.relaying, hub.tracing, sys; print(hub.tracing.on(), 'opentelemetry.sdk' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]


def test_an_attribute_that_is_not_listed_is_a_mistake_in_the_code():
    with pytest.raises(TypeError, match=r"hub\.tracing\.ATTRIBUTES"):
        tracing.send(SPAN._replace(attributes={"nhs_number": "9990000018"}))


def test_a_span_comes_as_it_was_sent(collector: Collector):
    tracing.start("gateway", collector.url)
    tracing.send(SPAN)
    tracing.stop()
    (came,) = collector.spans
    assert (came.process, came.name, came.trace, came.id, came.parent) == ("gateway", *SPAN[:4])
    assert came.said == {"hub.agency": "schools"}


def test_every_process_sends_the_same_share_of_traces(collector: Collector):
    """Which they are follows from their ids: a trace is sent whole, or not at all."""
    tracing.start("gateway", collector.url, 0.5)
    low, high = "f" * 16 + "7" + "f" * 15, "0" * 16 + "8" + "0" * 15
    for trace in (low, high):
        tracing.send(SPAN._replace(trace=trace))
    tracing.stop()
    assert [one.trace for one in collector.spans] == [low]


def test_a_collector_that_is_away_holds_up_nobody():
    tracing.start("gateway", "http://127.0.0.1:9")
    try:
        until(lambda: tracing.send(SPAN) is None, "a return", 1)
    finally:
        tracing.stop()


@given(IDS, IDS)
def test_for_all_traces_the_hub_finds_the_event_again(trace: str, message: str):
    mask = Keyed(KEYS.trace("schools"))
    assert unhidden(mask, hidden(mask, trace, message), message) == trace


@given(IDS, IDS, IDS)
def test_for_all_traces_two_messages_have_two(trace: str, one: str, other: str):
    mask = Keyed(KEYS.trace("schools"))
    assert (hidden(mask, trace, one) == hidden(mask, trace, other)) == (one == other)


@given(IDS, IDS)
def test_for_all_traces_two_recipients_have_two(trace: str, message: str):
    one, other = (hidden(Keyed(KEYS.trace(agency)), trace, message) for agency in ("schools", "chis"))
    assert len({one, other, trace}) == 3


@pytest.mark.parametrize("traced", [False, True])
def test_a_recipients_papers_hold_the_events_trace_only_where_it_is_traced_and_hidden(traced: bool):
    catalog = catalogs.load()
    (record,) = demographics(catalog, KEYS, 1)
    own = Envelope.from_headers(record.headers).trace.split("-")[1]
    desk = Desk(catalog, catalog.by_topic[record.topic], KEYS, traced=traced)
    (sent,) = desk.carry(record, now=datetime.now(UTC)).records
    papers = Envelope.from_headers(sent.headers)
    _, trace, span, _ = papers.trace.split("-")
    assert own not in papers.trace
    assert span == papers.id[:16]
    mask = Keyed(KEYS.trace(desk.routes[0].agency))
    assert (unhidden(mask, trace, papers.id) == own) is traced
    assert (trace == papers.id) is not traced
