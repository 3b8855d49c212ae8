"""
The relay against a bare transactional copy of the same messages, and against a Faust agent doing the same work.

`python -m tests.bench.relay [COUNT [FAUST_COUNT]]`; COUNT events a round. What metrics and traces cost it:
`python -m tests.bench.relay telling [COUNT]`. The figures are ratios of rates in one run on
one machine; a machine that does something else at the same time slows the relay more than the copy, which mostly waits.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from unittest.mock import patch

from confluent_kafka import Consumer, Producer, TopicPartition

from hub import catalog as catalogs
from hub import cluster, disclosure, metrics, relay_counts, tracing
from hub.case import Case
from hub.catalog import Catalog
from hub.envelope import Record
from hub.keys import Keys
from hub.labels import closed_sets
from hub.local_kafka import LocalKafka
from hub.outbound import Desk
from hub.relay import BATCH, BATCHES, Relay
from hub.settings import Settings
from hub.sync import as_synced
from hub.transports.kafka import TopicWanted, consumer_settings, ensure_topics, producer_settings
from hub.view import View
from tests.bench.events import demographics
from tests.flow.collector import Collector

SECRET = b"a secret for tests, of 32 bytes."
ROUNDS = 3
QUIET = {"log_level": 0}


def fill(bootstrap: str, records: list[Record]) -> int:
    """Put *records* on their topic; returns their mean size in bytes."""
    producer = Producer(producer_settings(bootstrap, "bench-fill") | QUIET)
    producer.init_transactions()
    for start in range(0, len(records), 5_000):
        producer.begin_transaction()
        for record in records[start : start + 5_000]:
            producer.produce(record.topic, value=record.value, key=record.key, headers=list(record.headers))
        producer.commit_transaction()
    return sum(len(record.value or b"") for record in records) // len(records)


def bare_copy(bootstrap: str, source: str, target: str, count: int, copies: int = 1) -> float:
    """
    Consume, produce the same bytes and headers, commit: what librdkafka alone can do. Messages consumed a second.

    Each is produced to as many topics as there are *copies*.

    With the relay's own settings, its way of polling and its size of transactions.
    """
    targets = [f"{target}.{number}" for number in range(copies)]
    ensure_topics(bootstrap, [TopicWanted(one, 6, 1, {}) for one in targets])
    consumer = Consumer(
        consumer_settings(bootstrap, f"bench.{target}", offset_reset="earliest")
        | {"queued.min.messages": 20_000}
        | QUIET
    )
    consumer.subscribe([source])
    producer = Producer(producer_settings(bootstrap, f"bench-{target}") | {"delivery.report.only.error": True} | QUIET)
    producer.init_transactions()
    seen, started = 0, 0.0
    while seen < count:
        first = consumer.poll(1.0)
        if first is None:
            continue
        started = started or time.perf_counter()
        polled = [first, *consumer.consume(BATCHES * BATCH - 1, 0)]
        for start in range(0, len(polled), BATCH):
            batch = polled[start : start + BATCH]
            producer.begin_transaction()
            for message, one in product(batch, targets):
                while True:
                    try:
                        producer.produce(one, value=message.value(), key=message.key(), headers=message.headers())
                        break
                    except BufferError:
                        producer.poll(0.05)
            positions = {(m.topic(), m.partition()): m.offset() + 1 for m in batch}
            producer.send_offsets_to_transaction(
                [TopicPartition(topic, partition, offset) for (topic, partition), offset in positions.items()],
                consumer.consumer_group_metadata(),
            )
            producer.commit_transaction()
        seen += len(polled)
    rate = seen / (time.perf_counter() - started)
    consumer.close()
    return rate


class Timed(Relay):
    """The relay, which notes when its first message came and stops after *count*."""

    began = 0.0

    def until(self, count: int) -> float:
        """Carry *count* messages; the rate from the first message to the last, in messages a second."""
        self._count, self._stop = count, threading.Event()
        gc.freeze()  # as a process does when it says that it is ready
        self.run(self._stop)
        return count / (self._ended - self.began)

    def _carry(self, polled, stop):
        self.began = self.began or time.perf_counter()
        super()._carry(polled, stop)
        if self.carried >= self._count:
            self._ended = time.perf_counter()
            stop.set()


def relayed(bootstrap: str, count: int, catalog: Catalog | None = None, *, receipts: bool = True) -> float:
    """The relay itself. Messages consumed a second."""
    relay = Timed(catalog or catalogs.load(), Keys(SECRET), bootstrap, lane="routine")
    if receipts:
        return relay.until(count)
    with patch.object(disclosure, "pages", lambda _receipts, _codec: ()):
        return relay.until(count)


def heard_by(catalog: Catalog, many: int) -> Catalog:
    """*catalog* with *many* agencies that hear of demographics all that CHIS hears."""
    like, more = catalog.agencies["chis"], [f"chis_{number}" for number in range(2, many + 1)]
    return as_synced(
        dataclasses.replace(
            catalog,
            agencies={**catalog.agencies, **{key: like.model_copy(update={"key": key}) for key in more}},
            policies={**catalog.policies, **dict.fromkeys(more, catalog.policies[like.key])},
        )
    )


def cost_of_the_gate(count: int = 40_000) -> None:
    """The relay with and without receipts, to 1, 5 and 20 recipients, against a bare copy to as many topics."""
    print(f"cost of the gate: {count} events, each to so many recipients; messages consumed a second")
    print("  recipients   bare copy   relay   no receipts   relay / copy   no receipts / copy   relay / copy to one")
    one = 0.0
    for many in (1, 5, 20):
        catalog, number = heard_by(catalogs.load(), many), count // (4 if many == 20 else 1)
        with tempfile.TemporaryDirectory() as folder:
            kafka = LocalKafka(Path(folder))
            bootstrap = kafka.up()
            try:
                cluster.prepare(catalog, Settings(state=Path(folder)), bootstrap)
                topic = catalog.streams["child_demographics"].topic
                rates: dict[str, list[float]] = {"copy": [], "relay": [], "bare": []}
                done = 0
                for turn in range(ROUNDS):
                    for kind in ("relay", "bare"):
                        fill(bootstrap, list(demographics(catalog, Keys(SECRET), number, seed=turn)))
                        rates[kind].append(relayed(bootstrap, number, catalog, receipts=kind == "relay"))
                        done += number
                    rates["copy"].append(bare_copy(bootstrap, topic, f"bench.copy.{turn}", done, many))
            finally:
                kafka.down()
        copy, relay, bare = (statistics.median(rates[kind]) for kind in ("copy", "relay", "bare"))
        one = one or copy
        print(f"  {many:10} {copy:11,.0f} {relay:7,.0f} {bare:13,.0f} {relay / copy:14.2f} {bare / copy:20.2f} "
              f"{relay / one:21.2f}")  # fmt: skip


def faust_agent(bootstrap: str, source: str, count: int) -> float:
    """The same decide, project and encode inside a Faust agent, in a process of its own. Messages a second."""
    command = [sys.executable, "-m", "tests.bench.faust_agent", bootstrap, source, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
    return float(json.loads(done.stdout.strip().splitlines()[-1])["rate"])


def carried(desk: Desk, records: list[Record], now: datetime) -> float:
    """Seconds that a desk takes for *records*."""
    started, carry = time.perf_counter(), desk.carry
    for record in records:
        carry(record, now=now)
    return time.perf_counter() - started


def bystander(catalog: Catalog) -> Catalog:
    """*catalog* with one more agency, which hears another stream and nothing of this one."""
    like = "adopt_thames_valley"
    return dataclasses.replace(
        catalog,
        agencies={**catalog.agencies, "bystander": catalog.agencies[like].model_copy(update={"key": "bystander"})},
        policies={**catalog.policies, "bystander": catalog.policies[like]},
    )


def one_more_agency(catalog: Catalog, records: list[Record]) -> float:
    """By how much a stream's events are slower for an agency that hears nothing of it; 0.01 is one in a hundred."""
    stream, now, chosen = catalog.by_topic[records[0].topic], datetime.now(UTC), records[:100]
    both = (catalog, bystander(catalog))
    ratios = []
    for _ in range(60):  # desks made anew each time: where their objects lie in memory makes two of a hundred
        desks = [Desk(each, stream, Keys(SECRET)) for each in both]
        for turn in range(30):  # many short turns, taken by turns: what else the machine does falls on both
            first, second = desks if turn % 2 else desks[::-1]
            one, other = carried(first, chosen, now), carried(second, chosen, now)
            ratios.append(other / one if turn % 2 else one / other)
    return statistics.median(ratios) - 1


