"""What NEMS says is one event about one person, and what holds in the end does not hang on the order it came in."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.nems.bundle import Bundle
from connectors.nems.inbound import CARRIED, CLINICAL
from hub.catalog import Catalog
from hub.envelope import Envelope
from hub.errors import NotForUs
from hub.formats import xml
from hub.inbound import Refusal, SetAside, Understood, read
from hub.keys import Keys
from hub.once import Once
from schemas.person_now import watch as order

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 9, 15, 9, tzinfo=UTC)
LINES = {
    "address": "change_of_address", "gp": "change_of_gp", "death": "death_notification",
    "birth": "birth_notification", "record": "record_change",
}  # fmt: skip
TRIPLES = (
    "Professional-Contacts-1",
    "blood-spot-test-outcome-1",
    "newborn-hearing-1",
    "nipe-outcome-1",
    "vaccinations-1",
)

# What the public examples come to: those about the death of one child have another's number in their header.
PUBLISHED = {
    "BirthNotificationWithMother.xml": "birth",
    "BirthNotificationWithoutMother.xml": "birth",
    "PDS-Change-Of-Address-ems-example.xml": "address",
    "PDS-Change-Of-GP-ems-example.xml": "gp",
    "PDS-Death-Notification-formal-ems-example.xml": "nhs-number.differs",
    "PDS-Death-Notification-informal-ems-example.xml": "nhs-number.differs",
    "PDS-Death-Notification-removed-ems-example.xml": "nhs-number.differs",
    "PDS-Record-Change-Citizen.xml": "record",
    "PDS-Record-Change.xml": "record",
}


def change(**said: Any) -> dict[str, Any]:
    """One event as the watch is given it."""
    values = {
        "nhs_number": "9990000018", "changed": "address", "kind": "new", "message_id": "m1", "version": None,
        "as_of": NOW, "surname": None, "forename": None, "born": None, "address": None, "gp_ods": None, "death": None,
        "died": None, "mother_nhs_number": None, "restricted": None,
    }  # fmt: skip
    return values | said


def told_on(changes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the watch passes on of *changes*, given in this order."""
    state = None
    for number, one in enumerate(changes):
        state = order.remember(state, one, NOW)
        papers = Envelope(f"{number:032}", "/hub", "person-change.v1", NOW, "")
        with suppress(NotForUs):
            yield from (event.model_dump() for event in order.judge(one, state, papers, now=NOW, caught_up=True))


