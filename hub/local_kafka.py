"""A Kafka on this machine: real Apache Kafka from its jars, started, asked after and stopped; for work and tests."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import uuid
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from hub import kafka_jars
from hub.daemon import Daemon
from hub.errors import TransportError
from hub.local_security import FIRST_RIGHTS, OPEN, SECURED, LocalSecurity
from hub.transports.kafka import cluster

Progress = Callable[[str], None]
"""Called with a short sentence at each step that takes time."""

PORTS = range(20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, and away from 9092, where somebody else's Kafka may be."""

_HEAP = ("-Xms256m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true")
_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

_CHOICES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
log.dirs={data}
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=8
offsets.retention.minutes=43200
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=8
transaction.max.timeout.ms=900000
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=104857600
"""

_LOGGING = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = server.log
appender.file.filePattern = server.log.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
"""


@dataclass(frozen=True)
class _Plan:
    """What was laid out, kept in `plan.json`: it stays the same from one start to the next where ports allow."""

    cluster: str
    version: str
    ports: list[list[int]]  # for each node: the broker's, the controller's, and where secured the one by certificate
    secure: bool = False

    @property
    def nodes(self) -> int:
        return len(self.ports)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{ports[0]}" for ports in self.ports)

    @property
    def mutual(self) -> str:
        return ",".join(f"127.0.0.1:{ports[2]}" for ports in self.ports) if self.secure else ""


class Status(NamedTuple):
    """
    What is there: *running* of *nodes* are alive; *bootstrap* is empty before the first start.

    *mutual* is where a secured one takes clients by their certificate, empty where it is open.
    """

    running: int
    nodes: int
    bootstrap: str
    version: str
    folder: Path
    mutual: str = ""


