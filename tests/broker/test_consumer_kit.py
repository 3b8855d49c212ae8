"""A partner's kit on a real Kafka: what is handed over runs, and tools off the shelf read what partners are sent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from hub import topology
from hub.kit import kit
from hub.kit.connection import Places
from hub.kit.samples import CANARY, Sample, samples
from hub.transports.kafka import TopicWanted, ensure_topics
from hub.transports.tls import make_local_ca
from tests.broker.kafka_tools import CONSOLE_CONSUMER, command

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parent.parent.parent
SOON = 60.0
PLAIN = "plain.properties"
SECURITY = ("security.", "sasl.", "ssl.", "config.providers", "schema.registry.", "basic.auth.")
TAKEN_BACK = b'{"id":"taken back"}'


def write(folder: Path, made: dict[str, bytes]) -> None:
    """The kit, as the command writes it, and beside it settings for a Kafka without security."""
    for name, content in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for kind in ("kafka", "java"):
        said = (folder / f"{kind}-scram.properties").read_text(encoding="utf-8").splitlines()
        kept = [line for line in said if not line.startswith(SECURITY)]
        (folder / f"{kind}-{PLAIN}").write_text("\n".join(kept) + "\n", encoding="utf-8")


def publish(bootstrap: str, found: list[Sample], number: int = 0) -> None:
    """Put *found* on their topic as the relay does, in a transaction, after one that is taken back."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"tests-kit-{number}"})
    producer.init_transactions(SOON)
    producer.begin_transaction()
    producer.produce(found[0].topic, TAKEN_BACK, b"nobody", headers=[("ce_id", b"taken back")])
    producer.flush(SOON)
    producer.abort_transaction(SOON)
    producer.begin_transaction()
    for one in found:
        producer.produce(one.topic, one.value, one.key.encode(), headers=list(one.headers))
    producer.commit_transaction(SOON)


def ids(found: list[Sample]) -> list[str]:
    """The ids of what a partner works on: canaries are none of it."""
    return sorted(dict(one.headers)["ce_id"].decode() for one in found if one.name != CANARY)


class Partner:
    """One partner's folder, and what lies on its topic."""

    def __init__(self, bootstrap: str, catalog, agency: str, folder: Path, registry: str = "") -> None:
        wanted = [one for one in topology.topics(catalog) if one.name.endswith(f".to.{agency.replace('_', '-')}")]
        ensure_topics(bootstrap, [TopicWanted(one.name, one.partitions, 1, one.config(1)) for one in wanted])
        self.bootstrap, self.agency = bootstrap, agency
        self.folder, self.samples = folder, list(samples(catalog, agency))
        self.topic = self.samples[0].topic
        write(folder, kit(catalog, agency, Places(bootstrap, registry or Places().registry)))
        publish(bootstrap, self.samples)

    def read(self, count: int) -> list[list[str]]:
        """The first *count* lines that the kit's own consumer prints, each as its id and the rest; then Ctrl-C."""
        words = [sys.executable, "consumer.py", f"kafka-{PLAIN}"]
        with subprocess.Popen(words, cwd=self.folder, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            try:
                told = [running.stdout.readline().rstrip("\n").split(" ", 1) for _ in range(count)]
                self._await_commits()
                running.send_signal(signal.SIGINT)
                running.wait(SOON)
            finally:
                running.kill()  # else what went wrong here would wait for its end, for ever
            return told

    def _await_commits(self) -> None:
        """Until the group is behind the last record of each partition."""
        wanted = {one.partition(): one.offset() + 1 for one in lying(self.bootstrap, self.topic)}
        with Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"{self.agency}.reader"}) as group:
            deadline = time.monotonic() + SOON
            asked = [TopicPartition(self.topic, number) for number in wanted]
            while {one.partition: one.offset for one in group.committed(asked, timeout=SOON)} != wanted:
                assert time.monotonic() < deadline, "the consumer did not commit what it printed"
                time.sleep(0.05)


def lying(bootstrap: str, topic: str) -> list[Message]:
    """Every committed record of a topic."""
    asked = {"bootstrap.servers": bootstrap, "group.id": "tests-kit", "auto.offset.reset": "earliest"}
    found = []
    with Consumer(asked | {"enable.auto.commit": False, "enable.partition.eof": True}) as reader:
        partitions = set(reader.list_topics(topic, SOON).topics[topic].partitions)
        reader.assign([TopicPartition(topic, number, 0) for number in partitions])
        while partitions:
            record = reader.poll(SOON)
            assert record is not None
            if record.error():
                partitions.discard(record.partition())
            else:
                found.append(record)
    return found


@pytest.fixture(scope="module")
def police(empty_kafka: str, catalog, tmp_path_factory: pytest.TempPathFactory) -> Partner:
    """Who hears JSON."""
    return Partner(empty_kafka, catalog, "wiltshire_police", tmp_path_factory.mktemp("police"))


