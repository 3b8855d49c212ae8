"""Asking: a decision as the row of questions that led to it, with their answers; it was the gate that decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hub.disclosure import NOT_GRANTED, Outcome
from hub.explain import LIMITS, in_words
from hub.policy import Grant


class Asked(NamedTuple):
    """One question: *what* was asked, and whether it *passed*; None where it was not asked any more."""

    what: str
    passed: bool | None
    answer: str


def asked(outcome: Outcome, grant: Grant, addressed_by: str | None) -> tuple[Asked, ...]:
    """Every question of `hub.policy.decide` and of the route, in their order, up to the first that said no."""
    found, stopped = list[Asked](), False
    for what, rules, answer in _questions(outcome, grant, addressed_by):
        if stopped:
            found.append(Asked(what, None, "not asked any more"))
            continue
        stopped = any(outcome.rule == rule or outcome.rule.startswith(f"{rule}.") for rule in rules)
        said = f"{in_words(outcome.rule, grant)} (rule {outcome.rule})" if stopped else answer
        found.append(Asked(what, not stopped, said))
    if outcome.rule and not stopped:
        found.append(Asked("the decision itself", False, f"{in_words(outcome.rule, grant)} (rule {outcome.rule})"))
    return tuple(found)


def _questions(outcome: Outcome, grant: Grant, addressed_by: str | None) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Each question, the rules by which it says no, and what it says else."""
    yield "doubt", ("view.doubt",), "nothing said of the child is unreadable"
    yield "seal", ("sealed",), "no seal: adoption, legal hold, conflict, restriction"
    yield "expiry", ("expires",), "the agreement still runs"
    yield "hears", ("hears",), f"the policy lets it hear {outcome.stream}"
    yield f"gate {grant.gate}", ("gate",), f"open; relied on: {outcome.relied}"
    for path, values in grant.where.items():
        yield f"where {path}", (f"where.{path}",), f"is {' or '.join(map(str, values))}"
    if addressed_by is not None:
        yield "address", ("address",), f"{addressed_by} says whom"
    limits = sorted({one.rule for one in outcome.fields if one.rule in LIMITS and one.verdict == "withheld"})
    kept = "; ".join(f"{one}: {LIMITS[one]}" for one in limits)
    yield "limits", ("match", "opt-out", *(f"fields.{one}" for one in LIMITS)), kept or "none keeps anything back"
    yield "second check", ("fields",), "what leaves is, byte for byte, what the policy's words come to"


def heard(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    """Each field that the policy names, with what became of it."""
    return tuple(
        (one.path, f"{one.verdict} to {one.rule}" if one.verdict == "coarsened" else
         f"withheld: {LIMITS[one.rule]}" if one.rule in LIMITS else one.verdict)
        for one in outcome.fields
        if one.rule != NOT_GRANTED
    )  # fmt: skip
