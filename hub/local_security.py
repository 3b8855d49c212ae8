"""Local security: what a Kafka on this machine is told so that it asks everybody who they are; it starts nothing."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

from hub.principals import ADMIN, BROKER
from hub.transports.issuing import CLIENT, HERE, SERVER, Authority, write

OPEN = """\
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
"""
"""Anybody on this machine may do anything."""

SECURED = f"""\
controller.listener.names=CONTROLLER
listeners=SASL_SSL://127.0.0.1:{{broker}},SSL://127.0.0.1:{{mutual}},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=SASL_SSL://127.0.0.1:{{broker}},SSL://127.0.0.1:{{mutual}}
listener.security.protocol.map=SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL
inter.broker.listener.name=SSL
ssl.keystore.type=PEM
ssl.keystore.location=../security/broker.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=../security/ca.pem
ssl.enabled.protocols=TLSv1.3,TLSv1.2
ssl.principal.mapping.rules=RULE:^CN=([A-Za-z0-9_.-]+)$/$1/
listener.name.sasl_ssl.ssl.client.auth=none
listener.name.ssl.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:{BROKER};User:{ADMIN}
"""
"""
Passwords (SCRAM-SHA-512) on one listener and certificates on another, where the certificate's CN is the principal.

Brokers and controllers speak by certificates, also to each other; whoever is not named by an ACL is denied.
"""

FIRST_RIGHTS = "format.arguments"
"""The file from which Kafka's storage tool reads the first administrator's password: never from a command line."""


class LocalSecurity:
    """
    The authority, the brokers' certificate and the first administrator's password of one local Kafka, in *folder*.

    All are made once and are good for this machine only; keys and passwords can be read by their owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.credentials = folder / "credentials"

    def lay_out(self) -> None:
        """Make what is missing."""
        self.credentials.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.folder / "broker.keystore.pem").exists():
            authority = Authority.new()
            broker = authority.issue(BROKER, HERE, SERVER, CLIENT)
            write(self.folder / "ca.key", authority.pair.key, 0o600)
            write(self.ca, authority.pair.certificate, 0o644)
            write(self.folder / "broker.keystore.pem", broker.key + broker.certificate, 0o600)
        if not (path := self.credentials / f"{ADMIN}.password").exists():
            write(path, secrets.token_hex(24).encode(), 0o600)

    def format_arguments(self, home: Path) -> str:
        """What is added to Kafka's `format` in *home*, so that the cluster begins with an administrator."""
        password = (self.credentials / f"{ADMIN}.password").read_text(encoding="ascii")
        said = f"--add-scram\nSCRAM-SHA-512=[name={ADMIN},password={password}]\n"
        write(home / FIRST_RIGHTS, said.encode(), 0o600)
        return f"@{FIRST_RIGHTS}"

    def issue(self, name: str) -> None:
        """A certificate for the principal *name*, and its key, among the credentials: *name*`.pem`, *name*`.key`."""
        authority = Authority.of(self.ca.read_bytes(), (self.folder / "ca.key").read_bytes())
        made = authority.issue(name, (x509.DNSName("client.localhost"),), CLIENT)
        write(self.credentials / f"{name}.key", made.key, 0o600)
        write(self.credentials / f"{name}.pem", made.certificate, 0o644)

    def administrator(self) -> Mapping[str, str]:
        """The first administrator's settings, as librdkafka names them."""
        password = (self.credentials / f"{ADMIN}.password").read_text(encoding="ascii")
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": ADMIN,
            "sasl.password": password,
            "ssl.ca.location": str(self.ca),
        }

    def write_environment(self, bootstrap: str) -> Path:
        """The same as a file for a shell, whose path is returned; no secret is in it."""
        path = self.folder / "hub.env"
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in self.environment(bootstrap).items())
        write(path, "".join(lines).encode(), 0o644)
        return path

    def environment(self, bootstrap: str) -> Mapping[str, str]:
        """What every process of the hub is told; who each is, and its password, it knows by its own name."""
        return {
            "HUB_BOOTSTRAP_SERVERS": bootstrap,
            "HUB_CREDENTIALS": str(self.credentials),
            "HUB_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "HUB_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "HUB_KAFKA_SSL_CA_LOCATION": str(self.ca),
        }
