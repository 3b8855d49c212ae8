"""Signing in with a browser at a real provider over TLS: the way there and back, and each way to be led astray."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from hub.access import front
from hub.access.door import csrf, guarded, who
from hub.access.tickets import Tickets
from hub.errors import CatalogError
from hub.settings import Settings
from hub.transports.tls import LocalCa, client_context, make_local_ca, server_context
from tests.hub.provider import AUDIENCE, CLIENT, SECRET, Provider, Signer, number

BROWSER = {"Accept": "text/html"}
AGENCIES = ("wiltshire_police",)
ROLES = {"hub-ops": "ops", "hub-governance": "governance", "police-app": "partner:wiltshire_police"}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return make_local_ca(tmp_path_factory.mktemp("pki"))


async def overview(request: web.Request) -> web.Response:
    caller = await who(request)
    return web.json_response({"name": caller.name, "roles": sorted(caller.roles), "agency": caller.agency,
                              "csrf": csrf(request)})  # fmt: skip


class Page:
    """The page of the hub's that people sign in to, its provider, and what a browser does with both."""

    def __init__(self, url: str, peer: Provider, pki: LocalCa, settings: Settings) -> None:
        self.url, self.peer, self.settings, self._pki = url, peer, settings, pki

    @asynccontextmanager
    async def browser(self, **headers: str) -> AsyncIterator[Browser]:
        """One that has no cookies yet."""
        connector = aiohttp.TCPConnector(ssl=client_context(self._pki.ca))
        async with aiohttp.ClientSession(connector=connector, headers=BROWSER | headers) as session:
            yield Browser(session, self.url)


