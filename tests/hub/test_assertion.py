"""Signed assertions at the gateway's own socket: who proves itself gets a ticket, for its own lines."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from hub.access import keyset
from hub.access.assertion import TYPE, Assertions, made
from hub.access.denied import Denied
from hub.access.granting import PATH, Granting
from hub.access.partners import Partners
from hub.access.tickets import SECONDS, Tickets
from hub.errors import TransportError
from hub.keys import Keys
from hub.store import engine, reading
from hub.store.assertions import SpentAssertions
from hub.store.tables import spent
from hub.transports import Answer
from hub.transports.https import HttpsSource
from hub.transports.tls import LocalCa, client_context, make_local_ca, server_context
from tests.hub.provider import Signer, unpadded, write_keys

AUDIENCE = "https://hub.example/oauth2/token"
LINES = {"/police/notices": "json", "/mash/referrals": "json"}
KEYS = Keys(b"a secret for tests, of 32 bytes.")
STATIC = "m" * 32
FORM = {"grant_type": "client_credentials", "client_assertion_type": TYPE}
POLICE, SECOND, MASH = Signer("RS512", "police-1"), Signer("ES256", "police-2"), Signer("EdDSA", "mash-1")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return make_local_ca(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return make_local_ca(tmp_path_factory.mktemp("other"))


def assertion(signer: Signer = POLICE, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    """One of the police's, good for a minute; what is said of its claims stands in place of what belongs there."""
    now = int(time.time())
    said = {"iss": "police", "sub": "police", "aud": AUDIENCE, "jti": str(uuid.uuid4()), "iat": now, "exp": now + 60}
    said = {name: value for name, value in (said | claims).items() if value is not None}
    return signer.sign(said, **{"typ": "JWT", **(header or {})})


class Gateway:
    """The gateway's listener, and its partners: the police sign with either of two keys, MASH with one."""

    def __init__(self, url: str, context: ssl.SSLContext, received: list[tuple[str, str]]) -> None:
        self.url, self.received, self._context = url, received, context

    async def ask(self, path: str, **how: Any) -> tuple[int, Any, Mapping[str, str]]:
        """Status, document and headers of an answer to a POST."""
        context = how.pop("context", self._context)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            session.request(how.pop("method", "POST"), self.url + path, **how) as answer,
        ):
            return answer.status, await answer.json(content_type=None), dict(answer.headers)

    async def ticket(self, shown: str, **more: str) -> tuple[int, Any, Mapping[str, str]]:
        """What an assertion is answered."""
        return await self.ask(PATH, data=FORM | {"client_assertion": shown} | more)

    async def say(self, ticket: str | None, path: str = "/police/notices", **how: Any) -> tuple[int, str]:
        """Status and code of the answer to a message."""
        headers = {"Content-Type": "application/json"}
        headers |= {} if ticket is None else {"Authorization": f"Bearer {ticket}"}
        status, said, _ = await self.ask(path, data=b"{}", headers=headers, **how)
        return status, said.get("code", "")


@asynccontextmanager
async def gateway(
    pki: LocalCa, store: Path, certificates: Mapping[str, Path] | None = None, static: str = "mash", **how: Any
) -> AsyncIterator[Gateway]:
    """One that keeps what was used in *store*; *certificates* are those that agencies must show."""
    folder = store.parent
    keys = {
        "police": keyset.read(write_keys(folder / "police.json", POLICE, SECOND).read_bytes(), every=True),
        "mash": keyset.read(write_keys(folder / "mash.json", MASH).read_bytes(), every=True),
    }
    database = engine(f"sqlite:///{store}")
    assertions = Assertions(keys, AUDIENCE, SpentAssertions(database, KEYS))
    pems = {agency: path.read_text() for agency, path in (certificates or {}).items()}
    shown = {agency: [ssl.PEM_cert_to_DER_cert(pem)] for agency, pem in pems.items()}
    tickets = Tickets(KEYS, how.get("clock", time.time))
    partners = Partners({static: STATIC}, shown, how.get("signing", keys), tickets)
    context = server_context(pki.server_cert, pki.server_key, shown="".join(pems.values()))
    received: list[tuple[str, str]] = []

    async def receive(agency: str, line: str, _: bytes) -> Answer:
        received.append((agency, line))
        return Answer(events=1)

    source = HttpsSource("127.0.0.1", 0, LINES, partners, context, Granting(assertions, tickets))  # type: ignore[arg-type]
    await source.start(receive)
    try:
        yield Gateway(f"https://localhost:{source.port}", client_context(pki.ca), received)
    finally:
        await source.stop()
        database.dispose()


