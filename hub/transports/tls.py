"""TLS: the contexts with which the hub listens and calls, and a throw-away authority for one machine; no sockets."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LASTS = timedelta(days=397)  # what clients accept of a server's certificate at the longest (CA/Browser Forum)
RENEWED = timedelta(days=30)


class LocalCa(NamedTuple):
    """Where the files are; the authority's own key was never written."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path


def server_context(cert: Path, key: Path, client_ca: Path | None = None, shown: str = "") -> ssl.SSLContext:
    """
    To listen with: TLS 1.2 or newer; with *client_ca*, only for callers who show a certificate of that authority.

    Where *client_ca* is a caller's own certificate, only who holds its key may call. *shown* (PEM) are certificates
    that callers may show, and need not: whose it is says the connection, and whether one was needed who answers it.

    Raises OSError (which ssl.SSLError is) where a file is absent or is not what it should be.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_REQUIRED
    elif shown:
        context.load_verify_locations(cadata=shown)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """
    To call with: TLS 1.2 or newer, the other side's name and certificate checked, by *ca* or by the system's own.

    *cert* and *key* are shown to a server that asks. Raises OSError as `server_context`.
    """
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


def make_local_ca(folder: Path) -> LocalCa:
    """
    An authority, a server's certificate for localhost, 127.0.0.1 and ::1, and a client's, for one machine's use.

    What is there and good for another month stays; otherwise all of it is made anew, since the authority's key is
    thrown away. Key files can be read by their owner only. Safe to call from several processes at once.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths = LocalCa(*(folder / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")))
    with _alone(folder):
        if not _good(paths):
            _make(paths)
    return paths


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _good(paths: LocalCa) -> bool:
    limit = datetime.now(UTC) + RENEWED
    try:
        ca, *leaves = (
            x509.load_pem_x509_certificate(path.read_bytes())
            for path in (paths.ca, paths.server_cert, paths.client_cert)
        )
        for leaf in leaves:
            leaf.verify_directly_issued_by(ca)
        # Loading the pairs also proves that each key is there, and belongs to its certificate.
        server_context(paths.server_cert, paths.server_key)
        server_context(paths.client_cert, paths.client_key)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    return all(one.not_valid_after_utc > limit for one in (ca, *leaves))


def _make(paths: LocalCa) -> None:
    authority = ec.generate_private_key(ec.SECP256R1())
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
        _certificate(name, name, authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(authority, SHA256())
    )
    hosts = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
    )
    clients = x509.SubjectAlternativeName([x509.DNSName("client.localhost")])
    for cert, key, names, purpose in (
        (paths.server_cert, paths.server_key, hosts, ExtendedKeyUsageOID.SERVER_AUTH),
        (paths.client_cert, paths.client_key, clients, ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        own = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cert.stem)])
        leaf = (
            _certificate(subject, name, own)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
            .sign(authority, SHA256())
        )
        _write(key, own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        _write(cert, leaf.public_bytes(Encoding.PEM), 0o644)
    _write(paths.ca, root.public_bytes(Encoding.PEM), 0o644)


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
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


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable to others meanwhile."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    part.replace(path)
