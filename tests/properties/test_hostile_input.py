"""
Hostile input: thousands of damaged messages for every parser, and none of them crashes, lingers, swells or is told of.

Each goes the way that a real one goes: it is accepted, set aside, or refused and sealed in quarantine. What fails is
named by parser and number, which make the same input again; what it says is not shown.
"""

from __future__ import annotations

import os

import pytest

from hub import catalog as catalogs
from tests.hostile import campaign, overheard
from tests.hostile.mutations import WAYS, mutated
from tests.hostile.parsers import every
from tests.hostile.seeds import CANARIES, planted

PARSERS = every(catalogs.load())
INPUTS = 10_000 if os.environ.get("HUB_PROVE") else 200


@pytest.mark.parametrize("name", PARSERS)
def test_a_damaged_message_is_accepted_or_refused_and_nothing_else_comes_of_it(name, capsys):
    """No crash, under a second each, memory that stays, and not eight bytes of it in a log, a header or an answer."""
    outcome = campaign.run(PARSERS[name](), range(INPUTS))

    if os.environ.get("HUB_PROVE"):
        with capsys.disabled():
            print(f"\n{campaign.HEAD}\n{outcome.row()}")
    assert outcome.faults == []
    assert outcome.inputs == INPUTS


def test_every_line_that_an_agency_speaks_is_among_the_parsers(catalog):
    """A new one is, without being named here."""
    lines = {f"{s.format} {a.key}/{name}" for a in catalog.agencies.values() for name, s in a.says.items()}

    assert lines <= set(PARSERS)
    assert all(PARSERS[name]().seeds for name in lines)


def test_the_damage_is_of_all_kinds_and_the_same_each_time():
    """Some of what is damaged is still accepted, or only readers of headings would be tested."""
    parser = PARSERS["hl7 great_western_hospital/adt"]()
    outcome = campaign.run(parser, range(300))

    assert [mutated(parser.seeds, "a", 7), mutated(parser.seeds, "a", 7)] == [mutated(parser.seeds, "a", 7)] * 2
    assert len({mutated(parser.seeds, "a", number).data for number in range(100)}) > 90
    assert outcome.verdicts["accepted"] > 10
    assert outcome.verdicts["quarantined"] > 10
    assert len(WAYS) == 16


def test_a_leak_would_be_heard():
    """A canary anywhere, or eight bytes that only the message holds; what the hub knows by itself is none."""
    data = planted(b"MSH|^~\\&|x\rPID|1||9990000018||Meridew^Tamsin", 0)

    assert any(canary in data for canary in CANARIES)
    assert overheard.leaked(["hub: took in " + CANARIES[0].decode()], data)
    assert overheard.leaked(["hub: took in 9990000018"], data)
    assert not overheard.leaked(["took in agency=great_western_hospital line=adt events=1 set_aside=0"], data)
