"""The hub's processes as a person starts them, and Kafka as they meet it: started, found, killed, brought down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.request import ProxyHandler, build_opener

from hub.settings import Settings
from hub.supervise import LEASH, announced
from tests.conftest import ROOT
from tests.flow.partners import until

READY_SECONDS = 60.0
STOP_SECONDS = 45.0
EVERY = ("gateway", "watches", "couriers.urgent", "couriers.routine", "relay.urgent", "relay.routine")


class Running:
    """
    `hub run` with *words* after it, in a process of its own, with settings of its own and no others.

    It is on the hub's own leash: should the tests be killed, it ends by itself.
    """

    verb: ClassVar[str] = "run"

    def __init__(self, state: Path, bootstrap: str, *words: str, **given: str) -> None:
        self.settings = Settings(state=state)
        self.log = state / "stderr.log"
        self._command = [sys.executable, "-m", "hub", self.verb, *words]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        self.environment = clean | {
            "HUB_STATE": str(state),
            "HUB_BOOTSTRAP_SERVERS": bootstrap,
            "HUB_HTTPS_PORT": "0",
            "HUB_MLLP_PORT": "0",
            "HUB_LOG": "json",
            "HUB_CANARY_SECONDS": "0",  # where a test counts what agencies hear, nothing else travels
            "HUB_DOOR_CHECK_SECONDS": "0",
            "PYTHONPATH": str(ROOT),
            **given,
        }
        state.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start; returns at once."""
        assert self.process is None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self.environment | {LEASH: "1"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self, *names: str) -> None:
        """Return once each of *names* has said that it is ready; fails with the log where one never does."""

        def all_ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            return all(self.pid(name) for name in names)

        try:
            until(all_ready, f"ready: {', '.join(names)}", READY_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()[-4000:]}") from None

    def pid(self, name: str) -> int:
        """The number of the process of that name, or 0 while none has said that it is ready, or none is there now."""
        told = announced(self.settings, name)
        number = int(str(told["pid"])) if told else 0
        return 0 if gone(number) else number

    def port(self, road: str, process: str = "gateway") -> int:
        """The port on which a *process* listens for *road*, such as `https`."""
        told = announced(self.settings, process)
        assert told is not None
        return int(told["ports"][road])  # type: ignore[index]  # written by announce()

    def kill(self, *names: str) -> None:
        """SIGKILL the processes of those names, or without any the one that was started here."""
        for number in [self.pid(name) for name in names] or [self.process.pid if self.process else 0]:
            assert number, "nothing there to kill"
            os.kill(number, signal.SIGKILL)

    def ended(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for its end, and return its exit code; it is killed, and the test fails, where it does not end."""
        assert self.process is not None
        process, self.process = self.process, None
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"did not end in {seconds:g} s\n{self.said()[-4000:]}") from None
        finally:
            assert process.stdin is not None
            process.stdin.close()

    def stop(self) -> int:
        """SIGTERM, and the exit code; nothing, and 0, where it does not run."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def said(self) -> str:
        """Everything it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


def hub(environment: Mapping[str, str], *words: str, seconds: float = 60.0) -> subprocess.CompletedProcess[bytes]:
    """One command of the hub's, to its end, with everything it printed."""
    command = [sys.executable, "-m", "hub", *words]
    return subprocess.run(command, cwd=ROOT, env=dict(environment), capture_output=True, timeout=seconds, check=False)


def answered(settings: Settings, process: str, path: str) -> str:
    """What a process that is ready answers on the port that it announced."""
    told = announced(settings, process)
    assert told is not None, f"{process} is not ready"
    with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{told['health']}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def gone(pid: int) -> bool:
    """Whether the process is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Stopped:
    """Kafka held with SIGSTOP for as long as the block lasts: it takes connections and answers nothing."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.seconds = 0.0

    def __enter__(self) -> Stopped:
        os.kill(self._pid, signal.SIGSTOP)
        self._since = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGCONT)
        self.seconds = time.monotonic() - self._since
