"""Local codes: the link that opens the page to whoever can read the terminal in which it was started; no network."""

from __future__ import annotations

import getpass
import hmac
import secrets
from collections.abc import Callable

from hub.access.caller import Caller


class LocalCode:
    """
    A code that opens once; each is told by *tell*, and a new one is told as soon as one was used.

    It stands for the person who started `hub ops`: on a machine that others use too, 127.0.0.1 alone keeps nobody
    out, while the terminal is that person's own. Who opens by it may whatever ops and governance may.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._code = ""

    def renew(self) -> None:
        """Make a new code, and tell it; the one before opens nothing any more."""
        self._code = secrets.token_urlsafe(32)
        self._tell(self._code)

    def opens(self, shown: str) -> Caller | None:
        """Who calls, where *shown* is the code; None where it is not."""
        if not self._code or not hmac.compare_digest(self._code.encode(), shown.encode("utf-8", "surrogateescape")):
            return None
        self.renew()
        return Caller(f"{_user()}, at this machine", frozenset({"ops", "governance"}))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a number without a name, as in a container
        return "somebody"
