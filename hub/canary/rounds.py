"""Rounds: canaries sent on Kafka and watched for until each has come or is overdue, once or for as long as it runs."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Self, get_args

from hub import readiness
from hub.canary.alarm import Alarm, Kind, Tally
from hub.canary.hatching import Canary, hatch, hearers
from hub.canary.lookout import Lookout
from hub.canary.reading import is_marked
from hub.canary.tokens import Tokens
from hub.catalog import Catalog
from hub.envelope import Record
from hub.errors import TransportError
from hub.keys import Keys
from hub.log import note
from hub.metrics import closed, families
from hub.renewal import SECONDS, Renewal
from hub.settings import Settings
from hub.supervise import announce
from hub.transports.kafka import Committer, Fenced, Follower

TOLD_SECONDS = 1.0  # within which what is said of a child holds for the next event
LOOK_SECONDS = 0.1
AFTER_SECONDS = 0.5  # a transaction's topics end one after the other: how long after the last a leak may still show
REMEMBERED = 3  # rounds whose tokens are known should they come late


@dataclass(frozen=True, slots=True)
class Round:
    """What one round showed: *tallies* by agency and stream, *unheard* by stream, and what is wrong, if anything."""

    canaries: int
    tallies: Mapping[tuple[str, str], Tally]
    unheard: Mapping[str, int]
    alarms: Sequence[Alarm]
    seconds: float


class Rounds:
    """
    Sends canaries and looks where they arrive, on the Kafka at *bootstrap*.

    *name* is the producer's: of two under one name the second puts an end to the first. Whatever is published is
    looked at, from the moment this is made to its end, between the rounds as well. *turn* is the number of the first.
    """

    def __init__(
        self,
        catalog: Catalog,
        keys: Keys,
        bootstrap: str,
        *,
        name: str,
        extra: Mapping[str, str] | None = None,
        turn: int = 0,
    ) -> None:
        self._catalog, self._keys = catalog, keys
        self._before: deque[Lookout] = deque(maxlen=REMEMBERED)
        self._turn = turn
        topics = Lookout(catalog, keys, (), now=datetime.now(UTC)).topics
        self._lookout: Lookout | None = None
        self._began = 0.0
        self._follower = Follower(bootstrap, topics, self._take, extra, from_end=True)
        self._follower.catch_up()
        self._committer = Committer(bootstrap, name, extra)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._committer.close()
        self._follower.close()

    def round(self, within: float, stop: threading.Event, *, every: bool = False) -> Round:
        """
        One round, which ends when all is as it must be or *within* seconds have gone, or *stop* is set.

        Of the ways in which an event may be kept back it sends one a stream, the next of them in each round, or all
        with *every*. Raises `TransportError` where Kafka does not do its part.
        """
        now = datetime.now(UTC)
        tokens = Tokens(random.SystemRandom(), now)
        canaries = hatch(self._catalog, self._keys, tokens, now=now, turn=None if every else self._turn)
        self._turn += 1
        lookout = Lookout(self._catalog, self._keys, canaries, now=now)
        told = [canary.told for canary in canaries if canary.told is not None]
        try:
            self._send(told)
            if told:
                stop.wait(TOLD_SECONDS)
            self._lookout, self._began = lookout, time.monotonic()
            self._send([canary.record for canary in canaries])
            while not lookout.settled and time.monotonic() - self._began < within and not stop.is_set():
                stop.wait(LOOK_SECONDS)
                readiness.OWN.beat()
                self._follower.catch_up()
            stop.wait(AFTER_SECONDS)
            self._follower.catch_up()
        finally:
            self._lookout = None
            self._send(_forgotten(self._catalog, canaries))
        if lookout.settled or not stop.is_set():  # else it was cut short, and nothing is overdue
            lookout.end()
        self._before.append(lookout)
        seconds = max((tally.seconds for tally in lookout.tallies.values()), default=0.0)
        return Round(len(canaries), lookout.tallies, lookout.unheard, self._news(), seconds)

    def look(self) -> list[Alarm]:
        """Look at what was published since, for tokens of the last rounds; what is wrong that was not told before."""
        self._follower.catch_up()
        return self._news()

    def _send(self, records: Sequence[Record]) -> None:
        if records:
            self._committer.enqueue(records).result()

    def _take(self, record: Record) -> None:
        if self._lookout is not None:
            self._lookout.take(record, time.monotonic() - self._began)
        if is_marked(record):
            for before in self._before:
                before.take(record)

    def _news(self) -> list[Alarm]:
        return [alarm for lookout in self._before for alarm in lookout.news()]


def _forgotten(catalog: Catalog, canaries: Sequence[Canary]) -> list[Record]:
    """A tombstone for each canary that a compacted topic would keep for ever."""
    sent = [record for canary in canaries for record in (canary.record, canary.told) if record is not None]
    compact = {stream.topic for stream in catalog.streams.values() if catalog.keeping[stream.keep].compact}
    return [record._replace(value=None) for record in sent if record.topic in compact]


def serve(
    catalog: Catalog, settings: Settings, bootstrap: str, *, stop: threading.Event, ready: Callable[[], None]
) -> None:
    """
    Rounds until *stop*, one every `HUB_CANARY_SECONDS`; each alarm is a line of the log.

    What the last round showed stands in the state folder, in run/canaries.json.
    """
    ready()
    if settings.canary_seconds == 0:
        note("canaries", "switched off: HUB_CANARY_SECONDS is 0")
        stop.wait()
        return
    _expect(catalog)
    watch, renewal = _Watch(settings, stop), Renewal(catalog)
    current = [catalog]
    while not stop.is_set():
        try:
            with Rounds(
                current[-1], settings.keys(), bootstrap, name="hub-canaries", extra=settings.kafka(), turn=watch.rounds
            ) as rounds:
                while not stop.is_set() and not renewal.due(current.append):
                    watch.over(rounds, lambda: renewal.due(current.append))
        except Fenced:
            raise  # another process watches; this one has nothing more to do
        except TransportError as error:
            note("canaries", "no round could be made", level=logging.ERROR, kind=type(error).__name__)
            readiness.OWN.lacks("kafka", "no round could be made; it is tried again")
            stop.wait(min(settings.canary_seconds, 15.0))


class _Watch:
    """What the process has seen so far."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings, self._stop = settings, stop
        self._counts = Counter[Kind]()
        self.rounds = 0

    def over(self, rounds: Rounds, changed: Callable[[], bool]) -> None:
        """One round, and the time until the next; of a round in which policies *changed* nothing is told."""
        began, interval = time.monotonic(), self._settings.canary_seconds
        readiness.OWN.beat()
        found = rounds.round(interval, self._stop)
        readiness.OWN.has("kafka")
        self.rounds += 1
        if found.alarms:
            self._stop.wait(SECONDS)  # whoever carries may have seen a change a moment before us
        if changed():
            note("canaries", "policies changed meanwhile, so that this round shows nothing")
            return
        note("canaries", "round", events=found.canaries, count=len(found.alarms), seconds=round(found.seconds, 3))
        self._tell(found.alarms)
        _count(found, datetime.now(UTC))
        announce(self._settings, "canaries", rounds=self.rounds, at=datetime.now(UTC).isoformat(timespec="seconds"),
                 seconds=round(found.seconds, 3), last=len(found.alarms), alarms=dict(self._counts))  # fmt: skip
        while (left := began + interval - time.monotonic()) > 0 and not self._stop.wait(min(left, 5.0)):
            self._tell(rounds.look())

    def _tell(self, alarms: Sequence[Alarm]) -> None:
        readiness.OWN.beat()
        self._counts.update(alarm.kind for alarm in alarms)
        for alarm in alarms:
            agency = alarm.agency if alarm.agency in closed("agency") else ""  # "a watch" is none
            families.ALARMS.of(kind=alarm.kind, agency=agency, stream=alarm.stream).inc()
        alarmed(alarms)


