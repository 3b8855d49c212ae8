"""Attempts: what one principal tries on a cluster, request by request, past any client that would know better."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol import admin as wire
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import JoinGroupRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.protocol.types import Array, Schema
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from hub.errors import TransportError
from hub.transports.kafka.quotas import set_quotas
from hub.transports.kafka.scram import remove_user, set_password, users
from hub.transports.kafka.security import security

DENIED = {29, 30, 31, 53}
"""TOPIC, GROUP, CLUSTER and TRANSACTIONAL_ID_AUTHORIZATION_FAILED."""
SOUND = {0, 3, 16, 36, 37, 41, 42, 44, 69, 79, 84, 99}
"""
What may be answered once somebody may: done, or that there is nothing to do (the topic exists already, the group is
empty or unknown, has first to be given a member id, is compacted and so not to be emptied …).
"""
TOPIC, GROUP, TRANSACTION, CLUSTER = "topic", "group", "transactional id", "cluster"
VICTIM = "somebody-else"


class Cell(NamedTuple):
    """One thing that was tried."""

    kind: str
    name: str
    verb: str


@dataclass(frozen=True)
class Ground:
    """What is there to try it on, as an administrator sees it."""

    bootstrap: str
    leaders: Mapping[str, int]
    groups: Mapping[str, int]
    ids: Mapping[str, int]

    def by_leader(self) -> Iterator[tuple[int, list[str]]]:
        """The topics of each broker."""
        for node in sorted(set(self.leaders.values())):
            yield node, sorted(name for name, leader in self.leaders.items() if leader == node)


async def survey(bootstrap: str, extra: Mapping[str, str], groups: Iterable[str], ids: Iterable[str]) -> Ground:
    """Who leads each topic, and who coordinates each group and transactional id."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap, **security(extra))
    await client.bootstrap()
    try:
        node = client.get_random_node()
        seen = (await client.send(node, MetadataRequest(None, False))).to_object()
        leaders = {
            one["topic"]: next(part["leader"] for part in one["partitions"] if part["partition"] == 0)
            for one in seen["topics"]
            if not one["topic"].startswith("__")
        }
        found: list[dict[str, int]] = []
        for kind, names in enumerate((groups, ids)):
            found.append({})
            for name in names:
                for _ in range(100):
                    answer = await client.send(node, FindCoordinatorRequest(name, kind))
                    if answer.error_code == 0:
                        break
                    await asyncio.sleep(0.1)  # the topic of all coordinators is being made
                found[kind][name] = answer.coordinator_id
        topic = next(iter(leaders))
        for group, coordinator in found[0].items():  # so that each is there to be listed
            await client.send(coordinator, OffsetCommitRequest(group, -1, "", -1, [(topic, [(0, 0, "")])]))
        return Ground(bootstrap, leaders, *found)
    finally:
        await client.close()


async def attempt(ground: Ground, extra: Mapping[str, str], name: str, *, delete: bool = True) -> dict[Cell, int]:
    """Everything, as the principal *name*, by what *extra* shows; the broker's code for each. Deletion comes last."""
    client = AIOKafkaClient(bootstrap_servers=ground.bootstrap, request_timeout_ms=40_000, **security(extra))
    await client.bootstrap()
    try:
        told = _Told(client, ground)
        await told.topics()
        await told.groups()
        await told.transactions()
        await told.cluster(name)
        await asyncio.to_thread(told.administer, extra, name)
        if delete:
            await told.deletion()
        return told.codes
    finally:
        await client.close()


