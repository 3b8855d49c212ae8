"""Examples found on disk: one case a claim, with whatever verdicts lie beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hub.catalog import folder_of

VERDICTS = ("events", "refused", "aside", "withheld", "event", "standing")
SUFFIX = {"fhir": "fhir.json", "avro": "avro.json", "hl7": "hl7", "csv": "csv", "xml": "xml", "json": "json"}


class Case(NamedTuple):
    """One claim: *name* is its file without suffixes, *line* the line or stream it belongs to."""

    agency: str
    line: str
    name: str
    folder: Path

    def file(self, suffix: str) -> Path:
        """The case's file of one kind."""
        return self.folder / f"{self.name}.{suffix}"

    def __str__(self) -> str:
        return f"{self.agency}/{self.line}/{self.name}"


def cases(wanted: str) -> Iterator[Case]:
    """Every case of one kind: `said` (bytes to events) or `heard` (an event to bytes)."""
    for folder in sorted(folder_of("connectors").glob("*/examples/*")):
        agency, line = folder.parts[-3], folder.parts[-1]
        heard = {path.name.removesuffix(".event.json") for path in folder.glob("*.event.json")}
        if wanted == "heard":
            yield from (Case(agency, line, name, folder) for name in sorted(heard))
            continue
        said = {
            path.name.rpartition(".")[0].removesuffix(".fhir").removesuffix(".avro")
            for path in folder.iterdir()
            if path.suffix in (".hl7", ".csv", ".xml", ".json")
            and path.name.rpartition(".")[0].rpartition(".")[2] not in VERDICTS
        }
        yield from (Case(agency, line, name, folder) for name in sorted(said - heard) if not heard)
