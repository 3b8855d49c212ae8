"""Checks across the catalog: every fault at once, each with file, line and how to mend it."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from hub import sync
from hub.agency import Agency
from hub.avro import primitive
from hub.catalog import Catalog, folder_of
from hub.coarse import WORDS
from hub.document import Document, Finding
from hub.policy import Grant, Policy
from hub.stream import Fact, Sensitivity, Stream

WARN_BEFORE = timedelta(days=60)
NEEDS_ARTICLE_9 = {Sensitivity.SPECIAL}


def check(catalog: Catalog, today: date) -> list[Finding]:
    """Everything that is wrong, or will be soon, in the order of the files."""
    findings = list(catalog.findings)
    for stream in catalog.streams.values():
        findings += _stream(stream, catalog)
    for agency in catalog.agencies.values():
        findings += _agency(agency, catalog)
        findings += _functions(agency, catalog)
        findings += _examples(agency, catalog)
    for key, policy in catalog.policies.items():
        findings += _policy(key, policy, catalog, today)
    if not any(not finding.warning for finding in findings):
        findings += sync.stale(catalog)  # what is derived from a broken catalog says nothing
    return sorted(set(findings), key=lambda finding: (finding.place, finding.line, finding.what))


def near(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest of *known*, for a name that is none of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(names)}"


def _stream(stream: Stream, catalog: Catalog) -> Iterator[Finding]:
    place = f"schemas/{stream.name}/__init__.py"
    lines = _class_lines(folder_of("schemas") / stream.name / "__init__.py")
    facts = {fact.name: fact for fact in stream.facts()}
    for fact in facts.values():
        line = lines.get(fact.path[-1], 1)
        if not fact.sentence:
            yield Finding(place, line, f"{fact.name} has no sentence", "give it Field(description=…)")
        if fact.record is None and fact.sensitivity is None:
            yield Finding(place, line, f"{fact.name} has no sensitivity", "add a Sensitivity to its Annotated")
        if fact.record is None:
            try:
                primitive(fact.kind)
            except TypeError as error:
                yield Finding(place, line, f"{fact.name}: {error}", "use one of those types")
    asked = (*stream.key, *filter(None, (stream.consent, stream.override, stream.stage, stream.restricted)))
    for path in asked:
        if path not in facts and path != "id":
            yield Finding(place, lines.get("stream", 1), f"no field {path!r}", near(path, facts))
    if stream.keep not in catalog.keeping:
        yield Finding(
            place,
            lines.get("stream", 1),
            f"keep={stream.keep!r} is not in topics/keeping.yaml",
            near(stream.keep, catalog.keeping),
        )


def _class_lines(path: Path) -> dict[str, int]:
    """The line of each field, and of `stream`, in a module."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return {}
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            lines.setdefault(node.target.id, node.lineno)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            lines.setdefault(node.targets[0].id, node.lineno)
    return lines


def _agency(agency: Agency, catalog: Catalog) -> Iterator[Finding]:
    document = catalog.documents[f"connectors/{agency.key}/agency.yaml"]
    policy = catalog.policies.get(agency.key)
    for name, saying in agency.says.items():
        for into in saying.into:
            if into not in catalog.streams:
                yield document.finding(("says", name, "into"), f"no stream {into!r}", near(into, catalog.streams))
        if saying.columns and saying.format != "csv":
            yield document.finding(("says", name, "columns"), "only CSV has columns", "take them out")
    for name, hearing in agency.hears.items():
        at = ("hears", name)
        if name not in catalog.streams:
            yield document.finding(at, f"no stream {name!r}", near(name, catalog.streams))
            continue
        grant = policy.hears.get(name) if policy is not None else None
        if grant is None:
            yield document.finding(at, "policy.yaml does not grant it", "grant it there, or take this out")
            continue
        granted = {*grant.fields, *grant.coarse}
        if hearing.addressed_by is not None and hearing.addressed_by not in granted:
            yield document.finding(
                (*at, "addressed_by"), f"{hearing.addressed_by!r} is not granted", near(hearing.addressed_by, granted)
            )
        for door in hearing.doors:
            if door.by == "kafka" and door.format not in ("avro", "json"):
                yield document.finding(at, f"{door.format} cannot be heard from Kafka", "use avro or json")
            if door.format == "csv" and not door.columns:
                yield document.finding(at, "a CSV needs its columns", "write `columns`, in the partner's order")
            for column, path in door.columns.items():
                if path is not None and path not in granted:
                    yield document.finding((*at, "columns", column), f"{path!r} is not granted", near(path, granted))