def _expect(catalog: Catalog) -> None:
    """Tell each alarm that there can be as none from the start, so that the first one is seen as a rise."""
    for stream in catalog.streams.values():
        for agency, kind in product(hearers(catalog, stream), get_args(Kind)):
            families.ALARMS.of(kind=kind, agency=agency, stream=stream.name)


def _count(found: Round, now: datetime) -> None:
    """Count a round: how long canaries were on their way, and of whom all fared as they must."""
    families.ROUNDS.of().inc()
    families.ROUND_AT.of().set(now.timestamp())
    for (agency, stream), tally in found.tallies.items():
        if tally.arrived:
            families.ROUND_TRIP.of(agency=agency, stream=stream).set(tally.seconds)
        if not tally.alarms:
            families.HEARD_AT.of(agency=agency, stream=stream).set(now.timestamp())


def alarmed(alarms: Sequence[Alarm]) -> None:
    """A line of the log for each alarm: what, where and of whom; no value, since even a token names its neighbours."""
    for alarm in alarms:
        note("canaries", SENTENCES[alarm.kind], level=logging.ERROR, code=f"canary.{alarm.kind}", agency=alarm.agency,
             stream=alarm.stream, place=alarm.place, rule=alarm.way)  # fmt: skip


SENTENCES: Mapping[Kind, str] = {
    "leak": "a canary came where it must not",
    "missing": "a canary did not come where it must",
    "receipt": "the receipt of a canary does not say what came of it",
    "unmarked": "a canary came without its mark",
    "policy": "a canary was decided by another version of the policy than is written here",
}
