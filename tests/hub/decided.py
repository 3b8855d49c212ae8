"""Decisions made in memory as the relay makes them, with all that is later needed to make them again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.archive import Archive, records_of
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Envelope, Record, traceparent
from hub.following import Following
from hub.keys import Keys
from hub.outbound import Desk
from hub.transports.memory import MemoryLog
from hub.verify import Evidence, Said
from tests.conftest import ROOT

EXAMPLES = ROOT / "connectors" / "wiltshire_police" / "examples" / "mash_referral"
TAKEN = datetime(2026, 9, 15, 8, tzinfo=UTC)
NOON = datetime(2026, 9, 15, 12, 0, 0, 123_000, tzinfo=UTC)
LIVE = datetime(2026, 9, 1, tzinfo=UTC)


def example(name: str) -> Any:
    """What an example of a referral, or of a standing, says."""
    path: Path = EXAMPLES / name
    return json.loads(path.read_text(encoding="utf-8"))


_DESKS: dict[tuple[int, int], tuple[Catalog, Desk]] = {}


def _desk(catalog: Catalog, keys: Keys) -> Desk:
    """The referrals' desk, made once; the catalog is kept beside it, so that no other gets its number."""
    place = id(catalog), id(keys)
    if place not in _DESKS:
        _DESKS[place] = (catalog, Desk(catalog, catalog.streams["mash_referral"], keys))
    return _DESKS[place][1]


class Day:
    """One day of a hub in memory: what is said of children, what happened, and what was decided of it."""

    def __init__(self, catalog: Catalog, keys: Keys) -> None:
        self.catalog, self.keys = catalog, keys
        self.log = MemoryLog()
        self.archive = Archive(records_of(catalog, LIVE))
        self._standings: list[Said] = []

    def record(self, stream: str, said: Any, name: str, at: datetime = TAKEN) -> Record:
        """An event as it lies on its topic."""
        of = self.catalog.streams[stream]
        values = of.event.model_validate(said).model_dump()
        event_id = self.keys.event_id("tests", stream, name, 0)
        papers = Envelope(event_id, "/tests", of.topic, at, traceparent(event_id))
        key = self.keys.subject(of, values, otherwise=event_id).encode()
        return Record(of.topic, key, self.catalog.codec(of).encode(values), papers.headers())

    def known(self, said: Any, name: str = "standing", at: datetime = TAKEN - timedelta(days=1)) -> Record:
        """Something is said of a child's standing, which Kafka takes in *at*."""
        record = self.record("sharing_status", said, name, at)
        self._standings.append(Said(record, at))
        return record

    def happens(self, said: Any, name: str = "event", now: datetime = NOON) -> dict[str, Receipt]:
        """A referral comes and is decided at *now*; the receipts by agency."""
        record = self.record("mash_referral", said, name)
        self.log.append([record])
        following = Following(self.catalog)
        for one in self._standings:
            if one.time <= now:
                following.take(one.record)
        desk = _desk(self.catalog, self.keys)
        return {one.agency: one for one in desk.carry(record, now=now, view=following.view).receipts}

    @property
    def evidence(self) -> Evidence:
        """What the topics hold."""
        events: dict[str, list[Record]] = {}
        for record in self.log.topics[self.catalog.streams["mash_referral"].topic]:
            events.setdefault(dict(record.headers)["ce_id"].decode(), []).append(record)
        return Evidence(events, tuple(self._standings), self.archive)

    def forget_standings(self) -> None:
        """Kafka compacts away all that was said of children."""
        self._standings.clear()
