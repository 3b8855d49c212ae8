"""Security: who we are to Kafka, from librdkafka's words for it into those of aiokafka; nothing is connected."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from hub.errors import CatalogError

_SECURITY = frozenset({
    "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password",
    "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
})  # fmt: skip


def security(kafka: Mapping[str, str]) -> dict[str, Any]:
    """
    The security settings in *kafka* as aiokafka names them, so that no client connects in the open by mistake.

    Tuning is librdkafka's own and left out; raises CatalogError for a security setting that cannot be followed.
    """
    unknown = sorted(
        name for name in kafka if name.startswith(("sasl.", "ssl.", "security.")) and name not in _SECURITY
    )
    if unknown:
        raise CatalogError([f"the watches cannot follow the Kafka setting {name}; leave it out" for name in unknown])
    protocol = kafka.get("security.protocol", "plaintext").upper()
    found: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=kafka.get("ssl.ca.location"))
        if "ssl.certificate.location" in kafka:
            context.load_cert_chain(
                kafka["ssl.certificate.location"], kafka.get("ssl.key.location"), kafka.get("ssl.key.password")
            )
        found["ssl_context"] = context
    if protocol.startswith("SASL"):
        for name in ("sasl.username", "sasl.password"):
            if name not in kafka:
                raise CatalogError([f"security.protocol is {protocol} and {name} is not set"])
        found |= {
            "sasl_mechanism": kafka.get("sasl.mechanism", kafka.get("sasl.mechanisms", "PLAIN")),
            "sasl_plain_username": kafka["sasl.username"],
            "sasl_plain_password": kafka["sasl.password"],
        }
    return found


def secured(kafka: Mapping[str, str]) -> bool:
    """Whether who we are is checked: then a process has no right to make topics, and `hub topics apply` does it."""
    return kafka.get("security.protocol", "plaintext").lower() != "plaintext"
