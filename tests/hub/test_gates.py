"""Gates: each opens on the record that the privacy notice promises, and is shut, by a name, on anything else."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from hub import gates
from hub.case import Case
from hub.gates import Approval, Consent, Override
from hub.standing import Answer, Objection
from hub.stream import Event, Sensitivity, Stream
from tests.hub.cases import LONG_AGO, NOON, answered, case, known, objected, standing

SIGNED = {"reason": "significant_harm", "author": "duty manager", "recorded_at": datetime(2026, 9, 15, 9, tzinfo=UTC)}
SOON = NOON + timedelta(seconds=1)
EARLIER, LATER = datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 6, 1, 9, tzinfo=UTC)
TAKEN_IN = datetime(2026, 4, 1, 9, tzinfo=UTC)
STATUSES = {"given": None, "sought": "sought", "refused": "refused", "withdrawn": "withdrawn",
            "not_sought": "not-sought"}  # fmt: skip
"""Each answer, and the word that shuts the gate."""
SHUT = sorted(set(STATUSES) - {"given"})


class Contact(Event):
    """A contact with the records that gates ask for."""

    stage: Annotated[str | None, Field(description="Stage."), Sensitivity.PERSONAL] = None
    consent: Annotated[Consent | None, Field(description="Consent."), Sensitivity.PERSONAL] = None
    override: Annotated[Override | None, Field(description="Override."), Sensitivity.SPECIAL] = None
    born: Annotated[date | None, Field(description="Born."), Sensitivity.PERSONAL] = None
    expected: Annotated[date | None, Field(description="Expected."), Sensitivity.PERSONAL] = None
    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None


def stream(**records: Any) -> Stream:
    return Stream(name="contact", event=Contact, key=(), keep="days", steward="safeguarding", **records)


NAMED = (("nhs_number", "nhs_number"),)
CONTACT = stream(stage="stage", consent="consent", override="override", born="born", expected="expected", subject=NAMED)
BARE = stream()


def said(stage="contact", consent=None, override=None, born=date(2015, 6, 1), expected=None, **how) -> dict[str, Any]:
    """The values of an event as the relay sees them; *how* the consent was answered."""
    agreed = {"status": consent, "given_by": "parent", "recorded_at": LONG_AGO} | how
    records = {"stage": stage, "consent": consent and agreed, "override": override, "born": born, "expected": expected}
    return {**records, "nhs_number": "9990000018"}


def asked(gate: str, one: Case, article6: str = "e", notice: str = "MASH") -> str:
    """What opened the gate, or the rule that shut it without its first word."""
    rule, relied = gates.ask(gate, one, notice=notice, article6=article6)
    assert (rule is None) == bool(relied)
    return relied if rule is None else rule.removeprefix("gate.")


def consented(values: dict[str, Any], *standings, **changes) -> str | None:
    """The word that shuts the gate of consent, or None."""
    rule = asked("consent", case(values, CONTACT, *standings, **changes))
    return None if rule == "consent" else rule.removeprefix("consent.")


def test_statute_is_open_whatever_the_family_answered():
    """A duty to share asks for no consent, in the event or in what is known."""
    answers = standing(answers=[answered("withdrawn")])

    assert asked("statute", case(said(consent="refused"), CONTACT, answers)) == "statute"


# --- the life of consent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "word"), list(STATUSES.items()))
def test_consent_opens_on_what_was_given_and_on_no_other_answer(status, word):
    """Sought, given, refused, withdrawn, never sought: in the event or in what is known it is the same."""
    assert consented(said(consent=status)) == word
    assert consented(said(), standing(answers=[answered(status)])) == word


@pytest.mark.parametrize("values", [said(), {}, {"consent": {}}, {"consent": {"status": None}}, {"consent": "given"},
                                    {"consent": {"status": True}}])  # fmt: skip
def test_consent_that_nobody_recorded_is_absent(values):
    """No record, an empty one and one of another shape are no consent."""
    assert consented(values) == "absent"


def test_consent_of_a_stream_without_a_record_of_it_is_absent():
    """A word of consent in a field that the stream does not name as its record opens nothing."""
    assert asked("consent", case(said(consent="given"), BARE)) == "consent.absent"


@pytest.mark.parametrize("status", ["given_by_text", "Given", "given ", "", "Noor Ferrars"])
def test_an_answer_in_a_word_that_is_none_is_not_taken_for_consent(status):
    """It is stricter than all that are known, and the rule, which stands in the open, does not repeat it."""
    values = said() | {"consent": {"status": status, "given_by": "parent", "recorded_at": LONG_AGO}}

    assert consented(values) == "unknown"
    assert consented(values, standing(answers=[answered("given")])) == "unknown"


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(STATUSES, 2)))
def test_the_answer_that_was_recorded_last_counts(before, after):
    """Whichever of the two the event carries, and in whichever order they are known."""
    older, newer = answered(before, EARLIER), answered(after, LATER)

    for values, standings in (
        (said(consent=before, recorded_at=EARLIER), [standing(answers=[newer])]),
        (said(consent=after, recorded_at=LATER), [standing(answers=[older])]),
        (said(), [standing(answers=[older, newer])]),
        (said(), [standing(answers=[newer, older])]),
        (said(), [standing(answers=[older]), standing(answers=[newer])]),
        (said(), [standing(answers=[newer]), standing(answers=[older])]),
    ):
        assert consented(values, *standings) == STATUSES[after]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(gates.STRICTEST, 2)))
def test_of_two_answers_of_the_same_moment_the_stricter_counts(one, other):
    """In whichever order, and whichever of the two the event carries; the list has the stricter first."""
    for first, second in ((one, other), (other, one)):
        pair = [answered(first, LATER), answered(second, LATER)]
        assert consented(said(), standing(answers=pair)) == STATUSES[one]
        assert consented(said(consent=first, recorded_at=LATER), standing(answers=[pair[1]])) == STATUSES[one]


def test_of_two_agreements_of_the_same_moment_both_must_hold():
    """One of them ran out, or nobody gave it: the other does not make up for that, in either order."""
    good = answered("given", LATER)
    for flaw, word in (({"until": date(2026, 9, 14)}, "lapsed"), ({"given_by": None}, "by-nobody")):
        odd = answered("given", LATER) | flaw
        assert consented(said(), standing(answers=[good, odd])) == word
        assert consented(said(), standing(answers=[odd]), standing(answers=[good])) == word


def test_an_answer_without_a_time_is_older_than_any_with_one():
    """Alone it counts; beside one that says when, it does not, whichever is stricter."""
    undated = said(consent="given", recorded_at=None)
    assert consented(undated) is None
    assert consented(undated, standing(answers=[answered("refused", datetime(1990, 1, 1, tzinfo=UTC))])) == "refused"
    assert consented(said(consent="refused", recorded_at=None), standing(answers=[answered("given")])) is None


def test_an_agreement_dated_in_the_future_is_none_yet():
    """At its own moment it begins; a withdrawal does not wait for that."""
    assert consented(said(consent="given", recorded_at=SOON)) == "not-yet"
    assert consented(said(consent="given", recorded_at=NOON)) is None
    assert consented(said(), standing(answers=[answered("given"), answered("given", SOON)])) == "not-yet"
    assert consented(said(), standing(answers=[answered("given"), answered("withdrawn", SOON)])) == "withdrawn"


@pytest.mark.parametrize(
    ("now", "word"),
    [
        (datetime(2026, 6, 30, 22, 59, 59, tzinfo=UTC), None),  # a minute to midnight in England
        (datetime(2026, 6, 30, 23, 0, 0, tzinfo=UTC), "lapsed"),
        (datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC), "lapsed"),
    ],
)
def test_an_agreement_until_a_day_holds_to_the_end_of_that_day_in_england(now, word):
    """The last day counts whole; midnight is England's, an hour before that of UTC in summer."""
    until = standing(answers=[answered("given", until=date(2026, 6, 30))])

    assert consented(said(), until, now=now) == word


