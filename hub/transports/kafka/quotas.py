"""Quotas: asked for and set by aiokafka, since librdkafka has no words for them; what they are is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka.protocol.admin import DescribeClientQuotasRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int16, Int32, Schema, String

from hub.transports.kafka.clients import Extra
from hub.transports.kafka.raw import refused, sent

_USER = "user"
_ENTITY = Array(("entity_type", String("utf-8")), ("entity_name", String("utf-8")))


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
    answer = sent(bootstrap, DescribeClientQuotasRequest([], False), extra)
    if answer.error_code:
        raise refused(answer.error_code, "asking for quotas")
    return {_named(entity): dict(values) for entity, values in answer.entries or ()}


def set_quotas(bootstrap: str, wanted: Mapping[str, Mapping[str, float | None]], extra: Extra | None = None) -> None:
    """Set the quotas of each user, or take away those that are None; as `quotas` otherwise."""
    entries = [
        (_entity(name), [(key, value or 0.0, value is None) for key, value in values.items()])
        for name, values in wanted.items()
    ]
    if not entries:
        return
    answer = sent(bootstrap, _Setting(entries), extra)
    for code, _words, entity in answer.entries:
        if code:
            raise refused(code, f"setting the quotas of {_named(entity)}")


def _named(entity: list[tuple[str, str | None]]) -> str:
    """A user by name; what else quotas can be set for by its kinds and names, none standing for all others."""
    if len(entity) == 1 and entity[0][0] == _USER and entity[0][1]:
        return entity[0][1]
    return ",".join(f"{kind}={name or ''}" for kind, name in sorted(entity))


def _entity(name: str) -> list[tuple[str, str | None]]:
    if "=" not in name:
        return [(_USER, name)]
    return [(kind, of or None) for kind, _, of in (part.partition("=") for part in name.split(","))]
