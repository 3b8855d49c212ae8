"""A Kafka in a container, for a machine with Docker and without Java, in the version that `deploy/kafka` pins."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hub.errors import TransportError
from hub.transports.kafka import cluster

PATIENCE = 120.0


def engine() -> str | None:
    """The docker command, where an engine answers it."""
    docker = shutil.which("docker")
    if docker is None:
        return None
    answer = subprocess.run([docker, "info"], capture_output=True, check=False, timeout=20)  # noqa: S603  our own words
    return docker if answer.returncode == 0 else None


def command(docker: str, name: str, version: str, port: int) -> list[str]:
    """One broker and controller in one container, advertised under the port that this machine reaches it by."""
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    words = [docker, "run", "--rm", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:9092"]
    for key, value in settings.items():
        words += ["--env", f"KAFKA_{key}={value}"]
    return [*words, f"apache/kafka:{version}"]


@contextmanager
def kafka(docker: str, version: str, told: Callable[[str], None]) -> Iterator[str]:
    """Start it, wait until it answers, yield its bootstrap address, and take it away again."""
    name = f"hub-demo-{os.getpid()}"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    told(f"starting apache/kafka:{version} with Docker")
    started = subprocess.run(  # noqa: S603  our own words
        command(docker, name, version, port), capture_output=True, text=True, check=False
    )
    if started.returncode != 0:
        last = started.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise TransportError(f"Docker did not start Kafka: {last[0]}")
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                cluster(f"127.0.0.1:{port}", timeout=2.0)
                break
            except TransportError:
                if time.monotonic() > deadline:
                    raise
        yield f"127.0.0.1:{port}"
    finally:
        subprocess.run([docker, "rm", "--force", name], check=False, capture_output=True)  # noqa: S603  our own words
