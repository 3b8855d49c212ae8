"""Seals: what no policy opens, asked in a fixed order of the event and of what is known of the child."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Annotated

import pytest
from pydantic import Field

from hub import seals
from hub.stream import Event, Sensitivity, Stream
from hub.view import Known
from tests.hub.cases import LONG_AGO, TAKEN, case, known, standing


class Child(Event):
    """A child's record that may be marked."""

    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    upn: Annotated[str | None, Field(description="UPN."), Sensitivity.IDENTIFIER] = None
    restricted: Annotated[bool | None, Field(description="Marked."), Sensitivity.PERSONAL] = None


class Moved(Event):
    """A child moved."""

    child: Annotated[Child, Field(description="Who."), Sensitivity.PERSONAL]
    conflicts: Annotated[tuple[str, ...] | None, Field(description="Who must not hear."), Sensitivity.CRIMINAL] = None


def stream(**words):
    return Stream(name="moved", event=Moved, key=(), keep="days", steward="x", **words)


MARKED = stream(restricted="child.restricted", conflicts="conflicts")
UNMARKED = stream()
OPEN = {"child": {"restricted": False}, "conflicts": []}
ADOPTED = standing(adopted=date(2026, 5, 4))


def seal(values=OPEN, *standings, stream=MARKED, **changes) -> str | None:
    """The seal that keeps the event in, or None."""
    return seals.ask(case(values, stream, *standings, **changes))


def test_only_a_no_that_was_said_opens_a_seal():
    """False opens."""
    assert seal({"child": {"restricted": False}}) is None


@pytest.mark.parametrize("mark", [True, None, 0, "", "false", "no", 0.0, []])
def test_whatever_is_not_false_seals(mark):
    """A yes seals, and so does a doubt: an absent mark, a zero, an empty text."""
    assert seal({"child": {"restricted": mark}}) == "restricted"


@pytest.mark.parametrize(
    "values", [{}, {"child": None}, {"child": {}}, {"child": []}, {"child": [{"restricted": False}]}]
)
def test_a_mark_that_cannot_be_found_seals(values):
    """A record without the place where the mark would be is a doubt too."""
    assert seal(values) == "restricted"


def test_a_stream_that_cannot_carry_a_mark_is_not_asked_for_it():
    """Nor for conflicts; what is known of the child seals it all the same."""
    values = {"child": {"restricted": True}, "conflicts": ["police"]}

    assert seal(values, stream=UNMARKED) is None
    assert seal(values, standing(restricted=True), stream=UNMARKED) == "restricted"
    assert seal(values, standing(conflicts=["police"]), stream=UNMARKED) == "conflict"


def test_what_is_known_of_the_child_seals_what_the_event_does_not():
    """A mark that the sender does not know of yet, in any of the records on the child."""
    assert seal(OPEN, standing()) is None
    for said, rule in (({"restricted": True}, "restricted"), ({"legal_hold": True}, "legal-hold")):
        assert seal(OPEN, standing(**said)) == rule
        assert seal(OPEN, standing(), standing(**said)) == rule


def test_what_is_known_does_not_open_what_the_event_seals():
    """That nothing is known of a mark is no word against it."""
    assert seal({"child": {"restricted": True}}, standing(restricted=False)) == "restricted"


def test_of_a_child_who_was_adopted_nothing_is_told():
    """Whatever was taken in before the order or after it (Adoption and Children Act 2002 s.46)."""
    for days in (-1, 0, 1, 4_000):
        assert seal(OPEN, ADOPTED, at=LONG_AGO + timedelta(days, milliseconds=1)) == "adoption"


def test_what_came_with_the_order_itself_is_not_sealed_by_it():
    """The same file told of the order and of this, and was taken in at one moment; to the millisecond."""
    assert seal(OPEN, ADOPTED, at=LONG_AGO) is None
    for late in (-1, 1):
        assert seal(OPEN, ADOPTED, at=LONG_AGO + timedelta(milliseconds=late)) == "adoption"


