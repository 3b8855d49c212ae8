"""The wheel holds all that the hub needs, and works from wherever it is unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("hub", "connectors", "schemas", "topics")
REFERRAL = "connectors/mash_front_door/examples/referrals/neglect_told_by_a_school.json"

pytest.importorskip("hatchling", reason="hatchling is not here; it is in the dev group, so that CI never skips this")


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that ends within two minutes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PYTHON"))}
    return subprocess.run(
        command, cwd=cwd, env=clean | environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built of the house as it stands."""
    folder = tmp_path_factory.mktemp("dist")
    built = run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The wheel unpacked by pip in a folder with a space in its name."""
    folder = tmp_path_factory.mktemp("installed") / "a folder"
    command = [
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
        "--target",
        str(folder),
    ]
    ran = run(sys.executable, *command, str(wheel), cwd=wheel.parent)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture
def hub(installed, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The hub that is installed there, run from somewhere else."""

    def said(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PYTHONPATH": str(installed), "HUB_STATE": str(tmp_path / "state"), "COLUMNS": "200"}
        return run(sys.executable, "-m", "hub", *words, cwd=tmp_path, **environment)

    return said


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    """What git tracks of them, examples and schemas too, and nothing that a tool left behind."""
    tracked = run("git", "ls-files", "-z", *PACKAGES, cwd=ROOT)
    if tracked.returncode:
        pytest.skip("no git repository: what belongs in the wheel cannot be told")
    expected = {name for name in tracked.stdout.split("\0") if name and (ROOT / name).is_file()}

    held = set(zipfile.ZipFile(wheel).namelist())

    assert expected - held == set()
    assert not [name for name in held if "__pycache__" in name or name.endswith(".pyc")]


def test_the_wheel_holds_the_version_of_kafka_and_no_tests(wheel):
    """`hub kafka up` needs the pin wherever the hub is; what proves the hub stays at home."""
    held = zipfile.ZipFile(wheel).namelist()

    assert zipfile.ZipFile(wheel).read("hub/kafka_pom.xml") == (ROOT / "deploy/kafka/pom.xml").read_bytes()
    assert {name.split("/")[0] for name in held} - set(PACKAGES) == {
        f"sharing_hub-{wheel.name.split('-')[1]}.dist-info"
    }


def test_the_installed_hub_is_sound(hub, installed, catalog):
    """`hub check` finds there what it finds here: nothing but, one day, agreements that end."""
    where = run(
        sys.executable, "-c", "import hub; print(hub.__file__)", cwd=installed.parent, PYTHONPATH=str(installed)
    )
    checked = hub("check")

    assert Path(where.stdout.strip()).is_relative_to(installed)
    assert [line for line in checked.stdout.splitlines() if "agreement" not in line and " streams, " not in line] == []
    assert f"{len(catalog.streams)} streams, {len(catalog.agencies)} agencies" in checked.stdout + checked.stderr
    assert "Traceback" not in checked.stderr


def test_the_installed_hub_carries(hub, installed, tmp_path):
    """`hub run --once` on one of the examples that came with it."""
    ran = hub("run", "--once", str(installed / REFERRAL), "--out", str(tmp_path / "out"))

    assert ran.returncode == 0, ran.stderr
    assert "What each agency got" in ran.stdout
    assert (tmp_path / "out").is_dir() or "expires" in ran.stdout
