"""Policies: the first refusal in a fixed order names the rule, and doubt, absence and error withhold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from hub.gates import Consent
from hub.policy import Basis, Grant, Policy, Released, Withheld, cite, decide, matches
from hub.stream import Event, Sensitivity, Stream
from hub.view import IN_DOUBT
from tests.hub.cases import LONG_AGO, NOON, case, known, objected, standing


class Seen(Event):
    """A child was seen."""

    restricted: Annotated[bool | None, Field(description="Marked."), Sensitivity.PERSONAL] = None
    consent: Annotated[Consent | None, Field(description="Consent."), Sensitivity.PERSONAL] = None
    born: Annotated[date | None, Field(description="Born."), Sensitivity.PERSONAL] = None
    place: Annotated[str | None, Field(description="Where."), Sensitivity.OPEN] = None
    urgent: Annotated[bool | None, Field(description="Whether it is urgent."), Sensitivity.OPEN] = None


SEEN = Stream(name="seen", event=Seen, key=(), keep="days", steward="x", restricted="restricted", consent="consent",
              born="born")  # fmt: skip


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
GIVEN = {"status": "given", "given_by": "parent", "recorded_at": LONG_AGO}
GOOD = {"restricted": False, "consent": GIVEN, "born": date(2015, 6, 1), "place": "school", "urgent": True}


def rule(values, policy=POLICY, now=NOON, *standings, **changes) -> str | None:
    """The rule that withheld, or None where it was released."""
    decision = decide(case(values, SEEN, *standings, now=now, **changes), policy)
    return decision.rule if isinstance(decision, Withheld) else None


def test_what_holds_is_released_with_its_grant_and_what_it_relied_on():
    """The decision carries the grant, and nothing of the event."""
    by_duty = policy(seen=(duty := grant(gate="statute")))

    assert decide(case(GOOD, SEEN), POLICY) == Released(GRANT, "consent")
    assert decide(case(GOOD, SEEN), by_duty) == Released(duty, "statute")


def test_refusals_are_asked_in_order():
    """With everything wrong doubt is named; as one after the other is put right, the next one is."""
    ended, other, heard = policy(date(2026, 9, 14), other=GRANT), policy(other=GRANT), POLICY
    wrong = {**GOOD, "restricted": True, "consent": GIVEN | {"status": "refused"}, "place": "street"}
    unsealed = wrong | {"restricted": False}
    consented = unsealed | {"consent": GIVEN}
    objecting = standing(objections=[objected("raised")])

    rules = [
        rule(wrong, ended, known=known(standing(legal_hold=True), doubt=True)),
        rule(wrong, ended, NOON, standing(legal_hold=True)),
        rule(wrong, ended, NOON, objecting),
        rule(unsealed, ended, NOON, objecting),
        rule(unsealed, other, NOON, objecting),
        rule(unsealed, heard, NOON, objecting),
        rule(unsealed, heard),
        rule(consented, heard),
        rule(consented | {"place": "home"}, heard),
    ]

    assert rules == [
        "view.doubt", "sealed.legal-hold", "sealed.restricted", "expires", "hears", "gate.objection.raised",
        "gate.consent.refused", "where.place", None,
    ]  # fmt: skip


def test_in_doubt_about_the_child_nothing_is_told():
    """However good the event, and whether or not there is a policy."""
    assert rule(GOOD, known=IN_DOUBT) == "view.doubt"
    assert rule(GOOD, None, known=IN_DOUBT) == "view.doubt"


def test_a_seal_is_asked_also_of_an_agency_without_a_policy():
    """Nothing of a sealed event is decided by whether a policy exists."""
    assert rule(GOOD | {"restricted": True}, None) == "sealed.restricted"
    assert rule(GOOD, None) == "hears"


def test_the_ground_of_the_grant_says_whether_one_can_object():
    """The gate is told the condition of article 6 that the grant rests on."""
    objecting = standing(objections=[objected("raised")])
    bound = policy(seen=grant(basis=Basis(article6="c")))

    assert rule(GOOD, POLICY, NOON, objecting) == "gate.objection.raised"
    assert rule(GOOD, bound, NOON, objecting) is None


def test_the_section_of_the_grant_says_which_answers_are_about_it():
    """A refusal under another section of the notice does not shut this one."""
    for about, word in (("Virtual School", "gate.consent.refused"), ("CHIS", None), (None, "gate.consent.refused")):
        answer = {"about": about, "status": "refused", "given_by": "parent", "recorded_at": NOON, "until": None}
        assert rule(GOOD, POLICY, NOON, standing(answers=[answer])) == word


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


def test_what_is_known_in_another_shape_is_an_error_that_withholds():
    """A record without one of its parts is no record that says nothing."""
    for part in ("adopted", "legal_hold", "restricted", "conflicts", "restriction", "objections", "answers"):
        torn = {name: value for name, value in standing().items() if name != part}
        assert rule(GOOD, POLICY, NOON, torn) == "error"


def test_a_policy_of_another_shape_is_an_error_that_withholds():
    """A gate that does not exist cannot be asked, so nothing passes it."""
    odd = POLICY.model_copy(update={"hears": {"seen": GRANT.model_copy(update={"gate": "open"})}})

    assert rule(GOOD, odd) == "error"


@pytest.mark.parametrize(
    ("basis", "cited"),
    [
        ({"article6": "e"}, "Art 6(1)(e)"),
        ({"article6": "c", "statute": "Children Act 2004 s.11"}, "Art 6(1)(c); Children Act 2004 s.11"),
        ({"article6": "e", "article9": "g", "schedule1": 18, "statute": "Children Act 1989 s.47"},
         "Art 6(1)(e); Art 9(2)(g); DPA 2018 Sch 1 para 18; Children Act 1989 s.47"),
    ],
)  # fmt: skip
def test_the_ground_of_a_grant_is_cited_on_one_line(basis, cited):
    """As a register of processing would put it, and nothing of what is not claimed."""
    assert cite(grant(basis=Basis(**basis))) == cited


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
