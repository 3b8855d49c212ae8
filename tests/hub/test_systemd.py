"""What systemd is told: that a process is ready, once it is; and nothing where systemd did not start it."""

from __future__ import annotations

import os
import socket

import pytest

from hub import systemd
from hub.settings import Settings
from hub.supervise import announce


@pytest.mark.parametrize("abstract", [False, True], ids=["a path", "an abstract name"])
def test_a_process_that_is_ready_says_so(abstract, tmp_path, monkeypatch):
    """By the announcement that everybody else hears as well."""
    name = f"\0hub-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))

        announce(Settings(state=tmp_path / "state"), "gateway")

        assert listening.recv(1000) == b"READY=1\nSTATUS=gateway is ready"


@pytest.mark.parametrize("said", ["", "relative", "/nowhere/at/all"])
def test_where_nobody_listens_a_process_starts_all_the_same(said, monkeypatch):
    """Without a word of it."""
    monkeypatch.setenv("NOTIFY_SOCKET", said)

    assert not systemd.ready("gateway")
