"""Imports run one way: each contract in pyproject.toml is kept, and could be broken; every room has its place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
LINT = "import sys; from importlinter.cli import lint_imports_command as lint; sys.argv[0] = 'lint-imports'; lint()"

BREACHES = {
    "agencies know streams": ("hub/stream.py", "from schemas import fields"),
    "inside the hub": ("hub/policy.py", "from hub import catalog"),
    "agencies do not know each other": ("connectors/schools/inbound.py", "from connectors.social_care import inbound"),
    "transports and formats": ("hub/transports/files.py", "from hub.transports import mllp"),
    "what decides, reads and renders": ("hub/seals.py", "import time"),
    "canaries share nothing": ("hub/canary/due.py", "from hub import limits"),
    "Faust": ("hub/courier.py", "import faust"),
    "librdkafka": ("hub/courier.py", "import confluent_kafka"),
}


def lint(folder: Path) -> dict[str, str]:
    """The verdict on each contract, by its name."""
    ran = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "300", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    verdicts = dict(re.findall(r"^(\S.*) (KEPT|BROKEN)", ran.stdout, re.MULTILINE))
    assert verdicts, ran.stdout + ran.stderr
    assert (ran.returncode == 0) == (set(verdicts.values()) == {"KEPT"})
    return verdicts


def test_every_contract_is_kept():
    """As the linter sees the whole house."""
    verdicts = lint(ROOT)

    assert verdicts == {contract["name"]: "KEPT" for contract in SETTINGS["contracts"]}


@pytest.fixture
def copy(tmp_path) -> Path:
    """The code of the house, to break."""
    for package in SETTINGS["root_packages"]:
        for path in (ROOT / package).rglob("*.py"):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def test_every_contract_can_be_broken(copy):
    """One import each, the wrong way, and each contract is told to be broken."""
    for place, line in BREACHES.values():
        with (copy / place).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")

    verdicts = lint(copy)

    assert verdicts == {contract["name"]: "BROKEN" for contract in SETTINGS["contracts"]}
    assert all(any(name.startswith(begin) for name in verdicts) for begin in BREACHES)


def test_every_room_of_the_hub_has_its_layer():
    """A new module is given its place among the others before anything can import it."""
    (layers,) = (contract["layers"] for contract in SETTINGS["contracts"] if contract.get("containers") == ["hub"])
    placed = {name.strip(" ()") for layer in layers for name in layer.split(":")}
    optional = {name.strip(" ()") for layer in layers for name in layer.split(":") if "(" in name}
    rooms = {path.stem for path in (ROOT / "hub").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert rooms - {"__init__"} - placed == set()
    assert placed - rooms - optional == set()
