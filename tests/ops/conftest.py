"""What the tests of the page stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.catalog import Catalog
from hub.keys import Keys
from hub.ops.web.ground import Ground
from tests.ops.invented import NOW, Asked, Looked, Put, decided, troubled
from tests.ops.serving import Served, TestDoor, served


@pytest.fixture(scope="session")
def receipts(catalog: Catalog, keys: Keys):
    """What was decided of some referrals."""
    return decided(catalog, keys)


@pytest.fixture
def looked(catalog: Catalog) -> Looked:
    """Who looks at a hub in trouble; a test may have it see something else."""
    return Looked(troubled(catalog))


@pytest.fixture
def put(catalog: Catalog, keys: Keys) -> Put:
    """A quarantine in which some lie."""
    found = Put(catalog, keys)
    found.fill()
    return found


@pytest.fixture
def asked(receipts) -> Asked:
    """Who answers who was told."""
    return Asked(receipts)


@pytest.fixture
def page(catalog: Catalog, looked: Looked, put: Put, asked: Asked) -> Iterator[Served]:
    """The page."""
    ground = Ground(
        catalog=catalog, looking=looked, door=TestDoor(), quarantine=put, inquiries=asked, clock=lambda: NOW
    )
    with served(ground) as found:
        yield found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how to get what was missing, so that nobody takes skipped for passed."""
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = {one.longrepr[2] for one in skipped if isinstance(one.longrepr, tuple) and "tests/ops" in one.nodeid}
    for reason in sorted(reasons):
        terminalreporter.write_line(f"the page was not tried in a browser: {reason.removeprefix('Skipped: ')}")
