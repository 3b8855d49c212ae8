"""Pages: what somebody who is not let in reads, in a browser or as a problem; nothing of what they sent."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from aiohttp import web

from hub.access.denied import UNKNOWN, Denied
from hub.markup import Markup, tag
from hub.problem import problem

_SAYS: Final = {
    400: "This request was not understood",
    401: "Sign in first",
    403: "You may not see this",
    404: "There is no such page",
    405: "Not in this way",
    413: "Too large",
    503: "It cannot be told just now who you are",
}


def denial(request: web.Request, why: Denied | web.HTTPException, sign_in: str = "") -> web.Response:
    """
    The answer to somebody who is not let in, or who asks for what is not there.

    A browser that is not known goes to *sign_in*, where there is such a path, and comes back to where it wanted.
    """
    status: int = why.status
    if isinstance(why, Denied):
        code, mend, headers = why.code, why.mend, why.headers
    else:
        code, mend = HTTPStatus(status).phrase.lower().replace(" ", "-"), ""
        headers = {name: why.headers[name] for name in ("Allow",) if name in why.headers}
    if not is_browser(request):
        return problem(status, code, mend=mend, detail=_SAYS.get(status, ""), headers=headers)
    if code == UNKNOWN and sign_in and request.method == "GET":  # not where signing in failed: round and round
        wanted = quote(request.rel_url.raw_path_qs, safe="")
        return web.Response(status=303, headers={"Location": f"{sign_in}?to={wanted}"})
    return page(status, _SAYS.get(status, HTTPStatus(status).phrase), mend, code, headers)


def is_browser(request: web.BaseRequest) -> bool:
    """Whether a person reads the answer."""
    return "text/html" in request.headers.get("Accept", "")


def page(status: int, title: str, say: str = "", code: str = "", headers: dict[str, str] | None = None) -> web.Response:
    """A page of one sentence, which needs no other file."""
    words = [tag("h1", title), *([tag("p", say[:1].upper() + say[1:] + ".")] if say else [])]
    words += [tag("p", tag("small", "Code: ", tag("code", code)))] if code else []
    words += [tag("p", tag("a", "To the first page", href="/"))]
    head = tag("head", Markup('<meta charset="utf-8">'), Markup('<meta name="viewport" content="width=device-width">'),
               tag("title", title))  # fmt: skip
    text = "<!DOCTYPE html>\n" + tag("html", head, tag("body", tag("main", *words)), lang="en-GB")
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)
