"""Routes: from an event's bytes to what leaves for one agency, also of events from before their schema grew."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from pydantic import Field

from hub import route as routes
from hub.envelope import SYNTHETIC, Envelope
from hub.errors import Unreadable
from hub.outbound import Desk
from hub.stream import Event, Sensitivity, Stream
from hub.view import View
from tests.hub.cases import LONG_AGO, NOON, granted, small_catalog, standing, taken_in


class Home(Event):
    """A place."""

    town: Annotated[str | None, Field(description="Town."), Sensitivity.CONTACT] = None


class Moved(Event):
    """A child moved."""

    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    name: Annotated[str, Field(description="Name."), Sensitivity.PERSONAL]
    home: Annotated[Home, Field(description="Home."), Sensitivity.CONTACT]
    homes: Annotated[tuple[Home, ...], Field(description="Homes."), Sensitivity.CONTACT] = ()


class Sender(Event):
    """Who said it, as nobody could say before."""

    name: Annotated[str, Field(description="Name."), Sensitivity.PERSONAL]


class Place(Home):
    """A place, of which more can be said."""

    country: Annotated[str | None, Field(description="Country."), Sensitivity.CONTACT] = None


class MovedLater(Event):
    """A child moved, of which more can be said: fields that may be absent, between those there were."""

    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    sender: Annotated[Sender | None, Field(description="Sender."), Sensitivity.PERSONAL] = None
    name: Annotated[str, Field(description="Name."), Sensitivity.PERSONAL]
    home: Annotated[Place, Field(description="Home."), Sensitivity.CONTACT]
    homes: Annotated[tuple[Place, ...], Field(description="Homes."), Sensitivity.CONTACT] = ()
    hidden: Annotated[bool | None, Field(description="Whether it is hidden."), Sensitivity.SPECIAL] = None


for later, name in ((Place, "Home"), (MovedLater, "Moved")):
    later.__name__ = name  # the model grew: it is still called what it was

SUBJECT = {"subject": (("nhs_number", "nhs_number"),)}


def stream(event=Moved, **words):
    return Stream(name="moved", event=event, key=("nhs_number",), keep="days", steward="x", **SUBJECT, **words)


BEFORE, AFTER = stream(), stream(MovedLater)
GRANTS = {
    "avro_one": granted("name", "home.town", "homes.town"),
    "another": granted("name", coarse={"home.town": "initial", "nhs_number": "present"}),
}
OLD = {"nhs_number": "9990000018", "name": "Noor", "home": {"town": "Swindon"}, "homes": [{"town": "Oxford"}]}
NEW = OLD | {
    "sender": {"name": "A secret"}, "hidden": True,
    "home": {"town": "Swindon", "country": "A secret"}, "homes": [{"town": "Oxford", "country": "A secret"}],
}  # fmt: skip


def carry(catalog, stream, record, keys, view=None):
    """What leaves of a record, and the receipts."""
    return Desk(catalog, stream, keys).carry(record, now=NOON, view=view)


@pytest.mark.parametrize("form", ["avro", "json"])
def test_a_new_field_that_no_policy_names_is_heard_by_nobody(form, keys):
    """Key, value and headers are what they were before it could be said, byte for byte, to every agency."""
    before = small_catalog(BEFORE, GRANTS, format=form)
    after = small_catalog(AFTER, GRANTS, before.lock, format=form)

    then = carry(before, BEFORE, taken_in(before, BEFORE, OLD), keys)
    now = carry(after, AFTER, taken_in(after, AFTER, NEW), keys)

    assert now.records == then.records
    assert [one.value for one in now.records]
    assert not [one for one in now.records if b"A secret" in one.value]
    added = {"sender.name", "home.country", "homes.country", "hidden"}
    for receipt, earlier in zip(now.receipts, then.receipts, strict=True):
        assert set(receipt.outcome.fields) - set(earlier.outcome.fields) == {
            (path, "withheld", "not-granted") for path in added
        }
        assert receipt.sent == earlier.sent


def test_an_event_from_before_its_schema_grew_is_told_as_it_was_then(keys):
    """It lies on the topic until somebody was told of it; the id in its bytes says what it was written with."""
    before = small_catalog(BEFORE, GRANTS)
    after = small_catalog(AFTER, GRANTS, before.lock)
    record = taken_in(before, BEFORE, OLD)

    assert carry(after, AFTER, record, keys).records == carry(before, BEFORE, record, keys).records


def test_a_mark_that_an_event_could_not_carry_yet_is_a_doubt(keys):
    """Nobody said that its address may be told."""
    marked = stream(MovedLater, confidential="hidden")
    before = small_catalog(BEFORE, GRANTS)
    after = small_catalog(marked, GRANTS, before.lock)

    sent, _ = carry(after, marked, taken_in(before, BEFORE, OLD), keys).records

    assert after.lock.codec(sent.value).decode(sent.value) == {"name": "Noor", "home": {"town": None}, "homes": []}


def test_an_event_from_before_is_withheld_where_the_agency_must_have_what_it_could_not_say(keys):
    """A word that tells of presence would say that it was not there."""
    grants = {"police": granted("name", coarse={"hidden": "present"})}
    before = small_catalog(BEFORE, {"police": granted("name")})
    after = small_catalog(AFTER, grants, before.lock)

    records, (receipt,) = carry(after, AFTER, taken_in(before, BEFORE, OLD), keys)

    assert (records, receipt.rule) == ([], "fields.nothing-fits")


def test_an_event_of_another_streams_schema_is_not_read(keys):
    """Whatever its bytes would give."""
    catalog = small_catalog(BEFORE, GRANTS)
    record = taken_in(catalog, BEFORE, OLD)
    other = catalog.lock.current[BEFORE.topic_to("another")]

    for number in (other, 999):
        with pytest.raises(Unreadable):
            carry(catalog, BEFORE, record._replace(value=b"\x00" + number.to_bytes(4, "big") + record.value[5:]), keys)


def test_what_is_known_of_the_child_is_found_by_the_events_identifiers(keys):
    """And the receipt names the events that said it."""
    catalog, view = small_catalog(BEFORE, GRANTS), View()
    view.take(b"another key", standing(nhs_number="9990000018", restricted=True), "said", LONG_AGO)

    records, receipts = carry(catalog, BEFORE, taken_in(catalog, BEFORE, OLD), keys, view)
    others, _ = carry(catalog, BEFORE, taken_in(catalog, BEFORE, OLD | {"nhs_number": None}), keys, view)

    assert (records, len(others)) == ([], 2)
    assert {(one.rule, one.standing) for one in receipts} == {("sealed.restricted", ("said",))}


def test_an_invented_event_is_told_to_be_one(keys):
    """Its mark is passed on to every recipient, and to none of a real one."""
    catalog = small_catalog(BEFORE, GRANTS)
    real = taken_in(catalog, BEFORE, OLD)
    invented = real._replace(headers=(*real.headers, SYNTHETIC))

    for record, is_invented in ((real, False), (invented, True)):
        records = carry(catalog, BEFORE, record, keys).records
        assert {Envelope.from_headers(one.headers).synthetic for one in records} == {is_invented}


def test_an_error_while_limits_are_asked_withholds(keys, monkeypatch):
    """By a rule that says no more."""
    catalog = small_catalog(BEFORE, GRANTS)
    desk = Desk(catalog, BEFORE, keys)
    monkeypatch.setattr(desk.routes[0].limits, "of", lambda _: 1 // 0)

    records, receipts = desk.carry(taken_in(catalog, BEFORE, OLD), now=NOON)

    assert [one.rule for one in receipts] == ["error", ""]
    assert len(records) == 1


def test_a_letter_in_json_is_checked_and_sent_as_it_is_checked(keys):
    """Names sorted, nothing that is null."""
    catalog = small_catalog(BEFORE, {"police": GRANTS["avro_one"]}, format="json")

    (sent,) = carry(catalog, BEFORE, taken_in(catalog, BEFORE, OLD | {"home": {"town": None}}), keys).records

    letter = json.loads(sent.value)
    assert {name: letter[name] for name in letter if name not in ("id", "type", "time")} == {
        "name": "Noor",
        "homes": [{"town": "Oxford"}],
    }
    assert dict(sent.headers)["content-type"] == b"application/json"


def test_ways_to_fare_are_made_once_and_not_kept_without_end(keys, monkeypatch):
    """The same outcome is the same object, which is how a page says it once."""
    monkeypatch.setattr(routes, "MOST_OUTCOMES", 2)
    catalog = small_catalog(BEFORE, {"police": GRANTS["another"]})
    (route,) = Desk(catalog, BEFORE, keys).routes

    assert route.outcome("", "statute", {}) is route.outcome("", "statute", {})
    for number in range(9):
        assert route.outcome(f"rule {number}", "", {}).rule == f"rule {number}"
    assert len(route._outcomes) <= 3
