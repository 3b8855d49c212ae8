"""
The door: from a request to its Caller, or to a denial; what is asked for stands behind it, and who may be known before.

    door = Door([...ways in...])
    app = web.Application()
    app.router.add_get("/", guarded(overview, "ops", "governance"))      # roles
    app.router.add_get("/style.css", open_to_all(style))                 # nothing that anybody may not read
    door.hang(app)

Inside a handler `await who(request)` is the caller, and `csrf(request)` what a form must carry in the field `csrf`.
What is neither guarded nor open to all is denied.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import wraps
from typing import Final, Protocol

from aiohttp import web

from hub.access.caller import Caller, Role
from hub.access.denied import Denied, nobody
from hub.access.pages import denial
from hub.access.sessions import Session
from hub.problem import named

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
SESSION: Final = web.RequestKey("session", Session)
"""Set on a request whose caller is known by a cookie, which a browser sends whoever made it ask."""

_CALLER: Final = web.RequestKey("caller", Caller)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ROLES: Final = "__hub_roles__"

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer, unless it says otherwise: nothing is loaded from elsewhere, and nobody frames us."""


class Way(Protocol):
    """One way to be known: by a bearer token, by a session."""

    async def caller(self, request: web.Request) -> Caller | None:
        """Who calls; None where the request shows nothing of this kind. Raises `Denied` where it is no good."""


class Door:
    """
    Stands before an application: known callers go in, by whichever of *ways*, in that order, says who they are.

    *hosts* are the names under which it is called; a request under another one was led here by somebody else's name
    for this address, and is denied. *sign_in* is the path to which a browser is sent that is not known, empty where
    there is none.
    """

    def __init__(self, ways: Sequence[Way], hosts: frozenset[str] = frozenset(), *, sign_in: str = "") -> None:
        self._ways, self._hosts, self._sign_in = tuple(ways), hosts, sign_in

    def hang(self, app: web.Application) -> None:
        """Put it before *app*, and before every application that is mounted in it."""
        app[DOOR] = self
        app.middlewares.insert(0, self._stand)

    async def who(self, request: web.Request) -> Caller:
        """Who calls; raises `Denied`."""
        known: Caller | None = request.get(_CALLER)
        if known is not None:
            return known
        for way in self._ways:
            if (caller := await way.caller(request)) is not None:
                request[_CALLER] = caller
                return caller
        raise nobody()

    @web.middleware
    async def _stand(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        async def serve(_: web.BaseRequest) -> web.StreamResponse:
            try:
                await self._admit(request)
                return await handler(request)
            except Denied as error:
                return denial(request, error, self._sign_in)
            except web.HTTPException as answer:  # aiohttp's own way to say that there is no such page, or elsewhere
                return answer if answer.status < 400 else denial(request, answer)

        response = await named(request, serve)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    async def _admit(self, request: web.Request) -> None:
        if self._hosts and request.host not in self._hosts:
            raise Denied(403, "host", "call the hub by the address that it was given")
        roles = getattr(request.match_info.handler, _ROLES, None)
        if request.match_info.http_exception is None and roles == ():
            return
        caller = await self.who(request)
        if request.match_info.http_exception is not None:
            return
        if roles is None:
            raise Denied(403, "unguarded", "nobody said who may have this page")
        if not caller.may(*roles):
            raise Denied(403, "role", f"this is for: {', '.join(roles)}")
        if (session := request.get(SESSION)) is not None and request.method not in _SAFE:
            await _check_form(request, session, self._hosts or {request.host})


DOOR: Final = web.AppKey("door", Door)


def guarded(handler: Handler, *roles: Role) -> Handler:
    """*handler*, for callers in one of *roles* alone; a form that a signed-in browser sends must carry `csrf`."""
    if not roles:
        raise ValueError("say for which roles; what anybody may read is open_to_all")
    return _marked(handler, roles)


def open_to_all(handler: Handler) -> Handler:
    """*handler*, for anybody who reaches us: style sheets, and the way in."""
    return _marked(handler, ())


def _marked(handler: Handler, roles: tuple[Role, ...]) -> Handler:
    @wraps(handler)
    async def behind(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    setattr(behind, _ROLES, roles)
    return behind


async def who(request: web.Request) -> Caller:
    """Who calls; raises `Denied` where nobody knows."""
    return await request.config_dict[DOOR].who(request)


def csrf(request: web.Request) -> str:
    """What a form of this caller must carry in its field `csrf`; empty for one who shows a token at each request."""
    session = request.get(SESSION)
    return "" if session is None else session.csrf


async def _check_form(request: web.Request, session: Session, hosts: Collection[str]) -> None:
    """What changes something came from one of our own pages: by what the browser says of it, and by its token."""
    wrong = Denied(403, "csrf", "open the page anew, and send its form again")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise wrong
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] not in hosts:
        raise wrong
    shown: object = request.headers.get(CSRF_HEADER)
    if shown is None and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        shown = (await request.post()).get(CSRF_FIELD)
    if not isinstance(shown, str) or not session.forms_carry(shown):
        raise wrong
