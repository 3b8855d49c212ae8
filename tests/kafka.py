"""Apache Kafka for tests: a broker of their own, never a cluster that the environment names; or why there is none."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.errors import TransportError
from hub.local_kafka import LocalKafka


@contextmanager
def or_skip() -> Iterator[None]:
    """Skip what needs Kafka, with the reason, where the block cannot start it; fail where HUB_TEST_KAFKA=required."""
    wanted = os.environ.get("HUB_TEST_KAFKA", "")
    if wanted == "no":
        pytest.skip("HUB_TEST_KAFKA is no")
    try:
        yield
    except TransportError as error:
        if wanted == "required":
            pytest.fail(f"Kafka is required and did not start: {error}", pytrace=False)
        pytest.skip(f"Kafka did not start: {error}")


@contextmanager
def started(folder: Path, nodes: int = 1, *, secure: bool = False, pom: Path | None = None) -> Iterator[LocalKafka]:
    """
    Brokers in *folder*, which serve as long as the block lasts; *secure* ones ask everybody who they are.

    Their version is the pinned one, or that of another *pom*.
    """
    local = LocalKafka(folder, pom)
    atexit.register(local.down, patience=1)  # should the session end without its fixtures
    try:
        with or_skip():
            local.up(nodes, secure=secure, quick=True)
        yield local
    finally:
        local.down(patience=2)  # nothing in it is needed again
        atexit.unregister(local.down)
