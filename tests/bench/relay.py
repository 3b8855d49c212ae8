"""The relay against a bare transactional copy of the same messages, and against a Faust agent doing the same work."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from hub import catalog as catalogs
from hub import cluster
from hub.keys import Keys
from hub.local_kafka import LocalKafka
from hub.relay import BATCH, Relay
from hub.settings import Settings
from hub.transports.kafka import TopicWanted, consumer_settings, ensure_topics, producer_settings
from tests.bench.events import demographics

SECRET = b"a secret for tests, of 32 bytes."


def fill(bootstrap: str, records: list) -> int:
    """Put *records* on their topic; returns their mean size in bytes."""
    producer = Producer(producer_settings(bootstrap, "bench-fill"))
    producer.init_transactions()
    for start in range(0, len(records), 5_000):
        producer.begin_transaction()
        for record in records[start : start + 5_000]:
            producer.produce(record.topic, value=record.value, key=record.key, headers=list(record.headers))
        producer.commit_transaction()
    return sum(len(record.value) for record in records) // len(records)


def bare_copy(bootstrap: str, source: str, target: str, count: int) -> float:
    """Consume, produce the same bytes and headers, commit: what librdkafka alone can do. Messages a second."""
    ensure_topics(bootstrap, [TopicWanted(target, 6, 1, {})])
    consumer = Consumer(consumer_settings(bootstrap, f"bench.{target}", offset_reset="earliest")
                        | {"queued.min.messages": 20_000})  # fmt: skip
    consumer.subscribe([source])
    producer = Producer(producer_settings(bootstrap, f"bench-{target}") | {"delivery.report.only.error": True})
    producer.init_transactions()
    seen, started = 0, 0.0
    while seen < count:
        first = consumer.poll(1.0)
        if first is None:
            continue
        started = started or time.perf_counter()
        batch = [first, *consumer.consume(BATCH - 1, 0)]
        producer.begin_transaction()
        for message in batch:
            while True:
                try:
                    producer.produce(target, value=message.value(), key=message.key(), headers=message.headers())
                    break
                except BufferError:
                    producer.poll(0.05)
        positions = {(m.topic(), m.partition()): m.offset() + 1 for m in batch}
        producer.send_offsets_to_transaction(
            [TopicPartition(topic, partition, offset) for (topic, partition), offset in positions.items()],
            consumer.consumer_group_metadata(),
        )
        producer.commit_transaction()
        seen += len(batch)
    rate = count / (time.perf_counter() - started)
    consumer.close()
    return rate


def relayed(bootstrap: str, count: int) -> float:
    """The relay itself, from its first message to its last. Messages a second."""
    catalog, stop = catalogs.load(), threading.Event()
    relay = Relay(catalog, Keys(SECRET), bootstrap, lane="routine")
    began: list[float] = []
    original = relay._carry

    def timed(batch, stopping):
        began.append(time.perf_counter())
        original(batch, stopping)
        if relay.carried >= count:
            stop.set()

    relay._carry = timed
    relay.run(stop)
    return count / (time.perf_counter() - began[0])


def faust_agent(bootstrap: str, source: str, count: int) -> float:
    """The same decide, project and encode inside a Faust agent, in a process of its own. Messages a second."""
    command = [sys.executable, "-m", "tests.bench.faust_agent", bootstrap, source, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return float(json.loads(done.stdout.strip().splitlines()[-1])["rate"])


def main(count: int = 100_000, faust_count: int = 10_000) -> None:
    """Three rounds of each, interleaved; prints each rate's median and the two ratios."""
    with tempfile.TemporaryDirectory() as folder:
        kafka = LocalKafka(Path(folder))
        bootstrap = kafka.up()
        try:
            catalog = catalogs.load()
            settings = Settings(state=Path(folder))
            cluster.prepare(catalog, settings, bootstrap)
            topic = catalog.streams["child_demographics"].topic
            rates: dict[str, list[float]] = {"bare copy": [], "relay": [], "faust": []}
            total = 0
            for turn in range(3):
                records = list(demographics(catalog, Keys(SECRET), count, seed=turn))
                size = fill(bootstrap, records)
                total += count
                rates["relay"].append(relayed(bootstrap, count))
                rates["bare copy"].append(bare_copy(bootstrap, topic, f"bench.copy.{turn}", total))
            if faust_count:
                rates["faust"].append(faust_agent(bootstrap, topic, faust_count))
        finally:
            kafka.down()
    median = {name: sorted(found)[len(found) // 2] for name, found in rates.items() if found}
    print(f"{count} messages of {size} bytes, one recipient, transactions of {BATCH}; median of 3")
    for name, rate in median.items():
        print(f"  {name:10} {rate:10,.0f} messages/s   ({', '.join(f'{one:,.0f}' for one in rates[name])})")
    print(f"  relay / bare copy  {median['relay'] / median['bare copy']:.2f}   (wanted: at least 0.50)")
    if "faust" in median:
        print(f"  relay / faust      {median['relay'] / median['faust']:.1f}    (wanted: at least 10)")


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
