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


@pytest.mark.parametrize(
    ("value", "heard"),
    [
        (-5, "none"), (0, "none"), (1, "1 to 5"), (5, "1 to 5"), (6, "6 to 10"), (10, "6 to 10"), (11, "11 to 20"),
        (20, "11 to 20"), (21, "over 20"), (10**12, "over 20"),
    ],
)  # fmt: skip
def test_a_count_is_heard_as_one_of_five(value, heard):
    """At both edges of each; one to five are never told apart."""
    assert WORDS["count_band"].apply(value) == heard


@pytest.mark.parametrize(
    ("value", "heard"),
    [
        ("ada lovelace", "A L"), ("Ada Mary Lovelace", "A M L"), ("Anne-Marie Smith", "A M S"), ("  ada  ", "A"),
        ("O'Dare", "O"), ("d'arcy o'dare", "D O"), ("", ""), (" ", ""), ("-", ""), ("é\tb\nc", "É B C"),
    ],
)  # fmt: skip
def test_initials_are_the_first_letters_of_the_parts_of_a_name(value, heard):
    """Whatever parts them."""
    assert WORDS["initials"].apply(value) == heard


BORN = date(2010, 9, 15)


@pytest.mark.parametrize(
    ("day", "heard"),
    [
        (date(2010, 9, 14), "unborn"),
        (date(1999, 1, 1), "unborn"),
        (date(2010, 9, 15), "under 1"),
        (date(2011, 9, 14), "under 1"),
        (date(2011, 9, 15), "1 to 4"),
        (date(2015, 9, 14), "1 to 4"),
        (date(2015, 9, 15), "5 to 9"),
        (date(2020, 9, 14), "5 to 9"),
        (date(2020, 9, 15), "10 to 15"),
        (date(2026, 9, 14), "10 to 15"),
        (date(2026, 9, 15), "16 to 17"),
        (date(2028, 9, 14), "16 to 17"),
        (date(2028, 9, 15), "18 and over"),
        (date(2126, 9, 15), "18 and over"),
    ],
)
def test_an_age_is_heard_as_its_band_on_the_day(day, heard):
    """From the birthday on it is the next one; before the birth there is none."""
    assert WORDS["age_band"].apply(BORN, day) == heard


def test_who_was_born_on_29_february_is_a_year_older_on_1_march_of_a_common_year():
    """As the law counts ages."""
    born = date(2012, 2, 29)

    assert [WORDS["age_band"].apply(born, date(2013, *day)) for day in ((2, 28), (3, 1))] == ["under 1", "1 to 4"]
    assert [WORDS["age_band"].apply(born, date(2028, *day)) for day in ((2, 28), (2, 29))] == ["10 to 15", "16 to 17"]


def test_only_ages_are_heard_by_the_day():
    """Every other word is the same for the same value whenever it is told."""
    assert {name for name, word in WORDS.items() if word.of_day} == {"age_band"}


VALUES = {date: st.dates(), str: st.text(max_size=12), int: st.integers(), object: st.none() | st.text(max_size=3)}


@pytest.mark.parametrize("name", sorted(WORDS))
@given(data=st.data())
def test_a_word_takes_every_value_of_its_kinds(name, data):
    """No value makes it fail, and what it gives is of the kind that the recipient's schema says."""
    word = WORDS[name]
    for kind in word.takes:
        of_day = (data.draw(st.dates()),) if word.of_day else ()
        assert type(word.apply(data.draw(VALUES[kind]), *of_day)) is word.gives


@given(st.from_regex(r"[A-Z]{1,2}[0-9][A-Z0-9]?", fullmatch=True), st.from_regex(r"[0-9][A-Z]{2}", fullmatch=True),
       st.from_regex(r"[0-9][A-Z]{2}", fullmatch=True))  # fmt: skip
def test_two_homes_of_one_district_cannot_be_told_apart(outward, one, other):
    """The inward half is gone without a trace, with or without the space."""
    heard = {WORDS["outward_postcode"].apply(value) for value in (f"{outward} {one}", f"{outward}{other}")}

    assert heard == {outward}


def test_only_presence_says_something_of_absence():
    """Of every other word an absent value stays absent."""
    assert {name for name, word in WORDS.items() if word.of_absence} == {"present"}
