"""Avro: a stream's model as a schema, a grant as a smaller one, and values as bytes on the wire."""

from __future__ import annotations

import copy
import io
import struct
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, get_args, get_origin

import fastavro

from hub.coarse import WORDS
from hub.errors import Unreadable
from hub.policy import Grant
from hub.stream import Event, Stream, unwrap

Schema = dict[str, Any]
PRIMITIVES: Mapping[type, Any] = {
    str: "string",
    bool: "boolean",
    int: "long",
    date: {"type": "int", "logicalType": "date"},
    datetime: {"type": "long", "logicalType": "timestamp-millis"},
}


def schema_of(stream: Stream) -> Schema:
    """The schema of everything that *stream* can say, with its sentences; deterministic."""
    return _record(stream.event, namespace_of(stream), ())


def namespace_of(stream: Stream) -> str:
    """The namespace of a stream's records."""
    return f"hub.{stream.name}.v{stream.version}"


def _record(model: type[Event], namespace: str, path: tuple[str, ...]) -> Schema:
    """One record; its name tells its place, because Avro wants every named type once."""
    name = "_".join((model.__name__, *path))
    schema: Schema = {"type": "record", "name": name}
    if not path:
        schema["namespace"] = namespace
    schema["doc"] = (model.__doc__ or "").strip().split("\n")[0]
    schema["fields"] = [_field(model, field, namespace, path) for field in model.model_fields]
    return schema


def _field(model: type[Event], name: str, namespace: str, path: tuple[str, ...]) -> Schema:
    info = model.model_fields[name]
    kind, optional, repeated = unwrap(info.annotation)
    inner: Any
    if isinstance(kind, type) and issubclass(kind, Event):
        inner = _record(kind, namespace, (*path, name))
    else:
        inner = copy.deepcopy(primitive(kind))
    if repeated:
        inner = {"type": "array", "items": inner}
    field: Schema = {"name": name, "type": ["null", inner] if optional else inner}
    if info.description:
        field["doc"] = info.description
    if optional:
        field["default"] = None
    return field


def primitive(kind: Any) -> Any:
    """The Avro type of a leaf; raises TypeError for a kind that has none here."""
    if get_origin(kind) is Literal:
        kinds = {type(value) for value in get_args(kind)}
        kind = kinds.pop() if len(kinds) == 1 else kind
    if isinstance(kind, type) and kind in PRIMITIVES:
        return PRIMITIVES[kind]
    raise TypeError(f"{kind!r}: an event's leaf is one of str, bool, int, date, datetime or a Literal of one of them")


def leaves_of(schema: Any, above: tuple[str, ...] = ()) -> set[str]:
    """The dotted paths of all leaves of a schema, through unions, lists and records."""
    if isinstance(schema, list):
        return set().union(*(leaves_of(branch, above) for branch in schema if branch != "null"))
    if isinstance(schema, Mapping) and schema.get("type") == "record":
        return set().union(*(leaves_of(field["type"], (*above, field["name"])) for field in schema["fields"]))
    if isinstance(schema, Mapping) and schema.get("type") == "array":
        return leaves_of(schema["items"], above)
    return {".".join(above)}


def narrowed(schema: Any, paths: frozenset[str], above: tuple[str, ...] = ()) -> Any:
    """*schema* with just the leaves at *paths*; None where none of them lies in it."""
    if isinstance(schema, list):
        branches = [branch if branch == "null" else narrowed(branch, paths, above) for branch in schema]
        return None if None in branches else branches
    if isinstance(schema, Mapping) and schema.get("type") == "record":
        fields = []
        for field in schema["fields"]:
            inner = narrowed(field["type"], paths, (*above, field["name"]))
            if inner is not None:
                fields.append({**field, "type": inner})
        return {**schema, "fields": fields} if fields else None
    if isinstance(schema, Mapping) and schema.get("type") == "array":
        items = narrowed(schema["items"], paths, above)
        return None if items is None else {**schema, "items": items}
    return schema if ".".join(above) in paths else None


def coarsened(schema: Any, words: Mapping[str, str], above: tuple[str, ...] = ()) -> Any:
    """*schema* with the type that each field in *words* has after coarsening."""
    if isinstance(schema, list):
        return [branch if branch == "null" else coarsened(branch, words, above) for branch in schema]
    if isinstance(schema, Mapping) and schema.get("type") == "record":
        fields = []
        for field in schema["fields"]:
            here = (*above, field["name"])
            word = words.get(".".join(here))
            if word is not None and WORDS[word].of_absence:
                plain = {key: value for key, value in field.items() if key != "default"}
                fields.append({**plain, "type": PRIMITIVES[WORDS[word].gives]})
            else:
                fields.append({**field, "type": coarsened(field["type"], words, here)})
        return {**schema, "fields": fields}
    if isinstance(schema, Mapping) and schema.get("type") == "array":
        return {**schema, "items": coarsened(schema["items"], words, above)}
    word = words.get(".".join(above))
    return schema if word is None else PRIMITIVES[WORDS[word].gives]


def bare(schema: Any) -> Any:
    """*schema* without logical types, names' documentation and defaults' dates: what the relay copies with."""
    if isinstance(schema, list):
        return [bare(branch) for branch in schema]
    if isinstance(schema, Mapping):
        if "logicalType" in schema:
            return schema["type"]
        return {key: bare(value) if key in ("type", "fields", "items") else value for key, value in schema.items()}
    return schema


def granted_schemas(stream: Stream, grant: Grant) -> tuple[Schema, Schema]:
    """
    What a grant compiles to: the schema to read an event with, and the schema of what the recipient gets.

    The first holds just the granted fields, so that nothing else is ever materialised; the second is the same with
    the coarsened fields' own types.
    """
    paths = frozenset(grant.fields) | frozenset(grant.coarse)
    reader = narrowed(schema_of(stream), paths)
    missing = paths - (leaves_of(reader) if reader else set())
    if missing:
        raise KeyError(f"{stream.name} has no field {sorted(missing)[0]}")
    return reader, coarsened(reader, grant.coarse)


class Codec:
    """
    Values to bytes and back, in Confluent's wire format: a zero byte, the schema's id in four bytes, Avro.

    *writer* is the schema on the wire; *reader*, where given, is what is read of it.
    """

    def __init__(self, schema_id: int, writer: Schema, reader: Schema | None = None) -> None:
        self.id = schema_id
        self.prefix = struct.pack(">bI", 0, schema_id)
        self.writer = fastavro.parse_schema(copy.deepcopy(writer))
        self.reader = fastavro.parse_schema(copy.deepcopy(reader)) if reader is not None else None

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """The bytes of *values*; raises ValueError or TypeError where they do not fit the schema."""
        out = io.BytesIO()
        out.write(self.prefix)
        fastavro.schemaless_writer(out, self.writer, values, disable_tuple_notation=True)
        return out.getvalue()

    def decode(self, data: bytes) -> dict[str, Any]:
        """The values in *data*; raises Unreadable unless every byte of it is accounted for."""
        if data[:5] != self.prefix:
            raise Unreadable("avro.schema-id", "", "the record was written with another schema")
        source = io.BytesIO(data)
        source.seek(5)
        try:
            values = fastavro.schemaless_reader(source, self.writer, self.reader)
        except (EOFError, ValueError, IndexError, TypeError, UnicodeDecodeError, OverflowError) as error:
            raise Unreadable("avro.truncated", "", "the record does not fit its schema") from error
        if source.tell() != len(data):
            raise Unreadable("avro.trailing-bytes", "", "the record is longer than its schema says")
        return values  # type: ignore[return-value]  # the top of every schema here is a record
