"""Alerts, dashboards and runbook agree with what the hub tells: no expression that nothing feeds, no needless page."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from hub import catalog as catalogs
from hub import metrics
from hub.cli import main
from hub.health import port_of
from hub.labels import PROCESSES, closed_sets
from hub.metrics import families
from hub.ops.exposition import GAUGES, TROUBLES, WORST, Exposition
from hub.ops.picture import Picture
from hub.settings import Settings

ROOT = Path(__file__).parents[2]
PROMETHEUS, GRAFANA, RUNBOOK = (ROOT / "deploy" / name for name in ("prometheus", "grafana", "runbook"))
RULES = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARDS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in GRAFANA.glob("dashboards/*.json")}
PAGES = {path.stem for path in RUNBOOK.glob("*.*.md")}
"""The pages of codes, which have two words; the others are guides to work that no alert asks for."""
PROMTOOL = shutil.which("promtool")
FIRST_PORT = 9470  # HUB_HEALTH_PORT where Prometheus looks

OWN = {name: set(family.labels) for name, family in metrics.FAMILIES.items()}
BUCKETS = {
    f"{name}{end}": OWN[name] | {"le"}
    for name, family in metrics.FAMILIES.items()
    if family.kind.__name__ == "Histogram"
    for end in ("_bucket", "_sum", "_count")
}
PROCESS = {
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds",
    "process_max_fds", "process_start_time_seconds",
}  # fmt: skip
KNOWN: dict[str, set[str]] = {
    **OWN,
    **BUCKETS,
    **{name: set(gauge.labels) for name, gauge in GAUGES.items()},
    **{name: set() for name in PROCESS | {"up"}},
    "ALERTS": {"alertname", "alertstate", "agency", "stream"},
}
ANYWHERE = {"job", "instance"}  # Prometheus puts these on every series
WORDS = {
    "and", "or", "unless", "by", "without", "on", "ignoring", "bool", "sum", "count", "max", "min", "avg", "rate",
    "increase", "time", "vector", "absent", "histogram_quantile",
}  # fmt: skip


def selected(expression: str) -> dict[str, set[str]]:
    """Each metric in *expression*, with the labels that it is selected by."""
    bare = re.sub(r"\[\d+[smhd]\]", "", re.sub(r'"[^"]*"', "", expression))
    ungrouped = re.sub(r"\b(?:by|on|ignoring|without) \([^)]*\)", "", bare)
    found: dict[str, set[str]] = {}
    for name, selector in re.findall(r"\b([A-Za-z_][A-Za-z0-9_]*)(\{[^}]*\})?(?!\w)", ungrouped):
        if name not in WORDS:
            found.setdefault(name, set()).update(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", selector))
    return found


def grouped(expression: str) -> set[str]:
    """The labels that *expression* keeps."""
    return {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(",")}


def expressions() -> list[tuple[str, str]]:
    """(where, expression) of every alert and every panel."""
    alerts = [(rule["alert"], rule["expr"]) for rule in RULES]
    panels = [
        (f"{name}: {panel['title']}", target["expr"])
        for name, board in DASHBOARDS.items()
        for panel in board["panels"]
        for target in panel["targets"]
    ]
    return alerts + panels


def said_by_ops() -> set[str]:
    """Every code that the source of ops writes out, of a trouble or for one."""
    kinds = "|".join(sorted({code.partition(".")[0] for code in TROUBLES}))
    texts = [
        node.value
        for path in (ROOT / "hub" / "ops").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return {text for text in texts if re.fullmatch(rf"(?:{kinds})\.[a-z]+(?:-[a-z]+)*", text)}


def test_what_is_looked_at_is_there():
    assert len(RULES) > 20
    assert len(DASHBOARDS) == 5
    assert families.EVENTS.name in KNOWN


@pytest.mark.parametrize(("where", "expression"), expressions())
def test_every_metric_of_an_expression_is_one_that_the_hub_tells(where: str, expression: str):
    for name, labels in selected(expression).items():
        assert name in KNOWN, f"{where}: nothing feeds {name}"
        assert labels <= KNOWN[name] | ANYWHERE, f"{where}: {name} has no label {labels - KNOWN[name]}"


@pytest.mark.parametrize(("where", "expression"), expressions())
def test_every_label_that_an_expression_keeps_is_one_of_its_metrics(where: str, expression: str):
    has = set().union(*(KNOWN[name] for name in selected(expression))) | ANYWHERE
    assert grouped(expression) <= has, where


def test_an_expression_that_nothing_feeds_is_found():
    """The check above could fail."""
    found = selected(
        'sum by (agency) (rate(hub_no_such_total{lane="urgent"}[5m])) > 0 and hub_ready{process=~"x"} == 1'
    )
    assert found == {"hub_no_such_total": {"lane"}, "hub_ready": {"process"}}


def test_everything_that_is_told_is_looked_at_somewhere():
    looked_at = {name for _, expression in expressions() for name in selected(expression)}
    of_buckets = {name.removesuffix("_bucket") for name in looked_at}
    per_partition = {"hub_lag_partition_records"}  # for whoever looks for the one partition
    assert (OWN.keys() | GAUGES.keys()) - looked_at - of_buckets - per_partition == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_page_a_sentence_and_a_severity(rule: dict[str, Any]):
    page = rule["labels"]["page"]
    assert page in PAGES
    assert rule["annotations"]["runbook"] == f"deploy/runbook/{page}.md"
    assert rule["labels"]["severity"] in ("trouble", "warning")
    assert len(rule["annotations"]["summary"]) > 10
    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    kept = grouped(rule["expr"]) or set().union(*(KNOWN[name] for name in selected(rule["expr"])))
    assert named <= kept | ANYWHERE


def test_every_page_has_an_alert_or_a_trouble_and_every_trouble_a_page():
    assert {rule["labels"]["page"] for rule in RULES} | TROUBLES == PAGES


def test_every_trouble_that_ops_can_tell_of_is_listed():
    assert said_by_ops() <= TROUBLES


def test_the_pages_are_there_in_the_words_of_conditions():
    """A group's trouble has its condition's name."""
    told = {f"group.{condition}" for condition in WORST if condition not in ("ok", "unknown")}
    assert told <= TROUBLES


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_says_what_it_means_what_to_look_at_and_what_to_do(page: str):
    text = (RUNBOOK / f"{page}.md").read_text(encoding="utf-8")
    parts = [text.find(part) for part in ("# ", "**It means**: ", "**Look at**", "**Do**")]
    assert parts == sorted(parts)
    assert -1 not in parts
    assert set(re.findall(r"\]\(([^)]+)\)", text)) <= {f"{name}.md" for name in PAGES}
    for command in re.findall(r"`hub ([^`]+)`", text):
        assert exists(command.split()), f"{page}: there is no hub {command}"


def exists(words: list[str]) -> bool:
    """Whether *words* are a command of the hub's, with options that it has."""
    command: click.Command = main
    while isinstance(command, click.Group) and (words or not command.invoke_without_command):
        found = command.commands.get(words[0]) if words else None
        if found is None:
            return False
        command, words = found, words[1:]
    options = {name for parameter in command.params for name in parameter.opts}
    return all(word in options for word in words if word.startswith("-"))


