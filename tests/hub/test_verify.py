"""Receipts that are held against the decision made again: what is the same is called so, and nothing else is."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from hub.archive import Archive, records_of
from hub.disclosure import Verdict
from hub.errors import HubError
from hub.receipts import Wanted, as_json, from_json, named
from hub.schema_lock import SchemaLock
from hub.verify import SETTLED, verify
from tests.hub.decided import EXAMPLES, LIVE, NOON, TAKEN, Day, example

OVERRIDE = example("red_by_a_recorded_override.event.json")
CONSENTED = example("consent_withdrawn_since.event.json")
WITHDRAWN = example("consent_withdrawn_since.standing.json")
AGENCIES = ("mash_health", "wiltshire_police")


@pytest.fixture
def day(catalog, keys):
    """A hub in memory on which nothing has happened yet."""
    return Day(catalog, keys)


def what(found):
    """Which lines differ."""
    return [one.what for one in found.differences]


def changed(receipt, **outcome):
    """The receipt, tampered with."""
    return receipt._replace(outcome=receipt.outcome._replace(**outcome))


def test_each_decision_of_each_example_is_made_again_to_the_byte(catalog, keys):
    """Released, coarsened, withheld by every gate, seal and limit: whatever the examples show."""
    seen = set()
    for path in sorted(EXAMPLES.glob("*.event.json")):
        day, standing = Day(catalog, keys), path.with_name(path.name.replace(".event.", ".standing."))
        if standing.exists():
            day.known(example(standing.name))
        receipt = day.happens(example(path.name))["wiltshire_police"]
        found = verify(catalog, keys, receipt, day.evidence)
        assert (found.same, found.decided) == (True, receipt), (path.name, found.differences, found.gone)
        seen.add(receipt.rule or receipt.outcome.relied)
    assert {"consent", "override", "where.rag", "sealed.adoption", "gate.contact-stage.past"} <= seen


@pytest.mark.parametrize("agency", AGENCIES)
def test_another_hash_of_what_was_sent_is_told(day, agency):
    """One digit of it."""
    receipt = day.happens(OVERRIDE)[agency]
    forged = receipt._replace(sent=("0" if receipt.sent[0] != "0" else "1") + receipt.sent[1:])

    found = verify(day.catalog, day.keys, forged, day.evidence)

    assert (found.same, what(found)) == (False, ["SHA-256 of what was sent"])
    assert found.differences[0].found == receipt.sent


@pytest.mark.parametrize(
    ("outcome", "line"),
    [({"rule": "where.rag"}, "rule"), ({"verdict": "withheld"}, "verdict"), ({"relied": "consent"}, "relied"),
     ({"gate": "statute"}, "gate"), ({"notice": "CHIS"}, "notice"), ({"basis": "none"}, "basis"),
     ({"agreement": "ISA-1999-001"}, "agreement")],
)  # fmt: skip
def test_each_word_of_the_outcome_is_held_against_the_decision(day, outcome, line):
    """What was relied on, and on which ground, as much as what was sent."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]

    assert what(verify(day.catalog, day.keys, changed(receipt, **outcome), day.evidence)) == [line]


def test_a_fields_verdict_that_differs_is_told_with_its_path(day):
    """And one that is left out, and one that is said twice."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    fields = list(receipt.outcome.fields)
    place = next(number for number, one in enumerate(fields) if one.path == "child.surname")
    fields[place] = Verdict("child.surname", "withheld", "not-granted")

    found = verify(day.catalog, day.keys, changed(receipt, fields=tuple(fields)), day.evidence)
    assert [tuple(one) for one in found.differences] == [("child.surname", "withheld (not-granted)", "released")]

    del fields[place]
    found = verify(day.catalog, day.keys, changed(receipt, fields=tuple(fields)), day.evidence)
    assert "child.surname" in what(found)

    twice = (*receipt.outcome.fields, receipt.outcome.fields[0])
    assert what(verify(day.catalog, day.keys, changed(receipt, fields=twice), day.evidence)) == ["fields"]


def test_a_withheld_event_cannot_be_said_to_have_been_released(day):
    """Nor does the hash of an invented message help."""
    receipt = day.happens(example("past_the_contact_stage.event.json"))["wiltshire_police"]
    forged = changed(receipt, verdict="released", rule="", relied="consent")._replace(message="1" * 32, sent="2" * 64)

    found = verify(day.catalog, day.keys, forged, day.evidence)

    assert {"verdict", "rule", "relied", "message id", "SHA-256 of what was sent"} <= set(what(found))


def test_a_policy_that_was_edited_since_does_not_change_what_was_decided(day):
    """The version that the receipt names decides, from the archive, whatever the agency may hear today."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    policy = day.catalog.policies["wiltshire_police"]
    grant = policy.hears["mash_referral"]
    narrower = grant.model_copy(update={"fields": grant.fields[:3], "where": {"rag": ("blue",)}})
    later = policy.model_copy(update={"version": "f" * 16, "hears": {"mash_referral": narrower}})
    today = replace(day.catalog, policies={**day.catalog.policies, "wiltshire_police": later})

    assert verify(today, day.keys, receipt, day.evidence).same


