"""The door before the hub's own pages, over a real socket: who comes in, who does not, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from hub.access import front
from hub.access.caller import Caller
from hub.access.door import csrf, guarded, open_to_all, who
from hub.access.sessions import IDLE_SECONDS, LONGEST_SECONDS, MOST, Sessions
from hub.access.signed_in import own_page
from hub.errors import CatalogError
from hub.settings import Settings
from hub.transports.wire import Runner

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
OPS = Caller("ada", frozenset({"ops"}))


async def overview(request: web.Request) -> web.Response:
    return web.json_response({"name": (await who(request)).name, "csrf": csrf(request)})


async def changed(request: web.Request) -> web.Response:
    return web.json_response({"by": (await who(request)).name})


async def broken(_: web.Request) -> web.Response:
    raise ValueError("CANARY")


def application() -> web.Application:
    app = web.Application()
    app.router.add_get("/", guarded(overview, "ops", "governance"))
    app.router.add_post("/change", guarded(changed, "ops"))
    app.router.add_get("/partners", guarded(overview, "partner"))
    app.router.add_get("/broken", guarded(broken, "ops"))
    app.router.add_get("/forgotten", overview)
    app.router.add_get("/style.css", open_to_all(changed_style))
    return app


async def changed_style(_: web.Request) -> web.Response:
    return web.Response(text="p {}", content_type="text/css")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_STATE", str(tmp_path))


@asynccontextmanager
async def serving(app: web.Application, links: list[str], **settings: Any) -> AsyncIterator[str]:
    """The application behind its front, on a port of its own."""
    runner = Runner(app)
    sock = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = sock.sockets[0].getsockname()[1]
    sock.close()
    await sock.wait_closed()
    front.hang(app, Settings(**settings), (), port, links.append)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


Visit = Callable[[aiohttp.ClientSession, str, list[str]], Awaitable[None]]


def visit(go: Visit) -> None:
    """Run *go* as a browser that has not signed in: its session, the page's address, the links that were told."""

    async def whole() -> None:
        links: list[str] = []
        jar = aiohttp.CookieJar(unsafe=True)
        async with serving(application(), links) as url, aiohttp.ClientSession(cookie_jar=jar) as browser:
            await go(browser, url, links)

    asyncio.run(whole())


async def said(browser: aiohttp.ClientSession, method: str, url: str, **how: Any) -> tuple[int, Any, str]:
    """Status, headers and text of one answer, redirections not followed."""
    async with browser.request(method, url, allow_redirects=False, **how) as answer:
        return answer.status, answer.headers, await answer.text()


def test_the_link_in_the_terminal_opens_once() -> None:
    """Then it opens nothing, and the terminal shows another; the session knows a name and both roles."""

    async def go(browser: aiohttp.ClientSession, url: str, links: list[str]) -> None:
        assert (await said(browser, "GET", f"{url}/"))[0] == 401
        (first,) = links
        assert first.startswith(f"{url}/access/open?code=")
        status, headers, _ = await said(browser, "GET", first)
        assert (status, headers["Location"]) == (303, "/")
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert len(links) == 2
        status, _, body = await said(browser, "GET", f"{url}/")
        assert status == 200
        assert "at this machine" in body
        async with aiohttp.ClientSession() as other:
            assert (await said(other, "GET", first))[0] == 401
            assert (await said(other, "GET", f"{url}/"))[0] == 401
            assert (await said(other, "GET", links[1]))[0] == 303

    visit(go)