class LocalKafka:
    """
    Apache Kafka in KRaft mode under *state*`/kafka`, of the version that *pom* pins.

    It outlives the process that started it, and its data outlive it: `down` and `up` again is a restart. Data of one
    node do not become data of three; remove the folder to begin anew.
    """

    def __init__(self, state: Path, pom: Path | None = None) -> None:
        self.folder = state.absolute() / "kafka"
        self._pom = pom or kafka_jars.pinned()
        self.security = LocalSecurity(self.folder / "security")

    def up(
        self,
        nodes: int | None = None,
        *,
        secure: bool | None = None,
        quick: bool = False,
        progress: Progress = lambda step: None,
        timeout: float = 60.0,
    ) -> str:
        """
        Start what does not run, wait until it serves, and return its bootstrap servers, such as `127.0.0.1:21345`.

        *nodes* is 1 or 3, each broker and controller in one; None means as many as there were, or 1. A *secure* one
        asks everybody who they are (`hub.local_security`); None means as it was, or open. *quick* starts a broker
        sooner and makes it slower in the long run: for tests. Raises `TransportError`, with what to do, where
        Java or Maven is missing, where the jars cannot be had, and where it does not serve in *timeout* seconds.
        """
        java = kafka_jars.java()
        with self._alone(progress):
            plan = self._plan(nodes, secure)
            jars = kafka_jars.fetch(self._pom, self.folder, progress)
            for attempt in range(4):
                plan = self._with_free_ports(plan, anew=attempt > 0)
                started = self._start(plan, java, jars, quick, progress)
                if self._serves(plan, started, time.monotonic() + timeout):
                    return plan.bootstrap
                progress("a port was taken meanwhile; starting again on others")
                self._stop(plan)
            raise TransportError("no free ports for Kafka on 127.0.0.1 after 4 attempts; see what takes them")

    def down(self, *, patience: float = 15.0) -> None:
        """Stop every node, kill after *patience* seconds, and return once none is left; nothing to stop is no error."""
        if self.folder.is_dir():
            with self._alone(lambda step: None):
                if (plan := self._read()) is not None:
                    self._stop(plan, patience)

    def status(self) -> Status:
        """What is there, without waiting for anything."""
        plan = self._read()
        if plan is None:
            return Status(0, 0, "", kafka_jars.version(self._pom), self.folder)
        running = sum(1 for node in range(1, plan.nodes + 1) if self._process(node).alive())
        return Status(running, plan.nodes, plan.bootstrap, plan.version, self.folder, plan.mutual)

    @contextmanager
    def _alone(self, progress: Progress) -> Iterator[None]:
        """Two that start or stop the same Kafka at once take turns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with kafka_jars.locked(self.folder / "lock", progress, "another process starts or stops this Kafka"):
            yield

    def _home(self, node: int) -> Path:
        return self.folder / f"node-{node}"

    def _process(self, node: int) -> Daemon:
        return Daemon(self._home(node) / "process.json")

    def _read(self) -> _Plan | None:
        try:
            return _Plan(**json.loads((self.folder / "plan.json").read_bytes()))
        except FileNotFoundError:
            return None

    def _write(self, plan: _Plan) -> None:
        fresh = self.folder / "plan.json.new"
        fresh.write_text(json.dumps(asdict(plan)), encoding="utf-8")
        fresh.replace(self.folder / "plan.json")

    def _plan(self, nodes: int | None, secure: bool | None) -> _Plan:
        plan = self._read()
        version = kafka_jars.version(self._pom)
        if plan is None:
            if nodes not in (None, 1, 3):
                raise TransportError(f"a local Kafka has 1 node or 3, not {nodes}")
            identity = urlsafe_b64encode(b"\x4b" + uuid.uuid4().bytes[1:]).decode().rstrip("=")  # never opens with "-"
            ports = [[0, 0, 0] if secure else [0, 0]] * (nodes or 1)
            return _Plan(identity, version, ports, bool(secure))
        if nodes not in (None, plan.nodes):
            raise TransportError(
                f"the local Kafka has {plan.nodes} node(s), not {nodes}; "
                f"stop it and remove {self.folder} to begin anew, without what it holds"
            )
        if secure not in (None, plan.secure):
            raise TransportError(
                f"the local Kafka is {'secured' if plan.secure else 'open'}; stop it and remove {self.folder} to begin "
                "anew, without what it holds"
            )
        return _Plan(plan.cluster, version, plan.ports, plan.secure)

    def _with_free_ports(self, plan: _Plan, *, anew: bool) -> _Plan:
        """The ports that were used last where they are free; else others, for all, since each node names all others."""
        down = [ports for node, ports in enumerate(plan.ports, 1) if not self._process(node).alive()]
        if not anew and all(port and _free(port) for ports in down for port in ports):
            self._write(plan)
            return plan
        self._stop(plan)
        start = zlib.crc32(os.fsencode(self.folder)) % len(PORTS)  # the same folder tends to get the same ports
        taken = {port for ports in plan.ports for port in ports} if anew else set()
        walk = (PORTS[(start + step) % len(PORTS)] for step in range(len(PORTS)))
        free = (port for port in walk if port not in taken and _free(port))
        try:
            ports = [[next(free) for _ in before] for before in plan.ports]
            plan = _Plan(plan.cluster, plan.version, ports, plan.secure)
        except (StopIteration, RuntimeError) as error:
            raise TransportError("no free port for Kafka on 127.0.0.1; see what takes them") from error
        self._write(plan)
        return plan

    def _start(self, plan: _Plan, java: str, jars: Path, quick: bool, progress: Progress) -> list[int]:
        """Start the nodes that do not run, formatting the storage of those that have none; returns which."""
        missing = [node for node in range(1, plan.nodes + 1) if not self._process(node).alive()]
        command = [java, *_HEAP, *(_QUICK if quick else ()), "-Dlog4j2.configurationFile=log4j2.properties"]
        command += ["-cp", "lib/*"]
        if plan.secure:
            self.security.lay_out()
        unformatted = [node for node in missing if not (self._home(node) / "data").exists()]
        for node in missing:
            self._lay_out(plan, node, jars)
        if unformatted:
            progress(f"formatting storage for {len(unformatted)} node(s)")
            self._format(plan, unformatted, [*command, *_QUICK])
        if missing:
            progress(f"starting Apache Kafka {plan.version}, {len(missing)} node(s)")
        for node in missing:
            self._process(node).start([*command, "kafka.Kafka", "server.properties"], self._home(node))
        return missing

    def _lay_out(self, plan: _Plan, node: int, jars: Path) -> None:
        """Every path in the settings is relative to the node's folder: commas and spaces above it then do no harm."""
        home = self._home(node)
        home.mkdir(exist_ok=True)
        copies = min(3, plan.nodes)
        for name, data in (("server.properties", "data"), ("format.properties", "data.new")):
            ports = plan.ports[node - 1]
            text = (_CHOICES + (SECURED if plan.secure else OPEN)).format(
                node=node,
                voters=",".join(f"{n}@127.0.0.1:{ports[1]}" for n, ports in enumerate(plan.ports, 1)),
                broker=ports[0],
                controller=ports[1],
                mutual=ports[-1],
                data=data,
                copies=copies,
                in_sync=max(1, copies - 1),
            )
            (home / name).write_text(text, encoding="ascii")
        (home / "log4j2.properties").write_text(_LOGGING, encoding="ascii")
        if (home / "server.log").exists():
            (home / "server.log").replace(home / "server.log.before")  # what it says now is of this start
        (home / "lib").unlink(missing_ok=True)
        (home / "lib").symlink_to(jars, target_is_directory=True)

    def _format(self, plan: _Plan, nodes: list[int], command: list[str]) -> None:
        """All at once; each into a folder of another name, so that a half-formatted one is never taken for storage."""
        arguments = [*command, "kafka.tools.StorageTool", "format", f"--cluster-id={plan.cluster}"]
        running = []
        for node in nodes:
            shutil.rmtree(self._home(node) / "data.new", ignore_errors=True)
            more = [self.security.format_arguments(self._home(node))] if plan.secure else []
            running.append(
                subprocess.Popen(  # noqa: S603  our own words, no shell
                    [*arguments, "--config=format.properties", *more],
                    cwd=self._home(node),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            )
        said = [(process.communicate()[0], process.returncode) for process in running]
        for node in nodes:
            (self._home(node) / FIRST_RIGHTS).unlink(missing_ok=True)
        for node, (words, code) in zip(nodes, said, strict=True):
            if code != 0:
                raise TransportError(f"Kafka's storage could not be formatted: {_why(words)}")
            (self._home(node) / "data.new").rename(self._home(node) / "data")

    def _serves(self, plan: _Plan, started: list[int], deadline: float) -> bool:
        """Wait until every broker is in service; False where one died because a port was taken under it."""
        extra = self.security.administrator() if plan.secure else None
        while True:
            for node in started:
                if not self._process(node).alive():
                    words = self._last_words(node)
                    if b"already in use" in words:
                        return False
                    raise TransportError(
                        f"Kafka's node {node} stopped at start: {_why(words)}; its log is {self._home(node)}/server.log"
                    )
            try:
                seen = cluster(plan.bootstrap, extra, timeout=0.5)
            except TransportError:
                seen = None
            if seen is not None and seen.id == plan.cluster and seen.brokers == plan.nodes:
                return True
            if time.monotonic() > deadline:
                raise TransportError(f"Kafka does not serve yet; its log is {self._home(1)}/server.log")
            time.sleep(0.05)

    def _last_words(self, node: int) -> bytes:
        said = b""
        for name in ("console.log", "server.log"):
            path = self._home(node) / name
            if path.exists():
                said += path.read_bytes()[-8000:]
        return said

    def _stop(self, plan: _Plan, patience: float = 15.0) -> None:
        processes = [self._process(node) for node in range(1, plan.nodes + 1)]
        for process in processes:
            process.ask_to_stop()
        deadline = time.monotonic() + patience
        for process in processes:
            process.see_off(deadline)


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: a closed connection is no neighbour
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _why(words: bytes) -> str:
    """The line of what Java said that tells most: its errors, not its advice."""
    lines = [line.strip() for line in words.decode(errors="replace").splitlines() if line.strip()]
    if any("UnsupportedClassVersionError" in line for line in lines):
        return "this Java is older than 17; install a newer one: apt-get install openjdk-17-jre-headless"
    telling = [line for line in lines if "Exception" in line or "ERROR" in line or "Error" in line]
    return (telling or lines or ["it said nothing"])[-1][:300]
