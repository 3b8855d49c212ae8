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
def started(folder: Path, *, secure: bool = False) -> Iterator[LocalKafka]:
    """One broker in *folder*, which serves as long as the block lasts; a *secure* one asks everybody who they are."""
    local = LocalKafka(folder)
    atexit.register(local.down, patience=1)  # should the session end without its fixtures
    try:
        with or_skip():
            local.up(1, secure=secure, quick=True)
        yield local
    finally:
        local.down()
        atexit.unregister(local.down)