def _functions(agency: Agency, catalog: Catalog) -> Iterator[Finding]:
    """A line without its function, and a function without its line."""
    folder = folder_of("connectors") / agency.key
    document = catalog.documents[f"connectors/{agency.key}/agency.yaml"]
    for name in sorted(set(agency.says) - set(said := _public(folder / "inbound.py"))):
        yield document.finding(
            ("says", name),
            "inbound.py has no function of that name",
            f"write `def {name}(message)` in connectors/{agency.key}/inbound.py",
        )
    for name in sorted(set(said) - set(agency.says)):
        yield Finding(
            f"connectors/{agency.key}/inbound.py",
            said[name],
            f"no line of `says` is called {name!r}",
            "add the line, or begin the function's name with _",
        )
    own = {
        f"{stream}_as_{door.format}": (stream, door.format)
        for stream, hearing in agency.hears.items()
        for door in hearing.doors
    }
    rendered = _public(folder / "outbound.py")
    for name in sorted(set(rendered) - set(own)):
        yield Finding(
            f"connectors/{agency.key}/outbound.py",
            rendered[name],
            f"no door of `hears` needs {name!r}",
            "add the door, or begin the function's name with _",
        )
    for name, (stream, form) in own.items():
        if form in ("fhir", "hl7") and name not in rendered:
            yield document.finding(("hears", stream), f"outbound.py has no {name}", f"write `def {name}(letter)`")