def in_process(catalog: Catalog, records: list[Record]) -> dict[str, float]:
    """Microseconds an event for each step on the way to one recipient, without Kafka; the best of many turns."""
    stream, now = catalog.by_topic[records[0].topic], datetime.now(UTC)
    desk, chosen = Desk(catalog, stream, Keys(SECRET)), records[:200]
    (route,) = desk.routes
    data = [record.value or b"" for record in chosen]
    cases = [Case(desk.view.read(value), stream, route.agency, "", now, now) for value in data]
    values = [route.projection.project(value) for value in data]
    if any(route.judge(case)[0] for case in cases):
        raise AssertionError("what is measured here is what is released")
    both = [(value, route.projection.encode(one)) for value, one in zip(data, values, strict=True)]
    known = View()
    known.take(b"somebody", {"nhs_number": "9990000018"}, "an event", now)
    steps = {
        "what decisions ask for, read": (desk.view.read, data),
        "seal, gate, where, limits": (route.judge, cases),
        "project": (route.projection.project, data),
        "encode": (route.projection.encode, values),
        "second check": (lambda pair: route.check.permits(*pair, (), now), both),
        "all, with papers and receipt": (lambda record: desk.carry(record, now=now), chosen),
        "all, where much is known of others": (lambda record: desk.carry(record, now=now, view=known), chosen),
    }
    best = dict.fromkeys(steps, 9e9)
    for _ in range(200):
        for name, (step, given) in steps.items():
            started = time.perf_counter()
            for one in given:
                step(one)
            best[name] = min(best[name], time.perf_counter() - started)
    return {name: seconds / len(chosen) * 1e6 for name, seconds in best.items()}


