"""Callers: what each agency must show to the HTTPS gateway, by what the settings say; nobody is listened to here."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hub.access import keyset
from hub.access.asking import is_https
from hub.access.assertion import Assertions
from hub.access.granting import PATH, Granting
from hub.access.keyset import KeySet
from hub.access.partners import Partners
from hub.access.tickets import Tickets
from hub.doors.endpoint import Endpoint
from hub.errors import CatalogError
from hub.settings import Settings, given
from hub.store import engine
from hub.store.assertions import SpentAssertions

WORDS = ("TOKEN_FILE", "JWKS_FILE", "PARTNER_CERTIFICATE")
"""What `HUB_<AGENCY>_HTTPS_<WORD>` can say of how an agency shows who it is; each that is said must be shown."""


class Callers(NamedTuple):
    """Who may call; where signed assertions are taken, None for nowhere; the certificates that callers show (PEM)."""

    partners: Partners
    granting: Granting | None
    certificates: str


def callers(settings: Settings, agencies: Iterable[str]) -> Callers:
    """For these *agencies*; raises CatalogError, by the variable."""
    wanted = list(dict.fromkeys(agencies))
    certificates = {one: _certificates(Endpoint(one, "https")) for one in wanted if _says(one, "PARTNER_CERTIFICATE")}
    keys = {one: _keys(Endpoint(one, "https")) for one in wanted if _says(one, "JWKS_FILE")}
    tickets = Tickets(settings.keys())
    granting = None
    if keys:
        spent = SpentAssertions(engine(settings.gateway_database), settings.keys())
        granting = Granting(Assertions(keys, token_url(settings), spent), tickets)
    held = tokens(settings, [one for one in wanted if _says(one, "TOKEN_FILE") or not _says_any(one)])
    shown = {one: [ssl.PEM_cert_to_DER_cert(pem) for pem in several] for one, several in certificates.items()}
    try:
        partners = Partners(held, shown, keys, tickets)
    except ValueError as error:
        raise CatalogError(
            [f"HUB_<AGENCY>_HTTPS_TOKEN_FILE, HUB_<AGENCY>_HTTPS_PARTNER_CERTIFICATE: {error}"]
        ) from None
    return Callers(partners, granting, "".join(pem for several in certificates.values() for pem in several))


def token_url(settings: Settings) -> str:
    """The address of our token endpoint, which assertions name; raises CatalogError where it is not known."""
    if not is_https(settings.https_url):
        raise CatalogError([
            "HUB_HTTPS_URL is no https:// address: by which one do partners reach the gateway? An agency whose "
            "JWKS_FILE is set names it in its assertions"
        ])  # fmt: skip
    return settings.https_url.rstrip("/") + PATH


def tokens(settings: Settings, agencies: list[str]) -> dict[str, str]:
    """
    The bearer token of each agency: from `HUB_<AGENCY>_HTTPS_TOKEN_FILE`, or one made in the state folder.

    A made token is good for work on one machine; a partner's is handed over by a road of its own. While it changes the
    file holds two, one a line, and both are good.
    """
    found = {}
    for agency in dict.fromkeys(agencies):
        named = Settings.endpoint(agency, "https", "TOKEN_FILE")
        path = Path(named) if named else settings.secret(f"{agency}.token")
        found[agency] = given(path, f"HUB_{agency}_HTTPS_TOKEN_FILE".upper()).decode().strip()
    return found


def _says(agency: str, what: str) -> bool:
    return bool(Endpoint(agency, "https").said(what))


def _says_any(agency: str) -> bool:
    return any(_says(agency, word) for word in WORDS)


def _keys(of: Endpoint) -> KeySet:
    try:
        return keyset.read(given(Path(of.said("JWKS_FILE")), of.variable("JWKS_FILE")), every=True)
    except ValueError as error:
        of.wrong("JWKS_FILE", error)


def _certificates(of: Endpoint) -> list[str]:
    """The certificates in a partner's file, one or, while they change, two."""
    text = given(Path(of.said("PARTNER_CERTIFICATE")), of.variable("PARTNER_CERTIFICATE")).decode("ascii", "replace")
    found = [ssl.PEM_HEADER + part.partition(ssl.PEM_FOOTER)[0] + ssl.PEM_FOOTER + "\n"
             for part in text.split(ssl.PEM_HEADER)[1:]]  # fmt: skip
    if not 1 <= len(found) <= 2:
        of.wrong("PARTNER_CERTIFICATE", "one PEM certificate of the partner's, or two while it changes")
    try:
        ssl.create_default_context(cadata="".join(found))
    except ssl.SSLError:
        of.wrong("PARTNER_CERTIFICATE", "no PEM certificate")
    return found
