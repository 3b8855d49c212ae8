"""Leave: whose event is sealed after it was released is found by what the ledger holds of it, at every door."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from hub import catalog as catalogs
from hub.catalog import Catalog
from hub.envelope import Envelope, Record
from hub.following import Following
from hub.keys import NATIONAL, Keys, digest
from hub.leave import HOLDS_SECONDS, Meanwhile
from hub.outbound import Desk, Letter, open_letter
from hub.seals import identifiers
from hub.store.entries import Lane
from hub.view import Identifier
from hub.wire import record_of
from tests.contract.examples import Case, cases
from tests.hub.cases import status

HEARD = [
    case for case in cases("heard")
    if not case.file("withheld.json").exists()
    and identifiers(json.loads(case.file("event.json").read_bytes()), catalogs.look().streams[case.line])
    and any(door.by != "kafka" for door in catalogs.look().agencies[case.agency].hears[case.line].doors)
]  # fmt: skip
"""Every example of what leaves by a courier and names its child by a number."""
ORDER = "2026-09-14"
SAID: Mapping[str, Any] = {"adopted": ORDER, "legal_hold": True, "restricted": True}


Desks = Mapping[str, Desk]


class Out(NamedTuple):
    """
    One released event, as a courier has it, and *before* it was.

    *named* are the child's numbers, *first* the one under which the event lies, *known* is what was said of the child.
    """

    lane: Lane
    letter: Letter
    named: list[Identifier]
    first: Identifier | None
    before: Record
    known: Mapping[str, Any]


def released(catalog: Catalog, keys: Keys, desks: Desks, case: Case, at: datetime) -> Out:
    """What the relay lets an agency hear of an example, opened as a courier opens it."""
    stream = catalog.streams[case.line]
    event = stream.event.model_validate_json(case.file("event.json").read_bytes()).model_dump()
    record = record_of(catalog, keys, stream, event, digest(b"leave", str(case)), "/tests", at)
    known = json.loads(case.file("standing.json").read_bytes()) if case.file("standing.json").exists() else {}
    before = [status(catalog, keys, at - timedelta(days=1), **known)] if known else []
    sent = relayed(desks[stream.name], catalog, case.agency, record, *before)
    assert sent is not None
    letter = open_letter(catalog, sent.value or b"", sent.headers, (sent.key or b"").decode())
    named = identifiers(event, stream)
    key = (record.key or b"").decode()
    paths = dict(stream.subject)
    by = [one for one in named if keys.subject(stream, nested(paths[one[0]], one[1]), otherwise="") == key]
    return Out(
        Lane(case.agency, case.line, letter.envelope.address), letter, named, by[0] if by else None, record, known
    )


def relayed(desk: Desk, catalog: Catalog, agency: str, record: Record, *said: Record) -> Record | None:
    """What the relay makes of an event where so much was said of the child."""
    following = Following(catalog)
    for one in said:
        following.take(one)
    now = Envelope.from_headers(record.headers).time + timedelta(hours=2)
    carried = desk.carry(record, now=now, view=following.view)
    return next((one for one in carried.records if one.topic == desk.stream.topic_to(agency)), None)


def nested(path: str, value: str) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def meanwhile(catalog: Catalog, keys: Keys, *said: Record) -> Meanwhile:
    """What is known where these were said."""
    found = Meanwhile(catalog, keys)
    for one in said:
        found.take(one)
    found.known(0.0)
    return found


@pytest.fixture(scope="module")
def desks(all_live, keys):
    """The relay's, of each stream."""
    return {name: Desk(all_live, all_live.streams[name], keys) for name in {case.line for case in HEARD}}


@pytest.fixture(params=HEARD, ids=str)
def out(request, all_live, keys, desks, now):
    """One example after another."""
    return released(all_live, keys, desks, request.param, now)


def findable(catalog: Catalog, out: Out) -> list[Identifier]:
    """The child's numbers by which a courier can find it: what the agency hears, and what its name is made of."""
    heard = identifiers(out.letter.values, catalog.streams[out.lane.stream])
    return list(dict.fromkeys([*heard, *([out.first] if out.first else [])]))


@pytest.mark.parametrize("said", SAID)
def test_what_is_said_of_the_child_afterwards_seals_it(out, all_live, keys, now, said):
    """By whichever number the agency hears, or its name for the child is made of; of no other child's."""
    numbers, later = findable(all_live, out), now + timedelta(hours=1)
    assert numbers
    for kind, value in numbers:
        known = meanwhile(all_live, keys, status(all_live, keys, later, **{kind: value, said: SAID[said]}))
        assert known.rule(all_live, out.lane, out.letter, now) == "sharing-status"

    another = {"case_id": "ZZ-000001", said: SAID[said]}
    assert (
        meanwhile(all_live, keys, status(all_live, keys, later, **another)).rule(all_live, out.lane, out.letter, now)
        is None
    )


WORDS: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "an order": {"adopted": ORDER},
    "a hold": {"legal_hold": True},
    "a mark": {"restricted": True},
    "a conflict": {"conflicts": ["AGENCY"]},
    "a conflict elsewhere": {"conflicts": ["another"]},
    "a restriction": {"restriction": True},
    "an opt-out": {"opted_out": True},
    "a hidden address": {"address_confidential": True},
    "an objection": {"objections": [{"status": "raised", "recorded_at": "2026-09-15T10:00:00Z"}]},
    "one that was upheld": {"objections": [{"status": "upheld", "recorded_at": "2026-09-15T10:00:00Z"}]},
    "one that was overruled": {"objections": [{"status": "overruled", "recorded_at": "2026-09-15T10:00:00Z"}]},
    "one to another": {"objections": [{"status": "upheld", "recorded_at": "2026-09-15T10:00:00Z", "to": "another"}]},
    "a withdrawal": {"answers": [{"status": "withdrawn", "given_by": "parent", "recorded_at": "2026-09-15T10:00:00Z"}]},
}
"""What may be said of a child an hour after the event was released."""


