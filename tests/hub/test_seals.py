"""Seals: what is marked sensitive, or not said not to be, is heard by nobody."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from hub import seals
from hub.stream import Event, Sensitivity, Stream


class Child(Event):
    """A child's record that may be marked."""

    restricted: Annotated[bool | None, Field(description="Marked."), Sensitivity.PERSONAL] = None


class Moved(Event):
    """A child moved."""

    child: Annotated[Child, Field(description="Who."), Sensitivity.PERSONAL]


MARKED = Stream(name="moved", event=Moved, key=(), keep="days", steward="x", restricted="child.restricted")
UNMARKED = Stream(name="moved", event=Moved, key=(), keep="days", steward="x")


def test_only_a_no_that_was_said_opens_a_seal():
    """False opens."""
    assert seals.ask({"child": {"restricted": False}}, MARKED) is None


@pytest.mark.parametrize("mark", [True, None, 0, "", "false", "no", 0.0, []])
def test_whatever_is_not_false_seals(mark):
    """A yes seals, and so does a doubt: an absent mark, a zero, an empty text."""
    assert seals.ask({"child": {"restricted": mark}}, MARKED) == "restricted"


@pytest.mark.parametrize(
    "values", [{}, {"child": None}, {"child": {}}, {"child": []}, {"child": [{"restricted": False}]}]
)
def test_a_mark_that_cannot_be_found_seals(values):
    """A record without the place where the mark would be is a doubt too."""
    assert seals.ask(values, MARKED) == "restricted"


def test_a_stream_that_cannot_carry_the_mark_has_no_seal():
    """Of a stream without a mark nothing is asked."""
    assert seals.ask({"child": {"restricted": True}}, UNMARKED) is None
    assert (seals.paths(UNMARKED), seals.paths(MARKED)) == ((), ("child.restricted",))
