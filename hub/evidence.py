"""Evidence: receipts, reviews, policies as they were and what decisions rested on, read from Kafka's topics."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from hub import archive, disclosure, reviews
from hub.archive import Archive
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Record
from hub.errors import Unreadable
from hub.receipts import Wanted, on_page
from hub.reviews import Review
from hub.transports.kafka import Committer, Stored, read_topic
from hub.verify import Evidence, Said

Counting = Callable[[Iterator[Stored], str], Iterable[Stored]]
"""Passes records on while it shows how many, and of what."""


def uncounted(records: Iterator[Stored], _what: str) -> Iterable[Stored]:
    """Shows nothing."""
    return records


class Ledger:
    """The topics of one cluster, as far as they say what was decided and why."""

    def __init__(
        self, catalog: Catalog, bootstrap: str, extra: Mapping[str, str] = {}, counting: Counting = uncounted
    ) -> None:
        self._catalog, self._bootstrap, self._extra, self._counting = catalog, bootstrap, extra, counting
        self.unread = 0
        """How many pages of receipts could not be read."""

    def receipts(self, *wanted: Wanted, lying_since: datetime | None = None) -> Iterator[Receipt]:
        """
        The receipts that any of *wanted* asks for, as they lie; each page is read once.

        With *lying_since* only what Kafka took in from then on, by its own clock.
        """
        starts = [one.since for one in wanted]
        # A page is written within seconds of the decisions on it, and Kafka's clock may differ from the relay's.
        since = None if None in starts else min(one for one in starts if one is not None) - timedelta(hours=1)
        for stored in self._read(disclosure.TOPIC, lying_since or since):
            try:
                found = on_page(self._catalog, stored.record)
            except Unreadable:
                self.unread += 1
                continue
            yield from (one for one in found if any(which.has(one) for which in wanted))

    def reviews(self) -> dict[tuple[str, str], Review]:
        """The newest review of each disclosure; what is no review is as if it were not there."""
        found: dict[tuple[str, str], Review] = {}
        for stored in self._read(reviews.TOPIC):
            try:
                one = reviews.read(stored.record)
            except Unreadable:
                continue
            found[one.event, one.agency] = one
        return found

    def archive(self) -> Archive:
        """Policies as they were."""
        return Archive(stored.record for stored in self._read(archive.TOPIC))

    def evidence(self, receipts: Collection[Receipt]) -> Evidence:
        """What *receipts* rest on, as far as the topics still hold it."""
        events = self.events({one.event for one in receipts}, {one.stream for one in receipts})
        return Evidence(events, self.standings(), self.archive())

    def events(self, ids: Collection[str], streams: Collection[str]) -> dict[str, list[Record]]:
        """Those of the events *ids* that lie on *streams*, by id, each as often as it lies there."""
        return {name: [one.record for one in lie] for name, lie in self.lying(ids, streams).items()}

    def lying(self, ids: Collection[str], streams: Collection[str]) -> dict[str, list[Stored]]:
        """The same, each where it lies on its stream's topic."""
        wanted, found = {one.encode() for one in ids}, dict[str, list[Stored]]()
        for name in sorted(self._catalog.streams.keys() & set(streams)):
            for stored in self._read(self._catalog.streams[name].topic):
                event_id = dict(stored.record.headers).get("ce_id", b"")
                if event_id in wanted and stored.record.value is not None:
                    found.setdefault(event_id.decode("ascii", "replace"), []).append(stored)
        return found

    def about(self, subject: str) -> dict[str, datetime]:
        """The ids of the events that lie on streams under the key *subject*, each with when Kafka took it in."""
        wanted, found = subject.encode(), dict[str, datetime]()
        for _, stream in sorted(self._catalog.streams.items()):
            for stored in self._read(stream.topic):
                if stored.record.key == wanted:
                    event_id = dict(stored.record.headers).get("ce_id", b"").decode("ascii", "replace")
                    found.setdefault(event_id, stored.time)
        return found

    def standings(self) -> list[Said]:
        """What was said of children's standing, oldest first within a key, as far as it is not compacted away."""
        return [Said(one.record, one.time) for of in self._catalog.standing for one in self._read(of.topic)]

    def publish(self, records: list[Record], name: str = "hub-ledger") -> None:
        """Commit *records* of the hub's own, in one transaction of a producer whose id begins with *name*."""
        committer = Committer(self._bootstrap, f"{name}.{uuid.uuid4().hex}", self._extra)
        try:
            committer.enqueue(records).result()
        finally:
            committer.close()

    def _read(self, topic: str, since: datetime | None = None) -> Iterable[Stored]:
        return self._counting(read_topic(self._bootstrap, topic, self._extra, since=since), topic)


def publish_versions(catalog: Catalog, bootstrap: str, extra: Mapping[str, str] = {}) -> int:
    """
    Put each policy of *catalog* on the topic of policies as they were, where it is not there yet; returns how many.

    To be called before anything is decided by *catalog*, so that no receipt names a version that nobody can find. Two
    processes that do it at once write the same twice, and compaction leaves one. Raises TransportError where Kafka does
    not take it: then nothing may be decided by it either.
    """
    ledger = Ledger(catalog, bootstrap, extra)
    held = ledger.archive()
    fresh = [record for record in archive.records_of(catalog, datetime.now(UTC)) if record not in held]
    if fresh:
        ledger.publish(fresh, "hub-archive")  # the relay's, which nobody who reads receipts may end
    return len(fresh)