class Browser:
    """A browser that follows nobody by itself."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self._url = session, url

    async def go(self, where: str, **how: Any) -> tuple[int, Any, str]:
        """Status, headers and text of one page."""
        url = where if where.startswith("https://") else self._url + where
        async with self.session.get(url, allow_redirects=False, **how) as answer:
            return answer.status, answer.headers, await answer.text()

    async def led(self, where: str) -> str:
        """Where one page leads."""
        status, headers, text = await self.go(where)
        assert status in (302, 303), text
        return str(headers["Location"])

    async def sign_in(self, where: str = "/") -> str:
        """From a page, to the provider, and back; where that leads in the end."""
        provider = await self.led(await self.led(where))
        return await self.led(await self.led(provider))


@asynccontextmanager
async def page(pki: LocalCa, folder: Path, **settings: Any) -> AsyncIterator[Page]:
    secret = folder / "client.secret"
    secret.write_text(SECRET + "\n")
    peer = Provider()
    app = web.Application()
    app.router.add_get("/", guarded(overview, "ops", "governance", "partner"))
    app.router.add_get("/deep/page", guarded(overview, "ops"))
    async with peer.serving(pki) as issuer:
        listener = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        said = Settings(**{
            "state": folder, "ops_host": "localhost", "oidc_issuer": issuer, "oidc_audience": AUDIENCE,
            "oidc_roles": ROLES, "tls_ca": pki.ca, "oidc_client_id": CLIENT, "oidc_client_secret_file": secret,
            "tls_certificate": pki.server_cert, "tls_key": pki.server_key, **settings,
        })  # fmt: skip
        front.hang(app, said, AGENCIES, port, lambda _: pytest.fail("no local link where people sign in"))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            context = server_context(pki.server_cert, pki.server_key)
            await web.TCPSite(runner, "localhost", port, ssl_context=context).start()
            yield Page(f"https://localhost:{port}", peer, pki, said)
        finally:
            await runner.cleanup()


def at(pki: LocalCa, tmp_path: Path, go: Callable[[Page], Awaitable[None]], **settings: Any) -> None:
    async def whole() -> None:
        async with page(pki, tmp_path, **settings) as here:
            await go(here)

    asyncio.run(whole())


async def code(browser: Browser, where: str) -> str:
    """The code of the denial that a page shows."""
    status, _, text = await browser.go(where)
    assert status in (400, 401, 403, 503), text
    return text.partition("<code>")[2].partition("</code>")[0]


def test_a_browser_signs_in_and_comes_to_the_page_it_wanted(pki: LocalCa, tmp_path: Path) -> None:
    """With PKCE, state and nonce, a session under a cookie that only this host can set, and a name people know."""

    async def go(here: Page) -> None:
        async with here.browser() as browser:
            to_login = await browser.led("/deep/page?since=1")
            assert to_login == "/access/login?to=%2Fdeep%2Fpage%3Fsince%3D1"
            provider = await browser.led(to_login)
            asked = parse_qs(urlsplit(provider).query)
            assert asked["code_challenge_method"] == ["S256"]
            assert {"state", "nonce", "code_challenge", "redirect_uri"} <= asked.keys()
            assert SECRET not in provider
            back = await browser.led(provider)
            assert back.startswith(f"{here.url}/access/callback?")
            status, headers, _ = await browser.go(back)
            assert (status, headers["Location"]) == (303, "/deep/page?since=1")
            (session,) = [one for one in headers.getall("Set-Cookie") if one.startswith("__Host-hub-session=")]
            for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
                assert word in session
            assert "Domain" not in session
            said = json.loads((await browser.go("/deep/page?since=1"))[2])
            assert (said["name"], said["roles"], said["agency"]) == ("ada", ["ops"], "")
            assert len(said["csrf"]) > 40

    at(pki, tmp_path, go)


def test_an_answer_that_comes_twice_or_to_another_browser_opens_nothing(pki: LocalCa, tmp_path: Path) -> None:
    """A link that somebody else began signs nobody in as that one (login CSRF), and none is good again."""

    async def go(here: Page) -> None:
        async with here.browser() as browser, here.browser() as victim:
            back = await browser.led(await browser.led(await browser.led("/")))
            assert await code(victim, back) == "login.unknown"
            await victim.led("/access/login")
            assert await code(victim, back) == "login.state"
            begun = {one.key: one.value for one in browser.session.cookie_jar}["__Host-hub-login"]
            assert await browser.led(back) == "/"
            assert await code(browser, back) == "login.unknown"
            async with here.browser(Cookie=f"__Host-hub-login={begun}") as thief:
                assert await code(thief, back) == "login.unknown"
            assert (await victim.go("/"))[0] == 303

    at(pki, tmp_path, go)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("state=x", "login.state"),
        ("state=", "login.state"),
        ("iss=https://evil.example", "login.issuer"),
        ("code=", "login.refused"),
        ("code=made-up", "login.refused"),
        ("error=access_denied", "login.refused"),
    ],
)
def test_an_answer_that_was_changed_opens_nothing(pki: LocalCa, tmp_path: Path, change: str, expected: str) -> None:
    """And nothing of it is repeated."""

    async def go(here: Page) -> None:
        async with here.browser() as browser:
            back = await browser.led(await browser.led(await browser.led("/")))
            name, _, value = change.partition("=")
            said = {one: values[0] for one, values in parse_qs(urlsplit(back).query).items()} | {name: value}
            query = "&".join(f"{one}={two}" for one, two in said.items())
            assert await code(browser, f"/access/callback?{query}") == expected
            assert (await browser.go("/"))[0] == 303

    at(pki, tmp_path, go)


def test_a_parameter_that_comes_twice_is_not_chosen_from(pki: LocalCa, tmp_path: Path) -> None:
    """Neither the first nor the last is taken."""

    async def go(here: Page) -> None:
        async with here.browser() as browser:
            back = await browser.led(await browser.led(await browser.led("/")))
            assert await code(browser, f"{back}&state=x") == "login.unknown"

    at(pki, tmp_path, go)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"nonce": "another"}, "token.nonce"),
        ({"nonce": None}, "token.nonce"),
        ({"aud": AUDIENCE}, "token.audience"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "token.audience"),
        ({"iss": "https://evil.example"}, "token.issuer"),
        ({"exp": int(time.time()) - 60}, "token.expired"),
        ({"iat": None}, "token.claims"),
        ({"sub": None, "preferred_username": None}, "token.claims"),
        ({"roles": ["nobody"]}, "no-role"),
    ],
)
def test_an_identity_that_was_not_given_for_this_sign_in_opens_nothing(
    pki: LocalCa, tmp_path: Path, claims: dict[str, Any], expected: str
) -> None:
    """Whatever the provider says in its token that does not fit."""

    async def go(here: Page) -> None:
        here.peer.claims = claims
        async with here.browser() as browser:
            back = await browser.led(await browser.led(await browser.led("/")))
            assert await code(browser, back) == expected
            assert (await browser.go("/"))[0] == 303

    at(pki, tmp_path, go)


def test_nobody_is_led_to_another_host_after_signing_in(pki: LocalCa, tmp_path: Path) -> None:
    """Wherever a link says that one should come back to."""

    async def go(here: Page) -> None:
        async with here.browser() as browser:
            for to in ("https://evil.example/", "//evil.example/", "/%5Cevil.example", "%09//evil.example"):
                provider = await browser.led(f"/access/login?to={to}")
                assert await browser.led(await browser.led(provider)) == "/", to

    at(pki, tmp_path, go)


def test_a_cookie_from_before_is_not_the_session_after(pki: LocalCa, tmp_path: Path) -> None:
    """Whoever put one there does not share it (session fixation); and signing in again ends the session before."""

    async def go(here: Page) -> None:
        async with here.browser() as browser:
            await browser.sign_in()
            first = {one.key: one.value for one in browser.session.cookie_jar}["__Host-hub-session"]
            provider = await browser.led("/access/login")
            await browser.go(await browser.led(provider))
            second = {one.key: one.value for one in browser.session.cookie_jar}["__Host-hub-session"]
            assert first != second
            assert (await browser.go("/"))[0] == 200
        async with here.browser(Cookie=f"__Host-hub-session={first}") as thief:
            assert (await thief.go("/"))[0] == 303

    at(pki, tmp_path, go)


def test_signing_out_does_not_sign_in_again(pki: LocalCa, tmp_path: Path) -> None:
    """One comes to a page that says so, and not back to the provider, which would let one in at once."""

    async def go(here: Page) -> None:
        async with here.browser() as browser:
            await browser.sign_in()
            token = json.loads((await browser.go("/"))[2])["csrf"]
            async with browser.session.post(f"{here.url}/access/logout", data={"csrf": token}) as answer:
                assert answer.status == 200
                assert "signed out" in (await answer.text()).lower()
            assert (await browser.go("/"))[0] == 303

    at(pki, tmp_path, go)


def test_programs_show_tokens_of_the_provider_or_tickets_of_the_gateway(pki: LocalCa, tmp_path: Path) -> None:
    """Without a session and without a form's token; each kind names its caller."""

    async def go(here: Page) -> None:
        for token, name, agency in ((here.peer.token(), "0001", ""),
                                    (here.peer.token(roles=["police-app"]), "0001", "wiltshire_police"),
                                    (Tickets(here.settings.keys()).give("schools"), "schools", "schools")):  # fmt: skip
            async with here.browser(Authorization=f"Bearer {token}", Accept="*/*") as program:
                status, _, text = await program.go("/")
                said = json.loads(text)
                assert (status, said["name"], said["agency"], said["csrf"]) == (200, name, agency, "")
        for wrong, expected in ((here.peer.token(Signer("RS256", "one")), "token.signature"), ("x", "token"),
                                (here.peer.token(roles=["nobody"]), "no-role")):  # fmt: skip
            async with here.browser(Authorization=f"Bearer {wrong}", Accept="*/*") as program:
                assert json.loads((await program.go("/"))[2])["code"] == expected
        async with here.browser(Authorization="Basic YTpi", Accept="*/*") as program:
            assert (await program.go("/"))[0] == 401

    at(pki, tmp_path, go)


