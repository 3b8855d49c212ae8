"""SCRAM: who has a password on the cluster, and passwords set and taken away; none is ever asked back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int8, Int16, Int32, Schema, TaggedFields
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # their stub forgets to export what it documents
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from hub.drift import User
from hub.transports.kafka.clients import Extra, admin, trouble
from hub.transports.kafka.raw import refused, sent

ITERATIONS = 8192  # twice what Kafka asks for at the least, and RFC 7677 (section 4) recommends
SECONDS = 30.0
_MECHANISMS: Mapping[int, str] = {1: "SCRAM-SHA-256", 2: "SCRAM-SHA-512"}
_TEXT = CompactString("utf-8")


class _Described(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 50
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", _TEXT),
        (
            "results",
            CompactArray(
                ("user", _TEXT),
                ("error_code", Int16),
                ("error_message", _TEXT),
                ("infos", CompactArray(("mechanism", Int8), ("iterations", Int32), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Describe(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    FLEXIBLE_VERSION = True
    API_KEY = 50
    API_VERSION = 0
    RESPONSE_TYPE = _Described
    SCHEMA = Schema(("users", CompactArray(("name", _TEXT), ("tags", TaggedFields))), ("tags", TaggedFields))


class _Asking(Request[_Describe]):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 50

    def build(self, request_struct_class: type[_Describe]) -> _Describe:
        return request_struct_class([], {})  # all; no list at all also says so, but then Kafka 4.4 cannot refuse


def users(bootstrap: str, extra: Extra | None = None) -> frozenset[User]:
    """
    Everybody with a SCRAM password (KIP-554); to be called outside an event loop.

    Raises `TransportError` where the cluster does not say. Not by librdkafka 2.16: where it may not ask, it takes the
    whole process down with it (munmap_chunk: invalid pointer).
    """
    answer = sent(bootstrap, _Asking(), extra)
    if answer.error_code:
        raise refused(answer.error_code, "asking who has a password")
    return frozenset(
        User(name, _MECHANISMS.get(mechanism, str(mechanism)))
        for name, _code, _words, infos, _tags in answer.results
        for mechanism, _iterations, _none in infos
    )


def set_password(bootstrap: str, name: str, password: str, extra: Extra | None = None) -> None:
    """Give *name* that password for SCRAM-SHA-512, in place of any before; raises `TransportError`."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    _alter(bootstrap, UserScramCredentialUpsertion(name, info, password.encode()), extra)


def remove_user(bootstrap: str, name: str, mechanism: str, extra: Extra | None = None) -> None:
    """Take the password of *name* away; raises `TransportError`."""
    _alter(bootstrap, UserScramCredentialDeletion(name, ScramMechanism[mechanism.replace("-", "_")]), extra)


def _alter(bootstrap: str, what: Any, extra: Extra | None) -> None:
    client = admin(bootstrap, extra)  # held until it has answered
    try:
        for future in client.alter_user_scram_credentials([what], request_timeout=SECONDS).values():
            future.result()
    except KafkaException as error:
        raise trouble(error, f"setting or removing the password of {what.user}") from error
