"""What can be wrong with an agency: the streams, roads, functions and examples that its agency.yaml names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from hub.acknowledgement import Acknowledgement
from hub.agency import BY_FILE, HOLD_MANY, PSEUDONYM, Agency, Door, Hearing, Saying
from hub.catalog import Catalog, folder_of
from hub.check.streams import unknown
from hub.document import Document, Finding, near
from hub.policy import Grant
from hub.principals import OWN_GROUPS
from hub.stream import Stream

UNWRITTEN = re.compile(r"\bTODO\b|\"todo\"")
READ = ("hl7", "fhir", "csv", "json", "xml")
WITH_IDS = ("mesh", "https", "mllp")
"""The roads on which a partner is told the id of each delivery."""
LISTENED_ON = ("mllp", "https", "files", "sftp", "mesh")
Place = tuple[str, ...]


def agency(agency: Agency, catalog: Catalog) -> Iterator[Finding]:
    """What it says and hears, against the streams and its own policy."""
    document = catalog.documents[f"connectors/{agency.key}/agency.yaml"]
    policy = catalog.policies.get(agency.key)
    if agency.key in OWN_GROUPS:
        what = f"groups of the hub's own begin with {agency.key!r}, so that it would be let at them"
        yield document.finding((), what, "give its folder another name")
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
            yield from _acknowledged(door, hearing, catalog, document, at)
        yield from _answered_twice(agency, name, document, at)
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
    yield from _workflow(saying, document, at)
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
    if door.format != "csv" and door.opened_in != "spreadsheet":
        yield document.finding((*at, "opened_in"), "only CSV is opened in spreadsheets", "take it out")
    whole = door.by in BY_FILE and door.format in HOLD_MANY
    for word, said in (
        ("batch", door.batch > 1), ("every", door.every), ("numbered", door.numbered), ("newest", door.newest)
    ):  # fmt: skip
        if said and not whole:
            what = f"only a file that can hold more than one message has {word!r}"
            yield document.finding((*at, word), what, "take it out")
    yield from _workflow(door, document, at)


def _workflow(way: Saying | Door, document: Document, at: Place) -> Iterator[Finding]:
    if way.workflow and way.by != "mesh":
        yield document.finding((*at, "workflow"), "only MESH has workflows", "take it out")
    if way.by == "mesh" and not way.workflow:
        mend = "write `workflow`, the id that MESH's workflow list gives it"
        yield document.finding(at, "MESH carries nothing without a workflow", mend)


def _acknowledged(door: Door, hearing: Hearing, catalog: Catalog, document: Document, at: Place) -> Iterator[Finding]:
    """A door whose files are acknowledged later: by what stream, and how the file is found that one is about."""
    if door.acknowledged_by is None:
        return
    here = (*at, "acknowledged_by")
    stream = catalog.streams.get(door.acknowledged_by)
    if stream is None:
        if unknown(door.acknowledged_by, catalog):
            what = f"no stream {door.acknowledged_by!r}"
            yield document.finding(here, what, near(door.acknowledged_by, catalog.streams))
    elif not issubclass(stream.event, Acknowledgement):
        mend = "name a stream whose event is a hub.acknowledgement.Acknowledgement"
        yield document.finding(here, f"{stream.name!r} says nothing of what became of a file", mend)
    if door.by == "kafka":
        yield document.finding(here, "who reads Kafka is sent no file", "take it out")
    elif not door.numbered and door.by not in WITH_IDS:
        what = f"nothing says which file is meant: files are not numbered, and {door.by} gives a delivery no id"
        yield document.finding(here, what, "write `numbered: true`")
    if door.numbered and hearing.addressed_by is not None:
        yield document.finding(
            here, "each address counts from 1: a number is not one file's", "take out `addressed_by`"
        )


def _answered_twice(agency: Agency, name: str, document: Document, at: Place) -> Iterator[Finding]:
    """One stream of acknowledgements speaks of one stream's numbers."""
    words = {door.acknowledged_by for door in agency.hears[name].doors if door.acknowledged_by and door.numbered}
    for other, hearing in agency.hears.items():
        if other < name and words & {door.acknowledged_by for door in hearing.doors if door.numbered}:
            what = f"files of {other!r} are acknowledged by the same stream, and numbered too"
            yield document.finding(at, what, "give each its own: a number would be that of two files")


def _granted(hearing: Hearing, grant: Grant, stream: Stream, document: Document, at: Place) -> Iterator[Finding]:
    """Doors and addresses use granted fields only, and fields that are one value."""
    granted = {*grant.fields, *grant.coarse, PSEUDONYM}
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


def unwritten(agency: Agency) -> Iterator[Finding]:
    """A finding for each line of an agency's code that still says TODO, as `hub new` wrote it."""
    for path in sorted((folder_of("connectors") / agency.key).glob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if UNWRITTEN.search(line):
                yield Finding(f"connectors/{agency.key}/{path.name}", number, "still says TODO", "write it")


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
