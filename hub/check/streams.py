"""What can be wrong with a stream, a watch and the ways to keep a topic."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from hub.avro import primitive
from hub.catalog import Catalog, folder_of
from hub.check.marks import marks
from hub.document import Finding, near
from hub.keys import NATIONAL
from hub.principals import Kind
from hub.stream import Lane, Stream
from hub.topology import OWN_WAYS
from hub.watch import Watch

KEEPING = "topics/keeping.yaml"
QUOTAS = "topics/quotas.yaml"


def keeping(catalog: Catalog) -> Iterator[Finding]:
    """The ways to keep a topic that the hub itself needs, and the quotas of each kind of principal."""
    for kind in sorted(set(get_args(Kind)) - set(catalog.quotas)):
        if not catalog.unread(QUOTAS):
            what = f"has no {kind!r}: principals of that kind would have no bound"
            yield catalog.documents[QUOTAS].finding((), what, f"write {kind!r}")
    document = catalog.documents[KEEPING]
    for name in sorted(set(OWN_WAYS) - set(catalog.keeping)):
        if not catalog.unread(KEEPING):
            yield document.finding((), f"has no {name!r}, which the hub's own topics need", f"write {name!r}")


def unknown(name: str, catalog: Catalog) -> bool:
    """Whether nobody wrote a stream *name*; one that could not be read has findings of its own."""
    return name not in catalog.streams and not catalog.unread(f"schemas/{name}/")


def stream(stream: Stream, catalog: Catalog) -> Iterator[Finding]:
    """A stream whose fields say too little, or whose words are none of those there are."""
    place = f"schemas/{stream.name}/__init__.py"
    lines = _class_lines(folder_of("schemas") / stream.name / "__init__.py")
    here = lines.get("stream", 1)
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
    listed = {fact.name for fact in facts.values() if fact.repeated}
    keys = [path for key in stream.key for path in key.split("/")]
    for path in keys:
        if path in facts and (facts[path].record is not None or any(_above(path, one) for one in listed)):
            yield Finding(place, here, f"key {path!r} is a record or lies in a list", "name a field that is one value")
        if path not in facts:
            yield Finding(place, here, f"no field {path!r}", near(path, facts))
    for what, mend in marks(stream, facts):
        yield Finding(place, here, what, mend)
    if stream.keep not in catalog.keeping and not catalog.unread(KEEPING):
        what = f"keep={stream.keep!r} is not in topics/keeping.yaml"
        yield Finding(place, here, what, near(stream.keep, set(catalog.keeping) - set(OWN_WAYS)))
    if stream.lane not in get_args(Lane):
        yield Finding(place, here, f"no lane {stream.lane!r}", near(stream.lane, get_args(Lane)))
    if "TODO" in stream.steward:
        yield Finding(place, here, "steward still says TODO", "write who answers for it")


def _above(path: str, record: str) -> bool:
    return path == record or path.startswith(f"{record}.")


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


def watch(watch: Watch, catalog: Catalog) -> Iterator[Finding]:
    """A watch over streams that there are not, or that can never have a key in common."""
    place = f"{watch.judge.__module__.replace('.', '/')}.py"
    for role in ("keeps", "on", "emits"):
        name = getattr(watch, role)
        if unknown(name, catalog):
            yield Finding(place, 1, f"{role}: no stream {name!r}", near(name, catalog.streams))
    if watch.on in _led_to(watch.emits, catalog):
        what = f"what it emits on {watch.emits} leads back to {watch.on}, and so round for ever"
        yield Finding(place, 1, what, "emit a stream from which no watch comes back to it")
    kinds = [
        {path.rpartition(".")[2] for path in catalog.streams[name].key} & NATIONAL
        for name in (watch.keeps, watch.on)
        if name in catalog.streams
    ]
    if len(kinds) == 2 and not kinds[0] & kinds[1]:
        what = f"{watch.keeps} and {watch.on} are keyed by different identifiers"
        yield Finding(place, 1, what, "join streams whose keys name the subject by the same national one")


def _led_to(stream: str, catalog: Catalog) -> set[str]:
    """The streams that *stream* leads to, itself among them: judging one, a watch emits another."""
    found, ahead = set[str](), {stream}
    while ahead:
        found |= ahead
        ahead = {watch.emits for watch in catalog.watches.values() if watch.on in ahead} - found
    return found
