"""Tokens that a partner grants us for our signed assertion, over real sockets and TLS: kept and renewed."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from hub import cli
from hub.access import assertion, keyset
from hub.access.assertion import Assertions
from hub.access.denied import Denied
from hub.access.signed import ALGORITHMS, Token
from hub.agency import Door
from hub.doors import Sinks
from hub.errors import CatalogError, TransportError
from hub.settings import Settings
from hub.transports import Delivery
from hub.transports.https import Granted, HttpsSink
from hub.transports.https.granted import MARGIN_SECONDS, USUAL_SECONDS
from hub.transports.tls import LocalCa, client_context, make_local_ca, server_context
from tests.hub.provider import Signer, write_keys

OURS = Signer("RS512", "hub-1")
KEY = keyset.private(json.dumps(OURS.private()).encode())
DELIVERY = Delivery("m-1", "chis", "moves", "", "application/json", b'{"name": "CANARY"}', ".json")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return make_local_ca(tmp_path_factory.mktemp("pki"))


class Seen:
    """Remembers the assertions that were used."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def spend(self, _agency: str, name: str, _until: float, _now: float) -> bool:
        """As `hub.access.assertion.Spent`."""
        fresh = name not in self.names
        self.names.add(name)
        return fresh


class Partner:
    """A partner with a token endpoint and a door behind it."""

    def __init__(self) -> None:
        self.good: set[str] = set()
        self.given = 0
        self.takes_none = False
        self.posted: list[str] = []
        self.said: dict[str, Any] = {"expires_in": 300, "token_type": "Bearer"}
        self.status = 200
        self.body: bytes | None = None
        self.url = ""
        self._known: Assertions | None = None

    @asynccontextmanager
    async def listening(self, pki: LocalCa, folder: Path) -> AsyncIterator[str]:
        """Its address, while it listens."""
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_route("*", "/door", self._door)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            context = server_context(pki.server_cert, pki.server_key)
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            self.url = f"https://localhost:{runner.addresses[0][1]}"
            keys = {"the-hub": keyset.read(write_keys(folder / "hub.json", OURS).read_bytes())}
            self._known = Assertions(keys, f"{self.url}/token", Seen())
            yield self.url
        finally:
            await runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        assert self._known is not None
        form = await request.post()
        try:
            await self._known.agency_of(str(form["client_assertion"]))
        except Denied as error:
            return web.json_response({"error": "invalid_client", "error_description": error.code}, status=401)
        self.given += 1
        token = f"token-{self.given}"
        self.good.add(token)
        if self.body is not None:
            return web.Response(body=self.body, status=self.status)
        return web.json_response({"access_token": token} | self.said, status=self.status)

    async def _door(self, request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.posted.append(shown)
        return web.Response(status=200 if shown in self.good and not self.takes_none else 401)


Go = Callable[[Partner, HttpsSink], Awaitable[None]]


def carry(pki: LocalCa, tmp_path: Path, go: Go, now: list[float] | None = None, client: str = "the-hub") -> None:
    """Run *go* with a partner and our way to it."""

    async def whole() -> None:
        partner, time = Partner(), now if now is not None else [0.0]
        async with partner.listening(pki, tmp_path) as url:
            context = client_context(pki.ca)
            granted = Granted(f"{url}/token", client, KEY, context, lambda: time[0])
            sink = HttpsSink(f"{url}/door", granted, context, timeout=5)
            try:
                await go(partner, sink)
            finally:
                await sink.close()

    asyncio.run(whole())


def test_one_token_serves_until_shortly_before_its_end(pki: LocalCa, tmp_path: Path) -> None:
    """Then another is got, each by an assertion of its own."""
    now = [0.0]

    async def go(partner: Partner, sink: HttpsSink) -> None:
        assert [await sink.deliver(DELIVERY) for _ in range(3)] == ["200"] * 3
        now[0] = 300 - MARGIN_SECONDS - 0.1
        await sink.deliver(DELIVERY)
        assert partner.given == 1
        now[0] += 0.2
        await sink.deliver(DELIVERY)
        assert partner.posted == ["token-1"] * 4 + ["token-2"]

    carry(pki, tmp_path, go, now)


def test_many_who_ask_at_once_get_one_token(pki: LocalCa, tmp_path: Path) -> None:
    """A partner is not asked eight times because eight messages go abreast."""

    async def go(partner: Partner, sink: HttpsSink) -> None:
        await asyncio.gather(*(sink.deliver(DELIVERY) for _ in range(8)))
        assert (partner.given, partner.posted) == (1, ["token-1"] * 8)

    carry(pki, tmp_path, go)


def test_a_token_that_is_turned_away_is_renewed_once(pki: LocalCa, tmp_path: Path) -> None:
    """The message goes with the new one at the same attempt; where that is turned away too, it is tried again later."""

    async def go(partner: Partner, sink: HttpsSink) -> None:
        await sink.deliver(DELIVERY)
        partner.good.clear()
        assert await sink.deliver(DELIVERY) == "200"
        assert partner.posted == ["token-1", "token-1", "token-2"]
        partner.takes_none = True
        with pytest.raises(TransportError, match="https: status 401"):
            await sink.deliver(DELIVERY)
        assert partner.posted[3:] == ["token-2", "token-3"]

    carry(pki, tmp_path, go)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"status": 500}, "status 500"),
        ({"status": 302}, "status 302"),
        ({"body": b"<html>CANARY"}, "no token"),
        ({"body": b"[]"}, "no token"),
        ({"body": b"{}"}, "no token"),
        ({"body": b'{"access_token": 7}'}, "no token"),
        ({"body": b'{"access_token": ""}'}, "no token"),
        ({"body": b'{"access_token": "a\\r\\nX-Evil: 1"}'}, r"no token|no bearer"),
        ({"body": b'{"access_token": "a", "token_type": "mac"}'}, "no bearer"),
        ({"body": b"[" * 5000}, "no token"),
        ({"body": b"x" * 300_000}, "no token"),
    ],
)
def test_without_a_token_nothing_is_sent_and_nothing_lost(
    pki: LocalCa, tmp_path: Path, how: dict[str, Any], words: str
) -> None:
    """It is tried again; the error says what happened and nothing of what the partner said."""

    async def go(partner: Partner, sink: HttpsSink) -> None:
        for name, value in how.items():
            setattr(partner, name, value)
        with pytest.raises(TransportError, match=words) as error:
            await sink.deliver(DELIVERY)
        assert str(error.value).startswith("https.token: ")
        assert "CANARY" not in str(error.value)
        assert partner.posted == []

    carry(pki, tmp_path, go)


