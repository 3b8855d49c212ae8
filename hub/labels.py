"""Labels: which values each label of a metric may have, all from the catalog and from words of the code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from hub import codes
from hub.agency import Road
from hub.catalog import Catalog
from hub.stream import Lane

PROCESSES = (
    "gateway", "watches", "relay.urgent", "relay.routine", "couriers.urgent", "couriers.routine", "canaries", "ops",
)  # fmt: skip
"""Every process, in the order of their ports from HUB_HEALTH_PORT on."""
RULES = frozenset({
    "", "view", "sealed", "expires", "hears", "gate", "where", "address", "match", "fields", "error", "unreadable",
    "other",
})  # fmt: skip
"""The first words of the rules that withhold: which order sealed a child is for receipts, and not for a counter."""
ALARMS = ("leak", "missing", "receipt", "unmarked", "policy")
OUTCOMES = frozenset({
    "accepted", "refused", "again", "failed",  # how the sender of a message was answered
    "events", "set_aside", "queried",  # what came of it, with "refused"
    "acknowledged", "handed", "parked",  # how an attempt ended, with "again"
    "settled", "heard_before", "unknown", "ambiguous",  # what came of a partner's word, with "again"
    "same", "richer", "missing", "different", "extra", "doubted", "unreadable",  # a watch's memory beside its topic
})  # fmt: skip


def closed_sets(catalog: Catalog) -> Mapping[str, frozenset[str]]:
    """By label, its values: those that *catalog* knows today, and the code's own words."""
    agencies = catalog.agencies.values()
    return {
        "process": frozenset(PROCESSES),
        "agency": frozenset({*catalog.agencies, ""}),
        "stream": frozenset({*catalog.streams, ""}),
        "line": frozenset(line for agency in agencies for line in agency.says),
        "lane": frozenset(get_args(Lane)),
        "road": frozenset(get_args(Road)),
        "watch": frozenset(catalog.watches),
        "version": frozenset(policy.version for policy in catalog.policies.values()),
        "code": codes.known() | {"other"},
        "outcome": OUTCOMES,
        "verdict": frozenset({"released", "withheld"}),
        "rule": RULES,
        "kind": frozenset(ALARMS),
    }