def test_an_agreement_that_nobody_is_said_to_have_given_is_void():
    """In the event as in what is known; of a refusal nobody asks whose it was."""
    for nobody in (None, "", "neighbour", "Parent"):
        assert consented(said(consent="given", given_by=nobody)) == "by-nobody"
    assert consented(said(), standing(answers=[answered("given", by=None)])) == "by-nobody"
    assert consented(said(consent="refused", given_by=None)) == "refused"


@pytest.mark.parametrize("about", ["Virtual School", "MASH ", "mash", ""])
def test_an_answer_about_another_section_of_the_notice_says_nothing_of_this_one(about):
    """Neither agreement nor refusal; one about none is about all."""
    for status, word in STATUSES.items():
        assert consented(said(), standing(answers=[answered(status, about=about)])) == "absent"
        assert consented(said(), standing(answers=[answered(status, about="MASH")])) == word
    both = [answered("given", EARLIER, about="MASH"), answered("withdrawn", LATER, about=about)]
    assert consented(said(), standing(answers=both)) is None
    assert consented(said(), standing(answers=[both[0], answered("withdrawn", LATER)])) == "withdrawn"


# --- whose consent it is ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "now", "theirs"),
    [
        (date(2010, 9, 16), datetime(2026, 9, 15, 12, tzinfo=UTC), False),
        (date(2010, 9, 15), datetime(2026, 9, 15, 12, tzinfo=UTC), True),
        (date(2010, 7, 2), datetime(2026, 7, 1, 22, 59, 59, tzinfo=UTC), False),
        (date(2010, 7, 2), datetime(2026, 7, 1, 23, 0, 0, tzinfo=UTC), True),  # 2 July has begun in England
        (date(2010, 12, 2), datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC), False),  # in winter it is UTC's midnight
        (date(2010, 12, 2), datetime(2026, 12, 2, 0, 0, 0, tzinfo=UTC), True),
        (date(2012, 2, 29), datetime(2028, 2, 28, 12, tzinfo=UTC), False),
        (date(2012, 2, 29), datetime(2028, 2, 29, 12, tzinfo=UTC), True),
        (date(2084, 2, 29), datetime(2100, 2, 28, 12, tzinfo=UTC), False),  # 2100 has no 29 February
        (date(2084, 2, 29), datetime(2100, 3, 1, 12, tzinfo=UTC), True),
    ],
)
@pytest.mark.parametrize("by", ["parent", "carer"])
def test_from_the_sixteenth_birthday_on_consent_is_the_young_persons_own(born, now, theirs, by):
    """To the day, in England; until then a parent or carer gives it, and a young person's own always counts."""
    word = "not-by-young-person" if theirs else None

    assert consented(said(consent="given", given_by=by, born=born), now=now) == word
    assert consented(said(born=born), standing(answers=[answered("given", by=by)]), now=now) == word
    assert consented(said(consent="given", given_by="young_person", born=born), now=now) is None


