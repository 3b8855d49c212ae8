"""Published: what an identity provider says of itself and its keys, fetched and kept a while; no token is judged."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hub.access import keyset
from hub.access.asking import Unanswered, asked, is_https
from hub.access.denied import Denied
from hub.access.keyset import Key, KeySet
from hub.log import note

FRESH_SECONDS: Final = 600.0
"""After which keys are fetched again: a key that the provider took back is good for no longer."""
STALE_SECONDS: Final = 24 * 3600.0
"""For how long the keys that are known hold while the provider cannot be asked."""
AGAIN_SECONDS: Final = 30.0
"""Between two fetches for a key that is not known: whoever makes up ids must not make us ask for each."""
WELL_KNOWN: Final = "/.well-known/openid-configuration"


class Published:
    """
    The provider at *issuer*; its keys at *jwks* (an https:// address or a file), or where its discovery says.

    *ca* is by what its certificate is checked; times are of *clock*, in seconds.
    """

    def __init__(
        self,
        issuer: str,
        jwks: str = "",
        ca: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, url in (("issuer", issuer), *([("keys", jwks)] if "://" in jwks else [])):
            if not is_https(url):
                raise ValueError(f"the {name} of the provider must be an https:// address, without a password")
        self._issuer, self._jwks, self._ca, self._clock = issuer, jwks, ca, clock
        self._keys: KeySet = {}
        self._known = self._asked = -STALE_SECONDS - 1  # when the keys were got, and when they were last asked for
        self._about: Mapping[str, Any] = {}
        self._alone = asyncio.Lock()

    async def key(self, kid: str) -> Key:
        """The key of that id; raises `Denied`: 401 where it is not known, 503 where the provider does not answer."""
        async with self._alone:
            now = self._clock()
            wanted = now - self._known > FRESH_SECONDS or kid not in self._keys
            if wanted and now - self._asked > AGAIN_SECONDS:
                self._asked = now
                await self._renew(now)
            if now - self._known > STALE_SECONDS:
                raise Denied(503, "provider", "the identity provider gives no keys just now: try again soon")
        if (found := self._keys.get(kid)) is None:
            raise Denied(401, "token.key", "sign it with a key that your provider publishes")
        return found

    async def address(self, name: str) -> str:
        """One of its addresses by discovery, such as `token_endpoint`; raises `Denied` where it does not say."""
        async with self._alone:
            try:
                said = (self._about or await self._discover()).get(name)
            except Unanswered as error:
                note("access", "the identity provider does not answer", kind=type(error).__name__)
                raise Denied(503, "provider", "the identity provider does not answer: try again soon") from None
        if not isinstance(said, str) or not is_https(said):
            raise Denied(503, "provider", f"the identity provider names no {name}")
        return said

    async def _renew(self, now: float) -> None:
        try:
            if self._jwks and "://" not in self._jwks:
                data = await asyncio.to_thread(Path(self._jwks).read_bytes)
            else:
                data = await self._fetch(self._jwks or str((await self._discover()).get("jwks_uri", "")))
            self._keys, self._known = keyset.read(data), now
        except Unanswered as error:
            note("access", "the identity provider's keys could not be had", kind=type(error).__name__)

    async def _discover(self) -> Mapping[str, Any]:
        """Its own description (OpenID Connect Discovery 1.0 §4); it must say the issuer that was asked (§4.3)."""
        said = json.loads(await self._fetch(self._issuer.removesuffix("/") + WELL_KNOWN))
        if not isinstance(said, dict) or said.get("issuer") != self._issuer:
            raise ValueError("another issuer")
        self._about = said
        return said

    async def _fetch(self, url: str) -> bytes:
        status, body = await asked("GET", url, self._ca)
        if status != 200:
            raise ValueError("another status than 200")
        return body
