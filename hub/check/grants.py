"""What can be wrong with a policy: fields, values, words, gates and grounds, grant by grant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from hub.catalog import Catalog
from hub.check import notice
from hub.check.streams import unknown
from hub.coarse import WORDS
from hub.document import Document, Finding, near
from hub.policy import Grant
from hub.stream import Fact, Sensitivity, Stream, unwrap

Place = tuple[str | int, ...]
Facts = Mapping[str, Fact]

NEEDS_ARTICLE_9 = (Sensitivity.SPECIAL, Sensitivity.NARRATIVE)  # free text may say anything about anyone

SCHEDULE_1: Mapping[str, range] = {
    "b": range(1, 2),
    "g": range(6, 29),
    "h": range(2, 3),
    "i": range(3, 4),
    "j": range(4, 5),
}
"""The paragraphs that can carry each Article 9(2) condition (Data Protection Act 2018 s.10(2) and (3), Schedule 1)."""


def policy(key: str, document: Document, catalog: Catalog) -> Iterator[Finding]:
    """Each grant of a policy, also where the policy as a whole has a fault elsewhere."""
    agency = catalog.agencies.get(key)
    for name, grant in _grants(document).items():
        at = ("hears", name)
        stream = catalog.streams.get(name)
        if unknown(name, catalog):
            yield document.finding(at, f"no stream {name!r}", near(name, catalog.streams))
        elif stream is not None:
            yield from _grant(grant, stream, document, at)
        told = catalog.unread(f"connectors/{key}/agency.yaml")
        if stream is not None and not told and (agency is None or name not in agency.hears):
            mend = f"add hears.{name} in connectors/{key}/agency.yaml"
            yield document.finding(at, "agency.yaml does not say how it is delivered", mend)
        yield from notice.rests(name, grant, document, catalog)


def _grants(document: Document) -> dict[str, Grant]:
    """The grants that have the right shape; those that have not were told when the file was read."""
    hears = document.value.get("hears") if isinstance(document.value, dict) else None
    found = {}
    for name, value in hears.items() if isinstance(hears, dict) else ():
        try:
            found[str(name)] = Grant.model_validate(value)
        except ValidationError:
            continue
    return found


def _grant(grant: Grant, stream: Stream, document: Document, at: Place) -> Iterator[Finding]:
    facts = {fact.name: fact for fact in stream.facts()}
    named: tuple[tuple[str, int | str, str], ...] = (
        *(("fields", index, path) for index, path in enumerate(grant.fields)),
        *(("coarse", path, path) for path in grant.coarse),
        *(("where", path, path) for path in grant.where),
    )
    for kind, entry, path in named:
        here = (*at, kind, entry)
        fact = facts.get(path)
        if fact is None:
            yield document.finding(here, f"{stream.name} has no field {path!r}", near(path, facts))
        elif fact.record is not None:
            what = f"{path!r} is a record: a part added to it later would be heard unasked"
            yield document.finding(here, what, "name its fields one by one")
        elif kind != "where" and fact.sensitivity is Sensitivity.NARRATIVE and stream.approvals is None:
            what = f"{path!r} is free text, and nobody can release it: {stream.name} carries no approvals"
            yield document.finding(here, what, "leave it out, or let the stream carry them")
        elif kind == "coarse":
            yield from _coarse(fact, grant.coarse[path], document, here)
        elif kind == "where":
            yield from _where(fact, grant, stream, document, here)
    for path in sorted(set(grant.fields) & set(grant.coarse)):
        yield document.finding((*at, "coarse", path), "is heard in full too", "keep it in one of the two")
    for limit, still in grant.even_if:
        for index, path in enumerate(still):
            if path not in grant.fields and path not in grant.coarse:
                what = f"{path!r} is not granted, so it is not heard then either"
                mend = near(path, (*grant.fields, *grant.coarse))
                yield document.finding((*at, "even_if", limit, index), what, mend)
    if stream.identified is not None and stream.match is None:
        what = f"{stream.name} may be carried by another child's number, and no limit would keep that back"
        yield document.finding(at, what, "grant a stream that says `match`, such as one that a watch makes of it")
    if grant.even_if.uncertain and stream.match is None:
        what = f"{stream.name} does not say how certain it is who the child is"
        yield document.finding((*at, "even_if", "uncertain"), what, "take it out")
    if grant.even_if.opted_out and grant.gate != "opt-out":
        what = f"the gate {grant.gate} knows of no opting out"
        yield document.finding((*at, "even_if", "opted_out"), what, "write `gate: opt-out`, or take it out")
    for index, path in enumerate(grant.fields):
        if path in grant.fields[:index]:
            yield document.finding((*at, "fields", index), f"{path!r} stands twice", "keep one")
    yield from _gate(grant, stream, document, at)
    yield from _ground(grant, facts, document, at)


def _coarse(fact: Fact, word: str, document: Document, here: Place) -> Iterator[Finding]:
    if word not in WORDS:
        yield document.finding(here, f"no word {word!r}", near(word, WORDS))
        return
    kind = str if get_origin(fact.kind) is Literal else fact.kind
    fitting = {name for name, one in WORDS.items() if kind in one.takes or object in one.takes}
    if word not in fitting:
        yield document.finding(here, f"{word!r} does not take a {kind.__name__}", near("", fitting))
    if fact.repeated:
        yield document.finding(here, "is a list: a list is heard in full or not at all", "move it, or drop it")


def _where(fact: Fact, grant: Grant, stream: Stream, document: Document, here: Place) -> Iterator[Finding]:
    """A condition that can never hold, or always does, is a mistake of whoever wrote it."""
    accepted = grant.where[fact.name]
    above = [one for one in stream.facts() if fact.name == one.name or fact.name.startswith(f"{one.name}.")]
    if any(one.repeated for one in above):
        mend = "let the event carry the fact in a field of its own"
        yield document.finding(here, "lies in a list: which of them should it be?", mend)
        return
    if not accepted:
        yield document.finding(here, "accepts no value, so nothing is ever heard", "name the values")
    if fact.name in _asked(grant, stream):
        yield document.finding(here, "is asked already, before any `where`", "take the line out")
    literal = get_origin(fact.kind) is Literal
    possible = get_args(fact.kind) if literal else (True, False) if fact.kind is bool else ()
    always = bool(possible) and all(any(_same(value, one) for one in accepted) for value in possible)
    if always and not any(one.optional for one in above):
        yield document.finding(here, "names every possible value, so it holds always", "take the line out")
    for value in accepted:
        if literal and not any(_same(value, one) for one in possible):
            yield document.finding(here, f"{value!r} never occurs", near(str(value), map(str, possible)))
        elif fact.kind is bool and not isinstance(value, bool):
            yield document.finding(here, "is true or false", "write true or false, without quotes")
        elif fact.kind in (str, int) and type(value) is not fact.kind:
            what = f"is a {fact.kind.__name__}, and one of these is not"
            yield document.finding(here, what, "put text in quotes, and numbers without")
        elif fact.kind in (str, int) and not _same(said := _as_said(fact, stream, value), value):
            mend = "look at the field's type" if said is None else f"did you mean {said!r}?"
            yield document.finding(here, f"{value!r} never occurs", mend)
    if not literal and fact.kind not in (str, int, bool):
        yield document.finding(here, "is a date: `where` knows values only", "let the event carry the fact")


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _asked(grant: Grant, stream: Stream) -> tuple[str | None, ...]:
    """The fields of which a seal or the gate leaves one value only."""
    stage = stream.stage if grant.gate == "contact-stage" else None
    status = f"{stream.consent}.status" if grant.gate == "consent" else None
    return (stream.restricted, stage, status)


def _as_said(fact: Fact, stream: Stream, value: object) -> Any:
    """*value* as an event would carry it, or None where none can: a field's type may refuse it, or write it anew."""
    model = stream.event
    for part in fact.path[:-1]:
        model = unwrap(model.model_fields[part].annotation)[0]
    info = model.model_fields[fact.path[-1]]
    field: Any = Annotated[info.annotation, info]
    try:
        return TypeAdapter(field).validate_python(value)
    except ValidationError:
        return None


