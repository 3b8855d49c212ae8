"""Issuing: certificates of a throw-away authority, for one machine's use; who is shown them is elsewhere."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

LASTS = timedelta(days=397)  # what clients accept of a server's certificate at the longest (CA/Browser Forum)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
HERE = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)
"""The names of this machine to itself."""


class Pair(NamedTuple):
    """A certificate and its key, as PEM; the key as PKCS #8, not encrypted."""

    certificate: bytes
    key: bytes


class Authority:
    """An authority with which one machine's own programs know each other."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate, self._key = certificate, key

    @classmethod
    def new(cls) -> Authority:
        """One that nobody knows yet."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sharing hub, this machine only")])
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        root = (
            _builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, SHA256())
        )
        return cls(root, key)

    @classmethod
    def of(cls, certificate: bytes, key: bytes) -> Authority:
        """The one whose certificate and key, as PEM, these are; raises ValueError where they are not."""
        held = load_pem_private_key(key, None)
        if not isinstance(held, ec.EllipticCurvePrivateKey):
            raise ValueError("not the key of an authority that the hub made")
        return cls(x509.load_pem_x509_certificate(certificate), held)

    @property
    def pair(self) -> Pair:
        """Its own certificate, by which others check, and its key, with which it issues."""
        return Pair(self._certificate.public_bytes(Encoding.PEM), _pem(self._key))

    def issue(self, name: str, names: Sequence[x509.GeneralName], *purposes: ObjectIdentifier) -> Pair:
        """A certificate whose subject is `CN=`*name*, good for *names* and *purposes* (SERVER, CLIENT)."""
        own = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = self._key.public_key()
        leaf = (
            _builder(subject, self._certificate.subject, own)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
            .sign(self._key, SHA256())
        )
        return Pair(leaf.public_bytes(Encoding.PEM), _pem(own))


def write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable to others meanwhile."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    part.replace(path)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks differ a little
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
