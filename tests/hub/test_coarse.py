"""Coarse words: each says less than the field, the same for all values that it cannot tell apart, and never fails."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.coarse import WORDS


@pytest.mark.parametrize(
    ("word", "value", "heard"),
    [
        ("year", date(2012, 6, 30), 2012),
        ("month", date(2012, 6, 30), "2012-06"),
        ("month", date(999, 1, 1), "0999-01"),
        ("outward_postcode", "ZZ1 2JG", "ZZ1"),
        ("outward_postcode", "zz12jg", "ZZ1"),
        ("outward_postcode", " GIR 0AA ", "GIR"),
        ("outward_postcode", "ZZ1A 1BB", "ZZ1A"),
        ("outward_postcode", "ZZ1", ""),
        ("initial", "ada", "A"),
        ("initial", "  émile", "É"),
        ("initial", "", ""),
        ("present", "anything", True),
        ("present", "", True),
        ("present", None, False),
    ],
)
def test_a_word_gives_what_its_sentence_says(word, value, heard):
    """One example of each promise."""
    assert WORDS[word].apply(value) == heard
    assert type(WORDS[word].apply(value)) is WORDS[word].gives


VALUES = {date: st.dates(), str: st.text(max_size=12), object: st.none() | st.text(max_size=3)}


@pytest.mark.parametrize("name", sorted(WORDS))
@given(data=st.data())
def test_a_word_takes_every_value_of_its_kinds(name, data):
    """No value makes it fail, and what it gives is of the kind that the recipient's schema says."""
    word = WORDS[name]
    for kind in word.takes:
        assert type(word.apply(data.draw(VALUES[kind]))) is word.gives


@given(st.from_regex(r"[A-Z]{1,2}[0-9][A-Z0-9]?", fullmatch=True), st.from_regex(r"[0-9][A-Z]{2}", fullmatch=True),
       st.from_regex(r"[0-9][A-Z]{2}", fullmatch=True))  # fmt: skip
def test_two_homes_of_one_district_cannot_be_told_apart(outward, one, other):
    """The inward half is gone without a trace, with or without the space."""
    heard = {WORDS["outward_postcode"].apply(value) for value in (f"{outward} {one}", f"{outward}{other}")}

    assert heard == {outward}


def test_only_presence_says_something_of_absence():
    """Of every other word an absent value stays absent."""
    assert {name for name, word in WORDS.items() if word.of_absence} == {"present"}
