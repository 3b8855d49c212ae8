"""Seeds: what each parser is known to read, from the examples of every line and from public data, with canaries in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fhir.resources import R4B
from fhir_core import types

from hub.catalog import Catalog, folder_of, look
from tests.conftest import ROOT

CANARIES = (b"Zquorbixel", b"Wyxvanthum", b"Jaqthrolip", b"Vexnoodrax", b"Qimblathor", b"Xavrendilk")
"""Names that nothing else says: wherever one turns up, it came out of a message."""

PUBLIC = {
    "hl7": ("hl7v2-simhospital/messages.out",),
    "fhir": ("fhir-nems/*.xml", "fhir-bars/*.json", "fhir-bars/process_message/**/*.json"),
    "class_lists": ("chis-class-lists/*.csv",),
    "cohort_lists": ("chis-cohort-lists/*.csv",),
    "census_sessions": ("school-census/2024_autumn_termly*.csv",),
    "ssda903_header": ("ssda903/header.csv",),
    "ssda903_episodes": ("ssda903/episodes.csv",),
    "ssda903_placed_for_adoption": ("ssda903/placed_for_adoption.csv",),
    "ssda903_ad1": ("ssda903/ad1.csv",),
    "xml": ("cin-census/*.xml", "fhir-nems/*.xml"),
    "outcome": ("fhir-bars/*.json",),
}
"""Public files by format or by line; a seed is the beginning of one, or some of its messages."""

VERDICTS = (".events.json", ".refused.json", ".aside.json", ".withheld.json")
LONGEST = 16_384  # bytes of a public file
MOST_MESSAGES = 25  # of a file of many

_WORD = re.compile(rb"[A-Za-z][a-z]{4,}")


class Seed(NamedTuple):
    """Bytes that a parser reads; *about* is what else its parser must be told, such as the stream of a record."""

    data: bytes
    about: str = ""


def of_line(catalog: Catalog, agency: str, line: str) -> list[Seed]:
    """The examples of one line, and public files of its kind, with canaries in place of the words that are theirs."""
    form = catalog.agencies[agency].says[line].format
    folder = folder_of("connectors") / agency / "examples" / line
    said = [path.read_bytes() for path in sorted(folder.iterdir()) if _sent(path)]
    public = [*of_public(form), *of_public(line)]
    return [Seed(planted(one, number)) for number, one in enumerate([*said, *public])]


def _sent(path: Path) -> bool:
    return path.suffix in (".hl7", ".csv", ".xml", ".json") and not path.name.endswith(VERDICTS)


def of_public(kind: str) -> Iterator[bytes]:
    """What is there of public data of one kind; nothing where the folder is not on this machine."""
    root = Path(os.environ.get("HUB_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not root.is_dir():
        root = ROOT.parent.parent / "shared" / "data"
    for pattern in PUBLIC.get(kind, ()):
        for path in sorted(root.glob(pattern)):
            data = path.read_bytes()
            messages = re.split(rb"[\r\n]+(?=MSH)", data) if kind == "hl7" else [data]
            for one in messages[:: max(1, len(messages) // MOST_MESSAGES)]:
                yield one if path.suffix in (".json", ".xml") else one[:LONGEST]


def of_streams(catalog: Catalog) -> list[Seed]:
    """Events of every stream as they lie on its topic."""
    found = []
    for stream in catalog.streams.values():
        for path in sorted((folder_of("schemas") / stream.name / "examples").glob("*.pass.json")):
            event = stream.event.model_validate_json(path.read_bytes())
            found.append(Seed(catalog.codec(stream).encode(event.model_dump()), stream.name))
    return found


def planted(data: bytes, number: int) -> bytes:
    """*data* with a canary in place of every second word that the hub itself does not know."""
    count = number

    def other(match: re.Match[bytes]) -> bytes:
        nonlocal count
        if match[0].decode().lower() in _words():
            return match[0]
        count += 1
        return CANARIES[count % len(CANARIES)] if count % 2 else match[0]

    return _WORD.sub(other, data)


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """The words of what the hub says of itself."""
    return frozenset(re.findall(r"[a-z]{5,}", vocabulary()))


@lru_cache(maxsize=1)
def vocabulary() -> str:
    """Everything that the hub says of itself: its code, its streams, its agencies and their columns, in lower case."""
    places = [*ROOT.glob("hub/**/*.py"), *ROOT.glob("schemas/**/*.py")]
    places += [path for suffix in ("py", "yaml") for path in ROOT.glob(f"connectors/**/*.{suffix}")]
    catalog = look()
    lists = [catalog.agencies, catalog.notice.sections if catalog.notice is not None else ()]
    said = [path.read_text(encoding="utf-8") for path in sorted(places)]
    return "\n".join([*said, *(", ".join(sorted(one)) for one in lists), *_of_fhir()]).lower()


def _of_fhir() -> Iterator[str]:
    """What FHIR R4 and its models say of themselves: places in a resource are told by the standard's own names."""
    for path in sorted(Path(R4B.__file__).parent.glob("*.py")):
        yield from re.findall(r'alias="(\w+)"', path.read_text(encoding="utf-8"))
    for path in (Path(types.__file__), Path(R4B.__file__).with_name("fhirprimitiveextension.py")):
        yield from (one.replace("_", "-") for one in re.findall(r'"(\w+)"', path.read_text(encoding="utf-8")))
