"""Tokens of an identity provider, over real sockets and TLS: which are taken, and how each other fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from hub.access import keyset, signed
from hub.access.bearer import Provider as Known
from hub.access.denied import Denied
from hub.access.published import AGAIN_SECONDS, FRESH_SECONDS, STALE_SECONDS, Published
from hub.access.roles import Roles
from hub.access.signed import ALGORITHMS, LONGEST
from hub.access.signed_in import own_page
from hub.access.tickets import Tickets
from hub.keys import Keys
from hub.transports.tls import LocalCa, client_context, make_local_ca
from tests.hub.provider import AUDIENCE, Provider, Signer, unpadded, write_keys

KEYS = Keys(b"a secret for tests, of 32 bytes.")
MEANINGS = {"hub-ops": "ops", "hub-governance": "governance", "police-app": "partner:wiltshire_police",
            "schools-app": "partner:schools"}  # fmt: skip
AHEAD = ("exp", "nbf", "iat")  # of which a test says how many seconds from now


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return make_local_ca(tmp_path_factory.mktemp("pki"))


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def meet(pki: LocalCa, go: Callable[[Provider, Known, Clock], Awaitable[None]], jwks: str = "") -> None:
    """Run *go* with a provider that listens, and what the hub makes of it."""

    async def whole() -> None:
        peer, clock = Provider(), Clock()
        async with peer.serving(pki) as issuer:
            published = Published(issuer, jwks, client_context(pki.ca), clock)
            await go(peer, Known(issuer, AUDIENCE, published, Roles("roles", MEANINGS), ALGORITHMS), clock)

    asyncio.run(whole())


async def code(known: Known, token: str) -> str:
    """`taken`, or the code of the denial."""
    try:
        await known.caller(token)
    except Denied as error:
        return error.code
    return "taken"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [({"oid": "7f1c", "preferred_username": "ada"}, "7f1c"), ({"preferred_username": "ada"}, "u-1")],
)
def test_a_person_is_known_by_the_claim_that_lasts(claims: dict[str, str], expected: str) -> None:
    """As the settings say which; where a token has none, by what the provider calls them."""
    known = Roles("roles", MEANINGS, "oid").caller({"sub": "u-1", "roles": [next(iter(MEANINGS))], **claims})
    assert known.name == expected


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_algorithm_of_the_list_is_understood(pki: LocalCa, alg: str) -> None:
    """As another implementation signs by it; and the name is the one that people know."""

    async def go(peer: Provider, known: Known, _: Clock) -> None:
        peer.signers = [Signer(alg, "one")]
        caller = await known.caller(peer.token(preferred_username="ada@example.org"))
        assert (caller.name, caller.roles, caller.agency) == ("ada@example.org", {"ops"}, "")

    meet(pki, go)


@pytest.mark.parametrize(
    ("header", "claims", "expected"),
    [
        ({"alg": "none"}, {}, "token.algorithm"),
        ({"alg": "None"}, {}, "token.algorithm"),
        ({"alg": "HS256"}, {}, "token.algorithm"),
        ({"alg": "RS384"}, {}, "token.algorithm"),
        ({"alg": "PS256"}, {}, "token.signature"),
        ({"alg": None}, {}, "token.malformed"),
        ({"alg": 1}, {}, "token.malformed"),
        ({"kid": None}, {}, "token.key"),
        ({"kid": "unknown"}, {}, "token.key"),
        ({"kid": "../../../../etc/passwd"}, {}, "token.key"),
        ({"kid": "' OR 1=1 --"}, {}, "token.key"),
        ({"kid": ["one"]}, {}, "token.key"),
        ({"kid": "k" * 257}, {}, "token.key"),
        ({"typ": "JWT"}, {}, "taken"),
        ({"typ": "application/at+jwt"}, {}, "taken"),
        ({"typ": None}, {}, "taken"),
        ({"typ": "logout+jwt"}, {}, "token.type"),
        ({"typ": "client-authentication+jwt"}, {}, "token.type"),
        ({"typ": 7}, {}, "token.type"),
        ({"crit": ["exp"]}, {}, "token.header"),
        ({"crit": ["b64"], "b64": False}, {}, "token.header"),
        ({}, {"iss": "https://evil.example"}, "token.issuer"),
        ({}, {"iss": None}, "token.issuer"),
        ({}, {"aud": "another"}, "token.audience"),
        ({}, {"aud": None}, "token.audience"),
        ({}, {"aud": ["another"]}, "token.audience"),
        ({}, {"aud": ["another", AUDIENCE]}, "taken"),
        ({}, {"exp": -60}, "token.expired"),
        ({}, {"exp": -5}, "taken"),
        ({}, {"exp": None}, "token.claims"),
        ({}, {"exp": "tomorrow"}, "token.claims"),
        ({}, {"exp": True}, "token.claims"),
        ({}, {"exp": float("inf")}, "token.claims"),
        ({}, {"exp": float("nan")}, "token.claims"),
        ({}, {"nbf": 600}, "token.not-yet"),
        ({}, {"iat": 600}, "token.not-yet"),
        ({}, {"iat": None}, "token.claims"),
        ({}, {"nonce": "n"}, "token.type"),
        ({}, {"at_hash": "h"}, "token.type"),
        ({}, {"sub": None}, "token.claims"),
        ({}, {"sub": "\x1b[2J"}, "token.claims"),
        ({}, {"roles": None}, "no-role"),
        ({}, {"roles": []}, "no-role"),
        ({}, {"roles": "hub-ops"}, "taken"),
        ({}, {"roles": {"hub-ops": 1}}, "no-role"),
        ({}, {"roles": ["admin", "ops"]}, "no-role"),
        ({}, {"roles": ["police-app"]}, "taken"),
        ({}, {"roles": ["police-app", "schools-app"]}, "roles-clash"),
        ({}, {"roles": ["police-app", "hub-ops"]}, "roles-clash"),
        ({}, {"padding": "x" * LONGEST}, "token.malformed"),
    ],
    ids=str,
)
def test_a_token_that_is_not_sound_is_denied_by_name(
    pki: LocalCa, header: dict[str, Any], claims: dict[str, Any], expected: str
) -> None:
    """Whatever is changed in a sound one, by who holds the right key or no key at all."""

    async def go(peer: Provider, known: Known, _: Clock) -> None:
        now = int(time.time())
        said = {name: now + one if name in AHEAD and type(one) is int else one for name, one in claims.items()}
        assert await code(known, peer.token(header=header, **said)) == expected

    meet(pki, go)


def test_a_key_that_the_token_brings_along_is_not_used(pki: LocalCa) -> None:
    """Neither in the header nor by an address in it; nothing is fetched for it."""

    async def go(peer: Provider, known: Known, _: Clock) -> None:
        thief = Signer("RS256", "one")
        for header in ({"jwk": thief.public()}, {"jku": f"{peer.url}/keys"}, {"x5u": f"{peer.url}/keys"},
                       {"x5c": ["MIIB"]}):  # fmt: skip
            assert await code(known, peer.token(thief, header)) == "token.signature"
        assert peer.asked == ["about", "keys"]
        ours = {"jku": "https://evil.example/keys", "x5u": "https://evil.example", "jwk": thief.public()}
        assert await code(known, peer.token(header=ours)) == "taken"

    meet(pki, go)


def test_what_was_changed_after_signing_is_found(pki: LocalCa) -> None:
    """A byte of any part, a part more or less, and another one's signature."""

    async def go(peer: Provider, known: Known, _: Clock) -> None:
        head, body, signature = peer.token().split(".")
        other = unpadded(json.dumps({"iss": peer.url, "aud": AUDIENCE, "roles": ["hub-ops"]}).encode())
        flipped = ("A" if signature[9] != "A" else "B").join((signature[:9], signature[10:]))
        assert await code(known, f"{head}.{body}.{flipped}") == "token.signature"
        assert await code(known, f"{head}.{other}.{signature}") == "token.signature"
        assert await code(known, f"{head}.{body}.") == "token.signature"
        for wrong in ("", "a.b", "a.b.c", f"{head}.{body}", f"{head}.{body}.{signature}.x", f"{head}.{body}.ü", "..",
                      f"{unpadded(b'[]')}.{body}.{signature}", f"{unpadded(b'{' * 3000)}.{body}.{signature}",
                      f"{unpadded(b'[' * 5000)}.{body}.{signature}"):  # fmt: skip
            assert await code(known, wrong) == "token.malformed", wrong[:40]

    meet(pki, go)


