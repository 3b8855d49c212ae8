"""Mailboxes: how one of ours is opened, and what a fault of the exchange is called; what is in it is not read here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3
from mesh_client import MeshClient

from hub.errors import TransportError

CONNECT_SECONDS, READ_SECONDS = 10.0, 25.0


class ForOne(TransportError):
    """What MESH answered may be about the one thing that was asked of it, and not about all."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """
    One of our mailboxes, where it is and what opens it: the paths are of files, read anew at each opening.

    *ca* is the authority by which the exchange is known; without it that is the NHS's for its own addresses, and the
    usual ones for all others. Raises ValueError where *url* is not `https://…`.
    """

    url: str
    name: str
    password: Path
    shared_key: Path
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname or parts.username:
            raise ValueError("the address of MESH starts with https:// and names its host, without a password")


class Client(MeshClient):
    """NHS England's client, which asks no other authority than ours, goes where it was sent, and can look again."""

    def __init__(self, mailbox: Mailbox, password: str, shared_key: str) -> None:
        shown = tuple(str(one) for one in (mailbox.certificate, mailbox.key) if one is not None)
        limits: Any = (CONNECT_SECONDS, READ_SECONDS)  # as requests takes them
        try:
            super().__init__(
                mailbox.url,
                mailbox.name,
                password,
                shared_key=shared_key.encode(),
                cert=shown or None,  # type: ignore[arg-type]  # one path or two
                verify=None if mailbox.ca is None else str(mailbox.ca),
                max_retries=0,  # the courier and the source try again themselves, and know when
                timeout=limits,
                application_name="sharing-hub",
            )
        except OSError:
            self.close()  # type: ignore[no-untyped-call]  # as below
            raise
        self._session.max_redirects = 0
        if mailbox.ca is not None:
            self._session.verify = str(mailbox.ca)

    def shake_hands(self) -> None:
        """Show our certificate, mailbox and secrets, and nothing else."""
        self.handshake()  # type: ignore[no-untyped-call]  # NHS England's client has left out the type

    def sent_as(self, local_id: str) -> requests.Response:
        """What was sent under *local_id*: MESH's tracking by our own id, which it calls deprecated and still offers."""
        return self._session.get(f"{self.mailbox_url}/outbox/tracking/{quote(local_id)}", timeout=self._timeout)


def connect(mailbox: Mailbox) -> Client:
    """
    A client of the mailbox, for one thread at a time, to be closed; secrets and certificates are read anew.

    Raises `TransportError` where one of their files cannot be read.
    """
    try:
        words = [path.read_text(encoding="utf-8").strip() for path in (mailbox.password, mailbox.shared_key)]
    except (OSError, ValueError):
        raise TransportError("mesh.own-secrets: the mailbox's password or the shared key cannot be read") from None
    try:
        return Client(mailbox, *words)
    except OSError:
        raise TransportError("mesh.own-certificate: our certificate, its key or the authority cannot be read") from None


@contextmanager
def faults() -> Iterator[None]:
    """What goes wrong with the exchange, or on the way to it, as `TransportError` with a code and what to do."""
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise fault(error) from None
    except (ValueError, LookupError, TypeError):  # an answer that is not JSON, or not as MESH writes it
        raise TransportError("mesh.answer: what answered does not speak MESH; look at its address") from None


@contextmanager
def opened(mailbox: Mailbox) -> Iterator[Client]:
    """The mailbox for a little while, with `faults`."""
    with closing(connect(mailbox)) as client, faults():
        yield client


def fault(error: Exception) -> TransportError:
    """The error as ours; nothing of the exchange's own text is in it."""
    response = getattr(error, "response", None)
    if response is not None:
        return status(response.status_code)
    if isinstance(error, requests.exceptions.SSLError):
        return TransportError("mesh.tls: the other side's certificate or ours is not accepted; look at their dates")
    if isinstance(error, requests.exceptions.Timeout):
        return TransportError("mesh.too-slow: MESH did not answer in time; tried again")
    return TransportError("mesh.no-connection: MESH cannot be reached; look at its address and the network")


def status(code: int) -> TransportError:
    """A status of HTTP that is no success: never the message's fault, since MESH says that by codes of its own."""
    if code in (401, 403):
        return TransportError(
            f"mesh.login: MESH does not let us in, status {code}; look at the mailbox, its password, the shared key "
            "and the date of our certificate"
        )
    passing = code in (408, 425, 429) or code > 500
    return (TransportError if passing else ForOne)(f"mesh: status {code}; tried again")
