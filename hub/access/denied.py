"""Denials: why somebody is not let in, as a closed code and what to do; never what they showed."""

from __future__ import annotations

from typing import Final, Literal

from hub.errors import HubError
from hub.problem import RETRY_AFTER

UNKNOWN: Final = "unauthenticated"
CHALLENGE: Final = 'Bearer realm="sharing hub"'


class Denied(HubError):
    """
    Nobody whom we know (401), or somebody who may not (403), or a request that asks wrongly (400).

    *code* is a closed word, *mend* says what to do. *shown* tells that there was a token, and that it is no good: so
    RFC 6750 §3.1 has it told from a request without one.
    """

    def __init__(self, status: Literal[400, 401, 403, 503], code: str, mend: str, *, shown: bool = True) -> None:
        self.status, self.code, self.mend, self.shown = status, code, mend, shown
        super().__init__(f"{code}: {mend}")

    @property
    def headers(self) -> dict[str, str]:
        """WWW-Authenticate, as RFC 6750 §3 has it; when to come again, where it is not the caller's fault."""
        if self.status == 401:
            return {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"' if self.shown else CHALLENGE}
        if self.status == 403:
            return {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope"'}
        return {"Retry-After": str(RETRY_AFTER)} if self.status == 503 else {}


def nobody() -> Denied:
    """For a request that shows nothing by which its caller could be known."""
    return Denied(401, UNKNOWN, "show who you are: sign in, or send a bearer token", shown=False)
