"""The brokers that compose.yaml runs: their properties on real Kafka, with only hosts, ports and paths put in."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from hub import kafka_jars
from tests.kafka import or_skip

pytestmark = [pytest.mark.broker, pytest.mark.slow]

DEPLOY = Path(__file__).parents[2] / "deploy"
LISTENERS = {9091: "BROKERS", 9092: "SCRAM", 9093: "CONTROLLER", 9094: "PARTNERS", 9095: "MUTUAL"}
NODES = (1, 2, 3)
HEAP = ("-Xms128m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
PATIENCE = 90.0


class Brokers:
    """Three nodes under *folder*, started from the deployed properties; *ports* by node and deployed port."""

    def __init__(self, folder: Path, secrets: Path, java: str, jars: Path) -> None:
        self.secrets, self.running = secrets, list[subprocess.Popen[bytes]]()
        held = [socket.socket() for _ in range(len(NODES) * len(LISTENERS))]
        for one in held:
            one.bind(("127.0.0.1", 0))
        numbers = [one.getsockname()[1] for one in held]
        for one in held:
            one.close()
        self.ports = {(node, port): numbers.pop() for node in NODES for port in LISTENERS}
        command = [java, *HEAP, f"-Dlog4j2.configurationFile={DEPLOY}/kafka/log4j2.properties", "-cp", f"{jars}/*"]
        cluster = re.search(r"CLUSTER_ID: (\S+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
        assert cluster is not None
        for node in NODES:
            file = folder / f"{node}.properties"
            file.write_text(self.properties(node, folder), encoding="ascii")
            formatting = [*command, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
            formatting += [f"--cluster-id={cluster[1]}", f"--config={file}"]
            done = subprocess.run(formatting, capture_output=True, text=True, check=False, timeout=120)
            assert done.returncode == 0, done.stdout + done.stderr
            log = (folder / f"{node}.log").open("wb")
            self.running.append(
                subprocess.Popen([*command, "kafka.Kafka", str(file)], stdout=log, stderr=log, cwd=folder)
            )
            log.close()

    def properties(self, node: int, folder: Path) -> str:
        """What is deployed for *node*, on this machine."""
        text = (DEPLOY / "kafka" / "broker.properties").read_text(encoding="utf-8")
        text = text.replace("@NODE@", str(node))
        for inner, outer in ((9094, "1909"), (9095, "1919")):
            text = text.replace(f"@PUBLIC@:{outer}{node}", f"kafka-{node}:{inner}")
        text = re.sub(r"kafka-(\d):(\d+)", lambda m: f"127.0.0.1:{self.ports[int(m[1]), int(m[2])]}", text)
        text = re.sub(r"://:(\d+)", lambda m: f"://127.0.0.1:{self.ports[node, int(m[1])]}", text)
        text = text.replace("/var/lib/kafka/data", str(folder / f"data-{node}"))
        text = text.replace("/run/secrets/broker.pem", str(self.secrets / f"kafka-{node}.pem"))
        return text.replace("/run/secrets", str(self.secrets))

    def bootstrap(self, port: int) -> str:
        """The addresses of one listener."""
        return ",".join(f"127.0.0.1:{self.ports[node, port]}" for node in NODES)

    def by_certificate(self, port: int, name: str | None = "hub-admin") -> dict[str, str]:
        """What a client says that shows the certificate of *name*, or none."""
        said = {"bootstrap.servers": self.bootstrap(port), "security.protocol": "SSL", "log_level": "0"}
        said["ssl.ca.location"] = str(self.secrets / "kafka-ca.pem")
        if name is not None:
            said |= {f"ssl.{one}.location": str(self.secrets / f"{name}.pem") for one in ("certificate", "key")}
        return said

    def by_password(self, name: str, password: str, port: int = 9092) -> dict[str, str]:
        """What a process of the hub says, or a partner."""
        return self.by_certificate(port, None) | {
            "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": name, "sasl.password": password,
        }  # fmt: skip


@pytest.fixture(scope="module")
def brokers(tmp_path_factory):
    """The three, serving; skipped where no Java or no jars are to be had, as every test that needs Kafka."""
    folder = tmp_path_factory.mktemp("brokers")
    with or_skip():
        java, jars = kafka_jars.java(), kafka_jars.fetch(DEPLOY / "kafka" / "pom.xml", folder, lambda step: None)
    secrets = folder / "secrets"
    subprocess.run(["sh", str(DEPLOY / "secrets.sh"), str(secrets), "clinic"], check=True, capture_output=True)
    made = Brokers(folder, secrets, java, jars)
    try:
        admin, deadline = AdminClient(made.by_certificate(9091)), time.monotonic() + PATIENCE
        while True:
            for node, process in zip(NODES, made.running, strict=True):
                said = (folder / f"{node}.log").read_text(encoding="utf-8", errors="replace")
                assert process.poll() is None, said[-4000:]
            with suppress(KafkaException):
                if len(admin.list_topics(timeout=1).brokers) == len(NODES):
                    break
            assert time.monotonic() < deadline, (folder / "1.log").read_text(encoding="utf-8")[-4000:]
        yield made
    finally:
        for process in made.running:
            process.terminate()
        for process in made.running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def result(futures):
    """What one request came to."""
    (future,) = futures.values()
    return future.result(30)


def written(settings: dict[str, str], topic: str) -> KafkaError | None:
    """What became of one record."""
    came: list[KafkaError | None] = []
    producer = Producer(settings | {"message.timeout.ms": "8000"})
    producer.produce(topic, b"x", on_delivery=lambda error, _: came.append(error))
    producer.flush(20)
    return came[0] if came else KafkaError(KafkaError._TIMED_OUT)


def written_once_heard(settings: dict[str, str], topic: str) -> KafkaError | None:
    """What became of a record that a new ACL allows: a broker hears of one after the controller has answered."""
    until = time.monotonic() + 30
    while (error := written(settings, topic)) is not None and time.monotonic() < until:
        time.sleep(0.1)
    return error


def test_who_is_known_may_do_nothing_until_an_acl_says_so(brokers):
    """The first admin makes a topic by its certificate; a process's password opens the door, an ACL the topic."""
    admin, topic, name = AdminClient(brokers.by_certificate(9091)), f"t{uuid.uuid4().hex[:8]}", "hub-relay-urgent"
    password = (brokers.secrets / f"{name}.password").read_text(encoding="ascii")
    result(admin.create_topics([NewTopic(topic, 1, 3)]))
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    result(admin.alter_user_scram_credentials([UserScramCredentialUpsertion(name, info, password.encode())]))

    before = written(brokers.by_password(name, password), topic)
    result(admin.create_acls([_may_write(topic, name)]))
    after = written_once_heard(brokers.by_password(name, password), topic)
    outside = written(brokers.by_password(name, password, 9094), topic)
    wrong = written(brokers.by_password(name, "guessed"), topic)

    assert before is not None
    assert before.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert after is None
    assert outside is None
    assert wrong is not None


