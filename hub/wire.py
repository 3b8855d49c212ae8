"""Wire: events as records of their streams, and back, also those that were written before their schema grew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.avro import Codec, schema_of
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.errors import Unreadable
from hub.keys import Keys
from hub.stream import Stream


def record_of(
    catalog: Catalog, keys: Keys, stream: Stream, values: Mapping[str, Any], event_id: str, source: str, at: datetime
) -> Record:
    """The event *values* as it lies on its stream's topic: said by *source*, and taken in *at*."""
    papers = Envelope(event_id, source, stream.topic, at, traceparent(event_id))
    key = keys.subject(stream, values, otherwise=event_id).encode()
    return Record(stream.topic, key, catalog.codec(stream).encode(values), papers.headers())


class Wire:
    """
    What reads and writes the streams of *catalog*.

    A compacted topic holds records as old as the hub; each is read by the schema whose id it carries, into the
    stream's schema of today.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._readers: dict[tuple[str, bytes], Codec] = {}

    def write(self, stream: Stream, values: Mapping[str, Any]) -> bytes:
        """The bytes of *values*; raises ValueError or TypeError where they do not fit the schema."""
        return self._catalog.codec(stream).encode(values)

    def read(self, stream: Stream, data: bytes) -> dict[str, Any]:
        """The values in *data*; raises Unreadable where they are not this stream's."""
        place = (stream.topic, data[:5])
        if place not in self._readers:
            self._readers[place] = self._reader(stream, data)
        return self._readers[place].decode(data)

    def _reader(self, stream: Stream, data: bytes) -> Codec:
        number = int.from_bytes(data[1:5], "big")
        lock = self._catalog.lock
        if len(data) < 5 or data[0] != 0 or lock.subject(number) != stream.topic:
            raise Unreadable("avro.schema-id", "", "the record's schema is none of its stream's; run `hub sync`")
        return Codec(number, lock.schema(number), schema_of(stream))
