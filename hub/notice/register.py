"""The register: who receives what, why, on what ground and how long, as it follows from policies and notice; pure."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from hub.agency import Agency
from hub.catalog import Catalog
from hub.errors import CatalogError
from hub.notice import words
from hub.policy import Grant, Policy
from hub.promises import Notice
from hub.stream import Fact, Stream

State = Literal["live", "trial", "ended"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: *about* what or whom it is, its *sentence*, and *exactly* how it is heard; nothing where it is not."""

    path: str
    about: str
    sentence: str
    exactly: str
    category: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What a stream is, in words: its *title* and what it *says*."""

    stream: str
    title: str
    says: str


@dataclass(frozen=True, slots=True)
class Flow:
    """
    One grant in words.

    Besides what is *heard* stands what is *told*: that an event is shared at all tells what `where` asks of it. *kept*
    is how long the hub keeps what it published for them, *held* its own copy.
    """

    agency: str
    recipient: str
    subject: Subject
    section: str
    because: str
    gate: str
    gate_says: str
    conditions: tuple[str, ...]
    limits: tuple[str, ...]
    law: tuple[str, ...]
    article6: str
    article9: str
    schedule1: str
    statute: str
    people: tuple[str, ...]
    categories: tuple[str, ...]
    heard: tuple[Field, ...]
    told: tuple[Field, ...]
    not_heard: tuple[Field, ...]
    agreement: str
    until: str
    kept: str
    held: str
    state: State


@dataclass(frozen=True, slots=True)
class Entry:
    """One section of the notice, and the flows under it as `agency/stream`."""

    heading: str
    promises: str
    no_flow: str
    flows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """
    Everything that follows. *unheard* are the streams of which nobody hears, *kept_back* the fields that nobody hears.

    *version* is a hash of all the rest: it stays the same as long as nothing changed.
    """

    notice: Notice
    flows: tuple[Flow, ...]
    sections: tuple[Entry, ...]
    unheard: tuple[Subject, ...]
    kept_back: tuple[tuple[Subject, tuple[Field, ...]], ...]
    version: str = ""

    def of_agency(self) -> Mapping[str, list[Flow]]:
        """The flows by recipient."""
        found: dict[str, list[Flow]] = {}
        for flow in self.flows:
            found.setdefault(flow.agency, []).append(flow)
        return found

    def as_json(self) -> dict[str, Any]:
        """As JSON's values; the notice's sections stand once, with the flows under them."""
        return {
            "version": self.version,
            "notice": self.notice.model_dump(mode="json", exclude={"sections"}),
            "flows": [asdict(flow) for flow in self.flows],
            "sections": [asdict(entry) for entry in self.sections],
            "unheard": [asdict(subject) for subject in self.unheard],
            "kept_back": [{**asdict(subject), "fields": [asdict(one) for one in fields]}
                          for subject, fields in self.kept_back],
        }  # fmt: skip


def register(catalog: Catalog, *, now: datetime) -> Register:
    """
    What *catalog*, which `hub check` finds sound, tells the public at *now*.

    The time decides only which agreements have ended. Raises CatalogError where the notice could not be read.
    """
    if catalog.notice is None:
        raise CatalogError(["connectors/notice.yaml could not be read: run `hub check`"])
    flows = tuple(
        _flow(catalog.agencies[agency], policy, catalog.streams[name], grant, catalog, now)
        for agency, policy in catalog.policies.items()
        for name, grant in policy.hears.items()
    )
    sections = tuple(
        Entry(
            heading,
            section.promises,
            section.no_flow or "",
            tuple(f"{flow.agency}/{flow.subject.stream}" for flow in flows if flow.section == heading),
        )
        for heading, section in catalog.notice.sections.items()
    )
    heard: dict[str, set[str]] = {name: set() for name in catalog.streams}
    for flow in flows:
        if flow.state == "live":
            heard[flow.subject.stream].update(field.path for field in (*flow.heard, *flow.told))
    unheard = tuple(subject(catalog.streams[name]) for name, paths in heard.items() if not paths)
    kept_back = tuple(
        (subject(stream), tuple(one for one in _fields(stream, None) if one.path not in heard[name]))
        for name, stream in catalog.streams.items()
        if heard[name]
    )
    whole = Register(catalog.notice, flows, sections, unheard, kept_back)
    canonical = json.dumps(whole.as_json(), sort_keys=True, ensure_ascii=False).encode()
    return replace(whole, version=hashlib.sha256(canonical).hexdigest()[:16])


def _flow(agency: Agency, policy: Policy, stream: Stream, grant: Grant, catalog: Catalog, now: datetime) -> Flow:
    facts = {fact.name: fact for fact in stream.facts()}
    fields = tuple(_fields(stream, grant))
    granted = {*grant.fields, *grant.coarse}
    heard = tuple(field for field in fields if field.path in granted)
    told = tuple(field for field in fields if field.exactly and field.path not in granted)
    section = catalog.notice.sections.get(grant.notice) if catalog.notice is not None else None
    basis = grant.basis
    return Flow(
        agency=agency.key,
        recipient=agency.name,
        subject=subject(stream),
        section=grant.notice,
        because=" ".join(grant.because.split()),
        gate=grant.gate,
        gate_says=words.GATES[grant.gate],
        conditions=tuple(words.conditions(grant, facts)),
        limits=tuple(words.limits(grant, stream, facts)),
        law=tuple(words.law(grant)),
        article6=f"6(1)({basis.article6})",
        article9=f"9(2)({basis.article9})" if basis.article9 else "",
        schedule1=str(basis.schedule1 or ""),
        statute=basis.statute or "",
        people=section.about(stream.name, grant) if section is not None else (),
        categories=tuple(
            words.CATEGORIES[one] for one in words.CATEGORIES if one in {field.category for field in (*heard, *told)}
        ),
        heard=heard,
        told=told,
        not_heard=tuple(field for field in fields if not field.exactly),
        agreement=policy.agreement,
        until=policy.expires.isoformat(),
        kept=grant.kept,
        held=catalog.keeping[stream.keep].retention,
        state="ended" if now >= policy.ends else "trial" if agency.status == "trial" else "live",
    )


def _fields(stream: Stream, grant: Grant | None) -> Iterator[Field]:
    """Every leaf of *stream*, and how *grant* lets it be heard."""
    facts = {fact.path: fact for fact in stream.facts()}
    for fact in facts.values():
        if fact.record is not None:
            continue
        exactly = ""
        if grant is not None and fact.name in grant.coarse:
            exactly = words.WORDS[grant.coarse[fact.name]]
        elif grant is not None and fact.name in grant.fields:
            exactly = "in full"
        elif grant is not None and fact.name in grant.where:
            exactly = f"only that it is: {words.accepted(grant, fact.name)}"
        category = fact.sensitivity.value if fact.sensitivity is not None else ""
        yield Field(fact.name, _about(fact, facts), words.plain(fact.sentence), exactly, category)


def _about(fact: Fact, facts: Mapping[tuple[str, ...], Fact]) -> str:
    """What a field lies in: the sentences of the records above it."""
    above = [words.plain(facts[fact.path[:depth]].sentence) for depth in range(1, len(fact.path))]
    return ": ".join(above[:1] + [words.within(one) for one in above[1:]])


def subject(stream: Stream) -> Subject:
    """
    What *stream* is, from the sentence with which its module opens: `Hospital alert: the verdict on …; nothing of …`.

    Of what stands behind the semicolon, which tells developers what belongs elsewhere, nothing is said.
    """
    module = sys.modules.get(stream.event.__module__)
    sentence = re.split(r"(?<=\.)\s", inspect.cleandoc(getattr(module, "__doc__", None) or ""))[0].removesuffix(".")
    title, colon, says = sentence.partition(": ")
    if not colon:
        title, says = stream.name.replace("_", " ").capitalize(), inspect.cleandoc(stream.event.__doc__ or "")
    return Subject(stream.name, title, " ".join(says.partition(";")[0].split()))