def test_an_agency_that_is_gone_or_takes_delivery_otherwise_today_can_still_be_verified(day):
    """How it took delivery then is in the archive, beside the policy."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    today = replace(day.catalog, policies={}, agencies={})

    assert verify(today, day.keys, receipt, day.evidence).same


def test_of_several_ways_of_delivery_under_one_policy_the_one_that_fits_is_named(day):
    """A receipt names the policy alone, and agency.yaml may change beside it."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    agency = day.catalog.agencies["wiltshire_police"]
    hearing = agency.hears["mash_referral"]
    door = hearing.doors[0].model_copy(update={"format": "avro"})
    assert door != hearing.doors[0]
    later = agency.model_copy(update={"hears": {"mash_referral": hearing.model_copy(update={"doors": (door,)})}})
    agencies = {**day.catalog.agencies, "wiltshire_police": later}
    for record in records_of(replace(day.catalog, agencies=agencies), LIVE + timedelta(days=1)):
        day.archive.take(record)

    found = verify(day.catalog, day.keys, receipt, day.evidence)

    assert found.same
    assert any("one of 2" in note for note in found.notes)
    tampered = receipt._replace(sent="0" * 64)
    assert not verify(day.catalog, day.keys, tampered, day.evidence).same


def test_an_unknown_version_is_never_the_same(day):
    """Without the policy nobody can say."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    day.archive = Archive()

    found = verify(day.catalog, day.keys, receipt, day.evidence)

    assert not found.same
    assert found.gone == (
        f"policy version wiltshire_police/{receipt.outcome.policy} is not known: policies.v1 does not hold it",
    )


def test_an_event_that_is_past_its_retention_is_named(day):
    """As gone, not as wrong."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    day.log.topics.clear()

    found = verify(day.catalog, day.keys, receipt, day.evidence)

    assert (found.same, found.differences) == (False, ())
    assert found.gone == ("the event is not on mash-referral.v1 any more",)


def test_a_stream_that_is_gone_is_named(day):
    """So that a receipt of long ago is not called wrong."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    without = {name: one for name, one in day.catalog.streams.items() if name != "mash_referral"}

    found = verify(replace(day.catalog, streams=without), day.keys, receipt, day.evidence)

    assert found.gone == ("no stream mash_referral is in today's catalog",)


def test_a_schema_id_that_nobody_knows_any_more_is_named(day):
    """The event's own, and the recipient's."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    (event,) = day.log.topics["mash-referral.v1"]
    unknown = event._replace(value=b"\x00\x00\x00\xff\xff" + event.value[5:])
    day.log.topics["mash-referral.v1"] = [unknown]
    assert verify(day.catalog, day.keys, receipt, day.evidence).gone == (
        "topics/schemas.lock knows no schema id 65535, in which the event is written",
    )

    day.log.topics["mash-referral.v1"] = [event]
    entries = copy.deepcopy(day.catalog.lock.entries)
    for entry in entries:
        if entry["subject"] == "mash-referral.v1.to.wiltshire-police":
            entry["subject"] = "somebody-elses"
    lost = replace(day.catalog, lock=SchemaLock(entries))
    (gone,) = verify(lost, day.keys, receipt, day.evidence).gone
    assert gone.startswith("topics/schemas.lock knows no schema of mash-referral.v1.to.wiltshire-police")


