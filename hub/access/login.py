"""Login: browsers sign in at the identity provider, by the authorization code flow with PKCE, and come back known."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
from aiohttp import web

from hub.access.asking import Unanswered, asked
from hub.access.assertion import TYPE, made
from hub.access.bearer import Provider
from hub.access.cookies import LOGIN as COOKIE
from hub.access.cookies import Cookies
from hub.access.denied import Denied
from hub.access.door import open_to_all
from hub.access.keyset import Key
from hub.access.signed_in import SignedIn, own_page
from hub.log import note

LOGIN: Final = "/access/login"
CALLBACK: Final = "/access/callback"
SECONDS: Final = 600.0
"""In which somebody signs in at the provider, second factor and all."""
MOST: Final = 1000
"""Sign-ins under way at once; past it the oldest is given up."""


@dataclass(frozen=True, slots=True)
class Client:
    """What we are at the provider: our *name*, the *secret* or *key* that proves it, and where browsers return."""

    name: str
    returns: str
    secret: str = field(default="", repr=False)
    key: Key | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A sign-in under way: what only the browser that began it and we know."""

    at: float
    to: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))


class Login:
    """
    `/access/login?to=…` leads to the provider, and `/access/callback` back (OpenID Connect Core 1.0 §3.1).

    What is under way is bound to the browser that began it by a cookie, so that nobody is signed in by a link of
    somebody else's (RFC 9700 §4.7), and ends with the first answer.
    """

    def __init__(
        self,
        provider: Provider,
        client: Client,
        signed_in: SignedIn,
        cookies: Cookies,
        ca: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider, self._client, self._signed_in = provider, client, signed_in
        self._cookies, self._ca, self._clock = cookies, ca, clock
        self._begun: dict[str, _Begun] = {}

    def hang(self, app: web.Application) -> None:
        """Put both paths into *app*."""
        app.router.add_get(LOGIN, open_to_all(self._begin))
        app.router.add_get(CALLBACK, open_to_all(self._end))

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        where = await self._provider.published.address("authorization_endpoint")
        now = self._clock()
        self._begun = {name: one for name, one in self._begun.items() if now - one.at <= SECONDS}
        if len(self._begun) >= MOST:
            del self._begun[min(self._begun, key=lambda name: self._begun[name].at)]
        ours, one = secrets.token_urlsafe(32), _Begun(now, own_page(request.query.get("to", "/")))
        self._begun[ours] = one
        asked = {
            "response_type": "code",
            "client_id": self._client.name,
            "redirect_uri": self._client.returns,
            "scope": "openid profile",
            "state": one.state,
            "nonce": one.nonce,
            "code_challenge": _unpadded(hashlib.sha256(one.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(where).query else "?"
        response = web.Response(status=303, headers={"Location": f"{where}{joint}{urlencode(asked)}"})
        self._cookies.put(response, COOKIE, ours, int(SECONDS))
        return response

    async def _end(self, request: web.Request) -> web.StreamResponse:
        one = self._begun.pop(self._cookies.read(request, COOKIE), None)
        said = request.query
        if one is None or self._clock() - one.at > SECONDS or len(said) != len(set(said)):
            raise Denied(401, "login.unknown", "sign in again, from the hub's first page")
        if not hmac.compare_digest(one.state.encode(), said.get("state", "").encode("utf-8", "surrogateescape")):
            raise Denied(401, "login.state", "sign in again, from the hub's first page")
        if said.get("iss", self._provider.issuer) != self._provider.issuer:  # RFC 9207: mix-up of two providers
            raise Denied(401, "login.issuer", "sign in again, from the hub's first page")
        if "error" in said or not said.get("code"):
            raise Denied(401, "login.refused", "the identity provider did not let you in: ask who looks after it")
        shown = await self._exchanged(said["code"], one.verifier)
        caller = await self._provider.signed_in(shown, self._client.name, one.nonce)
        response = self._signed_in.begin(request, caller, one.to)
        self._cookies.drop(response, COOKIE)
        return response

    async def _exchanged(self, code: str, verifier: str) -> str:
        """The ID token for a *code*; raises `Denied` where there is none."""
        where = await self._provider.published.address("token_endpoint")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._client.returns,
                "code_verifier": verifier, "client_id": self._client.name}  # fmt: skip
        headers = {"Accept": "application/json"}
        if self._client.key is not None:
            proof = made(self._client.name, where, self._client.key)
            form |= {"client_assertion_type": TYPE, "client_assertion": proof}
        elif self._client.secret:  # RFC 6749 §2.3.1: encoded as a form's values, then as HTTP Basic has it
            pair = f"{quote_plus(self._client.name)}:{quote_plus(self._client.secret)}"
            headers["Authorization"] = aiohttp.encode_basic_auth(*pair.split(":", 1))
        try:
            status, body = await asked("POST", where, self._ca, form=form, headers=headers)
            said: object = json.loads(body) if status == 200 else None
        except Unanswered as error:
            note("access", "the identity provider does not answer", kind=type(error).__name__)
            raise Denied(503, "provider", "the identity provider does not answer: try again soon") from None
        token = said.get("id_token") if isinstance(said, dict) else None
        if not isinstance(token, str):
            note("access", "the identity provider gives no token", level=logging.WARNING, code=f"status.{status}")
            raise Denied(401, "login.refused", "sign in again; if it stays so, the hub is not registered rightly there")
        return token


def _unpadded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
