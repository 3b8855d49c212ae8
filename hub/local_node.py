"""A node of a local Kafka: the files that it reads, its storage, its process; when it serves, others must say."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hub.daemon import Daemon
from hub.errors import TransportError
from hub.local_plan import Plan
from hub.local_security import FIRST_RIGHTS, OPEN, SECURED, LocalSecurity

_HEAP = ("-Xms256m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true")
_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

CHOICES = """\
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
"""What every node is told, but for who may reach it (`hub.local_security`)."""

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


class Node:
    """The node *number*, counted from 1, of the Kafka in *folder*."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.home = folder / f"node-{number}"
        self.process = Daemon(self.home / "process.json")

    @property
    def is_formatted(self) -> bool:
        """Whether it has storage."""
        return (self.home / "data").exists()

    def lay_out(self, plan: Plan, jars: Path) -> None:
        """Every path in the settings is relative to the node's folder: commas and spaces above it then do no harm."""
        self.home.mkdir(exist_ok=True)
        copies = min(3, plan.nodes)
        ports = plan.ports[self.number - 1]
        for name, data in (("server.properties", "data"), ("format.properties", "data.new")):
            text = (CHOICES + (SECURED if plan.secure else OPEN)).format(
                node=self.number,
                voters=",".join(f"{number}@127.0.0.1:{each[1]}" for number, each in enumerate(plan.ports, 1)),
                broker=ports[0],
                controller=ports[1],
                mutual=ports[-1],
                data=data,
                copies=copies,
                in_sync=max(1, copies - 1),
            )
            (self.home / name).write_text(text, encoding="ascii")
        (self.home / "log4j2.properties").write_text(_LOGGING, encoding="ascii")
        if (self.home / "server.log").exists():
            (self.home / "server.log").replace(self.home / "server.log.before")  # what it says now is of this start
        (self.home / "lib").unlink(missing_ok=True)
        (self.home / "lib").symlink_to(jars, target_is_directory=True)

    def start(self, java: str, *, quick: bool) -> None:
        """Start it; returns at once."""
        self.process.start([*_command(java, quick=quick), "kafka.Kafka", "server.properties"], self.home)

    def last_words(self) -> bytes:
        """The end of what it said since it was started."""
        said = b""
        for name in ("console.log", "server.log"):
            path = self.home / name
            if path.exists():
                said += path.read_bytes()[-8000:]
        return said


def format_storage(nodes: Sequence[Node], plan: Plan, java: str, security: LocalSecurity) -> None:
    """
    Give each of *nodes* its storage, all at once.

    Each is formatted in a folder of another name, so that a half-formatted one is never taken for storage. Raises
    `TransportError` where it fails.
    """
    arguments = [*_command(java, quick=True), "kafka.tools.StorageTool", "format", f"--cluster-id={plan.cluster}"]
    running = []
    for node in nodes:
        shutil.rmtree(node.home / "data.new", ignore_errors=True)
        more = [security.format_arguments(node.home)] if plan.secure else []
        running.append(
            subprocess.Popen(  # noqa: S603  our own words, no shell
                [*arguments, "--config=format.properties", *more],
                cwd=node.home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
    said = [(process.communicate()[0], process.returncode) for process in running]
    for node in nodes:
        (node.home / FIRST_RIGHTS).unlink(missing_ok=True)
    for node, (words, code) in zip(nodes, said, strict=True):
        if code != 0:
            raise TransportError(f"Kafka's storage could not be formatted: {why(words)}")
        (node.home / "data.new").rename(node.home / "data")


def _command(java: str, *, quick: bool) -> list[str]:
    """How Java is called in a node's folder; *quick* starts sooner, and is slower in the long run."""
    quickly = _QUICK if quick else ()
    return [java, *_HEAP, *quickly, "-Dlog4j2.configurationFile=log4j2.properties", "-cp", "lib/*"]


def why(words: bytes) -> str:
    """The line of what Java said that tells most: its errors, not its advice."""
    lines = [line.strip() for line in words.decode(errors="replace").splitlines() if line.strip()]
    if any("UnsupportedClassVersionError" in line for line in lines):
        return "this Java is older than 17; install a newer one: apt-get install openjdk-17-jre-headless"
    telling = [line for line in lines if "Exception" in line or "ERROR" in line or "Error" in line]
    return (telling or lines or ["it said nothing"])[-1][:300]
