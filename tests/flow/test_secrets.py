"""No secret of a hub at work is where others read: no process's words, no log, no answer, no other file."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from sqlalchemy import make_url, select

from hub.access.assertion import TYPE
from hub.catalog import Catalog
from hub.local_kafka import LocalKafka
from hub.store import engine, reading
from hub.store.tables import metadata
from hub.transports.tls import client_context
from tests.flow.partners import HttpsPartner, MllpPartner, until
from tests.flow.running import EVERY, hub
from tests.flow.searching import descendants, holding, told
from tests.flow.signing_in import Browser, providing
from tests.flow.whole import Whole, broker_pid
from tests.hub.provider import CLIENT, SECRET, Signer, write_keys
from tests.postgresql import server

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PUBLIC = "https://hub.example"
MASH, OURS = Signer("ES256", "mash-1"), Signer("RS512", "hub-1")
NOTICES, REFERRALS = "/wiltshire_police/public_protection_notices", "/mash_front_door/referrals"


class Kept(NamedTuple):
    """A hub at work, its store, its secrets by name, and everything that it answered."""

    whole: Whole
    store: str
    secrets: Mapping[str, bytes]
    answers: list[bytes]


class Caller:
    """Whoever calls the hub at *url*, and keeps what it answers; *ca* is by what its certificate is checked."""

    def __init__(self, url: str, ca: Path, answers: list[bytes]) -> None:
        self._url = url
        self._context = client_context(ca)
        self._answers = answers

    def ask(self, path: str, body: bytes | None, **headers: str) -> tuple[int, bytes]:
        """Status and body of one answer; of a header's name `_` is `-`. It is a GET where there is no *body*."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self._url + path, data=body, headers=named)  # noqa: S310  loopback
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=30) as answer:  # noqa: S310  loopback
                status, said, heads = answer.status, answer.read(), bytes(answer.headers)
        except urllib.error.HTTPError as refused:
            with refused:
                status, said, heads = refused.code, refused.read(), bytes(refused.headers)
        self._answers.append(said + heads)
        return int(status), said

    def garble(self, sent: bytes) -> None:
        """Send what is no HTTP, and keep the answer."""
        scheme, _, where = self._url.partition("://")
        host, _, port = where.partition(":")
        with socket.create_connection((host, int(port)), 30) as plain, ExitStack() as held:
            own = held.enter_context(self._context.wrap_socket(plain, server_hostname=host)) if scheme[4:] else plain
            own.sendall(sent)
            said = b""
            while chunk := _read(own):
                said += chunk
            self._answers.append(said)


