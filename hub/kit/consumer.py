"""Consumers: the ten lines with which a partner begins to read, in Python; what it then does with it is its own."""

from __future__ import annotations

from collections.abc import Sequence

REQUIRES = {"json": "confluent-kafka>=2.16\n", "avro": "confluent-kafka[schemaregistry]>=2.16\nfastavro>=1.13\n"}
"""What pip must install, by what is read."""

_JSON = '''\
"""Prints what the sharing hub sends, until Ctrl-C: run it in this folder, after README.html was read."""

import json
import sys

from confluent_kafka import Consumer

files = sys.argv[1:] or ["kafka-scram.properties", "secrets/kafka.properties"]
lines = [line.strip() for name in files for line in open(name, encoding="utf-8")]
consumer = Consumer(dict(line.split("=", 1) for line in lines if line and line[0] != "#"))
consumer.subscribe(TOPICS)
while True:
    if (record := consumer.poll(1.0)) is None:
        continue
    if record.error():
        raise SystemExit(record.error().str())
    headers = dict(record.headers())
    if headers.get("ce_hubsynthetic") != b"true":  # a canary is about nobody
        print(headers["ce_id"].decode(), json.loads(record.value()), flush=True)  # your work: once for each ce_id
    consumer.commit(record, asynchronous=False)  # only now: what was not finished comes again
'''

_AVRO = '''\
"""Prints what the sharing hub sends, until Ctrl-C: run it in this folder, after README.html was read."""

import sys

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer


def settings(*files):
    lines = [line.strip() for name in files for line in open(name, encoding="utf-8")]
    return dict(line.split("=", 1) for line in lines if line and line[0] != "#")


read = AvroDeserializer(SchemaRegistryClient(settings("registry.properties", "secrets/registry.properties")))
consumer = Consumer(settings(*(sys.argv[1:] or ["kafka-scram.properties", "secrets/kafka.properties"])))
consumer.subscribe(TOPICS)
while True:
    if (record := consumer.poll(1.0)) is None:
        continue
    if record.error():
        raise SystemExit(record.error().str())
    headers = dict(record.headers())
    if headers.get("ce_hubsynthetic") != b"true":  # a canary is about nobody
        print(headers["ce_id"].decode(), read(record.value()), flush=True)  # your work: once for each ce_id
    consumer.commit(record, asynchronous=False)  # only now: what was not finished comes again
'''


def consumer(form: str, topics: Sequence[str]) -> bytes:
    """The consumer of *topics* whose records are `json` or `avro`."""
    names = ", ".join(f'"{topic}"' for topic in topics)
    return {"json": _JSON, "avro": _AVRO}[form].replace("TOPICS", f"[{names}]").encode()