def at(pki: LocalCa, tmp_path: Path, go: Callable[[Gateway], Awaitable[None]], **how: Any) -> None:
    """Run *go* at a gateway."""

    async def whole() -> None:
        async with gateway(pki, tmp_path / "gateway.db", **how) as here:
            await go(here)

    asyncio.run(whole())


@pytest.mark.parametrize("signer", [POLICE, SECOND])
def test_an_agency_that_signs_gets_a_ticket_and_speaks(pki: LocalCa, tmp_path: Path, signer: Signer) -> None:
    """With either of its keys, so that one follows the other without a gap; as RFC 6749 §5.1 answers."""

    async def go(here: Gateway) -> None:
        status, said, headers = await here.ticket(assertion(signer))
        assert (status, said["token_type"], said["expires_in"]) == (200, "Bearer", SECONDS)
        assert headers["Cache-Control"] == "no-store"
        assert "police" not in said["access_token"]
        assert await here.say(said["access_token"]) == (200, "")
        assert await here.say(said["access_token"], "/mash/referrals") == (403, "forbidden")
        assert here.received == [("police", "notices")]

    at(pki, tmp_path, go)


def test_our_own_assertions_are_of_the_kind_that_we_take(pki: LocalCa, tmp_path: Path) -> None:
    """So what the hub sends to partners was taken by one of another make, and here by our own."""
    key = keyset.private(json.dumps(SECOND.private()).encode())

    async def go(here: Gateway) -> None:
        assert (await here.ticket(made("police", AUDIENCE, key)))[0] == 200

    at(pki, tmp_path, go)


@pytest.mark.parametrize(
    ("signer", "header", "claims", "expected"),
    [
        (POLICE, {"alg": "none"}, {}, "token.algorithm"),
        (POLICE, {"alg": "HS256"}, {}, "token.algorithm"),
        (POLICE, {"kid": None}, {}, "token.key"),
        (POLICE, {"kid": "../police-1"}, {}, "token.key"),
        (POLICE, {"kid": "police-2"}, {}, "token.signature"),
        (POLICE, {"kid": "mash-1"}, {}, "token.key"),
        (MASH, {}, {}, "token.key"),
        (MASH, {"kid": "police-1"}, {}, "token.signature"),
        (MASH, {}, {"iss": "mash"}, "token.subject"),
        (MASH, {}, {"sub": "mash"}, "token.key"),
        (POLICE, {"typ": "at+jwt"}, {}, "token.type"),
        (POLICE, {"typ": "client-authentication+jwt"}, {}, ""),
        (POLICE, {"crit": ["x"]}, {}, "token.header"),
        (POLICE, {"jku": "https://evil.example"}, {}, ""),
        (POLICE, {}, {"iss": "nobody"}, "token.key"),
        (POLICE, {}, {"iss": None}, "token.key"),
        (POLICE, {}, {"iss": ["police"]}, "token.key"),
        (POLICE, {}, {"sub": "mash"}, "token.subject"),
        (POLICE, {}, {"sub": None}, "token.subject"),
        (POLICE, {}, {"aud": "https://hub.example"}, "token.audience"),
        (POLICE, {}, {"aud": [AUDIENCE]}, ""),
        (POLICE, {}, {"aud": [AUDIENCE, "https://evil.example"]}, "token.audience"),
        (POLICE, {}, {"aud": None}, "token.audience"),
        (POLICE, {}, {"exp": None}, "token.claims"),
        (POLICE, {}, {"exp": 1}, "token.expired"),
        (POLICE, {}, {"exp": int(time.time()) + 3600}, "token.too-long"),
        (POLICE, {}, {"exp": float("inf")}, "token.claims"),
        (POLICE, {}, {"nbf": int(time.time()) + 3600}, "token.not-yet"),
        (POLICE, {}, {"iat": int(time.time()) + 3600}, "token.not-yet"),
        (POLICE, {}, {"iat": None}, ""),
        (POLICE, {}, {"jti": None}, "token.claims"),
        (POLICE, {}, {"jti": ""}, "token.claims"),
        (POLICE, {}, {"jti": 7}, "token.claims"),
        (POLICE, {}, {"jti": "j" * 257}, "token.claims"),
    ],
    ids=str,
)
def test_an_assertion_that_is_not_sound_gets_nothing(
    pki: LocalCa, tmp_path: Path, signer: Signer, header: dict[str, Any], claims: dict[str, Any], expected: str
) -> None:
    """It is denied by name, in the words of RFC 6749 §5.2; where nothing is expected, it is sound."""

    async def go(here: Gateway) -> None:
        status, said, _ = await here.ticket(assertion(signer, header, **claims))
        if not expected:
            assert status == 200
            return
        assert (status, said["error"]) == (401, "invalid_client")
        assert said["error_description"].partition(":")[0] == expected

    at(pki, tmp_path, go)


