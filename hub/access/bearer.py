"""Bearers: callers who show a token at each request, of the identity provider or one of our own tickets."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Final

from aiohttp import web

from hub.access.caller import Caller
from hub.access.denied import Denied
from hub.access.published import Published
from hub.access.roles import Roles
from hub.access.signed import ALGORITHMS, Claims, Token, check
from hub.access.tickets import Tickets

ACCESS: Final = frozenset({"at+jwt", "jwt"})
"""`typ` of an access token: RFC 9068's, and the plain one that most providers still write."""
IDENTITY: Final = frozenset({"jwt"})


class Provider:
    """
    The identity provider of the authority: whom its tokens say that a caller is.

    *audience* is what an access token must be meant for, *algorithms* by which it may be signed; raises ValueError
    for one that is not allowed here at all.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        published: Published,
        roles: Roles,
        algorithms: Collection[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not algorithms or not set(algorithms) <= set(ALGORITHMS):
            raise ValueError(f"tokens are signed by some of: {' '.join(ALGORITHMS)}")
        self.issuer, self.published, self._audience = issuer, published, audience
        self._roles, self._algorithms, self._clock = roles, frozenset(algorithms), clock

    async def caller(self, shown: str) -> Caller:
        """Whom an access token names; raises `Denied`."""
        if not self._audience:
            raise Denied(401, "token.audience", "no tokens are taken here: sign in with a browser")
        claims = await self._claims(shown, ACCESS, self._audience)
        if "nonce" in claims or "at_hash" in claims:
            raise Denied(401, "token.type", "that is an ID token: send the access token")
        return self._roles.caller(claims)

    async def signed_in(self, shown: str, client: str, nonce: str) -> Caller:
        """Whom an ID token names that was got for *client* and *nonce* (OpenID Connect Core 1.0 §3.1.3.7)."""
        claims = await self._claims(shown, IDENTITY, client)
        if claims.get("nonce") != nonce:
            raise Denied(401, "token.nonce", "it was not given for this sign-in: begin anew")
        if claims.get("azp", client) != client:
            raise Denied(401, "token.audience", "it was given to another client")
        return self._roles.caller(claims)

    async def _claims(self, shown: str, types: Collection[str], audience: str) -> Claims:
        token = Token(shown)
        claims = token.opened(await self.published.key(token.kid), self._algorithms, types)
        if "iat" not in claims:
            raise Denied(401, "token.claims", "iat must say when it was made")
        check(claims, issuer=self.issuer, audience=audience, now=self._clock())
        return claims


class Bearer:
    """The way in of whoever shows a token (RFC 6750 §2.1); either kind may be unknown here."""

    def __init__(self, provider: Provider | None = None, tickets: Tickets | None = None) -> None:
        self._provider, self._tickets = provider, tickets

    async def caller(self, request: web.BaseRequest) -> Caller | None:
        """As `hub.access.door.Way`; None where what is shown is of another scheme."""
        said = request.headers.getall("Authorization", [])
        if not any(one.partition(" ")[0].lower() == "bearer" for one in said):
            return None
        token = said[0].partition(" ")[2]
        if len(said) > 1:
            raise Denied(401, "unauthenticated", "send one bearer token")
        token = token.strip()
        if "." in token and self._provider is not None:
            return await self._provider.caller(token)
        if self._tickets is not None:
            agency = self._tickets.agency_of(token)
            return Caller(agency, frozenset({"partner"}), agency)
        raise Denied(401, "token", "no such tokens are taken here")
