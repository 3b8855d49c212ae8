"""Engine against reference, case by case: the first difference is told by seed, agency, stream and part."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from hub import catalog as catalogs
from hub.agency import Agency
from hub.avro import granted_schemas, schema_of
from hub.case import Case as Asked
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.keys import Keys
from hub.outbound import Desk
from hub.policy import Policy, Withheld, decide
from hub.view import View

from . import generate, naive

STRANGERS = ("no_agreement", "another_stream")


class Found(NamedTuple):
    """What a run found: how many *decisions*, which *rules*, and the first *difference*, or ""."""

    cases: int
    decisions: int
    released: int
    rules: Counter[str]
    difference: str


@cache
def _catalog() -> Catalog:
    return catalogs.load()


@cache
def _keys() -> Keys:
    return Keys(generate.SECRET)


def catalog_of(world: generate.World) -> tuple[Catalog, dict[str, Any]]:
    """The catalog of a world, and the lock by which its records are written."""
    catalog, lock = _catalog(), naive.lock()
    if world.agreed is not generate.real():
        agencies = {
            name: Agency.model_validate(card).model_copy(update={"key": name})
            for name, (card, _) in world.agreed.items()
        }
        policies = {name: Policy.model_validate(policy) for name, (_, policy) in world.agreed.items()}
        wanted = {
            world.stream.topic_to(name): granted_schemas(world.stream, policy.hears[world.stream.name])[1]
            for name, policy in policies.items()
        }
        locked = catalog.lock.with_subjects(wanted | {world.stream.topic: schema_of(world.stream)})
        catalog = dataclasses.replace(catalog, agencies=agencies, policies=policies, lock=locked)
        lock = {entry["subject"]: (entry["id"], entry["schema"]) for entry in locked.entries}
    return catalog, lock


def run(kind: str, seeds: range, each: int) -> Found:
    """All cases of the worlds of *kind* ("in_force" or "invented") with *seeds*, *each* as many."""
    draw = getattr(generate, kind)
    streams = dict(_catalog().streams)
    cases = decisions = released = 0
    rules: Counter[str] = Counter()
    for seed in seeds:
        world = draw(seed, streams)
        catalog, lock = catalog_of(world)
        desk = Desk(catalog, world.stream, _keys())
        reference = naive.Reference(world.stream, generate.SECRET, world.agreed, lock)
        drawn = generate.Cases(world)
        for number in range(each):
            case = drawn.case(number)
            expected = reference.judge(case.values, case.papers, case.key, case.said, case.now)
            view = view_of(case)
            place = f"{world.seed}, case {number}, {world.stream.name}"
            part = told_apart(expected, catalog, desk, case, view)
            part = part or strangers(reference, case, view, world.today, rules)
            if part:
                return Found(cases, decisions, released, rules, f"{place}: {part}")
            cases += 1
            decisions += len(expected)
            for answer in expected.values():
                rules[answer["rule"] or "released"] += 1
                released += not answer["rule"]
                if not answer["rule"]:
                    rules.update({f"{rule or 'whole'} (field)" for _, rule in answer["fields"].values()})
    return Found(cases, decisions, released, rules, "")


def view_of(case: generate.Case) -> View:
    """What was said of children, as the engine keeps it."""
    view = View()
    for word in case.said:
        if word["values"] == "unreadable":
            view.unreadable(word["key"])
        else:
            view.take(word["key"], word["values"], word["id"], word["at"])
    return view


def told_apart(expected: dict[str, dict], catalog: Catalog, desk: Desk, case: generate.Case, view: View) -> str:
    """The part in which engine and reference differ about a case, "" where they do not."""
    papers = case.papers
    envelope = Envelope(papers["id"], "/tests", desk.stream.topic, papers["time"], traceparent(papers["id"]))
    if papers["synthetic"]:
        envelope = dataclasses.replace(envelope, synthetic=True)
    value = catalog.codec(desk.stream).encode(case.values)
    carried = desk.carry(Record(desk.stream.topic, case.key, value, envelope.headers()), now=case.now, view=view)
    receipts = {receipt.agency: receipt for receipt in carried.receipts}
    records = {record.topic: record for record in carried.records}
    if list(receipts) != list(expected):
        return f"receipts for {list(receipts)}, not {list(expected)}"
    for agency, answer in expected.items():
        receipt, topic = receipts[agency], desk.stream.topic_to(agency)
        if receipt.rule != answer["rule"]:
            return f"{agency}: the rule is {receipt.rule!r}, not {answer['rule']!r}"
        if receipt.outcome.relied != answer["relied"]:
            return f"{agency}: relied on {receipt.outcome.relied!r}, not {answer['relied']!r}"
        fields = {path: (verdict, rule) for path, verdict, rule in receipt.outcome.fields}
        for path in {**answer["fields"], **fields}:
            if fields.get(path) != answer["fields"].get(path):
                return f"{agency}: field {path} is {fields.get(path)}, not {answer['fields'].get(path)}"
        if sorted(receipt.standing) != sorted(answer["standing"]):
            return f"{agency}: {len(receipt.standing)} standing words, not {len(answer['standing'])}"
        sent, mine = records.get(topic), answer["record"]
        if (sent is None) != (mine is None):
            return f"{agency}: {'no' if sent is None else 'a'} record"
        if sent is None:
            continue
        for part in ("topic", "key", "value", "headers"):
            theirs = list(sent.headers) if part == "headers" else getattr(sent, part)
            if theirs != mine[part]:
                return f"{agency}: the record's {part}"
        if (receipt.message, receipt.sent) != (mine["message"], mine["sent"]):
            return f"{agency}: what the receipt says of the record"
    due = sum(answer["record"] is not None for answer in expected.values())
    return "more records than are due" if len(carried.records) != due else ""


def strangers(reference: naive.Reference, case: generate.Case, view: View, today: date, rules: Counter[str]) -> str:
    """The same of agencies that have no agreement about the stream; counts what they were told in *rules*."""
    stream, values = reference.stream, case.values
    words, doubt = reference.known(values, case.key, case.said)
    names = [(kind, naive.at_path(values, path)) for kind, path in stream.subject if naive.at_path(values, path)]
    known = view.known(case.key, names, reference.keys_of(values))
    silent = Policy(agreement="ISA-0000-000", expires=today, hears={})
    for agency, policy in zip(STRANGERS, (None, silent), strict=True):
        asked = Asked(values, stream, agency, "", case.papers["time"], case.now, known)
        decision = decide(asked, policy)
        last = None if policy is None else policy.expires
        rule = reference.stranger(agency, last, values, case.papers, words, doubt, case.now)
        if not isinstance(decision, Withheld) or decision.rule != rule:
            return f"{agency}: {decision}, not {rule!r}"
        rules[rule] += 1
    return ""
