"""Kafka clients' settings: what makes a producer or consumer of the hub safe, and cannot be set otherwise."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from hub.envelope import LARGEST_RECORD
from hub.errors import TransportError

LOGGER = logging.getLogger("hub.librdkafka")  # librdkafka speaks of brokers and groups, never of messages
PACE_SECONDS = 0.05
"""
How soon, at the earliest, one transaction follows another. Each costs the brokers a dozen requests, whatever it
holds: where messages come one by one they would be busy with little else. The first after a pause goes at once.
"""
_QUIET = 30.0
Extra = Mapping[str, str]
"""Settings passed on to librdkafka by its own names: `security.protocol`, `sasl.*`, `ssl.*`, and tuning."""

_ABSENT = "the topic does not exist; `hub run` makes it at start, on a secured cluster `hub topics apply` does"
_MEND = {
    KafkaError._ALL_BROKERS_DOWN: "no broker answers; see that Kafka runs and that HUB_BOOTSTRAP_SERVERS names it",
    KafkaError._TRANSPORT: "no broker answers; see that Kafka runs and that HUB_BOOTSTRAP_SERVERS names it",
    KafkaError._TIMED_OUT: "no answer in time; see that Kafka runs and that HUB_BOOTSTRAP_SERVERS names it",
    KafkaError._AUTHENTICATION: "Kafka does not know this client; see HUB_KAFKA_SASL_* and HUB_KAFKA_SSL_*",
    KafkaError._SSL: "TLS with Kafka fails; see HUB_KAFKA_SSL_*",
    KafkaError.UNKNOWN_TOPIC_OR_PART: _ABSENT,
    KafkaError._UNKNOWN_TOPIC: _ABSENT,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "no ACL lets this principal at the topic; see `hub topics principals`",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "no ACL lets this principal at the group; see `hub topics principals`",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "only hub-deploy may, and hub-ops may look; see HUB_PRINCIPAL",
    KafkaError.MSG_SIZE_TOO_LARGE: "a record is larger than the topic's max.message.bytes",
}


def keep_pace(began: float, pace: float = PACE_SECONDS) -> None:
    """Wait until *pace* seconds after *began*, when the last transaction did (of `time.monotonic`)."""
    if (early := began + pace - time.monotonic()) > 0:
        time.sleep(early)


class _Once(logging.Filter):
    """Lets the same complaint through once in half a minute: a client says it again at every attempt to connect."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether nothing of this kind was said lately; the kind is librdkafka's word before the client's name."""
        kind = record.getMessage().partition(" ")[0]
        now = time.monotonic()
        if now - self._last.get(kind, -_QUIET) < _QUIET:
            return False
        self._last[kind] = now
        return True


LOGGER.addFilter(_Once())


def producer_settings(
    bootstrap: str, transactional_id: str, extra: Extra | None = None, *, transaction_timeout: float = 15.0
) -> dict[str, Any]:
    """
    Settings of a transactional, hence idempotent, producer that waits for all replicas in sync.

    *transaction_timeout* is in seconds; the broker aborts a transaction that stays open longer, and a record that is
    not delivered in four fifths of it fails. Nothing is compressed: what compresses well tells of its content.
    Partitions are chosen by murmur2, as the Java client and aiokafka choose them, so that a child's events lie in one
    partition whichever of the hub's processes wrote them.
    """
    milliseconds = round(transaction_timeout * 1000)
    return {
        "linger.ms": 0,  # a commit waits for all the same; one record alone then waits half as long
        **_shared(bootstrap, extra),
        "transactional.id": transactional_id,
        "enable.idempotence": True,
        "acks": "all",
        "transaction.timeout.ms": milliseconds,
        "message.timeout.ms": milliseconds * 4 // 5,
        "topic.metadata.propagation.max.ms": min(5000, milliseconds // 2),
        "compression.type": "none",
        "partitioner": "murmur2_random",
        "queue.buffering.max.kbytes": 65_536,
        "message.max.bytes": LARGEST_RECORD,  # librdkafka's own limit is a quarter of what the topics take
    }


def consumer_settings(
    bootstrap: str,
    group: str,
    extra: Extra | None = None,
    *,
    offset_reset: Literal["error", "earliest", "latest"] = "error",
    instance: str = "",
) -> dict[str, Any]:
    """
    Settings of a consumer that sees only what was committed, and commits only what it was told to.

    *offset_reset* says what happens where the group has no offset in the log: `earliest` would send history again
    and `latest` would lose it silently, so that the rule is `error`. *instance* is the member's own lasting name
    (`group.instance.id`), with which a restart does not move the partitions of others.
    """
    return {
        **_shared(bootstrap, extra),
        "group.id": group,
        **({"group.instance.id": instance} if instance else {}),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": offset_reset,
        "partition.assignment.strategy": "cooperative-sticky",
        "max.poll.interval.ms": 60_000,
        "allow.auto.create.topics": False,
        "check.crcs": True,
    }


def admin(bootstrap: str, extra: Extra | None = None, *, quiet: bool = False) -> AdminClient:
    """A client for questions about the cluster; *quiet* where it is expected not to answer yet."""
    settings = _shared(bootstrap, extra) | ({"log_level": 0, "reconnect.backoff.max.ms": 200} if quiet else {})
    return AdminClient(settings, logger=LOGGER)


def _shared(bootstrap: str, extra: Extra | None) -> dict[str, Any]:
    return {"client.id": "hub", **(extra or {}), "bootstrap.servers": bootstrap}


def trouble(error: KafkaError | KafkaException, doing: str) -> TransportError:
    """What went wrong with Kafka while *doing* something: librdkafka's name for it, and what to do."""
    fault = error.args[0] if isinstance(error, KafkaException) else error
    mend = _MEND.get(fault.code(), "it is tried again")
    return TransportError(f"Kafka, {doing}: {fault.name()}; {mend}")
