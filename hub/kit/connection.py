"""Connection: the settings with which a partner's client reaches Kafka and the registry; no secret is in any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hub.agency import Agency

AUTHORITY, CERTIFICATE = "ca.pem", "secrets/client.pem"
PASSWORD, TOKEN = "secrets/kafka.properties", "secrets/registry.properties"
UNKNOWN_SERVERS, UNKNOWN_REGISTRY = "kafka.hub.example:9093", "https://registry.hub.example:8081"
"""What stands in a kit where nobody said; addresses in `.example` are nobody's (RFC 6761)."""


class Places(NamedTuple):
    """Where a partner finds the hub: Kafka's bootstrap servers as they are seen from outside, and the registry."""

    servers: str = UNKNOWN_SERVERS
    registry: str = UNKNOWN_REGISTRY


def prefix_of(agency: Agency) -> str:
    """How the names of an agency's consumer groups begin; the cluster lets it use no others."""
    return f"{agency.key}."


def settings(agency: Agency, places: Places, *, avro: bool) -> Iterator[tuple[str, bytes]]:
    """Each file of settings: for librdkafka, which kcat reads as well, and for Java; by password and by certificate."""
    reading = {
        "group.id": f"{prefix_of(agency)}reader",
        "isolation.level": "read_committed",
        "enable.auto.commit": "false",
        "auto.offset.reset": "earliest",
        "allow.auto.create.topics": "false",
    }
    common = {"bootstrap.servers": places.servers}
    scram = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}
    trust = {"ssl.ca.location": AUTHORITY, "ssl.endpoint.identification.algorithm": "https"}
    told = f"The password is in {PASSWORD}, a line of its own: sasl.password=…"
    shown = f"{CERTIFICATE} holds the private key, then the certificate and whatever signed it, in PEM."
    of_java = "Names of files are seen from the folder in which Java is started."
    java_trust = {"ssl.truststore.type": "PEM", "ssl.truststore.location": AUTHORITY}
    provided = {
        "config.providers": "file",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
    }
    login = (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{agency.key}" password="${{file:{PASSWORD}:sasl.password}}";'
    )
    values = _java_values(places) if avro else _PLAIN
    yield (
        "kafka-scram.properties",
        _written(
            common | scram | {"sasl.username": agency.key} | trust | reading, "librdkafka and kcat, by password.", told
        ),
    )
    certificate = {"ssl.certificate.location": CERTIFICATE, "ssl.key.location": CERTIFICATE}
    yield "kafka-mtls.properties", _written(
        common | {"security.protocol": "SSL"} | trust | certificate | reading,
        "librdkafka and kcat, by certificate.", shown,
    )  # fmt: skip
    yield "java-scram.properties", _written(
        common | scram | {"sasl.jaas.config": login} | provided | java_trust | reading | values,
        "Java's client, by password.", told, of_java,
    )  # fmt: skip
    keystore = {"ssl.keystore.type": "PEM", "ssl.keystore.location": CERTIFICATE}
    extra = provided if avro else {}
    yield "java-mtls.properties", _written(
        common | {"security.protocol": "SSL"} | java_trust | keystore | extra | reading | values,
        "Java's client, by certificate.", shown, of_java,
    )  # fmt: skip
    if avro:
        yield (
            "registry.properties",
            _written(
                {"url": places.registry, "ssl.ca.location": AUTHORITY},
                "Confluent's registry client for Python.",
                f"The token is in {TOKEN}, a line of its own: basic.auth.user.info={agency.key}:…",
            ),
        )


_PLAIN = {
    "key.deserializer": "org.apache.kafka.common.serialization.StringDeserializer",
    "value.deserializer": "org.apache.kafka.common.serialization.StringDeserializer",
}


def _java_values(places: Places) -> dict[str, str]:
    """Confluent's own deserialiser for Java, which reads its settings among the client's."""
    return {
        **_PLAIN,
        "value.deserializer": "io.confluent.kafka.serializers.KafkaAvroDeserializer",
        "schema.registry.url": places.registry,
        "schema.registry.ssl.truststore.type": "PEM",
        "schema.registry.ssl.truststore.location": AUTHORITY,
        "basic.auth.credentials.source": "USER_INFO",
        "basic.auth.user.info": f"${{file:{TOKEN}:basic.auth.user.info}}",
    }


def _written(said: Mapping[str, str], *sentences: str) -> bytes:
    lines = [*(f"# {sentence}" for sentence in sentences), *(f"{name}={value}" for name, value in said.items())]
    return ("\n".join(lines) + "\n").encode()
