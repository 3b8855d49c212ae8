"""
Readers, and what comes for them, while somebody looks on: a consumer that stops or stands still, records, an alert.

Nobody here looks, and nothing goes through the relay: what it would have written is put on the recipients' topics.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from confluent_kafka import Consumer, Producer

from hub.catalog import Catalog, folder_of
from hub.envelope import Envelope, Record, traceparent
from hub.outbound import Desk
from hub.settings import Settings
from hub.wire import record_of

POLICE, HOSPITAL = "wiltshire_police", "great_western_hospital"
OFFICER, ALERT = "mash_referral", "hospital_alert"
GROUP = f"{POLICE}.mash"


class Partner:
    """A partner's consumer, which commits each record that it read; it can stop, and stand still while it stays."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._settings = {
            "bootstrap.servers": bootstrap, "group.id": GROUP, "auto.offset.reset": "earliest", "log_level": 0,
            "enable.auto.commit": False,
        }  # fmt: skip
        self._topic = topic
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.still = threading.Event()

    def start(self) -> None:
        """Read from now on."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def stop(self) -> None:
        """Leave the group."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        consumer = Consumer(self._settings)
        consumer.subscribe([self._topic])
        while not self._stop.is_set():
            if self.still.is_set():
                time.sleep(0.05)  # alive, and its heartbeats go on
                continue
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                consumer.commit(message=message, asynchronous=False)
        consumer.close()


@contextmanager
def saying(bootstrap: str, topic: str) -> Iterator[None]:
    """A record a second, each with papers, for as long as it lasts."""
    producer, stop = Producer({"bootstrap.servers": bootstrap, "log_level": 0}), threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            producer.produce(topic, value=b"x", headers=list(papers(f"{number:032x}")))
            producer.flush(10)
            number += 1
            stop.wait(1.0)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def papers(event: str, at: datetime | None = None) -> tuple[tuple[str, bytes], ...]:
    """The headers of an event that the hub took in at a moment."""
    return Envelope(event, "/tests", "tests.v1", at or datetime.now(UTC), traceparent(event)).headers()


def alert(catalog: Catalog, settings: Settings, bootstrap: str, number: int) -> None:
    """What the relay would write for the hospital of one flagged arrival."""
    example = folder_of("connectors") / HOSPITAL / "examples" / ALERT / "released.event.json"
    stream, keys = catalog.streams[ALERT], settings.keys()
    values = stream.event.model_validate(json.loads(example.read_text(encoding="utf-8"))).model_dump()
    now = datetime.now(UTC)
    record = record_of(catalog, keys, stream, values, f"{number:032x}", "/tests/alerts", now)
    mine = next(
        one
        for one in Desk(catalog, stream, keys).carry(record, now=now).records
        if HOSPITAL.replace("_", "-") in one.topic
    )
    write(bootstrap, mine)


def write(bootstrap: str, record: Record) -> None:
    """Put a record on its topic."""
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    producer.produce(record.topic, value=record.value, key=record.key, headers=list(record.headers))
    producer.flush(10)