def final(changes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What holds for whoever applies each event as it comes."""
    return {one["changed"]: one for one in told_on(changes)}


def test_every_published_event_is_accounted_for(public_data: Path, catalog: Catalog, keys: Keys) -> None:
    """Each is an event, or is put aside as clinical, or is refused with a reason."""
    found = {}
    for file in sorted((public_data / "fhir-nems").glob("*.xml")):
        data = file.read_bytes()
        event = Bundle(xml.document(data)).event
        line = catalog.line("nems", LINES[CARRIED.get(event, "record")])
        (outcome,) = (one for one in read(line, data, keys) if isinstance(one, Understood | SetAside | Refusal))
        if isinstance(outcome, SetAside):
            assert outcome.code == f"nems.{event}"
            assert event in CLINICAL
        else:
            found[file.name] = outcome.code if isinstance(outcome, Refusal) else outcome.event.model_dump()["changed"]
    assert found == PUBLISHED


@pytest.mark.parametrize("name", TRIPLES)
def test_published_triples_end_the_same_in_every_order(name: str, public_data: Path) -> None:
    """New, update and delete, by their own lastUpdated: what is deleted stays deleted, whatever comes after."""
    triple = []
    for kind in ("new", "update", "delete"):
        bundle = Bundle(xml.document((public_data / "fhir-nems" / f"{name}-{kind}.xml").read_bytes()))
        meta = bundle.header.find(f"{{{xml.FHIR}}}meta/{{{xml.FHIR}}}lastUpdated")
        moment = datetime.fromisoformat(meta.get("value"))
        triple.append(
            change(kind=kind, as_of=moment, message_id=str(xml.own_id(bundle.header.getroottree().getroot())))
        )

    ends = [final(list(told)) for told in permutations(triple)]

    assert all(one == ends[0] for one in ends)
    assert ends[0]["address"]["kind"] == "delete"


CHANGES = st.builds(
    change,
    changed=st.sampled_from(["address", "gp", "record"]),
    kind=st.sampled_from(["new", "update", "delete"]),
    message_id=st.integers(0, 99).map(lambda number: f"m{number}"),
    version=st.none() | st.integers(0, 3),
    as_of=st.integers(0, 3).map(lambda hour: NOW.replace(hour=hour)),
)


@given(st.lists(CHANGES, max_size=6, unique_by=lambda one: one["message_id"]), st.randoms(use_true_random=False))
def test_the_end_is_the_same_in_any_order_and_however_often_told(changes: list[dict[str, Any]], chance: Any) -> None:
    """Of each kind of event the newest counts, and of two at the same moment and version always the same one."""
    other = [*changes, *changes]
    chance.shuffle(other)
    assert final(other) == final(changes)


def test_what_was_overtaken_is_told_by_a_code() -> None:
    """So that it is counted, and a feed that only ever comes late is seen."""
    state = order.remember(None, change(as_of=NOW), NOW)
    papers = Envelope("0" * 32, "/hub", "person-change.v1", NOW, "")
    with pytest.raises(NotForUs) as caught:
        list(order.judge(change(as_of=NOW.replace(hour=1)), state, papers, now=NOW, caught_up=True))
    assert caught.value.code == "person.overtaken"


def test_events_of_one_kind_do_not_overtake_those_of_another() -> None:
    """A new practice says nothing of where somebody lives."""
    late = [change(changed="gp", as_of=NOW), change(changed="address", as_of=NOW.replace(hour=1))]
    assert [one["changed"] for one in told_on(late)] == ["gp", "address"]


def test_a_change_of_the_record_is_ordered_by_its_version() -> None:
    """It has no other moment than that at which it was told."""
    newer = change(changed="record", version=8, as_of=NOW.replace(hour=1))
    older = change(changed="record", version=7, as_of=NOW)
    assert [one["version"] for one in told_on([newer, older])] == [8]
    assert [one["version"] for one in told_on([older, newer])] == [7, 8]


def test_what_was_overtaken_goes_no_further_through_the_whole_hub(catalog: Catalog, keys: Keys) -> None:
    """From the files, through intake and watch: the update came first, and the move that it corrects is not told on."""
    folder = ROOT / "connectors/nems/examples/change_of_address"
    once = Once(catalog, keys, lambda: NOW)
    for name in ("moved_again_update", "moved", "taken_back", "moved_again_update"):
        once.give(folder / f"{name}.xml", "nems", "change_of_address")
    codec = catalog.codec(catalog.streams["person_now"])
    told = [codec.decode(record.value or b"")["kind"] for record in once.log.topics["person-now.v1"]]
    assert told == ["update", "delete"]
    assert len(once.log.topics["person-change.v1"]) == 3


def test_an_event_carries_what_it_is_about_and_no_more(catalog: Catalog, keys: Keys) -> None:
    """Of no example a former address, a mother's name, or with a change of practice where somebody lives."""
    told = [json.loads(file.read_text()) for file in ROOT.glob("connectors/nems/examples/*/*.events.json")]
    events = [one["event"] for outcome in told for one in outcome if "event" in one]
    assert len(events) > 12
    assert all("address" not in one for one in events if one["changed"] not in ("address", "birth"))
    assert all("gp_ods" not in one for one in events if one["changed"] != "gp")
    assert all(not {"address", "gp_ods"} & one.keys() for one in events if one.get("restricted"))
    assert "Ann" not in json.dumps(events)
    assert "Former Lane" not in json.dumps(events)