def test_an_assertion_is_used_once_and_a_restart_does_not_forget(pki: LocalCa, tmp_path: Path) -> None:
    """Not even at another gateway beside it; another agency may call its own the same; nothing readable is kept."""
    once, name = assertion(jti="Marlowe-1"), "Marlowe-1"

    async def go(here: Gateway) -> None:
        assert (await here.ticket(once))[0] == 200
        assert (await here.ticket(once))[1]["error_description"].startswith("token.replayed")
        assert (await here.ticket(assertion(SECOND, jti=name)))[1]["error_description"].startswith("token.replayed")
        mash = assertion(MASH, iss="mash", sub="mash", jti=name)
        assert (await here.ticket(mash))[0] == 200

    at(pki, tmp_path, go)

    async def again(here: Gateway) -> None:
        assert (await here.ticket(once))[1]["error_description"].startswith("token.replayed")

    at(pki, tmp_path, again)
    assert name.encode() not in (tmp_path / "gateway.db").read_bytes()


def test_only_one_of_many_at_once_is_taken(pki: LocalCa, tmp_path: Path) -> None:
    """Whoever sends the same assertion twenty times at the same moment."""

    async def go(here: Gateway) -> None:
        once = assertion()
        answers = await asyncio.gather(*(here.ticket(once) for _ in range(20)))
        assert sorted(status for status, _, _ in answers) == [200] + [401] * 19

    at(pki, tmp_path, go)


def test_what_would_not_be_good_any_more_is_forgotten(tmp_path: Path) -> None:
    """So that the table stays small."""
    store = engine(f"sqlite:///{tmp_path}/gateway.db")
    kept = SpentAssertions(store, KEYS)
    assert kept.spend("police", "a", until=100.0, now=50.0)
    assert not kept.spend("police", "a", until=100.0, now=60.0)
    assert kept.spend("police", "b", until=300.0, now=200.0)
    with reading(store) as connection:
        assert len(connection.execute(select(spent.c.name)).all()) == 1
    store.dispose()


def test_where_it_cannot_be_written_down_nobody_gets_in() -> None:
    """And hears that it is for another time."""

    class Broken:
        def spend(self, *_: object) -> bool:
            raise TransportError("store: OperationalError")

    key = {"police-2": keyset.read(json.dumps({"keys": [SECOND.public()]}).encode())["police-2"]}
    with pytest.raises(Denied) as denied:
        asyncio.run(Assertions({"police": key}, AUDIENCE, Broken()).agency_of(assertion(SECOND)))  # type: ignore[arg-type]
    assert (denied.value.status, denied.value.code) == (503, "not-kept")


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"method": "GET"}, "request"),
        ({"json": FORM}, "request"),
        ({"data": b"%%%", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, "request"),
        ({"data": FORM | {"grant_type": "password"}}, "grant-type"),
        ({"data": FORM | {"client_assertion_type": "saml"}}, "assertion-type"),
        ({"data": FORM | {"client_assertion": "CANARY"}}, "token.malformed"),
        ({"data": FORM}, "token.malformed"),
        ({"data": FORM | {"client_assertion": "x" * 20_000}}, "request"),
        ({"data": [*FORM.items(), ("grant_type", "client_credentials")]}, "request"),
        ({"data": FORM | {"client_id": "police", "client_secret": "CANARY"}}, "token.malformed"),
    ],
)
def test_a_request_for_a_ticket_that_is_none_is_told_why(
    pki: LocalCa, tmp_path: Path, how: dict[str, Any], code: str
) -> None:
    """And what was sent is not repeated."""

    async def go(here: Gateway) -> None:
        status, said, _ = await here.ask(PATH, **how)
        assert status in (400, 401)
        assert said["error_description"].partition(":")[0] == code
        assert "CANARY" not in str(said)

    at(pki, tmp_path, go)


