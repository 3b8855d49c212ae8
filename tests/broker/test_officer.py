"""An officer with a text editor changes a policy while the hub carries: what holds from when, nothing lost or twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer

from hub import cluster
from hub.avro import Codec
from hub.disclosure import SCHEMA, TOPIC, receipts_of
from hub.keys import Keys
from hub.settings import Settings
from hub.transports.kafka import producer_settings, read_topic
from tests.bench.events import demographics
from tests.hub.conftest import ROOT, House, furnish

pytestmark = pytest.mark.broker
SECRET = b"a secret for tests, of 32 bytes."
POLICY, AGENCY = "connectors/chis/policy.yaml", "connectors/chis/agency.yaml"
EXAMPLE = "connectors/social_care/examples/demographics/moved_school.csv"
PATIENCE = 40.0


def until(held, what: str):
    """Wait for a condition, and give what it gave."""
    deadline = time.monotonic() + PATIENCE
    while not (found := held()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


class Speaker:
    """Somebody who keeps saying that children moved, an event each few milliseconds, until told to stop."""

    def __init__(self, catalog, bootstrap: str) -> None:
        self._records = demographics(catalog, Keys(SECRET), 10**6)
        self._producer = Producer(producer_settings(bootstrap, None) | {"log_level": 0})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak)
        self.said: list[str] = []

    def __enter__(self) -> Speaker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.flush(10)

    def _speak(self) -> None:
        while not self._stop.wait(0.005):
            record = next(self._records)
            self._producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
            self._producer.poll(0)
            self.said.append(dict(record.headers)["ce_id"].decode())


@pytest.fixture
def at_work(tmp_path: Path, empty_kafka: str, catalog):
    """A house of its own with the project's catalog, and a relay that carries by it."""
    root = tmp_path / "the house"
    furnish(root, ROOT)
    (root / "secret").write_bytes(SECRET)
    house, environment = House(root), {"HUB_BOOTSTRAP_SERVERS": empty_kafka, "HUB_SECRET_FILE": str(root / "secret")}
    assert house.hub("sync", **environment).returncode == 0
    settings = Settings(state=root / ".state", bootstrap_servers=empty_kafka, secret_file=root / "secret")
    cluster.prepare(catalog, settings, empty_kafka)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    log = (root / "relay.log").open("w")
    relay = subprocess.Popen(
        [sys.executable, "-m", "hub", "run", "relay", "--lane", "routine"],
        cwd=root, env=clean | environment | {"PYTHONPATH": str(ROOT), "HUB_STATE": str(root / ".state")}, stderr=log,
    )  # fmt: skip
    try:
        until((root / ".state/run/relay.routine.json").exists, "the relay did not start")
        yield house, environment, relay, root / "relay.log"
    finally:
        relay.terminate()
        relay.wait(20)
        log.close()


def test_a_changed_policy_is_live_without_a_restart_and_no_event_is_lost_or_carried_twice(
    at_work, catalog, empty_kafka
):
    """Cut at once; disclosed more only after the preview, the difference and a second person's approval."""
    house, environment, relay, log = at_work
    stream = catalog.streams["child_demographics"]
    topic = stream.topic_to("chis")

    def heard():
        return [
            (stored.record, int.from_bytes(stored.record.value[1:5], "big"))
            for stored in read_topic(empty_kafka, topic)
        ]

    def lock():
        entries = [json.loads(line) for line in house.text("topics/schemas.lock").splitlines()]
        return next(one["id"] for one in reversed(entries) if one["subject"] == topic)

    def carried_by(schema_id: int) -> bool:
        return any(one == schema_id for _, one in heard())

    with Speaker(catalog, empty_kafka) as speaker:
        first = lock()
        until(lambda: carried_by(first), "nothing was carried")

        house.edit(POLICY, "      - child.sex\n", "")
        house.edit(AGENCY, "GENDER: child.sex", "GENDER: null")
        assert house.hub("sync", **environment).returncode == 0
        cut = lock()
        assert cut != first
        until(lambda: carried_by(cut), "the cut was not taken up")

        shutil.copytree(house.root / "connectors", house.root / "as it was", symlinks=True)
        house.edit(POLICY, "      - child.born\n", "      - child.born\n      - child.ethnicity\n")
        assert house.hub("check", **environment).returncode in (0, 1)  # what is derived is out of date until the sync
        preview = house.hub("preview", "chis", f"social_care/demographics={EXAMPLE}", **environment)
        assert preview.returncode == 0, preview.stderr
        assert "child.ethnicity" in preview.stdout
        difference = house.hub("policy", "diff", "as it was", **environment)
        assert difference.returncode == 1, difference.stdout + difference.stderr
        assert "child.ethnicity" in difference.stdout
        assert house.hub("sync", **environment).returncode == 0
        more = lock()
        until(lambda: "no second person approved" in log.read_text(), "the relay did not say why it waits")
        assert not carried_by(more)

        approved = house.hub("policy", "approve", "chis", "--by", "Ada Officer", "--second", "Ben Guardian",
                             "--because", "CHIS needs the ethnic group for the new programme.")  # fmt: skip
        assert approved.returncode == 0, approved.stderr
        assert house.hub("policy", "diff", "as it was", **environment).returncode == 0
        until(lambda: carried_by(more), "the approved change was not taken up")

    assert relay.poll() is None
    until(lambda: len(heard()) >= len(speaker.said), "events are missing")
    papers = Counter(dict(record.headers)["ce_id"] for record, _ in heard())
    assert len(papers) == len(speaker.said)
    assert set(papers.values()) == {1}
    codec = Codec(catalog.id_of(TOPIC, SCHEMA), SCHEMA)
    receipts = Counter(
        one.event for page in read_topic(empty_kafka, TOPIC) for one in receipts_of(page.record.value, codec)
    )
    assert receipts == Counter(speaker.said)
    by_partition: dict[int, list[int]] = {}
    for stored in read_topic(empty_kafka, topic):
        by_partition.setdefault(stored.partition, []).append(int.from_bytes(stored.record.value[1:5], "big"))
    assert all(ids == sorted(ids, key=(first, cut, more).index) for ids in by_partition.values())