def test_a_partner_of_the_providers_is_one_agency(pki: LocalCa) -> None:
    """And sees what is that agency's alone."""

    async def go(peer: Provider, known: Known, _: Clock) -> None:
        caller = await known.caller(peer.token(roles=["police-app"]))
        assert (caller.roles, caller.agency) == ({"partner"}, "wiltshire_police")

    meet(pki, go)


def test_keys_are_kept_and_a_new_one_is_fetched_once_it_is_used(pki: LocalCa) -> None:
    """Many tokens cost one fetch; a made-up key costs none for a while; one that was taken back is good no longer."""

    async def go(peer: Provider, known: Known, clock: Clock) -> None:
        for _ in range(5):
            assert await code(known, peer.token()) == "taken"
        assert peer.asked == ["about", "keys"]
        clock.now += AGAIN_SECONDS + 1
        old, new = peer.signers[0], Signer("ES256", "two")
        peer.signers.append(new)
        assert await code(known, peer.token(new)) == "taken"
        assert peer.asked.count("keys") == 2
        for index in range(20):
            assert await code(known, peer.token(Signer("EdDSA", f"made-up-{index}"))) == "token.key"
        assert peer.asked.count("keys") == 2
        peer.signers = [new]
        clock.now += FRESH_SECONDS + 1
        assert await code(known, peer.token(old)) == "token.key"
        assert peer.asked.count("keys") == 3

    meet(pki, go)


