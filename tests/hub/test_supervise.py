"""Supervision: what dies is started again, what is asked to stop stops, and nothing outlives the hub."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub import supervise
from hub.errors import TransportError
from hub.settings import Settings
from hub.supervise import Supervisor, announce, announced, last_said

ROOT = Path(__file__).parents[2]

CHILD = """
import os, signal, sys, threading
from hub.settings import Settings
from hub.supervise import LEASH, announce, on_stop

settings, name = Settings(), sys.argv[4]
stop = threading.Event()
on_stop(stop.set)
started = settings.path("started", name)
started.parent.mkdir(parents=True, exist_ok=True)
with started.open("a") as file:
    file.write(f"{os.getpid()} {LEASH in os.environ}\\n")
if name == "dies" and started.read_text().count("\\n") < 3:
    sys.exit(3)
if name == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if name != "mute":
    announce(settings, name, ports={"one": 1})
while name == "deaf":
    signal.pause()
stop.wait()
"""

PARENT = """
import sys
from hub.settings import Settings
from hub.supervise import Supervisor, on_stop

supervisor = Supervisor(Settings(), [(name,) for name in sys.argv[2:]])
sys.executable = sys.argv[1]
on_stop(supervisor.stop)
supervisor.start()
supervisor.run()
"""


def until(holds: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.01)


def alive(number: int) -> bool:
    """Whether a process runs; one that is dead and only waits to be counted does not."""
    try:
        os.kill(number, 0)
        status = Path(f"/proc/{number}/stat")
        return not status.exists() or status.read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture
def program(tmp_path) -> Path:
    """What is started in place of Python, and calls itself by the process's name."""
    (tmp_path / "child.py").write_text(CHILD, encoding="utf-8")
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/child.py" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Iterator[Settings]:
    """Settings of a state folder of this test's own; whatever was started from it is gone afterwards."""
    monkeypatch.setenv("HUB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    settings = Settings()
    yield settings
    for number in [number for numbers in started(settings).values() for number in numbers if alive(number)]:
        os.kill(number, signal.SIGKILL)


@pytest.fixture
def supervisor(settings, program, monkeypatch) -> Iterator[Callable[..., Supervisor]]:
    """A function that supervises processes of the names given."""
    monkeypatch.setattr(sys, "executable", str(program))
    made = []

    def supervising(*names: str, log: Path | None = None) -> Supervisor:
        made.append(Supervisor(settings, [(name,) for name in names], log))
        return made[-1]

    yield supervising
    for one in made:
        one.end()


def started(settings: Settings) -> dict[str, list[int]]:
    """The numbers of the processes that were started, by name."""
    return {
        path.name: [int(line.split()[0]) for line in path.read_text(encoding="ascii").splitlines()]
        for path in settings.path("started").glob("*")
    }


def test_processes_are_ready_when_they_say_so(supervisor, settings):
    """Each announces itself, with what it has to say; who waits is told as they come."""
    running, told = supervisor("gateway", "relay"), []
    running.start()

    running.wait_ready(30, told.append)

    assert sorted(told) == ["gateway", "relay"]
    assert announced(settings, "gateway") == {"pid": started(settings)["gateway"][0], "ports": {"one": 1}}
    assert announced(settings, "nobody") is None


def test_what_does_not_get_ready_is_named(supervisor, settings, tmp_path):
    """With where to look; and nothing else is, once it is ready."""
    running = supervisor("gateway", "mute", log=tmp_path / "logs" / "run.log")
    running.start()
    until(lambda: announced(settings, "gateway"), "the one that gets ready")

    with pytest.raises(TransportError, match=r"^mute did not get ready in 1 s; see .*run\.log$"):
        running.wait_ready(1)


def test_a_process_that_dies_is_started_again(supervisor, settings, caplog):
    """As often as it dies; its neighbour is left alone, and the log says which one died, and how."""
    running = supervisor("dies", "relay")
    running.start()

    with caplog.at_level("INFO", "hub.run"):
        running.wait_ready(60)

    assert len(started(settings)["dies"]) == 3
    assert len(started(settings)["relay"]) == 1
    deaths = [record.hub_keys for record in caplog.records if record.getMessage().startswith("died")]
    assert [(keys["process"], keys["code"]) for keys in deaths] == [("dies", 3)] * 2
    assert 0 < deaths[0]["seconds"] < deaths[1]["seconds"]


def test_a_process_that_is_killed_is_started_again_and_not_taken_for_ready(supervisor, settings):
    """What it announced in its former life is forgotten."""
    running = supervisor("gateway")
    running.start()
    running.wait_ready(30)
    first = announced(settings, "gateway")["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: not alive(first), "the end of the first")

    until(lambda: running.look() or announced(settings, "gateway") not in (None, {"pid": first, "ports": {"one": 1}}),
          "the second")  # fmt: skip

    assert announced(settings, "gateway")["pid"] == started(settings)["gateway"][1]


def test_a_process_that_nobody_supervises_is_not_taken_for_ready_once_it_died(settings, program):
    """Nobody takes away what it announced, and what it said last can still be read; whoever comes after it is ready."""
    command = [str(program), "-m", "hub", "run", "gateway"]
    with subprocess.Popen(command) as alone:
        until(lambda: announced(settings, "gateway"), "readiness")
        alone.kill()
    assert announced(settings, "gateway") is None
    assert last_said(settings, "gateway") == {"pid": alone.pid, "ports": {"one": 1}}

    with subprocess.Popen(command) as after:
        until(lambda: announced(settings, "gateway"), "readiness")
        assert announced(settings, "gateway")["pid"] == after.pid
        after.kill()


def test_ending_asks_every_process_to_stop(supervisor, settings):
    """All are gone when it returns, and nothing says that they are ready."""
    running = supervisor("gateway", "relay")
    running.start()
    running.wait_ready(30)

    running.end()

    assert not any(alive(number) for numbers in started(settings).values() for number in numbers)
    assert announced(settings, "gateway") is None
    running.end()


def test_what_does_not_stop_is_killed(supervisor, settings, monkeypatch):
    """After its time."""
    monkeypatch.setattr(supervise, "STOP_SECONDS", 0.2)
    running = supervisor("deaf")
    running.start()
    running.wait_ready(30)

    running.end()

    assert not alive(started(settings)["deaf"][0])


def test_nothing_is_started_again_while_stopping(supervisor, settings):
    """A process that ends because it was asked to has not died."""
    running = supervisor("gateway")
    running.start()
    running.wait_ready(30)
    running.stop()
    os.kill(started(settings)["gateway"][0], signal.SIGTERM)
    until(lambda: not alive(started(settings)["gateway"][0]), "its end")

    running.run()

    assert len(started(settings)["gateway"]) == 1


def test_the_leash_is_not_handed_on(supervisor, settings):
    """A process's own children would otherwise read from the terminal and take its silence for the end."""
    running = supervisor("gateway")
    running.start()
    running.wait_ready(30)

    assert settings.path("started", "gateway").read_text(encoding="ascii").split()[1] == "False"


@pytest.fixture
def parent(settings, program, tmp_path) -> Iterator[subprocess.Popen[bytes]]:
    """`hub run` in a process of its own, with two processes below it that are ready."""
    (tmp_path / "parent.py").write_text(PARENT, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "parent.py"), str(program), "gateway", "relay"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        until(lambda: announced(settings, "gateway") and announced(settings, "relay"), "readiness")
        yield running
        running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all(number, parent, settings):
    """SIGTERM, and Ctrl-C, which reaches `hub run` alone."""
    parent.send_signal(number)

    assert parent.wait(30) == 0
    assert not any(alive(one) for numbers in started(settings).values() for one in numbers)


def test_no_process_outlives_a_hub_that_is_killed(parent, settings):
    """Kill -9 leaves nobody time to say anything: the leash is let go all the same, and its end is seen."""
    parent.kill()
    parent.wait(30)

    numbers = [number for numbers in started(settings).values() for number in numbers]
    assert len(numbers) == 2
    until(lambda: not any(alive(number) for number in numbers), "their end")


def test_an_announcement_appears_whole(settings):
    """Written aside and moved, so that nobody reads half of it; what is no announcement is none."""
    announce(settings, "relay.urgent", ports={"a": 1})
    settings.path("run", "odd.json").write_text("{", encoding="ascii")

    assert announced(settings, "relay.urgent") == {"pid": os.getpid(), "ports": {"a": 1}}
    assert announced(settings, "odd") is last_said(settings, "odd") is None
    assert json.loads(settings.path("run", "relay.urgent.json").read_text(encoding="utf-8"))["pid"] == os.getpid()
    assert {path.name for path in settings.path("run").iterdir()} == {"relay.urgent.json", "odd.json"}


def test_what_is_announced_anew_holds_as_well(settings):
    """As canaries do after each round; nobody who looks meanwhile takes them for dead."""
    announce(settings, "canaries", rounds=0)
    done, seen = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            seen.append(announced(settings, "canaries"))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(1, 200):
            announce(settings, "canaries", rounds=number)
    finally:
        done.set()
        looking.join()

    assert seen
    assert None not in seen
    assert announced(settings, "canaries") == {"pid": os.getpid(), "rounds": 199}


def test_a_process_is_called_by_its_words():
    """Options' names are left out."""
    assert Supervisor.name(("relay", "--lane", "urgent")) == "relay.urgent"
    assert Supervisor.name(("gateway",)) == "gateway"
