"""What happened: events of files, or of the last days of topics, with what is known of the children; read only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from hub.catalog import Catalog
from hub.envelope import Record, is_synthetic
from hub.errors import CatalogError
from hub.explain import events_in
from hub.following import Following
from hub.keys import Keys
from hub.once import Once
from hub.stream import Stream
from hub.transports.kafka import read_topic
from hub.view import View
from hub.wire import record_of

Given = tuple[Path, str, str]
"""A file, and the agency and line that it is read as."""


class Happened(NamedTuple):
    """
    Events of the hub's own topics, one after the other, and the view by which they are decided about.

    *refused* counts, by the code of the refusal, the files of which something made no event.
    """

    events: Iterator[Record]
    view: View
    refused: Mapping[str, int] = {}


def in_files(
    catalog: Catalog,
    files: Sequence[Given],
    streams: Collection[Stream],
    keys: Keys,
    now: datetime,
    supposing: Sequence[Record] = (),
) -> Happened:
    """
    The events of *streams* that come of *files*, as the gateway and the watches would make them, taken in *now*.

    *supposing* is what else is known of children (`supposed`).
    """
    once = Once(replace(catalog, policies={}), keys, lambda: now)
    for record in supposing:
        once.following.take(record)
    for path, agency, line in files:
        once.give(path, agency, line)
    refused = Counter(given.answer.code for given in once.outcome.given if given.answer.refused)
    events = (record for stream in streams for record in once.log.topics[stream.topic])
    return Happened(events, once.following.view, refused)


def lately(
    catalog: Catalog,
    streams: Collection[Stream],
    bootstrap: str,
    extra: Mapping[str, str],
    since: datetime,
    supposing: Sequence[Record] = (),
) -> Happened:
    """
    The events of *streams* that Kafka took in at *since* or later, canaries' inventions left out.

    What is known of children is read first, and whole. Raises TransportError where a topic is not there or Kafka does
    not answer, the first time that an event is asked for, or at once for what is known.
    """
    following = Following(catalog)
    for topic in following.topics:
        for stored in read_topic(bootstrap, topic, extra):
            following.take(stored.record)
    for record in supposing:
        following.take(record)
    return Happened(_events(streams, bootstrap, extra, since), following.view)


def _events(streams: Collection[Stream], bootstrap: str, extra: Mapping[str, str], since: datetime) -> Iterator[Record]:
    for stream in streams:
        for stored in read_topic(bootstrap, stream.topic, extra, since=since):
            if stored.record.value is not None and not is_synthetic(stored.record.headers):
                yield stored.record


def supposed(catalog: Catalog, path: Path, keys: Keys, now: datetime) -> list[Record]:
    """
    What the JSON file *path* says of children's standing, one or a list, as records taken in *now*.

    Raises CatalogError where no stream says such, NotUnderstood where the file does not hold it.
    """
    if not catalog.standing:
        raise CatalogError(["no stream says what is known of a child"])
    stream = catalog.standing[0]
    return [
        record_of(
            catalog, keys, stream, one, keys.event_id("preview", stream.name, "standing", number), "/preview", now
        )
        for number, one in enumerate(events_in(path, stream, several=True))
    ]


def told(values: Any, above: str = "") -> Iterator[str]:
    """The leaves of an event that have a value, by path; of a list those that any of its elements has."""
    if isinstance(values, Mapping):
        for name, one in values.items():
            yield from told(one, f"{above}.{name}" if above else name)
    elif isinstance(values, list | tuple):
        for one in values:
            yield from told(one, above)
    elif values is not None:
        yield above