def test_a_client_id_of_another_is_no_mistake(pki: LocalCa, tmp_path: Path) -> None:
    """One of the two is wrong, and nobody knows which."""

    async def go(here: Gateway) -> None:
        assert (await here.ticket(assertion(), client_id="police"))[0] == 200
        assert (await here.ticket(assertion(), client_id="mash"))[0] == 401

    at(pki, tmp_path, go)


def test_a_ticket_ends(pki: LocalCa, tmp_path: Path) -> None:
    """After five minutes; one that was changed never began, and one of another hub's is none."""
    now = [1000.0]

    async def go(here: Gateway) -> None:
        ticket = Tickets(KEYS, lambda: now[0]).give("police")
        now[0] += SECONDS - 1
        assert await here.say(ticket) == (200, "")
        now[0] += 1
        assert await here.say(ticket) == (401, "token.expired")
        fresh = Tickets(KEYS, lambda: now[0]).give("police")
        changed = fresh[:20] + ("A" if fresh[20] != "A" else "B") + fresh[21:]
        theirs = Tickets(Keys(b"another secret, also of 32 bytes"), lambda: now[0]).give("police")
        for wrong in (changed, theirs, "x", "x" * 5000, unpadded(b"9999999999 police"), f"{fresh} {fresh}", "ü"):
            assert await here.say(wrong) == (401, "token"), wrong[:50]

    at(pki, tmp_path, go, clock=lambda: now[0])


def test_an_agency_whose_keys_were_taken_away_is_out(pki: LocalCa, tmp_path: Path) -> None:
    """Even with a ticket from before."""

    async def go(here: Gateway) -> None:
        assert await here.say(Tickets(KEYS).give("police")) == (401, "unauthenticated")

    at(pki, tmp_path, go, signing={"mash": None})


def test_an_agency_may_connect_with_its_certificate_instead(pki: LocalCa, other: LocalCa, tmp_path: Path) -> None:
    """It is known by it, speaks on its own lines alone, and nobody else's certificate is taken for it."""

    async def go(here: Gateway) -> None:
        own = client_context(pki.ca, pki.client_cert, pki.client_key)
        assert await here.say(None, "/hospital/x", context=own) == (404, "no-such-line")
        assert await here.say(None, "/police/notices", context=own) == (403, "forbidden")
        assert await here.say(STATIC, "/mash/referrals", context=own) == (403, "certificate")
        assert await here.say(None) == (401, "unauthenticated")
        assert await here.say(STATIC, "/mash/referrals") == (200, "")
        with pytest.raises(aiohttp.ClientError):
            await here.say(None, context=client_context(pki.ca, other.client_cert, other.client_key))

    at(pki, tmp_path, go, certificates={"hospital": pki.client_cert})


def test_an_agency_with_a_certificate_and_a_key_needs_both(pki: LocalCa, tmp_path: Path) -> None:
    """A stolen ticket without the certificate opens nothing, nor the certificate without a ticket."""

    async def go(here: Gateway) -> None:
        own = client_context(pki.ca, pki.client_cert, pki.client_key)
        ticket = (await here.ticket(assertion()))[1]["access_token"]
        assert await here.say(ticket) == (401, "certificate")
        assert await here.say(None, context=own) == (401, "unauthenticated")
        assert await here.say(ticket, context=own) == (200, "")

    at(pki, tmp_path, go, certificates={"police": pki.client_cert})


def test_a_denial_says_how_to_be_known(pki: LocalCa, tmp_path: Path) -> None:
    """As RFC 6750 §3 has it: another word for no token than for one that is no good."""

    async def go(here: Gateway) -> None:
        none, wrong = 'Bearer realm="sharing hub"', 'Bearer realm="sharing hub", error="invalid_token"'
        for headers, expected in (({}, none), ({"Authorization": "Bearer x"}, wrong)):
            _, _, answered = await here.ask("/police/notices", data=b"", headers=headers)
            assert answered["WWW-Authenticate"] == expected

    at(pki, tmp_path, go)