def test_a_receipt_from_before_the_stream_grew_is_the_same(day):
    """A field that came since is in no receipt of before; one that was left out is another matter."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    then = day.catalog.lock.schema(day.catalog.lock.current["mash-referral.v1"])
    older = {**then, "fields": [one for one in then["fields"] if one["name"] != "parents_know"]}
    kept = tuple(one for one in receipt.outcome.fields if one.path != "parents_know")
    before = changed(receipt, fields=kept)
    assert what(verify(day.catalog, day.keys, before, day.evidence)) == ["parents_know"]

    entries = day.catalog.lock.entries
    first = {"id": len(entries) + 1, "subject": "mash-referral.v1", "schema": older}
    grown = replace(day.catalog, lock=SchemaLock([first, *entries]))

    assert verify(grown, day.keys, before, day.evidence).same
    assert not verify(grown, day.keys, changed(before, fields=kept[1:]), day.evidence).same


def test_what_was_known_then_decides_again_though_another_word_took_its_place(day):
    """Consent was withdrawn, and given anew a day later: the decision rested on the first word."""
    day.known(WITHDRAWN)
    receipt = day.happens(CONSENTED)["wiltshire_police"]
    assert receipt.rule == "gate.contact-stage.no-consent-nor-override"
    given = {**WITHDRAWN, "answers": [{**WITHDRAWN["answers"][0], "status": "given",
                                       "recorded_at": "2026-09-16T09:00:00Z"}]}  # fmt: skip
    day.known(given, "later", NOON + timedelta(days=1))

    assert verify(day.catalog, day.keys, receipt, day.evidence).same


def test_of_a_standing_that_was_said_again_under_the_same_id_the_word_of_then_counts(day):
    """As where a sender corrects a message and sends it under its old number."""
    day.known(WITHDRAWN)
    receipt = day.happens(CONSENTED)["wiltshire_police"]
    given = {**WITHDRAWN, "answers": [{**WITHDRAWN["answers"][0], "status": "given"}]}
    day.known(given, at=NOON + timedelta(days=1))

    assert verify(day.catalog, day.keys, receipt, day.evidence).same


def test_what_was_known_and_is_compacted_away_is_named(day):
    """Then nobody can decide it again."""
    day.known(WITHDRAWN)
    receipt = day.happens(CONSENTED)["wiltshire_police"]
    day.forget_standings()

    found = verify(day.catalog, day.keys, receipt, day.evidence)

    assert found.gone == (
        f"what was known of the child then, {receipt.standing[0]}, was superseded and is compacted away",
    )


def test_a_receipt_that_passes_over_what_was_known_is_told(day):
    """A release that says nothing of the withdrawal is reproducible, and still not what should have been decided."""
    receipt = day.happens(CONSENTED)["wiltshire_police"]
    assert receipt.verdict == "released"
    said = day.known(WITHDRAWN, at=NOON - SETTLED - timedelta(seconds=1))

    found = verify(day.catalog, day.keys, receipt, day.evidence)

    assert [tuple(one) for one in found.differences] == [
        ("known of the child", "not looked at", dict(said.headers)["ce_id"].decode())
    ]


def test_what_came_only_just_before_need_not_have_been_looked_at(day):
    """A decision is made in seconds, not in none."""
    receipt = day.happens(CONSENTED)["wiltshire_police"]
    day.known(WITHDRAWN, at=NOON - SETTLED + timedelta(seconds=1))

    assert verify(day.catalog, day.keys, receipt, day.evidence).same


def test_a_standing_that_the_receipt_made_up_is_told(day):
    """Of another child, but on the topic."""
    receipt = day.happens(CONSENTED)["wiltshire_police"]
    other = day.known({**WITHDRAWN, "nhs_number": "9990000018"}, "other child")
    forged = receipt._replace(standing=(dict(other.headers)["ce_id"].decode(),))

    assert what(verify(day.catalog, day.keys, forged, day.evidence)) == ["known of the child"]


def test_an_event_that_lies_there_twice_is_the_same_and_said_to(day):
    """A replay brings it again; where the two differ, one of them must fit."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    topic = day.log.topics["mash-referral.v1"]
    topic.append(topic[0])
    found = verify(day.catalog, day.keys, receipt, day.evidence)
    assert found.same
    assert found.notes == ("the event lies 2 times on mash-referral.v1, each time the same",)

    topic.insert(0, day.record("mash_referral", {**OVERRIDE, "rag": "blue"}, "event"))
    found = verify(day.catalog, day.keys, receipt, day.evidence)
    assert found.same
    assert found.notes == (
        "the event lies 3 times on mash-referral.v1, and not each time the same: one of them must fit",
    )

    del topic[1:]
    assert "rule" in what(verify(day.catalog, day.keys, receipt, day.evidence))


