"""Known: partners, by the token that the hub gave them, in the two ways in which clients show it; nobody else."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from aiohttp import web

from hub.access.caller import Caller
from hub.access.tokens import Tokens


class ByToken:
    """
    Who calls, by *tokens*: each agency's own, or two of them on two lines while it changes from one to the other.

    `Basic`, as Confluent's clients send `basic.auth.user.info`: the agency's key and its token. `Bearer`, as they send
    `bearer.auth.token`: the token alone.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = Tokens(tokens)

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
        found = self._tokens.agency_of(token)
        if not found or (scheme.lower() == "basic" and name != found):
            return None
        return Caller(found, frozenset({"partner"}), found)
