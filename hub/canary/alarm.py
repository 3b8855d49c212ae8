"""Alarms: what can be wrong with a canary, and how one agency fared with those of one stream; no value is ever told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["leak", "missing", "receipt", "unmarked", "policy"]
"""
What can be wrong: something came that was not to come; something did not that was to; the receipts say otherwise, or
nothing; a canary came without the mark by which its reader knows it, and might act on it; or it was decided by another
version of the policy than the one that is looked at here.
"""
HEADERS = frozenset({
    "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "traceparent", "content-type", "ce_hubsynthetic",
    "ce_hubaddress",
})  # fmt: skip


class Alarm(NamedTuple):
    """Something is wrong: with what of which canary, a field's path or a part of a record; never a value."""

    kind: Kind
    agency: str
    stream: str
    place: str
    way: str


@dataclass(slots=True)
class Tally:
    """How one agency fared with the canaries of one stream; *seconds* is how long the last one took to come."""

    sent: int = 0
    arrived: int = 0
    withheld: int = 0
    alarms: Counter[Kind] = field(default_factory=Counter)
    seconds: float = 0.0
