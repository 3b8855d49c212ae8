"""
Burrow and the ZooKeeper that it wants, from Debian's packages, in processes of a test's own, and what Burrow answers.

Burrow 1.2.1 is of 2019: its client speaks versions of the protocol that brokers of Kafka 4 have forgotten (KIP-896), so
that beside one of those it knows no topic's end and no group.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.flow.partners import until

BINARY = shutil.which("Burrow") or shutil.which("burrow") or ""
ZOOKEEPER = Path("/usr/share/zookeeper/bin/zkServer.sh")
START_SECONDS = 60.0
CONFIG = """
[general]
pidfile="{folder}/burrow.pid"
[logging]
filename="{folder}/burrow.log"
level="warn"
[zookeeper]
servers=["127.0.0.1:{zookeeper}"]
root-path="/burrow"
timeout=30
[client-profile.test]
client-id="burrow"
kafka-version="2.0.0"
[cluster.local]
class-name="kafka"
servers=["{bootstrap}"]
client-profile="test"
topic-refresh=2
offset-refresh=1
[consumer.local]
class-name="kafka"
cluster="local"
servers=["{bootstrap}"]
client-profile="test"
[evaluator.default]
class-name="caching"
expire-cache=1
[httpserver.default]
address="127.0.0.1:{port}"
[storage.default]
class-name="inmemory"
intervals=15
min-distance=0
"""


class Status(NamedTuple):
    """What Burrow says of one group: how far behind it is, None where it knows no such group, and how it fares."""

    lag: int | None
    word: str


class Burrow:
    """A Burrow that runs, by its answers."""

    def __init__(self, address: str) -> None:
        self._address = f"{address}/v3/kafka/local"

    def ends(self, topic: str) -> list[int]:
        """Where each partition of a topic ends, as far as it has looked; empty where it does not know the topic."""
        return list(self._asked(f"topic/{topic}").get("offsets", ()))

    def groups(self) -> frozenset[str]:
        """The groups of which it knows."""
        return frozenset(self._asked("consumer").get("consumers", ()))

    def status(self, group: str) -> Status:
        """What it says of a group."""
        said = self._asked(f"consumer/{group}/lag").get("status")
        if not said or not said["partitions"]:
            return Status(None, said["status"] if said else "knows no such group")
        return Status(sum(one["current_lag"] for one in said["partitions"]), said["status"])

    def _asked(self, path: str) -> Mapping[str, Any]:
        try:
            with urllib.request.urlopen(f"{self._address}/{path}", timeout=5) as answer:  # noqa: S310  loopback
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return {}


@contextmanager
def burrow(bootstrap: str, folder: Path) -> Iterator[Burrow]:
    """Burrow and its ZooKeeper on free ports; the topic of groups' offsets must be there before, or it gives up."""
    zookeeper, port = _free_port(), _free_port()
    (folder / "zoo.cfg").write_text(
        f"dataDir={folder}/zookeeper\nclientPort={zookeeper}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
    )
    (folder / "burrow.toml").write_text(
        CONFIG.format(folder=folder, zookeeper=zookeeper, port=port, bootstrap=bootstrap)
    )
    keeper = [str(ZOOKEEPER), "start-foreground", str(folder / "zoo.cfg")]
    with _running(keeper, folder / "zookeeper.out", ZOO_LOG_DIR=str(folder)):
        until(lambda: b"Mode" in _srvr(zookeeper), "ZooKeeper", START_SECONDS, 0.2)
        with _running([BINARY, "--config-dir", str(folder)], folder / "burrow.out"):
            until(lambda: _open(port), "Burrow", START_SECONDS, 0.2)
            yield Burrow(f"http://127.0.0.1:{port}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def _running(command: list[str], log: Path, **more: str) -> Iterator[None]:
    """A process, ended afterwards; what it said is in the failure of whoever waited for it."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | more)
        try:
            yield
        except AssertionError as error:
            error.add_note(log.read_text(encoding="utf-8", errors="replace")[-2000:])
            raise
        finally:
            process.terminate()
            process.wait(20)


def _open(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _srvr(port: int) -> bytes:
    """What ZooKeeper says of itself, once it serves."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
            one.sendall(b"srvr")
            return one.recv(4096)
    except OSError:
        return b""
