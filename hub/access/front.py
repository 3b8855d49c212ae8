"""The front: the door before the hub's own pages, made of what the settings say; refused where it would stand open."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from aiohttp import web

from hub.access import asking
from hub.access.bearer import Bearer, Provider
from hub.access.cookies import Cookies
from hub.access.door import Door
from hub.access.identity import client_of, provider_of, trusted
from hub.access.local import LocalCode
from hub.access.login import CALLBACK, LOGIN, Login
from hub.access.sessions import Sessions
from hub.access.signed_in import OPEN, SignedIn, hang_local
from hub.access.tickets import Tickets
from hub.errors import CatalogError
from hub.loopback import is_loopback
from hub.settings import Settings


def hang(
    app: web.Application, settings: Settings, agencies: Collection[str], port: int, tell: Callable[[str], None]
) -> None:
    """
    Put a door before *app*, which will listen on `HUB_OPS_HOST` and *port*, for partners of *agencies* at the most.

    Without an identity provider the page is for this machine alone, and opens by a link that *tell* is called with:
    at once, and again each time that one was used. With one, people sign in there, and programs show its tokens. The
    tickets that agencies get from the gateway are taken either way. Raises CatalogError as `check`.

    Serve it by `hub.transports.wire.Runner`, which logs no addresses: codes stand in some of them.
    """
    check(settings)
    public = settings.ops_url.rstrip("/") or f"{scheme(settings)}://{_bracketed(settings.ops_host)}:{port}"
    cookies = Cookies(secure=public.startswith("https://"))
    signed_in = SignedIn(Sessions(), cookies)
    signed_in.hang(app)
    sign_in, provider = "", provider_of(settings, agencies)
    if provider is not None and settings.oidc_client_id:
        client = client_of(settings, public + CALLBACK)
        Login(provider, client, signed_in, cookies, trusted(settings)).hang(app)
        sign_in = LOGIN
    Door([bearer_of(settings, agencies, provider), signed_in], hosts(settings, port), sign_in=sign_in).hang(app)
    if provider is None:
        code = LocalCode(lambda code: tell(f"{public}{OPEN}?code={code}"))
        hang_local(app, code, signed_in)
        code.renew()


def bearer_of(settings: Settings, agencies: Collection[str], provider: Provider | None = None) -> Bearer:
    """The way in of programs: by the provider's access tokens, where there is one, and by the gateway's tickets."""
    return Bearer(provider or provider_of(settings, agencies), Tickets(settings.keys()))


def check(settings: Settings) -> None:
    """Raises CatalogError where strangers could reach the page, or read along, with what to set."""
    if settings.ops_url and not asking.is_https(settings.ops_url):
        raise CatalogError(["HUB_OPS_URL: write the address by which browsers reach the page, https://<name>"])
    if is_loopback(settings.ops_host):
        return
    missing = [] if settings.ops_url else ["HUB_OPS_URL (by what address browsers reach it)"]
    missing += [] if settings.oidc_issuer else ["HUB_OIDC_ISSUER and what goes with it (who may see it)"]
    missing += [] if is_tls(settings) else ["HUB_TLS_CERTIFICATE and HUB_TLS_KEY (nobody reads along)"]
    if missing:
        raise CatalogError([
            f"HUB_OPS_HOST={settings.ops_host}: other machines could read the page: set {', and '.join(missing)}; "
            "or leave it at 127.0.0.1"
        ])  # fmt: skip


def is_tls(settings: Settings) -> bool:
    """Whether the page is served by TLS."""
    return settings.tls_certificate is not None and settings.tls_key is not None


def scheme(settings: Settings) -> str:
    """`https` or `http`."""
    return "https" if is_tls(settings) else "http"


def hosts(settings: Settings, port: int) -> frozenset[str]:
    """The names by which the page is called: those of this machine, and that of its public address."""
    names = ("127.0.0.1", "localhost", "[::1]", _bracketed(settings.ops_host))
    ours = {f"{name}:{port}" for name in names} | ({*names} if port in (80, 443) else set())
    public = urlsplit(settings.ops_url).netloc.removesuffix(":443")
    return frozenset(ours | ({public} if public else set()))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
