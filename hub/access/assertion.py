"""Client assertions (RFC 7523, private_key_jwt): an agency proves itself by a signature, once each; and so do we."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from joserfc import jwt

from hub.access.denied import Denied
from hub.access.keyset import Key, KeySet
from hub.access.signed import ALGORITHMS, LEEWAY, Allowed, Token, check, moment
from hub.errors import TransportError

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TYPES: Final = frozenset({"jwt", "client-authentication+jwt"})
LONGEST_SECONDS: Final = 300.0
"""For how long an assertion may be good, as NHS England's signed-JWT pattern has it."""
LONGEST_ID: Final = 256


class Spent(Protocol):
    """The assertions that were used, and must be remembered for as long as they would be good, over every restart."""

    def spend(self, agency: str, name: str, until: float, now: float) -> bool:
        """
        Write down that *agency* used the one of that name (`jti`), good *until*; False where it had been before.

        Raises `TransportError` where it cannot be written down.
        """


class Assertions:
    """Knows an agency by its assertion; *keys* are each agency's own, *audience* the address of our token endpoint."""

    def __init__(
        self, keys: Mapping[str, KeySet], audience: str, spent: Spent, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys, self._audience, self._spent, self._clock = keys, audience, spent, clock

    @property
    def agencies(self) -> frozenset[str]:
        """Those that can prove themselves so."""
        return frozenset(self._keys)

    async def agency_of(self, shown: str) -> str:
        """Whose assertion it is, which is thereby used; raises `Denied`."""
        token, now = Token(shown), self._clock()
        agency = token.issuer()
        key = self._keys.get(agency, {}).get(token.kid)
        if key is None:
            raise Denied(401, "token.key", "iss is your agency's key here, and kid one of the keys you handed over")
        claims = token.opened(key, ALGORITHMS, TYPES)
        check(claims, issuer=agency, audience=self._audience, now=now)
        if claims.get("sub") != agency:
            raise Denied(401, "token.subject", "sub is the same as iss: your agency's key here")
        if isinstance(claims["aud"], list) and len(claims["aud"]) != 1:
            raise Denied(401, "token.audience", "aud is the hub's token address alone")
        until = moment(claims, "exp")
        if until > now + LONGEST_SECONDS + LEEWAY:
            raise Denied(401, "token.too-long", f"exp is at most {LONGEST_SECONDS:.0f} seconds ahead")
        name = claims.get("jti")
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID:
            raise Denied(401, "token.claims", f"jti names each assertion, by {LONGEST_ID} characters at most")
        try:
            fresh = await asyncio.to_thread(self._spent.spend, agency, name, until + LEEWAY, now)
        except TransportError:
            raise Denied(503, "not-kept", "it could not be written down: try again, with a new jti") from None
        if not fresh:
            raise Denied(401, "token.replayed", "make a new assertion each time, with a jti of its own")
        return agency


def made(client: str, audience: str, key: Key, clock: Callable[[], float] = time.time) -> str:
    """An assertion of ours: that we are *client*, for the token endpoint *audience*, signed with *key*."""
    now = int(clock())
    claims = {"iss": client, "sub": client, "aud": audience, "jti": str(uuid.uuid4()), "iat": now,
              "exp": now + int(LONGEST_SECONDS)}  # fmt: skip
    header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, claims, key, registry=Allowed(ALGORITHMS))
