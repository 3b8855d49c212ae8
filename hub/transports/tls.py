"""TLS: the contexts with which the hub listens and calls, and a throw-away authority for one machine; no sockets."""

from __future__ import annotations

import fcntl
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from hub.transports.issuing import CLIENT, HERE, SERVER, Authority, write

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
    authority = Authority.new()
    for cert, key, names, purpose in (
        (paths.server_cert, paths.server_key, HERE, SERVER),
        (paths.client_cert, paths.client_key, (x509.DNSName("client.localhost"),), CLIENT),
    ):
        made = authority.issue(cert.stem, names, purpose)
        write(key, made.key, 0o600)
        write(cert, made.certificate, 0o644)
    write(paths.ca, authority.pair.certificate, 0o644)
