"""JSON Schema: what a partner that hears JSON may check messages by, derived from what its grant compiles to; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PAPERS = {
    "id": {"type": "string", "description": "The message's own id, the same however often it comes."},
    "type": {"type": "string", "description": "The topic on which it comes."},
    "time": {"type": "string", "format": "date-time", "description": "When the hub took the event in."},
}
_KINDS: Mapping[str, Mapping[str, str]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "long": {"type": "integer"},
    "date": {"type": "string", "format": "date"},
    "timestamp-millis": {"type": "string", "format": "date-time"},
}


def json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """
    The JSON Schema (draft 2020-12) of what `hub.formats.json` makes of values of the Avro *schema*, with its papers.

    What may be null is left out there, and so is a record of which nothing is left: only what is always there is
    required. Fields may be added, so that others are allowed.
    """
    made = _record(schema)
    made["properties"] = {**PAPERS, **made["properties"]}
    made["required"] = [*PAPERS, *made["required"]]
    return {"$schema": DIALECT, **made}


def _record(schema: Mapping[str, Any]) -> dict[str, Any]:
    fields = schema["fields"]
    properties = {field["name"]: _of(field["type"], field.get("doc", "")) for field in fields}
    required = [field["name"] for field in fields if _always(field["type"])]
    said = {"description": schema["doc"]} if schema.get("doc") else {}
    return {"type": "object", **said, "properties": properties, "required": required}


def _of(kind: Any, doc: str) -> dict[str, Any]:
    said = {"description": doc} if doc else {}
    if isinstance(kind, list):
        (kind,) = (one for one in kind if one != "null")
    if isinstance(kind, Mapping) and kind["type"] == "record":
        return {**_record(kind), **said}
    if isinstance(kind, Mapping) and kind["type"] == "array":
        return {"type": "array", "items": _of(kind["items"], ""), **said}
    name = kind["logicalType"] if isinstance(kind, Mapping) else kind
    return {**_KINDS[name], **said}


def _always(kind: Any) -> bool:
    """Whether a value of the kind is always said."""
    if isinstance(kind, list):
        return False
    if isinstance(kind, Mapping) and kind["type"] == "record":
        return any(_always(field["type"]) for field in kind["fields"])
    return True
