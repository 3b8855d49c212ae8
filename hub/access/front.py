"""The front: the door before the hub's own pages, made of what the settings say; refused where it would stand open."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web

from hub.access.cookies import Cookies
from hub.access.door import Door
from hub.access.local import LocalCode
from hub.access.sessions import Sessions
from hub.access.signed_in import OPEN, SignedIn, hang_local
from hub.errors import CatalogError
from hub.settings import Settings


def hang(app: web.Application, settings: Settings, port: int, tell: Callable[[str], None]) -> None:
    """
    Put a door before *app*, which will listen on `HUB_OPS_HOST` and *port*.

    Without an identity provider the page is for this machine alone, and opens by a link that *tell* is called with:
    at once, and again each time that one was used. Raises CatalogError as `check`.
    """
    check(settings)
    signed_in = SignedIn(Sessions(), Cookies(secure=is_tls(settings)))
    signed_in.hang(app)
    code = LocalCode(
        lambda code: tell(f"{scheme(settings)}://{_bracketed(settings.ops_host)}:{port}{OPEN}?code={code}")
    )
    hang_local(app, code, signed_in)
    Door([signed_in], hosts(settings, port)).hang(app)
    code.renew()


def check(settings: Settings) -> None:
    """Raises CatalogError where strangers could reach the page, with what to set."""
    if is_loopback(settings.ops_host):
        return
    missing = [] if settings.oidc_issuer else ["HUB_OIDC_ISSUER and what goes with it (who may see it)"]
    missing += [] if is_tls(settings) else ["HUB_TLS_CERTIFICATE and HUB_TLS_KEY (nobody reads along)"]
    if missing:
        raise CatalogError([
            f"HUB_OPS_HOST={settings.ops_host}: other machines could read the page: set {', and '.join(missing)}; "
            "or leave it at 127.0.0.1"
        ])  # fmt: skip


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*; a name other than localhost may mean anything."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_tls(settings: Settings) -> bool:
    """Whether the page is served by TLS."""
    return settings.tls_certificate is not None and settings.tls_key is not None


def scheme(settings: Settings) -> str:
    """`https` or `http`."""
    return "https" if is_tls(settings) else "http"


def hosts(settings: Settings, port: int) -> frozenset[str]:
    """The names by which the page is called: those of this machine, and that of its public address."""
    ours = {f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]", _bracketed(settings.ops_host))}
    public = urlsplit(settings.ops_url).netloc
    return frozenset(ours | ({public} if public else set()))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
