"""Explanations: what an officer is told is what the relay does, in words, and never a value."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from hub import gates
from hub.catalog import folder_of
from hub.envelope import Envelope, Record, traceparent
from hub.errors import CatalogError, NotUnderstood
from hub.explain import RULES, explain, in_words
from hub.following import Following
from hub.outbound import Desk

CONNECTORS = folder_of("connectors")
EXAMPLES = sorted(CONNECTORS.glob("*/examples/*/*.event.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parts[-4]}/{path.name}")
def test_what_is_explained_is_what_the_relay_does(path, all_live, keys, now):
    """Of every example, with what lies beside it of the child, rule, verdict and each field are the receipt's."""
    catalog, agency, name = all_live, path.parts[-4], path.parts[-2]
    stream = catalog.streams[name]
    values = stream.event.model_validate_json(path.read_bytes()).model_dump()
    papers = Envelope("0" * 31 + "1", "/x", stream.topic, now, traceparent("0" * 31 + "1"))
    record = Record(stream.topic, b"key", catalog.codec(stream).encode(values), papers.headers())

    beside, following = path.with_name(path.name.replace(".event.json", ".standing.json")), Following(catalog)
    if beside.exists():
        (kind,) = catalog.standing
        known = kind.event.model_validate_json(beside.read_bytes()).model_dump()
        said_at = Envelope("0" * 31 + "2", "/x", kind.topic, now - timedelta(days=1), traceparent("0" * 31 + "2"))
        following.take(Record(kind.topic, b"another key", catalog.codec(kind).encode(known), said_at.headers()))

    receipts = Desk(catalog, stream, keys).carry(record, now=now, view=following.view).receipts
    said = explain(catalog, agency, name, path, now=now, standing=beside if beside.exists() else None)

    receipt = next(one for one in receipts if one.agency == agency)
    assert (said.rule, said.released, said.relied) == (
        receipt.rule,
        receipt.verdict == "released",
        receipt.outcome.relied,
    )
    assert bool(said.why) is not said.released
    heard = {one.path for one in receipt.outcome.fields if one.verdict != "withheld"}
    assert {field for field, verdict, _ in said.fields if not verdict.startswith("withheld")} == heard


def alert(**changes):
    """An alert that goes to a social worker."""
    path = CONNECTORS / "social_worker/examples/hospital_alert/child_on_a_plan_arrived.event.json"
    return json.loads(path.read_text(encoding="utf-8")) | changes


@pytest.fixture
def event(tmp_path):
    """A function that writes an event to a file."""

    def written(content):
        path = tmp_path / "an.event.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return written


def test_every_field_has_a_verdict_and_its_sentence(catalog, event, now):
    """Released, coarsened or not named: each leaf of the stream once."""
    said = explain(catalog, "social_worker", "hospital_alert", event(alert()), now=now)

    leaves = [fact.name for fact in catalog.streams["hospital_alert"].facts() if fact.record is None]
    verdicts = {path: verdict for path, verdict, _ in said.fields}
    assert [path for path, _, _ in said.fields] == leaves
    assert all(sentence for _, _, sentence in said.fields)
    assert verdicts["patient.surname"] == "released"
    assert verdicts["plans.authority.office_phone"] == "withheld: the policy does not name it"
    assert "Children Act" in said.ground
    assert "CP-IS" in said.ground


def test_a_coarse_word_is_named(catalog, now):
    """What is heard less exactly says how."""
    path = next((CONNECTORS / "virtual_school/examples/school_attendance").glob("*.csv"))
    example = path.with_name(f"{path.name.removesuffix('.csv')}.event.json")

    said = explain(catalog, "virtual_school", "school_attendance", example, now=now)

    assert ("pupil.born", "coarsened to year") in [(path, verdict) for path, verdict, _ in said.fields]


def test_where_nothing_is_released_no_field_is(catalog, event, now):
    """The verdict of each is the decision's."""
    said = explain(
        catalog,
        "social_worker",
        "hospital_alert",
        event(alert(verdict="nothing_known", plans=[], match=None, call=None)),
        now=now,
    )

    assert (said.rule, said.why) == ("where.verdict", "verdict is not flagged")
    assert {verdict.partition(":")[0] for _, verdict, _ in said.fields} == {"withheld"}


