"""Receipts on a real Kafka: what the relay decided is decided again from what lies there, and tampering is told."""

from __future__ import annotations

import gc
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub import cluster, disclosure
from hub.archive import TOPIC, records_of
from hub.avro import Codec
from hub.catalog import Catalog
from hub.cli import main, writing
from hub.cli import receipts as verbs
from hub.cli import reviews as reviewing
from hub.disclosure import Receipt, Verdict
from hub.evidence import Ledger, publish_versions
from hub.keys import Keys
from hub.receipts import Wanted
from hub.relay import Relay
from hub.settings import Settings
from hub.transports.kafka import read_topic
from tests.flow.partners import until
from tests.hub.decided import Day, example

pytestmark = pytest.mark.broker

BECAUSE = "Immediate danger was on record, and asking first would have raised it."


@contextmanager
def relaying(catalog: Catalog, keys: Keys, bootstrap: str) -> Iterator[None]:
    """The urgent lane at work in this process."""
    stop, relay = threading.Event(), Relay(catalog, keys, bootstrap, lane="urgent")
    with ThreadPoolExecutor(1) as threads:
        work = threads.submit(relay.run, stop)
        try:
            yield
        finally:
            stop.set()
        work.result(30)
    gc.unfreeze()  # what the relay does for itself is not for this process
    vars(relay).clear()


class Town:
    """A hub with a cluster, on which three referrals were decided: by an override, by consent, and withheld."""

    def __init__(self, catalog: Catalog, keys: Keys, bootstrap: str, folder: Path) -> None:
        self.catalog, self.bootstrap, self.folder = catalog, bootstrap, folder
        self.secret = folder / "secret"
        self.secret.write_bytes(b"a secret for tests, of 32 bytes.")
        cluster.prepare(catalog, Settings(state=folder), bootstrap)
        self.ledger = Ledger(catalog, bootstrap)
        self.day = Day(catalog, keys)
        now = datetime.now(UTC)
        self.ledger.publish(
            [self.day.record("sharing_status", example("consent_withdrawn_since.standing.json"), "s", now)]
        )
        names = ("red_by_a_recorded_override", "consent_withdrawn_since", "amber_with_consent")
        said = [example(f"{name}.event.json") for name in names]
        said[2]["child"] |= {"nhs_number": "9990000018", "upn": None, "local_id": "P-100601"}
        events = [self.day.record("mash_referral", one, name, now) for name, one in zip(names, said, strict=True)]
        self.ids = {name: dict(one.headers)["ce_id"].decode() for name, one in zip(names, events, strict=True)}
        self.ledger.publish(events)
        with relaying(catalog, keys, bootstrap):
            until(lambda: len(list(self.ledger.receipts(Wanted(stream="mash_referral")))) == 6, "six receipts")

    def receipt(self, name: str, agency: str) -> Receipt:
        """The receipt of one of them."""
        (found,) = self.ledger.receipts(Wanted(event=self.ids[name], agency=agency))
        return found

    def hub(self, *words: str) -> Result:
        """The command line, in this process, on this cluster."""
        given = {"HUB_BOOTSTRAP_SERVERS": self.bootstrap, "HUB_SECRET_FILE": str(self.secret),
                 "HUB_STATE": str(self.folder)}  # fmt: skip
        return CliRunner().invoke(main, words, env=given, catch_exceptions=False)


