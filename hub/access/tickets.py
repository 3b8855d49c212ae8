"""Tickets: the short tokens that we give an agency for its signed assertion, and know again; none is kept."""

from __future__ import annotations

import binascii
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag

from hub.access.denied import Denied
from hub.keys import Keys

SECONDS: Final = 300
"""How long a ticket is good; so long, too, until an agency whose key is taken away is out."""
LONGEST: Final = 400  # characters of one: an agency's key is 80 at most

_PURPOSE: Final = "https ticket"


class Tickets:
    """
    Sealed with the hub's own secret: opaque to whoever holds one, and good at every process that has the secret.

    So they outlive a restart of the gateway, and no list of them can be stolen.
    """

    def __init__(self, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._clock = keys, clock

    def give(self, agency: str) -> str:
        """A ticket for *agency*, good for `SECONDS`."""
        until = int(self._clock()) + SECONDS
        return urlsafe_b64encode(self._keys.seal(_PURPOSE, f"{until} {agency}".encode(), "")).decode().rstrip("=")

    def agency_of(self, shown: str) -> str:
        """Whose ticket it is; raises `Denied` where it is none of ours, or its time is over."""
        wrong = Denied(401, "token", "this is no token of the hub's: get one with a signed assertion")
        if not 0 < len(shown) <= LONGEST or not shown.isascii():
            raise wrong
        try:
            box = urlsafe_b64decode(shown + "=" * (-len(shown) % 4))
            said = self._keys.unseal(_PURPOSE, box, "").decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise wrong from None
        until, _, agency = said.partition(" ")
        if self._clock() >= int(until):
            raise Denied(401, "token.expired", "get a new one with a signed assertion")
        return agency
