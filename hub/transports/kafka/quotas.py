"""Quotas: asked for and set by aiokafka, since librdkafka has no words for them; what they are is elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int8, Int16, Int32, Schema, String

from hub.errors import TransportError
from hub.transports.kafka.clients import Extra
from hub.transports.kafka.security import security

_USER = "user"
_ANY = 2  # DescribeClientQuotas: whatever is set for an entity of that kind
_ENTITY = Array(("entity_type", String("utf-8")), ("entity_name", String("utf-8")))


class _Described(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 48
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", String("utf-8")),
        ("entries", Array(("entity", _ENTITY), ("values", Array(("key", String("utf-8")), ("value", Float64))))),
    )


class _Describe(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 48
    API_VERSION = 0
    RESPONSE_TYPE = _Described
    SCHEMA = Schema(
        ("components", Array(("entity_type", String("utf-8")), ("match_type", Int8), ("match", String("utf-8")))),
        ("strict", Boolean),
    )


class _Altered(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 49
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("entries", Array(("error_code", Int16), ("error_message", String("utf-8")), ("entity", _ENTITY))),
    )


class _Alter(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 49
    API_VERSION = 0
    RESPONSE_TYPE = _Altered
    SCHEMA = Schema(
        (
            "entries",
            Array(
                ("entity", _ENTITY),
                ("ops", Array(("key", String("utf-8")), ("value", Float64), ("remove", Boolean))),
            ),
        ),
        ("validate_only", Boolean),
    )


class _Asking(Request[_Describe]):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 48

    def build(self, request_struct_class: type[_Describe]) -> _Describe:
        return request_struct_class([], False)


class _Setting(Request[_Alter]):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 49

    def __init__(self, entries: list[Any]) -> None:
        self._entries = entries

    def build(self, request_struct_class: type[_Alter]) -> _Alter:
        return request_struct_class(self._entries, False)


def quotas(bootstrap: str, extra: Extra | None = None) -> dict[str, dict[str, float]]:
    """
    Every quota that is set, by whom it is set for: a user's name, or `client-id=…` and the like.

    To be called outside an event loop. Raises `TransportError` where Kafka does not say.
    """
    answer = asyncio.run(_sent(bootstrap, extra, _Asking()))
    if answer.error_code:
        raise TransportError(f"Kafka, asking for quotas: {for_code(answer.error_code).__name__}")
    return {_named(entity): dict(values) for entity, values in answer.entries or ()}


def set_quotas(bootstrap: str, wanted: Mapping[str, Mapping[str, float | None]], extra: Extra | None = None) -> None:
    """Set the quotas of each user, or take away those that are None; as `quotas` otherwise."""
    entries = [
        (_entity(name), [(key, value or 0.0, value is None) for key, value in values.items()])
        for name, values in wanted.items()
    ]
    if not entries:
        return
    answer = asyncio.run(_sent(bootstrap, extra, _Setting(entries)))
    for code, _words, entity in answer.entries:
        if code:
            raise TransportError(f"Kafka, setting the quotas of {_named(entity)}: {for_code(code).__name__}")


async def _sent(bootstrap: str, extra: Extra | None, request: Request[Any]) -> Any:
    client = AIOKafkaClient(bootstrap_servers=bootstrap, client_id="hub", **security(extra or {}))
    try:
        await client.bootstrap()
        return await client.send(client.get_random_node(), request)
    except KafkaError as error:
        raise TransportError(f"Kafka, asking about quotas: {type(error).__name__}; see HUB_KAFKA_*") from error
    finally:
        await client.close()


def _named(entity: list[tuple[str, str | None]]) -> str:
    """A user by name; what else quotas can be set for by its kinds and names, none standing for all others."""
    if len(entity) == 1 and entity[0][0] == _USER and entity[0][1]:
        return entity[0][1]
    return ",".join(f"{kind}={name or ''}" for kind, name in sorted(entity))


def _entity(name: str) -> list[tuple[str, str | None]]:
    if "=" not in name:
        return [(_USER, name)]
    return [(kind, of or None) for kind, _, of in (part.partition("=") for part in name.split(","))]