def _read(own: socket.socket) -> bytes:
    try:
        return own.recv(65_536)
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.fixture(scope="module")
def kept(
    catalog: Catalog, place: Path, broker: LocalKafka, https_partner: HttpsPartner, mllp_partner: MllpPartner,
    day: ModuleType, today: object,
) -> Iterator[Kept]:  # fmt: skip
    """A hub whose every secret is known here, and that was used, rightly and wrongly, with each of them."""
    folder = place / "given"
    folder.mkdir(parents=True, mode=0o700)
    secrets = {name: os.urandom(24).hex().encode() for name in ("police", "hospital", "kafka", "hub", "store")}
    secrets["ops"] = SECRET.encode()
    for name, secret in secrets.items():
        (folder / name).write_bytes(secret + b"\n")
    (folder / "hub").write_bytes(secrets["hub"])
    (folder / "ours.jwk").write_text(json.dumps(OURS.private()))
    secrets["our own key"] = OURS.private()["d"].encode()
    with server(secrets["store"].decode()) as store, providing(https_partner.ca.parent) as provider:
        whole = Whole(
            catalog, place / "state", broker, https_partner, mllp_partner, "https",
            HUB_SECRET_FILE=str(folder / "hub"),
            HUB_STORE_URL=store,
            HUB_STORE_PASSWORD_FILE=str(folder / "store"),
            HUB_HTTPS_URL=PUBLIC,
            HUB_WILTSHIRE_POLICE_HTTPS_TOKEN_FILE=str(folder / "police"),
            HUB_MASH_FRONT_DOOR_HTTPS_JWKS_FILE=str(write_keys(folder / "mash.json", MASH)),
            HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_TOKEN_FILE=str(folder / "hospital"),
            HUB_SOCIAL_WORKER_HOSPITAL_ALERT_TOKEN_URL=f"{https_partner.url}/token",
            HUB_SOCIAL_WORKER_HOSPITAL_ALERT_CLIENT_ID="hub",
            HUB_SOCIAL_WORKER_HOSPITAL_ALERT_CLIENT_JWK_FILE=str(folder / "ours.jwk"),
            HUB_KAFKA_SASL_PASSWORD_FILE=str(folder / "kafka"),
            HUB_RUN_OPS="on",
            HUB_OPS_PORT="0",
            HUB_OIDC_ISSUER=provider.url,
            HUB_OIDC_CLIENT_ID=CLIENT,
            HUB_OIDC_CLIENT_SECRET_FILE=str(folder / "ops"),
            HUB_OIDC_ROLES=json.dumps({"hub-ops": "ops"}),
        )  # fmt: skip
        try:
            whole.start()
            whole.hub.wait_ready("ops")
            for name in ("server.key", "client.key"):
                pem = whole.settings.path("tls", name).read_bytes()
                secrets[f"tls {name}"] = b"".join(pem.splitlines()[1:-1])[:60]
            answers: list[bytes] = []
            gateway = f"https://127.0.0.1:{whole.hub.port('https')}"
            secrets |= used(Caller(gateway, whole.settings.path("tls", "ca.pem"), answers), secrets)
            secrets |= signed_in(whole, answers, secrets)
            messages = list(day.the_day(today))
            for one in messages:
                if one.line == "flags":
                    whole.drop(one.agency, one.line, one.name, one.data)
            with whole.hospital() as hospital:
                for one in messages:
                    if one.agency == "great_western_hospital":
                        hospital.say(one.data)
            until(lambda: any("token" in one.path for one in https_partner.taken), "the hub asks for a token", 60)
            until(lambda: any(one.headers.get("Authorization") == f"Bearer {secrets['hospital'].decode()}"
                              for one in https_partner.taken), "an alert with its token", 60)  # fmt: skip
            yield Kept(whole, store, secrets, answers)
        finally:
            whole.stop()


def used(caller: Caller, secrets: Mapping[str, bytes]) -> dict[str, bytes]:
    """Call the gateway rightly and in every wrong way with what is secret; returns what became known by it."""
    police = secrets["police"].decode()
    json_of_police = {"Authorization": f"Bearer {police}", "Content_Type": "application/json"}
    assert caller.ask(NOTICES, b"{}", **json_of_police)[0] in (400, 422)
    assert caller.ask(REFERRALS, b"{}", **json_of_police)[0] == 403
    assert caller.ask(f"/wiltshire_police/{police}?token={police}", b"{}", **json_of_police)[0] == 404
    assert caller.ask(NOTICES, b"{}", **(json_of_police | {"Content_Type": f"text/{police}"}))[0] == 415
    assert caller.ask(NOTICES, police.encode(), **json_of_police)[0] in (400, 422)
    assert caller.ask(f"/{police}", b"", Authorization=f"Basic {police}", X_Request_ID=f"a {police}")[0] == 401
    caller.garble(f"GET {police} HTP\r\n{police}\r\n\r\n".encode())
    now = int(time.time())
    claims = {"iss": "mash_front_door", "sub": "mash_front_door", "aud": f"{PUBLIC}/oauth2/token",
              "jti": str(uuid.uuid4()), "iat": now, "exp": now + 60}  # fmt: skip
    proof = MASH.sign(claims, typ="JWT")
    form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_assertion_type": TYPE,
                                   "client_assertion": proof}).encode()  # fmt: skip
    status, said = caller.ask("/oauth2/token", form)
    assert status == 200
    answered = caller._answers.pop()  # the one answer in which a ticket belongs
    ticket = json.loads(said)["access_token"]
    assert ticket.encode() in answered
    assert caller.ask("/oauth2/token", form)[0] == 401
    assert caller.ask("/oauth2/token", form.replace(b"client_credentials", police.encode()))[0] == 400
    assert caller.ask(REFERRALS, b"{}", Authorization=f"Bearer {ticket}", Content_Type="application/json")[0] in (
        400,
        422,
    )
    assert caller.ask(NOTICES, b"{}", Authorization=f"Bearer {ticket}", Content_Type="application/json")[0] == 403
    return {"a ticket": ticket.encode(), "an assertion": proof.encode(), "its signature": proof[-40:].encode()}


