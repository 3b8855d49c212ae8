"""Public inputs through the gateway's intake, each file whole and counted to the unit; nothing of them is copied."""

from __future__ import annotations

import asyncio

import pytest

from hub.intake import Intake
from hub.topology import quarantine_of
from hub.transports.memory import MemoryLog

# Every message of the simulator says that it is for training (MSH-11 T), and no training message reaches a topic;
# what a hub for training makes of them is told in tests/connectors/test_great_western_hospital.py.
ADOPTED = 113  # episodes that ended in an adoption, 56 by E11 and 57 by E12: each also closes the child's identifiers
# file → agency, line, and of its messages or rows: events, set aside, refused
FILES = {
    "hl7v2-simhospital/messages.out": ("great_western_hospital", "adt", 0, 1_013, 0),
    "school-census/2024_autumn_termlysessiondetailsonroll.csv": ("schools", "census_sessions", 34_448, 0, 5_505),
    "ssda903/header.csv": ("social_care", "ssda903_header", 2_675, 0, 0),
    "ssda903/episodes.csv": ("social_care", "ssda903_episodes", 5_050 + ADOPTED, 0, 0),
    "ssda903/placed_for_adoption.csv": ("social_care", "ssda903_placed_for_adoption", 29, 0, 0),
    "ssda903/placed_for_adoption_errors.csv": ("social_care", "ssda903_placed_for_adoption", 30, 0, 0),
    "ssda903/ad1.csv": ("social_care", "ssda903_ad1", 29, 0, 0),
}
NOT_NEEDED = ("reviews", "uasc", "oc2", "oc3", "previous_permanence", "missing", "sw_episodes", "DoLo")
LISTS = {"chis-class-lists": "class_lists", "chis-cohort-lists": "cohort_lists"}


def taken_in(catalog, keys, agency, line, data):
    """The answer, and what then lies on the topics."""
    log = MemoryLog()
    answer = asyncio.run(Intake(catalog, keys, log.commit).receive(agency, line, data))
    return answer, log.topics


@pytest.mark.parametrize("name", FILES)
def test_a_public_file_goes_through_the_gateway_counted_to_the_unit(name, catalog, keys, public_data):
    """What the sender is told, and what lies on the topics and in quarantine, add up to what was in the file."""
    agency, line, events, aside, refused = FILES[name]

    answer, topics = taken_in(catalog, keys, agency, line, (public_data / name).read_bytes())

    assert (events, aside, refused) == (answer.events, answer.set_aside, answer.refused)
    assert refused == len(topics.pop(quarantine_of(agency), []))
    assert events == sum(len(records) for records in topics.values())


@pytest.mark.parametrize("name", NOT_NEEDED)
def test_a_public_file_that_nobody_needs_is_refused_and_nothing_of_it_is_kept(name, catalog, keys, public_data):
    """Health, offences, asylum: nothing of it lies on a topic, in quarantine, or in the sender's own folder."""
    data = (public_data / "ssda903" / f"{name}.csv").read_bytes()

    answer, topics = taken_in(catalog, keys, "social_care", "ssda903_header", data)

    assert (answer.code, answer.kept, answer.readable, answer.events) == ("file.not-needed", False, False, 0)
    assert topics == {}


def test_every_public_file_of_the_return_is_accounted_for(public_data):
    """Each is taken in, or refused as one that nobody needs; none is passed over here."""
    named = {name.removeprefix("ssda903/") for name in FILES if name.startswith("ssda903/")}
    assert {path.name for path in (public_data / "ssda903").iterdir()} == named | {f"{one}.csv" for one in NOT_NEEDED}


@pytest.mark.parametrize("folder", LISTS)
def test_every_public_list_is_answered_for_and_nothing_of_it_vanishes(folder, catalog, keys, public_data):
    """Each class or cohort list is taken in, in part or whole, or refused with a reason; the counts agree."""
    files = sorted((public_data / folder).glob("*.csv"))

    for path in files:
        answer, topics = taken_in(catalog, keys, "schools", LISTS[folder], path.read_bytes())

        assert answer.refused == len(topics.pop(quarantine_of("schools"), [])), path.name
        assert answer.events == sum(len(records) for records in topics.values()), path.name
        assert answer.accepted == (answer.refused == 0), path.name
        assert answer.accepted or answer.code, path.name

    assert files
