"""
Seeding: a defect put into a copy of the tree, and what the suite there says of it.

A defect is caught where pytest in the copy ends with *tests failed*, and at least one of them failed by itself. Tests
that cannot be collected, fixtures that break and copies that do not start are no catch: they would go red on anything.
The same tests in a copy without a defect must be green, or else a catch proves nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from .defect import Defect
from .inside import TOLD, TREE

ROOT = Path(__file__).parents[2]
COPIED = ("hub", "schemas", "connectors", "topics", "tests", "pyproject.toml")
LEFT = shutil.ignore_patterns("*.pyc.*")  # what another process is writing just now
PATIENCE, WITH_KAFKA = 180.0, 900.0  # seconds for one copy's tests
GREEN, RED = 0, 1  # pytest's exit codes: all passed, some failed


class Ran(NamedTuple):
    """What came of one copy: the tests that failed, or why that says nothing; *defect* None is the control."""

    defect: Defect | None
    tests: tuple[str, ...]
    failed: tuple[str, ...]
    fault: str
    seconds: float

    @property
    def caught(self) -> bool:
        """Whether the defect was noticed."""
        return bool(self.failed) and not self.fault


def stands(defect: Defect, root: Path = ROOT) -> int:
    """How often the defect's piece of source occurs in its file."""
    return (root / defect.file).read_text(encoding="utf-8").count(defect.old)


def seed(defect: Defect, root: Path) -> None:
    """Put the defect into the tree at *root*; raises ValueError where its piece does not stand there just once."""
    if stands(defect, root) != 1:
        raise ValueError(f"{defect.file} has the piece of {defect.name!r} {stands(defect, root)} times")
    path = root / defect.file
    path.write_text(path.read_text(encoding="utf-8").replace(defect.old, defect.new), encoding="utf-8")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()


@contextmanager
def snapshot() -> Iterator[Path]:
    """A copy of what a test needs of the tree, and links to the rest; defects are seeded into copies of this one."""
    with TemporaryDirectory(prefix="hub-mutations-") as kept:
        base = Path(kept) / "base"
        base.mkdir()
        for path in sorted(ROOT.iterdir()):
            if path.name in COPIED:
                _copy(path, base / path.name)
            elif not path.name.startswith("."):
                (base / path.name).symlink_to(path)
        yield base


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=LEFT)
    else:
        shutil.copy2(source, target)


def run(base: Path, defect: Defect | None, tests: Sequence[str], *, broker: bool = False) -> Ran:
    """The *tests* in a copy of *base* with the *defect*, up to the first that fails."""
    with TemporaryDirectory(prefix="hub-mutation-") as kept:
        tree = Path(kept) / "tree"
        _copy(base, tree)
        if defect is not None:
            try:
                seed(defect, tree)
            except ValueError as error:
                return Ran(defect, tuple(tests), (), str(error), 0.0)
        began = time.monotonic()
        code = _pytest(tree, tests, broker=broker)
        seconds = time.monotonic() - began
        told = tree / TOLD
        failed = tuple(told.read_text(encoding="utf-8").splitlines()) if told.exists() else ()
        return Ran(defect, tuple(tests), failed, _fault(defect, code, failed), seconds)


def _unproven(ran: Ran, red: Collection[tuple[str, ...]]) -> Ran:
    """What came of a defect whose tests may be *red* without it too: then it is not known whether it was noticed."""
    return ran._replace(fault="unknown: the tests are red without it") if ran.tests in red and ran.caught else ran


def _fault(defect: Defect | None, code: int | None, failed: Sequence[str]) -> str:
    if code is None:
        return "no end in the time that there is"
    if defect is None:
        return "" if code == GREEN else f"red without any defect (exit code {code})"
    if code == GREEN:
        return "SURVIVED"
    return "" if code == RED and failed else f"no test failed by itself (exit code {code})"


def _pytest(tree: Path, tests: Sequence[str], *, broker: bool) -> int | None:
    """The exit code of pytest in *tree*, or None where it did not end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PYTEST_", "PYTHON"))}
    ours = {TREE: str(tree), "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    patience = WITH_KAFKA if broker else PATIENCE
    plugins = ("-p", "no:cacheprovider", "-p", "tests.mutations.inside")
    words = ("-x", "-q", *plugins, "--hypothesis-seed=0", f"--timeout={patience / 3:g}")
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *words, *tests],
        cwd=tree,
        env=clean | ours | {"HUB_TEST_KAFKA": "required" if broker else "no"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def run_all(defects: Iterable[Defect], seen: Callable[[Ran], object] = lambda _: None) -> tuple[list[Ran], list[Ran]]:
    """
    Every defect, and for each list of tests one control without any; *seen* is told of each as it ends.

    Returns what came of the defects, in their order, and of the controls.
    """
    wanted = list(defects)
    controls = sorted({(one.tests, one.broker) for one in wanted})
    with snapshot() as base, ThreadPoolExecutor(os.cpu_count()) as pool:

        def one(defect: Defect | None, tests: tuple[str, ...], broker: bool) -> Ran:
            ran = run(base, defect, tests, broker=broker)
            seen(ran)
            return ran

        seeded = [pool.submit(one, defect, defect.tests, defect.broker) for defect in wanted]
        sound = [pool.submit(one, None, tests, broker) for tests, broker in controls]
        try:
            green = [future.result() for future in sound]
            red = {one.tests for one in green if one.fault}
            return [_unproven(future.result(), red) for future in seeded], green
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
