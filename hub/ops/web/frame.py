"""The frame: what stands around every page, and the headers that every answer has; what a page says is its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aiohttp import web

from hub.access.caller import Caller, Role
from hub.markup import Markup, joined, listed, tag
from hub.ops.picture import Picture
from hub.ops.web import parts, words
from hub.ops.web.ground import ground

PAGES: Final[tuple[tuple[str, str, tuple[Role, ...]], ...]] = (
    ("/", "Overview", ("ops", "governance")),
    ("/agencies", "Agencies", ("ops", "governance")),
    ("/streams", "Streams", ("ops", "governance")),
    ("/quarantine", "Quarantine", ("ops", "governance")),
    ("/policies", "Policies", ("ops", "governance")),
    ("/disclosures", "Disclosures", ("governance",)),
)
"""The first page of each kind, and who is shown the way to it."""
KEPT: Final = "No personal data stands here unless you asked for it, and that you did is on record."
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing is loaded from elsewhere, nobody frames us, nothing is kept by a browser or on the way."""
ASSETS: Final = {"ops.css": "text/css", "ops.js": "text/javascript", "ops.svg": "image/svg+xml"}
"""Our own files, with what they are."""
LIVE: Final = ("/", "/agencies", "/streams")
"""The kinds of page that show the picture."""
STALE_SECONDS: Final = 30.0
"""A picture older than that is told as such: nobody looks any more."""


async def page(request: web.Request, title: str, *inside: str, status: int = 200, here: str = "") -> web.Response:
    """The answer: a whole page under the heading *title*; *here* is the first page of its kind."""
    stands = ground(request)
    caller, picture = await stands.door.who(request), stands.looking.picture()
    head = (
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        tag("title", f"{title} · Sharing hub"),
        Markup('<link rel="stylesheet" href="/assets/ops.css">'),
        Markup('<link rel="icon" href="/assets/ops.svg" type="image/svg+xml">'),
        tag("script", src="/assets/ops.js", defer=""),
    )
    body = (
        tag("a", "Skip to the page", href="#page", class_="skip"),
        tag("header", *_header(caller, stands.door.csrf(request), here)),
        tag("main", tag("h1", title), *inside, id="page", tabindex="-1"),
        tag("footer", *(_as_of(request, picture) if here in LIVE else ()), tag("p", KEPT)),
    )
    text = f"<!DOCTYPE html>\n{tag('html', tag('head', *head), tag('body', *body), lang='en-GB')}\n"
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


async def told(request: web.Request, status: int, title: str, *say: str, here: str = "") -> web.Response:
    """A page that says in words what went wrong, and what to do."""
    return await page(request, title, *(tag("p", one) for one in say), status=status, here=here)


def _header(caller: Caller, csrf: str, here: str) -> Iterator[Markup]:
    out = parts.form("/access/logout", csrf, button="Sign out", class_="plain") if csrf else Markup()
    yield tag(
        "div",
        tag("p", parts.link("Sharing hub"), class_="name"),
        tag("div", tag("p", caller.name, class_="caller"), out, class_="who"),
        class_="bar",
    )
    own = ((f"/agencies/{caller.agency}", "What you are told", ("partner",)),) if caller.agency else ()
    ways = [
        tag("a", said, href=path, **({"aria_current": "page"} if path == here else {}))
        for path, said, roles in (*PAGES, *own)
        if caller.may(*roles)
    ]
    yield tag("nav", listed(ways), aria_label="Pages")


def _as_of(request: web.Request, picture: Picture) -> Iterator[Markup]:
    now = ground(request).clock()
    old = (now - picture.at).total_seconds()
    stale = parts.state("trouble", f"not looked at for {words.lasting(old)}") if old > STALE_SECONDS else Markup()
    seen = tag("time", words.clock(picture.at), datetime=picture.at.isoformat(timespec="seconds"))
    yield tag("p", "As of ", seen, ". ", stale, id="as-of", data_live="")


def faults(picture: Picture) -> Markup:
    """What could not be looked at, where there is something: absence never reads as calm."""
    if not picture.faults:
        return Markup()
    said = [joined(tag("b", words.titled(what)), f": {why}") for what, why in sorted(picture.faults.items())]
    return tag(
        "div", tag("h2", parts.shape("unknown"), " Not all could be looked at"), listed(said), class_="panel unknown"
    )