@pytest.mark.parametrize("word", WORDS)
def test_what_the_relay_would_not_send_again_as_it_is_does_not_leave(out, all_live, keys, desks, now, word):
    """And what it would send to the byte does: the same event, decided anew by what is known by then."""
    said = json.loads(json.dumps(WORDS[word]).replace("AGENCY", out.lane.agency))
    after = status(all_live, keys, now + timedelta(hours=1), **{**out.known, **dict(findable(all_live, out)), **said})
    known = [status(all_live, keys, now - timedelta(days=1), **out.known)] if out.known else []
    desk, agency = desks[out.lane.stream], out.lane.agency
    sent = relayed(desk, all_live, agency, out.before, *known)
    again = relayed(desk, all_live, agency, out.before, *known, after)

    said = meanwhile(all_live, keys, *known, after)
    rule = said.rule(all_live, out.lane, out.letter, now + timedelta(hours=2))

    assert sent is not None
    assert (rule is None) == (again is not None and again.value == sent.value)


def test_numbers_that_are_tied_to_the_childs_seal_it_too(out, all_live, keys, now):
    """A hold said by a number that the agency never hears, which another standing ties to one that it does."""
    kind, value = findable(all_live, out)[0]
    other = {"case_id": "ZZ-000001"} if kind == "upn" else {"upn": "Q866400121012"}
    more = {"nhs_number": "9990000018"} if kind == "case_id" else {}  # else both would be said under one key
    tie = status(all_live, keys, now, **{kind: value, **other, **more})
    hold = status(all_live, keys, now, **{**other, "legal_hold": True})
    assert meanwhile(all_live, keys, tie, hold).rule(all_live, out.lane, out.letter, now) == "sharing-status"
    assert meanwhile(all_live, keys, hold).rule(all_live, out.lane, out.letter, now) is None


def test_what_came_with_the_order_itself_leaves(out, all_live, keys, now):
    """It is what the order says to those who are to know."""
    kind, value = findable(all_live, out)[0]
    order = status(all_live, keys, now, **{kind: value, "adopted": ORDER})
    assert meanwhile(all_live, keys, order).rule(all_live, out.lane, out.letter, now) is None


def test_somebody_dangerous_is_not_told(out, all_live, keys, now):
    """Where the person works at this agency, or at this address of it; where it is another, it leaves."""
    (kind, value), agency = findable(all_live, out)[0], out.lane.agency
    places = {agency, *([f"{agency}/{out.lane.address}"] if out.lane.address else [])}
    for place in places:
        known = meanwhile(all_live, keys, status(all_live, keys, now, **{kind: value, "conflicts": [place]}))
        assert known.rule(all_live, out.lane, out.letter, now) == "sharing-status"
    elsewhere = {kind: value, "conflicts": ["another", f"{agency}/another"]}
    assert (
        meanwhile(all_live, keys, status(all_live, keys, now, **elsewhere)).rule(all_live, out.lane, out.letter, now)
        is None
    )


def test_what_cannot_be_read_of_the_child_is_a_doubt_until_it_is_said_anew(out, all_live, keys, now):
    """By a number that the hub keeps everything under, or that the agency hears; of another child's it is none."""
    heard = identifiers(out.letter.values, all_live.streams[out.lane.stream])
    for kind, value in [one for one in findable(all_live, out) if one in heard or one[0] in NATIONAL]:
        sound = status(all_live, keys, now, **{kind: value, "restricted": False})
        known = meanwhile(all_live, keys, sound._replace(value=b"\x00nothing that is said"))
        assert known.rule(all_live, out.lane, out.letter, now) == "view.doubt"
        known.take(sound)
        known.known(0.0)
        assert known.rule(all_live, out.lane, out.letter, now) is None
    another = status(all_live, keys, now, case_id="ZZ-000001")._replace(value=b"")
    assert meanwhile(all_live, keys, another).rule(all_live, out.lane, out.letter, now) is None


def test_a_seal_that_is_taken_back_holds_no_longer(out, all_live, keys, now):
    """Said anew without it, or forgotten; and one that is said after others were asked for is found."""
    kind, value = findable(all_live, out)[0]
    hold = status(all_live, keys, now, **{kind: value, "legal_hold": True})
    known = meanwhile(all_live, keys)
    for record, rule in (
        (hold, "sharing-status"),
        (status(all_live, keys, now, **{kind: value}), None),
        (hold, "sharing-status"),
        (hold._replace(value=None), None),
    ):
        known.take(record)
        known.known(0.0)
        assert known.rule(all_live, out.lane, out.letter, now) == rule


def test_nothing_leaves_before_it_is_known_what_is_said_nor_long_after(all_live, keys):
    """What is known holds for five minutes."""
    seconds = 1000.0
    known = Meanwhile(all_live, keys, clock=lambda: seconds)
    assert not known.current()
    known.known(seconds)
    assert known.current()
    seconds += HOLDS_SECONDS - 1
    assert known.current()
    seconds += 1
    assert not known.current()
