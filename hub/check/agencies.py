"""What can be wrong with an agency: the streams, roads, functions and examples that its agency.yaml names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from hub.agency import BY_FILE, HOLD_MANY, Agency, Door, Hearing, Saying
from hub.catalog import Catalog, folder_of
from hub.check.streams import unknown
from hub.document import Document, Finding, near
from hub.policy import Grant
from hub.stream import Stream

READ = ("hl7", "fhir", "csv", "json", "xml")
LISTENED_ON = ("mllp", "https", "files", "mesh")
Place = tuple[str, ...]


def agency(agency: Agency, catalog: Catalog) -> Iterator[Finding]:
    """What it says and hears, against the streams and its own policy."""
    document = catalog.documents[f"connectors/{agency.key}/agency.yaml"]
    policy = catalog.policies.get(agency.key)
    for name, saying in agency.says.items():
        at = ("says", name)
        for into in saying.into:
            if unknown(into, catalog):
                yield document.finding((*at, "into"), f"no stream {into!r}", near(into, catalog.streams))
        yield from _said(saying, document, at)
    for name, hearing in agency.hears.items():
        at = ("hears", name)
        stream = catalog.streams.get(name)
        if stream is None:
            if unknown(name, catalog):
                yield document.finding(at, f"no stream {name!r}", near(name, catalog.streams))
            continue
        for door in hearing.doors:
            yield from _door(door, document, at)
        grant = policy.hears.get(name) if policy is not None else None
        if grant is not None:
            yield from _granted(hearing, grant, stream, document, at)
        elif not catalog.unread(f"connectors/{agency.key}/policy.yaml"):
            yield document.finding(at, "policy.yaml does not grant it", "grant it there, or take this out")


def _said(saying: Saying, document: Document, at: Place) -> Iterator[Finding]:
    if saying.columns and saying.format != "csv":
        yield document.finding((*at, "columns"), "only CSV has columns", "take them out")
    if saying.format not in READ:
        yield document.finding(at, f"nothing here reads {saying.format}", near(saying.format, READ))
    if saying.by not in LISTENED_ON:
        yield document.finding(at, f"the gateway does not listen on {saying.by}", near(saying.by, LISTENED_ON))
    if saying.workflow and saying.by != "mesh":
        yield document.finding((*at, "workflow"), "only MESH has workflows", "take it out")
    if saying.by == "mllp" and saying.format != "hl7":
        yield document.finding(at, f"{saying.format} does not come by mllp", "use hl7, or another road")


def _door(door: Door, document: Document, at: Place) -> Iterator[Finding]:
    if door.by == "kafka" and door.format not in ("avro", "json"):
        yield document.finding(at, f"{door.format} cannot be heard from Kafka", "use avro or json")
    if door.by != "kafka" and door.format == "avro":
        yield document.finding(at, f"avro does not go by {door.by}", "use json, or let them read from Kafka")
    if door.by == "mllp" and door.format != "hl7":
        yield document.finding(at, f"{door.format} does not go by mllp", "use hl7, or another road")
    if door.format == "csv" and not door.columns:
        yield document.finding(at, "a CSV needs its columns", "write `columns`, in the partner's order")
    if door.format != "csv" and door.columns:
        yield document.finding((*at, "columns"), "only CSV has columns", "take them out")
    whole = door.by in BY_FILE and door.format in HOLD_MANY
    for word, said in (("batch", door.batch > 1), ("every", door.every), ("numbered", door.numbered)):
        if said and not whole:
            what = f"only a file that can hold more than one message has {word!r}"
            yield document.finding((*at, word), what, "take it out")
    if door.workflow and door.by != "mesh":
        yield document.finding((*at, "workflow"), "only MESH has workflows", "take it out")


def _granted(hearing: Hearing, grant: Grant, stream: Stream, document: Document, at: Place) -> Iterator[Finding]:
    """Doors and addresses use granted fields only, and fields that are one value."""
    granted = {*grant.fields, *grant.coarse}
    facts = {fact.name: fact for fact in stream.facts()}
    listed = tuple(fact.name for fact in facts.values() if fact.repeated)

    def many(path: str) -> bool:
        return any(path == one or path.startswith(f"{one}.") for one in listed)

    path = hearing.addressed_by
    if path is not None and path not in grant.fields:
        yield document.finding((*at, "addressed_by"), f"{path!r} is not granted as it is", near(path, grant.fields))
    elif path is not None and path in facts and (facts[path].kind is not str or many(path)):
        yield document.finding((*at, "addressed_by"), f"{path!r} is not one piece of text", "name a field that is")
    if path is None and hearing.otherwise is not None:
        yield document.finding((*at, "otherwise"), "nothing says when to use it", "write addressed_by too")
    for door in hearing.doors:
        for column, source in door.columns.items():
            here = (*at, "columns", column)
            if source is not None and source not in granted:
                yield document.finding(here, f"{source!r} is not granted", near(source, granted))
            elif source is not None and many(source):
                yield document.finding(here, f"{source!r} is a list: a cell holds one value", "leave the column empty")


def functions(agency: Agency, catalog: Catalog) -> Iterator[Finding]:
    """A line without its function, and a function without its line."""
    document = catalog.documents[f"connectors/{agency.key}/agency.yaml"]
    said, rendered = _Module(agency.key, "inbound.py"), _Module(agency.key, "outbound.py")
    yield from (*said.faults, *rendered.faults)
    if not said.faults:
        for name in sorted(set(agency.says) - set(said.functions)):
            what = "inbound.py has no function of that name"
            yield document.finding(("says", name), what, f"write `def {name}(message)` in {said.place}")
    for name in sorted(set(said.functions) - set(agency.says)):
        what = f"no line of `says` is called {name!r}"
        yield Finding(said.place, said.functions[name], what, "add the line, or begin the function's name with _")
    own = {
        f"{stream}_as_{door.format}": (stream, door.format)
        for stream, hearing in agency.hears.items()
        for door in hearing.doors
    }
    for name in sorted(set(rendered.functions) - set(own)):
        what = f"no door of `hears` needs {name!r}"
        yield Finding(rendered.place, rendered.functions[name], what, "add the door, or begin its name with _")
    for name, (stream, form) in own.items():
        if form in ("fhir", "hl7", "xml") and name not in rendered.functions and not rendered.faults:
            yield document.finding(("hears", stream), f"outbound.py has no {name}", f"write `def {name}(letter)`")


class _Module:
    """The functions that one module of an agency offers, each with its line, read without running it."""

    def __init__(self, agency: str, name: str) -> None:
        self.place = f"connectors/{agency}/{name}"
        self.functions: dict[str, int] = {}
        self.faults: list[Finding] = []
        path = folder_of("connectors") / agency / name
        try:
            body = ast.parse(path.read_bytes()).body if path.exists() else []
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            self.faults.append(Finding(self.place, line, f"is not Python: {error.args[0]}", "mend the module"))
            return
        for node in body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                self.functions[node.name] = node.lineno


def examples(agency: Agency, catalog: Catalog) -> Iterator[Finding]:
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