class _Told:
    def __init__(self, client: Any, ground: Ground) -> None:
        self._client, self._ground = client, ground
        self.codes: dict[Cell, int] = {}

    async def _ask(self, node: int, request: Any) -> Any:
        answer = await self._client.send(node, request)
        return _plain(answer.SCHEMA, [answer.get_item(name) for name in answer.SCHEMA.names])

    def _any(self) -> int:
        return int(self._client.get_random_node())

    def _keep(self, kind: str, name: str, verb: str, code: int) -> None:
        self.codes[Cell(kind, name, verb)] = code

    async def topics(self) -> None:
        names = sorted(self._ground.leaders)
        seen = await self._ask(self._any(), MetadataRequest(names, False))
        for one in seen["topics"]:
            self._keep(TOPIC, one["topic"], "describe", one["error_code"])
        for node, led in self._ground.by_leader():
            reading = FetchRequest(1, 0, 1 << 20, 1, [(name, [(0, 0, 1024)]) for name in led])
            self._parts("read", (await self._ask(node, reading))["topics"])
            writing = ProduceRequest(None, -1, 10_000, [(name, [(0, _batch())]) for name in led])
            self._parts("write", (await self._ask(node, writing))["topics"])
            asking = OffsetRequest(-1, 0, [(name, [(0, -1)]) for name in led])
            self._parts("offsets", (await self._ask(node, asking))["topics"])
            emptying = wire.DeleteRecordsRequest([(name, [(0, 0)]) for name in led], 10_000)
            self._parts("empty", (await self._ask(node, emptying))["topics"])
        described = await self._ask(self._any(), wire.DescribeConfigsRequest([(2, name, None) for name in names]))
        for one in described["resources"]:
            self._keep(TOPIC, one["resource_name"], "configs", one["error_code"])
        altered = await self._ask(self._any(), wire.AlterConfigsRequest([(2, name, []) for name in names], True))
        for one in altered["resources"]:
            self._keep(TOPIC, one["resource_name"], "configure", one["error_code"])
        parted = await self._ask(
            self._any(), wire.CreatePartitionsRequest([(name, (50, None)) for name in names], 10_000, True)
        )
        for one in parted["topic_errors"]:
            self._keep(TOPIC, one["topic"], "part", one["error_code"])

    def _parts(self, verb: str, told: Sequence[Mapping[str, Any]]) -> None:
        for one in told:
            name = one.get("topic") or one.get("topics") or one.get("name")
            (part,) = one["partitions"]
            self._keep(TOPIC, str(name), verb, part["error_code"])

    async def deletion(self) -> None:
        """Whole topics, and groups."""
        for group, node in self._ground.groups.items():
            deleted = await self._ask(node, wire.DeleteGroupsRequest([group]))
            self._keep(GROUP, group, "delete", *_codes(deleted))
        gone = await self._ask(self._any(), wire.DeleteTopicsRequest(sorted(self._ground.leaders), 20_000))
        for one in gone["topic_error_codes"]:
            self._keep(TOPIC, one["topic"], "delete", one["error_code"])

    async def groups(self) -> None:
        topic = next(iter(self._ground.leaders))
        for group, node in self._ground.groups.items():
            found = await self._ask(self._any(), FindCoordinatorRequest(group, 0))
            self._keep(GROUP, group, "find", found["error_code"])
            fetched = await self._ask(node, OffsetFetchRequest(group, None))
            self._keep(GROUP, group, "places", fetched["error_code"])
            (described,) = _codes(await self._ask(node, wire.DescribeGroupsRequest([group])))
            self._keep(GROUP, group, "describe", described)
            joined = await self._ask(
                node, JoinGroupRequest(group, 10_000, 10_000, "", None, "consumer", [("range", b"")])
            )
            self._keep(GROUP, group, "join", joined["error_code"])
            asked = OffsetCommitRequest(group, -1, "", -1, [(topic, [(0, 0, "")])])
            (committed,) = _codes(await self._ask(node, asked))
            self._keep(GROUP, group, "commit", 0 if committed == 29 else committed)  # 29 is said of the topic

    async def transactions(self) -> None:
        for name, node in self._ground.ids.items():
            found = await self._ask(self._any(), FindCoordinatorRequest(name, 1))
            self._keep(TRANSACTION, name, "find", found["error_code"])
            while (begun := await self._ask(node, InitProducerIdRequest(name, 10_000)))["error_code"] in (14, 51):
                await asyncio.sleep(0.1)  # the coordinator reads its log first
            self._keep(TRANSACTION, name, "begin", begun["error_code"])

    async def cluster(self, own: str) -> None:
        """What an administrator does, by requests that aiokafka knows."""
        for verb, request in (
            ("create a topic", wire.CreateTopicsRequest([("brand-new.v1", 1, 1, [], [])], 10_000, True)),
            ("write idempotently", InitProducerIdRequest(None, 10_000)),
            ("see who may what", wire.DescribeAclsRequest(1, None, 1, None, None, 1, 1)),
            ("see quotas", wire.DescribeClientQuotasRequest([], False)),
            ("reassign", wire.AlterPartitionReassignmentsRequest(5_000, [], {})),
            ("see reassignments", wire.ListPartitionReassignmentsRequest(5_000, [], {})),
            ("let itself read all", wire.CreateAclsRequest(2, "*", 3, f"User:{own}", "*", 3, 3)),
            ("take a right away", wire.DeleteAclsRequest(2, "*", 3, f"User:{own}", "*", 3, 3)),
        ):
            while (codes := set(_codes(await self._ask(self._any(), request)))) == {14}:
                await asyncio.sleep(0.1)  # a broker is about to get its next block of producer ids
            self._keep(CLUSTER, "", verb, next(iter(codes & DENIED), next(iter(codes), 0)))
        for node in set(self._ground.groups.values()):  # each lists those that it coordinates
            listed = await self._ask(node, wire.ListGroupsRequest())
            for group in self._ground.groups.keys() & {one["group"] for one in listed["groups"]}:
                self._keep(GROUP, group, "list", 0)

    def administer(self, extra: Mapping[str, str], own: str) -> None:
        """The rest of it, by librdkafka and by the hub's own requests."""
        client = AdminClient({**extra, "bootstrap.servers": self._ground.bootstrap, "log_level": 0})
        bootstrap = self._ground.bootstrap
        entry = ConfigEntry("log.cleaner.threads", "1", incremental_operation=AlterConfigOpType.SET)
        node = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[entry])
        for verb, call in (
            ("see a broker's settings", lambda: _all(client.describe_configs([ConfigResource("broker", "1")]))),
            ("set a broker's settings", lambda: _all(client.incremental_alter_configs([node], validate_only=True))),
            ("elect leaders", lambda: client.elect_leaders(ElectionType.PREFERRED).result()),
        ):
            self._keep(CLUSTER, "", verb, _code(call))
        for verb, call in (
            ("see users", lambda: users(bootstrap, extra)),
            ("set quotas", lambda: set_quotas(bootstrap, {VICTIM: {"request_percentage": 1.0}}, extra)),
            ("remove quotas", lambda: set_quotas(bootstrap, {VICTIM: {"request_percentage": None}}, extra)),
            ("set a password", lambda: set_password(bootstrap, VICTIM, "known to who set it", extra)),
            ("remove a user", lambda: remove_user(bootstrap, VICTIM, "SCRAM-SHA-512", extra)),
        ):
            self._keep(CLUSTER, "", verb, _refusal(call))


