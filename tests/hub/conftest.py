"""A copy of the house that a test may break: streams, agencies and topics in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import connectors
import schemas
import topics
from hub import catalog as catalogs
from hub import check, sync

ROOT = Path(__file__).parents[2]
PACKAGES = (connectors, schemas, topics)
TODAY = date(2026, 9, 15)


class House:
    """The folder *root*, found by this process in place of the project's own, and how tests change it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, place: str) -> str:
        """What the file at *place* says."""
        return (self.root / place).read_text(encoding="utf-8")

    def write(self, place: str, content: str | bytes) -> None:
        """Write a file, with the folders above it."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def edit(self, place: str, old: str, new: str) -> None:
        """Put *new* in the place of *old*, which stands there once."""
        text = self.text(place)
        assert text.count(old) == 1, f"{place} has {old!r} {text.count(old)} times"
        self.write(place, text.replace(old, new))

    def line(self, place: str, words: str) -> int:
        """The number of the line that holds *words*, the first one."""
        return next(number for number, line in enumerate(self.text(place).splitlines(), 1) if words in line)

    def own(self, place: str) -> Path:
        """The folder at *place*, as a copy that may be changed too."""
        path = self.root / place
        original = path.resolve()
        linked = next(one for one in (path, *path.parents) if one.is_symlink())
        linked.unlink()
        shutil.copytree(original if linked == path else original.parent, linked)
        return path

    def findings(self, today: date = TODAY) -> list[str]:
        """What `hub check` finds, line by line."""
        return [str(finding) for finding in check.check(catalogs.look(), today)]

    def hub(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command line in this house, in a process of its own."""
        return self.python("-m", "hub", *words, **environment)

    def python(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Python in this house, in a process of its own."""
        ours = {"PYTHONPATH": str(ROOT), "HUB_STATE": str(self.root / ".state"), "COLUMNS": "200"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env=clean | ours | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def furnish(root: Path, source: Path) -> None:
    """Copy what *source* has; the folders of examples, which are many files, by reference."""
    for package in PACKAGES:
        name = package.__name__
        for path in sorted((source / name).glob("*")):
            if path.is_file():
                put(path, root / name / path.name)
            elif path.name != "__pycache__":
                for inner in path.iterdir():
                    if inner.name != "__pycache__":
                        put(inner, root / name / path.name / inner.name)


def put(source: Path, target: Path) -> None:
    """One file copied, or one folder by reference."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.symlink_to(source.resolve(), target_is_directory=True)
    else:
        shutil.copyfile(source, target)


def live_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process find the packages' data below *root*; their modules stay the ones that are loaded."""
    for package in PACKAGES:
        monkeypatch.setattr(package.__spec__, "origin", str(root / package.__name__ / "__init__.py"))


@pytest.fixture(scope="session")
def sound_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project's house with everything derived anew, so that each test breaks it in one way only."""
    root = tmp_path_factory.mktemp("house")
    furnish(root, ROOT)
    with pytest.MonkeyPatch.context() as patch:
        live_in(root, patch)
        sync.write(catalogs.look())
    yield root
    shutil.rmtree(root)


@pytest.fixture
def house(sound_house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house of the test's own, in which this process lives for as long as the test runs."""
    root = tmp_path / "a house"
    furnish(root, sound_house)
    live_in(root, monkeypatch)
    return House(root)
