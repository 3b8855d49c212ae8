"""Real Apache Kafka for tests: one broker for the session, emptied between modules; nothing of it is left behind."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from hub.local_kafka import LocalKafka
from tests.kafka import started


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a broker of this session's own: tests delete topics."""
    with started(tmp_path_factory.mktemp("kafka")) as local:
        yield local.status().bootstrap


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker of this session's own that asks everybody who they are."""
    with started(tmp_path_factory.mktemp("secured"), secure=True) as local:
        yield local


@pytest.fixture(scope="module")
def empty_kafka(kafka: str) -> str:
    """The same broker without the topics and groups of the modules before: a tenth of the time of a new broker."""
    empty(kafka)
    return kafka


@pytest.fixture
def fresh(kafka: str) -> str:
    """A word that no other test has in its topics, groups and transactional ids."""
    return f"t{uuid.uuid4().hex[:12]}"


def empty(bootstrap: str) -> None:
    """Delete every topic and group that is not Kafka's own, and wait until they are gone."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    groups = [group.group_id for group in admin.list_consumer_groups().result().valid]
    for future in (admin.delete_consumer_groups(groups) if groups else {}).values():
        try:
            future.result()
        except KafkaException:
            continue  # a member that just left is still counted; without its topics it does no harm
    deadline = time.monotonic() + 20
    while names := [name for name in admin.list_topics(timeout=5).topics if not name.startswith("__")]:
        for future in admin.delete_topics(names).values():
            try:
                future.result()
            except KafkaException:
                continue  # being deleted already
        assert time.monotonic() < deadline, f"topics do not go away: {names}"
        time.sleep(0.02)