def test_who_was_born_on_29_february_comes_of_age_on_1_march_of_a_common_year():
    """The birthday that a common year does not have is the day after the last of February."""
    days = [date(2100, 2, 27) + timedelta(days) for days in range(4)]

    assert [gates.of_age(date(2084, 2, 29), day) for day in days] == [False, False, True, True]


def test_a_parent_of_a_child_of_unknown_age_cannot_agree_for_them():
    """They may be sixteen; the young person's own word needs no age."""
    assert consented(said(consent="given", born=None)) == "age-unknown"
    assert consented(said(consent="given", given_by="young_person", born=None)) is None
    assert asked("consent", case(said(), BARE, standing(answers=[answered("given")]))) == "consent.age-unknown"


def test_of_a_child_who_is_not_born_yet_the_parents_agree():
    """An expected day of birth tells that; a date of birth goes before it."""
    unborn = said(consent="given", born=None, expected=date(2026, 11, 30))

    assert consented(unborn) is None
    assert consented(unborn | {"born": date(2009, 1, 1)}) == "not-by-young-person"


def test_the_date_of_birth_that_is_known_of_the_child_goes_before_the_events():
    """Of several that are known the earliest counts, since it gives the young person their say sooner."""
    young, old = date(2015, 6, 1), date(2009, 6, 1)
    given = said(consent="given", born=young)

    assert consented(given, standing(born=old)) == "not-by-young-person"
    assert consented(given | {"born": old}, standing(born=young)) is None
    assert consented(given | {"born": None}, standing(born=young)) is None
    assert consented(given, standing(born=young), standing(born=old)) == "not-by-young-person"
    assert consented(given, standing(born=None)) is None


