"""An authority for tests, which signs what no sound one would: certificates that are over, or somebody else's."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates; *ca* is the file by which they are trusted."""

    def __init__(self, folder: Path, name: str = "Authority of the tests") -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = folder / "ca.pem"
        basic = x509.BasicConstraints(ca=True, path_length=None)
        made = self._builder(self._name, self._key, timedelta(days=10)).add_extension(basic, critical=True)
        self.ca.write_bytes(made.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def context(self, name: str = "127.0.0.1", lasts: timedelta = timedelta(days=5)) -> ssl.SSLContext:
        """To listen with, as *name*; a time to last that is below zero is over."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        try:
            listed: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            listed = x509.DNSName(name)
        names = x509.SubjectAlternativeName([listed])
        made = self._builder(subject, key, lasts).add_extension(names, critical=False).sign(self._key, SHA256())
        path = self._folder / f"{name}.{lasts.days}.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + lasts)
        )
