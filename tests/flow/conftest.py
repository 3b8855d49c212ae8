"""What the tests of the whole hub share: partners with real sockets, a Kafka of their own, and the demo's day."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from hub.catalog import Catalog
from hub.local_kafka import LocalKafka
from tests.conftest import ROOT
from tests.flow.partners import HttpsPartner, MllpPartner
from tests.flow.whole import Whole
from tests.kafka import started


@pytest.fixture(scope="session")
def day() -> ModuleType:
    """The demo's messages, `deploy/demo/day.py`, which is no part of any package."""
    spec = importlib.util.spec_from_file_location("demo_day", ROOT / "deploy" / "demo" / "day.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["demo_day"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def today() -> date:
    """The day on which the tests began, in the calendar that the demo's messages follow."""
    return date.today()  # noqa: DTZ011  a day of the authority's own calendar


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name has a space in it, as a person's may."""
    return tmp_path_factory.mktemp("state") / "a hub of one's own"


@pytest.fixture(scope="module")
def broker(place: Path) -> Iterator[LocalKafka]:
    """A Kafka that no other module has."""
    with started(place / "broker") as local:
        yield local


@pytest.fixture(scope="module")
def https_partner(place: Path) -> Iterator[HttpsPartner]:
    """Every partner that is reached by HTTPS."""
    partner = HttpsPartner(place / "partner")
    yield partner
    partner.close()


@pytest.fixture(scope="module")
def mllp_partner() -> Iterator[MllpPartner]:
    """The hospital's integration engine."""
    partner = MllpPartner()
    yield partner
    partner.close()


@pytest.fixture(scope="module")
def whole(
    request: pytest.FixtureRequest,
    catalog: Catalog,
    place: Path,
    broker: LocalKafka,
    https_partner: HttpsPartner,
    mllp_partner: MllpPartner,
) -> Iterator[Whole]:
    """`hub run`, ready; the hospital takes its alerts by the road that the parameter names, else by HTTPS."""
    world = Whole(catalog, place / "state", broker, https_partner, mllp_partner, getattr(request, "param", "https"))
    try:
        world.start()
        yield world
    finally:
        world.stop()
