"""Spans: how each process tells its part of a message's trace; ids, names of agencies and streams, and verdicts."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import datetime

from hub import tracing
from hub.disclosure import Receipt
from hub.envelope import Record
from hub.inbound import Line
from hub.keyed import Keyed
from hub.keys import Keys
from hub.parcel import Parcel, Way
from hub.route import unhidden
from hub.store.entries import Acked, Again, Handed, Outcome
from hub.stream import Stream
from hub.tracing import Span


def took_in(line: Line, records: Sequence[Record], since: datetime) -> None:
    """The gateway's: a trace begins with each event that came of a message; it ends with the commit, which was now."""
    if not tracing.on():
        return
    began, ended = _nanoseconds(since), time.time_ns()
    for record in records:
        if (ids := _ids(record)) is not None:
            trace, own = ids
            attributes = {"agency": line.agency.key, "line": line.name}
            tracing.send(Span("gateway", trace, own, "", began, ended, attributes))


def decided(stream: Stream, record: Record, receipts: Sequence[Receipt], began: int) -> list[Span]:
    """The relay's, and beneath it one for each agency that could hear of *record*; sent once that is committed."""
    ids = _ids(record)
    if ids is None or not tracing.wanted(ids[0]):
        return []
    (trace, parent), own = ids, os.urandom(8).hex()
    spans = [Span("relay", trace, own, parent, began, began, {"stream": stream.name, "count": len(receipts)})]
    for one in receipts:
        said = {"agency": one.agency, "stream": stream.name, "verdict": one.verdict, "rule": one.rule.partition(".")[0]}
        spans.append(Span("decision", trace, one.message[:16] or os.urandom(8).hex(), own, began, began, said))
    return spans


def committed(spans: Sequence[Span]) -> None:
    """Send the relay's, which end now."""
    ended = time.time_ns()
    for span in spans:
        tracing.send(span._replace(ended=ended))


def watched(watch: str, stream: Stream, parent: str, records: Sequence[Record], began: int) -> None:
    """A watch's: one for each event that it emitted on *stream*; *parent* is the traceparent of what it judged."""
    above = tracing.parts(parent)
    for record in records if tracing.on() and above is not None else ():
        if (ids := _ids(record)) is not None and above is not None:
            attributes = {"watch": watch, "stream": stream.name}
            tracing.send(Span("watch", ids[0], ids[1], above[1], began, time.time_ns(), attributes))


def attempted(way: Way, parcel: Parcel, outcome: Outcome, keys: Keys, began: int) -> None:
    """A courier's: one attempt for each message of *parcel*, and, as its child, the acknowledgement that came of it."""
    if not tracing.on():
        return
    word = {Acked: "acknowledged", Handed: "handed", Again: "again"}.get(type(outcome), "parked")
    mask, ended = Keyed(keys.trace(way.agency.key)), time.time_ns()
    attributes = {"agency": way.agency.key, "stream": way.stream.name, "road": way.door.by}
    for message, traceparent in zip(parcel.ids, parcel.traces, strict=False):
        if (ids := tracing.parts(traceparent)) is None:
            continue
        trace, own = unhidden(mask, ids[0], message), os.urandom(8).hex()
        said: dict[str, str | int | bool] = {**attributes, "outcome": word, "attempt": parcel.tries + 1}
        tracing.send(Span("courier", trace, own, ids[1], began, ended, said))
        if word in ("acknowledged", "handed"):
            tracing.send(Span("acknowledgement", trace, os.urandom(8).hex(), own, ended, ended, attributes))


def _ids(record: Record) -> tuple[str, str] | None:
    traceparent = next((value for name, value in record.headers if name == "traceparent"), b"")
    return tracing.parts(traceparent.decode("ascii", "replace"))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)
