"""Acknowledging: what partners say became of files, read from their own streams, settles those files in the ledger."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial

from hub import courier_counts
from hub.acknowledgement import Acknowledgement
from hub.catalog import Catalog
from hub.envelope import Envelope, is_synthetic
from hub.log import note
from hub.office import Office
from hub.parcel import Way
from hub.patience import backoff
from hub.store.entries import Said
from hub.stream import Stream
from hub.transports.kafka.reading import Stored

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)
_LEVELS = {"settled": logging.INFO, "again": logging.WARNING, "heard before": logging.INFO}


def answered_by(catalog: Catalog, ways: Mapping[str, Way]) -> dict[str, tuple[Stream, list[str]]]:
    """By its topic, each stream by which an agency acknowledges, with the names of the streams that it is about."""
    about: dict[str, list[str]] = defaultdict(list)
    for name, way in ways.items():
        if way.door.acknowledged_by is not None:
            about[way.door.acknowledged_by].append(name)
    return {catalog.streams[name].topic: (catalog.streams[name], names) for name, names in about.items()}


def said_of(stored: Stored, stream: Stream, agency: str, catalog: Catalog) -> Said | None:
    """
    A record as the ledger takes it; None where somebody else than *agency* says it, or it is invented.

    Raises KeyError, ValueError or `MessageError` where it is no acknowledgement that *stream* can hold.
    """
    record = stored.record
    papers = Envelope.from_headers(record.headers)
    if is_synthetic(record.headers) or not papers.source.startswith(f"/{agency}/"):
        return None
    value = record.value or b""
    codec = catalog.lock.codec(value)
    if catalog.lock.subject(codec.id) != stream.topic:
        raise ValueError("written with another stream's schema")
    one = stream.event.model_validate(codec.decode(value))
    if not isinstance(one, Acknowledgement):
        raise ValueError("no acknowledgement")
    records = {each.record: (each.verdict, _code(each.code)) for each in one.records}
    return Said(stream.name, papers.id, one.number, one.message_id, one.verdict, _code(one.code), records)


def _code(said: str) -> str:
    """A partner's code as the ledger and the log may repeat it: what is not spelled as one may be anything."""
    return said if CODE.fullmatch(said) else "not-a-code"


class Acknowledgements:
    """One agency's: each record read is in the ledger before its place in Kafka is kept."""

    def __init__(self, agency: str, ways: Mapping[str, Way], office: Office) -> None:
        self._agency, self._office = agency, office
        self._streams = answered_by(office.catalog, ways)
        self._told: set[tuple[str, object]] = set()

    @property
    def topics(self) -> Collection[str]:
        """The topics to read."""
        return sorted(self._streams)

    async def take(self, records: Sequence[Stored]) -> Collection[str]:
        """Let files fare as these say; returns the streams whose files go again."""
        moved: set[str] = set()
        for stored in records:
            stream, about = self._streams[stored.record.topic]
            try:
                said = said_of(stored, stream, self._agency, self._office.catalog)
            except Exception as error:  # noqa: BLE001  one that is not sound must not stop those behind it
                note("courier", "acknowledgement not readable", level=logging.ERROR, agency=self._agency,
                     stream=stream.name, offset=stored.offset, kind=type(error).__name__)  # fmt: skip
                continue
            if said is None:
                continue
            take = partial(
                self._office.ledger.acknowledge, self._agency, about, said, self._office.clock(), self._pause
            )
            came = await self._office.store(take)
            courier_counts.answered(self._agency, stream.name, came)
            note("courier", f"acknowledgement: {came}", level=_LEVELS.get(came, logging.ERROR), agency=self._agency,
                 stream=stream.name, code=said.code, state=said.verdict, run=said.number,
                 message=said.delivery, event=said.event)  # fmt: skip
            if came in ("settled", "again"):
                moved.update(about)
        return moved

    def _pause(self, attempts: int) -> timedelta:
        return timedelta(seconds=backoff(max(1, attempts), self._office.uniform))

    async def remind(self, after: timedelta) -> None:
        """Tell of each file, once, whose acknowledgement has not come *after* it was handed over."""
        office = self._office
        for late in await office.look(lambda: office.ledger.overdue(office.clock(), after, self._agency)):
            if (place := (late.delivery, late.handed)) not in self._told:
                self._told.add(place)
                note("courier", "acknowledgement overdue", level=logging.ERROR, agency=self._agency,
                     stream=late.lane.stream, message=late.delivery, run=late.number, count=late.messages,
                     seconds=round((office.clock() - late.handed).total_seconds()))  # fmt: skip