@pytest.fixture(scope="module")
def town(catalog: Catalog, keys: Keys, empty_kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """One, for all these tests."""
    return Town(catalog, keys, empty_kafka, tmp_path_factory.mktemp("town"))


@pytest.fixture(autouse=True)
def _catalog_of_today(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verbs use the catalog of the tests."""
    for room in (verbs, reviewing, writing):
        monkeypatch.setattr(room, "sound", lambda: town.catalog)


def every(town: Town) -> list[str]:
    """What each receipt is called."""
    return [f"{event}/{agency}" for event in town.ids.values() for agency in ("mash_health", "wiltshire_police")]


def test_what_the_relay_decided_is_decided_again(town: Town) -> None:
    """By an override, by consent, and withheld because consent was withdrawn: each is the same."""
    assert town.receipt("red_by_a_recorded_override", "wiltshire_police").outcome.relied == "override"
    assert town.receipt("amber_with_consent", "wiltshire_police").outcome.relied == "consent"
    withheld = town.receipt("consent_withdrawn_since", "wiltshire_police")
    assert (withheld.rule, len(withheld.standing)) == ("gate.contact-stage.no-consent-nor-override", 1)

    for name in every(town):
        result = town.hub("verify", name)
        assert (result.exit_code, result.stdout.splitlines()[-1].startswith("the same")) == (0, True), result.stdout


def test_it_is_the_same_after_the_policy_was_edited(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version that decided is on record since before it decided anything."""
    grant = town.catalog.policies["wiltshire_police"].hears["mash_referral"]
    narrow = grant.model_copy(update={"where": {"rag": ("blue",)}, "fields": ("contact_id",), "coarse": {}})
    edited = town.catalog.policies["wiltshire_police"].model_copy(
        update={"version": "e" * 16, "hears": {"mash_referral": narrow}}
    )
    today = replace(town.catalog, policies={**town.catalog.policies, "wiltshire_police": edited})
    monkeypatch.setattr(verbs, "sound", lambda: today)

    result = town.hub("verify", f"{town.ids['red_by_a_recorded_override']}/wiltshire_police")

    assert (result.exit_code, "the same" in result.stdout) == (0, True), result.stdout


def test_policies_are_put_on_record_once(town: Town) -> None:
    """Whoever starts next finds them there."""
    before = [stored.record.key for stored in read_topic(town.bootstrap, TOPIC)]

    assert sorted(before) == sorted(record.key for record in records_of(town.catalog, datetime.now(UTC)))
    assert publish_versions(town.catalog, town.bootstrap) == 0


def test_an_override_is_due_until_somebody_reviews_it(town: Town) -> None:
    """By name, with a finding, once."""
    name = f"{town.ids['red_by_a_recorded_override']}/wiltshire_police"
    due = json.loads(town.hub("reviews", "--json").stdout)
    assert sorted(one["agency"] for one in due) == ["mash_health", "wiltshire_police"]
    words = ("reviews", "record", name, "--by", "Ada Quill", "--finding", "justified", "--because", BECAUSE)

    assert town.hub(*words).exit_code == 0
    assert [one["agency"] for one in json.loads(town.hub("reviews", "--json").stdout)] == ["mash_health"]
    again = town.hub(*words)
    assert (again.exit_code, "--again" in again.stderr) == (1, True)
    consented = town.hub("reviews", "record", f"{town.ids['amber_with_consent']}/wiltshire_police", *words[3:])
    assert (consented.exit_code, "by an override" in consented.stderr) == (1, True)
    assert "1 to review, 0 overdue" in town.hub("reviews").stdout


def test_receipts_are_printed_in_words_and_as_json_that_verifies(town: Town, tmp_path: Path) -> None:
    """And what was changed in the file is told."""
    event = town.ids["consent_withdrawn_since"]
    shown = town.hub("receipts", "--event", event, "--agency", "wiltshire_police", "--fields").stdout
    assert "no agreement is recorded" in shown
    assert f"{event}/wiltshire_police" in shown
    assert "1 receipt\n" in shown
    for secret in ("Ferrars", "9990000034", "Q866400121012", "SN99"):
        assert secret not in shown

    said = json.loads(town.hub("receipts", "--event", event, "--json").stdout)
    path = tmp_path / "receipts.json"
    path.write_text(json.dumps(said), encoding="utf-8")
    assert town.hub("verify", str(path)).exit_code == 0
    said[0]["rule"] = "where.rag"
    path.write_text(json.dumps(said[0]), encoding="utf-8")
    result = town.hub("verify", str(path))
    assert result.exit_code == 1
    assert "differs  rule" in result.stdout
    assert "disclosures.v1 does not hold it, but another receipt" in result.stdout


def test_an_event_on_its_topic_is_explained_with_what_is_known_of_the_child(town: Town) -> None:
    """By its id, as a receipt names it."""
    told = [town.hub("explain", "wiltshire_police", "mash_referral", "--id", town.ids[name]).stdout
            for name in ("consent_withdrawn_since", "amber_with_consent")]  # fmt: skip

    assert "does not hear this" in told[0]
    assert re.match(r"lies on mash-referral\.v1, partition \d, offset \d+\n", told[0])
    assert "relied on: consent" in told[1]
    assert town.hub("explain", "wiltshire_police", "mash_referral", "--id", "0" * 32).exit_code == 1


def test_what_nobody_decided_cannot_be_said(town: Town) -> None:
    """Neither the same nor different."""
    result = town.hub("verify", f"{'0' * 32}/wiltshire_police")

    assert (result.exit_code, "cannot be said" in result.stdout, "the same" in result.stdout) == (3, True, False)
    assert town.hub("verify", "wiltshire_police").exit_code == 2


def test_a_tampered_receipt_on_the_topic_is_told_line_by_line(town: Town) -> None:
    """Though the true one lies beside it; the same one twice is only said."""
    true = town.receipt("amber_with_consent", "mash_health")
    fields = tuple(Verdict(one.path, "withheld", "not-granted") for one in true.outcome.fields)
    forged = true._replace(outcome=true.outcome._replace(relied="override", fields=fields), sent="0" * 64)
    codec = Codec(town.catalog.id_of(disclosure.TOPIC, disclosure.SCHEMA), disclosure.SCHEMA)
    name = f"{true.event}/{true.agency}"

    town.ledger.publish(list(disclosure.pages([true], codec)))
    twice = town.hub("verify", name)
    assert (twice.exit_code, "lies 2 times on disclosures.v1" in twice.stdout) == (0, True)

    town.ledger.publish(list(disclosure.pages([forged], codec)))
    result = town.hub("verify", name)
    assert result.exit_code == 1
    for line in ("differs  relied", "differs  SHA-256 of what was sent", "differs  child.surname"):
        assert line in result.stdout
    assert "2 receipts of that event and agency that are not alike" in result.stdout
