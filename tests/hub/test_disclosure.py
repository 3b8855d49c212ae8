"""Disclosures: what is written down of a decision says of every field what became of it, and nothing that was in it."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import catalog as catalogs
from hub import disclosure
from hub.avro import Codec, bare, leaves_of, schema_of
from hub.disclosure import SCHEMA, TOPIC, Outcome, Receipt, Verdict, pages, receipts_of
from hub.envelope import stamp
from hub.explain import LIMITS
from hub.keys import Keys
from hub.outbound import Desk
from hub.policy import cite
from hub.view import View
from tests.hub.cases import LONG_AGO, NOON, standing, taken_in
from tests.properties.pairs import STANDINGS, Kin, name_of

GRANTS = sorted((agency, name) for agency, policy in catalogs.look().policies.items() for name in policy.hears)
KEYS = Keys(b"a secret for tests, of 32 bytes.")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
OUTCOMES = st.builds(Outcome, *[TEXT] * 10, st.lists(st.builds(Verdict, *[TEXT] * 3), max_size=3).map(tuple))


@st.composite
def written(draw):
    """Receipts, most of which share an outcome."""
    outcomes = draw(st.lists(OUTCOMES, min_size=1, max_size=3))
    ids = st.lists(TEXT, max_size=2).map(tuple)
    return draw(st.lists(st.builds(Receipt, TEXT, st.sampled_from(outcomes), ids, TEXT, TEXT, TEXT), max_size=9))


@settings(max_examples=60, deadline=None, database=None)
@given(written(), st.integers(1, 4))
def test_pages_of_receipts_are_what_fastavro_would_write(receipts, size):
    """And are read back as they were, each with its own outcome, which a page says once."""
    codec = Codec(9, SCHEMA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disclosure, "PAGE", size)
        made = list(pages(receipts, codec))

    assert [one for record in made for one in receipts_of(record.value, codec)] == receipts
    for record, start in zip(made, range(0, len(receipts), size), strict=True):
        ours = receipts[start : start + size]
        different = list({id(one.outcome): one.outcome for one in ours}.values())
        places = {id(outcome): place for place, outcome in enumerate(different)}
        assert record.value == codec.encode(
            {
                "outcomes": [one._asdict() | {"fields": [v._asdict() for v in one.fields]} for one in different],
                "receipts": [one._asdict() | {"outcome": places[id(one.outcome)]} for one in ours],
            }
        )
        assert (record.topic, record.key, record.headers) == (TOPIC, None, (("content-type", b"application/avro"),))


def test_a_page_holds_some_hundreds_and_loses_none():
    """In order, over as many records as it takes."""
    codec = Codec(9, SCHEMA)
    outcome = Outcome(*"abcdefghij", ())
    receipts = [Receipt(str(number), outcome, (), "", "", "") for number in range(2 * disclosure.PAGE + 1)]

    made = list(pages(receipts, codec))

    assert [len(receipts_of(record.value, codec)) for record in made] == [disclosure.PAGE, disclosure.PAGE, 1]
    assert [one for record in made for one in receipts_of(record.value, codec)] == receipts
    assert list(pages([], codec)) == []


def test_a_receipt_tells_its_outcomes_first_words_as_its_own():
    """By name, so that whoever counts receipts need not look further."""
    outcome = Outcome("chat", "chis", "withheld", "expires", *"cdefgh", ())
    receipt = Receipt("e", outcome, (), "", "", "")

    assert (receipt.stream, receipt.agency, receipt.verdict, receipt.rule) == ("chat", "chis", "withheld", "expires")


def carried(catalog, agency, name, *, seeds=40, view=None):
    """
    Drawn events, before one agency: each with its receipt and how many records came of it.

    They mostly pass, or are as they come; where a policy asks for nothing, what is known of the child alone withholds.
    """
    stream, policy = catalog.streams[name], catalog.policies[agency]
    alone = dataclasses.replace(catalog, policies={agency: policy})
    desk = Desk(alone, stream, KEYS)
    hearing = catalog.agencies[agency].hears[name]
    held = on_hold() if view is None else view
    for open_, known in ((True, view), (False, view), (True, held)):
        kin = Kin(stream, policy.hears[name], hearing.addressed_by, open_)
        codec = Codec(catalog.id_of(stream.topic, schema_of(stream)), bare(schema_of(stream)))
        for seed in range(seeds):
            values = kin.drawn(random.Random(f"{agency} {name} {seed}"))
            record = taken_in(catalog, stream, {}, values_as=codec.encode(values))
            records, (receipt,) = desk.carry(record, now=NOON, view=known)
            yield values, receipt, records


def on_hold():
    """What is known of every third child: that a court or a legal adviser has stopped all sharing."""
    view = View()
    for child in range(0, len(STANDINGS), 3):
        named = {kind: name_of(kind, child) for kind in ("nhs_number", "upn", "case_id")}
        view.take(f"child {child}".encode(), standing(**named, legal_hold=True), f"standing {child}", LONG_AGO)
    return view


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_every_field_of_the_stream_has_a_verdict(agency, name, all_live):
    """Each leaf once: what was not granted is always withheld for that, the rest as the decision was."""
    grant = all_live.policies[agency].hears[name]
    leaves = sorted(leaves_of(schema_of(all_live.streams[name])))
    seen = set()
    for _, receipt, records in carried(all_live, agency, name):
        outcome = receipt.outcome
        assert [one.path for one in outcome.fields] == leaves
        for path, verdict, rule in outcome.fields:
            if path not in {*grant.fields, *grant.coarse}:
                expected = [("withheld", "not-granted")]
            elif not records:
                expected = [("withheld", outcome.rule)]
            elif path in grant.coarse:
                expected = [("coarsened", grant.coarse[path])]
            else:
                expected = [("released", "")]
            limited = records and verdict == "withheld" and rule.startswith(("address", "match.", "opt-out", "text."))
            assert (verdict, rule) in expected or limited, path
        seen.add(bool(records))
    assert seen == {True, False}


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_a_receipt_says_under_what_it_was_decided(agency, name, all_live):
    """Policy, agreement, gate, section and ground; what was relied on where it was released, and nowhere else."""
    policy = all_live.policies[agency]
    grant = policy.hears[name]
    relied = {"statute": {"statute"}, "opt-out": {"statute"}, "consent": {"consent"}, "significant-harm": {"override"},
              "contact-stage": {"consent", "override"}}[grant.gate]  # fmt: skip
    for _, receipt, records in carried(all_live, agency, name):
        outcome = receipt.outcome
        assert outcome[:3] == (name, agency, "released" if records else "withheld")
        assert outcome.policy == policy.version
        assert (outcome.agreement, outcome.gate, outcome.notice, outcome.basis) == (
            policy.agreement, grant.gate, grant.notice, cite(grant),
        )  # fmt: skip
        assert (outcome.relied in relied) if records else (outcome.relied == "")
        assert bool(outcome.rule) == bool(not records) == (not receipt.message) == (not receipt.sent)
        assert receipt.at == stamp(NOON)


def test_a_receipt_names_the_events_that_said_what_was_known(catalog):
    """Their ids, in order, whether or not they decided anything; none where nothing was known."""
    view = View()
    said = {"nhs_number": "nhs_number 3", "upn": "upn 3", "case_id": "case_id 3"}
    view.take(b"b", standing(**said), "second", LONG_AGO)
    view.take(b"a", standing(**said, legal_hold=True), "first", LONG_AGO)

    standings = {
        (receipt.standing, receipt.rule == "sealed.legal-hold")
        for _, receipt, _ in carried(catalog, "chis", "child_demographics", view=view)
    }

    assert standings == {(("first", "second"), True), ((), False)}


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_no_personal_data_is_in_a_receipt(agency, name, all_live):
    """No text, number or day of the event but the address book's own words; the pages' bytes are searched."""
    policy = json.dumps(all_live.policies[agency].model_dump(mode="json")) + " ".join(LIMITS)
    paths = " ".join(leaves_of(schema_of(all_live.streams[name])))
    codec = Codec(all_live.id_of(TOPIC, SCHEMA), SCHEMA)
    for values, receipt, _ in carried(all_live, agency, name, seeds=12):
        (page,) = pages([receipt], codec)
        for text in texts(values):
            if len(text) > 6 and text not in policy + paths:
                assert text.encode() not in page.value


def texts(value):
    """Every piece of text in an event."""
    if isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value


def test_a_record_that_could_not_be_read_has_a_receipt_for_everybody_who_might_have_heard_it(catalog):
    """By a rule that says so; a header that is no id is not passed on as bytes."""
    stream = catalog.streams["school_attendance"]
    desk = Desk(catalog, stream, KEYS)
    record = taken_in(catalog, stream, {}, values_as=b"")._replace(headers=(("ce_id", b"\xff\xfe"),))

    receipts = desk.refused(record, now=NOON)

    assert [one.agency for one in receipts] == [route.agency for route in desk.routes]
    assert {(one.rule, one.message, one.sent, one.event) for one in receipts} == {
        ("unreadable", "", "", "\ufffd\ufffd")
    }
    assert {verdict.verdict for one in receipts for verdict in one.outcome.fields} == {"withheld"}
