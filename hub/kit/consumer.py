"""Consumers: the ten lines with which a partner begins to read, in Python; what it then does with it is its own."""

from __future__ import annotations

from collections.abc import Sequence

REQUIRES = {"json": "confluent-kafka>=2.16\n", "avro": "confluent-kafka[schemaregistry]>=2.16\nfastavro>=1.13\n"}
"""What pip must install, by what is read."""

_LOOP = """\
    consumer.subscribe(TOPICS)
    while True:
        for record in consumer.consume(1, 1.0):
            if record.error(): raise SystemExit(record.error().str())
            headers = dict(record.headers())
            if headers.get("ce_hubsynthetic") != b"true":  # a canary is about nobody
                print(headers["ce_id"].decode(), READ(record.value()), flush=True)  # your work: once for each ce_id
            consumer.commit(record, asynchronous=False)  # only now: what was not finished comes again
"""

_JSON = '''\
"""Prints what comes from the hub, until Ctrl-C: python consumer.py kafka-scram.properties secrets/kafka.properties"""

import json
import sys
from contextlib import suppress

from confluent_kafka import Consumer

lines = [line.strip() for name in sys.argv[1:] for line in open(name, encoding="utf-8") if "=" in line]
with suppress(KeyboardInterrupt), Consumer(dict(line.split("=", 1) for line in lines if line[0] != "#")) as consumer:
'''

_AVRO = '''\
"""Prints what comes from the hub, until Ctrl-C: python consumer.py kafka-scram.properties secrets/kafka.properties"""

import sys
from contextlib import suppress

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer


def settings(*files):
    lines = [line.strip() for name in files for line in open(name, encoding="utf-8") if "=" in line]
    return dict(line.split("=", 1) for line in lines if line[0] != "#")


read = AvroDeserializer(SchemaRegistryClient(settings("registry.properties", "secrets/registry.properties")))
with suppress(KeyboardInterrupt), Consumer(settings(*sys.argv[1:])) as consumer:
'''


def consumer(form: str, topics: Sequence[str]) -> bytes:
    """The consumer of *topics* whose records are `json` or `avro`."""
    names = ", ".join(f'"{topic}"' for topic in topics)
    head, read = {"json": (_JSON, "json.loads"), "avro": (_AVRO, "read")}[form]
    return (head + _LOOP.replace("TOPICS", f"[{names}]").replace("READ", read)).encode()