def signed_in(whole: Whole, answers: list[bytes], secrets: Mapping[str, bytes]) -> dict[str, bytes]:
    """Sign in to `hub ops`, and call it in every wrong way with what is secret; returns what became known by it."""
    url = f"http://127.0.0.1:{whole.hub.port('https', 'ops')}"
    browser = Browser(whole.https.ca)
    page = browser.go(url + "/")
    assert b"Overview" in page
    session, found = browser.cookie("hub-session"), re.search(rb'name="csrf" value="([^"]+)"', page)
    assert found is not None
    caller, police, known = Caller(url, whole.https.ca, answers), secrets["police"].decode(), f"hub-session={session}"
    assert caller.ask(f"/access/callback?code={police}&state={session}", None)[0] == 401
    assert caller.ask(f"/quarantine/{police}?csrf={session}", None, Cookie=f"hub-session={police}")[0] == 401
    assert caller.ask("/", None, Authorization=f"Bearer {police}")[0] == 401
    assert caller.ask("/", None, Host=police, Cookie=known)[0] == 403
    assert caller.ask(f"/nowhere/{police}", None, Cookie=known)[0] == 404
    form = urllib.parse.urlencode({"csrf": police, "because": session}).encode()
    assert caller.ask("/quarantine", form, Cookie=known, Content_Type="application/x-www-form-urlencoded")[0] == 403
    caller.garble(f"GET {police} HTP\r\nCookie: {known}\r\n\r\n".encode())
    return {"a session": session.encode(), "what its forms carry": found[1]}


def rows(store: str, password: bytes) -> bytes:
    """Everything that the store holds, value by value."""
    database = engine(make_url(store).set(password=password.decode()).render_as_string(hide_password=False))
    try:
        with reading(database) as connection:
            found = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    finally:
        database.dispose()
    return b"\n".join(one if isinstance(one, bytes) else str(one).encode() for row in found for one in row)


def places(kept: Kept) -> dict[str, bytes]:
    """Everything that others may read, by what it is."""
    whole = kept.whole
    assert whole.hub.process is not None
    processes = descendants(whole.hub.process.pid, broker_pid(whole.kafka))
    assert {whole.hub.pid(name) for name in (*EVERY, "ops")} <= processes
    state, private = whole.settings.state, [whole.settings.path(name) for name in ("secrets", "tls")]
    files = [one for one in state.rglob("*") if one.is_file() and not any(own in one.parents for own in private)]
    here, away = whole.hub.environment, {"HUB_STORE_URL": "postgresql://hub@/postgres?host=/nowhere"}
    commands = [
        hub(here, *words) for words in (["lag"], ["check"], ["deliveries"], ["connect", "--help"], ["settings"])
    ]
    commands += [hub(here | away, "deliveries")]
    return {
        "processes": b"\n".join(told(one) for one in processes),
        "what processes print": whole.hub.log.read_bytes(),
        "what Kafka logs": b"\n".join(one.read_bytes() for one in (whole.kafka.folder / "node-1").glob("*.log")),
        "what commands print": b"\n".join(one.stdout + one.stderr for one in commands),
        "what the store holds": rows(kept.store, kept.secrets["store"]),
        "answers": b"\n".join(kept.answers),
        "files": b"\n".join(one.read_bytes() for one in files),
        "names of files": "\n".join(map(str, files)).encode(),
    }


def test_no_secret_is_where_others_read(kept: Kept) -> None:
    """Of no process, in no log, no answer and no file but its own; every kind of secret was in use."""
    found = places(kept)

    assert len(kept.secrets) == 14
    assert len(kept.answers) > 10
    assert all(len(place) > 100 for place in found.values()), {name: len(place) for name, place in found.items()}
    assert {name: hits for name, place in found.items() if (hits := holding(place, kept.secrets))} == {}


def test_a_secret_in_each_form_would_be_found(kept: Kept) -> None:
    """The control: the search knows them, and it knows what a process that was told one looks like."""
    secret = kept.secrets["police"]
    for shown in (b"--password=" + secret, b"x" + base64.b64encode(b"a:" + secret), secret.hex().encode(),
                  base64.b64encode(secret), base64.b64encode(b"b" + secret)):  # fmt: skip
        assert holding(b"before " + shown + b" after", kept.secrets) == {"police"}

    async def started() -> set[str]:
        environment = {**os.environ, "HUB_SECRET": secret.decode()}
        process = await asyncio.create_subprocess_exec("sleep", "60", env=environment)
        try:
            assert process.pid in descendants(os.getpid())
            return holding(told(process.pid), kept.secrets)
        finally:
            process.kill()
            await process.wait()

    assert asyncio.run(started()) == {"police"}
