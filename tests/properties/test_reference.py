"""
The engine against the reference: two hands, one promise, the same bytes.

A case is an event, what was said of children before it, and a moment; both sides say for every agency what it
gets, byte for byte, or the rule that keeps it back, and what became of each field. Half of the cases are on agreements
in force, half on drawn ones. A difference is told by seed, case, stream, agency and part, and no more.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from hub.avro import schema_of
from hub.limits import UNKNOWN
from tests.reference import compare, everything, naive

PROVE = bool(os.environ.get("HUB_PROVE"))
RUNS = {"in_force": (2_000, 50) if PROVE else (40, 20), "invented": (2_000, 50) if PROVE else (60, 20)}
"""How many worlds of each kind, and how many cases in each: 2,000 cases, or 200,000."""
OTHERS = {"hub", "schemas", "connectors", "tests", "importlib"}
UNSURE = ("probable", "possible", UNKNOWN)
RULES = {
    "released", "view.doubt", "sealed.adoption", "sealed.legal-hold", "sealed.restricted", "sealed.conflict", "expires",
    "hears", "gate.restriction", "gate.objection.raised", "gate.objection.upheld", "gate.opt-out.opted-out",
    "gate.opt-out.unknown", "error",
    *(f"gate.consent.{why}" for why in (
        "absent", "refused", "withdrawn", "sought", "not-sought", "not-yet", "lapsed", "by-nobody", "age-unknown",
        "not-by-young-person",
    )),
    *(f"gate.significant-harm.{why}" for why in ("unrecorded", "no-reason", "no-author", "no-recorded", "not-yet")),
    *(f"gate.contact-stage.{why}" for why in ("past", "absent", "no-consent-nor-override")),
    *(f"match.{word}" for word in UNSURE), *(f"fields.match.{word}" for word in UNSURE),
    "fields.address", "fields.opt-out", "fields.text.unapproved",
    "not-granted (field)", "whole (field)", "address (field)", "opt-out (field)", "text.unapproved (field)",
    *(f"match.{word} (field)" for word in UNSURE),
    *(f"{word} (field)" for word in (
        "year", "month", "age_band", "outward_postcode", "initial", "initials", "present", "count_band",
    )),
}  # fmt: skip
"""Every rule there is, but for those that name a field, of which some must have occurred too."""


@pytest.fixture(scope="module")
def found() -> list[compare.Found]:
    """What the runs found; on all processors where they are long."""
    if not PROVE:
        return [compare.run(kind, range(worlds), each) for kind, (worlds, each) in RUNS.items()]
    parts = [
        (kind, range(start, min(start + 25, worlds)), each)
        for kind, (worlds, each) in RUNS.items()
        for start in range(0, worlds, 25)
    ]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as workers:
        return list(workers.map(compare.run, *zip(*parts, strict=True)))


def test_engine_and_reference_agree_to_the_byte(found):
    """Records, rules, grounds, receipts, and the verdict on each field."""
    differences = [one.difference for one in found if one.difference]
    if differences:
        pytest.fail("engine, not reference: " + "; ".join(differences[:5]))

    assert sum(one.cases for one in found) == sum(worlds * each for worlds, each in RUNS.values())
    assert sum(one.released for one in found) > sum(one.decisions for one in found) // 10


def test_every_rule_occurred(found):
    """So that agreement is about all of them."""
    counted = sum((one.rules for one in found), Counter[str]())

    assert not RULES - counted.keys()
    assert any(rule.startswith("where.") for rule in counted)
    assert any(rule.startswith("address.") for rule in counted)
    named = {rule for rule in counted if rule.startswith(("where.", "address."))}
    assert not counted.keys() - RULES - named


def test_the_reference_shares_nothing_with_the_gate():
    """It imports no module of the hub, so that one mistake cannot be on both sides."""
    own = sorted(Path(naive.__file__).parent.glob("*.py"))
    assert len(own) > 1
    for path in own:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2, "what lies outside of the reference is not its own"
                if node.level == 0:
                    imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}

        assert not {name for name in imported if name.split(".")[0] in OTHERS}
        assert "__import__" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_the_stream_that_has_everything_is_frozen_as_it_is_declared():
    """The reference reads the frozen schema, the engine the model."""
    assert naive.schema_of(everything.stream) == schema_of(everything.stream)
