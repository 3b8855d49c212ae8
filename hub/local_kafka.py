"""A Kafka on this machine: real Apache Kafka from its jars, started, asked after and stopped; for work and tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hub import kafka_jars, local_plan
from hub.errors import TransportError
from hub.local_node import Node, format_storage, why
from hub.local_plan import Plan
from hub.local_security import LocalSecurity
from hub.transports.kafka import cluster

Progress = Callable[[str], None]
"""Called with a short sentence at each step that takes time."""


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
            before, version = local_plan.read(self.folder), kafka_jars.version(self._pom)
            plan = (
                local_plan.begun(version, nodes, secure)
                if before is None
                else local_plan.gone_on(before, self.folder, version, nodes, secure)
            )
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
                if (plan := local_plan.read(self.folder)) is not None:
                    self._stop(plan, patience)

    def status(self) -> Status:
        """What is there, without waiting for anything."""
        plan = local_plan.read(self.folder)
        if plan is None:
            return Status(0, 0, "", kafka_jars.version(self._pom), self.folder)
        running = sum(1 for node in self._nodes(plan) if node.process.alive())
        return Status(running, plan.nodes, plan.bootstrap, plan.version, self.folder, plan.mutual)

    @contextmanager
    def _alone(self, progress: Progress) -> Iterator[None]:
        """Two that start or stop the same Kafka at once take turns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with kafka_jars.locked(self.folder / "lock", progress, "another process starts or stops this Kafka"):
            yield

    def _nodes(self, plan: Plan) -> list[Node]:
        return [Node(self.folder, number) for number in range(1, plan.nodes + 1)]

    def _with_free_ports(self, plan: Plan, *, anew: bool) -> Plan:
        """The ports that were used last where they are free; else others, for all, since each node names all others."""
        down = [plan.ports[node.number - 1] for node in self._nodes(plan) if not node.process.alive()]
        if anew or not all(port and local_plan.free(port) for ports in down for port in ports):
            self._stop(plan)
            taken = {port for ports in plan.ports for port in ports} if anew else set()
            plan = local_plan.moved(plan, self.folder, taken)
        local_plan.write(self.folder, plan)
        return plan

    def _start(self, plan: Plan, java: str, jars: Path, quick: bool, progress: Progress) -> list[Node]:
        """Start the nodes that do not run, formatting the storage of those that have none; returns which."""
        missing = [node for node in self._nodes(plan) if not node.process.alive()]
        if plan.secure:
            self.security.lay_out()
        unformatted = [node for node in missing if not node.is_formatted]
        for node in missing:
            node.lay_out(plan, jars)
        if unformatted:
            progress(f"formatting storage for {len(unformatted)} node(s)")
            format_storage(unformatted, plan, java, self.security)
        if missing:
            progress(f"starting Apache Kafka {plan.version}, {len(missing)} node(s)")
        for node in missing:
            node.start(java, quick=quick)
        return missing

    def _serves(self, plan: Plan, started: list[Node], deadline: float) -> bool:
        """Wait until every broker is in service; False where one died because a port was taken under it."""
        extra = self.security.administrator() if plan.secure else None
        while True:
            for node in started:
                if not node.process.alive():
                    words = node.last_words()
                    if b"already in use" in words:
                        return False
                    raise TransportError(
                        f"Kafka's node {node.number} stopped at start: {why(words)}; its log is {node.home}/server.log"
                    )
            try:
                seen = cluster(plan.bootstrap, extra, timeout=0.5)
            except TransportError:
                seen = None
            if seen is not None and seen.id == plan.cluster and seen.brokers == plan.nodes:
                return True
            if time.monotonic() > deadline:
                raise TransportError(f"Kafka does not serve yet; its log is {self._nodes(plan)[0].home}/server.log")
            time.sleep(0.05)

    def _stop(self, plan: Plan, patience: float = 15.0) -> None:
        processes = [node.process for node in self._nodes(plan)]
        for process in processes:
            process.ask_to_stop()
        deadline = time.monotonic() + patience
        for process in processes:
            process.see_off(deadline)
