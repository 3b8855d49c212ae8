"""Gates: each opens on the record that the privacy notice promises, and is shut, by a name, on anything else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from hub import gates
from hub.gates import Consent, Override
from hub.stream import Event, Sensitivity, Stream

SIGNED = {"reason": "significant_harm", "author": "duty manager", "recorded_at": datetime(2026, 9, 15, 9, tzinfo=UTC)}
REFUSALS = ("refused", "withdrawn", "not_sought")


class Contact(Event):
    """A contact with the records that gates ask for."""

    stage: Annotated[str | None, Field(description="Stage."), Sensitivity.PERSONAL] = None
    consent: Annotated[Consent | None, Field(description="Consent."), Sensitivity.PERSONAL] = None
    override: Annotated[Override | None, Field(description="Override."), Sensitivity.SPECIAL] = None


def stream(**records: str) -> Stream:
    return Stream(name="contact", event=Contact, key=(), keep="days", steward="safeguarding", **records)


CONTACT = stream(stage="stage", consent="consent", override="override")
BARE = stream()


def said(stage="contact", consent=None, override=None):
    """The values of an event as the relay sees them."""
    return {"stage": stage, "consent": consent and {"status": consent}, "override": override}


def test_statute_is_open_whatever_the_family_said():
    """A duty to share asks nobody."""
    assert gates.ask("statute", said(consent="refused"), CONTACT) is None


def test_consent_lives_from_not_sought_to_given_to_withdrawn():
    """Only what was given and not taken back opens the gate; each other state shuts it by its own name."""
    life = ["not_sought", "refused", "given", "withdrawn"]

    shut = [gates.ask("consent", said(consent=status), CONTACT) for status in life]

    assert shut == ["not-sought", "refused", None, "withdrawn"]


@pytest.mark.parametrize("values", [said(), {}, {"consent": {}}, {"consent": {"status": None}}, {"consent": "given"}])
def test_consent_that_nobody_recorded_is_absent(values):
    """No record, an empty one and one of another shape are no consent."""
    assert gates.ask("consent", values, CONTACT) == "absent"


def test_consent_of_a_stream_without_a_record_of_it_is_absent():
    """A word of consent in a field that the stream does not name as its record opens nothing."""
    assert gates.ask("consent", said(consent="given"), BARE) == "absent"


def test_consent_of_a_word_that_is_none_is_shut_by_that_word():
    """A status of a later version is not taken for consent."""
    assert gates.ask("consent", said(consent="given_by_text"), CONTACT) == "given-by-text"
    assert gates.ask("consent", {"consent": {"status": True}}, CONTACT) == "absent"


def test_significant_harm_opens_on_a_decision_with_reason_author_and_time():
    """All three are recorded."""
    assert gates.ask("significant-harm", said(override=SIGNED), CONTACT) is None


@pytest.mark.parametrize(("missing", "rule"), [("reason", "no-reason"), ("author", "no-author"),
                                               ("recorded_at", "no-recorded")])  # fmt: skip
@pytest.mark.parametrize("nothing", [None, ""])
def test_significant_harm_names_what_the_decision_lacks(missing, rule, nothing):
    """A decision that nobody signed, dated or gave a reason for is void."""
    assert gates.ask("significant-harm", said(override=SIGNED | {missing: nothing}), CONTACT) == rule
    assert (
        gates.ask("significant-harm", said(override={k: v for k, v in SIGNED.items() if k != missing}), CONTACT) == rule
    )


def test_significant_harm_is_shut_where_no_decision_can_be_recorded():
    """A stream without an override has none; without one in the event the first part is missing."""
    assert gates.ask("significant-harm", said(override=SIGNED), BARE) == "unrecorded"
    assert gates.ask("significant-harm", said(), CONTACT) == "no-reason"


def test_contact_stage_lives_until_the_contact_becomes_a_referral():
    """MASH partners hear at the point of contact, and nothing of the same case later, consent or not."""
    life = ["contact", "referral", "assessment", "closed", None]

    shut = [gates.ask("contact-stage", said(stage, consent="given", override=SIGNED), CONTACT) for stage in life]

    assert shut == [None, "past", "past", "past", "absent"]


@pytest.mark.parametrize("status", [*REFUSALS, None])
def test_contact_stage_without_consent_needs_a_decision(status):
    """Without consent it opens on a complete override, and on no other."""
    assert gates.ask("contact-stage", said(consent=status, override=SIGNED), CONTACT) is None
    assert gates.ask("contact-stage", said(consent=status), CONTACT) == "no-consent-nor-override"
    unsigned = SIGNED | {"author": None}
    assert gates.ask("contact-stage", said(consent=status, override=unsigned), CONTACT) == "no-consent-nor-override"


def test_contact_stage_of_a_stream_without_stages_is_absent():
    """The stage is the stream's own word for it, not any field of that name."""
    assert gates.ask("contact-stage", said(consent="given"), BARE) == "absent"


@pytest.mark.parametrize("gate", sorted(gates.GATES))
def test_a_gate_decides_on_its_own_paths_alone(gate):
    """The view that the relay decides on, with just the paths of a gate, gives the verdict of the whole event."""
    for consent in ("given", *REFUSALS, None):
        for override in (SIGNED, SIGNED | {"author": None}, None):
            for stage in ("contact", "referral", None):
                whole = said(stage, consent, override)
                paths = gates.paths(gate, CONTACT)
                view = {}
                for path in paths:
                    head, _, tail = path.partition(".")
                    part = whole[head]
                    if tail and part is not None:
                        view.setdefault(head, {})[tail] = part[tail]
                    else:
                        view[head] = part
                assert gates.ask(gate, view, CONTACT) == gates.ask(gate, whole, CONTACT)


def test_a_gate_looks_at_nothing_where_the_stream_has_no_record():
    """No path is asked for that the stream does not have."""
    assert {gates.paths(gate, BARE) for gate in gates.GATES} == {()}


@pytest.mark.parametrize("record", [Consent, Override])
def test_a_record_says_its_zone(record):
    """A time without a zone would move by an hour on the way, so it is refused."""
    extra = {"status": "given"} if record is Consent else {}
    with pytest.raises(ValidationError, match="zone"):
        record(recorded_at=datetime(2026, 3, 29, 1, 30), **extra)  # noqa: DTZ001  the fault that is tested

    assert record(recorded_at=SIGNED["recorded_at"], **extra).recorded_at == SIGNED["recorded_at"]