def _gate(grant: Grant, stream: Stream, document: Document, at: Place) -> Iterator[Finding]:
    if grant.gate in ("statute", "opt-out") and not grant.basis.statute:
        yield document.finding((*at, "basis"), f"gate `{grant.gate}` names no statute", "write basis.statute")
    if grant.gate in ("consent", "contact-stage") and stream.consent is None:
        yield document.finding((*at, "gate"), f"{stream.name} carries no record of consent", "use another gate")
    if grant.gate == "contact-stage" and stream.stage is None:
        yield document.finding((*at, "gate"), f"{stream.name} carries no stage", "use another gate")
    if grant.gate == "significant-harm" and stream.override is None:
        yield document.finding((*at, "gate"), f"{stream.name} carries no override", "use another gate")


def _ground(grant: Grant, facts: Facts, document: Document, at: Place) -> Iterator[Finding]:
    """
    The ground that the heard fields need: UK GDPR articles 9 and 10, with Schedule 1 of the Data Protection Act 2018.

    What `where` asks counts as heard: that anything is heard at all tells it.
    """
    heard = [facts[path] for path in (*grant.fields, *grant.coarse, *grant.where) if path in facts]
    article9, schedule1 = grant.basis.article9, grant.basis.schedule1
    special = next((fact.name for fact in heard if fact.sensitivity in NEEDS_ARTICLE_9), None)
    if special is not None and article9 is None:
        what = f"{special!r} is special category data without an Article 9 ground"
        yield document.finding((*at, "basis"), what, "write basis.article9, or leave the field out")
    criminal = next((fact.name for fact in heard if fact.sensitivity is Sensitivity.CRIMINAL), None)
    if criminal is not None and schedule1 is None:
        what = f"{criminal!r} tells of crime, without a condition of Schedule 1 (UK GDPR article 10)"
        yield document.finding((*at, "basis"), what, "write basis.schedule1, or leave the field out")
    wanted = SCHEDULE_1.get(article9 or "")
    if wanted is not None and schedule1 not in wanted:
        paragraphs = f"{wanted[0]}" if len(wanted) == 1 else f"{wanted[0]} to {wanted[-1]}"
        what = f"Article 9(2)({article9}) holds only with paragraph {paragraphs} of Schedule 1"
        yield document.finding((*at, "basis"), what, "write basis.schedule1")
