"""Limits: what of a granted event is kept back from this one event; the grant itself is written in the policy."""

from __future__ import annotations

from collections.abc import Mapping

from hub.case import Case
from hub.gates import moment
from hub.policy import Grant
from hub.stream import Sensitivity, Stream, pick
from hub.view import Known

NONE: Mapping[str, str] = {}
UNCERTAIN, UNKNOWN = ("probable", "possible"), "unknown"
"""Any other word is no part of a rule's name, which stands in the open."""


class Limits:
    """
    What may have to be kept back of what one grant of one stream lets through.

    `address`: where the child can be found, while that is confidential; where the stream can carry the mark, only a
    `False` that was said lets an address through. `opt-out`: what goes beyond name, address and date of birth, where
    the family opted out (Education and Skills Act 2008 s.14). `match`: all but a pointer, where it is not certain
    that the child is the one who is meant. `text`: free text that no named person released.
    """

    def __init__(self, stream: Stream, grant: Grant) -> None:
        facts = {fact.name: fact for fact in stream.facts()}
        granted = (*grant.fields, *grant.coarse)
        kinds = {path: facts[path].sensitivity for path in granted if path in facts}
        self._stream, self._granted = stream, frozenset(granted)
        self._addresses = tuple(path for path, kind in kinds.items() if kind is Sensitivity.CONTACT)
        self._texts = tuple(path for path, kind in kinds.items() if kind is Sensitivity.NARRATIVE)
        self._beyond_opt_out = tuple(path for path in granted if path not in grant.even_if.opted_out)
        self._beyond_pointer = tuple(path for path in granted if path not in grant.even_if.uncertain)
        self._can_opt_out = grant.gate == "opt-out"
        self.never = not (self._addresses or self._texts or self._can_opt_out or stream.match)
        """Whether nothing of this grant is ever kept back."""

    def of(self, case: Case) -> Mapping[str, str]:
        """The granted leaves that are kept back of this event, each with the name of its limit."""
        if self.never:
            return NONE
        kept: dict[str, str] = {}
        if self._texts:
            kept |= dict.fromkeys(self._unapproved(case), "text.unapproved")
        if (match := self._match(case)) is not None:
            kept |= dict.fromkeys(self._beyond_pointer, f"match.{match}")
        if case.known.standings:
            kept |= self.of_child(case.known)
        if self._addresses and self._marked(case):
            kept |= dict.fromkeys(self._addresses, "address")
        return kept or NONE

    def of_child(self, known: Known) -> Mapping[str, str]:
        """Those that are kept back of every event of a child of whom so much is *known*."""
        kept: dict[str, str] = {}
        if self._can_opt_out and any(standing["opted_out"] for standing in known.standings):
            kept |= dict.fromkeys(self._beyond_opt_out, "opt-out")
        if self._addresses and any(standing["address_confidential"] for standing in known.standings):
            kept |= dict.fromkeys(self._addresses, "address")
        return kept

    def nothing_left(self, kept: Mapping[str, str]) -> str:
        """The rule that withholds an event of which everything is *kept* back; empty where something is left."""
        if not kept.keys() >= self._granted:
            return ""
        limits = set(kept.values())
        match = next((limit for limit in sorted(limits) if limit.startswith("match.")), "")
        return match or ("gate.opt-out.opted-out" if "opt-out" in limits else f"fields.{min(limits)}")

    def _match(self, case: Case) -> str | None:
        if self._stream.match is None:
            return None
        said = pick(case.values, self._stream.match)
        return None if said == "certain" else said if said in UNCERTAIN else UNKNOWN

    def _marked(self, case: Case) -> bool:
        mark = self._stream.confidential
        return mark is not None and pick(case.values, mark) is not False

    def _unapproved(self, case: Case) -> list[str]:
        listed = pick(case.values, self._stream.approvals) if self._stream.approvals is not None else None
        approved = {
            one["field"]
            for one in listed or ()
            if one["by"] and (at := moment(one["approved_at"])) is not None and at <= case.now
        }
        return [path for path in self._texts if path not in approved]


def paths(stream: Stream) -> tuple[str, ...]:
    """The fields that limits look at."""
    marks = [mark for mark in (stream.confidential, stream.match) if mark is not None]
    if stream.approvals is not None:
        marks += [f"{stream.approvals}.{part}" for part in ("field", "by", "approved_at")]
    return tuple(marks)
