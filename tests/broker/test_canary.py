"""Canaries through the real relay on a real Kafka: no alarm where the gate is sound, and one where it is not."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub import cluster
from hub.canary.hatching import hearers
from hub.canary.tokens import TEXT
from hub.catalog import Catalog
from hub.envelope import is_synthetic
from hub.keys import Keys
from hub.relay import Relay
from hub.settings import Settings
from hub.supervise import announced
from hub.sync import as_synced
from hub.transports.kafka import read_topic
from tests.conftest import ROOT
from tests.flow.partners import until
from tests.flow.running import Running

pytestmark = pytest.mark.broker

SECRET = b"a secret for tests, of 32 bytes."


@dataclasses.dataclass
class World:
    """A Kafka with the catalog's topics, and where its processes keep what they have."""

    catalog: Catalog
    keys: Keys
    bootstrap: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of a process of the hub's."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return clean | {
            "HUB_STATE": str(self.folder),
            "HUB_BOOTSTRAP_SERVERS": self.bootstrap,
            "HUB_SECRET_FILE": str(self.folder / "secret"),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
        }

    @contextmanager
    def relaying(self, catalog: Catalog | None = None) -> Iterator[None]:
        """Both lanes at work in this process, on another catalog where one is given."""
        stop = threading.Event()
        relays = [Relay(catalog or self.catalog, self.keys, self.bootstrap, lane=lane) for lane in cluster.LANES]
        with ThreadPoolExecutor(len(relays)) as threads:
            work = [threads.submit(relay.run, stop) for relay in relays]
            try:
                yield
            finally:
                stop.set()
            for one in work:
                one.result(30)
        gc.unfreeze()  # what the relay does for itself is not for this process
        for relay in relays:
            vars(relay).clear()

    def canary(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`hub canary`, to its end."""
        command = [sys.executable, "-m", "hub", "canary", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def world(empty_kafka: str, tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, keys: Keys) -> World:
    """The session's broker with every topic."""
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "secret").write_bytes(SECRET)
    cluster.prepare(catalog, Settings(state=folder), empty_kafka)
    return World(catalog, keys, empty_kafka, folder)


def test_a_round_through_the_real_relay_has_no_alarm(world: World) -> None:
    """Every agency and stream has its line; canaries lie marked in the agencies' topics, and none stays for ever."""
    with world.relaying():
        ran = world.canary("--within", "30")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "each where it may be heard, and nowhere else" in ran.stdout
    assert not TEXT.search((ran.stdout + ran.stderr).encode())
    for stream in world.catalog.streams.values():
        assert stream.name in ran.stdout
        for agency in hearers(world.catalog, stream):
            heard = [one.record for one in read_topic(world.bootstrap, stream.topic_to(agency))]
            assert len(heard) > 2
            assert all(is_synthetic(record.headers) for record in heard)
        if world.catalog.keeping[stream.keep].compact:
            left = {one.record.key: one.record.value for one in read_topic(world.bootstrap, stream.topic)}
            assert len(left) > 5
            assert set(left.values()) == {None}


def test_a_leaky_relay_is_told_with_a_code(world: World) -> None:
    """A relay whose policy is not the one that was agreed: `hub canary` says which field, and exits with 1."""
    policy = world.catalog.policies["virtual_school"]
    grant = policy.hears["school_attendance"]
    wider = grant.model_copy(update={"fields": (*grant.fields, "pupil.forename")})
    policy = policy.model_copy(update={"hears": {**policy.hears, "school_attendance": wider}})
    leaky = dataclasses.replace(world.catalog, policies={**world.catalog.policies, "virtual_school": policy})
    with world.relaying(as_synced(leaky)):
        ran = world.canary("--within", "20")
    assert ran.returncode == 1
    assert "leak: virtual_school, school_attendance" in ran.stdout
    assert not TEXT.search((ran.stdout + ran.stderr).encode())


def test_the_process_makes_round_after_round(world: World) -> None:
    """It says in the state folder what the last one showed; without a relay, that everything is missing."""
    process = Running(world.folder / "running", world.bootstrap, "canaries", HUB_CANARY_SECONDS="1",
                      HUB_SECRET_FILE=str(world.folder / "secret"))  # fmt: skip
    told = lambda: announced(process.settings, "canaries") or {}  # noqa: E731
    try:
        with world.relaying():
            process.start()
            process.wait_ready("canaries")
            until(lambda: int(str(told().get("rounds", 0))) >= 1, "a round", 30)
            assert told()["alarms"] == {}
        until(lambda: told()["last"], "a round of which nothing comes", 30)
        before = told()["rounds"]
        until(lambda: told()["rounds"] != before, "another", 30)
        assert told()["last"], "what is wrong still is told again"
    finally:
        assert process.stop() == 0
    lines = [json.loads(line) for line in process.said().splitlines()]
    missing = [one for one in lines if one.get("code") == "canary.missing"]
    assert {one["level"] for one in missing} == {"error"}
    assert {(one["agency"], one["place"]) for one in missing} >= {("chis", "event")}
    assert not TEXT.search(process.said().encode())


def test_switched_off_it_sends_nothing(world: World) -> None:
    """With HUB_CANARY_SECONDS at 0 the process is there and does nothing."""
    process = Running(world.folder / "off", world.bootstrap, "canaries", HUB_CANARY_SECONDS="0")
    process.start()
    try:
        process.wait_ready("canaries")
    finally:
        assert process.stop() == 0
    assert "switched off" in process.said()
    assert '"round"' not in process.said()
