"""Reports: tables that say who got what and why not, whatever the words in them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from hub import report
from hub.agency import Door
from hub.catalog import folder_of
from hub.disclosure import Outcome as Fared
from hub.disclosure import Receipt
from hub.explain import explain
from hub.once import Delivered, Given, Outcome
from hub.transports import Answer

CONNECTORS = folder_of("connectors")


@pytest.fixture
def console():
    """A wide page."""
    return Console(file=io.StringIO(), width=200, soft_wrap=True, highlight=False)


def text(console) -> str:
    return console.file.getvalue()


def receipt(rule: str) -> Receipt:
    said = dict.fromkeys(Fared._fields, "") | {"agency": "chis", "stream": "child_demographics"}
    return Receipt("", Fared(**said | {"verdict": "withheld", "rule": rule, "fields": ()}), (), "", "", "")


def test_what_came_in_went_out_and_was_kept_back_is_counted(console, catalog):
    """Three tables: by line, by agency and stream, by rule, each with its numbers."""
    files = [
        Given(Path("a"), "social_care", "demographics", Answer(events=2)),
        Given(Path("b"), "social_care", "demographics", Answer("csv.ragged", "line 2", "", 1, 0, 1)),
    ]
    sent = Delivered("chis", "child_demographics", "", Door(format="csv", by="files"), (), 3, b"", ".csv")

    report.outcome(
        console, catalog, Outcome(files, [sent], [receipt("sealed.restricted"), receipt("sealed.restricted")])
    )

    rows = [line.split("│")[1:-1] for line in text(console).splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert [
        catalog.agencies["social_care"].name,
        "demographics",
        "csv by files",
        "2",
        "3",
        "—",
        "1",
        "csv.ragged line 2",
    ] in cells
    assert any(
        row[:3] == [catalog.agencies["chis"].name, "child_demographics", "3"] and "csv by files" in row for row in cells
    )
    assert any(row[1:4] == ["child_demographics", "2", "sealed.restricted"] and row[4] for row in cells)


@pytest.mark.parametrize("odd", ["[/b]", "[bold]", "[red]x[/red]", "[link=file:///x]", "[/]"])
def test_words_that_look_like_markup_are_printed_as_they_are(odd, console, catalog):
    """A place that a sender could word neither colours the page nor stops the report."""
    report.outcome(
        console, catalog, Outcome([Given(Path("a"), "social_care", "demographics", Answer("x", odd, refused=1))])
    )

    assert f"x {odd}" in text(console)


def test_an_explanation_says_the_verdict_its_ground_and_every_field(console, catalog, now):
    """Both of what is heard and of what is not."""
    folder = CONNECTORS / "social_worker/examples/hospital_alert"
    for name in ("child_on_a_plan_arrived", "nothing_known"):
        said = explain(catalog, "social_worker", "hospital_alert", folder / f"{name}.event.json", now=now)
        report.explanation(console, said)

    page = text(console)
    assert "social_worker hears this hospital_alert\n" in page
    assert "social_worker does not hear this hospital_alert: verdict is not flagged (rule where.verdict)" in page
    assert page.count("patient.nhs_number") == 2
    assert "gate:    statute" in page


def test_lag_is_told_by_count_and_age(console):
    """What nobody waits for is a dash."""
    report.lag(console, {("relay", "a.v1"): (3, 61.4), ("relay", "b.v1"): (0, 0.0)})

    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in text(console).splitlines() if line.startswith("│")
    ]
    assert rows == [["relay", "a.v1", "3", "61 s"], ["relay", "b.v1", "—", "—"]]
