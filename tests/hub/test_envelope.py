"""Envelopes: papers that survive Kafka, refuse what is not readable, and hold nobody's data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from hub.envelope import SYNTHETIC, Envelope, is_synthetic, stamp, traceparent

ID = "0af7651916cd43dd8448eb211c80319c"
TAKEN = datetime(2026, 9, 15, 9, 30, 0, 123_000, tzinfo=UTC)
PAPERS = Envelope(ID, "/clinic/visits", "visit.v1", TAKEN, traceparent(ID))


def test_papers_are_the_same_after_the_journey():
    """Written as headers and read back they are equal, with and without an address."""
    addressed = replace(PAPERS, address="123456")

    assert Envelope.from_headers(PAPERS.headers()) == PAPERS
    assert Envelope.from_headers(addressed.headers()) == addressed
    assert Envelope.from_headers(list(PAPERS.headers())) == PAPERS


def test_headers_are_those_of_cloudevents_in_a_fixed_order():
    """CloudEvents 1.0, Kafka protocol binding, binary mode: `ce_` attributes, and the content type by its own name."""
    headers = replace(PAPERS, address="123456").headers("application/json")

    assert headers == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"0af7651916cd43dd8448eb211c80319c"),
        ("ce_source", b"/clinic/visits"),
        ("ce_type", b"visit.v1"),
        ("ce_time", b"2026-09-15T09:30:00.123Z"),
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-0af7651916cd43dd-01"),
        ("content-type", b"application/json"),
        ("ce_hubaddress", b"123456"),
    )
    assert "ce_hubaddress" not in dict(PAPERS.headers())


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type", "ce_time", "traceparent"])
@pytest.mark.parametrize("value", ["missing", None])
def test_papers_of_which_one_is_missing_are_refused(name, value):
    """A header that is not there, or that Kafka holds without a value, is a KeyError that names it."""
    headers = [(one, None if one == name else said) for one, said in PAPERS.headers() if one != name or value is None]

    with pytest.raises(KeyError, match=name):
        Envelope.from_headers(headers)


@pytest.mark.parametrize("headers", [None, [], ()])
def test_a_record_without_headers_has_no_papers(headers):
    """What another program wrote to a topic of ours is not an event."""
    with pytest.raises(KeyError):
        Envelope.from_headers(headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ce_id", b"\xff"), ("ce_time", b"yesterday"), ("ce_time", b"2026-09-15T09:30:00"), ("ce_hubaddress", b"\xfe")],
)
def test_papers_that_cannot_be_read_are_refused(name, value):
    """Bytes that are no text, and a time that is none or has no offset, are a ValueError."""
    headers = [*((one, said) for one, said in PAPERS.headers() if one != name), (name, value)]

    with pytest.raises(ValueError):  # noqa: PT011  each kind has a message of Python's own
        Envelope.from_headers(headers)


def test_an_invented_event_says_so_and_only_the_mark_itself_does():
    """The mark goes there and back; without it, or with another value, an event is a child's."""
    invented = replace(PAPERS, synthetic=True)

    assert Envelope.from_headers(invented.headers()) == invented
    assert set(invented.headers()) - set(PAPERS.headers()) == {SYNTHETIC} == {("ce_hubsynthetic", b"true")}
    assert is_synthetic(invented.headers())
    assert is_synthetic([*PAPERS.headers(), SYNTHETIC])
    for headers in (PAPERS.headers(), None, [*PAPERS.headers(), ("ce_hubsynthetic", b"false")]):
        assert not is_synthetic(headers)
        assert headers is None or not Envelope.from_headers(headers).synthetic


def test_a_time_is_written_in_utc_to_the_millisecond():
    """Whatever the zone it was taken in, so that the same moment is the same text."""
    summer = timezone(timedelta(hours=1))

    assert stamp(datetime(2026, 9, 15, 10, 30, 0, 999_999, tzinfo=summer)) == "2026-09-15T09:30:00.999Z"
    assert stamp(datetime(2026, 9, 15, tzinfo=UTC)) == "2026-09-15T00:00:00.000Z"
