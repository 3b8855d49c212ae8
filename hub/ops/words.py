"""Words: what a person should look at, as sentences; figures come from the picture, and no content of any message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from hub.catalog import Catalog
from hub.deadline import ENGLAND, parse
from hub.ops.picture import Delivery, Group, Process, Quarantined, Reading, Severity, Trouble

SOON = 0.75
"""Of the time that a deadline leaves so much may pass before it is told that the rest is running out."""
HANGS = timedelta(seconds=60)
"""After which an open transaction is one that nobody will end: Kafka itself ends those of the hub after 15 seconds."""
HUB = "the hub's own"


def late(delivery: Delivery, catalog: Catalog, now: datetime) -> Iterator[Trouble]:
    """What is overdue, or will be soon: `oldest undelivered hospital alert to Great Western Hospital: 4 min of 5`."""
    if delivery.oldest is None or delivery.due is None:
        return
    used, whole = now - delivery.oldest, delivery.due - delivery.oldest
    if now < delivery.due and used < SOON * whole:
        return
    what = f"oldest undelivered {_stream(delivery.stream)} to {_name(delivery.agency, catalog)}"
    over = now >= delivery.due
    sentence = f"{what}: {so_far(delivery, now)}{', overdue' if over else ''}{_parked(delivery)}"
    severity: Severity = "trouble" if over else "warning"
    code = "delivery.overdue" if over else "delivery.due-soon"
    yield Trouble(severity=severity, code=code, sentence=sentence, agency=delivery.agency, stream=delivery.stream,
                  since=delivery.oldest)  # fmt: skip


def so_far(delivery: Delivery, now: datetime) -> str:
    """How much of its time the oldest has used: `4 min of 5`, or since when and until when where days are counted."""
    if delivery.oldest is None:
        return ""
    if delivery.due is None:
        return age(now - delivery.oldest)
    span = parse(delivery.within).span
    if span and span <= timedelta(days=1):
        unit, seconds = ("min", 60) if span < timedelta(hours=1) else ("h", 3600)
        used, whole = ((one.total_seconds() // seconds) for one in (now - delivery.oldest, span))
        return f"{used:.0f} {unit} of {whole:.0f}"
    return f"since {clock(delivery.oldest)}, due {clock(delivery.due)} ({delivery.within})"


def waiting(delivery: Delivery, catalog: Catalog, failing: int) -> Iterator[Trouble]:
    """What is parked, and whom nothing reaches."""
    name, stream = _name(delivery.agency, catalog), _stream(delivery.stream)
    if delivery.parked:
        sentence = f"{delivery.parked} of {stream} to {name} wait for a person: see `hub deliveries parked`"
        yield Trouble(severity="warning", code="delivery.parked", sentence=sentence, agency=delivery.agency,
                      stream=delivery.stream)  # fmt: skip
    if delivery.held_off:
        last = f"the last acknowledgement is of {clock(delivery.acknowledged_at)}" if delivery.acknowledged_at else (
            "nothing was ever acknowledged")  # fmt: skip
        sentence = f"{name} does not take {stream}: {failing} tried in vain, {last}"
        yield Trouble(severity="trouble", code="delivery.unanswered", sentence=sentence, agency=delivery.agency,
                      stream=delivery.stream, since=delivery.oldest)  # fmt: skip


def unknown_deadline(agency: str, stream: str, why: str, catalog: Catalog) -> Trouble:
    """That nobody knows when something is due."""
    sentence = f"when {_stream(stream)} to {_name(agency, catalog)} is due is not known: {why}"
    return Trouble(severity="trouble", code="deadline.unknown", sentence=sentence, agency=agency, stream=stream)


SAID: Mapping[str, tuple[Severity, str]] = {
    "stopped": ("trouble", "has stopped: {lag} wait{since}, and nobody is in the group"),
    "stalled": ("trouble", "stands still: {lag} wait{since}, and it commits nothing though it is there"),
    "slow": ("warning", "falls behind: {lag} wait{since}, and they become more"),
    "silent": ("warning", "hears nothing: to its topic came nothing for longer than ever lately"),
}


def faring(group: Group, catalog: Catalog) -> Iterator[Trouble]:
    """How a group fares, where that is not well."""
    if group.condition not in SAID:
        return
    severity, words = SAID[group.condition]
    whose = f"{_name(group.agency, catalog)} ({group.group})" if group.reader == "partner" else group.group
    since = f" since {clock(group.waiting_since)}" if group.waiting_since else ""
    sentence = f"{whose} {words.format(lag=group.lag, since=since)}; topic {group.topic}"
    yield Trouble(severity=severity, code=f"group.{group.condition}", sentence=sentence, agency=group.agency,
                  stream=group.stream, group=group.group, since=group.waiting_since)  # fmt: skip


def lost(reading: Reading, now: datetime) -> Iterator[Trouble]:
    """Records deleted unread, and a transaction that nobody ends."""
    place = f"{reading.topic}/{reading.partition}"
    about: dict[str, Any] = {"agency": reading.agency, "stream": reading.stream, "group": reading.group}
    if reading.missed:
        sentence = f"{reading.group} missed {reading.missed} offsets of {place}: they were deleted before it read them"
        yield Trouble(severity="trouble", code="group.missed", sentence=sentence, **about)
    if reading.held_since is not None and now - reading.held_since > HANGS:
        since = clock(reading.held_since)
        sentence = f"a transaction is open on {place} since {since}, and holds {reading.held} offsets from every reader"
        yield Trouble(severity="trouble", code="transaction.open", sentence=sentence, since=reading.held_since, **about)


def not_ready(process: Process) -> Iterator[Trouble]:
    """A process of the hub's that is not there."""
    if not process.ready:
        sentence = f"{process.name} is not ready: see its log, or start it with `hub run`"
        yield Trouble(severity="trouble", code="process.not-ready", sentence=sentence)


def refused(quarantined: Quarantined, catalog: Catalog) -> Iterator[Trouble]:
    """What waits in quarantine."""
    name = _name(quarantined.agency, catalog)
    sentence = f"{quarantined.count} of {name} wait in quarantine: {quarantined.code}; see `hub quarantine`"
    yield Trouble(severity="warning", code="quarantine.waiting", sentence=sentence,
                  agency=quarantined.agency if quarantined.agency in catalog.agencies else "",
                  since=quarantined.oldest)  # fmt: skip


def canary(alarms: int) -> Trouble:
    """What the last round of canaries showed."""
    what = f"the last round of canaries raised {alarms} alarm{'s' if alarms > 1 else ''}: see `hub canary`"
    return Trouble(severity="trouble", code="canary.alarm", sentence=what)


def age(span: timedelta) -> str:
    """A span of time in its largest unit: `40 s`, `4 min`, `3 h`, `2 days`."""
    seconds = int(span.total_seconds())
    for unit, many in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= many * (2 if unit == "days" else 1):
            return f"{seconds // many} {unit}"
    return f"{max(0, seconds)} s"


def clock(moment: datetime | None) -> str:
    """A moment by the clocks of England, with its day; empty for none."""
    return f"{moment.astimezone(ENGLAND):%a %d %b %H:%M}" if moment is not None else ""


def _parked(delivery: Delivery) -> str:
    return f"; {delivery.parked} wait for a person" if delivery.parked else ""


def _stream(name: str) -> str:
    return name.replace("_", " ")


def _name(agency: str, catalog: Catalog) -> str:
    known = catalog.agencies.get(agency)
    return known.name if known is not None else f"{HUB} {agency}" if agency else HUB
