"""Exposition: the picture that ops has of everything, as metrics; what is old is not told as if it were so now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub import metrics
from hub.ops.picture import Condition, Picture

FRESH_SECONDS = 30.0
"""How old a picture may be: fifteen looks that failed; after that only its age is told, and nothing else of it."""
WORST: tuple[Condition, ...] = ("stopped", "stalled", "slow", "silent", "unknown", "ok")
TROUBLES = frozenset({
    "deadline.unknown", "delivery.overdue", "delivery.due-soon", "delivery.parked", "delivery.unanswered",
    "group.stopped", "group.stalled", "group.slow", "group.silent", "group.missed", "transaction.open",
    "process.not-ready", "quarantine.waiting", "canary.alarm", "cluster.drift", "cluster.access",
})  # fmt: skip
"""The codes of the troubles that ops can tell of; each has its page in deploy/runbook."""


class Gauge(NamedTuple):
    """One gauge: what it means and its labels."""

    means: str
    labels: tuple[str, ...] = ()


_READER = ("reader", "agency", "stream")
_DELIVERY = ("agency", "stream", "lane", "road")
GAUGES: Mapping[str, Gauge] = {
    "hub_picture_age_seconds": Gauge("How long ago ops looked; where this grows, nothing else below is told."),
    "hub_picture_faults": Gauge("Parts of the hub that ops could not look at."),
    "hub_lag_records": Gauge("Records that a reader of a topic has before it, in all its partitions.", _READER),
    "hub_lag_partition_records": Gauge("The same, of one partition.", (*_READER, "partition")),
    "hub_lag_seconds": Gauge("For how long the oldest record has lain that a reader has before it.", _READER),
    "hub_lag_held_records": Gauge("Offsets that an open transaction keeps from a reader.", _READER),
    "hub_lag_missed_records": Gauge("Records that Kafka deleted before a reader came to them.", _READER),
    "hub_reader_members": Gauge("Consumers in a reader's group.", _READER),
    "hub_reader_condition": Gauge("How a reader fares: 1 for the condition that it is in, 0 for the others.",
                                  (*_READER, "condition")),
    "hub_delivery_undelivered_messages": Gauge("Messages that an agency has not been told yet.", _DELIVERY),
    "hub_delivery_parked_messages": Gauge("Of these, messages that wait for a person.", _DELIVERY),
    "hub_delivery_oldest_age_seconds": Gauge("Since when the oldest of them has been with the hub; 0 for none.",
                                             _DELIVERY),
    "hub_delivery_deadline_slack_seconds": Gauge("How long until the oldest must have arrived, negative afterwards. "
                                                 "Not there where nothing waits or no time is agreed.", _DELIVERY),
    "hub_delivery_acknowledged_timestamp_seconds": Gauge("When the partner last acknowledged.", _DELIVERY),
    "hub_delivery_held_off": Gauge("Whether couriers hold off, since nobody answers.", _DELIVERY),
    "hub_quarantine_items": Gauge("What waits in quarantine.", ("agency", "code")),
    "hub_quarantine_oldest_age_seconds": Gauge("Since when the oldest has waited there.", ("agency", "code")),
    "hub_process_ready": Gauge("Whether a process says that it is ready.", ("process",)),
    "hub_troubles": Gauge("What ops thinks a person should look at; the page of each is deploy/runbook/<code>.md.",
                          ("severity", "code", "agency", "stream")),
}  # fmt: skip
"""By name, all that ops tells."""
Row = tuple[str, float, tuple[str, ...]]
"""(name, value, the values of its labels)."""


class Exposition(Collector):
    """What Prometheus is told of the newest picture, whenever it asks; *clock* gives aware datetimes."""

    def __init__(
        self, picture: Callable[[], Picture], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._picture, self._clock = picture, clock

    def describe(self) -> Iterable[Metric]:
        """What it may tell, without a look at the picture."""
        return [GaugeMetricFamily(name, gauge.means, labels=gauge.labels) for name, gauge in GAUGES.items()]

    def collect(self) -> Iterator[Metric]:
        """The picture as it is now, or its age alone where it is old."""
        families: dict[str, GaugeMetricFamily] = {}
        for name, value, labels in rows(self._picture(), self._clock()):
            if name not in families:
                families[name] = GaugeMetricFamily(name, GAUGES[name].means, labels=GAUGES[name].labels)
            families[name].add_metric(labels, value)
        yield from families.values()


def rows(picture: Picture, now: datetime) -> Iterator[Row]:
    """Every number in *picture*, as it stands at *now*; each series once."""
    age = (now - picture.at).total_seconds()
    yield "hub_picture_age_seconds", max(0.0, age), ()
    if age > FRESH_SECONDS:
        return
    yield "hub_picture_faults", len(picture.faults), ()
    yield from _lag(picture, now)
    yield from _deliveries(picture, now)
    kept: dict[tuple[str, ...], tuple[int, datetime]] = {}
    for item in picture.quarantined:
        agency = item.agency if item.agency in metrics.closed("agency") else ""  # the relay's own, the watches'
        labels = (agency, metrics.folded("code", item.code))
        before, since = kept.get(labels, (0, now))
        kept[labels] = (before + item.count, min(since, item.oldest))
    for where, (items, since) in kept.items():
        yield "hub_quarantine_items", items, where
        yield "hub_quarantine_oldest_age_seconds", (now - since).total_seconds(), where
    for name in {process.name for process in picture.processes} & metrics.closed("process"):
        ready = all(process.ready for process in picture.processes if process.name == name)
        yield "hub_process_ready", ready, (name,)
    troubles: dict[tuple[str, ...], int] = {}
    for one in picture.troubles:
        code = one.code if one.code in TROUBLES else metrics.OTHER
        key = (one.severity, code, _one("agency", one.agency), _one("stream", one.stream))
        troubles[key] = troubles.get(key, 0) + 1
    for which, count in troubles.items():
        yield "hub_troubles", count, which


def _lag(picture: Picture, now: datetime) -> Iterator[Row]:
    """
    By reader, agency and stream: a group's own name is none of a closed set, since partners choose theirs.

    Where a partner has several groups the records add up, and the worst condition is told.
    """
    summed: dict[tuple[str, tuple[str, ...]], float] = {}
    oldest: dict[tuple[str, ...], datetime] = {}
    for reading in picture.readings:
        labels = _reader(reading.reader, reading.agency, reading.stream)
        of_partition = (*labels, str(reading.partition))
        for name, count, which in (
            ("hub_lag_partition_records", reading.lag, of_partition),
            ("hub_lag_held_records", reading.held, labels),
            ("hub_lag_missed_records", reading.missed, labels),
        ):
            summed[name, which] = summed.get((name, which), 0) + count
    conditions: dict[tuple[str, ...], Condition] = {}
    for group in picture.groups:
        labels = _reader(group.reader, group.agency, group.stream)
        for name, count in (("hub_lag_records", group.lag), ("hub_reader_members", group.members)):
            summed[name, labels] = summed.get((name, labels), 0) + count
        since = group.waiting_since or now
        oldest[labels] = min(oldest.get(labels, now), since)
        conditions[labels] = min(conditions.get(labels, "ok"), group.condition, key=WORST.index)
    for (name, labels), value in summed.items():
        yield name, value, labels
    for labels, since in oldest.items():
        yield "hub_lag_seconds", (now - since).total_seconds(), labels
    for labels, condition in conditions.items():
        for one in WORST:
            yield "hub_reader_condition", one == condition, (*labels, one)


def _deliveries(picture: Picture, now: datetime) -> Iterator[Row]:
    told: set[tuple[str, ...]] = set()
    for one in picture.deliveries:
        labels = (_one("agency", one.agency), _one("stream", one.stream), one.lane, _one("road", one.road))
        if labels in told:  # Prometheus refuses a whole answer in which a series stands twice
            continue
        told.add(labels)
        yield "hub_delivery_undelivered_messages", one.undelivered, labels
        yield "hub_delivery_parked_messages", one.parked, labels
        age = (now - one.oldest).total_seconds() if one.oldest is not None else 0.0
        yield "hub_delivery_oldest_age_seconds", age, labels
        if one.due is not None:
            yield "hub_delivery_deadline_slack_seconds", (one.due - now).total_seconds(), labels
        if one.acknowledged_at is not None:
            yield "hub_delivery_acknowledged_timestamp_seconds", one.acknowledged_at.timestamp(), labels
        yield "hub_delivery_held_off", one.held_off, labels


def _reader(reader: str, agency: str, stream: str) -> tuple[str, ...]:
    return reader, _one("agency", agency), _one("stream", stream)


def _one(label: str, value: str) -> str:
    """*value*, which the closed set of *label* must hold; raises TypeError where it does not."""
    if value and value not in metrics.closed(label):
        raise TypeError(f"what stands for {label} is none of its closed set")
    return value
