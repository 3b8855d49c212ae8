"""Consumer groups: begun once where their topics are empty, so that a lost offset is an error and never a guess."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from hub.errors import TransportError
from hub.log import note
from hub.transports.kafka.clients import LOGGER, Extra, admin, consumer_settings, trouble
from hub.transports.kafka.reading import END, FIRST, Place, offsets, places

ATTEMPT_SECONDS = 5.0
RECOUNT_SECONDS = 30.0
MOVES_SECONDS = 3.0
_MOVES = frozenset({
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR,
})  # fmt: skip
_IN_USE = KafkaError.UNKNOWN_MEMBER_ID  # what Kafka answers where a group has members, be it one that just stopped
# What a cluster answers in its first seconds, while it makes topics, elects leaders and loads its groups.
_SOON = frozenset({
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._TIMED_OUT,
    _IN_USE,
})  # fmt: skip


def begin_groups(
    bootstrap: str, groups: Mapping[str, Collection[str]], extra: Extra | None = None, *, timeout: float = 60.0
) -> int:
    """
    Give each group its first offset in every partition where it has none, and return how many that were.

    Only a partition that has never held a record is begun, at its start. Raises `TransportError` where a group has
    no offset in a partition that does hold records: to begin there would send history again, to begin at its end
    would lose what lies in it, and only a person can say which is right; and where a group whose topics are new is
    in use for *timeout* seconds: a member with a lasting name counts until its session ends, 45 seconds after it
    stopped, and one that starts again at once waits for that.
    """
    client = admin(bootstrap, extra)
    begun, deadline = 0, time.monotonic() + timeout
    for group, topics in groups.items():
        told = False
        while True:
            try:
                begun += _begin(client, bootstrap, group, set(topics), extra)
                break
            except KafkaException as error:
                if error.args[0].code() == _IN_USE and time.monotonic() > deadline:
                    raise TransportError(f"{group} has a new topic and is in use; stop its processes first") from error
                if error.args[0].code() == _IN_USE and not told:
                    note("kafka", "waiting for the session of a process that stopped to end", group=group)
                    told = True
                if error.args[0].code() not in _SOON or time.monotonic() > deadline:
                    raise trouble(error, "beginning consumer groups") from error
                time.sleep(0.1)
    return begun


def await_begun(
    bootstrap: str, group: str, topics: Collection[str], extra: Extra | None = None, *, timeout: float
) -> None:
    """
    Return once *group* has an offset in every partition of *topics*; whoever asks needs no right but to see them.

    Raises `TransportError` where it has none after *timeout* seconds.
    """
    client, deadline, told = admin(bootstrap, extra), time.monotonic() + timeout, False
    while True:
        try:
            every = places(client, topics, ATTEMPT_SECONDS)
            if len(committed(bootstrap, group, every, ATTEMPT_SECONDS, extra)) == len(every):
                return
        except KafkaException as error:
            if error.args[0].code() not in _SOON:
                raise trouble(error, f"asking for the place of {group}") from error
        if time.monotonic() > deadline:
            raise TransportError(
                f"{group} has no place in {next(iter(topics))} yet, and what is written before would be lost to it; "
                "start the relay first"
            )
        if not told:
            note("kafka", "waiting for the relay to have its place", group=group)
            told = True
        time.sleep(0.2)


def _begin(client: AdminClient, bootstrap: str, group: str, topics: set[str], extra: Extra | None) -> int:
    every = places(client, topics, ATTEMPT_SECONDS)
    have = committed(bootstrap, group, every, ATTEMPT_SECONDS, extra)
    missing = [place for place in every if place not in have]
    if not missing:
        return 0
    first = offsets(client, missing, FIRST, ATTEMPT_SECONDS)
    end = offsets(client, missing, END, ATTEMPT_SECONDS)
    for place in missing:
        if end[place] > 0:
            raise TransportError(
                f"{group} has no offset in {place[0]}/{place[1]}, which holds or held records; "
                "see deploy/runbook/lost-offsets.md"
            )
    wanted = [TopicPartition(topic, partition, first[topic, partition]) for topic, partition in missing]
    _set(client, group, wanted)
    return len(missing)


def _set(client: AdminClient, group: str, wanted: list[TopicPartition]) -> None:
    asked = [ConsumerGroupTopicPartitions(group, wanted)]
    answer = client.alter_consumer_group_offsets(asked, request_timeout=ATTEMPT_SECONDS)[group].result()
    for one in answer.topic_partitions or ():
        if one.error is not None:  # said of each partition, not of the call
            raise KafkaException(one.error)


def committed(
    bootstrap: str, group: str, of: Collection[Place], timeout: float, extra: Extra | None = None
) -> dict[Place, int]:
    """
    The next offset of *group* in each of the places *of* where it has one; raises `KafkaException`.

    Asked by a consumer that joins nothing: librdkafka's admin client takes the whole process down with it where the
    group's coordinator is being made or moves (confluentinc/librdkafka#5040). What an open transaction is about to
    commit is not waited for.
    """
    asking = Places(bootstrap, extra)
    try:
        return asking.committed(group, of, timeout)
    finally:
        asking.close()


class Places:
    """The same for many groups, again and again: each group's consumer, which joins nothing, stays open."""

    def __init__(self, bootstrap: str, extra: Extra | None = None) -> None:
        self._bootstrap, self._extra = bootstrap, extra
        self._consumers: dict[str, Consumer] = {}

    def committed(self, group: str, of: Collection[Place], timeout: float) -> dict[Place, int]:
        """
        The next offset of *group* in each of the places *of* where it has one; raises `KafkaException`.

        A coordinator that is being made or moves is asked again for some seconds.
        """
        patience = time.monotonic() + min(timeout, MOVES_SECONDS)
        while True:
            try:
                return self._asked(group, of, timeout) if of else {}
            except KafkaException as error:
                if error.args[0].code() not in _MOVES or time.monotonic() > patience:
                    raise
                time.sleep(0.1)

    def _asked(self, group: str, of: Collection[Place], timeout: float) -> dict[Place, int]:
        if group not in self._consumers:
            settings = consumer_settings(self._bootstrap, group, self._extra) | {"isolation.level": "read_uncommitted"}
            self._consumers[group] = Consumer(settings, logger=LOGGER)
        try:
            found = self._consumers[group].committed([TopicPartition(*place) for place in of], timeout=timeout)
            for one in found:
                if one.error is not None:
                    raise KafkaException(one.error)
        except KafkaException:
            self._consumers.pop(group).close()  # what it knows of the group's coordinator may be what is wrong
            raise
        return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}

    def forget(self, groups: Collection[str]) -> None:
        """Let go of the connections for all but *groups*."""
        for group in self._consumers.keys() - set(groups):
            self._consumers.pop(group).close()

    def close(self) -> None:
        """Let go of every connection."""
        self.forget(())


