"""The view: what was said of a child is found by any identifier of theirs, whatever else was said and in what order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.view import IDENTIFIERS, IN_DOUBT, NOTHING_KNOWN, Known, View
from tests.hub.cases import LONG_AGO, standing

NHS, UPN, CASE = ("nhs_number", "9990000018"), ("upn", "Q866400121012"), ("case_id", "7001")
OTHER = ("nhs_number", "9990000026")
STRANGER = b"the key of an event"


def said(*names: tuple[str, str], **words: Any) -> dict[str, Any]:
    """What is known of the child who is called so."""
    return standing(**dict(names), **words)


def view(**records: Any) -> View:
    """A view of records by key; each event's id is its key."""
    made = View()
    for key, values in records.items():
        made.take(key.encode(), values, key, LONG_AGO)
    return made


def ids(view: View, *names: tuple[str, str], key: bytes = STRANGER) -> tuple[str, ...]:
    """The events that say what is known of a child."""
    return view.known(key, names).ids


def test_of_a_child_of_whom_nothing_was_said_nothing_is_known():
    """In an empty view, in one that knows of others, and of an event that names nobody."""
    assert view().known(STRANGER, [NHS]) == NOTHING_KNOWN == Known((), (), (), False)
    full = view(a=said(OTHER))
    assert full.known(STRANGER, [NHS]) == full.known(STRANGER, []) == NOTHING_KNOWN
    assert (bool(view()), bool(full)) == (False, True)


def test_what_was_said_is_known_by_each_identifier_with_its_event_and_its_moment():
    """Whichever of them an event has, and whatever its own key."""
    record = said(NHS, UPN, CASE, restricted=True)
    made = view(a=record)

    for names in ([NHS], [UPN], [CASE], [OTHER, CASE], [NHS, UPN, CASE]):
        assert made.known(STRANGER, names) == Known((record,), ("a",), (LONG_AGO,), False)


def test_the_same_number_of_another_kind_names_somebody_else():
    """A case number that looks like an NHS number is none."""
    assert ids(view(a=said(("case_id", NHS[1]))), NHS) == ()


def test_an_empty_identifier_names_nobody():
    """Or all those without one would be one child."""
    assert ids(view(a=said(("nhs_number", ""), UPN), b=said(("nhs_number", ""), CASE)), UPN) == ("a",)


def test_records_with_an_identifier_in_common_are_of_one_child_however_many_lie_between():
    """What was said under an NHS number holds for an event that knows the case number only."""
    chain = view(a=said(NHS), b=said(NHS, UPN), c=said(UPN, CASE), d=said(OTHER))

    for name in (NHS, UPN, CASE):
        assert ids(chain, name) == ("a", "b", "c")
    assert ids(chain, OTHER) == ("d",)
    assert ids(chain, OTHER, CASE) == ("a", "b", "c", "d")


def test_the_newest_word_of_a_key_takes_the_place_of_the_one_before():
    """Whole: what it no longer names does not lead to it any more."""
    made = view(a=said(NHS, UPN, restricted=True))
    newer = said(NHS, CASE)
    made.take(b"a", newer, "newer", LONG_AGO + timedelta(days=1))

    assert made.known(STRANGER, [NHS]) == Known((newer,), ("newer",), (LONG_AGO + timedelta(days=1),), False)
    assert ids(made, CASE) == ("newer",)
    assert ids(made, UPN) == ()


def test_a_link_that_is_taken_back_parts_what_it_joined():
    """Nothing of it is remembered, also where it was asked for before."""
    made = view(a=said(NHS), b=said(NHS, UPN), c=said(UPN))
    assert ids(made, NHS) == ids(made, UPN) == ("a", "b", "c")

    made.take(b"b", said(NHS), "b", LONG_AGO)

    assert (ids(made, NHS), ids(made, UPN)) == (("a", "b"), ("c",))


def test_what_was_said_under_a_key_can_be_forgotten():
    """A record without a value: the others of the child stay, and one that was not there is no fault."""
    made = view(a=said(NHS), b=said(NHS, UPN), never=None)
    made.take(b"b", None, "", LONG_AGO)

    assert (ids(made, NHS), ids(made, UPN)) == (("a",), ())
    made.take(b"a", None, "", LONG_AGO)
    assert not made


def test_what_could_not_be_read_puts_its_child_in_doubt():
    """By the key under which it lies, and by all that was said before under that key and is tied to it."""
    made = view(a=said(NHS, UPN), b=said(UPN, CASE), c=said(OTHER))
    made.unreadable(b"a")

    for name in (NHS, UPN, CASE):
        assert made.known(STRANGER, [name]).doubt
    assert ids(made, CASE) == ("a", "b")
    assert not made.known(STRANGER, [OTHER]).doubt
    assert made.known(b"a", []) == made.known(b"a", [OTHER]) == IN_DOUBT
    assert IN_DOUBT.doubt


def test_what_could_not_be_read_puts_a_child_in_doubt_of_whom_nothing_was_said_before():
    """The event's own key says that it is the same child."""
    made = View()
    made.unreadable(b"a")

    assert bool(made)
    assert made.known(b"a", [NHS]) == IN_DOUBT
    assert made.known(STRANGER, [NHS]) == NOTHING_KNOWN


def test_what_could_not_be_read_is_found_by_any_key_under_which_it_may_lie():
    """An event names its child by a case number too, and what was said may lie under that."""
    made = View()
    assert not made.unread
    made.unreadable(b"a")

    assert made.unread
    assert made.known(STRANGER, [NHS], [b"b", b"a"]) == IN_DOUBT
    assert made.known(STRANGER, [NHS], [b"b"]) == NOTHING_KNOWN
    made.take(b"a", None, "", LONG_AGO)
    assert not made.unread


