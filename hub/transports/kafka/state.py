"""State: what a cluster holds that `hub topics` looks after: topics, who may do what, passwords by name, quotas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # their stub forgets to export what it documents
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ConfigSource,
    ResourcePatternType,
    ResourceType,
)

from hub.drift import State, TopicState
from hub.principals import Acl, Resource
from hub.transports.kafka.clients import Extra, admin, trouble
from hub.transports.kafka.quotas import quotas
from hub.transports.kafka.scram import users

KINDS: Mapping[Resource, ResourceType] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,  # librdkafka's name for the same number
}
_RESOURCES: Mapping[ResourceType, Resource] = {kind: resource for resource, kind in KINDS.items()}
_OF_ITS_OWN = ConfigSource.DYNAMIC_TOPIC_CONFIG.value


def look(bootstrap: str, extra: Extra | None = None, *, access: bool = True, timeout: float = 30.0) -> State:
    """
    What the cluster holds; without *access* its topics only.

    Kafka's own topics are left out. Raises `TransportError` where Kafka does not answer in *timeout* seconds, or the
    caller may not ask.
    """
    client = admin(bootstrap, extra)
    try:
        found = _topics(client, timeout)
        if not access:
            return State(topics=found)
        acls = _acls(client, timeout)
    except KafkaException as error:
        raise trouble(error, "looking at the cluster") from error
    return State(
        topics=found, acls=acls, quotas=quotas(bootstrap, extra), users=users(bootstrap, extra), open=acls is None
    )


def _topics(client: AdminClient, timeout: float) -> dict[str, TopicState]:
    present = {name: one for name, one in client.list_topics(timeout=timeout).topics.items() if name[:2] != "__"}
    if not present:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in present]
    configs = {
        resource.name: {key: str(entry.value) for key, entry in future.result().items() if entry.source == _OF_ITS_OWN}
        for resource, future in client.describe_configs(resources, request_timeout=timeout).items()
    }
    return {
        name: TopicState(
            len(one.partitions), max((len(part.replicas) for part in one.partitions.values()), default=0), configs[name]
        )
        for name, one in present.items()
    }


def _acls(client: AdminClient, timeout: float) -> dict[str, frozenset[Acl]] | None:
    """By principal; None where the cluster has no authorizer, and so asks nobody."""
    anything: Any = None  # their stub knows no absent name
    every = AclBindingFilter(
        ResourceType.ANY, anything, ResourcePatternType.ANY, anything, anything, AclOperation.ANY, AclPermissionType.ANY
    )
    try:
        bindings = client.describe_acls(every, request_timeout=timeout).result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.SECURITY_DISABLED:
            return None
        raise
    found: dict[str, set[Acl]] = {}
    for one in bindings:
        found.setdefault(one.principal.removeprefix("User:"), set()).add(Acl(
            _RESOURCES[one.restype], one.name, one.operation.name,
            one.resource_pattern_type == ResourcePatternType.PREFIXED,
            one.permission_type == AclPermissionType.ALLOW, one.host,
        ))  # fmt: skip
    return {name: frozenset(acls) for name, acls in found.items()}


def binding(principal: str, acl: Acl) -> AclBinding:
    """The same in confluent-kafka's shape."""
    return AclBinding(
        KINDS[acl.resource],
        acl.name,
        ResourcePatternType.PREFIXED if acl.prefixed else ResourcePatternType.LITERAL,
        f"User:{principal}",
        acl.host,
        AclOperation[acl.operation],
        AclPermissionType.ALLOW if acl.allow else AclPermissionType.DENY,
    )


def binding_filter(principal: str, acl: Acl) -> AclBindingFilter:
    """What finds that one and no other."""
    same = binding(principal, acl)
    return AclBindingFilter(
        same.restype, same.name, same.resource_pattern_type, same.principal, same.host, same.operation,
        same.permission_type,
    )  # fmt: skip
