"""Altering: differences between a cluster and what is wanted, done away with one kind after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # their stub forgets to export what it documents
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from hub.drift import Difference, State
from hub.principals import Acl
from hub.transports.kafka.clients import Extra, admin, trouble
from hub.transports.kafka.quotas import set_quotas
from hub.transports.kafka.scram import remove_user, set_password
from hub.transports.kafka.state import binding, binding_filter
from hub.transports.kafka.topics import TopicWanted, ensure_topics

SECONDS = 30.0
PasswordOf = Callable[[str], str]
Told = Callable[[Difference], None]


def alter(
    bootstrap: str, want: State, found: Sequence[Difference], password_of: PasswordOf, told: Told,
    extra: Extra | None = None,
) -> None:  # fmt: skip
    """
    Do away with each of *found* about which something can be done, and say so of each once it is done.

    What is missing is made before what nobody derives is taken away, and topics go last, so that whoever stops half
    way has cut off nobody that is to be served; the same again does the rest. *password_of* gives a user's password.
    Raises `TransportError` where the cluster refuses.
    """
    client = admin(bootstrap, extra)
    done = [one for one in found if one.change != "none"]
    try:
        _made(bootstrap, want, _of(done, "topic", "make"), told, extra)
        _configured(client, _of(done, "config", "set", "remove"), told)
        _parted(client, _of(done, "partitions", "set"), told)
        for one in _of(done, "user", "make"):
            set_password(bootstrap, one.about, password_of(one.about), extra)
            told(one)
        _ruled(client.create_acls, binding, _of(done, "acl", "make"), told)
        _bounded(bootstrap, want, _of(done, "quota", "set", "remove"), told, extra)
        _ruled(client.delete_acls, binding_filter, _of(done, "acl", "remove"), told)
        for one in _of(done, "user", "remove"):
            remove_user(bootstrap, one.about, one.what, extra)
            told(one)
        _deleted(client, _of(done, "topic", "remove"), told)
    except KafkaException as error:
        raise trouble(error, "changing the cluster") from error


def _of(found: Iterable[Difference], subject: str, *changes: str) -> list[Difference]:
    return [one for one in found if one.subject == subject and one.change in changes]


def _each(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result()


def _made(bootstrap: str, want: State, missing: list[Difference], told: Told, extra: Extra | None) -> None:
    wanted = [TopicWanted(one.about, *want.topics[one.about]) for one in missing]
    ensure_topics(bootstrap, wanted, extra, timeout=2 * SECONDS)
    for one in missing:
        told(one)


def _configured(client: AdminClient, differing: list[Difference], told: Told) -> None:
    by_topic: dict[str, list[Difference]] = {}
    for one in differing:
        by_topic.setdefault(one.about, []).append(one)
    changes = []
    for name, some in by_topic.items():
        entries: Any = [
            ConfigEntry(
                one.what,
                one.want if one.change == "set" else None,
                incremental_operation=AlterConfigOpType.SET if one.change == "set" else AlterConfigOpType.DELETE,
            )
            for one in some
        ]
        changes.append(ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries))
    if changes:
        _each(client.incremental_alter_configs(changes, request_timeout=SECONDS))
    for one in differing:
        told(one)


def _parted(client: AdminClient, differing: list[Difference], told: Told) -> None:
    for one in differing:
        _each(client.create_partitions([NewPartitions(one.about, int(one.want))], request_timeout=SECONDS))
        told(one)


def _ruled(
    ask: Callable[..., Mapping[Any, Any]], written: Callable[[str, Acl], Any], differing: list[Difference], told: Told
) -> None:
    """What nobody may yet, or nobody shall any more, by what is *asked* for it and how that wants it *written*."""
    if differing:
        _each(ask([written(one.about, one.acl) for one in differing if one.acl is not None], request_timeout=SECONDS))
    for one in differing:
        told(one)


def _bounded(bootstrap: str, want: State, differing: list[Difference], told: Told, extra: Extra | None) -> None:
    wanted: dict[str, dict[str, float | None]] = {}
    for one in differing:
        wanted.setdefault(one.about, {})[one.what] = (want.quotas or {}).get(one.about, {}).get(one.what)
    set_quotas(bootstrap, wanted, extra)
    for one in differing:
        told(one)


def _deleted(client: AdminClient, extra: list[Difference], told: Told) -> None:
    if extra:
        _each(client.delete_topics([one.about for one in extra], operation_timeout=SECONDS))
    for one in extra:
        told(one)
