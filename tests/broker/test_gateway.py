"""The gateway as a process on a cluster: when it must end rather than be there and take nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from hub.envelope import Record
from hub.topology import quarantine_of
from hub.transports.kafka import Committer
from tests.conftest import ROOT
from tests.flow.partners import until
from tests.flow.running import Running

pytestmark = [pytest.mark.broker, pytest.mark.slow]

REGISTER = ROOT / "connectors" / "schools" / "examples" / "attendance" / "missing_without_a_reason_yet.csv"


def put(folder: Path, name: str, content: bytes) -> None:
    """As a careful sender does: under another name first."""
    (folder / f"{name}.part").write_bytes(content)
    (folder / f"{name}.part").rename(folder / name)


def test_a_gateway_that_another_took_over_from_ends(kafka: str, tmp_path: Path) -> None:
    """With what it was told, and its file still where its sender left it for the one that took over."""
    gateway = Running(tmp_path / "state", kafka, "gateway")
    folder = gateway.settings.inbox_folder / "schools" / "attendance"
    monday = REGISTER.read_bytes()
    gateway.start()
    try:
        gateway.wait_ready("gateway")
        put(folder, "monday.csv", monday)
        until((folder / "done" / "monday.csv").exists, "its first commit")
        with closing(Committer(kafka, "hub-gateway.0")) as other:
            other.enqueue([Record(quarantine_of("schools"), b"key", b"", ())]).result(30)
            put(folder, "tuesday.csv", monday + monday.splitlines(keepends=True)[-1])
            assert gateway.ended() != 0
    finally:
        gateway.stop()
    assert "another process writes under this one's transactional id" in gateway.said()
    assert (folder / "tuesday.csv").exists()
