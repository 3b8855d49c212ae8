"""
Hospital arrival to alert delivered, at a steady rate, while a backlog of attendance marks drains.

`python -m tests.bench.arrival [--backlog 100000] [--seconds 60] [--rate 50] [--warm 60] [--door mllp]`

Everything is real: Apache Kafka, `hub run` with all its processes, MLLP in, MLLP or HTTPS with TLS out. An arrival is
due at its time whether or not the one before was acknowledged, and is measured from then: a hub that makes senders wait
must not look fast. Arrivals come for a while before those that count, at the same rate: a broker that has just begun is
not compiled yet, and takes twice the processor time that it takes a minute later.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer

from hub import catalog as catalogs
from hub import cluster
from hub.catalog import Catalog
from hub.envelope import is_synthetic
from hub.keys import Keys
from hub.local_kafka import LocalKafka
from hub.transports.kafka import read_topic
from hub.wire import record_of
from tests.bench.events import numbers
from tests.conftest import ROOT
from tests.flow.partners import HttpsPartner, MllpPartner, until
from tests.flow.whole import Whole

sys.path.insert(0, str(ROOT / "deploy" / "demo"))
from day import adt, upn  # the demo's messages are no part of any package

HOSPITAL = "great_western_hospital"
CHILDREN = 200  # with a flag each, so that no child's order holds up many arrivals
SENDERS = 8  # connections of the hospital's
VISIT = re.compile(rb"\bAE26\d{5}\b")  # MSH-10 is base32, where AE26 may well stand too
HEAD = ("NHS_NUMBER,CHILD_ID,SURNAME,FORENAME,DOB,PLAN,STARTED,ENDED,DELETED,AUTHORITY,ODS_CODE,OFFICE_PHONE,"
        "EMERGENCY_PHONE,WORKER_ID")  # fmt: skip


class Sent(NamedTuple):
    """One arrival: when it was due, and when it was acknowledged, of `time.monotonic`."""

    visit: str
    due: float
    acknowledged: float


def flags(today: date) -> bytes:
    """A plan that runs for each of the children."""
    since = (today - timedelta(days=120)).strftime("%d/%m/%Y")
    authority = "Swindon Borough Council,866X,01632 960101,01632 960102"
    rows = [f"{number},{910000 + index},Bench,Cal,14/05/2019,CPP,{since} 09:30,,,{authority},SW0042"
            for index, number in enumerate(numbers(CHILDREN))]  # fmt: skip
    return "\r\n".join([HEAD, *rows, ""]).encode()


def pile_up(catalog: Catalog, keys: Keys, bootstrap: str, count: int) -> None:
    """*count* marks of pupils in care, each of which two agencies hear, on the topic of school attendance."""
    stream, now = catalog.streams["school_attendance"], datetime.now(UTC)
    pupils = [upn(serial) for serial in range(100, 900)]
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 50, "queue.buffering.max.messages": 200_000})
    for index in range(count):
        event = stream.event.model_validate({
            "pupil": {"upn": pupils[index % len(pupils)], "in_care_of": "swindon", "registered_urn": "990001",
                      "born": "2012-03-04"},
            "school_urn": "990001", "day": "2026-09-15", "session": "am", "mark": "O",
            "statistical_class": "unauthorised",
        }).model_dump()  # fmt: skip
        name = keys.event_id("bench", "attendance", str(index), 0)
        record = record_of(catalog, keys, stream, event, name, "/bench", now)
        producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
        producer.poll(0)
    producer.flush(60)


def waiting(whole: Whole) -> int:
    """How many records of school attendance are still to be decided or delivered."""
    rows = cluster.by_topic(cluster.behind(whole.catalog, whole.settings, whole.bootstrap))
    return sum(count for (_, topic), (count, _age) in rows.items() if topic.startswith("school-attendance"))


def arrive(whole: Whole, first: int, count: int, rate: float) -> list[Sent]:
    """*count* arrivals at *rate* a second, by several connections."""
    due: queue.SimpleQueue[tuple[int, float] | None] = queue.SimpleQueue()
    children, sent, faults = numbers(CHILDREN), list[Sent](), list[str]()
    today, began = date.today(), time.monotonic() + 0.2  # noqa: DTZ011  a day of the authority's own calendar

    def send() -> None:
        with whole.hospital() as hospital:
            while (one := due.get()) is not None:
                number, at = one
                time.sleep(max(0.0, at - time.monotonic()))
                message = adt(today, number, "A04", children[number % CHILDREN], "Bench Cal", "20190514")
                code, _ = hospital.say(message)
                if code != "AA":
                    faults.append(code)
                sent.append(Sent(f"AE26{number:05d}", at, time.monotonic()))

    threads = [threading.Thread(target=send, name=f"hospital {number}") for number in range(SENDERS)]
    for number in range(count):
        due.put((first + number, began + number / rate))
    for thread in threads:
        due.put(None)
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults
    return sent


def delivered(whole: Whole, door: str) -> dict[str, float]:
    """When the hospital had the alert of each visit; the first time, should one come twice."""
    found: dict[str, float] = {}
    for body, at in _taken(whole, door):
        if (visit := VISIT.search(body)) is not None:
            found.setdefault(visit[0].decode("ascii"), at)
    return found


def _taken(whole: Whole, door: str) -> Iterator[tuple[bytes, float]]:
    if door == "mllp":
        yield from ((one.message, one.at) for one in list(whole.mllp.taken))
        return
    yield from ((one.body, one.at) for one in list(whole.https.taken) if one.path.startswith(f"/{HOSPITAL}"))


def stages(whole: Whole, sent: list[Sent], had: dict[str, float]) -> list[tuple[str, list[float]]]:
    """
    How long each alert was in each process, in seconds, by the broker's clock, which is this machine's.

    It stamps records when it takes them, before their transaction is committed: a commit counts for who reads it.
    """
    ahead = time.time() - time.monotonic()
    visits = {one.visit: one.due + ahead for one in sent}
    arrival, alert = (whole.catalog.streams[name] for name in ("hospital_attendance", "hospital_alert"))
    moments: list[dict[str, float]] = [visits]
    codecs = (whole.catalog.codec(arrival), whole.catalog.codec(alert), None)
    for topic, codec in zip((arrival.topic, alert.topic, alert.topic_to(HOSPITAL)), codecs, strict=True):
        found: dict[str, float] = {}
        for stored in read_topic(whole.bootstrap, topic):
            if is_synthetic(stored.record.headers):
                continue
            value = stored.record.value or b""
            visit = (codec or whole.catalog.lock.codec(value)).decode(value)["visit_number"]
            found.setdefault(visit or "", stored.time.timestamp())
        moments.append(found)
    moments.append({visit: at + ahead for visit, at in had.items()})
    names = ("due until on its topic", "until the watch's alert", "until the relay's", "until delivered")
    return [
        (name, [after[visit] - before[visit] for visit in visits])
        for name, before, after in zip(names, moments, moments[1:], strict=False)
    ]


def percentile(values: list[float], part: float) -> float:
    """The value below which *part* of them lie, in milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def measure(state: Path, backlog: int, seconds: float, rate: float, door: str, warm: float) -> list[tuple[str, str]]:
    """One run; its table's rows."""
    catalog, kafka = catalogs.load(), LocalKafka(state / "broker")
    kafka.up()
    https, mllp = HttpsPartner(state / "partner"), MllpPartner()
    whole = Whole(catalog, state / "state", kafka, https, mllp, door)
    try:
        whole.start()
        whole.drop("social_care", "flags", "flags.csv", flags(date.today()))  # noqa: DTZ011  as above
        arrive(whole, 0, CHILDREN // 4, 20)  # each process has done its work once before it is measured
        until(lambda: len(delivered(whole, door)) >= CHILDREN // 4, "first alerts", 60, 0.1)
        arrive(whole, 10_000, int(warm * rate), rate)
        routine = whole.hub.pid("relay.routine")
        os.kill(routine, signal.SIGSTOP)
        pile_up(catalog, whole.settings.keys(), whole.bootstrap, backlog)
        os.kill(routine, signal.SIGCONT)
        before, began = waiting(whole), time.monotonic()
        sent = arrive(whole, 1_000, int(seconds * rate), rate)
        after, took = waiting(whole), time.monotonic() - began
        wanted = {one.visit for one in sent}
        until(lambda: wanted <= delivered(whole, door).keys(), "every alert", 120, 0.1)
        had = delivered(whole, door)
        until(lambda: waiting(whole) == 0, "the backlog's end", 1_800, 1.0)
        drained = time.monotonic() - began
        parts = stages(whole, sent, had)
    finally:
        whole.stop()
        https.close()
        mllp.close()
        kafka.down()
    acknowledged = [one.acknowledged - one.due for one in sent]
    alerted = [had[one.visit] - one.due for one in sent]
    return [
        ("arrivals", f"{len(sent):,} in {took:.0f} s, by {SENDERS} connections; alerts by {door}"),
        ("backlog", f"{before:,} at their start, {after:,} at their end, gone after {drained:.0f} s"),
        ("acknowledged", f"p50 {percentile(acknowledged, 0.5):,.0f} ms, p99 {percentile(acknowledged, 0.99):,.0f} ms"),
        ("alert delivered", f"p50 {percentile(alerted, 0.5):,.0f} ms, p99 {percentile(alerted, 0.99):,.0f} ms, "
                            f"mean {1000 * statistics.mean(alerted):,.0f} ms, slowest {1000 * max(alerted):,.0f} ms"),
        *((name, f"p50 {percentile(took, 0.5):,.0f} ms, p99 {percentile(took, 0.99):,.0f} ms") for name, took in parts),
        ("wanted", f"p99 under 1,000 ms: {'yes' if percentile(alerted, 0.99) < 1_000 else 'NO'}"),
    ]  # fmt: skip


def main() -> None:
    """The table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--backlog", type=int, default=100_000, help="attendance marks that wait")
    asked.add_argument("--seconds", type=float, default=60.0, help="how long arrivals come")
    asked.add_argument("--rate", type=float, default=50.0, help="arrivals a second")
    asked.add_argument("--warm", type=float, default=60.0, help="how long arrivals come before those that count, in s")
    asked.add_argument("--door", choices=("mllp", "https"), default="mllp", help="how the hospital takes alerts")
    said = asked.parse_args()
    state = Path(tempfile.mkdtemp(prefix="arrival-"))
    try:
        rows = measure(state, said.backlog, said.seconds, said.rate, said.door, said.warm)
    finally:
        shutil.rmtree(state, ignore_errors=True)
    print(f"hospital arrival to alert delivered, {said.rate:g} a second, {said.backlog:,} attendance marks to drain")
    for name, what in rows:
        print(f"  {name:24} {what}")


if __name__ == "__main__":
    main()
