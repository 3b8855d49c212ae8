"""Leave: whose event is sealed after it was released is found by what the ledger holds of it, at every door."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from hub import catalog as catalogs
from hub.catalog import Catalog
from hub.envelope import Record
from hub.following import Following
from hub.keys import NATIONAL, Keys, digest
from hub.leave import HOLDS_SECONDS, Seals
from hub.outbound import Desk, Letter, open_letter
from hub.seals import identifiers
from hub.store.entries import Lane
from hub.view import Identifier
from hub.wire import record_of
from schemas.sharing_status import stream as statuses
from tests.contract.examples import Case, cases

HEARD = [
    case for case in cases("heard")
    if not case.file("withheld.json").exists()
    and identifiers(json.loads(case.file("event.json").read_bytes()), catalogs.look().streams[case.line])
    and any(door.by != "kafka" for door in catalogs.look().agencies[case.agency].hears[case.line].doors)
]  # fmt: skip
"""Every example of what leaves by a courier and names its child by a number."""
ORDER = "2026-09-14"
SAID: Mapping[str, Any] = {"adopted": ORDER, "legal_hold": True, "restricted": True}


class Out(NamedTuple):
    """One released event, as a courier has it; *named* are the child's numbers, *first* that under which it lies."""

    lane: Lane
    letter: Letter
    named: list[Identifier]
    first: Identifier | None


def released(catalog: Catalog, keys: Keys, case: Case, at: datetime) -> Out:
    """What the relay lets an agency hear of an example, opened as a courier opens it."""
    stream = catalog.streams[case.line]
    event = stream.event.model_validate_json(case.file("event.json").read_bytes()).model_dump()
    record, following = record_of(catalog, keys, stream, event, digest(b"leave", str(case)), "/tests", at), None
    if case.file("standing.json").exists():
        values = json.loads(case.file("standing.json").read_bytes())
        following = Following(catalog)
        following.take(status(catalog, keys, values, at - timedelta(days=1)))
    carried = Desk(catalog, stream, keys).carry(record, now=at, view=following.view if following else None)
    (sent,) = [one for one in carried.records if one.topic == stream.topic_to(case.agency)]
    letter = open_letter(catalog, sent.value or b"", sent.headers, (sent.key or b"").decode())
    named = identifiers(event, stream)
    key = (record.key or b"").decode()
    paths = dict(stream.subject)
    by = [one for one in named if keys.subject(stream, nested(paths[one[0]], one[1]), otherwise="") == key]
    return Out(Lane(case.agency, case.line, letter.envelope.address), letter, named, by[0] if by else None)


def nested(path: str, value: str) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def status(catalog: Catalog, keys: Keys, values: Mapping[str, Any], at: datetime) -> Record:
    """What was said of a child, as it lies on its topic."""
    said = statuses.event.model_validate(values).model_dump()
    return record_of(catalog, keys, statuses, said, digest(b"said", json.dumps(values)), "/tests", at)


def seals(catalog: Catalog, keys: Keys, *said: Record) -> Seals:
    """What is known where these were said."""
    found = Seals(catalog, keys)
    for one in said:
        found.take(one)
    return found


@pytest.fixture(params=HEARD, ids=str)
def out(request, all_live, keys, now):
    """One example after another."""
    return released(all_live, keys, request.param, now)


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
        known = seals(all_live, keys, status(all_live, keys, {kind: value, said: SAID[said]}, later))
        assert known.rule(out.lane, out.letter) == "sealed"

    another = {"case_id": "ZZ-000001", said: SAID[said]}
    assert seals(all_live, keys, status(all_live, keys, another, later)).rule(out.lane, out.letter) is None


def test_numbers_that_are_tied_to_the_childs_seal_it_too(out, all_live, keys, now):
    """A hold said by a number that the agency never hears, which another standing ties to one that it does."""
    kind, value = findable(all_live, out)[0]
    other = {"case_id": "ZZ-000001"} if kind == "upn" else {"upn": "Q866400121012"}
    more = {"nhs_number": "9990000018"} if kind == "case_id" else {}  # else both would be said under one key
    tie = status(all_live, keys, {kind: value, **other, **more}, now)
    hold = status(all_live, keys, {**other, "legal_hold": True}, now)
    assert seals(all_live, keys, tie, hold).rule(out.lane, out.letter) == "sealed"
    assert seals(all_live, keys, hold).rule(out.lane, out.letter) is None


def test_what_came_with_the_order_itself_leaves(out, all_live, keys, now):
    """It is what the order says to those who are to know."""
    kind, value = findable(all_live, out)[0]
    order = status(all_live, keys, {kind: value, "adopted": ORDER}, now)
    assert seals(all_live, keys, order).rule(out.lane, out.letter) is None


def test_somebody_dangerous_is_not_told(out, all_live, keys, now):
    """Where the person works at this agency, or at this address of it; where it is another, it leaves."""
    (kind, value), agency = findable(all_live, out)[0], out.lane.agency
    places = {agency, *([f"{agency}/{out.lane.address}"] if out.lane.address else [])}
    for place in places:
        known = seals(all_live, keys, status(all_live, keys, {kind: value, "conflicts": [place]}, now))
        assert known.rule(out.lane, out.letter) == "sealed"
    elsewhere = {kind: value, "conflicts": ["another", f"{agency}/another"]}
    assert seals(all_live, keys, status(all_live, keys, elsewhere, now)).rule(out.lane, out.letter) is None


def test_what_cannot_be_read_of_the_child_is_a_doubt_until_it_is_said_anew(out, all_live, keys, now):
    """By a number that the hub keeps everything under, or that the agency hears; of another child's it is none."""
    heard = identifiers(out.letter.values, all_live.streams[out.lane.stream])
    for kind, value in [one for one in findable(all_live, out) if one in heard or one[0] in NATIONAL]:
        sound = status(all_live, keys, {kind: value, "restricted": False}, now)
        known = seals(all_live, keys, sound._replace(value=b"\x00nothing that is said"))
        assert known.rule(out.lane, out.letter) == "view.doubt"
        known.take(sound)
        assert known.rule(out.lane, out.letter) is None
    another = status(all_live, keys, {"case_id": "ZZ-000001"}, now)._replace(value=b"")
    assert seals(all_live, keys, another).rule(out.lane, out.letter) is None


def test_a_seal_that_is_taken_back_holds_no_longer(out, all_live, keys, now):
    """Said anew without it, or forgotten; and one that is said after others were asked for is found."""
    kind, value = findable(all_live, out)[0]
    hold = status(all_live, keys, {kind: value, "legal_hold": True}, now)
    known = seals(all_live, keys)
    for record, rule in (
        (hold, "sealed"),
        (status(all_live, keys, {kind: value}, now), None),
        (hold, "sealed"),
        (hold._replace(value=None), None),
    ):
        known.take(record)
        assert known.rule(out.lane, out.letter) == rule


def test_nothing_leaves_before_it_is_known_what_is_said_nor_long_after(all_live, keys):
    """What is known holds for five minutes."""
    seconds = 1000.0
    known = Seals(all_live, keys, clock=lambda: seconds)
    assert not known.current()
    known.known(seconds)
    assert known.current()
    seconds += HOLDS_SECONDS - 1
    assert known.current()
    seconds += 1
    assert not known.current()