# --- the override -----------------------------------------------------------------------------------------------


def test_significant_harm_opens_on_a_decision_with_reason_author_and_time():
    """All three are recorded."""
    assert asked("significant-harm", case(said(override=SIGNED), CONTACT)) == "override"


@pytest.mark.parametrize(("missing", "rule"), [("reason", "no-reason"), ("author", "no-author"),
                                               ("recorded_at", "no-recorded")])  # fmt: skip
def test_significant_harm_names_what_the_decision_lacks(missing, rule):
    """A decision that nobody signed, dated or gave a reason for is void, and consent does not stand in for it."""
    without = {name: value for name, value in SIGNED.items() if name != missing}
    for override in (SIGNED | {missing: None}, SIGNED | {missing: ""}, without):
        values = said(consent="given", override=override)
        assert asked("significant-harm", case(values, CONTACT)) == f"significant-harm.{rule}"


def test_significant_harm_is_shut_where_no_decision_can_be_recorded():
    """A stream without an override has none; without one in the event the first part is missing."""
    assert asked("significant-harm", case(said(override=SIGNED), BARE)) == "significant-harm.unrecorded"
    assert asked("significant-harm", case(said(), CONTACT)) == "significant-harm.no-reason"


def test_a_decision_dated_in_the_future_opens_nothing_yet():
    """Nor does one whose time says no zone; at its own moment it opens."""
    for recorded_at in (SOON, SIGNED["recorded_at"].replace(tzinfo=None)):
        values = said(override=SIGNED | {"recorded_at": recorded_at})
        assert asked("significant-harm", case(values, CONTACT)) == "significant-harm.not-yet"
        assert asked("contact-stage", case(values, CONTACT)) == "contact-stage.no-consent-nor-override"
    now = said(override=SIGNED | {"recorded_at": NOON})
    assert asked("significant-harm", case(now, CONTACT)) == asked("contact-stage", case(now, CONTACT)) == "override"


# --- the contact stage ------------------------------------------------------------------------------------------


def test_contact_stage_lives_until_the_contact_becomes_a_referral():
    """MASH partners hear at the point of contact, and nothing of the same case later, consent and override or not."""
    life = ["contact", "referral", "assessment", "closed", None]

    words = [asked("contact-stage", case(said(stage, "given", SIGNED), CONTACT)) for stage in life]

    assert words == ["consent", *["contact-stage.past"] * 3, "contact-stage.absent"]


@pytest.mark.parametrize("status", [*SHUT, None])
def test_contact_stage_without_consent_needs_a_decision(status):
    """Without consent it opens on a complete override, and on no other."""
    unsigned = SIGNED | {"author": None}

    assert asked("contact-stage", case(said(consent=status, override=SIGNED), CONTACT)) == "override"
    for override in (None, unsigned):
        one = case(said(consent=status, override=override), CONTACT)
        assert asked("contact-stage", one) == "contact-stage.no-consent-nor-override"


def test_contact_stage_hears_what_is_known_of_consent():
    """A withdrawal that came after the contact closes it; what a young person says is asked here too."""
    withdrawn = standing(answers=[answered("withdrawn", LATER)])
    contact = said(consent="given", recorded_at=EARLIER)

    assert asked("contact-stage", case(contact, CONTACT)) == "consent"
    assert asked("contact-stage", case(contact, CONTACT, withdrawn)) == "contact-stage.no-consent-nor-override"
    assert asked("contact-stage", case(contact | {"override": SIGNED}, CONTACT, withdrawn)) == "override"
    of_age = contact | {"born": date(2009, 1, 1)}
    assert asked("contact-stage", case(of_age, CONTACT)) == "contact-stage.no-consent-nor-override"


