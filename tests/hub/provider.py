"""An identity provider over TLS, with keys that rotate, and a signer of whatever it is told: peers for tests."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlencode

from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hub.transports.tls import LocalCa, server_context

SECRET = "provider-client-secret-0123456789"
CLIENT = "hub ops"
AUDIENCE = "api://sharing-hub"


def unpadded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def number(value: int, size: int = 0) -> str:
    return unpadded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Signer:
    """A private key and its algorithm; signs with the primitives alone, no library of tokens between."""

    def __init__(self, alg: str, kid: str, bits: int = 2048) -> None:
        self.alg, self.kid = alg, kid
        self.key: Any = {
            "E": ec.generate_private_key(ec.SECP256R1()) if alg == "ES256" else ed25519.Ed25519PrivateKey.generate(),
        }.get(alg[0]) or rsa.generate_private_key(65537, bits)

    def public(self) -> dict[str, Any]:
        """The public half, as a JWK."""
        said: dict[str, Any] = {"kid": self.kid, "alg": self.alg, "use": "sig"}
        numbers: Any = None if self.alg == "EdDSA" else self.key.public_key().public_numbers()
        if self.alg == "EdDSA":
            return said | {"kty": "OKP", "crv": "Ed25519", "x": unpadded(self.key.public_key().public_bytes_raw())}
        if self.alg == "ES256":
            return said | {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}
        return said | {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}

    def private(self) -> dict[str, Any]:
        """The whole key, as a JWK."""
        if self.alg == "EdDSA":
            return self.public() | {"d": unpadded(self.key.private_bytes_raw())}
        own = self.key.private_numbers()
        if self.alg == "ES256":
            return self.public() | {"d": number(own.private_value, 32)}
        parts = {"d": own.d, "p": own.p, "q": own.q, "dp": own.dmp1, "dq": own.dmq1, "qi": own.iqmp}
        return self.public() | {name: number(value) for name, value in parts.items()}

    def pem(self) -> bytes:
        """The public half, as PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return bytes(self.key.public_key().public_bytes(serialization.Encoding.PEM, form))

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A token of *claims*; what is said of the header stands in place of what belongs there, None for gone."""
        head = {"alg": self.alg, "kid": self.kid, "typ": "at+jwt"} | header
        head = {name: value for name, value in head.items() if value is not None}
        text = ".".join(unpadded(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{unpadded(self._signature(str(head.get('alg')), text.encode()))}"

    def _signature(self, alg: str, text: bytes) -> bytes:
        if alg.lower() == "none":
            return b""
        if alg.startswith("HS"):  # with the public key as the secret, in the form in which people keep it
            return hmac.digest(self.pem(), text, "sha256")
        if self.alg == "EdDSA":
            return bytes(self.key.sign(text))
        if self.alg == "ES256":
            r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        digest = hashes.SHA512() if self.alg.endswith("512") else hashes.SHA256()
        pad = padding.PSS(padding.MGF1(digest), digest.digest_size) if self.alg[0] == "P" else padding.PKCS1v15()
        return bytes(self.key.sign(text, pad, digest))


class Provider:
    """
    OpenID Connect Discovery, a key set, the authorization code flow with PKCE; it signs people in without asking.

    What it is asked for is kept in *asked*; what it says of somebody is *groups* and *claims*.
    """

    def __init__(self) -> None:
        self.signers = [Signer("RS256", "one")]
        self.groups = ["hub-ops"]
        self.claims: dict[str, Any] = {}
        self.asked: list[str] = []
        self.broken = False
        self.refuses = ""
        self.answers: dict[str, Any] = {}
        self.url = ""
        self.forms: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}

    def token(self, signer: Signer | None = None, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """An access token; what is said of its claims stands in it in place of what belongs there, None for gone."""
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "0001", "iat": now, "exp": now + 300, "roles": self.groups}
        said = {name: value for name, value in (said | claims).items() if value is not None}
        return (signer or self.signers[0]).sign(said, **(header or {}))

    @asynccontextmanager
    async def serving(self, pki: LocalCa) -> AsyncIterator[str]:
        """Its issuer, while it listens."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._about)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            context = server_context(pki.server_cert, pki.server_key)
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            self.url = f"https://localhost:{runner.addresses[0][1]}"
            yield self.url
        finally:
            await runner.cleanup()

    async def _about(self, _: web.Request) -> web.Response:
        self.asked.append("about")
        if self.broken:
            return web.Response(status=503)
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return web.json_response({"issuer": self.url} | {name: self.url + path for name, path in paths.items()}
                                 | self.answers)  # fmt: skip

    async def _keys(self, _: web.Request) -> web.Response:
        self.asked.append("keys")
        if self.broken:
            return web.Response(status=503)
        return web.json_response({"keys": [one.public() for one in self.signers]})

    async def _authorize(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe()
        self._codes[code] = query
        said = {"error": self.refuses} if self.refuses else {"code": code}
        to = f"{query['redirect_uri']}?{urlencode(said | {'state': query['state'], 'iss': self.url})}"
        return web.Response(status=302, headers={"Location": to})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append("token")
        self.forms.append(form)
        asked = self._codes.pop(form["code"], None)
        basic = b64decode(request.headers.get("Authorization", "Basic ").partition(" ")[2]).decode().partition(":")
        known = (unquote_plus(basic[0]), unquote_plus(basic[2])) == (CLIENT, SECRET)
        challenge = unpadded(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or not known or challenge != asked["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert form["redirect_uri"] == asked["redirect_uri"]
        claims = {"aud": asked["client_id"], "nonce": asked["nonce"], "preferred_username": "ada"} | self.claims
        identity = self.token(header={"typ": "JWT"}, **claims)
        return web.json_response({"access_token": "opaque", "token_type": "Bearer", "id_token": identity})


def write_keys(path: Path, *signers: Signer) -> Path:
    """A key set, as a partner hands it over."""
    path.write_text(json.dumps({"keys": [one.public() for one in signers]}), encoding="utf-8")
    return path
