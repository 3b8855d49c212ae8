"""What every test may use: the catalog, read once, and a hub with fixed keys and a fixed day."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub import catalog as catalogs
from hub.catalog import Catalog
from hub.keys import Keys
from hub.sync import as_synced

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    """
    Let Ctrl-C mean what it means, also to the programs that tests start.

    A shell that runs something in the background has it ignore the signal, and so does all that is started by it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--accept`."""
    parser.addoption(
        "--accept", action="store_true", help="contract suite: write what examples should be, then read it"
    )


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What a command sets up for its own process does not decide what the next test hears of the log."""
    root, ours = logging.getLogger(), logging.getLogger("hub")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    found_out = {
        name: getattr(logging, name) for name in ("logThreads", "logProcesses", "logMultiprocessing", "_srcfile")
    }
    yield
    for name, value in found_out.items():
        setattr(logging, name, value)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The project's own catalog."""
    return catalogs.load()


@pytest.fixture(scope="session")
def all_live(catalog: Catalog) -> Catalog:
    """The catalog in which agencies on trial are live: what they would hear is tested before they hear it."""
    live = {key: one.model_copy(update={"status": "live"}) for key, one in catalog.agencies.items()}
    return as_synced(replace(catalog, agencies=live))


@pytest.fixture(scope="session")
def keys() -> Keys:
    """Keys that are the same in every run, so that golden files stay golden."""
    return Keys(b"a secret for tests, of 32 bytes.")


@pytest.fixture(scope="session")
def now() -> datetime:
    """A Tuesday in term, within every agreement."""
    return datetime(2026, 9, 15, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public inputs, which are read and never copied; skips where it is not on this machine."""
    folder = Path(os.environ.get("HUB_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"public inputs are not here: set HUB_TEST_DATA (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL, started for these tests; where it does not start, what needs it fails."""
    from tests.postgresql import server

    with server() as url:
        yield url