def test_contact_stage_of_a_stream_without_stages_is_absent():
    """The stage is the stream's own word for it, not any field of that name."""
    assert asked("contact-stage", case(said(consent="given"), BARE)) == "contact-stage.absent"


# --- opting out -------------------------------------------------------------------------------------------------


def test_who_opted_out_is_still_heard_of_by_the_gate():
    """The gate is open to all; what an opt-out leaves of an event is a limit (`hub.limits`)."""
    assert asked("opt-out", case(said(), CONTACT, standing(opted_out=True))) == "statute"


@pytest.mark.parametrize("number", [None, ""])
def test_whose_opt_out_nobody_can_look_for_is_not_heard_of(number):
    """The event names nobody, or its stream never does."""
    assert asked("opt-out", case(said() | {"nhs_number": number}, CONTACT)) == "opt-out.unknown"
    assert asked("opt-out", case(said(), BARE)) == "opt-out.unknown"


# --- rights -----------------------------------------------------------------------------------------------------

OPEN = said(consent="given")
"""An event that opens every gate but that of significant harm."""
LAWFUL = {"statute": "statute", "consent": "consent", "contact-stage": "consent", "opt-out": "statute"}


@pytest.mark.parametrize("article6", ["c", "d", "e"])
@pytest.mark.parametrize("gate", sorted(gates.GATES))
def test_restricted_data_passes_on_a_recorded_override_alone(gate, article6):
    """UK GDPR article 18(2), whatever the ground: only to protect a person, at the two gates that ask for that."""
    restricted = standing(restriction=True)
    overridden = OPEN | {"override": SIGNED}

    assert asked(gate, case(OPEN, CONTACT, restricted), article6) == "restriction"
    if gate in ("contact-stage", "significant-harm"):
        assert asked(gate, case(overridden, CONTACT, restricted), article6) in ("consent", "override")
    else:
        assert asked(gate, case(overridden, CONTACT, restricted), article6) == "restriction"


@pytest.mark.parametrize("override", [SIGNED | {"author": None}, SIGNED | {"recorded_at": SOON}, {}, None])
def test_an_override_that_is_void_does_not_go_before_a_right(override):
    """Unsigned, or of tomorrow."""
    values = OPEN | {"override": override}

    assert asked("contact-stage", case(values, CONTACT, standing(restriction=True))) == "restriction"
    raised = standing(objections=[objected("raised")])
    assert asked("significant-harm", case(values, CONTACT, raised)) == "objection.raised"


def test_an_override_goes_before_a_right_and_not_before_the_rest_of_the_gate():
    """The case is past the point of contact: that no decision to share opens."""
    past = OPEN | {"override": SIGNED, "stage": "closed"}

    assert asked("contact-stage", case(past, CONTACT, standing(restriction=True))) == "contact-stage.past"


@pytest.mark.parametrize("gate", sorted(LAWFUL))
@pytest.mark.parametrize("article6", ["c", "d", "e"])
@pytest.mark.parametrize("status", ["raised", "upheld", "overruled"])
def test_an_objection_stands_until_it_is_overruled(gate, article6, status):
    """UK GDPR article 21(1): against a public task, and not against a legal obligation or vital interests."""
    one = case(OPEN, CONTACT, standing(objections=[objected(status)]))
    stands = article6 == "e" and status != "overruled"

    assert asked(gate, one, article6) == (f"objection.{status}" if stands else LAWFUL[gate])


def test_an_objection_is_to_one_agency_or_to_all():
    """Of that to another nothing is asked."""
    for to, word in (("police", "objection.raised"), (None, "objection.raised"), ("chis", "statute"), ("", "statute")):
        assert asked("statute", case(OPEN, CONTACT, standing(objections=[objected("raised", to=to)]))) == word


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(gates.OBJECTIONS, 2)))
def test_the_newest_word_on_an_objection_counts(before, after):
    """Said in one record or in two, in whichever order; of the same moment the stricter."""
    older, newer = objected(before, EARLIER), objected(after, LATER)
    word = "statute" if after == "overruled" else f"objection.{after}"

    for standings in (
        [standing(objections=[older, newer])],
        [standing(objections=[newer]), standing(objections=[older])],
    ):
        assert asked("statute", case(OPEN, CONTACT, *standings)) == word

    both = [objected(before, LATER), newer]
    strictest = max(before, after, key=gates.OBJECTIONS.index)
    assert asked("statute", case(OPEN, CONTACT, standing(objections=both))) == f"objection.{strictest}"