def test_keys_hold_while_the_provider_is_away_and_not_for_ever(pki: LocalCa) -> None:
    """A day; and without any, callers hear that it cannot be told who they are."""

    async def go(peer: Provider, known: Known, clock: Clock) -> None:
        peer.broken = True
        assert await code(known, peer.token()) == "provider"
        peer.broken = False
        clock.now += AGAIN_SECONDS + 1
        assert await code(known, peer.token()) == "taken"
        peer.broken = True
        clock.now += STALE_SECONDS - 1
        assert await code(known, peer.token()) == "taken"
        clock.now += 2
        assert await code(known, peer.token()) == "provider"

    meet(pki, go)


@pytest.mark.parametrize("answers", [{"issuer": "https://evil.example"}, {"jwks_uri": "http://localhost/keys"},
                                     {"jwks_uri": None}])  # fmt: skip
def test_a_provider_that_describes_another_is_not_believed(pki: LocalCa, answers: dict[str, Any]) -> None:
    """And keys are fetched by TLS alone."""

    async def go(peer: Provider, known: Known, _: Clock) -> None:
        peer.answers = answers
        assert await code(known, peer.token()) == "provider"

    meet(pki, go)


def test_a_provider_with_a_certificate_of_nobodys_is_not_believed(pki: LocalCa) -> None:
    """Its keys could be anybody's."""

    async def go() -> None:
        peer = Provider()
        async with peer.serving(pki) as issuer:
            known = Known(issuer, AUDIENCE, Published(issuer), Roles("roles", MEANINGS), ALGORITHMS)
            assert await code(known, peer.token()) == "provider"
            assert peer.asked == []

    asyncio.run(go())


def test_keys_can_lie_in_a_file(pki: LocalCa, tmp_path: Path) -> None:
    """For a provider that cannot be reached from here."""
    signer = Signer("ES256", "filed")
    path = write_keys(tmp_path / "keys.json", signer)

    async def go(peer: Provider, known: Known, _: Clock) -> None:
        assert await code(known, peer.token(signer)) == "taken"
        assert peer.asked == []

    meet(pki, go, str(path))