def test_each_order_is_asked_for_its_own_moment():
    """Two records on one child say that they are adopted: what came with one of them came after the other."""
    later = LONG_AGO + timedelta(days=1)
    twice = Known((ADOPTED, ADOPTED), ("1", "2"), (LONG_AGO, later))
    once = Known((standing(), ADOPTED), ("1", "2"), (LONG_AGO, later))

    assert seals.ask(case(OPEN, MARKED, known=twice, at=later)) == "adoption"
    assert seals.ask(case(OPEN, MARKED, known=once, at=later)) is None
    assert seals.ask(case(OPEN, MARKED, known=once, at=LONG_AGO)) == "adoption"


@pytest.mark.parametrize("listed", ["known", "event"])
@pytest.mark.parametrize(
    ("conflict", "address", "sealed"),
    [
        ("police", "", True),
        ("police", "SW0042", True),
        ("police/SW0042", "SW0042", True),
        ("police/SW0042", "SW0043", False),
        ("police/SW0042", "", False),
        ("police/", "SW0042", False),
        ("chis", "", False),
        ("chis/SW0042", "SW0042", False),
        ("Police", "", False),
        ("", "", False),
    ],
)
def test_who_works_where_it_would_be_heard_is_in_conflict(listed, conflict, address, sealed):
    """A whole agency, or one address of a family of like recipients, in the event or in what is known."""
    others = ["somebody_else", conflict]
    values = OPEN | {"conflicts": others if listed == "event" else None}
    standings = [standing(), standing(conflicts=others)] if listed == "known" else []

    assert seal(values, *standings, address=address) == ("conflict" if sealed else None)


ORDER = {
    "adoption": {"adopted": date(2026, 5, 4)},
    "legal-hold": {"legal_hold": True},
    "restricted": {"restricted": True},
    "conflict": {"conflicts": ["police"]},
}


@pytest.mark.parametrize(
    "held", [one for count in range(1, 5) for one in itertools.combinations(ORDER, count)], ids=" ".join
)
def test_seals_are_asked_in_order(held):
    """Adoption, legal hold, restriction, conflict: the first one names the rule, in one record or in several."""
    together = standing(**{name: value for seal in held for name, value in ORDER[seal].items()})

    assert seal(OPEN, together) == held[0]
    assert seal(OPEN, *(standing(**ORDER[one]) for one in reversed(held))) == held[0]


def test_the_events_own_mark_is_asked_between_hold_and_conflict():
    """As the child's is."""
    marked = {"child": {"restricted": True}, "conflicts": ["police"]}

    assert seal(marked) == "restricted"
    assert seal(marked, standing(legal_hold=True)) == "legal-hold"
    assert seal(OPEN | {"conflicts": ["police"]}) == "conflict"


def test_seals_look_at_no_more_than_the_marks_and_the_childs_names():
    """So that a view may hold nothing else."""
    named = stream(restricted="child.restricted", subject=(("nhs_number", "child.nhs_number"), ("upn", "child.upn")))

    assert set(seals.paths(UNMARKED)) == set()
    assert set(seals.paths(MARKED)) == {"child.restricted", "conflicts"}
    assert set(seals.paths(named)) == {"child.restricted", "child.nhs_number", "child.upn"}


def test_an_event_names_its_child_by_all_identifiers_it_has():
    """An empty one and one of another shape name nobody."""
    named = stream(subject=(("nhs_number", "child.nhs_number"), ("upn", "child.upn")))

    def names(**child):
        return seals.identifiers({"child": child}, named)

    assert names(nhs_number="9990000018", upn="Q866400121012") == [
        ("nhs_number", "9990000018"),
        ("upn", "Q866400121012"),
    ]
    assert names(nhs_number="", upn=None) == names(nhs_number=9990000018) == names() == []
    assert seals.identifiers({}, named) == []


def test_nothing_known_seals_nothing():
    """And a case of which nothing is known has no moment to compare."""
    assert seal(OPEN, known=known(), at=TAKEN) is None
