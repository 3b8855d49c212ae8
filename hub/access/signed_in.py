"""Signed in: browsers that are known by their session's cookie, how a session begins by a local code, and its end."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from hub.access.caller import Caller
from hub.access.cookies import SESSION as COOKIE
from hub.access.cookies import Cookies
from hub.access.denied import Denied
from hub.access.door import SESSION, guarded, open_to_all
from hub.access.local import LocalCode
from hub.access.pages import page
from hub.access.sessions import Sessions
from hub.log import note

OPEN: str = "/access/open"
LOGOUT: str = "/access/logout"
SIGNED_OUT: str = "/access/signed-out"
UNATTENDED: str = "X-Kept-Up-To-Date"
"""The header of a page that asks by itself, to keep itself up to date: no person is there."""


class SignedIn:
    """The way in of a browser that signed in before."""

    def __init__(self, sessions: Sessions, cookies: Cookies) -> None:
        self._sessions, self._cookies = sessions, cookies

    async def caller(self, request: web.Request) -> Caller | None:
        """As `hub.access.door.Way`."""
        shown = self._cookies.read(request, COOKIE)
        session = self._sessions.find(shown, unattended=UNATTENDED in request.headers) if shown else None
        if session is None:
            return None
        request[SESSION] = session
        return session.caller

    def begin(self, request: web.Request, caller: Caller, to: str = "/") -> web.Response:
        """Open a session, under an id that is new, and lead to *to*, a page of our own."""
        self._sessions.close(self._cookies.read(request, COOKIE))
        response = web.Response(status=303, headers={"Location": own_page(to)})
        self._cookies.put(response, COOKIE, self._sessions.open(caller))
        note("access", "signed in", kind=",".join(sorted(caller.roles)))
        return response

    def end(self, request: web.Request) -> web.Response:
        """Close the session, and lead to a page that says so: the first page would begin to sign in anew."""
        self._sessions.close(self._cookies.read(request, COOKIE))
        response = web.Response(status=303, headers={"Location": SIGNED_OUT})
        self._cookies.drop(response, COOKIE)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    def hang(self, app: web.Application) -> None:
        """Where one signs out: a form posts to `/access/logout`, with its csrf field."""

        async def logout(request: web.Request) -> web.StreamResponse:
            return self.end(request)

        async def signed_out(_: web.Request) -> web.StreamResponse:
            return page(200, "You are signed out", "the identity provider may still know you until you leave it too")

        app.router.add_get(SIGNED_OUT, open_to_all(signed_out))
        app.router.add_post(LOGOUT, guarded(logout, "ops", "governance", "partner"))


def hang_local(app: web.Application, code: LocalCode, signed_in: SignedIn) -> None:
    """Where a local code opens: `/access/open?code=…`."""

    async def opened(request: web.Request) -> web.StreamResponse:
        caller = code.opens(request.query.get("code", ""))
        if caller is None:
            raise Denied(401, "code", "use the link that the terminal shows last; each opens once")
        return signed_in.begin(request, caller)

    app.router.add_get(OPEN, open_to_all(opened))


def own_page(to: str) -> str:
    r"""
    *to* where it is a path of ours, else `/`: nobody is led to another host after signing in (CWE-601).

    A browser reads `\` as `/`, drops tabs and line ends, and takes `//host` for another host.
    """
    sound = to.startswith("/") and to.isascii() and to.isprintable() and " " not in to and "\\" not in to
    if not sound or to.startswith("//"):
        return "/"
    try:
        parts = urlsplit(to)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or parts.path.startswith("/access/") else to