def test_what_was_found_once_is_looked_for_anew_after_each_word():
    """A second asking is answered by what is known then: replaced, tied to more, in doubt, or forgotten."""
    made = view(a=said(NHS))
    assert ids(made, NHS) == ids(made, NHS) == ("a",)

    made.take(b"a", said(NHS, UPN), "newer", LONG_AGO)
    assert ids(made, NHS) == ("newer",)
    made.take(b"b", said(UPN, CASE), "tied", LONG_AGO)
    assert ids(made, NHS) == ("newer", "tied")
    made.unreadable(b"b")
    assert made.known(STRANGER, [NHS]).doubt
    made.take(b"b", None, "", LONG_AGO)
    assert (ids(made, NHS), made.known(STRANGER, [NHS]).doubt) == (("newer",), False)


def test_who_was_asked_for_together_is_not_one_child_for_that():
    """An event that names two says nothing of whether they are the same; the next one is about one of them."""
    made = view(a=said(NHS), b=said(OTHER))

    assert ids(made, NHS, OTHER) == ("a", "b")
    assert (ids(made, NHS), ids(made, OTHER)) == (("a",), ("b",))


@pytest.mark.parametrize("again", [said(NHS), None])
def test_doubt_ends_when_it_is_said_anew_or_forgotten(again):
    """Under the same key, and under no other."""
    made = view(a=said(NHS))
    made.unreadable(b"a")
    made.take(b"b", said(NHS), "b", LONG_AGO)
    assert made.known(STRANGER, [NHS]).doubt

    made.take(b"a", again, "again", LONG_AGO)

    assert not made.known(STRANGER, [NHS]).doubt
    assert not made.known(b"a", []).doubt
    assert ids(made, NHS) == (("again", "b") if again else ("b",))


def test_an_adoption_order_closes_all_identifiers_that_are_known_of_the_child():
    """Also those that only another record names; and no one else's."""
    ordered = {"adopted": date(2026, 5, 4)}
    made = view(a=said(NHS, **ordered), b=said(NHS, UPN), c=said(UPN, CASE), d=said(OTHER))

    assert made.closed() == {NHS, UPN, CASE}
    assert view(d=said(OTHER)).closed() == view().closed() == frozenset()


def test_what_is_closed_follows_what_is_said():
    """A later word on the same child closes what it names; one that is taken back opens again."""
    made = view(a=said(NHS, adopted=date(2026, 5, 4)))
    assert made.closed() == {NHS}
    made.take(b"b", said(NHS, UPN), "b", LONG_AGO)
    assert made.closed() == {NHS, UPN}
    made.unreadable(b"b")
    assert made.closed() == {NHS, UPN}
    made.take(b"b", None, "", LONG_AGO)
    assert made.closed() == {NHS}
    made.take(b"a", said(NHS), "a", LONG_AGO)
    assert made.closed() == frozenset()


NAMES = [(kind, number) for kind in IDENTIFIERS for number in "123"]
RECORDS = st.dictionaries(
    st.sampled_from([bytes([one]) for one in b"abcdefgh"]),
    st.fixed_dictionaries(
        {kind: st.sampled_from([None, "", "1", "2", "3"]) for kind in IDENTIFIERS}
        | {"adopted": st.sampled_from([None, None, date(2026, 5, 4)])}
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None, database=None)
@given(RECORDS, st.sets(st.sampled_from([bytes([one]) for one in b"abcdefgh"]), max_size=2), st.data())
def test_the_order_in_which_children_are_told_of_does_not_matter(records, unread, data):
    """Whatever was said under which keys, replaced and taken back meanwhile: the same is known of everybody."""

    def told(order, *, noisy):
        made = View()
        if noisy:
            made.take(order[0][0] if order else b"a", said(*NAMES[::4]), "before", LONG_AGO)
            made.take(b"gone", said(*NAMES[::4]), "gone", LONG_AGO)
            made.known(STRANGER, NAMES)
            made.take(b"gone", None, "", LONG_AGO)
            made.take(order[0][0] if order else b"a", None, "", LONG_AGO)
        for key, values in order:
            made.take(key, standing(**values), key.hex(), datetime(2026, 1, key[0] - 96, tzinfo=UTC))
            made.closed()
        for key in unread:
            made.unreadable(key)
        return made

    first = told(list(records.items()), noisy=False)
    second = told(data.draw(st.permutations(list(records.items()))), noisy=True)

    for name in NAMES:
        assert first.known(STRANGER, [name]) == second.known(STRANGER, [name])
    for key in (b"a", b"b"):
        assert first.known(key, NAMES[:2]) == second.known(key, NAMES[:2])
    assert first.closed() == second.closed()


@settings(max_examples=150, deadline=None, database=None)
@given(RECORDS, st.sets(st.sampled_from(NAMES), max_size=3))
def test_one_child_is_whatever_a_slow_search_finds(records, names):
    """All records that an identifier of one leads to, over and over, and no others."""
    made = View()
    for key, values in records.items():
        made.take(key, standing(**values), key.hex(), LONG_AGO)

    def names_of(values):
        return {(kind, values[kind]) for kind in IDENTIFIERS if values[kind]}

    known = set(names)
    for _ in records:
        for values in records.values():
            if names_of(values) & known:
                known |= names_of(values)
    expected = sorted(key.hex() for key, values in records.items() if names_of(values) & known)

    assert list(made.known(STRANGER, names).ids) == expected
