"""Streams and their events: what can be said, in typed words; who says or hears it is elsewhere."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict

Lane = Literal["urgent", "routine"]
Kind = Literal["nhs_number", "upn", "case_id"]
"""What an identifier is: the NHS's, the Department for Education's, or the number in the authority's case system."""


class Local(NamedTuple):
    """
    An identifier that somebody else than a nation or the authority gave out: a hospital's number, a school's.

    It stands at *path* and is only unique with whoever gave it out, who is named at the first of *within* that says so.
    """

    kind: str
    path: str
    within: tuple[str, ...] = ()


class Sensitivity(StrEnum):
    """How much a field can hurt; every field of every stream carries one, in its `Annotated` metadata."""

    OPEN = "open"  # says nothing about a person by itself: a code list's version, a school's number
    PERSONAL = "personal"  # UK GDPR article 4(1)
    IDENTIFIER = "identifier"  # finds one person in somebody's system: NHS number, UPN, local id
    CONTACT = "contact"  # where a person can be found: address, postcode, telephone
    SPECIAL = "special"  # UK GDPR article 9, and all that only a case file knows
    CRIMINAL = "criminal"  # UK GDPR article 10
    NARRATIVE = "narrative"  # free text: could say anything about anyone


class Event(BaseModel):
    """One thing that happened, or a part of one: frozen, closed, and silent about its values in errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        str_max_length=20_000,
    )


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of an event, wherever it lies: *path* from the root, *kind* its bare type."""

    path: tuple[str, ...]
    kind: Any
    optional: bool
    repeated: bool
    sentence: str
    sensitivity: Sensitivity | None

    @property
    def name(self) -> str:
        """The path as policies write it."""
        return ".".join(self.path)

    @property
    def record(self) -> type[Event] | None:
        """The model of a field that has fields of its own."""
        return self.kind if isinstance(self.kind, type) and issubclass(self.kind, Event) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """
    One kind of event and how it is kept.

    *key* lists the paths that may name the subject, best first; the first one present in an event gives the
    Kafka key, so that all that is said of one child by one identifier stays in order. An identifier that is only unique
    within something else is written behind it: `school_urn/pupil.local_id`. *lane* parts what cannot wait from
    what can; *keep* is a word of `topics/keeping.yaml`; *steward* is who answers for the stream.

    The rest are paths at which decisions find what they look at. *subject* are all identifiers of the child, each with
    its kind, by which what is known of the child is found (`hub.view`); *born* and *expected* tell their age.
    *consent*, *override* and *stage* are a gate's (`hub.gates`). *restricted* seals an event from everyone and
    *conflicts* from those it lists (`hub.seals`). *confidential* keeps back where the child can be found, *match* all
    but a pointer where it is not certain who the child is, *approvals* free text that nobody released (`hub.limits`).

    What the identity index looks at (`hub.identity`): *also* are the child's other identifiers; *verified* tells
    whether the NHS number was traced; *merged* pairs each identifier that a merge discards with the one that survives
    it, and *superseded* the number that was withdrawn with those that took its place. An event with room for a
    `hub.identified.Identified`, at *identified*, is carried by the NHS number that the index knows.
    """

    name: str
    event: type[Event]
    key: tuple[str, ...]
    keep: str
    steward: str
    version: int = 1
    lane: Lane = "routine"
    subject: tuple[tuple[Kind, str], ...] = ()
    born: str | None = None
    expected: str | None = None
    consent: str | None = None
    override: str | None = None
    stage: str | None = None
    restricted: str | None = None
    conflicts: str | None = None
    confidential: str | None = None
    match: str | None = None
    approvals: str | None = None
    also: tuple[Local, ...] = ()
    verified: str | None = None
    merged: tuple[tuple[str, str], ...] = ()
    superseded: tuple[str, str] | None = None
    identified: str | None = None

    @property
    def topic(self) -> str:
        """The stream's own topic: `<stream>.v<N>`, hyphens within a part because `.` and `_` collide in Kafka."""
        return f"{self.name.replace('_', '-')}.v{self.version}"

    def topic_to(self, agency: str) -> str:
        """The topic on which *agency* hears this stream."""
        return f"{self.topic}.to.{agency.replace('_', '-')}"

    def facts(self) -> Iterator[Fact]:
        """Every field of the event, records before their parts."""
        return facts_of(self.event)


def facts_of(model: type[Event], above: tuple[str, ...] = ()) -> Iterator[Fact]:
    """Walk *model* field by field, into records and lists of records."""
    for name, info in model.model_fields.items():
        kind, optional, repeated = unwrap(info.annotation)
        sensitivity = next((m for m in info.metadata if isinstance(m, Sensitivity)), None)
        fact = Fact((*above, name), kind, optional, repeated, info.description or "", sensitivity)
        yield fact
        if fact.record is not None:
            yield from facts_of(fact.record, fact.path)


def unwrap(annotation: Any) -> tuple[Any, bool, bool]:
    """The bare type of an annotation, whether it may be None, and whether it is a tuple of many."""
    optional = repeated = False
    while True:
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in (Union, types.UnionType) and type(None) in args:
            rest = [arg for arg in args if arg is not type(None)]
            if len(rest) != 1:
                raise TypeError(f"{annotation}: a field has one type, or one type and None")
            annotation, optional = rest[0], True
        elif origin is tuple and len(args) == 2 and args[1] is Ellipsis:
            annotation, repeated = args[0], True
        elif hasattr(annotation, "__metadata__"):
            annotation = args[0]
        else:
            return annotation, optional, repeated


def pick(values: Mapping[str, Any] | Event | None, path: str) -> Any:
    """The value at *path* in an event or its nested values, or None where any part of the way is absent."""
    here: Any = values
    for part in path.split("."):
        if isinstance(here, Mapping):
            here = here.get(part)
        elif isinstance(here, Event):
            here = getattr(here, part, None)
        else:
            return None
    return here
