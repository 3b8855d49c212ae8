"""The schema lock: which schema each id on the wire means; append-only, because old records keep their ids."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from hub.avro import Codec
from hub.document import Finding
from hub.errors import CatalogError, Unreadable

FILE = "schemas.lock"


class SchemaLock:
    """Ids and schemas by subject (a topic's name): one JSON object a line, newest last."""

    def __init__(self, entries: list[dict[str, Any]], folder: Path | None = None) -> None:
        self.entries = entries
        self._folder = folder
        self._codecs: dict[int, Codec] = {}

    @classmethod
    def read(cls, folder: Path) -> SchemaLock:
        """
        The lock in *folder*; empty where there is none yet.

        Raises CatalogError, with the line, where one is no entry or has not its own number for an id: two branches
        that each gave out the same id would otherwise have one's records read with the other's schema.
        """
        path = folder / FILE
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        entries = [_entry(line) for line in lines]
        mend = "keep the lines of the branch that is live, and run `hub sync`"
        faults = [
            Finding(f"topics/{FILE}", number, "is no entry" if entry is None else f"has not the id {number}", mend)
            for number, entry in enumerate(entries, 1)
            if entry is None or entry["id"] != number
        ]
        if faults:
            raise CatalogError(faults)
        return cls([entry for entry in entries if entry is not None], folder)

    @cached_property
    def current(self) -> Mapping[str, int]:
        """The newest id of each subject."""
        return {entry["subject"]: entry["id"] for entry in self.entries}

    def schema(self, schema_id: int) -> dict[str, Any]:
        """The schema that *schema_id* means; raises KeyError for an id that was never given out."""
        for entry in self.entries:
            if entry["id"] == schema_id:
                schema: dict[str, Any] = entry["schema"]
                return schema
        raise KeyError(schema_id)

    def subject(self, schema_id: int) -> str:
        """The topic to which *schema_id* was given; empty for an id that was never given out."""
        self._grow(schema_id)
        return next((entry["subject"] for entry in self.entries if entry["id"] == schema_id), "")

    def codec(self, value: bytes) -> Codec:
        """The codec that reads *value*, by the id it begins with; raises Unreadable for an unknown one."""
        if len(value) < 5 or value[0] != 0:
            raise Unreadable("avro.no-schema-id", "", "the record is not in Confluent's wire format")
        (schema_id,) = struct.unpack(">I", value[1:5])
        if schema_id not in self._codecs:
            self._grow(schema_id)
            try:
                self._codecs[schema_id] = Codec(schema_id, self.schema(schema_id))
            except KeyError:
                raise Unreadable("avro.unknown-schema", "", "run `hub sync` where it was written") from None
        return self._codecs[schema_id]

    def _grow(self, schema_id: int) -> None:
        """Ids given out since the file was read: another process may have taken up a policy before this one did."""
        if schema_id > len(self.entries):
            self.grow()

    def grow(self) -> None:
        """Take in the ids that were given out since; raises CatalogError as `read`, and nothing known is lost then."""
        if self._folder is None:
            return
        fresh = SchemaLock.read(self._folder).entries
        if fresh[: len(self.entries)] == self.entries:
            self.entries = fresh

    def with_subjects(self, wanted: Mapping[str, dict[str, Any]]) -> SchemaLock:
        """This lock with an id for each of *wanted*; the newest schema of a subject keeps its id."""
        entries = list(self.entries)
        newest = {entry["subject"]: entry["schema"] for entry in entries}
        for subject, schema in sorted(wanted.items()):
            if newest.get(subject) != undocumented(schema):
                entries.append({"id": len(entries) + 1, "subject": subject, "schema": undocumented(schema)})
        return SchemaLock(entries)

    def text(self) -> str:
        """As the file holds it."""
        return "".join(json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n" for entry in self.entries)


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.keys() == {"id", "schema", "subject"} else None


def undocumented(schema: Any) -> Any:
    """*schema* without its sentences: mending a sentence is not a new schema."""
    if isinstance(schema, list):
        return [undocumented(one) for one in schema]
    if isinstance(schema, Mapping):
        return {key: undocumented(value) for key, value in schema.items() if key != "doc"}
    return schema
