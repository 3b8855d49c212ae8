"""Leave: whether what was released may still leave the hub, asked anew before each attempt; it parks nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hub.catalog import Catalog
from hub.parcel import Group
from hub.store.entries import Lane, Parked


def shut(catalog: Catalog, lane: Lane, now: datetime) -> str | None:
    """
    The rule by which nothing of *lane* may leave any more, or None; the words are those of `hub.policy.decide`.

    `expires`: the agreement's last day is over. `hears`: no policy grants the stream. What was released before waits
    for the end of a period or for a shut door, and the agreement under which it would go may end meanwhile.
    """
    policy = catalog.policies.get(lane.agency)
    if policy is None:
        return "hears"
    if policy.ended(now):
        return "expires"
    return None if lane.stream in policy.hears else "hears"


def withheld(rule: str, groups: Sequence[Group]) -> list[Parked]:
    """The *groups* parked under *rule*; each whole, since a file without one of its messages would be another."""
    return [Parked(tuple(row.message_id for row in group.rows), rule) for group in groups]