def test_a_partner_that_does_not_know_us_is_told_apart(pki: LocalCa, tmp_path: Path) -> None:
    """By the status of its token endpoint."""

    async def go(_: Partner, sink: HttpsSink) -> None:
        with pytest.raises(TransportError, match=r"https\.token: status 401"):
            await sink.deliver(DELIVERY)

    carry(pki, tmp_path, go, client="somebody-else")


@pytest.mark.parametrize("seconds", [None, "soon", True, float("nan")])
def test_a_token_of_unknown_length_is_taken_for_a_short_one(pki: LocalCa, tmp_path: Path, seconds: Any) -> None:
    """RFC 6749 §5.1 leaves it to the partner whether to say."""
    now = [0.0]

    async def go(partner: Partner, sink: HttpsSink) -> None:
        partner.said = {} if seconds is None else {"expires_in": seconds}
        await sink.deliver(DELIVERY)
        now[0] = USUAL_SECONDS - MARGIN_SECONDS + 0.1
        await sink.deliver(DELIVERY)
        assert partner.given == 2

    carry(pki, tmp_path, go, now)


def test_a_door_is_tried_with_a_token(pki: LocalCa, tmp_path: Path) -> None:
    """As `hub connect` does, before any message goes."""

    async def go(partner: Partner, sink: HttpsSink) -> None:
        assert [one.step for one in await sink.reach()] == ["name", "connection", "TLS", "credentials"]
        assert partner.posted == ["token-1"]

    carry(pki, tmp_path, go)


def test_what_the_settings_say_of_it_is_held_together(
    catalog: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that is missing or cannot be is told by its variable."""
    agency, start = catalog.agencies["great_western_hospital"], "HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT"
    door = Door(format="fhir", by="https")
    jwk, static = tmp_path / "hub.jwk", tmp_path / "token"
    jwk.write_text(json.dumps(OURS.private()))
    static.write_text("t" * 32)

    def said(**words: str) -> str:
        for word in ("TOKEN_URL", "CLIENT_ID", "CLIENT_JWK_FILE", "TOKEN_FILE"):
            monkeypatch.setenv(f"{start}_{word}", words.get(word, ""))
        monkeypatch.setenv(f"{start}_URL", "https://chis.example/moves")
        try:
            Sinks(Settings(state=tmp_path))(agency, "hospital_alert", door)
        except CatalogError as error:
            return str(error)
        return ""

    sound = {"TOKEN_URL": "https://chis.example/token", "CLIENT_ID": "the-hub", "CLIENT_JWK_FILE": str(jwk)}
    assert said(**sound) == ""
    for word, value in (("TOKEN_URL", "http://chis.example/token"), ("CLIENT_ID", ""), ("CLIENT_JWK_FILE", ""),
                        ("CLIENT_JWK_FILE", str(tmp_path / "absent")), ("CLIENT_JWK_FILE", str(static)),
                        ("TOKEN_FILE", str(static))):  # fmt: skip
        assert said(**(sound | {word: value})).startswith(f"{start}_{word}"), (word, value)


def test_a_key_is_made_for_us_and_its_public_half_for_the_partner(tmp_path: Path) -> None:
    """What `hub key` prints is the key set that the partner needs; the file is its owner's alone, and is never lost."""
    file = tmp_path / "chis.jwk"
    for alg in ("ES256", "RS512", "PS256"):
        file.unlink(missing_ok=True)
        made = CliRunner().invoke(cli.main, ["key", str(file), "--kid", "hub-2026", "--alg", alg])
        assert made.exit_code == 0, made.output
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        ours, theirs = keyset.private(file.read_bytes()), keyset.read(made.output.encode(), every=True)
        proof = assertion.made("the-hub", "https://chis.example/token", ours)
        claims = Token(proof).opened(theirs["hub-2026"], ALGORITHMS, assertion.TYPES)
        assert (claims["sub"], claims["aud"]) == ("the-hub", "https://chis.example/token")
    before = file.read_bytes()
    again = CliRunner().invoke(cli.main, ["key", str(file), "--kid", "hub-2027"])
    assert again.exit_code != 0
    assert file.read_bytes() == before
