"""Identity: the authority's identity provider, and what we are there, made of what the settings say."""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Collection

from hub.access import keyset
from hub.access.bearer import Provider
from hub.access.login import Client
from hub.access.published import Published
from hub.access.roles import Roles
from hub.errors import CatalogError
from hub.settings import Settings, given


def provider_of(settings: Settings, agencies: Collection[str]) -> Provider | None:
    """
    The provider that `HUB_OIDC_ISSUER` names, None where it names none; *agencies* are the keys of those there are.

    Raises CatalogError, by the variable.
    """
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_audience and not settings.oidc_client_id:
        raise CatalogError([
            "HUB_OIDC_AUDIENCE, HUB_OIDC_CLIENT_ID: neither is set: say what its tokens must be meant for, or as what "
            "browsers sign in there"
        ])  # fmt: skip
    if not settings.oidc_roles:
        raise CatalogError(["HUB_OIDC_ROLES is not set: nobody could do anything; say what the provider's groups are"])
    try:
        roles = Roles(settings.oidc_roles_claim, settings.oidc_roles, settings.oidc_name_claim)
    except ValueError as error:
        raise CatalogError([f"HUB_OIDC_ROLES: {error}"]) from None
    if unknown := sorted(roles.agencies - set(agencies)):
        raise CatalogError(_unknown(agency, agencies) for agency in unknown)
    try:
        published = Published(settings.oidc_issuer, settings.oidc_jwks, trusted(settings))
    except ValueError as error:
        raise CatalogError([f"HUB_OIDC_ISSUER, HUB_OIDC_JWKS: {error}"]) from None
    try:
        allowed = settings.oidc_algorithms.split()
        return Provider(settings.oidc_issuer, settings.oidc_audience, published, roles, allowed)
    except ValueError as error:
        raise CatalogError([f"HUB_OIDC_ALGORITHMS: {error}"]) from None


def _unknown(agency: str, agencies: Collection[str]) -> str:
    """A partner's account that is nobody's would wait for whoever is given that key one day."""
    close = difflib.get_close_matches(agency, sorted(agencies), n=1)
    mend = f"did you mean partner:{close[0]}?" if close else "take it out, or name one that connectors/ has"
    return f"HUB_OIDC_ROLES: there is no agency of partner:{agency} → {mend}"


def client_of(settings: Settings, returns: str) -> Client:
    """What `hub ops` is at the provider; browsers come back to *returns*. Raises CatalogError, by the variable."""
    secret, key = settings.oidc_client_secret_file, settings.oidc_client_jwk_file
    if secret is not None and key is not None:
        raise CatalogError(["HUB_OIDC_CLIENT_SECRET_FILE, HUB_OIDC_CLIENT_JWK_FILE: set one of them"])
    if key is not None:
        try:
            own = keyset.private(given(key, "HUB_OIDC_CLIENT_JWK_FILE"))
        except ValueError as error:
            raise CatalogError([f"HUB_OIDC_CLIENT_JWK_FILE: {error}"]) from None
        return Client(settings.oidc_client_id, returns, key=own)
    said = given(secret, "HUB_OIDC_CLIENT_SECRET_FILE").decode().strip() if secret is not None else ""
    return Client(settings.oidc_client_id, returns, said)


def trusted(settings: Settings) -> ssl.SSLContext | None:
    """By what the provider's certificate is checked: `HUB_TLS_CA`, else None for the system's own."""
    if settings.tls_ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=settings.tls_ca)
    except OSError:
        raise CatalogError([f"HUB_TLS_CA: {settings.tls_ca}: not there, or not PEM"]) from None