def test_who_is_not_known_learns_nothing() -> None:
    """Neither which pages there are, nor anything of what was asked, as a problem or as a page."""

    async def go(browser: aiohttp.ClientSession, url: str, _: list[str]) -> None:
        for path in ("/", "/CANARY", "/change?CANARY=1", "/forgotten"):
            status, headers, body = await said(browser, "GET", url + path)
            assert (status, headers["Content-Type"].partition(";")[0]) == (401, "application/problem+json"), path
            assert headers["WWW-Authenticate"] == 'Bearer realm="sharing hub"'
            assert '"code": "unauthenticated"' in body
            assert "CANARY" not in body
            status, headers, body = await said(browser, "GET", url + path, headers=BROWSER)
            assert (status, headers["Content-Type"].partition(";")[0]) == (401, "text/html")
            assert "CANARY" not in body
        assert (await said(browser, "GET", f"{url}/style.css"))[0] == 200

    visit(go)


def test_a_page_is_for_its_roles_and_one_that_names_none_is_for_nobody() -> None:
    """Refused by name of the rule; what is not there is told to those who are known."""

    async def go(browser: aiohttp.ClientSession, url: str, links: list[str]) -> None:
        await said(browser, "GET", links[0])
        for path, expected, code in (("/partners", 403, "role"), ("/forgotten", 403, "unguarded"),
                                     ("/nothing", 404, "not-found"), ("/broken", 500, "error")):  # fmt: skip
            status, headers, body = await said(browser, "GET", url + path)
            assert (status, f'"code": "{code}"' in body) == (expected, True), path
            assert "CANARY" not in body
            assert headers["Cache-Control"] == "no-store"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        status, headers, _ = await said(browser, "DELETE", f"{url}/change", headers=BROWSER)
        assert (status, headers["Allow"]) == (405, "POST")

    visit(go)


def test_a_form_must_carry_what_only_our_pages_know() -> None:
    """In its field or a header; and a browser that says it comes from elsewhere is not heard."""

    async def go(browser: aiohttp.ClientSession, url: str, links: list[str]) -> None:
        await said(browser, "GET", links[0])
        async with browser.get(f"{url}/") as answer:
            token = (await answer.json())["csrf"]
        assert len(token) > 40
        for form, headers, expected in (
            ({}, {}, 403),
            ({"csrf": token + "x"}, {}, 403),
            ({"csrf": ""}, {}, 403),
            ({"csrf": token}, {"Origin": "https://elsewhere.example"}, 403),
            ({"csrf": token}, {"Origin": "null"}, 403),
            ({"csrf": token}, {"Sec-Fetch-Site": "cross-site"}, 403),
            ({"csrf": token}, {"Sec-Fetch-Site": "same-site"}, 403),
            ({"csrf": token}, {"Origin": url, "Sec-Fetch-Site": "same-origin"}, 200),
            ({"csrf": token}, {}, 200),
            ({}, {"X-CSRF-Token": token}, 200),
        ):
            status, _, body = await said(browser, "POST", f"{url}/change", data=form, headers=headers)
            assert status == expected, (form, headers)
            assert expected == 200 or '"code": "csrf"' in body
        status, _, _ = await said(browser, "POST", f"{url}/change", json={"csrf": token})
        assert status == 403

    visit(go)


def test_what_is_no_http_is_not_sent_back() -> None:
    """Nor are its bytes in a log."""

    async def go(_: aiohttp.ClientSession, url: str, __: list[str]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"CANARY CANARY\r\n\r\n")
        answered = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert b'"code": "not-http"' in answered
        assert b"CANARY" not in answered

    visit(go)


def test_another_name_for_this_address_leads_nowhere() -> None:
    """So a page of somebody else's, whose name was made to mean 127.0.0.1, reads nothing (DNS rebinding)."""

    async def go(browser: aiohttp.ClientSession, url: str, links: list[str]) -> None:
        await said(browser, "GET", links[0])
        status, _, body = await said(browser, "GET", f"{url}/", headers={"Host": "elsewhere.example"})
        assert (status, '"code": "host"' in body) == (403, True)
        port = url.rpartition(":")[2]
        assert (await said(browser, "GET", f"{url}/", headers={"Host": f"localhost:{port}"}))[0] == 200

    visit(go)