def test_what_became_of_an_objection_to_one_agency_says_nothing_of_that_to_all():
    """Each has its own newest word, and the stricter of the two names the rule."""
    overruled = objected("overruled", LATER, to="police")
    for everyone, word in (("raised", "objection.raised"), ("upheld", "objection.upheld"), ("overruled", "statute")):
        both = standing(objections=[objected(everyone, EARLIER), overruled])
        assert asked("statute", case(OPEN, CONTACT, both)) == word
    upheld = standing(objections=[objected("upheld", EARLIER, to="police"), objected("raised", LATER)])
    assert asked("statute", case(OPEN, CONTACT, upheld)) == "objection.upheld"


def test_rights_are_asked_before_the_gate_and_restriction_before_objection():
    """So the rule that is named is the one that the family invoked."""
    shut = said(consent="refused")
    objecting = standing(objections=[objected("upheld")])

    assert asked("consent", case(shut, CONTACT, objecting)) == "objection.upheld"
    assert asked("consent", case(shut, CONTACT, objecting | {"restriction": True})) == "restriction"
    assert asked("consent", case(shut, CONTACT, objecting, standing(restriction=True))) == "restriction"
    assert asked("consent", case(shut, CONTACT, standing())) == "consent.refused"


# --- what is said after an event was released -------------------------------------------------------------------


def afterwards(gate, *standings, article6="e", said_at=LATER):
    """What shuts a gate now for an event that was taken in before LATER, by what was said of the child at a moment."""
    found = known(*standings, at=said_at)
    shut = gates.meanwhile(gate, found, "police", notice="MASH", article6=article6, at=TAKEN_IN, now=NOON)
    return shut.removeprefix("gate.") if shut else shut


@pytest.mark.parametrize("recorded", [EARLIER, LATER, None])
@pytest.mark.parametrize("status", SHUT)
def test_what_was_answered_since_then_shuts_consent_and_what_was_before_was_asked_then(status, recorded):
    """Whatever it was but an agreement, whenever it was put on record; of several the newest counts."""
    refusal = standing(answers=[answered(status, recorded)])
    assert afterwards("consent", refusal) == f"consent.{STATUSES[status]}"
    assert afterwards("consent", refusal, said_at=EARLIER) is None
    again = standing(answers=[answered("given", LATER + timedelta(days=1))])
    assert afterwards("consent", refusal, again) is None
    assert afterwards("statute", refusal) is None
    elsewhere = standing(answers=[answered(status, recorded, about="Another")])
    assert afterwards("consent", elsewhere) is None


def test_consent_that_the_time_has_ended_is_shut_afterwards_whenever_it_was_given():
    """It lapsed, or the child is 16 by now and a parent answered; while it holds it is open."""
    until = standing(answers=[answered("given", EARLIER, until=NOON.date() - timedelta(days=1))])
    of_age = standing(answers=[answered("given", EARLIER)], born=date(2010, 1, 1))
    young = standing(answers=[answered("given", EARLIER)], born=date(2015, 1, 1))
    for said_at in (EARLIER, LATER):
        assert afterwards("consent", until, said_at=said_at) == "consent.lapsed"
        assert afterwards("consent", of_age, said_at=said_at) == "consent.not-by-young-person"
        assert afterwards("consent", young, said_at=said_at) is None
    assert afterwards("consent", standing(answers=[answered("given", EARLIER)])) is None


@pytest.mark.parametrize("gate", sorted(gates.GATES))
def test_rights_shut_afterwards_what_no_recorded_decision_may_open(gate):
    """Whether there was one, the event alone says; so there it stays as it was found."""
    restricted, objecting = standing(restriction=True), standing(objections=[objected("raised", LATER)])
    may_be_overridden = gate in gates.OVERRIDABLE
    assert afterwards(gate, restricted) == (None if may_be_overridden else "restriction")
    assert afterwards(gate, objecting) == (None if may_be_overridden else "objection.raised")
    assert afterwards(gate, objecting, article6="c") is None


