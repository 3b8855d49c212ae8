"""Mutation controls: whatever of the gate goes wrong, the suite turns red."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from .defect import Defect
from .defects import DEFECTS
from .run import ROOT, run_all, stands

PROVE = bool(os.environ.get("HUB_PROVE"))
WANTED = 25
SOME = (
    "an error in a decision releases",
    "an absent mark of restriction is a no",
    "at 16 a parent's consent goes on",
)
"""Those that are seeded whenever the suite runs; the others with HUB_PROVE, and by `python -m tests.mutations`."""


def test_there_are_as_many_defects_as_there_should_be_and_no_two_alike():
    """Each is one claim of its own, and changes something."""
    assert len(DEFECTS) >= WANTED
    assert [name for name, count in Counter(one.name for one in DEFECTS).items() if count > 1] == []
    assert [one.name for one in DEFECTS if one.old == one.new or not one.tests] == []
    assert set(SOME) <= {one.name for one in DEFECTS}


def test_each_defects_piece_of_source_stands_just_once_where_it_is_seeded():
    """So that code that moved takes its defect along, or is told here."""
    assert {f"{one.file}: {one.name}": found for one in DEFECTS if (found := stands(one)) != 1} == {}


def test_the_tests_that_should_notice_are_there():
    """A test that moved would be no catch, for it could not be collected."""
    assert {test for one in DEFECTS for test in one.tests if not (ROOT / test.partition("::")[0]).is_file()} == set()


@pytest.mark.timeout(7200 if PROVE else 300)
def test_each_defect_turns_the_suite_red_and_without_it_the_same_tests_are_green():
    """All of them with HUB_PROVE, else three; and where nothing is changed, or nothing starts, that is no catch."""
    wanted = [one for one in DEFECTS if (PROVE or one.name in SOME) and (PROVE or not one.broker)]
    tests = next(one.tests for one in DEFECTS if one.name == SOME[0])
    opening = '"""Seals: what no policy can open; asked before any policy."""\n'
    idle = Defect("nothing", "hub/seals.py", opening, opening + "\n", tests)
    broken = Defect("nothing starts", "hub/seals.py", opening, "import nowhere\n", tests)

    seeded, sound = run_all([*wanted, idle, broken])

    assert [f"{' '.join(one.tests)}: {one.fault}" for one in sound if one.fault] == []
    assert [f"{one.defect.name}: {one.fault}" for one in seeded[:-2] if not one.caught] == []
    assert [one.fault.partition(" (")[0] for one in seeded[-2:]] == ["SURVIVED", "no test failed by itself"]
    assert not any(one.caught for one in seeded[-2:])