def test_a_provider_that_is_away_is_told_as_such(pki: LocalCa, tmp_path: Path) -> None:
    """503 to a person and to a program, and neither is let in."""

    async def go(here: Page) -> None:
        here.peer.broken = True
        async with here.browser() as browser:
            assert await code(browser, "/access/login") == "provider"
        async with here.browser(Authorization=f"Bearer {here.peer.token()}", Accept="*/*") as program:
            assert (await program.go("/"))[0] == 503

    at(pki, tmp_path, go)


def test_the_hub_may_prove_itself_by_a_key(pki: LocalCa, tmp_path: Path) -> None:
    """In place of a secret: what it sends is an assertion for the provider's token endpoint."""
    own = tmp_path / "client.jwk"
    own.write_text(json.dumps(Signer("ES256", "ops-1").private()))

    async def go(here: Page) -> None:
        async with here.browser() as browser:
            back = await browser.led(await browser.led(await browser.led("/")))
            assert await code(browser, back) == "login.refused"  # this provider knows secrets alone
            assert here.peer.forms[-1]["client_assertion_type"].endswith("jwt-bearer")
            assert here.peer.forms[-1]["client_assertion"].count(".") == 2
            assert "client_secret" not in here.peer.forms[-1]

    at(pki, tmp_path, go, oidc_client_secret_file=None, oidc_client_jwk_file=own)