@contextmanager
def registry(state: Path) -> Iterator[int]:
    """`hub run registry`, in a process of its own; its port."""
    said = state / "run" / "registry.json"
    words = [sys.executable, "-m", "hub", "run", "registry"]
    with subprocess.Popen(words, cwd=ROOT, env=os.environ | {"HUB_STATE": str(state), "HUB_REGISTRY_PORT": "0"}) as one:
        try:
            deadline = time.monotonic() + SOON
            while not said.exists():
                assert one.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield json.loads(said.read_text(encoding="utf-8"))["ports"]["https"]
        finally:
            one.terminate()
            assert one.wait(SOON) == 0


def test_ten_lines_read_json_as_handed_over_skip_canaries_and_read_nothing_twice(
    empty_kafka: str, police: Partner
) -> None:
    """Everything committed comes once, nothing that was taken back does; the next run goes on behind it."""
    told = police.read(len(police.samples) - 1)

    assert sorted(name for name, _ in told) == ids(police.samples)
    publish(empty_kafka, police.samples[:1], 1)
    assert [name for name, _ in police.read(1)] == ids(police.samples[:1])


def test_ten_lines_read_avro_as_handed_over_by_the_hubs_own_registry(empty_kafka: str, catalog, tmp_path: Path) -> None:
    """With `hub run registry` beside it, by TLS, and the partner's token in its own file."""
    state = tmp_path / "state"
    with registry(state) as port:
        partner = Partner(empty_kafka, catalog, "mash_health", tmp_path / "kit", f"https://127.0.0.1:{port}")
        token = (state / "secrets" / "mash_health.token").read_text(encoding="ascii")
        secret = partner.folder / "secrets" / "registry.properties"
        secret.write_text(f"basic.auth.user.info=mash_health:{token}\n", encoding="ascii")
        shutil.copy(state / "tls" / "ca.pem", partner.folder / "ca.pem")

        told = partner.read(len(partner.samples) - 1)

    assert sorted(name for name, _ in told) == ids(partner.samples)
    says = {dict(one.headers)["ce_id"].decode(): catalog.lock.codec(one.value).decode(one.value)
            for one in partner.samples}  # fmt: skip
    assert dict(told) == {name: str(says[name]) for name, _ in told}


def test_kcat_reads_values_keys_and_headers_by_the_kits_settings(police: Partner) -> None:
    kcat = os.environ.get("HUB_TEST_KCAT") or shutil.which("kcat")
    if not kcat:
        pytest.skip("kcat is not here: apt-get install kcat, or name it in HUB_TEST_KCAT")
    words = [kcat, "-q", "-F", f"kafka-{PLAIN}", "-C", "-t", police.topic, "-o", "beginning", "-e", "-J"]

    ran = subprocess.run(words, cwd=police.folder, capture_output=True, text=True, check=True, timeout=SOON)

    read = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {(one["key"], one["payload"]) for one in read} == {(one.key, one.value.decode()) for one in police.samples}
    headers = {tuple(one["headers"]) for one in read}
    assert headers == {tuple(part for name, value in one.headers for part in (name, value.decode()))
                       for one in police.samples}  # fmt: skip


def test_javas_console_consumer_reads_json_by_the_kits_settings(police: Partner, tmp_path: Path) -> None:
    own = (police.folder / f"java-{PLAIN}").read_text(encoding="utf-8").replace("police.reader", "police.console")
    (police.folder / "java-console.properties").write_text(own, encoding="utf-8")
    many = len(lying(police.bootstrap, police.topic))
    words = command(tmp_path, CONSOLE_CONSUMER)
    words += ["--bootstrap-server", police.bootstrap, "--topic", police.topic, "--max-messages", str(many)]
    words += ["--command-config", "java-console.properties"]
    words += ["--timeout-ms", "30000", "--formatter-property", "print.headers=true"]
    words += ["--formatter-property", "headers.separator=;"]

    ran = subprocess.run(words, cwd=police.folder, capture_output=True, text=True, check=True, timeout=SOON * 2)

    told = [line.split("\t", 1) for line in ran.stdout.splitlines()]
    assert {value for _, value in told} == {one.value.decode() for one in police.samples}
    assert all("ce_specversion:1.0" in headers for headers, _ in told)
    assert sum("ce_hubsynthetic:true" in headers for headers, _ in told) == 1


def test_java_takes_every_setting_for_a_secured_cluster(police: Partner, tmp_path: Path) -> None:
    """It reads the password's file, and gets as far as the handshake, which a broker without security breaks off."""
    local = make_local_ca(tmp_path / "tls")
    shutil.copy(local.ca, police.folder / "ca.pem")
    pair = local.client_key.read_text(encoding="ascii") + local.client_cert.read_text(encoding="ascii")
    (police.folder / "secrets" / "client.pem").write_text(pair, encoding="ascii")
    (police.folder / "secrets" / "kafka.properties").write_text("sasl.password=not this one\n", encoding="ascii")
    for name in ("java-scram.properties", "java-mtls.properties"):
        words = command(tmp_path, CONSOLE_CONSUMER)
        words += ["--bootstrap-server", police.bootstrap, "--topic", police.topic, "--command-config", name]
        words += ["--timeout-ms", "2000"]

        ran = subprocess.run(words, cwd=police.folder, capture_output=True, text=True, check=False, timeout=SOON)

        told = ran.stdout + ran.stderr
        assert "ConfigException" not in told
        assert "not this one" not in told
        assert "SslAuthenticationException" in told or "TimeoutException" in told
