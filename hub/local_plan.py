"""The plan of a local Kafka: its nodes and ports, the same from one start to the next; nothing is started here."""

from __future__ import annotations

import json
import os
import socket
import uuid
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hub.errors import TransportError

PORTS = range(20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, and away from 9092, where somebody else's Kafka may be."""


@dataclass(frozen=True)
class Plan:
    """What was laid out, kept in `plan.json`."""

    cluster: str
    version: str
    ports: list[list[int]]  # for each node: the broker's, the controller's, and where secured the one by certificate
    secure: bool = False

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self.ports)

    @property
    def bootstrap(self) -> str:
        """Where clients that show a password, or nothing, find it."""
        return ",".join(f"127.0.0.1:{ports[0]}" for ports in self.ports)

    @property
    def mutual(self) -> str:
        """Where clients that show a certificate find a secured one; empty where it is open."""
        return ",".join(f"127.0.0.1:{ports[2]}" for ports in self.ports) if self.secure else ""


def read(folder: Path) -> Plan | None:
    """The plan that is kept in *folder*; None before the first start."""
    try:
        return Plan(**json.loads((folder / "plan.json").read_bytes()))
    except FileNotFoundError:
        return None


def write(folder: Path, plan: Plan) -> None:
    """Keep *plan* in *folder*, whole or not at all."""
    fresh = folder / "plan.json.new"
    fresh.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    fresh.replace(folder / "plan.json")


def begun(version: str, nodes: int | None, secure: bool | None) -> Plan:
    """A plan where there was none, without ports yet; raises `TransportError` for a number of nodes that is none."""
    if nodes not in (None, 1, 3):
        raise TransportError(f"a local Kafka has 1 node or 3, not {nodes}")
    identity = urlsafe_b64encode(b"\x4b" + uuid.uuid4().bytes[1:]).decode().rstrip("=")  # never opens with "-"
    ports = [[0, 0, 0] if secure else [0, 0]] * (nodes or 1)
    return Plan(identity, version, ports, bool(secure))


def gone_on(plan: Plan, folder: Path, version: str, nodes: int | None, secure: bool | None) -> Plan:
    """The same plan for today's *version*; raises `TransportError` where what is wanted is not what was laid out."""
    if nodes not in (None, plan.nodes):
        raise TransportError(
            f"the local Kafka has {plan.nodes} node(s), not {nodes}; "
            f"stop it and remove {folder} to begin anew, without what it holds"
        )
    if secure not in (None, plan.secure):
        raise TransportError(
            f"the local Kafka is {'secured' if plan.secure else 'open'}; stop it and remove {folder} to begin "
            "anew, without what it holds"
        )
    return replace(plan, version=version)


def moved(plan: Plan, folder: Path, avoid: Collection[int]) -> Plan:
    """The same on other ports, all of them free and none of *avoid*; raises `TransportError` where there are none."""
    start = zlib.crc32(os.fsencode(folder)) % len(PORTS)  # the same folder tends to get the same ports
    walk = (PORTS[(start + step) % len(PORTS)] for step in range(len(PORTS)))
    found = (port for port in walk if port not in avoid and free(port))
    try:
        return replace(plan, ports=[[next(found) for _ in before] for before in plan.ports])
    except (StopIteration, RuntimeError) as error:
        raise TransportError("no free port for Kafka on 127.0.0.1; see what takes them") from error


def free(port: int) -> bool:
    """Whether nobody listens on *port* of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: a closed connection is no neighbour
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
