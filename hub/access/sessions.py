"""Sessions: who has signed in from which browser, and for how long; a restart ends them all."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hub.access.caller import Caller

IDLE_SECONDS: Final = 15 * 60.0
"""After which a browser that asked nothing is forgotten (OWASP ASVS 5.0 §7.3; data of high value)."""
LONGEST_SECONDS: Final = 8 * 3600.0
"""After which one signs in again, however busy: a working day."""
MOST: Final = 1000
"""Sessions at once; past it the one that was quiet longest goes."""


@dataclass(slots=True)
class Session:
    """One browser: its caller, the token that its forms carry, and when it was opened and last asked (monotonic s)."""

    caller: Caller
    opened: float
    asked: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def forms_carry(self, shown: str) -> bool:
        """Whether *shown* is the token that only our own pages' forms know."""
        return hmac.compare_digest(self.csrf.encode(), shown.encode("utf-8", "surrogateescape"))


class Sessions:
    """The sessions of one process, by the digest of an id that only the browser has."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[bytes, Session] = {}

    def open(self, caller: Caller) -> str:
        """A new session; returns its id, which was never anybody's before (so none can be fixed beforehand)."""
        now = self._clock()
        for gone in [name for name, one in self._open.items() if self._over(one, now)]:
            del self._open[gone]
        if len(self._open) >= MOST:
            del self._open[min(self._open, key=lambda name: self._open[name].asked)]
        identity = secrets.token_urlsafe(32)
        self._open[_digest(identity)] = Session(caller, now, now)
        return identity

    def find(self, identity: str, *, unattended: bool = False) -> Session | None:
        """
        The session of that id, None where there is none, or its time is over.

        It is thereby in use, unless a page asks *unattended*, to keep itself up to date: an open tab is nobody's work.
        """
        name, now = _digest(identity), self._clock()
        session = self._open.get(name)
        if session is None:
            return None
        if self._over(session, now):
            del self._open[name]
            return None
        if not unattended:
            session.asked = now
        return session

    def close(self, identity: str) -> None:
        """Forget a session; nothing where there is none."""
        self._open.pop(_digest(identity), None)

    @staticmethod
    def _over(session: Session, now: float) -> bool:
        return now - session.asked > IDLE_SECONDS or now - session.opened > LONGEST_SECONDS


def _digest(identity: str) -> bytes:
    """What is looked up is a digest, so that the time it takes says nothing of an id."""
    return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).digest()
