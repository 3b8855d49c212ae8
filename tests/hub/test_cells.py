"""Cells are read as people in England write them, and what could mean two things is refused or protects the child."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from hub.errors import NotUnderstood
from hub.formats import cells


@pytest.mark.parametrize(
    "text",
    ["2012-06-01", "01/06/2012", "1/6/2012", "2012-06-01 00:00:00", "01/06/2012 00:00", "2012-06-01T00:00:00.000"],
)
def test_a_day_is_read_day_first_or_as_iso(text):
    """Both ways that forms in England ask for, zeros or not, and the midnight that databases append."""
    assert cells.day(text, "DOB") == date(2012, 6, 1)


@pytest.mark.parametrize(
    "text",
    ["01/06/12", "06/31/2012", "31/06/2012", "2012/06/01", "01-06-2012", "1 June 2012", "2012-06-01 09:30",
     "\u0661/6/2012", "20120601", "01/06/2012x", "2012-6"],
)  # fmt: skip
def test_a_day_that_could_be_another_is_refused(text):
    """Two-digit years, the American order, a time of day: none is guessed at."""
    with pytest.raises(NotUnderstood) as caught:
        cells.day(text, "DOB")
    assert (caught.value.code, caught.value.place) == ("day.form", "DOB")
    assert text not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("02/02/2026 10:15", "2026-02-02T10:15:00", "2026-02-02T10:15:00"),
        ("2026-07-02 10:15:30", "2026-07-02T09:15:30", "2026-07-02T09:15:30"),
        ("2026-07-02T10:15:00Z", "2026-07-02T10:15:00", "2026-07-02T10:15:00"),
        ("2026-07-02T10:15:00+02:00", "2026-07-02T08:15:00", "2026-07-02T08:15:00"),
        ("02/07/2026", "2026-07-01T23:00:00", "2026-07-02T22:59:59"),
        ("25/10/2026 01:30", "2026-10-25T00:30:00", "2026-10-25T01:30:00"),
    ],
    ids=["winter", "summer", "utc", "offset", "day-alone", "repeated-hour"],
)
def test_a_time_is_english_time_and_a_doubt_makes_it_longer(text, start, end):
    """What began is taken at its earliest and what ended at its latest, so that a plan is never cut short."""
    assert cells.moment(text, "STARTED") == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert cells.moment(text, "ENDED", end=True) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "code"),
    [("29/03/2026 01:30", "moment.never-was"), ("02/14/2026 10:15", "moment.form"), ("02/02/2026 25:00", "moment.form"),
     ("02/02/2026 10h15", "moment.form"), ("soon", "moment.form"), ("2026-07-02T10:15:00+99:00", "moment.form")],
)  # fmt: skip
def test_a_time_that_never_was_is_refused(text, code):
    """The hour that the clocks leave out, and what is no time at all."""
    for end in (False, True):
        with pytest.raises(NotUnderstood) as caught:
            cells.moment(text, "STARTED", end=end)
        assert caught.value.code == code


def test_yes_and_no_are_read_in_their_usual_words():
    """Letters, words and the numbers of table programs; anything else is not taken for a no."""
    assert [cells.truth(text, "X") for text in ("Y", "yes", "TRUE", "1", "1.0")] == [True] * 5
    assert [cells.truth(text, "X") for text in ("N", "no", "False", "0", "0.0")] == [False] * 5
    for text in ("", "-", "maybe", "2"):
        with pytest.raises(NotUnderstood):
            cells.truth(text, "X")


def test_a_count_is_whole():
    """133.0 is a table program's 133; a half, a sign or another script's digit is not a count."""
    assert [cells.whole(text, "X") for text in ("133", "133.0", "0")] == [133, 133, 0]
    for text in ("1.5", "-1", "+1", "1e3", "\u0661", "1 000", ""):
        with pytest.raises(NotUnderstood):
            cells.whole(text, "X")


@pytest.mark.parametrize("text", ["41061", "41061.0", "44927.5"])
def test_a_spreadsheets_number_of_a_day_is_refused_as_that(text):
    """Its sender must format a column, not correct a day."""
    with pytest.raises(NotUnderstood) as caught:
        cells.day(text, "DOB")
    assert (caught.value.code, caught.value.place) == ("day.serial", "DOB")
    assert "column" in caught.value.mend


@pytest.mark.parametrize("text", ["9.99E+09", "9.990000018E+09", "4.5e+9", "1E+12", "8.66E-05", "9.99E9"])
def test_a_number_that_a_spreadsheet_has_shortened_is_refused_as_that(text):
    """The last digits are gone; what is left is some other number."""
    with pytest.raises(NotUnderstood) as caught:
        cells.text(text, "CHILD_NHS_NUMBER")
    assert (caught.value.code, caught.value.place) == ("number.shortened", "CHILD_NHS_NUMBER")
    assert "text" in caught.value.mend


@pytest.mark.parametrize("text", ["9990000018", "E11", "1E", "7E1", "10E+", "C1", "12E", "Flat 1E+2"])
def test_other_text_is_left_as_it_is(text):
    """Codes, flats and years that hold an E are none of that."""
    assert cells.text(text, "X") == text
