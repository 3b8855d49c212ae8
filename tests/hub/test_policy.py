"""Policies: the first refusal in a fixed order names the rule, and doubt, absence and error withhold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from hub.gates import Consent
from hub.policy import Basis, Grant, Policy, Released, Withheld, decide, matches
from hub.stream import Event, Sensitivity, Stream

NOON = datetime(2026, 9, 15, 12, tzinfo=UTC)


class Seen(Event):
    """A child was seen."""

    restricted: Annotated[bool | None, Field(description="Marked."), Sensitivity.PERSONAL] = None
    consent: Annotated[Consent | None, Field(description="Consent."), Sensitivity.PERSONAL] = None
    place: Annotated[str | None, Field(description="Where."), Sensitivity.OPEN] = None
    urgent: Annotated[bool | None, Field(description="Whether it is urgent."), Sensitivity.OPEN] = None


SEEN = Stream(name="seen", event=Seen, key=(), keep="days", steward="x", restricted="restricted", consent="consent")


def grant(**changes) -> Grant:
    said = {
        "because": "They must know where the child was seen.",
        "notice": "Virtual School",
        "basis": Basis(article6="e"),
        "gate": "consent",
        "where": {"place": ("school", "home")},
        "fields": ("place",),
        "kept": "14 days",
    }
    return Grant(**(said | changes))


def policy(expires=date(2026, 9, 15), **grants) -> Policy:
    return Policy(agreement="ISA-1", expires=expires, hears=grants)


GRANT = grant()
POLICY = policy(seen=GRANT)
GOOD = {"restricted": False, "consent": {"status": "given"}, "place": "school", "urgent": True}


def rule(values, policy=POLICY, now=NOON) -> str | None:
    """The rule that withheld, or None where it was released."""
    decision = decide(values, policy, SEEN, now=now)
    return decision.rule if isinstance(decision, Withheld) else None


def test_what_holds_is_released_with_its_grant():
    """The decision carries the grant, and nothing of the event."""
    assert decide(GOOD, POLICY, SEEN, now=NOON) == Released(GRANT)


def test_refusals_are_asked_in_order():
    """With everything wrong the seal is named; as one after the other is put right, the next one is."""
    ended, other, heard = policy(date(2026, 9, 14), other=GRANT), policy(other=GRANT), POLICY
    wrong = {"restricted": True, "consent": {"status": "refused"}, "place": "street"}
    unsealed = wrong | {"restricted": False}
    consented = unsealed | {"consent": {"status": "given"}}

    rules = [
        rule(wrong, ended),
        rule(unsealed, ended),
        rule(unsealed, other),
        rule(unsealed, heard),
        rule(consented, heard),
        rule(consented | {"place": "home"}, heard),
    ]

    assert rules == ["sealed.restricted", "expires", "hears", "gate.consent.refused", "where.place", None]


def test_a_seal_is_asked_also_of_an_agency_without_a_policy():
    """Nothing of a sealed event is decided by whether a policy exists."""
    assert rule(GOOD | {"restricted": True}, None) == "sealed.restricted"
    assert rule(GOOD, None) == "hears"


def test_an_agreement_holds_to_the_end_of_its_last_day():
    """The day in `expires`, as England counts it, is the last one on which anything is released."""
    assert rule(GOOD, now=datetime(2026, 9, 15, 22, 59, 59, tzinfo=UTC)) is None
    assert rule(GOOD, now=datetime(2026, 9, 15, 23, 0, 0, tzinfo=UTC)) == "expires"


def test_all_lines_of_where_must_hold():
    """The first line that does not hold is named."""
    both = policy(seen=grant(where={"place": ("school",), "urgent": (True,)}))

    assert rule(GOOD, both) is None
    assert rule(GOOD | {"urgent": False}, both) == "where.urgent"
    assert rule(GOOD | {"place": "home", "urgent": False}, both) == "where.place"


@pytest.mark.parametrize(
    "absent", [{"place": None}, {"place": ""}, {"place": ["school"]}, {"place": {"name": "school"}}]
)
def test_a_value_that_is_absent_or_of_another_shape_does_not_match(absent):
    """Absence is no value of any list."""
    assert rule(GOOD | absent) == "where.place"
    assert rule({key: value for key, value in GOOD.items() if key != "place"}) == "where.place"


def test_true_is_not_one():
    """Values match by type too: Python's True equals 1, and a policy's must not."""
    assert not matches(True, (1,))
    assert not matches(1, (True,))
    assert not matches(0, (False,))
    assert not matches("True", (True,))
    assert not matches(1.0, (1,))
    assert matches(True, (False, True))
    assert not matches("school", ())


PLAIN = st.one_of(st.booleans(), st.integers(-1, 1), st.text(max_size=2))


@given(st.none() | PLAIN, st.lists(PLAIN, max_size=3))
def test_a_value_matches_only_what_is_written_the_same(value, accepted):
    """Matching is equality of value and type, whatever stands in the list."""
    assert matches(value, tuple(accepted)) == (repr(value) in [repr(one) for one in accepted])


@pytest.mark.parametrize("path", ["restricted", "consent", "place"])
def test_an_error_withholds(path):
    """Whatever goes wrong while deciding, nothing is released, and the rule says no more than that."""

    class Odd(dict):
        """A record that fails when it is looked at in one place."""

        def get(self, key, *default):
            """As a dict's, but for the one place."""
            if key == path:
                raise RuntimeError("a value that must not be told")
            return super().get(key, *default)

    assert rule(Odd(GOOD)) == "error"


def test_a_policy_of_another_shape_is_an_error_that_withholds():
    """A gate that does not exist cannot be asked, so nothing passes it."""
    odd = POLICY.model_copy(update={"hears": {"seen": GRANT.model_copy(update={"gate": "open"})}})

    assert rule(GOOD, odd) == "error"


def test_a_grant_is_frozen_and_closed():
    """Nothing is changed after loading, and nothing unknown is obeyed."""
    with pytest.raises(ValidationError, match="frozen"):
        GRANT.gate = "statute"
    with pytest.raises(ValidationError, match="Extra inputs"):
        grant(unless={"place": ("home",)})


@pytest.mark.parametrize(
    "change",
    [
        {"fields": ()},
        {"kept": "0 days"},
        {"kept": "forever"},
        {"kept": "2 weeks"},
        {"kept": "14 days\n"},
        {"because": "needed"},
        {"gate": "open"},
        {"where": {"place": ({"not": "home"},)}},
        {"where": {"place": (None,)}},
    ],
)
def test_a_grant_that_says_too_little_or_too_much_is_refused(change):
    """A reason in a sentence, a time to keep, a gate that there is, fields by name, and values only."""
    with pytest.raises(ValidationError):
        grant(**change)