def _public(path: Path) -> dict[str, int]:
    """The functions a module offers, each with its line."""
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else []
    except SyntaxError:
        return {}
    return {
        node.name: node.lineno for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def _examples(agency: Agency, catalog: Catalog) -> Iterator[Finding]:
    """Every line has an example of each verdict."""
    folder = folder_of("connectors") / agency.key / "examples"
    document = catalog.documents[f"connectors/{agency.key}/agency.yaml"]
    for kind, lines, verdicts in (
        ("says", agency.says, (("events", "understood"), ("refused", "refused"))),
        ("hears", agency.hears, (("event", "an event"), ("withheld", "withheld"))),
    ):
        for name in lines:
            for suffix, word in verdicts:
                if not any((folder / name).glob(f"*.{suffix}.json")):
                    yield document.finding(
                        (kind, name),
                        f"has no example that is {word}",
                        f"add connectors/{agency.key}/examples/{name}/<claim>.{suffix}.json",
                    )


def _policy(key: str, policy: Policy, catalog: Catalog, today: date) -> Iterator[Finding]:
    document = catalog.documents[f"connectors/{key}/policy.yaml"]
    agency = catalog.agencies.get(key)
    if policy.expires < today:
        yield document.finding(
            ("expires",),
            f"the agreement ended on {policy.expires}: nothing is released",
            "renew the agreement, or take its lines out",
        )
    elif policy.expires - today < WARN_BEFORE:
        yield document.finding(
            ("expires",),
            f"the agreement ends in {(policy.expires - today).days} days",
            "begin to renew it",
            warning=True,
        )
    for name, grant in policy.hears.items():
        at = ("hears", name)
        stream = catalog.streams.get(name)
        if stream is None:
            yield document.finding(at, f"no stream {name!r}", near(name, catalog.streams))
            continue
        if agency is None or name not in agency.hears:
            yield document.finding(
                at,
                "agency.yaml does not say how it is delivered",
                f"add hears.{name} in connectors/{key}/agency.yaml",
            )
        if grant.notice not in catalog.notice:
            yield document.finding(
                (*at, "notice"), "the privacy notice has no such section", near(grant.notice, catalog.notice)
            )
        yield from _grant(grant, stream, document, at)


def _grant(grant: Grant, stream: Stream, document: Document, at: tuple[str, ...]) -> Iterator[Finding]:
    facts = {fact.name: fact for fact in stream.facts()}
    for kind in ("fields", "coarse", "where"):
        for index, path in enumerate(getattr(grant, kind)):
            here = (*at, kind, index if kind == "fields" else path)
            fact = facts.get(path)
            if fact is None:
                yield document.finding(here, f"{stream.name} has no field {path!r}", near(path, facts))
            elif fact.record is not None:
                yield document.finding(
                    here,
                    f"{path!r} is a record: a part added to it later would be heard unasked",
                    "name its fields one by one",
                )
            elif kind == "where":
                yield from _where(path, fact, grant, stream, document, here)
            elif kind == "coarse":
                yield from _coarse(fact, grant.coarse[path], document, here)
    for path in sorted(set(grant.fields) & set(grant.coarse)):
        yield document.finding((*at, "coarse", path), "is heard in full too", "keep it in one of the two")
    for path in sorted({path for path in grant.fields if grant.fields.count(path) > 1}):
        yield document.finding((*at, "fields"), f"{path!r} stands twice", "keep one")
    yield from _ground(grant, stream, facts, document, at)


def _where(
    path: str, fact: Fact, grant: Grant, stream: Stream, document: Document, here: tuple[Any, ...]
) -> Iterator[Finding]:
    parts = path.split(".")
    repeated = {one.name for one in stream.facts() if one.repeated}
    if any(".".join(parts[:count]) in repeated for count in range(1, len(parts) + 1)):
        yield document.finding(
            here, "lies in a list: which of them should it be?", "let the event carry the fact in a field of its own"
        )
    if get_origin(fact.kind) is Literal:
        possible = get_args(fact.kind)
        for value in grant.where[path]:
            if not any(value == one and type(value) is type(one) for one in possible):
                yield document.finding(here, f"{value!r} never occurs", near(str(value), map(str, possible)))
        if set(possible) <= set(grant.where[path]):
            yield document.finding(here, "names every possible value, so it holds always", "take the line out")
    elif fact.kind is bool:
        if set(grant.where[path]) >= {True, False}:
            yield document.finding(here, "names both values, so it holds always", "take the line out")
        elif not all(isinstance(value, bool) for value in grant.where[path]):
            yield document.finding(here, "is true or false", "write true or false, without quotes")
    elif fact.kind not in (str, int):
        yield document.finding(here, "is a date: `where` knows values only", "let the event carry the fact")
    elif not all(type(value) is fact.kind for value in grant.where[path]):
        yield document.finding(
            here, f"is a {fact.kind.__name__}, and one of these is not", "put text in quotes, and numbers without"
        )
    if not grant.where[path]:
        yield document.finding(here, "accepts no value, so nothing is ever heard", "name the values")


def _coarse(fact: Fact, word: str, document: Document, here: tuple[Any, ...]) -> Iterator[Finding]:
    if word not in WORDS:
        yield document.finding(here, f"no word {word!r}", near(word, WORDS))
        return
    kind = str if get_origin(fact.kind) is Literal else fact.kind
    if not any(kind is one or one is object for one in WORDS[word].takes):
        yield document.finding(here, f"{word!r} does not take a {kind.__name__}", near(word, WORDS))
    if fact.repeated:
        yield document.finding(here, "is a list: a list is heard in full or not at all", "move it, or drop it")


def _ground(
    grant: Grant, stream: Stream, facts: dict[str, Fact], document: Document, at: tuple[str, ...]
) -> Iterator[Finding]:
    if grant.gate == "statute" and not grant.basis.statute:
        yield document.finding((*at, "basis"), "gate `statute` names no statute", "write basis.statute")
    if grant.gate in ("consent", "contact-stage") and stream.consent is None:
        yield document.finding((*at, "gate"), f"{stream.name} carries no record of consent", "use another gate")
    if grant.gate == "contact-stage" and stream.stage is None:
        yield document.finding((*at, "gate"), f"{stream.name} carries no stage", "use another gate")
    if grant.gate == "significant-harm" and stream.override is None:
        yield document.finding((*at, "gate"), f"{stream.name} carries no override", "use another gate")
    special = [
        path for path in (*grant.fields, *grant.coarse) if path in facts and facts[path].sensitivity in NEEDS_ARTICLE_9
    ]
    if special and grant.basis.article9 is None:
        yield document.finding(
            (*at, "basis"),
            f"{special[0]!r} is special category data without an Article 9 ground",
            "write basis.article9, or leave the field out",
        )
