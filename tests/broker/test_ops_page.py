"""The page of ops on a real Kafka: what it shows is on record first, by the name that was checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import disclosure, handled
from hub.avro import Codec
from hub.catalog import Catalog
from hub.evidence import Ledger
from hub.handled import Handled
from hub.inquiry import Inquiries
from hub.keys import Keys
from hub.ops.web.ground import Ground
from hub.ops.web.works import Works
from hub.transports.kafka import read_topic
from tests.broker.test_quarantine import REFERRALS, Town
from tests.hub.decided import NOON, Day, example
from tests.ops.invented import NOW, Looked, calm
from tests.ops.serving import Served, TestDoor, served

pytestmark = pytest.mark.broker

WHY = "The sender asks what was wrong with its referral."


@pytest.fixture(scope="module")
def town(catalog: Catalog, keys: Keys, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A gateway on the cluster."""
    folder: Path = tmp_path_factory.mktemp("town")
    found = Town(catalog, keys, kafka, folder)
    yield found
    found.committer.close()
    found.follower.close()


@pytest.fixture(scope="module")
def page(catalog: Catalog, town: Town, kafka: str) -> Iterator[Served]:
    """The page, as `hub ops` makes it but for who calls and who looks."""
    ground = Ground(
        catalog=catalog, looking=Looked(calm(catalog)), door=TestDoor(), clock=lambda: NOW,
        quarantine=Works(town.ward, lambda: town.inbox), inquiries=Inquiries(Ledger(catalog, kafka)),
    )  # fmt: skip
    with served(ground) as found:
        yield found


def on_record(kafka: str, name: str) -> list[Handled]:
    """What was put on record under an id."""
    return [one for one in (handled.read(each.record) for each in read_topic(kafka, handled.TOPIC)) if one.item == name]


def test_an_item_is_shown_tried_and_taken_in_once_each_by_who_signed_in(page, town, kafka, monkeypatch):
    """The same item again is told as ended; of the message there is nothing in the audit."""
    item = town.refused(monkeypatch, town.referral())
    before = sum(1 for _ in read_topic(kafka, REFERRALS))

    shown = page.post(f"/quarantine/{item}/show", because=WHY)
    tried = page.post(f"/quarantine/{item}/replay", because=WHY, deed="try")
    taken = page.post(f"/quarantine/{item}/replay", because=WHY, deed="replay")
    again = page.post(f"/quarantine/{item}/replay", because=WHY, deed="replay")

    assert [one.status for one in (shown, tried, taken, again)] == [200, 200, 200, 409]
    assert "cont_contact_id" in shown.text
    assert "would be replayed, 1 events" in tried.text
    assert "replayed, 1 events" in taken.text
    assert "Ada Quill replayed it" in again.text
    assert [(one.action, one.by, one.because) for one in on_record(kafka, item)] == [
        ("shown", "Ada Quill", WHY), ("replayed", "Ada Quill", WHY),
    ]  # fmt: skip
    assert sum(1 for _ in read_topic(kafka, REFERRALS)) == before + 1


def test_who_was_told_is_found_by_pseudonym_and_on_record(page, catalog, keys, town, kafka):
    """By the key under which the child's events lie; by the event's id too; and so is a question without an answer."""
    day = Day(catalog, keys)
    said = example("amber_with_consent.event.json")
    record, receipts = day.record("mash_referral", said, "asked"), list(day.happens(said, "asked", NOON).values())
    schema_id = catalog.id_of(disclosure.TOPIC, disclosure.SCHEMA)
    ledger = Ledger(catalog, kafka)
    ledger.publish([record, *disclosure.pages(receipts, Codec(schema_id, disclosure.SCHEMA))])
    subject, event, nobody = record.key.decode(), receipts[0].event, "0" * 32

    answers = [page.post("/disclosures", "governance", subject=one, because=WHY) for one in (subject, event, nobody)]

    assert [one.status for one in answers] == [200, 200, 200]
    counts = [len(one.page.xpath("//article[@class='receipt']")) for one in answers]
    assert counts == [len(receipts), len(receipts), 0]
    for name in (subject, event, nobody):
        (one,) = on_record(kafka, name)
        assert (one.action, one.by, one.because, one.kept) == ("searched", "Bo Sample", WHY, disclosure.TOPIC)