# --- what gates look at -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", sorted(gates.GATES))
def test_a_gate_decides_on_its_own_paths_alone(gate):
    """The view that the relay decides on, with just the paths of a gate, gives the verdict of the whole event."""
    choices = itertools.product(
        (*STATUSES, None), (SIGNED, SIGNED | {"author": None}, None), ("contact", "referral", None),
        ((date(2015, 6, 1), None), (date(2009, 1, 1), None), (None, date(2026, 11, 1)), (None, None)),
        ((), (standing(restriction=True),)),
    )  # fmt: skip
    for consent, override, stage, (born, expected), standings in choices:
        whole = said(stage, consent, override, born, expected)
        view: dict[str, Any] = {}
        for path in (*gates.paths(gate, CONTACT), *(path for _, path in CONTACT.subject)):
            head, _, tail = path.partition(".")
            part = whole[head]
            if tail and part is not None:
                view.setdefault(head, {})[tail] = part[tail]
            else:
                view[head] = part
        assert asked(gate, case(view, CONTACT, *standings)) == asked(gate, case(whole, CONTACT, *standings))


@pytest.mark.parametrize(
    ("gate", "fields"),
    [
        ("statute", set()),
        ("opt-out", set()),
        ("consent", {"consent.status", "consent.given_by", "consent.recorded_at", "born", "expected"}),
        ("significant-harm", {"override.reason", "override.author", "override.recorded_at"}),
        ("contact-stage", {"consent.status", "consent.given_by", "consent.recorded_at", "born", "expected", "stage",
                           "override.reason", "override.author", "override.recorded_at"}),
    ],
)  # fmt: skip
def test_a_gate_looks_at_no_more_than_it_needs(gate, fields):
    """What the relay does not ask for is stepped over before any of it is a value."""
    assert set(gates.paths(gate, CONTACT)) == fields


@pytest.mark.parametrize("born", ["2015-06-01", True, [], {"on": 1}, 1.5])
def test_a_date_of_birth_of_another_shape_is_none(born):
    """So the child's age is not known."""
    assert consented(said(consent="given", born=born)) == "age-unknown"


def test_a_gate_looks_at_nothing_where_the_stream_has_no_record():
    """No path is asked for that the stream does not have."""
    assert {gates.paths(gate, BARE) for gate in gates.GATES} == {()}


@pytest.mark.parametrize("gate", ["consent", "contact-stage"])
def test_days_and_moments_are_the_same_as_avro_carries_them(gate):
    """The relay's view holds whole numbers where Python has dates and times."""
    for born in (date(2010, 9, 15), date(2010, 9, 16)):
        for recorded_at in (NOON, SOON):
            values = said(consent="given", born=born, recorded_at=recorded_at)
            carried = values | {"born": (born - date(1970, 1, 1)).days}
            carried["consent"] = values["consent"] | {"recorded_at": int(recorded_at.timestamp() * 1000)}
            assert asked(gate, case(carried, CONTACT)) == asked(gate, case(values, CONTACT))


@pytest.mark.parametrize(
    ("record", "name", "rest"),
    [
        (Consent, "recorded_at", {"status": "given"}),
        (Override, "recorded_at", {}),
        (Approval, "approved_at", {"field": "concern", "by": "duty manager"}),
        (Answer, "recorded_at", {"status": "given"}),
        (Objection, "recorded_at", {"status": "raised"}),
    ],
)
def test_a_record_says_its_zone(record, name, rest):
    """A time without a zone would move by an hour on the way, so it is refused."""
    with pytest.raises(ValidationError, match="zone"):
        record(**{name: datetime(2026, 3, 29, 1, 30)}, **rest)  # noqa: DTZ001  the fault that is tested

    assert getattr(record(**{name: LATER}, **rest), name) == LATER


def test_without_a_word_of_the_child_no_right_is_asked():
    """Nothing known is no objection."""
    assert asked("statute", case(OPEN, CONTACT, known=known())) == "statute"
