"""Ways: how a canary may differ from one that every gate lets through; what follows from it is worked out elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.stream import Sensitivity, Stream

Told = Literal[
    "", "withdrawn", "objection", "restriction", "opted-out", "restricted", "confidential", "conflict", "legal-hold",
    "adopted",
]  # fmt: skip
"""What the hub is told of a canary's child before the event; empty for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """
    What a canary says of itself where decisions look; a stream that has no place for it does not say it.

    *consent* is what the family answered, *override* whether the decision to share without consent has its reason,
    *told* what was said of the child beforehand, and *not_where* a field at which no policy's `where` holds.
    """

    name: str
    restricted: bool | None = False
    conflict: bool = False
    certain: bool = True
    confidential: bool = False
    approved: bool = True
    consent: Literal["given", "refused"] = "given"
    override: Literal["sound", "void", "none"] = "sound"
    at_contact: bool = True
    told: Told = ""
    not_where: str = ""


OPEN = Way(name="open")
_OF_THE_EVENT = (
    Way(name="restricted", restricted=True),
    Way(name="restricted-unsaid", restricted=None),
    Way(name="conflict", conflict=True),
    Way(name="uncertain", certain=False),
    Way(name="confidential", confidential=True),
    Way(name="unapproved", approved=False),
    Way(name="refused", consent="refused", override="none"),
    Way(name="void-override", consent="refused", override="void"),
    Way(name="overridden", consent="refused"),
    Way(name="past-contact", at_contact=False),
)
_OF_THE_CHILD: tuple[Way, ...] = (
    Way(name="told-withdrawn", told="withdrawn", override="none"),
    Way(name="told-objection", told="objection", override="none"),
    Way(name="told-restriction", told="restriction", override="none"),
    Way(name="told-opted-out", told="opted-out"),
    Way(name="told-restricted", told="restricted"),
    Way(name="told-confidential", told="confidential"),
    Way(name="told-conflict", told="conflict"),
    Way(name="told-legal-hold", told="legal-hold"),
    Way(name="told-adopted", told="adopted"),
)


def ways_of(stream: Stream, where: frozenset[str]) -> list[Way]:
    """
    The ways in which *stream* can say that something is not as it should be.

    *where* are the fields that some policy's `where` names.
    """
    ways = [way for way in _OF_THE_EVENT if _can_say(way, stream)]
    ways += [Way(name=f"not-where:{path}", not_where=path) for path in sorted(where)]
    return [*ways, *(_OF_THE_CHILD if stream.subject else ())]


def _can_say(way: Way, stream: Stream) -> bool:
    facts = {fact.name: fact for fact in stream.facts()}
    if way.restricted is None:
        return stream.restricted is not None and facts[stream.restricted].optional
    texts = any(fact.sensitivity is Sensitivity.NARRATIVE and fact.record is None for fact in facts.values())
    needs = {
        "restricted": stream.restricted,
        "conflict": stream.conflicts,
        "uncertain": stream.match,
        "confidential": stream.confidential,
        "unapproved": stream.approvals if texts else None,
        "refused": stream.consent or stream.override,
        "void-override": stream.override,
        "overridden": stream.override,
        "past-contact": stream.stage,
    }
    return needs[way.name] is not None
