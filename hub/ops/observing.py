"""The observer: looks at cluster, ledgers and processes every few seconds, changes none, and keeps the picture."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from hub import cluster
from hub.catalog import Catalog
from hub.errors import HubError
from hub.log import note
from hub.ops import words
from hub.ops.conditions import WORST, Conditions
from hub.ops.flow import Flow
from hub.ops.history import History
from hub.ops.owed import Owed, deliveries
from hub.ops.picture import Condition, Group, Picture, Point, Process, Quarantined, Reading, Trouble
from hub.ops.readers import Reads, heard, own, partners, theirs
from hub.ops.refused import Refused
from hub.ops.silence import Silence
from hub.ops.undelivered import Ledgers
from hub.settings import Settings
from hub.supervise import Supervisor, announced, last_said
from hub.transports.kafka import Lag, Measured, Meter

LOOK_SECONDS = 2.0
KEEP_SECONDS = 300.0
ASK_SECONDS = 5.0
"""How long Kafka may take to answer one question."""


class Observer:
    """
    Makes the `Picture`: one look after the other in a thread of its own, or one at a time.

    What could not be looked at stands in the picture's faults; `picture` never waits for a look.
    """

    def __init__(
        self, catalog: Catalog, settings: Settings, bootstrap: str, *, kept: bool = True,
        also: Callable[[], Sequence[Trouble]] = tuple,
    ) -> None:  # fmt: skip
        """
        With *kept*, history and what is known of silence outlive it, in the folder `ops` of the state folder.

        *also* gives troubles that somebody else looks for, at once.
        """
        self._also = also
        self._catalog, self._settings, self._bootstrap = catalog, settings, bootstrap
        self._picture = Picture(at=datetime.now(UTC), faults={"kafka": "not looked at yet"})
        self._own, self._partners, self._heard = own(catalog), partners(catalog), tuple(heard(catalog))
        self._streams = {stream.topic: ("", name) for name, stream in catalog.streams.items()} | {
            catalog.streams[one.stream].topic_to(one.agency.key): (one.agency.key, one.stream) for one in self._heard
        }
        file = settings.path("ops") if kept else None
        self._history = History(file / "history" if file else None)
        self._silence = Silence(file / "silence.json" if file else None)
        self._conditions, self._flow = Conditions(), Flow(catalog)
        self._refused: Refused | None = None
        self._quarantined: tuple[Quarantined, ...] = ()
        self._ledgers = Ledgers(settings.ledgers)
        self._meter: Meter | None = None
        self._looking = threading.Lock()
        self._lock = threading.Lock()

    def picture(self) -> Picture:
        """The newest picture; before the first look one whose faults say so."""
        return self._picture

    def history(self, agency: str, stream: str) -> Sequence[Point]:
        """How much of *stream* was undelivered to *agency*, and how old, the oldest first; a week at the most."""
        with self._lock:
            return self._history.points((agency, stream))

    def look(self) -> Picture:
        """Look once, now; takes as long as Kafka takes to answer, some seconds at the most."""
        with self._looking:
            now = datetime.now(UTC)
            faults: dict[str, str] = {}
            measured, reads, members = self._measured(faults)
            rows = list(measured.rows)
            conditions = self._conditions.see(rows, dict(members), now)
            came = self._flowing(measured, now, faults)
            silent = {topic for topic in self._flow.topics if self._silence.silent(topic, now) is not None}
            readings = tuple(self._reading(row, reads[row.group]) for row in rows)
            groups = tuple(self._groups(readings, conditions, members, silent))
            owed = self._owed(rows, reads, faults)
            processes = tuple(self._processes())
            if came is not None:
                self._silence.see(self._flow.topics, came, now)
                self._quarantined = self._waiting(measured, now, faults)
            said, told = self._flow.rates(now)
            with self._lock:
                for one in owed:
                    waits = (now - one.delivery.oldest).total_seconds() if one.delivery.oldest is not None else 0.0
                    way = (one.delivery.agency, one.delivery.stream)
                    if "kafka" not in faults:
                        self._history.add(way, now, one.delivery.undelivered, waits)
            self._picture = Picture(
                at=now, readings=readings, groups=groups, deliveries=tuple(one.delivery for one in owed), said=said,
                heard=told, processes=processes, quarantined=self._quarantined,
                troubles=(*self._troubles(owed, groups, readings, processes, now), *self._also()), faults=faults,
            )  # fmt: skip
            return self._picture

    def run(self, stop: threading.Event) -> None:
        """Look again and again until *stop*; meant for a thread of its own."""
        kept = time.monotonic()
        try:
            while not stop.is_set():
                try:
                    self.look()
                except Exception as error:  # noqa: BLE001  nothing may end the looking; that it failed is seen
                    note("ops", "a look failed", level=logging.ERROR, kind=type(error).__name__)
                    self._picture = Picture(
                        at=datetime.now(UTC), faults={"ops": f"a look failed: {type(error).__name__}"}
                    )
                if time.monotonic() - kept > KEEP_SECONDS:
                    self._keep()
                    kept = time.monotonic()
                stop.wait(LOOK_SECONDS)
        finally:
            self._keep()
            self.close()

    def close(self) -> None:
        """Let go of every connection."""
        with self._looking:
            self._ledgers.close()
            if self._meter is not None:
                self._meter.close()
                self._meter = None

    def _keep(self) -> None:
        try:
            with self._lock:
                self._history.keep()
            self._silence.keep()
        except OSError as error:
            note("ops", "the history could not be written", level=logging.WARNING, kind=type(error).__name__)

    def _measured(self, faults: dict[str, str]) -> tuple[Measured, Mapping[str, Reads], Mapping[str, int | None]]:
        """The groups that there are, and how far behind they are."""
        try:
            if self._meter is None:
                self._meter = Meter(self._bootstrap, self._settings.kafka(), timeout=ASK_SECONDS)
            members = self._meter.groups()
            reads = self._own | theirs(self._partners, members)
            also = self._flow.topics | (self._refused.topics if self._refused is not None else frozenset())
            measured = self._meter.measure({group: one.topics for group, one in reads.items()}, also)
        except HubError as error:
            faults["kafka"] = str(error)
            return Measured(), self._own, {}
        faults |= {name: str(fault) for name, fault in measured.faults.items()}
        return measured, reads, members

    def _reading(self, row: Lag, reads: Reads) -> Reading:
        agency, stream = self._streams.get(row.topic, ("", ""))
        return Reading(
            group=row.group, reader=reads.reader, agency=reads.agency or agency, stream=stream, topic=row.topic,
            partition=row.partition, committed=row.committed, end=row.end, lag=row.lag, waiting_since=row.oldest,
            held=row.held, missed=row.missed, held_since=row.held_since,
        )  # fmt: skip

    @staticmethod
    def _groups(
        readings: Sequence[Reading], conditions: Mapping[tuple[str, str], Condition],
        members: Mapping[str, int | None], silent: Collection[str],
    ) -> list[Group]:  # fmt: skip
        together: dict[tuple[str, str], list[Reading]] = defaultdict(list)
        for reading in readings:
            together[reading.group, reading.topic].append(reading)
        found = []
        for (group, topic), of in together.items():
            condition = conditions[group, topic]
            found.append(Group(
                group=group, reader=of[0].reader, agency=of[0].agency, stream=of[0].stream, topic=topic,
                members=members.get(group) or 0, lag=sum(one.lag for one in of),
                waiting_since=min((one.waiting_since for one in of if one.waiting_since), default=None),
                condition="silent" if condition == "ok" and topic in silent else condition,
            ))  # fmt: skip
        return sorted(found, key=lambda one: (WORST.index(one.condition), one.group, one.topic))

    def _flowing(self, measured: Measured, now: datetime, faults: dict[str, str]) -> frozenset[str] | None:
        """What came lately; None where it is not the time to look."""
        spans = self._flow.wants(measured.ends, now)
        if self._meter is None or not self._flow.due(now):
            return None
        try:
            return self._flow.take(self._meter.read(spans) if spans else (), now)
        except HubError as error:
            faults["flow"] = str(error)
            return None

    def _waiting(self, measured: Measured, now: datetime, faults: dict[str, str]) -> tuple[Quarantined, ...]:
        """What is in quarantine; the hub's secret tells which record of a stream an item is."""
        secret = self._settings.secret_file or self._settings.path("secrets", "hub.key")
        if self._meter is None:
            return self._quarantined
        if not secret.exists():
            faults["quarantine"] = "the hub has made no secret yet"  # and looking must not make one
            return self._quarantined
        try:
            if self._refused is None:
                self._refused = Refused(self._catalog, self._settings.keys())
                return self._quarantined
            return self._refused.look(measured.ends, measured.firsts, now, self._meter.read)
        except HubError as error:
            faults["quarantine"] = str(error)
            return self._quarantined

    def _owed(self, rows: Sequence[Lag], reads: Mapping[str, Reads], faults: dict[str, str]) -> list[Owed]:
        by_ledger = [(one.agency.key, one.stream) for one in self._heard if one.door.by != "kafka"]
        opened, said = self._ledgers.look(by_ledger)
        faults |= said
        asked = [((one.oldest.topic, one.oldest.partition), one.oldest.offset) for one in opened.values() if one.oldest]
        taken = self._meter.taken_at(asked) if self._meter is not None and asked else {}
        return list(deliveries(self._catalog, self._heard, rows, reads, opened, taken, self._conditions.moved))

    def _processes(self) -> list[Process]:
        watching = (cluster.CANARIES,) if self._settings.canary_seconds else ()
        found = []
        for name in map(Supervisor.name, (*cluster.PROCESSES, *watching)):
            ready = announced(self._settings, name) is not None
            since = None
            if ready:
                try:
                    stamp = self._settings.path("run", f"{name}.json").stat().st_mtime
                    since = datetime.fromtimestamp(stamp, UTC)
                except OSError:
                    ready = False
            found.append(Process(name=name, ready=ready, since=since))
        return found

    def _troubles(
        self, owed: Sequence[Owed], groups: Sequence[Group], readings: Sequence[Reading], processes: Sequence[Process],
        now: datetime,
    ) -> list[Trouble]:  # fmt: skip
        catalog = self._catalog
        found: list[Trouble] = []
        for one in owed:
            found += words.late(one.delivery, catalog, now)
            found += words.waiting(one.delivery, catalog, one.failing)
            if one.doubt:
                found.append(words.unknown_deadline(one.delivery.agency, one.delivery.stream, one.doubt, catalog))
        for group in groups:
            found += words.faring(group, catalog)
        for reading in readings:
            found += words.lost(reading, now)
        for process in processes:
            found += words.not_ready(process)
        for quarantined in self._quarantined:
            found += words.refused(quarantined, catalog)
        told = (last_said(self._settings, "canaries") or {}).get("last", 0)
        if isinstance(told, int) and told:
            found.append(words.canary(told))
        return sorted(found, key=lambda one: (one.severity != "trouble", one.since or now))