def test_signing_out_ends_the_session() -> None:
    """At the hub, not only in the browser; and it takes a form of ours to do it."""

    async def go(browser: aiohttp.ClientSession, url: str, links: list[str]) -> None:
        _, headers, _ = await said(browser, "GET", links[0])
        cookie = headers["Set-Cookie"].partition(";")[0]
        async with browser.get(f"{url}/") as answer:
            token = (await answer.json())["csrf"]
        assert (await said(browser, "POST", f"{url}/access/logout"))[0] == 403
        assert (await said(browser, "POST", f"{url}/access/logout", data={"csrf": token}))[0] == 303
        async with aiohttp.ClientSession(headers={"Cookie": cookie}) as thief:
            assert (await said(thief, "GET", f"{url}/"))[0] == 401

    visit(go)


def test_a_session_that_was_set_before_is_not_the_one_that_is_opened() -> None:
    """An id that somebody else put in the browser is worth nothing after signing in (session fixation)."""

    async def go(browser: aiohttp.ClientSession, url: str, links: list[str]) -> None:
        fixed = {"Cookie": "hub-session=chosen-by-somebody-else"}
        _, headers, _ = await said(browser, "GET", links[0], headers=fixed)
        assert "chosen-by-somebody-else" not in headers["Set-Cookie"]
        async with aiohttp.ClientSession(headers=fixed) as thief:
            assert (await said(thief, "GET", f"{url}/"))[0] == 401

    visit(go)


def test_a_session_ends_by_itself() -> None:
    """When nobody asks for a quarter of an hour, and after a working day however busy it is."""
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    idle, busy = sessions.open(OPS), sessions.open(OPS)
    while now[0] < LONGEST_SECONDS:
        now[0] += IDLE_SECONDS
        assert (sessions.find(busy) is not None) == (now[0] <= LONGEST_SECONDS)
    now[0] += 1.0
    assert sessions.find(busy) is None
    assert sessions.find(idle) is None


def test_a_page_that_keeps_itself_up_to_date_keeps_no_session_open() -> None:
    """An open tab is nobody's work: it is served while the session lasts, and does not make it last."""
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    left = sessions.open(OPS)
    while now[0] < IDLE_SECONDS:
        assert sessions.find(left, unattended=True) is not None
        now[0] += 5.0
    now[0] += 5.0
    assert sessions.find(left, unattended=True) is None


def test_sessions_cannot_fill_the_memory() -> None:
    """Past the most of them, the one that was quiet longest goes."""
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    first = sessions.open(OPS)
    for _ in range(MOST):
        now[0] += 0.001
        last = sessions.open(OPS)
    assert sessions.find(first) is None
    assert sessions.find(last) is not None


@pytest.mark.parametrize(
    "to",
    ["https://evil.example/", "//evil.example", r"\\evil.example", r"/\evil.example", "/\t/evil.example", "evil",
     "javascript:alert(1)", "", "/a\r\nSet-Cookie: x=1", "/ü", "/access/logout", "///evil.example", "/[", "/ /evil"],
)  # fmt: skip
def test_nobody_is_led_away_after_signing_in(to: str) -> None:
    """Whatever is no path of our own leads to the first page."""
    assert own_page(to) in ("/", "/[")


def test_somebody_who_signs_in_comes_to_the_page_they_wanted() -> None:
    """With what they asked of it."""
    assert own_page("/agencies/schools?since=1") == "/agencies/schools?since=1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "hub.example", ""])  # noqa: S104  refused
def test_a_page_that_others_could_reach_is_refused_without_a_provider_and_tls(host: str) -> None:
    """In words that say what to set."""
    with pytest.raises(CatalogError) as refused:
        front.check(Settings(ops_host=host))
    for word in ("HUB_OPS_HOST", "HUB_OPS_URL", "HUB_OIDC_ISSUER", "HUB_TLS_CERTIFICATE", "127.0.0.1"):
        assert word in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_a_page_for_this_machine_needs_nothing(host: str) -> None:
    """Any address of the loopback."""
    front.check(Settings(ops_host=host))
