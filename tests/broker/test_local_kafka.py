"""The local Kafka: starts where it can, says what to do where it cannot, keeps what it was given, leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest

from hub import kafka_jars
from hub.envelope import Record
from hub.errors import TransportError
from hub.local_kafka import LocalKafka
from hub.transports.kafka import Committer, TopicWanted, cluster, ensure_topics, read_topic

pytestmark = pytest.mark.broker


@pytest.fixture
def local(kafka: str, tmp_path: Path) -> Iterator[LocalKafka]:
    """A Kafka of the test's own, not started, in a folder whose name is awkward; gone afterwards."""
    local = LocalKafka(tmp_path / "a folder, of Zoë's: 100% #1")
    try:
        yield local
    finally:
        local.down(patience=2)


def process(local: LocalKafka, node: int = 1) -> int:
    """The process number of one node."""
    return int(json.loads((local.folder / f"node-{node}" / "process.json").read_bytes())["number"])


def gone(number: int) -> bool:
    """Whether neither a process of that number nor a thread of it runs; one nobody has waited for does not run."""
    try:
        fields = Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()
    except FileNotFoundError:
        return True
    return fields[0] == b"Z" and int(fields[17]) <= 1


def test_up_twice_is_the_same_kafka(local: LocalKafka) -> None:
    """A second `up`, of this object or of another one, starts nothing and names the same servers."""
    first = local.up(quick=True)
    number = process(local)
    again = LocalKafka(local.folder.parent).up()
    assert (again, process(local)) == (first, number)
    assert local.status()[:3] == (1, 1, first)


def test_down_leaves_no_process(local: LocalKafka) -> None:
    """After `down` the broker is gone and its port is free; a second `down` is no error."""
    bootstrap = local.up(quick=True)
    number = process(local)
    local.down()
    assert gone(number)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(bootstrap.rpartition(":")[2])))
    local.down()
    assert local.status().running == 0


def test_down_without_up_is_no_error(tmp_path: Path) -> None:
    """Where nothing was ever started, `down` does nothing and makes no folder."""
    local = LocalKafka(tmp_path / "nothing")
    local.down()
    assert not local.folder.exists()


