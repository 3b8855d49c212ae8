"""A plugin inside each seeded copy: proves that pytest runs that copy, and writes down which test failed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TREE = "MUTATED_TREE"
TOLD = "told.txt"
ELSEWHERE = 9  # an exit code that pytest itself never gives


def pytest_configure() -> None:
    """End at once where another tree than the copy would be tested, as an editable install would have it."""
    import connectors
    import hub
    import schemas
    import topics

    tree = Path(os.environ[TREE]).resolve()
    for package in (hub, schemas, connectors, topics):
        if not Path(package.__spec__.origin).resolve().is_relative_to(tree):
            pytest.exit(f"{package.__name__} is not the copy's own", returncode=ELSEWHERE)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down what failed: an error outside the test itself, such as in a fixture, is none of its findings."""
    if report.failed and report.when == "call":
        with (Path(os.environ[TREE]) / TOLD).open("a", encoding="utf-8") as told:
            told.write(f"{report.nodeid}\n")
