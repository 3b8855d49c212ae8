"""Supervision: the hub's processes started together, watched, started again, and stopped together."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from hub import readiness, systemd
from hub.errors import TransportError
from hub.log import note
from hub.patience import backoff
from hub.settings import Settings
from hub.stream import Lane

STOP_SECONDS = 30.0
LESS_PRESSING = 10  # as nice(1) counts: about a tenth of what another process gets where both want all they can have
LEASH = "HUB_LEASHED"
_held: dict[Path, int] = {}
"""What this process announced: each file stays open, and locked, for as long as the process lives."""


def on_stop(call: Callable[[], object]) -> None:
    """
    Have *call* made on SIGTERM and Ctrl-C, and, for a process that `hub run` started, when `hub run` itself is gone.

    The leash is a pipe on standard input that nobody writes to: it ends when its other end dies, however that was.
    """

    def told(_number: int, _frame: FrameType | None) -> None:
        call()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    if os.environ.pop(LEASH, ""):
        threading.Thread(target=_await_end, args=(call,), name="leash", daemon=True).start()


def _await_end(call: Callable[[], object]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    call()


def make_way(lane: Lane) -> None:
    """For a process of one lane: where processors are short, a backlog of registers waits for an alert."""
    if lane == "routine":
        os.nice(LESS_PRESSING)


def announce(settings: Settings, process: str, **said: object) -> None:
    """
    Say that *process* is ready, to systemd and, with its ports, in the state folder, where `hub run` looks.

    It holds for as long as this process lives: the kernel lets go of the lock whenever that ends, and however. A number
    and a start would not do: they mean nothing in another container, and systemd's `ProcSubset=` hides them.
    """
    if not _held:  # what was made until it was ready first stays: no need to look through all of it for garbage
        gc.collect()
        gc.freeze()
    readiness.OWN.has("start")
    path = settings.path("run", f"{process}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    with suppress(OSError):  # on a disk that knows no locks, where `announced` then takes it at its word
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.write(file, json.dumps({"pid": os.getpid(), **readiness.OWN.announced, **said}).encode())
    part.replace(path)
    before, _held[path] = _held.get(path), file
    if before is not None:
        os.close(before)
    systemd.ready(process)


def announced(settings: Settings, process: str) -> Mapping[str, object] | None:
    """What *process* said when it was ready; None while it is not, and once it is no more."""
    path = settings.path("run", f"{process}.json")
    try:
        while True:
            with path.open("rb") as file:
                if _lives(file.fileno()):
                    said: Mapping[str, object] = json.load(file)
                    return said
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return None  # else it was said anew meanwhile
    except (OSError, ValueError):
        return None


def last_said(settings: Settings, process: str) -> Mapping[str, object] | None:
    """What *process* said when it was ready the last time, whether or not it is there now; None where it never was."""
    try:
        said: Mapping[str, object] = json.loads(settings.path("run", f"{process}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said


def _lives(announcement: int) -> bool:
    """Whether somebody holds an announcement locked; so too where that cannot be known."""
    try:
        fcntl.flock(announcement, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


class Supervisor:
    """Runs `hub run PROCESS` for each of *processes*, again after a death, later and later while it keeps dying."""

    def __init__(self, settings: Settings, processes: Sequence[Sequence[str]], log: Path | None = None) -> None:
        self._settings = settings
        self._processes = [tuple(one) for one in processes]
        self._log = log
        self._running: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}
        self._failures: dict[tuple[str, ...], tuple[int, float]] = {}
        self._stopping = threading.Event()

    @staticmethod
    def name(process: Sequence[str]) -> str:
        """How a process is called in the state folder: `gateway`, `relay.urgent`."""
        return ".".join(word for word in process if not word.startswith("-"))

    def start(self) -> None:
        """Start every process; returns at once."""
        for process in self._processes:
            self._start(process)

    def _start(self, process: tuple[str, ...]) -> None:
        self._settings.path("run", f"{self.name(process)}.json").unlink(missing_ok=True)
        if (before := self._running.get(process)) is not None and before.stdin is not None:
            before.stdin.close()
        command = [sys.executable, "-m", "hub", "run", *process]
        with self._output() as output:
            self._running[process] = subprocess.Popen(  # noqa: S603  our own command, no shell
                command, stdin=subprocess.PIPE, stderr=output, env=os.environ | {LEASH: "1"}, start_new_session=True
            )

    @contextmanager
    def _output(self) -> Iterator[int | None]:
        if self._log is None:
            yield None
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as file:
            yield file.fileno()

    def wait_ready(self, patience: float, told: Callable[[str], None] = lambda _: None) -> None:
        """Return when every process has said that it is ready; raises TransportError where one did not in time."""
        waiting = [self.name(process) for process in self._processes]
        deadline = time.monotonic() + patience
        while waiting and not self._stopping.is_set():
            for name in [name for name in waiting if announced(self._settings, name) is not None]:
                waiting.remove(name)
                told(name)
            if waiting and time.monotonic() > deadline:
                where = f"; see {self._log}" if self._log else ""
                raise TransportError(f"{', '.join(waiting)} did not get ready in {patience:.0f} s{where}")
            self.look()
            self._stopping.wait(0.05)

    def run(self) -> None:
        """Watch until `stop` is called, then end every process."""
        while not self._stopping.wait(0.25):
            self.look()
        self.end()

    def look(self) -> None:
        """Start again what died, once its pause is over."""
        for process, running in list(self._running.items()):
            if running.poll() is None or self._stopping.is_set():
                continue
            failures, not_before = self._failures.get(process, (0, 0.0))
            now = time.monotonic()
            if not_before == 0.0:
                pause = backoff(failures + 1, lambda low, high: (low + min(high, 10.0)) / 2)
                note("run", "died; starting it again", process=self.name(process), code=running.returncode,
                     seconds=round(pause, 1))  # fmt: skip
                self._failures[process] = (failures + 1, now + pause)
            elif now >= not_before:
                self._failures[process] = (failures, 0.0)
                self._start(process)

    def stop(self) -> None:
        """End `run` soon; safe in a signal handler."""
        self._stopping.set()

    def end(self) -> None:
        """Ask every process to stop, and see that it does."""
        self._stopping.set()
        for running in self._running.values():
            if running.poll() is None:
                running.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process, running in self._running.items():
            try:
                running.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                note("run", "did not stop in time and was killed", process=self.name(process))
                running.kill()
                running.wait()
            if running.stdin is not None:
                running.stdin.close()
            self._settings.path("run", f"{self.name(process)}.json").unlink(missing_ok=True)