def test_an_event_that_names_nobody_is_not_delivered(catalog, event, now):
    """The policy would release it, and it goes to nobody: that is what is told."""
    agency = catalog.agencies["social_worker"]
    hearing = agency.hears["hospital_alert"].model_copy(update={"otherwise": None})
    odd = agency.model_copy(update={"hears": {"hospital_alert": hearing}})
    without = replace(catalog, agencies={**catalog.agencies, "social_worker": odd})

    said = explain(without, "social_worker", "hospital_alert", event(alert(worker_id=None)), now=now)

    assert (said.released, said.rule) == (False, "address.worker_id")
    assert said.why == "worker_id is empty, so nobody is named to receive it"
    assert explain(catalog, "social_worker", "hospital_alert", event(alert(worker_id=None)), now=now).released


def test_an_agency_on_trial_is_sent_nothing(catalog, event, now):
    """However good its policy."""
    trial = catalog.agencies["social_worker"].model_copy(update={"status": "trial"})

    said = explain(replace(catalog, agencies={**catalog.agencies, "social_worker": trial}), "social_worker",
                   "hospital_alert", event(alert()), now=now)  # fmt: skip

    assert (said.released, said.rule, said.why) == (False, "trial", RULES["trial"])


def test_an_agency_without_a_grant_hears_nothing(catalog, event, now):
    """There is no ground to tell, only that there is none."""
    said = explain(catalog, "chis", "hospital_alert", event(alert()), now=now)

    assert (said.rule, said.grant, said.ground) == ("hears", None, "")


@pytest.mark.parametrize(
    ("agency", "stream", "said"),
    [
        ("chi", "hospital_alert", "no agency 'chi'; did you mean 'chis'?"),
        ("chis", "hospital_alerts", "no stream 'hospital_alerts'; did you mean 'hospital_alert'?"),
    ],
)
def test_a_name_that_there_is_not_is_answered_with_the_nearest(agency, stream, said, catalog, event, now):
    """As `hub check` does."""
    with pytest.raises(CatalogError) as caught:
        explain(catalog, agency, stream, event(alert()), now=now)

    assert str(caught.value) == said


@pytest.mark.parametrize("content", ["{", "", "null", "[]", '{"verdict": "Zebedee"}', "[" * 100_000])
def test_a_file_that_is_no_such_event_is_refused_without_its_content(content, catalog, event, now):
    """By code and place."""
    with pytest.raises(NotUnderstood) as caught:
        explain(catalog, "social_worker", "hospital_alert", event(content), now=now)

    assert "Zebedee" not in str(caught.value)


def test_every_rule_that_can_withhold_has_words(catalog):
    """The gates' rules, the seals', and those with a path in them."""
    grant = catalog.policies["wiltshire_police"].hears["mash_referral"]

    assert in_words("where.rag", grant) == "rag is not red or amber"
    assert in_words("nonsense", grant) == ""
    assert all(words for words in RULES.values())
    answers = {"unknown", *(one.replace("_", "-") for one in gates.STRICTEST if one != "given")}
    for rule in (
        "view.doubt", *(f"sealed.{seal}" for seal in ("adoption", "legal-hold", "restricted", "conflict")), "expires",
        "hears", "gate.restriction", "gate.objection.raised", "gate.objection.upheld",
        *(f"gate.consent.{word}" for word in (*answers, "absent", "not-yet", "lapsed", "by-nobody", "age-unknown")),
        "gate.consent.not-by-young-person", "gate.opt-out.opted-out",
        *(f"gate.contact-stage.{word}" for word in ("past", "absent", "no-consent-nor-override")),
        *(f"gate.significant-harm.{word}" for word in ("unrecorded", "no-reason", "no-author", "no-recorded")),
        "gate.significant-harm.not-yet",
        "match.probable", "match.possible", "match.unknown", "fields.address", "fields.text.unapproved",
        "fields.nothing-fits", "fields.notpermitted", "fields.valueerror", "address.worker_id", "error", "unreadable",
    ):  # fmt: skip
        assert len(in_words(rule, grant).split()) > 3, rule
