"""The gateway as a process on a cluster: when it must end rather than be there and take nothing."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from hub.envelope import Record
from hub.topology import quarantine_of
from hub.transports.kafka import Committer
from tests.conftest import ROOT
from tests.flow.running import Running

pytestmark = [pytest.mark.broker, pytest.mark.slow]

REGISTER = ROOT / "connectors" / "schools" / "examples" / "attendance" / "missing_without_a_reason_yet.csv"


def test_a_gateway_that_another_took_over_from_ends(kafka: str, tmp_path: Path) -> None:
    """With what it was told, and its file still where its sender left it for the one that took over."""
    gateway = Running(tmp_path / "state", kafka, "gateway")
    gateway.start()
    try:
        gateway.wait_ready("gateway")
        with closing(Committer(kafka, "hub-gateway.0")) as other:
            other.enqueue([Record(quarantine_of("schools"), b"key", b"", ())]).result(30)
            folder = gateway.settings.inbox_folder / "schools" / "attendance"
            shutil.copy(REGISTER, folder / "monday.csv.part")
            (folder / "monday.csv.part").rename(folder / "monday.csv")
            assert gateway.ended() != 0
    finally:
        gateway.stop()
    assert "another process writes under this one's transactional id" in gateway.said()
    assert (folder / "monday.csv").exists()
