"""The relay's counts: what was decided and committed, by agency, stream and rule; by the batch, and only then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from hub import readiness
from hub.catalog import Catalog
from hub.disclosure import Outcome, Receipt
from hub.labels import closed_sets
from hub.metrics import close, closed, families, folded

SECOND_CHECK = "fields.notpermitted"
"""The rule of what `hub.second_check.NotPermitted` kept back."""


class Counts(NamedTuple):
    """What a batch gave: how often each *outcome*, canaries left out, and the streams of those set *aside*."""

    outcomes: Sequence[tuple[Outcome, int]]
    aside: Sequence[str]


def counted(receipts: Sequence[Receipt], aside: Sequence[str]) -> Counts:
    """The counts of a batch; alike outcomes are one object (hub.route), and are told apart by that alone."""
    alike = Counter([id(receipt[1]) for receipt in receipts if not receipt[6]])
    outcomes = {id(receipt[1]): receipt[1] for receipt in receipts} if alike else {}
    return Counts([(outcomes[identity], count) for identity, count in alike.items()], aside)


def in_force(catalog: Catalog, lane: str) -> None:
    """Say by which policies *lane* decides from now on."""
    if not closed("process"):
        return  # nothing is counted here
    close(closed_sets(catalog))
    families.GIVEN_UP.of(lane=lane)
    families.POLICY.forget()
    for key, policy in catalog.policies.items():
        if catalog.agencies[key].status != "trial":
            families.POLICY.of(agency=key, version=policy.version).set(1)
            for stream in policy.hears:  # told as none from the start, so that the first one is seen as a rise
                families.NOT_PERMITTED.of(agency=key, stream=stream)


def committed(lane: str, events: int, seconds: float, counts: Counts) -> None:
    """Count a batch that Kafka has committed; *seconds* is how long its transaction took."""
    readiness.OWN.has("kafka")
    families.EVENTS.of(lane=lane).inc(events)
    families.BATCH.of(lane=lane).observe(seconds)
    for one, count in counts.outcomes:
        rule = folded("rule", one.rule.partition(".")[0])
        families.DECISIONS.of(agency=one.agency, stream=one.stream, verdict=one.verdict, rule=rule).inc(count)
        if one.rule == SECOND_CHECK:
            families.NOT_PERMITTED.of(agency=one.agency, stream=one.stream).inc(count)
    for stream, count in Counter(counts.aside).items():
        families.RELAY_ASIDE.of(stream=stream).inc(count)


def given_up(lane: str) -> None:
    """Count a transaction that came to nothing; until the next one is committed the relay is not ready."""
    families.GIVEN_UP.of(lane=lane).inc()
    readiness.OWN.lacks("kafka", "a transaction was given up, and none was committed since; it is tried again")
