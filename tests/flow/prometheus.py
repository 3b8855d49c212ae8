"""Prometheus as far as tests need it: what `/metrics` says once, and what the shipped rules make of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from prometheus_client.parser import text_string_to_metric_families

from hub.settings import Settings
from tests.conftest import ROOT
from tests.flow.running import answered

PROMTOOL = shutil.which("promtool")
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"


class Series(NamedTuple):
    """One series by name and labels, as Prometheus tells them apart."""

    name: str
    labels: frozenset[tuple[str, str]]

    def has(self, wanted: Mapping[str, str]) -> bool:
        """Whether it has all of those labels."""
        return wanted.items() <= dict(self.labels).items()

    def __str__(self) -> str:
        """As Prometheus writes it."""
        return self.name + "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(self.labels)) + "}"


Scrape = Mapping[Series, float]
"""One answer."""


class Alert(NamedTuple):
    """One rule: its expression, and for how long that must be true before anybody is told."""

    expression: str
    hold: str

    @classmethod
    def named(cls, name: str) -> Alert:
        """The one that is shipped under that name."""
        groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        (rule,) = (rule for group in groups for rule in group["rules"] if rule["alert"] == name)
        return cls(rule["expr"], str(rule.get("for", "0s")))

    def selects(self, answer: Scrape, about: Mapping[str, str]) -> bool:
        """Whether its selector finds something that is *about* these labels and is not 0."""
        ((name, matchers),) = re.findall(r"(hub_\w+)\{([^}]*)\}", self.expression)
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', matchers))
        return any(value and one.name == name and one.has(wanted) and one.has(about) for one, value in answer.items())

    def check(self, answers: Sequence[Scrape], about: Mapping[str, str], true: Sequence[bool], folder: Path) -> None:
        """
        Have promtool work its expression out on *answers*, one after the other: it must be *true* of just these.

        Of each answer is taken what is *about* these labels; *folder* is for the file that promtool reads.
        """
        names = set(re.findall(r"hub_\w+", self.expression))
        every = {one for answer in answers for one in answer if one.name in names and one.has(about)}
        assert every, f"nothing is told of {about}"
        given = [{"series": str(one), "values": " ".join(_values(one, answers))} for one in every]
        asked = [
            {
                "expr": f"count({self.expression})",
                "eval_time": f"{5 * place}s",
                "exp_samples": [{"labels": "{}", "value": 1}] if so else [],
            }
            for place, so in enumerate(true)
        ]
        tests: dict[str, Any] = {"evaluation_interval": "5s", "rule_files": []}
        tests["tests"] = [{"interval": "5s", "input_series": given, "promql_expr_test": asked}]
        file = folder / "answers.test.yml"
        file.write_text(yaml.safe_dump(tests), encoding="utf-8")
        ran = subprocess.run([str(PROMTOOL), "test", "rules", file], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def scrape(settings: Settings, process: str) -> Scrape:
    """What a process that is ready answers now, read as Prometheus reads it."""
    return {
        Series(sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answered(settings, process, "/metrics"))
        for sample in family.samples
    }


def _values(one: Series, answers: Sequence[Scrape]) -> list[str]:
    """Its value in each answer; one that is told no more is stale to Prometheus at once."""
    return [f"{answer[one]:g}" if one in answer else "stale" for answer in answers]
