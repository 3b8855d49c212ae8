"""What can be wrong with the paths at which a stream's decisions look: a mark that is none, a child nobody can find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal, get_args, get_origin

from hub.document import near
from hub.gates import Approval, Consent, Override
from hub.identified import Identified
from hub.keys import NATIONAL
from hub.stream import Fact, Kind, Sensitivity, Stream

Facts = Mapping[str, Fact]
Fault = tuple[str, str]
"""What is wrong, and how to mend it."""


def marks(stream: Stream, facts: Facts) -> Iterator[Fault]:
    """Each path of a Stream leads to a field of the kind that decisions expect there; *facts* are its fields."""
    for name, path in _named(stream):
        if path not in facts:
            yield f"no field {path!r}", near(path, facts)
        elif _listed(path, facts):
            yield f"{name}={path!r} lies in a list", "name a field that is one value"
        elif wrong := _wrong(name, facts[path]):
            yield f"{name}={path!r} is not {wrong}", "name a field that is"
    yield from _subject(stream, facts)
    yield from _identity(stream, facts)


def _named(stream: Stream) -> Iterator[tuple[str, str]]:
    names = ("born", "expected", "consent", "override", "stage", "restricted", "conflicts", "confidential", "match")
    for name in (*names, "approvals", "verified", "identified"):
        path = getattr(stream, name)
        if path is not None:
            yield name, path


def _listed(path: str, facts: Facts) -> bool:
    """Whether a field lies in a list; that it is one itself does not count."""
    parts = path.split(".")
    return any(facts[".".join(parts[:end])].repeated for end in range(1, len(parts)))


def _wrong(name: str, fact: Fact) -> str:
    """What a field should be that decisions find at *name*; empty where it is."""
    if name == "conflicts":
        return "" if fact.repeated and fact.kind is str else "a list of text"
    if name == "approvals":
        return "" if fact.repeated and _is(Approval, fact) else "a list of hub.gates.Approval"
    if fact.repeated:
        return "one value"
    wanted: Mapping[str, tuple[bool, str]] = {
        "born": (fact.kind is date, "a date"),
        "expected": (fact.kind is date, "a date"),
        "restricted": (fact.kind is bool, "true or false"),
        "confidential": (fact.kind is bool, "true or false"),
        "verified": (fact.kind is bool, "true or false"),
        "identified": (_is(Identified, fact) and fact.optional, "a hub.identified.Identified, or None"),
        "consent": (_is(Consent, fact), "a hub.gates.Consent"),
        "override": (_is(Override, fact), "a hub.gates.Override"),
        "match": (_words(fact.kind, "certain"), "a Literal with 'certain' among its words"),
        "stage": (_words(fact.kind, "contact"), "a Literal with 'contact' among its words"),
    }
    right, words = wanted[name]
    return "" if right else words


def _is(model: type, fact: Fact) -> bool:
    return fact.record is not None and issubclass(fact.record, model)


def _words(kind: Any, word: str) -> bool:
    return get_origin(kind) is Literal and word in get_args(kind)


def _subject(stream: Stream, facts: Facts) -> Iterator[Fault]:
    """
    The child is found by every national identifier that the event carries.

    One that is missing from `subject` would be told of a child who was adopted, or whose family objected. In a list
    stand several people: nobody can tell which of them is the child.
    """
    for kind, path in stream.subject:
        last = _kind(path)
        if kind not in get_args(Kind):
            yield f"subject: no kind {kind!r}", near(kind, get_args(Kind))
        elif path not in facts:
            yield f"no field {path!r}", near(path, facts)
        elif facts[path].record is not None or facts[path].repeated or _listed(path, facts):
            yield f"subject {path!r} is a record or lies in a list", "name a field that is one value"
        elif facts[path].kind is not str:
            yield f"subject {path!r} is not text", "name a field that is"
        elif last in NATIONAL and last != kind:
            yield f"subject {path!r} is said to be of the kind {kind!r}", f'write ("{last}", "{path}")'
    named = {path for _, path in stream.subject}
    for path, fact in facts.items():
        national = fact.sensitivity is Sensitivity.IDENTIFIER and _kind(path) in NATIONAL
        if national and path not in named and not fact.repeated and not _listed(path, facts):
            mend = f'add ("{_kind(path)}", "{path}"), by which what is known of the child is found'
            yield f"{path} names the child, and `subject` does not have it", f"{mend}; or say in its name whose it is"


def _identity(stream: Stream, facts: Facts) -> Iterator[Fault]:
    """What the identity index looks at: local numbers with whoever gave them out, and pairs of old and new."""
    for local in stream.also:
        if local.kind in get_args(Kind):
            yield f"also: {local.kind!r} is no local number", f'write ("{local.kind}", "{local.path}") in `subject`'
        for path in (local.path, *local.within):
            yield from _text(path, facts, "also")
    numbered = {path for _, path in stream.subject} | {local.path for local in stream.also}
    for former, survivor in stream.merged:
        yield from _text(former, facts, "merged")
        if survivor not in numbered:
            yield f"merged: {survivor!r} is in neither `subject` nor `also`", near(survivor, numbered)
    for path in stream.superseded or ():
        if path not in facts:
            yield f"superseded: no field {path!r}", near(path, facts)
        elif facts[path].kind is not str or _listed(path, facts):
            yield f"superseded {path!r} is not text", "name a field that is, or a list of such"
    if stream.identified is not None and f"{stream.identified}.nhs_number" not in stream.key[0].split("/"):
        mend = f'begin its `key` with "{stream.identified}.nhs_number"'
        yield f"identified={stream.identified!r} does not decide where the event lies", mend


def _text(path: str, facts: Facts, word: str) -> Iterator[Fault]:
    if path not in facts:
        yield f"{word}: no field {path!r}", near(path, facts)
    elif facts[path].kind is not str or facts[path].repeated or _listed(path, facts):
        yield f"{word} {path!r} is not one text", "name a field that is"


def _kind(path: str) -> str:
    """What kind of identifier a field is by its name: `former_nhs_number` is an NHS number."""
    return path.rpartition(".")[2].removeprefix("former_")
