"""Granted: the short tokens that a partner's token endpoint gives for our signed assertion, kept while good."""

from __future__ import annotations

import asyncio
import json
import math
import ssl
import time
from collections.abc import Callable
from typing import Final

from hub.access.asking import Unanswered, asked, is_https
from hub.access.assertion import TYPE, made
from hub.access.keyset import Key
from hub.errors import TransportError

USUAL_SECONDS: Final = 60.0  # how long a token is taken to be good of which the partner does not say (RFC 6749 §5.1)
MARGIN_SECONDS: Final = 10.0  # before its end, so that none ends on its way
LONGEST_TOKEN: Final = 8192


class Granted:
    """
    Tokens of *url*, for the client *client* that proves itself by *key* (RFC 7523 §2.2); *ca* checks its certificate.

    One token serves all who ask while it is good. Raises ValueError for an address that is no https://.
    """

    def __init__(
        self,
        url: str,
        client: str,
        key: Key,
        ca: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not is_https(url):
            raise ValueError("a token address starts with https:// and names its host, without a password")
        self._url, self._client, self._key, self._ca, self._clock = url, client, key, ca, clock
        self._token, self._until = "", -math.inf
        self._alone = asyncio.Lock()

    async def token(self, refused: str = "") -> str:
        """
        A token that is good; another one than *refused*, where the partner turned that away.

        Raises `TransportError` where there is none: nothing is lost, and it is tried again.
        """
        async with self._alone:
            if self._token == refused or self._clock() >= self._until:
                self._token, self._until = "", -math.inf
                self._token, self._until = await self._fetch()
            return self._token

    async def _fetch(self) -> tuple[str, float]:
        began = self._clock()
        proof = made(self._client, self._url, self._key)
        form = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": proof}
        try:
            status, body = await asked("POST", self._url, self._ca, form=form, headers={"Accept": "application/json"})
            said = json.loads(body) if status == 200 else {}
            token, seconds = said["access_token"] if status == 200 else "", said.get("expires_in", USUAL_SECONDS)
        except (*Unanswered, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise TransportError(f"https.token: no token ({type(error).__name__})") from None
        if status != 200:
            raise TransportError(f"https.token: status {status}")
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST_TOKEN or not token.isascii() or " " in token:
            raise TransportError("https.token: no token in its answer")
        if not token.isprintable() or str(said.get("token_type", "bearer")).lower() != "bearer":
            raise TransportError("https.token: its token is no bearer token")
        sound = isinstance(seconds, (int, float)) and math.isfinite(seconds) and not isinstance(seconds, bool)
        return token, began + (float(seconds) if sound else USUAL_SECONDS) - MARGIN_SECONDS