def test_a_page_behind_somebody_else_who_does_tls_is_called_by_its_public_address(pki: LocalCa, tmp_path: Path) -> None:
    """Its cookies are those of TLS, browsers come back to the public address, and forms are sent from there."""

    async def go(here: Page) -> None:
        there = {"Host": "ops.example", "Accept": "text/html"}
        async with here.browser() as browser:
            status, headers, _ = await browser.go("/access/login", headers=there)
            asked = parse_qs(urlsplit(headers["Location"]).query)
            assert (status, asked["redirect_uri"]) == (303, ["https://ops.example/access/callback"])
            back = await browser.led(headers["Location"])
            login = headers["Set-Cookie"].partition(";")[0]
            assert login.startswith("__Host-hub-login=")
            _, headers, _ = await browser.go(
                back.replace("https://ops.example", here.url), headers={"Cookie": login} | there
            )
            session = {"Cookie": headers["Set-Cookie"].partition(";")[0]} | there
            token = json.loads((await browser.go("/", headers=session))[2])["csrf"]
            for origin, expected in (("https://evil.example", 403), ("https://ops.example", 303)):
                async with browser.session.post(
                    f"{here.url}/access/logout", data={"csrf": token}, headers=session | {"Origin": origin},
                    allow_redirects=False,
                ) as answer:  # fmt: skip
                    assert answer.status == expected, origin

    at(pki, tmp_path, go, ops_url="https://ops.example/")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"oidc_issuer": "http://provider.example"}, "HUB_OIDC_ISSUER"),
        ({"oidc_jwks": "http://provider.example/keys"}, "HUB_OIDC_JWKS"),
        ({"oidc_algorithms": "RS256 HS256"}, "HUB_OIDC_ALGORITHMS"),
        ({"oidc_algorithms": ""}, "HUB_OIDC_ALGORITHMS"),
        ({"oidc_roles": {}}, "HUB_OIDC_ROLES"),
        ({"oidc_roles": {"x": "admin"}}, "HUB_OIDC_ROLES"),
        ({"oidc_audience": "", "oidc_client_id": ""}, "HUB_OIDC_AUDIENCE"),
        ({"oidc_client_secret_file": Path("/nowhere")}, "HUB_OIDC_CLIENT_SECRET_FILE"),
        ({"oidc_client_jwk_file": Path("/nowhere")}, "HUB_OIDC_CLIENT_JWK_FILE"),
        ({"tls_ca": Path("/nowhere")}, "HUB_TLS_CA"),
        ({"ops_url": "http://ops.example"}, "HUB_OPS_URL"),
        ({"ops_host": "10.0.0.1"}, "HUB_TLS_CERTIFICATE"),
    ],
)
def test_settings_that_do_not_fit_are_told_by_name(tmp_path: Path, settings: dict[str, Any], word: str) -> None:
    """Before anything listens."""
    sound = {
        "oidc_issuer": "https://provider.example",
        "oidc_audience": "a",
        "oidc_client_id": "c",
        "oidc_roles": ROLES,
    }
    with pytest.raises(CatalogError, match=word):
        front.hang(web.Application(), Settings(state=tmp_path, **(sound | settings)), AGENCIES, 1, lambda _: None)


@pytest.mark.parametrize(
    ("agency", "mended"),
    [("wiltshire_polcie", "did you mean partner:wiltshire_police"), ("zebedee", "take it out")],
)
def test_a_role_of_an_agency_that_is_not_there_is_refused(tmp_path: Path, agency: str, mended: str) -> None:
    """By the variable and the name, with what to do: its accounts would see what nobody meant them to, one day."""
    roles = ROLES | {"x": f"partner:{agency}"}
    settings = Settings(state=tmp_path, oidc_issuer="https://provider.example", oidc_audience="a", oidc_roles=roles)

    with pytest.raises(CatalogError, match=rf"^HUB_OIDC_ROLES: there is no agency of partner:{agency} → {mended}"):
        front.bearer_of(settings, AGENCIES)


def test_a_number_in_a_key_is_written_as_rfc_7518_has_it() -> None:
    """The peer's own spelling, so that these tests are held against the standard (RFC 7518 §6.3.1)."""
    assert number(65537) == "AQAB"
