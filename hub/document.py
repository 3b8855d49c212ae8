"""Documents: a YAML file read with the line of every entry, and refused where it could hide something."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LIMIT = 64 * 1024
DEEPEST = 20
UNWRITTEN = re.compile(r"\btodo\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, or one warning, with its place and how to mend it."""

    place: str
    line: int
    what: str
    mend: str = ""
    warning: bool = False

    def __str__(self) -> str:
        mend = f" → {self.mend}" if self.mend else ""
        return f"{self.place}:{self.line}: {'warning: ' if self.warning else ''}{self.what}{mend}"


@dataclass(frozen=True, slots=True)
class Document:
    """A file's *value*, its *content* to the byte, and in *lines* the line at which each entry stands, by its path."""

    place: str
    value: Any
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)
    faults: tuple[Finding, ...] = ()
    content: bytes = field(default=b"", repr=False)

    def line(self, path: tuple[str | int, ...]) -> int:
        """The line of the entry at *path*, or of the nearest one above it that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def finding(self, path: tuple[str | int, ...], what: str, mend: str = "", *, warning: bool = False) -> Finding:
        """A finding at *path*."""
        where = ".".join(str(part) for part in path)
        return Finding(self.place, self.line(path), f"{where}: {what}" if where else what, mend, warning)

    def unwritten(self) -> Iterator[Finding]:
        """A finding for each entry that still says TODO, as `hub new` wrote it."""
        for path, value in _entries(self.value, ()):
            if isinstance(value, str) and UNWRITTEN.search(value):
                yield self.finding(path, "still says TODO", "write it")


def near(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest of *known*, for a name that is none of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(names)}"


def _entries(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every entry of *value*, keys included, by its path."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield (*path, str(key)), key
            yield from _entries(one, (*path, str(key)))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _entries(one, (*path, index))
    else:
        yield path, value


def read(path: Path, place: str) -> Document:
    """
    Read one YAML file by safe rules.

    Aliases, anchors and merges are refused (they can hide who hears what, and a few lines of them exhaust memory),
    and so are tags, duplicate keys, characters that nobody sees, nesting deeper than 20 and files over 64 KB.
    """
    size = path.stat().st_size
    return _too_long(place, size) if size > LIMIT else parse(path.read_bytes(), place)


def parse(content: bytes, place: str) -> Document:
    """The same for a file's *content*, wherever it was kept."""
    if len(content) > LIMIT:
        return _too_long(place, len(content))
    try:
        text = content.decode("utf-8")
        if faults := (*_unseen(text, place), *_forbidden(text, place)):
            return Document(place, None, {}, faults)
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return Document(place, None, {}, (Finding(place, 1, "is empty", "write it, or delete the file"),))
            lines: dict[tuple[str | int, ...], int] = {}
            faults = tuple(_walk(loader, node, (), lines, place))
            value = loader.construct_document(node) if not faults else None
            return Document(place, value, lines, faults, content)
        finally:
            loader.dispose()
    except UnicodeDecodeError:
        return Document(place, None, {}, (Finding(place, 1, "is not UTF-8", "save it as UTF-8"),))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else text.count("\n", 0, getattr(error, "position", 0)) + 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "is not YAML"
        return Document(place, None, {}, (Finding(place, line, str(problem), "mend the YAML at this line"),))


def _too_long(place: str, size: int) -> Document:
    mend = "a file that nobody can read aloud is not a policy: split or shorten it"
    return Document(place, None, {}, (Finding(place, 1, f"{size} bytes, over the limit of {LIMIT}", mend),))


def _unseen(text: str, place: str) -> Iterator[Finding]:
    """Characters that turn the reading order or take no room: what is read aloud is not what is obeyed."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if any(unicodedata.category(letter) == "Cf" for letter in line):
            yield Finding(place, number, "holds a character that nobody sees", "write the line anew")


def _forbidden(text: str, place: str) -> list[Finding]:
    """Anchors, aliases, tags and bottomless nesting, found before anything is built from them."""
    depth, found = 0, list[Finding]()
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return [*found, Finding(place, line, f"is nested deeper than {DEEPEST}", "write it flat")]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            found.append(Finding(place, line, "uses a YAML anchor or alias", "write the values out"))
        elif getattr(event, "tag", None):
            found.append(Finding(place, line, "uses a YAML tag", "write a plain value"))
        if len(found) >= 5:
            break
    return found


def _walk(
    loader: yaml.SafeLoader,
    node: yaml.Node,
    path: tuple[str | int, ...],
    lines: dict[tuple[str | int, ...], int],
    place: str,
) -> list[Finding]:
    lines.setdefault(path, node.start_mark.line + 1)
    found: list[Finding] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                found.append(Finding(place, line, "has a list or a record for a key", "name the entry in one word"))
                continue
            if key.tag == "tag:yaml.org,2002:merge":
                found.append(Finding(place, line, "uses a YAML merge", "write the values out"))
                continue
            found += _impossible(loader, key, (*path, name), place)
            if name in seen:
                found.append(Finding(place, line, f"the key {name!r} stands twice", "keep one of the two"))
            seen.add(name)
            lines[(*path, name)] = line
            found += _walk(loader, value, (*path, name), lines, place)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            found += _walk(loader, value, (*path, index), lines, place)
    else:
        found += _impossible(loader, node, path, place)
    return found


def _impossible(loader: yaml.SafeLoader, node: yaml.Node, path: tuple[str | int, ...], place: str) -> Iterator[Finding]:
    """A day that no calendar has, or a number too long to be one: the loader itself would only raise."""
    try:
        loader.construct_object(node)
    except ValueError:
        what = f"{'.'.join(map(str, path))}: there is no such day or number"
        yield Finding(place, node.start_mark.line + 1, what, "mend the value")