@pytest.mark.parametrize("port", [9091, 9093, 9095], ids=LISTENERS.get)
def test_without_a_certificate_nobody_comes_in(brokers, port):
    """Neither as a broker, nor as a controller, nor as a partner; the same client with one does."""
    with pytest.raises(KafkaException):
        AdminClient(brokers.by_certificate(port, None)).list_topics(timeout=3)
    if port != 9093:  # a controller's listener does not answer a client of brokers
        assert len(AdminClient(brokers.by_certificate(port)).list_topics(timeout=10).brokers) == 3


def test_a_partner_is_who_its_certificate_says(brokers):
    """Known by the name in it, it is denied what no ACL gives to that name, and reads what one does."""
    admin, topic = AdminClient(brokers.by_certificate(9091)), f"t{uuid.uuid4().hex[:8]}"
    result(admin.create_topics([NewTopic(topic, 1, 3)]))

    before = written(brokers.by_certificate(9095, "clinic"), topic)
    result(admin.create_acls([_may_write(topic, "clinic")]))
    after = written_once_heard(brokers.by_certificate(9095, "clinic"), topic)

    assert before is not None
    assert before.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert after is None


def _may_write(topic: str, name: str) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{name}", "*", AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )  # fmt: skip


def test_nothing_is_spoken_unencrypted(brokers):
    """On no listener."""
    for port in LISTENERS:
        plain = {"bootstrap.servers": brokers.bootstrap(port), "log_level": "0"}
        with pytest.raises(KafkaException):
            AdminClient(plain).list_topics(timeout=2)