def test_a_command_that_there_is_not_is_found():
    """The check above could fail."""
    assert exists(["deliveries", "parked"])
    assert not exists(["deliveries", "parcel"])
    assert not exists(["lag", "--for-ever"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_can_be_provisioned(name: str):
    board = DASHBOARDS[name]
    assert (board["uid"], board["editable"], board["tags"]) == (name.removesuffix(".json"), False, ["sharing-hub"])
    assert board["schemaVersion"] >= 39
    assert board["description"].endswith(".")
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    variables = {variable["name"] for variable in board["templating"]["list"]}
    for variable in board["templating"]["list"]:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]  # or it fails
        assert label in KNOWN[metric]
    for panel in board["panels"]:
        for target in panel["targets"]:
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_has_a_unit_a_description_and_a_place_of_its_own(name: str):
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))
    known = {source["uid"] for source in sources["datasources"]}
    panels = DASHBOARDS[name]["panels"]
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] in known
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)) > 0
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


def test_prometheus_looks_for_each_process_where_it_answers():
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "sharing-hub"
    settings = Settings(health_port=FIRST_PORT)
    found = {one["labels"]["instance"]: one["targets"] for one in job["static_configs"]}
    wanted = {name: [f"{name.replace('.', '-')}:{port_of(settings, name)}"] for name in PROCESSES if name != "couriers"}
    assert found == wanted


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not there (Debian: apt-get install prometheus)")
@pytest.mark.parametrize("words", [("check", "config", "prometheus.yml"), ("test", "rules", "alerts.test.yml")])
def test_promtool_finds_no_fault(words: tuple[str, ...]):
    ran = subprocess.run([str(PROMTOOL), *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not there (Debian: apt-get install prometheus)")
def test_promtool_finds_every_name_as_prometheus_wants_it():
    sets = closed_sets(catalogs.load())
    metrics.close(sets)
    told = Exposition(lambda: Picture(at=datetime.now(UTC)))
    metrics.REGISTRY.register(told)
    try:
        for family in metrics.FAMILIES.values():
            family.of(**{label: min(sets[label] - {""}) for label in family.labels})
        said = metrics.exposed()
    finally:
        metrics.REGISTRY.unregister(told)
        metrics.reset()
    assert all(f"# TYPE {name} ".encode() in said for name in (*metrics.FAMILIES, "hub_picture_age_seconds"))
    ran = subprocess.run([str(PROMTOOL), "check", "metrics"], input=said, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
