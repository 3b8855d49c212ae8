"""Samples: an agency's own examples just as it would receive them, under keys that open nothing; about nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from hub.catalog import Catalog, folder_of
from hub.envelope import SYNTHETIC, Headers, Record
from hub.explain import events_in
from hub.following import Following
from hub.keys import Keys, digest
from hub.outbound import Desk, Run, open_letter, render
from hub.stream import Stream
from hub.sync import as_synced
from hub.wire import record_of

MOMENT = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)
"""When samples are decided: the Tuesday for which the examples are written. A kit must not change from day to day."""
KEYS = Keys(b"of samples alone, known to everyone who asks")
"""The pseudonyms and ids of samples are therefore none that anybody will ever be sent."""
CANARY = "canary"


class Sample(NamedTuple):
    """
    One message: *value* as it arrives, *suffix* as a file of it would be named.

    Its *name* is a number: what an example claims tells what the hub knew besides what the agency hears.

    *door* is the road on which it is delivered, empty for a record that the agency reads from Kafka, which has a *key*
    and *headers* besides.
    """

    stream: str
    name: str
    topic: str
    door: str
    key: str
    headers: Headers
    value: bytes
    suffix: str


def samples(catalog: Catalog, agency: str) -> Iterator[Sample]:
    """
    Every example of the agency that its policy releases, carried and rendered by the hub's own code.

    The first that is read from Kafka comes once more as a canary would, for the partner to see that it skips it.
    """
    live = {**catalog.agencies, agency: catalog.agencies[agency].model_copy(update={"status": "live"})}
    catalog = as_synced(replace(catalog, agencies=live))
    policy = catalog.policies.get(agency)
    for name in catalog.agencies[agency].hears:
        if policy is None or name not in policy.hears:
            continue
        stream = catalog.streams[name]
        desk, number = Desk(catalog, stream, KEYS), 0
        for path in sorted((folder_of("connectors") / agency / "examples" / name).glob("*.event.json")):
            record, known = _record(catalog, stream, path), _known(catalog, path)
            found = list(_received(catalog, desk, agency, f"{number + 1:02d}", record, known))
            yield from found
            if found and not found[0].door and number == 0:
                canary = record._replace(headers=(*record.headers, SYNTHETIC))
                yield from _received(catalog, desk, agency, CANARY, canary, known)
            number += bool(found)


def _record(catalog: Catalog, stream: Stream, path: Path) -> Record:
    (values,) = events_in(path, stream, several=False)
    return _said(catalog, stream, values, f"{path.parts[-2]}/{path.name}", MOMENT)


def _said(catalog: Catalog, stream: Stream, values: dict[str, Any], name: str, at: datetime) -> Record:
    return record_of(catalog, KEYS, stream, values, digest(b"samples", name), "/samples", at)


def _known(catalog: Catalog, path: Path) -> Following:
    """What is known of the child, by the file beside the example, since the day before."""
    following, beside = Following(catalog), path.with_name(path.name.replace(".event.", ".standing."))
    if beside.exists():
        about = catalog.standing[0]
        (values,) = events_in(beside, about, several=False)
        following.take(_said(catalog, about, values, beside.name, MOMENT - timedelta(days=1)))
    return following


def _received(
    catalog: Catalog, desk: Desk, agency: str, name: str, record: Record, known: Following
) -> Iterator[Sample]:
    """What the agency gets of one event: nothing where it is withheld, and the same bytes once where doors agree."""
    stream, whom = desk.stream, catalog.agencies[agency]
    suffixes = set()
    for sent in desk.carry(record, now=MOMENT, view=known.view).records:
        if sent.topic != stream.topic_to(agency):
            continue
        key, value = (sent.key or b"").decode(), sent.value or b""
        for door in whom.hears[stream.name].doors:
            if door.by == "kafka":
                yield Sample(stream.name, name, sent.topic, "", key, sent.headers, value, f".{door.format}")
                continue
            letter = open_letter(catalog, value, sent.headers, key)
            made = render(catalog, stream, whom, door, [letter], Run(1, letter.envelope.time))
            if made.suffix not in suffixes:
                suffixes.add(made.suffix)
                yield Sample(stream.name, name, sent.topic, door.by, "", (), made.body, made.suffix)