def test_a_set_holds_public_keys_for_signatures_and_each_once() -> None:
    """A provider's may hold others beside them; a partner's file may not."""
    sound, other = Signer("ES256", "sound"), Signer("EdDSA", "other")
    encrypts, small = Signer("RS256", "encrypts").public() | {"use": "enc"}, Signer("RS256", "small", 1024).public()
    secret = {"kty": "oct", "kid": "secret", "k": unpadded(b"k" * 32)}
    curve = sound.public() | {"crv": "P-384", "kid": "curve"}
    nameless = {name: value for name, value in other.public().items() if name != "kid"}

    def read(*keys: Any, every: bool = False) -> set[str]:
        return set(keyset.read(json.dumps({"keys": keys}).encode(), every=every))

    assert read(sound.public(), other.public(), every=True) == {"sound", "other"}
    for unfit in (encrypts, small, curve, nameless):
        assert read(sound.public(), unfit) == {"sound"}
        with pytest.raises(ValueError, match="key 2"):
            read(sound.public(), unfit, every=True)
    for wrong in ((sound.public(), secret), (sound.public(), other.private()), (sound.public(), sound.public()), (),
                  (encrypts,), tuple(sound.public() | {"kid": str(index)} for index in range(51)), ("x",),
                  (sound.public() | {"x": "!"},)):  # fmt: skip
        with pytest.raises(ValueError, match="key"):
            read(*wrong)
    for data in (b"", b"[]", b"{}", b"{" * 100_000, b"[" * 50_000, b'{"keys": {}}', b"\xff"):
        with pytest.raises(ValueError, match=r"key|JWK"):
            keyset.read(data)


def test_an_empty_list_of_algorithms_allows_none() -> None:
    """Nor does one that names what is never allowed."""
    signer = Signer("RS256", "one")
    key = keyset.read(json.dumps({"keys": [signer.public()]}).encode())["one"]
    token = signed.Token(signer.sign({"iss": "x"}))
    with pytest.raises(Denied, match="algorithm"):
        token.opened(key, (), {"at+jwt"})
    for wrong in ([], ["none"], ["HS256"], ["RS256", "HS256"]):
        with pytest.raises(ValueError, match="signed by"):
            Known("https://x", "a", Published("https://x"), Roles("r", {}), wrong)


@pytest.mark.parametrize("meaning", ["admin", "partner", "partner:", "partner:a b", "Ops", ""])
def test_a_group_means_a_role_that_there_is(meaning: str) -> None:
    """A slip of the pen gives nobody anything."""
    with pytest.raises(ValueError, match="none of"):
        Roles("roles", {"x": meaning})


def test_roles_may_lie_deeper_in_a_token() -> None:
    """As Keycloak has them."""
    claims = {"sub": "x", "realm_access": {"roles": ["hub-ops", "hub-governance"]}}
    assert Roles("realm_access.roles", MEANINGS).caller(claims).roles == {"ops", "governance"}


PART = r"[A-Za-z0-9_-]{0,40}"


@given(st.text() | st.from_regex(rf"{PART}\.{PART}\.{PART}", fullmatch=True), st.binary())
def test_whatever_is_shown_is_denied_and_nothing_breaks(text: str, data: bytes) -> None:
    """Nobody can make anything else of a token, a ticket or a key set than a refusal."""
    for read in (lambda: signed.Token(text), lambda: Tickets(KEYS).agency_of(text)):
        with pytest.raises(Denied) as denied:
            read()
        assert denied.value.status == 401
    with pytest.raises(ValueError, match=r"key|JWK"):
        keyset.read(data)


@given(st.text(st.sampled_from("/\\\\.:@?#%ae \t\n\x00[]"), max_size=12))
def test_wherever_a_link_says_it_stays_here(to: str) -> None:
    """As a browser resolves it, against an address of ours (held against yarl's own joining)."""
    assert URL("https://hub.example/").join(URL(own_page(to), encoded=True)).host == "hub.example"


@pytest.mark.parametrize("url", ["http://x", "https://u:p@x", "x", "https://"])
def test_a_provider_is_reached_by_tls(url: str) -> None:
    """Or it is none."""
    with pytest.raises(ValueError, match="https"):
        Published(url)