def _plain(schema: Schema, values: Sequence[Any]) -> dict[str, Any]:
    """An answer as plain values; aiokafka's own way does not know that a list may be absent."""
    found = {}
    for name, kind, value in zip(schema.names, schema.fields, values, strict=True):
        inner = kind.array_of if isinstance(kind, Array) else None
        nested = isinstance(inner, Schema)
        found[name] = [_plain(inner, one) for one in value or ()] if nested else value
    return found


def _all(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(timeout=30)


def _code(call: Callable[[], object]) -> int:
    try:
        call()
    except KafkaException as error:
        return int(error.args[0].code())
    return 0


def _refusal(call: Callable[[], object]) -> int:
    """The code of a request of the hub's own, which tells it by its name."""
    try:
        call()
    except TransportError as error:
        return 31 if re.search("CLUSTER_AUTHORIZATION_FAILED|ClusterAuthorizationFailed", str(error)) else -1
    return 0


def _codes(told: Any) -> list[int]:
    """Every error code in an answer."""
    if isinstance(told, Mapping):
        own = [told["error_code"]] if "error_code" in told else []
        return own + [code for value in told.values() for code in _codes(value)]
    if isinstance(told, list | tuple):
        return [code for value in told for code in _codes(value)]
    return []


def _batch() -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1024,
    )  # fmt: skip
    builder.append(0, 0, b"key", b"value", [])
    return bytes(builder.build())
