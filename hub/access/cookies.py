"""Cookies: the one name under which a browser brings back its session, as strict as the road allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

SESSION: Final = "hub-session"
LOGIN: Final = "hub-login"


@dataclass(frozen=True, slots=True)
class Cookies:
    """
    Cookies that no script reads, and that come only to the host which set them.

    By TLS their name begins with `__Host-` (RFC 6265bis §4.1.3.2): then neither a neighbour's page nor one without
    TLS can have set them. Not so on http://127.0.0.1, where browsers differ in what they take for secure.
    """

    secure: bool

    def name(self, kind: str) -> str:
        """The name of the cookie of a *kind*."""
        return f"__Host-{kind}" if self.secure else kind

    def read(self, request: web.BaseRequest, kind: str) -> str:
        """What the browser brought, empty where nothing."""
        return request.cookies.get(self.name(kind), "")

    def put(self, response: web.StreamResponse, kind: str, value: str, seconds: int | None = None) -> None:
        """Set it; without *seconds* it goes when the browser is closed."""
        response.set_cookie(
            self.name(kind), value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="Lax"
        )

    def drop(self, response: web.StreamResponse, kind: str) -> None:
        """Take it back."""
        response.del_cookie(self.name(kind), path="/", secure=self.secure, httponly=True, samesite="Lax")
