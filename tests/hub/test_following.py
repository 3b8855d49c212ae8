"""Following: what is said of a child is taken in record by record; what cannot be read puts the child in doubt."""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, date, datetime

import pytest

from hub.following import Following
from hub.outbound import Desk
from hub.schema_lock import SchemaLock
from schemas.sharing_status import stream as statuses
from tests.hub.cases import LONG_AGO, standing, taken_in

NHS = ("nhs_number", "9990000018")
SAID = standing(nhs_number=NHS[1], restricted=True, born=date(2015, 6, 1), answers=[], objections=[], conflicts=[])
KEY = b"f" * 32


@pytest.fixture
def following(catalog):
    """A view of nothing yet, and what takes records into it."""
    return Following(catalog)


def record(catalog, values=SAID, **changes):
    """What social care said of a child, as it lies on its topic."""
    return taken_in(catalog, statuses, values, LONG_AGO)._replace(**changes)


def known(following, key=b"another key"):
    return following.view.known(key, [NHS])


def test_what_is_said_is_known_with_its_event_and_the_moment_it_was_taken_in(following, catalog):
    """All of it, under the child's identifiers."""
    following.take(record(catalog))

    assert following.topics == (statuses.topic,)
    assert known(following) == ((SAID,), ("0123456789abcdef" * 2,), (LONG_AGO,), False)


def test_answers_keep_their_times_on_the_way(following, catalog):
    """To the millisecond, with their zone."""
    at = datetime(2026, 3, 1, 9, 30, 0, 250_000, tzinfo=UTC)
    answers = [{"about": None, "status": "given", "given_by": "parent", "recorded_at": at, "until": date(2026, 12, 31)}]
    following.take(record(catalog, SAID | {"answers": answers}))

    assert known(following).standings[0]["answers"] == answers


def test_the_newest_word_under_a_key_counts_and_one_without_a_value_forgets(following, catalog):
    """A compacted topic says no more."""
    following.take(record(catalog))
    following.take(record(catalog, SAID | {"restricted": False}))
    assert [one["restricted"] for one in known(following).standings] == [False]

    following.take(record(catalog, value=None))
    assert not following.view


@pytest.mark.parametrize(
    "changes",
    [
        {"value": b""}, {"value": b"\x00\x00"}, {"value": b"9990000018"},
        {"value": b"\x00\x00\x00\xff\xff" + b"\x00" * 40}, {"headers": ()}, {"headers": (("ce_id", b"1"),)},
        {"topic": "another.v1"},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_read_puts_the_child_in_doubt_until_it_is_said_anew(following, catalog, changes):
    """Of a child of whom something was said before, and by the key alone of one of whom nothing was."""
    following.take(record(catalog))
    following.take(record(catalog, **changes))
    assert known(following).doubt

    following.take(record(catalog))
    assert not known(following).doubt

    fresh = Following(catalog)
    fresh.take(record(catalog, **changes))
    assert fresh.view.known(KEY, []).doubt


def test_a_record_cut_short_or_longer_than_it_says_cannot_be_read(following, catalog):
    """Not even as far as it goes: that could be the half without the refusal."""
    whole = record(catalog)
    for value in (whole.value[:-1], whole.value + b"\x00"):
        following.take(whole._replace(value=value))
        assert following.view.known(KEY, []).doubt


def test_a_record_of_another_streams_schema_cannot_be_read(following, catalog):
    """Whatever its bytes would give."""
    whole = record(catalog)
    other = catalog.lock.current[catalog.streams["school_attendance"].topic]
    following.take(whole._replace(value=b"\x00" + other.to_bytes(4, "big") + whole.value[5:]))

    assert following.view.known(KEY, []).doubt


@pytest.mark.parametrize(("kind", "field"), [("nhs_number", "nhs_number"), ("upn", "upn"), ("case_id", "local_id")])
def test_an_event_is_in_doubt_by_each_identifier_it_has(catalog, keys, now, kind, field):
    """What cannot be read may lie under any of them, not under the one that is the event's own key alone."""
    child = {"nhs_number": "9990000018", "upn": "Q866400121012", "local_id": "7001"}
    stream = catalog.streams["child_demographics"]
    event = {
        "child": {**child, "surname": "Ferrars", "forename": "Noor", "born": date(2015, 6, 1), "restricted": False}
    }
    desk = Desk(catalog, stream, keys)
    values = stream.event.model_validate(event).model_dump()
    taken = taken_in(catalog, stream, values)._replace(key=keys.subject(stream, values, "").encode())

    def rules(of):
        following = Following(catalog)
        under = keys.subject(statuses, {kind: of}, "").encode()
        following.take(record(catalog, key=under, value=b"9990000018"))
        return {one.rule for one in desk.carry(taken, now=now, view=following.view).receipts}

    assert rules(child[field]) == {"view.doubt"}
    assert rules("another") == {""}


def test_the_log_tells_that_it_could_not_be_read_and_nothing_of_it(following, catalog, caplog):
    """Neither the key nor a value."""
    with caplog.at_level(logging.INFO, "hub"):
        following.take(record(catalog, value=b"9990000018"))

    told = "".join(f"{one.getMessage()} {one.hub_keys}" for one in caplog.records)
    assert statuses.topic in told
    assert not [word for word in ("9990000018", KEY.decode()) if word in told]


def test_a_record_from_before_the_schema_grew_is_read_into_todays(catalog):
    """A compacted topic holds records as old as the hub; what they could not say yet is not so."""
    older = [entry for entry in catalog.lock.entries if entry["subject"] == statuses.topic][-1]
    fields = [field for field in older["schema"]["fields"] if field["name"] != "adopted"]
    first = {"id": 1, "subject": statuses.topic, "schema": {**older["schema"], "fields": fields}}
    now = SchemaLock([first, {**older, "id": 2}])
    grown = dataclasses.replace(catalog, streams={statuses.name: statuses}, lock=now)
    whole = record(grown)
    said = {name: value for name, value in SAID.items() if name != "adopted"}
    following = Following(grown)

    following.take(whole._replace(value=now.codec(b"\x00\x00\x00\x00\x01").encode(said)))

    assert known(following).standings == (SAID,)
