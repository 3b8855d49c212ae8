"""The systemd units: systemd takes them, each runs a command that the hub has, and they give nothing away."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hub import cluster
from hub.cli.carrying import PROCESSES
from tests.repo import commands

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
INSTALLED = "/opt/sharing-hub/.venv/bin/python"
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here: apt-get install systemd")


def instances() -> list[str]:
    """Every unit that the target wants."""
    return sorted(re.findall(r"hub-[a-z]+(?:@[a-z]+)?\.service", (UNITS / "hub.target").read_text(encoding="utf-8")))


def test_there_is_a_unit_for_each_process_and_lane_and_the_target_wants_it():
    """And no unit that nobody wants; each runs what its name says, by the credentials of that name."""
    laned = ("relay", "couriers")
    wanted = {f"hub-{one}@{lane}.service": ["run", one, "--lane", lane] for one in laned for lane in cluster.LANES}
    wanted |= {f"hub-{one}.service": ["run", one] for one in PROCESSES if one not in laned}
    wanted |= {"hub-ops.service": ["ops"]}
    assert instances() == sorted(wanted)
    assert {re.sub(r"@[a-z]+\.", "@.", name) for name in wanted} == {path.name for path in UNITS.glob("hub-*.service")}
    for name, words in wanted.items():
        text = (UNITS / re.sub(r"@[a-z]+\.", "@.", name)).read_text(encoding="utf-8")
        lane = re.findall(r"@([a-z]+)\.", name)
        text = text.replace("%i", lane[0] if lane else "%i")
        (said,) = re.findall(rf"^ExecStart={INSTALLED} -m hub (.+)$", text, re.MULTILINE)
        assert said.split() == words
        commands.parsed(words)
        principal = name.removesuffix(".service").replace("@", "-")
        assert f"LoadCredential={principal}.password:/etc/sharing-hub/secrets/{principal}.password\n" in text


def test_what_is_loaded_is_what_secrets_are_made(tmp_path):
    """Each credential by its file; a unit names no secret by value."""
    script = UNITS.parent / "secrets.sh"
    subprocess.run(["sh", str(script), str(tmp_path / "secrets")], check=True, capture_output=True)
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    for path in UNITS.rglob("*.*"):
        if path.is_file():
            for file in re.findall(
                r"^LoadCredential=[^:]+:/etc/sharing-hub/secrets/(.+)$", path.read_text(), re.MULTILINE
            ):
                names = [file.replace("%i", lane) for lane in cluster.LANES] if "%i" in file else [file]
                assert set(names) <= made, file


@pytest.fixture
def installed(tmp_path):
    """The units as they are installed, but for the interpreter, which is this one."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text(encoding="utf-8").replace(INSTALLED, f'"{sys.executable}"'), encoding="utf-8")
    return folder


def analyzed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What systemd-analyze says with only these units and the system's own."""
    return subprocess.run(
        [str(ANALYZE), *words],
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@needs_systemd
def test_systemd_takes_the_units(installed):
    """Every section, name and value, of each instance and the target; and it would say so otherwise."""
    good = analyzed(installed, "verify", "--man=no", *instances(), "hub.target")
    closed = installed / "hub-.service.d" / "closed.conf"
    closed.write_text(closed.read_text(encoding="utf-8").replace("ProtectHome=", "ProtectHom="), encoding="utf-8")
    bad = analyzed(installed, "verify", "--man=no", "hub-gateway.service")

    ours = [line for line in good.stderr.splitlines() if "hub" in line]
    assert ours == []
    assert good.returncode == 0, good.stderr
    assert "ProtectHom" in bad.stderr


@needs_systemd
@pytest.mark.parametrize("unit", instances())
def test_a_unit_is_as_closed_as_it_can_be(unit, installed):
    """By the exposure that systemd measures, 0 to 10: at most 2, of which the network that each needs is the most."""
    said = analyzed(installed, "security", "--offline=true", "--no-pager", "--threshold=20", unit)

    assert said.returncode == 0, said.stdout[-300:] + said.stderr


def test_what_is_done_by_hand_is_told_as_the_units_are(tmp_path):
    """Settings to the letter, the environment before them, one password and no other's; nothing stays behind."""
    told, bin_, run = tmp_path / "told", tmp_path / "bin", tmp_path / "run"
    for folder in (told / "secrets", bin_, run, tmp_path / ".venv" / "bin"):
        folder.mkdir(parents=True)
    for name in ("hub.key", "store.password", "kafka-ca.pem", "hub-ops.password", "hub-gateway.password"):
        (told / "secrets" / name).write_text(name, encoding="utf-8")
    (told / "settings.env").write_text(
        '# HUB_LOG=text\nHUB_OIDC_ROLES={"SG Ops": "ops"}\nHUB_REPLICATION=3\nHUB_LOG=json', encoding="utf-8"
    )
    shown = "import os, sys; print(sys.argv[3:], os.environ['HUB_OIDC_ROLES'], os.environ['HUB_LOG'], "
    shown += "os.environ['HUB_REPLICATION'], sorted(os.listdir(os.environ.get('HUB_CREDENTIALS') or '.')), "
    shown += "os.environ.get('HUB_KAFKA_SECURITY_PROTOCOL'))"
    script = tmp_path / "shown.py"
    script.write_text(shown, encoding="utf-8")
    for path, does in (
        (bin_ / "install", 'cp "$7" "$8"'),  # -m 0400 -o hub -g hub FROM TO
        (bin_ / "chown", ":"),
        (bin_ / "setpriv", 'shift 5; exec "$@"'),  # --reuid hub --regid hub --init-groups
        (tmp_path / ".venv" / "bin" / "python", f'exec "{sys.executable}" "{script}" "$@"'),
    ):
        path.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        path.chmod(0o755)
    environment = {"PATH": f"{bin_}:/usr/bin:/bin", "HUB_ROOT": str(tmp_path), "HUB_TOLD": str(told),
                   "TMPDIR": str(run), "HUB_REPLICATION": "1"}  # fmt: skip

    def by_hand(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(UNITS / "as.sh"), *words], env=environment, capture_output=True, text=True, check=False
        )

    said = by_hand("hub-ops", "lag", "--json")
    assert said.stdout == (
        "['lag', '--json'] {\"SG Ops\": \"ops\"} json 1 "
        "['hub-ops.password', 'hub.key', 'kafka-ca.pem', 'store.password'] None\n"
    ), said.stderr
    assert list(run.iterdir()) == []
    assert by_hand("hub-admin", "topics", "plan").stdout.endswith("SSL\n")
    assert by_hand("hub-ops").returncode == 2
    assert by_hand("nobody", "lag").returncode != 0
    assert list(run.iterdir()) == []