def test_doubt_is_seen_again_or_named_as_gone(day):
    """A standing that could not be read withheld; while it lies there it still does."""
    said = day.known(WITHDRAWN)
    day._standings[0] = day._standings[0]._replace(record=said._replace(value=b"\x00\x00\x00\xff\xff..."))
    receipt = day.happens(CONSENTED)["wiltshire_police"]
    assert receipt.rule == "view.doubt"

    assert verify(day.catalog, day.keys, receipt, day.evidence).same
    day.forget_standings()
    assert verify(day.catalog, day.keys, receipt, day.evidence).gone == (
        "that something said of the child could not be read cannot be seen any more",
    )


def test_another_secret_gives_other_message_ids(day):
    """Whoever has not the hub's keys cannot write a receipt that verifies."""
    receipt = day.happens(OVERRIDE)["mash_health"]

    assert "message id" in what(verify(day.catalog, type(day.keys)(b"x" * 32), receipt, day.evidence))


def test_the_moment_is_a_part_of_the_decision(day):
    """A receipt that says it was decided after the agreement's end was not released then."""
    receipt = day.happens(OVERRIDE)["wiltshire_police"]
    late = receipt._replace(at="2031-01-01T00:00:00.000Z")

    assert "rule" in what(verify(day.catalog, day.keys, late, day.evidence))


def test_a_receipt_as_json_is_the_receipt(day):
    """There and back, through a file's text."""
    for receipt in day.happens(OVERRIDE).values():
        assert from_json(json.loads(json.dumps(as_json(receipt)))) == receipt


@pytest.mark.parametrize("broken", [None, [], {}, {"event": "x"}])
def test_what_is_no_receipt_is_refused(broken):
    """With the verb that writes them."""
    with pytest.raises(HubError, match="hub receipts --json"):
        from_json(broken)


def test_a_receipt_with_one_key_more_or_another_kind_of_value_is_refused(day):
    """Nothing unknown is passed over."""
    said = as_json(day.happens(OVERRIDE)["mash_health"])
    for change in ({"extra": ""}, {"sent": None}, {"at": "2026-09-15T12:00:00"}, {"fields": [{"path": "x"}]}):
        with pytest.raises(HubError):
            from_json({**said, **change})


def test_receipts_are_found_by_what_is_asked(day):
    """By event, agency, stream, rule or the beginning of one, and time."""
    receipt = day.happens(example("past_the_contact_stage.event.json"))["wiltshire_police"]

    fits = (Wanted(), named(f"{receipt.event}/wiltshire_police"), Wanted(stream="mash_referral"),
            Wanted(rule="gate.contact-stage.past"), Wanted(rule="gate.*"), Wanted(since=NOON))  # fmt: skip
    misses = (Wanted(event="other"), Wanted(agency="schools"), Wanted(stream="cpis_flag"), Wanted(rule="gate"),
              Wanted(rule="sealed.*"), Wanted(since=NOON + timedelta(seconds=1)))  # fmt: skip
    assert [one.has(receipt) for one in fits] == [True] * len(fits)
    assert [one.has(receipt) for one in misses] == [False] * len(misses)
    assert TAKEN < NOON


@pytest.mark.parametrize("text", ["", "event", "event/", "/agency", "a/b/c"])
def test_what_names_no_receipt_is_refused(text):
    """With how to write it."""
    with pytest.raises(HubError, match="EVENT/AGENCY"):
        named(text)
