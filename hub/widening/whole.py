"""
What was kept back together: a limit takes more with it than it is about, and less where a policy was shortened.

Where `hub.limits` keeps back a field that the recipient's schema cannot do without, the record around it goes too, or
the whole event. So taking that field out of a grant lets the rest through, which nobody heard before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.avro import granted_schemas
from hub.coarse import WORDS
from hub.policy import Grant
from hub.projection import NothingFits, cut
from hub.stream import Sensitivity, Stream
from hub.widening.change import About, Change

LIMITS: Mapping[str, str] = {
    "address": "where the child can be found is confidential",
    "match": "it is not certain who the child is",
    "opt-out": "the family opted out",
    "text": "nobody released the text {}",
}
"""The limits of `hub.limits`, and when each keeps something back."""
Kept = Mapping[tuple[str, str], frozenset[str]]
"""By limit, and text where it is about one, the granted fields."""


def freed(old: Grant, new: Grant, stream: Stream, about: About) -> Iterator[Change]:
    """The fields that were kept back only together with another, which *new* does not grant any more."""
    kept, granted = _kept(old, stream), {*new.fields, *new.coarse}
    before, after = _lost(kept, old, stream), _lost(_kept(new, stream), new, stream)
    for limit, gone in before.items():
        if some := sorted((gone - kept[limit] - after.get(limit, frozenset())) & granted):
            which = f"{some[0]}{f' and {len(some) - 1} more' if len(some) > 1 else ''}"
            said = LIMITS[limit[0]].format(limit[1])
            what = f"{which} heard even if {said}: kept back before, with what is not granted any more"
            yield about.change("freed", what, "fields", widens=True)


def _kept(grant: Grant, stream: Stream) -> Kept:
    """What each limit keeps back by itself."""
    kinds = {fact.name: fact.sensitivity for fact in stream.facts() if fact.record is None}
    granted = frozenset(path for path in (*grant.fields, *grant.coarse) if path in kinds)
    kept = {("address", ""): frozenset(path for path in granted if kinds[path] is Sensitivity.CONTACT)}
    if stream.match is not None:
        kept["match", ""] = granted.difference(grant.even_if.uncertain)
    if grant.gate == "opt-out":
        kept["opt-out", ""] = granted.difference(grant.even_if.opted_out)
    texts = (path for path in granted if kinds[path] is Sensitivity.NARRATIVE)
    return {**kept, **{("text", path): frozenset([path]) for path in texts}}


def _lost(kept: Kept, grant: Grant, stream: Stream) -> Kept:
    """What goes with it: all in the records that cannot be said without it, or the whole event."""
    known = {fact.name for fact in stream.facts() if fact.record is None}  # an older policy may name others
    fields = tuple(path for path in grant.fields if path in known)
    coarse = {path: word for path, word in grant.coarse.items() if path in known and word in WORDS}
    granted = frozenset((*fields, *coarse))
    if not granted:
        return {}
    schema = granted_schemas(stream, grant.model_copy(update={"fields": fields, "coarse": coarse}))[1]
    return {limit: _with(schema, leaves & granted, granted) for limit, leaves in kept.items()}


def _with(schema: Any, leaves: frozenset[str], granted: frozenset[str]) -> frozenset[str]:
    try:
        nodes = cut(schema, leaves)
    except NothingFits:
        return granted
    return frozenset(path for path in granted if any(path == one or path.startswith(f"{one}.") for one in nodes))
