"""Reviews of what was shared without consent: which are due, since when, and what makes one."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from hub.errors import Unreadable
from hub.reviews import REVIEW_DAYS, NotReviewed, due, overrides, read, review
from tests.hub.decided import NOON, Day, example

BECAUSE = "Immediate danger was on record, and asking first would have raised it."
SOUND = {"by": "Ada Quill", "finding": "justified", "because": BECAUSE, "at": NOON}


@pytest.fixture
def shared(catalog, keys):
    """The receipts of one day: by an override, by consent, and withheld."""
    day = Day(catalog, keys)
    names = ("red_by_a_recorded_override", "amber_with_consent", "past_the_contact_stage")
    return [one for name in names for one in day.happens(example(f"{name}.event.json"), name).values()]


@pytest.fixture
def override(shared):
    """The police's receipt of what was shared by an override."""
    return next(one for one in overrides(shared).values() if one.agency == "wiltshire_police")


def test_only_what_was_shared_by_an_override_is_reviewed(shared):
    """For each agency that heard it."""
    assert {one.outcome.relied for one in shared} == {"override", "consent", ""}
    assert sorted(agency for _, agency in overrides(shared)) == ["mash_health", "wiltshire_police"]


def test_a_disclosure_that_was_made_twice_counts_from_the_first(override):
    """A replay does not make it younger."""
    later = override._replace(at="2026-09-20T00:00:00.000Z")

    assert list(overrides([later, override, later]).values()) == [override]


def test_the_oldest_comes_first_and_is_overdue_after_the_days_set(override):
    """To the moment."""
    younger = override._replace(event="f" * 32, at="2026-09-16T12:00:00.000Z")
    now = NOON + timedelta(days=REVIEW_DAYS)

    found = due([younger, override], (), now, REVIEW_DAYS)
    assert [(one.receipt, one.overdue) for one in found] == [(override, False), (younger, False)]
    assert found[0].age == timedelta(days=REVIEW_DAYS)
    late = due([younger, override], (), now + timedelta(milliseconds=1), REVIEW_DAYS)
    assert [one.overdue for one in late] == [True, False]
    assert [one.receipt for one in due([younger, override], {(override.event, override.agency)}, now, 1)] == [younger]


def test_a_review_says_who_found_what_and_why_and_is_read_back(override):
    """With the message it is about, and when."""
    record = review(override, None, **SOUND)

    assert record.key == f"{override.event}/wiltshire_police".encode()
    said = read(record)
    assert (said.event, said.agency, said.message) == (override.event, override.agency, override.message)
    assert (said.finding, said.by, said.because, said.at) == (
        "justified", "Ada Quill", BECAUSE, "2026-09-15T12:00:00.123Z",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"because": "It was right."}, "in a sentence"),
        ({"because": "a b c d e f g h"}, "in a sentence"),
        ({"because": "x" * 60}, "in a sentence"),
        ({"because": f"{BECAUSE} {'word ' * 500}"}, "at most 2000"),
        ({"because": f"{BECAUSE}\nSecond paragraph."}, "one paragraph"),
        ({"because": f"{BECAUSE} It was 999 000 0018."}, "an NHS number"),
        ({"because": f"{BECAUSE} It was 9990000018."}, "an NHS number"),
        ({"because": f"{BECAUSE} It was q866400121012."}, "a unique pupil number"),
        ({"because": f"{BECAUSE} They live at ZZ99 3WZ."}, "a postcode"),
        ({"because": f"{BECAUSE} They live at zz993wz."}, "a postcode"),
        ({"because": f"{BECAUSE} Ask noor@example.org then."}, "an e-mail address"),
        ({"by": ""}, "--by"), ({"by": " . "}, "--by"), ({"by": "x" * 121}, "--by"), ({"by": "Ada\nQuill"}, "--by"),
        ({"by": "Ada 9990000018"}, "an NHS number"),
    ],
)  # fmt: skip
def test_a_review_is_refused_where_it_says_too_little_or_too_much(override, change, why):
    """Not a sentence, nobody's name, or what looks like a person's."""
    with pytest.raises(NotReviewed, match=why):
        review(override, None, **(SOUND | change))


def test_what_was_not_shared_by_an_override_has_no_review():
    """Nor what nobody shared."""
    with pytest.raises(NotReviewed, match="hub reviews"):
        review(None, None, **SOUND)


def test_a_second_review_wants_to_be_called_one(override):
    """And then the first is not touched: it lies on the topic, and the newest counts."""
    first = read(review(override, None, **SOUND))

    with pytest.raises(NotReviewed, match=r"Ada Quill found it justified at .*--again"):
        review(override, first, **SOUND)
    again = read(review(override, first, **(SOUND | {"finding": "not-justified"}), again=True))
    assert again.finding == "not-justified"


def test_what_is_no_review_is_not_taken_for_one(override):
    """Nor one that lies under another disclosure's key."""
    record = review(override, None, **SOUND)
    missing = {name: one for name, one in json.loads(record.value).items() if name != "by"}
    for broken in (record._replace(value=None), record._replace(value=b"{"), record._replace(key=b"other/agency"),
                   record._replace(value=b"[]"), record._replace(value=json.dumps(missing).encode())):  # fmt: skip
        with pytest.raises(Unreadable):
            read(broken)
