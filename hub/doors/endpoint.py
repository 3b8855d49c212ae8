"""Endpoints: what the settings say of one line or stream of one agency, each by the variable that says it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple, NoReturn

from hub.endpoints import WORDS, variable
from hub.errors import CatalogError
from hub.settings import Settings, given
from hub.transports.mesh import Mailbox
from hub.transports.sftp import Account
from hub.transports.tls import client_context

SFTP = tuple(word.name for word in WORDS if word.road == "sftp")
MESH = tuple(word.name for word in WORDS if word.road == "mesh" and "agency" in word.of)


class Endpoint(NamedTuple):
    """
    One line or stream, by its name, of one agency.

    Whatever is missing or cannot be is a CatalogError that begins with the name of the variable.
    """

    agency: str
    name: str

    def variable(self, what: str) -> str:
        """The environment's name for *what*."""
        return variable(self.agency, self.name, what)

    def said(self, what: str) -> str:
        """What is said, empty where nothing is."""
        return Settings.endpoint(self.agency, self.name, what)

    def wrong(self, what: str, why: object) -> NoReturn:
        """Raise because of what the variable says."""
        raise CatalogError([f"{self.variable(what)}: {why}"])

    def needed(self, what: str, question: str) -> str:
        """What must be said; *question* is what it answers."""
        if not (value := self.said(what)):
            raise CatalogError([f"{self.variable(what)} is not set: {question}"])
        return value

    def path(self, what: str) -> Path | None:
        """A file that is there, or None where nothing is said."""
        if not (value := self.said(what)):
            return None
        given(Path(value), self.variable(what))
        return Path(value)

    def secret(self, what: str) -> str | None:
        """What is in the file that is named, without the space around it."""
        value = self.said(what)
        return given(Path(value), self.variable(what)).decode().strip() if value else None

    def port(self, usual: int | None = None, question: str = "") -> int:
        """A port's number."""
        said = self.said("PORT") if usual is not None else self.needed("PORT", question)
        if not said and usual is not None:
            return usual
        if said.isascii() and said.isdigit() and int(said) < 65536:
            return int(said)
        return self.wrong("PORT", f"{said!r} is no port; write a number up to 65535")

    def tls(self, *of_tls: str, plain: bool = False) -> bool:
        """
        Whether `…_TLS` is on; what else is said of TLS would be without effect where it is not, and is a fault.

        Where *plain* is a word too, it means off, and that this was thought of.
        """
        said = self.said("TLS")
        if said not in ("", "on", "off", *(("plain",) if plain else ())):
            self.wrong("TLS", f"{said!r} is neither on nor off{', nor plain' if plain else ''}")
        for what in of_tls if said != "on" else ():
            if self.said(what):
                self.wrong(what, f"is set, and {self.variable('TLS')} is not on")
        return said == "on"

    def calling(self, usual_ca: Path | None) -> ssl.SSLContext:
        """To call with: `…_TLS_CA`, else the *usual_ca*, else the system's; and our certificate, where one is said."""
        certificate, key = self.path("CLIENT_CERTIFICATE"), self.path("CLIENT_KEY")
        if key is not None and certificate is None:
            self.wrong("CLIENT_KEY", f"is set, and {self.variable('CLIENT_CERTIFICATE')} is not")
        try:
            return client_context(self.path("TLS_CA") or usual_ca, certificate, key)
        except OSError:
            names = ", ".join(self.variable(one) for one in ("TLS_CA", "CLIENT_CERTIFICATE", "CLIENT_KEY"))
            raise CatalogError([f"{names}: not PEM, or the key is not the certificate's"]) from None


def sftp(of: Endpoint) -> tuple[Account, str]:
    """The account and the folder; what is not said of the line or stream is what `HUB_<AGENCY>_SFTP_<WHAT>` says."""
    whole = Endpoint(of.agency, "sftp")

    def at(what: str) -> Endpoint:
        return of if of.said(what) or not whole.said(what) else whole

    host = at("HOST").needed("HOST", f"on what server are {of.agency}'s files?")
    user = at("USER").needed("USER", f"by what name does {of.agency}'s server know us?")
    at("KNOWN_HOSTS").needed("KNOWN_HOSTS", "in what file, as OpenSSH writes it, is the key of that server?")
    known = at("KNOWN_HOSTS").path("KNOWN_HOSTS")
    key, password = at("KEY_FILE").path("KEY_FILE"), at("PASSWORD_FILE").path("PASSWORD_FILE")
    if key is None and password is None:
        at("KEY_FILE").needed("KEY_FILE", "in what file is our private key? (or PASSWORD_FILE)")
    folder = at("FOLDER").needed("FOLDER", f"in what folder of {of.agency}'s server?")
    if "\x00" in folder or ".." in folder.split("/"):
        at("FOLDER").wrong("FOLDER", "a folder is named without `..`")
    assert known is not None  # noqa: S101  it was needed
    return Account(host, at("PORT").port(22), user, known, key, password), folder


def mailbox(agency: str) -> Mailbox:
    """Our mailbox for what is exchanged with one agency, by `HUB_<AGENCY>_MESH_<WHAT>`."""
    of = Endpoint(agency, "mesh")
    url = of.needed("URL", "at what address is MESH?")
    name = of.needed("MAILBOX", f"which mailbox is ours for {agency}?")
    for what in ("PASSWORD_FILE", "SHARED_KEY_FILE"):
        of.needed(what, "in what file is it?")
    password, shared = of.path("PASSWORD_FILE"), of.path("SHARED_KEY_FILE")
    assert password is not None and shared is not None  # noqa: S101, PT018  they were needed
    try:
        return Mailbox(url, name, password, shared, of.path("CERTIFICATE"), of.path("KEY"), of.path("CA"))
    except ValueError as error:
        of.wrong("URL", error)