class Members:
    """
    How many members each group of a cluster has.

    That there are none is known at every look, from the list of groups, for which brokers are asked. How many there
    are is asked of each group's coordinator, now and then only: librdkafka's call can take the process down while that
    moves (confluentinc/librdkafka#4605).
    """

    def __init__(self, client: AdminClient) -> None:
        self._client = client
        self._known: dict[str, tuple[int, float]] = {}
        self._listed: set[str] = set()

    def look(self, timeout: float) -> dict[str, int | None]:
        """By group, None where nobody says; raises `KafkaException`."""
        now = time.monotonic()
        listed = self._client.list_consumer_groups(request_timeout=timeout).result()
        if listed.errors and not listed.valid:
            fault: Any = listed.errors[0]  # a KafkaError, whatever their stub says
            raise KafkaException(fault)
        filled = {one.group_id for one in listed.valid if one.state != ConsumerGroupState.EMPTY}
        self._known = {
            group: known for group, known in self._known.items() if group in filled and now - known[1] < RECOUNT_SECONDS
        }
        if unknown := sorted(filled - self._known.keys()):
            for group, future in self._client.describe_consumer_groups(unknown, request_timeout=timeout).items():
                try:
                    self._known[group] = (len(future.result().members), now)
                except KafkaException:
                    continue  # it was deleted meanwhile, or its coordinator moves: it is asked again at the next look
        counted: dict[str, int | None] = {group: known[0] for group, known in self._known.items()}
        found = {one.group_id: counted.get(one.group_id) if one.group_id in filled else 0 for one in listed.valid}
        away: set[str] = self._listed - found.keys() if listed.errors else set()  # of a broker that did not answer
        self._listed = {*found, *away}
        return {**dict.fromkeys(away), **found}


def seek_group(bootstrap: str, group: str, topic: str, partition: int, offset: int, extra: Extra | None = None) -> None:
    """Have *group* go on at *offset*; raises `TransportError` while it runs, and for an offset outside the log."""
    client, place = admin(bootstrap, extra), (topic, partition)
    try:
        first = offsets(client, [place], FIRST, ATTEMPT_SECONDS)[place]
        end = offsets(client, [place], END, ATTEMPT_SECONDS)[place]
        if not first <= offset <= end:
            raise TransportError(f"{topic}/{partition} holds offsets {first} to {end}; {offset} is none of them")
        _set(client, group, [TopicPartition(topic, partition, offset)])
    except KafkaException as error:
        raise trouble(error, f"setting an offset of {group} (is it stopped?)") from error
