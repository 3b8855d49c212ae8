"""Doorstep: partners' doors are tried without a message, told where they do not open, and let be where they did."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import catalog as catalogs
from hub import courier_counts, doorstep, metrics
from hub.agency import Agency, Door
from hub.courier import first_door, served
from hub.errors import CatalogError
from hub.labels import closed_sets
from hub.transports import Sink
from hub.transports.files import FolderSink
from hub.transports.mllp import MllpSink

CATALOG = catalogs.load()
AGENCY, STREAM = CATALOG.agencies["great_western_hospital"], "hospital_alert"
DOOR = first_door(AGENCY, STREAM)
SERIES = f'{{agency="{AGENCY.key}",road="{DOOR.by}",stream="{STREAM}"}}'


@pytest.fixture(autouse=True)
def counting() -> Iterator[None]:
    """Counted, and forgotten afterwards."""
    metrics.close(closed_sets(CATALOG))
    yield
    metrics.reset()
    courier_counts.ANSWERED.clear()


def told(name: str) -> float | None:
    """What the door's series of that name says."""
    lines = metrics.exposed().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + SERIES)), None)


def tried(sink: Sink) -> bool:
    """One try of the door, which leads to *sink*."""
    return asyncio.run(doorstep.tried(AGENCY, STREAM, DOOR, lambda *_: sink, 300.0))


def test_a_door_that_opens_is_told(tmp_path: Path):
    assert tried(FolderSink(tmp_path))
    assert told("hub_courier_door_reachable") == 1
    assert time.time() - (told("hub_courier_door_tried_timestamp_seconds") or 0) < 60


def test_a_door_that_does_not_open_is_told_and_noted(caplog: pytest.LogCaptureFixture):
    with socket.socket() as nobody, caplog.at_level(logging.WARNING):
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening
        assert not tried(MllpSink("127.0.0.1", nobody.getsockname()[1], None))
    assert told("hub_courier_door_reachable") == 0
    assert [record.getMessage() for record in caplog.records] == ["not reached; see `hub connect`"]


def test_a_door_of_which_a_setting_is_missing_is_shut():
    def unset(*_: object) -> Sink:
        raise CatalogError(["HUB_…_URL is not set"])

    assert not asyncio.run(doorstep.tried(AGENCY, STREAM, DOOR, unset, 300.0))
    assert told("hub_courier_door_reachable") == 0


def test_a_door_that_answered_lately_is_open_without_a_try():
    """A listener with room for one connection is the courier's."""

    def never(*_: object) -> Sink:
        raise AssertionError("tried")

    courier_counts.ANSWERED[AGENCY.key, STREAM] = time.monotonic()
    assert asyncio.run(doorstep.tried(AGENCY, STREAM, DOOR, never, 300.0))
    assert told("hub_courier_door_reachable") == 1


def test_every_door_that_couriers_serve_is_tried_and_no_topic():
    found = list(served(CATALOG, first_door))
    assert found
    assert all(isinstance(agency, Agency) and isinstance(door, Door) for agency, _, door in found)
    assert "kafka" not in {door.by for _, _, door in found}
    by_lane = [list(served(CATALOG, first_door, lane)) for lane in ("urgent", "routine")]
    assert sorted(one[1] for lane in by_lane for one in lane) == sorted(one[1] for one in found)
