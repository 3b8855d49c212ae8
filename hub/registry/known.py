"""Known: partners, by the token that the hub gave them, in the two ways in which clients show it; nobody else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from aiohttp import web

from hub.access.caller import Caller

SHORTEST = 16


class ByToken:
    """
    Who calls, by *tokens*: each agency's own, or two of them on two lines while it changes from one to the other.

    `Basic`, as Confluent's clients send `basic.auth.user.info`: the agency's key and its token. `Bearer`, as they send
    `bearer.auth.token`: the token alone. Every token is compared, each in constant time.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        shown = [(agency, token) for agency, words in tokens.items() for token in words.split()]
        if any(len(token) < SHORTEST for _, token in shown):
            raise ValueError(f"a token is at least {SHORTEST} characters; make one with: openssl rand -hex 32")
        if len({token for _, token in shown}) != len(shown):
            raise ValueError("two agencies have the same token; give each its own")
        self._known = [(agency, _digest(token)) for agency, token in shown]

    async def caller(self, request: web.BaseRequest) -> Caller | None:
        """The partner that shows its token; None for everybody else."""
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        name, token = "", shown.strip()
        if scheme.lower() == "basic":
            try:
                name, _, token = base64.b64decode(token, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
        elif scheme.lower() != "bearer":
            return None
        digest = _digest(token)
        found = [agency for agency, known in self._known if hmac.compare_digest(known, digest)]
        if not found or (scheme.lower() == "basic" and name != found[0]):
            return None
        return Caller(found[0], frozenset({"partner"}), found[0])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
