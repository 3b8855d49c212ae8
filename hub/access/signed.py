"""Signed tokens (JWT): whose signature, by an algorithm that we chose, for whom and how long; no key is looked up."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry, extract_compact

from hub.access.denied import Denied
from hub.access.keyset import Key

Claims = Mapping[str, Any]

ALGORITHMS: Final = ("RS256", "RS512", "PS256", "ES256", "EdDSA")
"""What can be allowed: signatures by a private key alone, so never `none` and never HMAC (RFC 8725 §3.1)."""
LONGEST: Final = 8192  # characters of a token: more is no token, and costs time to look at
LEEWAY: Final = 30.0  # seconds by which two clocks may differ


class Allowed(JWSRegistry):
    """joserfc's checks with our list of algorithms, which is never wider than it says, even when it is empty."""

    max_header_length = 4096  # some providers put a certificate into it

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        """The algorithm, where it is allowed."""
        if name not in set(self.allowed or ()) & set(ALGORITHMS):
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


class Token:
    """
    A token as somebody showed it, not believed yet: only its key's id and, for a client's, its issuer may be read.

    Raises `Denied` for what is no token. Headers that say where a key is to be found (`jku`, `x5u`, `jwk`, `x5c`) are
    not looked at: the key is one that we know, or none.
    """

    def __init__(self, shown: str) -> None:
        wrong = Denied(401, "token.malformed", "send a signed JWT in compact form")
        if not 0 < len(shown) <= LONGEST or shown.count(".") != 2 or not shown.isascii():
            raise wrong
        try:
            extracted = extract_compact(shown.encode(), registry=Allowed(ALGORITHMS))
            header = extracted.headers()
        except (JoseError, ValueError, TypeError, RecursionError):
            raise wrong from None
        if not isinstance(header, dict) or not isinstance(header.get("alg"), str):
            raise wrong
        if "crit" in header or "b64" in header:
            raise Denied(401, "token.header", "send a token without crit: no extension is understood here")
        kid = header.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= 256:
            raise Denied(401, "token.key", "name your key in the header: kid")
        self._shown, self._header, self._payload = shown, header, extracted.payload
        self.kid: str = kid

    def opened(self, key: Key, algorithms: Collection[str], types: Collection[str]) -> Claims:
        """What it says, where *key* signed it, by one of *algorithms*, as one of *types* (`typ`); raises `Denied`."""
        kind = self._header.get("typ", "jwt")
        kind = kind.lower().removeprefix("application/") if isinstance(kind, str) else ""
        if self._header["alg"] not in algorithms:
            raise Denied(401, "token.algorithm", f"sign by one of: {', '.join(sorted(algorithms))}")
        if kind not in types:
            raise Denied(401, "token.type", f"send a token of the type: {' or '.join(sorted(types))}")
        try:
            return jwt.decode(self._shown, key, registry=Allowed(algorithms)).claims
        except (JoseError, ValueError, TypeError, RecursionError):
            raise Denied(401, "token.signature", "sign it with the key whose kid it names") from None

    def issuer(self) -> str:
        """Who it says that it is from; it is believed only once it was opened with that one's key."""
        try:
            said = json.loads(self._payload).get("iss")
        except (ValueError, AttributeError, RecursionError):
            said = None
        return said if isinstance(said, str) else ""


def check(claims: Claims, *, issuer: str, audience: str, now: float) -> None:
    """
    That *claims* are from *issuer*, for *audience*, and hold *now* (seconds since 1970; RFC 7519 §4.1); else `Denied`.

    `exp` must be there; `nbf` and `iat`, where they are, must not lie ahead.
    """
    if claims.get("iss") != issuer:
        raise Denied(401, "token.issuer", "it is from another issuer than the one that is known here")
    meant = claims.get("aud")
    if meant != audience and not (isinstance(meant, list) and audience in meant):
        raise Denied(401, "token.audience", "get a token that is meant for the hub")
    if now >= moment(claims, "exp") + LEEWAY:
        raise Denied(401, "token.expired", "get a new token")
    for name in ("nbf", "iat"):
        if name in claims and moment(claims, name) > now + LEEWAY:
            raise Denied(401, "token.not-yet", f"its {name} lies ahead: set your clock")


def moment(claims: Claims, name: str) -> float:
    """The time that a claim says; raises `Denied` where it says none."""
    said = claims.get(name)
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not math.isfinite(said):
        raise Denied(401, "token.claims", f"{name} must be a number of seconds since 1970")
    return float(said)