def test_a_kafka_of_somebody_else_on_9092_is_left_alone(local: LocalKafka) -> None:
    """Ours starts beside whatever holds Kafka's usual port."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 9092))
            other.listen()
        except OSError:
            pass  # somebody holds it already: that is the case which is tested
        assert not local.up(quick=True).endswith(":9092")


def test_a_port_that_was_taken_meanwhile_is_changed(local: LocalKafka) -> None:
    """Where its last port is taken at the next start it finds another, and still holds its data."""
    first = local.up(quick=True)
    ensure_topics(first, [TopicWanted("kept.v1", 1, 1, {})])
    local.down()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(first.rpartition(":")[2])))
        other.listen()
        second = local.up(quick=True)
    assert second != first
    assert list(read_topic(second, "kept.v1")) == []


def test_a_killed_broker_comes_back_with_all_that_was_acknowledged(local: LocalKafka) -> None:
    """Kill -9 of the broker while callers commit: after `up` each acknowledged record is there, as it was sent."""
    bootstrap = local.up(quick=True)
    ensure_topics(bootstrap, [TopicWanted("events.v1", 2, 1, {})])
    with closing(Committer(bootstrap, "killed", patience=60)) as committer:
        asked: list[Future[None]] = []
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set() and len(asked) < 5000:
                number = str(len(asked)).encode()
                asked.append(committer.enqueue([Record("events.v1", number, number, ())]))
                time.sleep(0.001)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            asked_before = 200
            while len(asked) < asked_before or not asked[asked_before // 2].done():
                time.sleep(0.01)
            number = process(local)
            os.kill(number, signal.SIGKILL)
            while not gone(number):
                time.sleep(0.01)
            assert local.status().running == 0
            assert local.up(quick=True) == bootstrap
        finally:
            stop.set()
            writer.join()
        for future in asked:
            future.result(60)
    found = {stored.record.value for stored in read_topic(bootstrap, "events.v1")}
    assert found == {str(number).encode() for number in range(len(asked))}


def test_a_recycled_process_number_is_never_killed(local: LocalKafka) -> None:
    """A note whose number belongs to a process that began at another time names nobody: that process lives on."""
    local.up(quick=True)
    local.down()
    with subprocess.Popen(["sleep", "60"]) as innocent:
        note = local.folder / "node-1" / "process.json"
        note.write_text(json.dumps({"number": innocent.pid, "began": "another boot 1"}))
        assert local.status().running == 0
        local.down(patience=0)
        assert innocent.poll() is None
        innocent.kill()


@pytest.mark.slow
def test_three_nodes_survive_the_loss_of_one(local: LocalKafka) -> None:
    """Three nodes keep three copies; with one killed, writing and reading go on, and `up` brings it back."""
    bootstrap = local.up(3, quick=True)
    assert cluster(bootstrap).brokers == 3
    ensure_topics(bootstrap, [TopicWanted("events.v1", 3, 3, {})])
    with closing(Committer(bootstrap, "three", patience=60)) as committer:
        committer.enqueue([Record("events.v1", b"1", b"before", ())]).result(60)
        os.kill(process(local, 2), signal.SIGKILL)
        committer.enqueue([Record("events.v1", b"2", b"meanwhile", ())]).result(60)
        numbers = process(local, 1), process(local, 3)
        assert local.up(quick=True) == bootstrap
        assert (process(local, 1), process(local, 3)) == numbers
    assert sorted(stored.record.value or b"" for stored in read_topic(bootstrap, "events.v1")) == [
        b"before",
        b"meanwhile",
    ]
    assert local.status().running == 3
    numbers = tuple(process(local, node) for node in (1, 2, 3))
    local.down()
    assert all(gone(number) for number in numbers)


def test_one_node_is_not_made_three(local: LocalKafka) -> None:
    """Data of one node are not those of three: `up` refuses, and says what to remove."""
    local.up(quick=True)
    with pytest.raises(TransportError, match="remove"):
        local.up(3)


def test_without_java_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Java: the error names the package, and the setting that does without."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(TransportError, match=r"openjdk-17-jre-headless.*HUB_BOOTSTRAP_SERVERS"):
        LocalKafka(tmp_path).up()


def test_without_maven_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No jars in the cache and no Maven: the error names the package, and nothing half-made is left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(TransportError, match=r"apt-get install maven.*HUB_BOOTSTRAP_SERVERS"):
        kafka_jars.fetch(kafka_jars.pinned(), tmp_path / "state", lambda step: None)
    assert [path.name for path in (tmp_path / "cache" / "sharing-hub" / "kafka").iterdir()] == ["lock"]


def test_jars_that_cannot_be_fetched_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maven fails: the error says so, and the next attempt begins anew."""
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text('#!/bin/sh\necho "[ERROR] nothing in reach"\nexit 1\n')
    maven.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.environ['PATH']}")
    with pytest.raises(TransportError, match="nothing in reach"):
        kafka_jars.fetch(kafka_jars.pinned(), tmp_path / "state", lambda step: None)
    assert [path.name for path in (tmp_path / "cache" / "sharing-hub" / "kafka").iterdir()] == ["lock"]


def test_two_that_need_the_jars_fetch_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once: one fetches, the other waits, both get the same whole folder, here without a user's cache."""
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(
        '#!/bin/sh\necho fetched >>"$(dirname "$0")/calls"\nsleep 0.3\n'
        'for word; do case "$word" in -DoutputDirectory=*) touch "${word#*=}/kafka_2.13.jar";; esac; done\n'
    )
    maven.chmod(0o755)
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.environ['PATH']}")
    places: list[Path] = []

    def fetch() -> None:
        places.append(kafka_jars.fetch(kafka_jars.pinned(), tmp_path / "state", lambda step: None))

    both = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(set(places)) == 1
    assert (places[0] / "kafka_2.13.jar").exists()
    assert (maven.parent / "calls").read_text() == "fetched\n"