def cost_of_telling(count: int = 40_000, rounds: int = 5) -> None:
    """The relay that counts nothing, that counts, and that traces too: rates in one run, round by round in turns."""
    catalog = catalogs.load()
    rates: dict[str, list[float]] = {"nothing": [], "metrics": [], "traces": []}
    with tempfile.TemporaryDirectory() as folder, closing(Collector()) as collector:
        kafka = LocalKafka(Path(folder))
        bootstrap = kafka.up()
        try:
            cluster.prepare(catalog, Settings(state=Path(folder)), bootstrap)
            for turn in range(rounds + 1):  # the first warms up, and is not told
                kinds = list(rates) if turn % 2 else list(rates)[::-1]
                for number, kind in enumerate(kinds):
                    fill(bootstrap, list(demographics(catalog, Keys(SECRET), count, seed=3 * turn + number)))
                    rate = told(bootstrap, count, catalog, kind, collector.url)
                    if turn:
                        rates[kind].append(rate)
        finally:
            kafka.down()
    print(f"cost of telling: {count} events, one recipient; messages consumed a second, median of {rounds}")
    for kind, found in rates.items():
        ratio = statistics.median(one / other for one, other in zip(found, rates["nothing"], strict=True))
        print(f"  {kind:8} {statistics.median(found):8,.0f}   against nothing {ratio:.3f}   "
              f"({', '.join(f'{one:,.0f}' for one in found)})")  # fmt: skip
    counting_alone(catalog)


def told(bootstrap: str, count: int, catalog: Catalog, kind: str, collector: str) -> float:
    """The relay's rate where it tells *kind* of what it does."""
    if kind == "nothing":
        with patch.object(relay_counts, "counted", lambda *_: relay_counts.Counts((), ())):
            return relayed(bootstrap, count, catalog)
    metrics.close(closed_sets(catalog))
    if kind == "traces":
        tracing.start("relay", collector)
    try:
        return relayed(bootstrap, count, catalog)
    finally:
        tracing.stop()
        metrics.reset()


def counting_alone(catalog: Catalog) -> None:
    """What counting a batch takes, as a part of what deciding it takes, without Kafka: the best of many turns."""
    metrics.close(closed_sets(catalog))
    records = list(demographics(catalog, Keys(SECRET), BATCH, seed=1))
    desk, now = Desk(catalog, catalog.by_topic[records[0].topic], Keys(SECRET)), datetime.now(UTC)
    deciding, counting = 9e9, 9e9
    for _ in range(10):
        started = time.perf_counter()
        receipts = [one for record in records for one in desk.carry(record, now=now).receipts]
        over = time.perf_counter()
        relay_counts.committed("routine", len(records), 0.1, relay_counts.counted(receipts, ()))
        deciding, counting = min(deciding, over - started), min(counting, time.perf_counter() - over)
    metrics.reset()
    each = len(records)
    counted, decided = counting / each * 1e9, deciding / each * 1e6
    print(f"  in process: {counted:.0f} ns an event to count, {decided:.1f} µs to decide: {counting / deciding:.2%}"
          "   (wanted: under 1 %)")  # fmt: skip


def main(count: int = 100_000, faust_count: int = 10_000) -> None:
    """Three rounds of relay and copy, interleaved, then the others; prints each rate's median and the ratios."""
    catalog = catalogs.load()
    rates: dict[str, list[float]] = {"bare copy": [], "relay": [], "faust": []}
    with tempfile.TemporaryDirectory() as folder:
        kafka = LocalKafka(Path(folder))
        bootstrap = kafka.up()
        try:
            cluster.prepare(catalog, Settings(state=Path(folder)), bootstrap)
            topic = catalog.streams["child_demographics"].topic
            for turn in range(ROUNDS):
                records = list(demographics(catalog, Keys(SECRET), count, seed=turn))
                size = fill(bootstrap, records)
                rates["relay"].append(relayed(bootstrap, count))
                rates["bare copy"].append(bare_copy(bootstrap, topic, f"bench.copy.{turn}", (turn + 1) * count))
            if faust_count:
                rates["faust"].append(faust_agent(bootstrap, topic, faust_count))
        finally:
            kafka.down()
    median = {name: sorted(found)[len(found) // 2] for name, found in rates.items() if found}
    ratios = sorted(one / other for one, other in zip(rates["relay"], rates["bare copy"], strict=True))
    print(f"{count} events of {size} bytes, one recipient, transactions of {BATCH}; median of {ROUNDS}; "
          f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")  # fmt: skip
    for name, rate in median.items():
        print(f"  {name:10} {rate:10,.0f} messages/s   ({', '.join(f'{one:,.0f}' for one in rates[name])})")
    print(f"  relay / bare copy   {median['relay'] / median['bare copy']:.2f}   (wanted: at least 0.50; "
          f"by round {', '.join(f'{one:.2f}' for one in ratios)})")  # fmt: skip
    if "faust" in median:
        print(f"  relay / faust      {median['relay'] / median['faust']:.1f}   (wanted: at least 10)")
    print(f"  one more agency that hears nothing   {one_more_agency(catalog, records):+.2%}   (wanted: under 1 %)")
    print("  in process, microseconds an event:")
    for name, took in in_process(catalog, records).items():
        print(f"    {name:36} {took:6.1f}")
    cost_of_the_gate()


if __name__ == "__main__":
    if sys.argv[1:2] == ["telling"]:
        cost_of_telling(*(int(one) for one in sys.argv[2:]))
    else:
        main(*(int(one) for one in sys.argv[1:]))
