"""HTTPS in and out over real sockets and TLS: who may speak, what is answered, what is tried again."""

import asyncio
import io
import json
import logging
import ssl
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from hub.access.partners import Partners
from hub.catalog import Catalog
from hub.errors import Refused, TransportError
from hub.formats import fhir
from hub.intake import Intake
from hub.keys import Keys
from hub.store.inbox import Inbox
from hub.transports import Answer, Delivery, wire
from hub.transports.https import HttpsSink, HttpsSource, server
from hub.transports.https import outcome as outcome_
from hub.transports.memory import MemoryLog
from hub.transports.tls import LocalCa, client_context, make_local_ca, server_context

POLICE, MASH = "p" * 32, "m" * 32
LINES = {
    "/police/notices": "json",
    "/police/visits": "fhir",
    "/mash/visits": "fhir",
    "/mash/referrals": "json",
    "/mash/lists": "csv",
}
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return make_local_ca(tmp_path_factory.mktemp("pki"))


class Receiver:
    """What stands behind the listener: answers as told, and remembers."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.received: list[tuple[str, str, bytes]] = []

    async def __call__(self, agency: str, line: str, data: bytes) -> Answer:
        """As `hub.transports.Receive`."""
        self.received.append((agency, line, data))
        answer = self.answers.pop(0) if self.answers else Answer(events=1)
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def listening(pki: LocalCa, receiver: Any) -> AsyncIterator[tuple[HttpsSource, aiohttp.ClientSession]]:
    context = server_context(pki.server_cert, pki.server_key)
    source = HttpsSource("127.0.0.1", 0, LINES, Partners({"police": POLICE, "mash": MASH}), context)  # type: ignore[arg-type]
    await source.start(receiver)
    connector = aiohttp.TCPConnector(ssl=client_context(pki.ca))
    try:
        async with aiohttp.ClientSession(f"https://localhost:{source.port}", connector=connector) as client:
            yield source, client
    finally:
        await source.stop()


def post(pki: LocalCa, receiver: Receiver, path: str = "/police/notices", method: str = "POST", **how: Any) -> Any:
    """One request; returns status, headers and body."""

    async def go() -> tuple[int, Any, Any]:
        async with listening(pki, receiver) as (_, client):
            headers = {
                "Authorization": f"Bearer {POLICE}",
                "Content-Type": "application/json",
                **how.pop("headers", {}),
            }
            how.setdefault("data", b"{}")
            async with client.request(method, path, headers=headers, **how) as response:
                return response.status, response.headers, await response.json(content_type=None)

    return asyncio.run(go())


def test_a_sound_message_is_answered_with_what_became_of_it(pki: LocalCa) -> None:
    """The bytes arrive as they were sent, under the line they were posted to."""
    receiver = Receiver(Answer(events=2, set_aside=1))
    status, headers, body = post(pki, receiver, data=b'{"id": 1}')
    assert (status, body) == (200, {"status": "accepted", "events": 2, "set_aside": 1})
    assert receiver.received == [("police", "notices", b'{"id": 1}')]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("readable", "expected"), [(True, 422), (False, 400)])
def test_a_refusal_says_code_place_and_what_to_do(pki: LocalCa, readable: bool, expected: int) -> None:
    """As a problem document, with the counts, and without what was sent."""
    answer = Answer("invalid.missing", "child.born", "Field required", events=1, refused=2, readable=readable)
    status, headers, body = post(pki, Receiver(answer), data=b'{"name": "CANARY"}')
    assert (status, headers["Content-Type"].partition(";")[0]) == (expected, "application/problem+json")
    del body["detail"], body["title"]
    assert body == {
        "type": "about:blank", "status": expected, "code": "invalid.missing", "place": "child.born",
        "mend": "Field required", "events": 1, "set_aside": 0, "refused": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "path", "expected"),
    [
        ({"Authorization": ""}, "/police/notices", 401),
        ({"Authorization": f"Bearer {POLICE}x"}, "/police/notices", 401),
        ({"Authorization": f"Basic {POLICE}"}, "/police/notices", 401),
        ({"Authorization": "Bearer ü"}, "/police/notices", 401),
        ({"Authorization": ""}, "/nobody/nothing", 401),
        ({"Authorization": f"Bearer {MASH}"}, "/police/notices", 403),
        ({}, "/mash/referrals", 403),
        ({}, "/mash/nothing", 403),
        ({}, "/police/nothing", 404),
        ({}, "/nobody/nothing", 404),
        ({}, "/police/notices/", 404),
        ({}, "/", 404),
        ({"Content-Type": "text/csv"}, "/police/notices", 415),
        ({"Content-Type": "nonsense"}, "/police/notices", 415),
        ({"Content-Encoding": "gzip"}, "/police/notices", 415),
    ],
)
def test_a_request_that_may_not_be_is_turned_away(
    pki: LocalCa, headers: dict[str, str], path: str, expected: int
) -> None:
    """Nothing of it is received, and who is not known does not even learn which lines there are."""
    receiver = Receiver()
    status, answered, body = post(pki, receiver, path, headers=headers, data=b'{"name": "CANARY"}')
    assert (status, body["status"], receiver.received) == (expected, expected, [])
    assert ("WWW-Authenticate" in answered) is (expected == 401)
    assert "CANARY" not in json.dumps(body)


def test_an_agencys_token_opens_its_own_lines(pki: LocalCa) -> None:
    """All of them, each in its own form."""
    receiver = Receiver()
    headers = {"Authorization": f"bearer {MASH}", "Content-Type": "text/csv; charset=utf-8"}
    status, _, _ = post(pki, receiver, "/mash/lists", headers=headers, data=b"A\n1\n")
    assert (status, receiver.received) == (200, [("mash", "lists", b"A\n1\n")])


def test_only_post_is_taken(pki: LocalCa) -> None:
    """And the answer says so."""
    receiver = Receiver()
    status, headers, _ = post(pki, receiver, method="PUT")
    assert (status, headers["Allow"], receiver.received) == (405, "POST", [])


def test_a_megabyte_is_taken_and_a_byte_more_is_not(pki: LocalCa) -> None:
    """Whether the length is announced, or the body comes in chunks."""

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for start in range(0, size, 65536):
            yield b"x" * min(65536, size - start)

    most = server.LARGEST_BODY
    for body, expected in (
        (io.BytesIO(b"x" * most), 200),
        (io.BytesIO(b"x" * (most + 1)), 413),
        (chunks(most), 200),
        (chunks(most + 1), 413),
    ):
        receiver = Receiver()
        status, _, _ = post(pki, receiver, data=body)
        assert (status, len(receiver.received)) == (expected, 1 if expected == 200 else 0)


@pytest.mark.parametrize(("error", "expected"), [(TransportError("CANARY"), 503), (ValueError("CANARY"), 500)])
def test_what_could_not_be_kept_must_be_sent_again(
    pki: LocalCa, caplog: pytest.LogCaptureFixture, error: Exception, expected: int
) -> None:
    """The sender keeps it; the error's words reach neither the answer nor the log."""
    with caplog.at_level(logging.DEBUG):
        status, headers, body = post(pki, Receiver(error))
    assert status == expected
    assert ("Retry-After" in headers) is (expected == 503)
    assert "CANARY" not in json.dumps(body) + caplog.text


@pytest.mark.parametrize(
    ("name", "shown", "echoed"),
    [
        ("X-Request-ID", "abc-123.X_4", True),
        ("X-Request-ID", "<script>", False),
        ("X-Request-ID", "a" * 65, False),
        ("traceparent", TRACE, True),
        ("traceparent", TRACE.upper(), False),
        ("traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01", False),
    ],
)
def test_only_a_sound_request_id_is_echoed(pki: LocalCa, name: str, shown: str, echoed: bool) -> None:
    """A request that names itself badly gets a name from us, and a bad trace none."""
    _, headers, _ = post(pki, Receiver(), headers={name: shown})
    assert (headers.get(name) == shown) is echoed
    assert headers["X-Request-ID"]


def test_what_was_received_is_answered_before_a_stop(pki: LocalCa) -> None:
    """A stop waits for the commit."""

    async def go() -> int:
        begun, let = asyncio.Event(), asyncio.Event()

        async def slow(*_: object) -> Answer:
            begun.set()
            await let.wait()
            return Answer(events=1)

        async with listening(pki, slow) as (source, client):
            headers = {"Authorization": f"Bearer {POLICE}", "Content-Type": "application/json"}
            asked = asyncio.create_task(client.post("/police/notices", data=b"{}", headers=headers))
            await begun.wait()
            stopping = asyncio.create_task(source.stop())
            await asyncio.sleep(0)
            assert not stopping.done()
            let.set()
            async with await asked as response:
                await stopping
                return response.status

    assert asyncio.run(go()) == 200


def test_a_full_house_says_come_back(pki: LocalCa, monkeypatch: pytest.MonkeyPatch) -> None:
    """More at once than can be held in memory are asked to send again."""
    monkeypatch.setattr(server, "MOST_AT_ONCE", 0)
    status, headers, body = post(pki, Receiver())
    assert (status, body["code"], "Retry-After" in headers) == (503, "busy", True)


def test_a_body_that_never_ends_is_given_up(pki: LocalCa, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender cannot hold a place by sending nothing."""
    monkeypatch.setattr(server, "BODY_SECONDS", 0.05)

    async def go() -> bytes:
        async with listening(pki, Receiver()) as (source, _):
            reader, writer = await asyncio.open_connection("localhost", source.port, ssl=client_context(pki.ca))
            head = f"POST /police/notices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {POLICE}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{{".encode())
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line

    assert b" 408 " in asyncio.run(go())


HEAD = f"POST {{}} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {POLICE}\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def connected(pki: LocalCa, port: int, of: str = "127.0.0.1") -> AsyncIterator[Streams]:
    """A connection from an address of this machine."""
    how = {"ssl": client_context(pki.ca), "server_hostname": "localhost", "local_addr": (of, 0)}
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **how)  # type: ignore[arg-type]
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize("sent", [b"", b"POST /police/notices HTTP/1.1\r\nHost: x\r\n"])
def test_a_connection_on_which_nothing_is_asked_is_ended(
    pki: LocalCa, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent, or in the middle of its first head; without an answer."""
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.1)

    async def go() -> bytes:
        async with listening(pki, Receiver()) as (source, _), connected(pki, source.port) as (reader, writer):
            writer.write(sent)
            return await reader.read()

    assert asyncio.run(go()) == b""


def test_a_connection_on_which_something_was_asked_may_wait_for_the_next(
    pki: LocalCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time for a first head ends nothing any more, also while a body is slow; that for idling does at last."""
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(wire, "IDLE_SECONDS", 0.5)

    async def go() -> None:
        loop = asyncio.get_running_loop()
        passed = asyncio.Event()

        async def slow(*_: object) -> Answer:
            loop.call_later(0.4, passed.set)
            await passed.wait()
            return Answer(events=1)

        async with listening(pki, slow) as (source, _), connected(pki, source.port) as (reader, writer):
            for _ in range(2):
                writer.write(f"{HEAD.format('/police/notices')}Content-Length: 2\r\n\r\n{{}}".encode())
                assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
            assert await reader.read() == b""

    asyncio.run(go())


def test_a_stranger_is_answered_and_the_connection_ended(pki: LocalCa) -> None:
    """Nobody keeps a place by asking again and again without a token."""
    back = raw(pki, Receiver(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert back.startswith(b"HTTP/1.1 401 ")


def test_a_partner_is_served_while_strangers_fill_what_their_address_may(
    pki: LocalCa, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without credentials they connect, shake hands and say nothing; one more of them is refused, and noted."""
    monkeypatch.setattr(wire, "MOST_CONNECTIONS", 8)
    monkeypatch.setattr(wire, "MOST_OF_ONE_ADDRESS", 6)

    async def go() -> bytes:
        async with AsyncExitStack() as held:
            source, _ = await held.enter_async_context(listening(pki, Receiver()))
            for _ in range(6):
                await held.enter_async_context(connected(pki, source.port))
            with pytest.raises(OSError):  # noqa: PT011  reset, aborted or ended under way, by the moment
                await held.enter_async_context(connected(pki, source.port))
            reader, writer = await held.enter_async_context(connected(pki, source.port, "127.0.0.2"))
            writer.write(f"{HEAD.format('/police/notices')}Content-Length: 2\r\n\r\n{{}}".encode())
            return await reader.readline()

    assert b" 200 " in asyncio.run(go())
    assert [record.hub_keys for record in caplog.records] == [{"code": "https.too-many-connections", "count": 1}]  # type: ignore[attr-defined]


def test_the_slow_bodies_of_one_agency_take_no_place_of_another(pki: LocalCa) -> None:
    """It is asked to come again itself, once its share is taken, and has it back as those end."""

    async def go() -> None:
        async with AsyncExitStack() as held:
            source, client = await held.enter_async_context(listening(pki, Receiver()))
            slow = []
            for _ in range(server.MOST_OF_ONE_AGENCY):
                slow.append(await held.enter_async_context(connected(pki, source.port)))
                slow[-1][1].write(f"{HEAD.format('/police/notices')}Content-Length: 9\r\n\r\n{{".encode())

            async def asked(token: str, path: str) -> int:
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                async with client.post(path, data=b"{}", headers=headers) as response:
                    return response.status

            while await asked(POLICE, "/police/notices") == 200:
                await asyncio.sleep(0.005)
            assert await asked(POLICE, "/police/notices") == 503
            assert await asked(MASH, "/mash/referrals") == 200
            slow[0][1].close()
            while await asked(POLICE, "/police/notices") == 503:
                await asyncio.sleep(0.005)

    asyncio.run(go())


def raw(pki: LocalCa, receiver: Any, *parts: bytes, to_the_end: bool = True) -> bytes:
    """Send *parts* one by one, each after the first once something came back; returns all that came."""

    async def go() -> bytes:
        async with listening(pki, receiver) as (source, _):
            reader, writer = await asyncio.open_connection("localhost", source.port, ssl=client_context(pki.ca))
            back = b""
            for part in parts:
                writer.write(part)
                back += await reader.read(1)
                back += await reader.readuntil(b"\r\n\r\n")
            back += await reader.read() if to_the_end else b""
            writer.close()
            await writer.wait_closed()
            return back

    return asyncio.run(go())


@pytest.mark.parametrize(
    "bytes_",
    [
        b"POST / HTTP/1.1\r\nCANARY\x00 : x\r\n\r\n",
        b"\x0bMSH|^~\\&|CANARY\r\x1c\r",
        b"CANARY\r\n\r\n",
        b"GET /\xff\xfeCANARY HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"CANARY" * 2000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_neither_logged_nor_sent_back(
    pki: LocalCa, caplog: pytest.LogCaptureFixture, bytes_: bytes
) -> None:
    """Its bytes may be a message that was sent to the wrong port."""
    with caplog.at_level(logging.DEBUG):
        back = raw(pki, Receiver(), bytes_)
    assert b" 400 " in back.partition(b"\r\n")[0]
    assert b'"not-http"' in back
    assert b"CANARY" not in back
    assert "CANARY" not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


def test_a_sender_that_asks_first_is_told_to_go_on(pki: LocalCa) -> None:
    """As curl does for a large body; and one that may not speak is told so before it sends."""
    head = "POST /police/notices HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 2\r\n"
    receiver = Receiver()
    back = raw(pki, receiver, f"{head}Authorization: Bearer {POLICE}\r\n\r\n".encode(), b"{}")
    assert back.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert [data for _, _, data in receiver.received] == [b"{}"]
    assert raw(pki, receiver, f"{head}\r\n".encode(), to_the_end=False).startswith(b"HTTP/1.1 401 ")


def test_plain_text_and_old_tls_are_not_spoken(pki: LocalCa) -> None:
    """Nor a client that does not trust the authority; 1.2 is the oldest."""

    async def go() -> None:
        async with listening(pki, Receiver()) as (source, _):
            with pytest.raises(ssl.SSLError):
                await asyncio.open_connection("localhost", source.port, ssl=client_context())
            async with aiohttp.ClientSession() as plain:
                with pytest.raises(aiohttp.ClientError):
                    await plain.get(f"http://localhost:{source.port}/")

    asyncio.run(go())
    assert server_context(pki.server_cert, pki.server_key).minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context(pki.ca).minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context(pki.ca).check_hostname


def test_short_and_shared_tokens_are_not_accepted() -> None:
    """A token that can be guessed, or that two agencies hold, proves nothing."""
    shared = {"police": POLICE, "mash": f"{MASH}\n{POLICE}"}
    for tokens in ({"police": "short"}, {"police": POLICE, "mash": POLICE}, shared, {"police": "\n"}):
        with pytest.raises(ValueError, match="token"):
            Partners(tokens)


def test_a_token_changes_without_a_gap(pki: LocalCa) -> None:
    """While the partner changes from one to the other both are good, and each opens that agency's lines alone."""
    old, new = "o" * 32, "n" * 32

    async def go() -> list[tuple[str, int]]:
        context = server_context(pki.server_cert, pki.server_key)
        source = HttpsSource("127.0.0.1", 0, LINES, Partners({"police": f"{old}\n{new}", "mash": MASH}), context)  # type: ignore[arg-type]
        await source.start(Receiver())
        connector = aiohttp.TCPConnector(ssl=client_context(pki.ca))
        found = []
        async with aiohttp.ClientSession(f"https://localhost:{source.port}", connector=connector) as client:
            for path in ("/police/notices", "/mash/referrals"):
                for token in (old, new, f"{old}\\n{new}", f"{old} {new}"):
                    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                    async with client.post(path, data=b"{}", headers=headers) as response:
                        found.append((token[0] + path[1], response.status))
        await source.stop()
        return found

    assert [status for _, status in asyncio.run(go())] == [200, 200, 401, 401, 403, 403, 401, 401]


# --- out ------------------------------------------------------------------------------------------------------

DELIVERY = Delivery("0011aabb", "gwh", "hospital_alert", "", "application/fhir+json", b"CANARY", ".fhir.json")
Behave = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def partner(pki: LocalCa, behave: Behave, *, mutual: bool = False) -> AsyncIterator[str]:
    """A partner's server that behaves as told; yields its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", behave)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context = server_context(pki.server_cert, pki.server_key, pki.ca if mutual else None)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def deliver(
    pki: LocalCa, behave: Behave, delivery: Delivery = DELIVERY, path: str = "/alerts", times: int = 1
) -> list[str | TransportError]:
    """Deliver, some times over; what came of each, and no error's words ever hold the content."""

    async def go() -> list[str | TransportError]:
        said: list[str | TransportError] = []
        async with partner(pki, behave) as address:
            sink = HttpsSink(address + path, "our-token", client_context(pki.ca), timeout=5)
            for _ in range(times):
                try:
                    said.append(await sink.deliver(delivery))
                except TransportError as error:
                    said.append(error)
            await sink.close()
        return said

    said = asyncio.run(go())
    assert not any("CANARY" in f"{one!r} {getattr(one, '__cause__', None)!r}" for one in said)
    return said


def answering(status: int, body: bytes = b"", **headers: str) -> Behave:
    async def behave(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return behave


def outcome(severity: str, code: str) -> bytes:
    issue = {"severity": severity, "code": code, "diagnostics": "CANARY"}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def test_a_delivery_is_posted_with_its_id(pki: LocalCa) -> None:
    """The same id at every attempt, so that a repetition can be known."""
    seen: list[tuple[str, str, bytes, dict[str, str]]] = []

    async def behave(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, await request.read(), dict(request.headers)))
        return web.Response(status=202)

    assert deliver(pki, behave, times=2) == ["202", "202"]
    (method, path, body, headers), again = seen
    assert (method, path, body) == ("POST", "/alerts", b"CANARY")
    assert headers["Idempotency-Key"] == again[3]["Idempotency-Key"] == "0011aabb"
    assert headers["Content-Type"] == "application/fhir+json"
    assert headers["Authorization"] == "Bearer our-token"


@pytest.mark.parametrize("status", [401, 403, 407, 408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(pki: LocalCa, status: int) -> None:
    """The partner is busy or broken, or does not know us any more; it is not against the message."""
    (error,) = deliver(pki, answering(status))
    assert type(error) is TransportError
    assert str(error) == f"https: status {status}"


@pytest.mark.parametrize("status", [301, 307, 400, 404, 409, 413, 422])
def test_what_will_not_pass_is_refused(pki: LocalCa, status: int) -> None:
    """By its status alone; a redirection is not followed, since it would carry the message elsewhere."""
    (error,) = deliver(pki, answering(status, b"CANARY", Location="https://localhost:1/elsewhere"))
    assert type(error) is Refused
    assert str(error) == f"https: status {status}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "200"),
        (b"<html/>", TransportError),
        (b'{"resourceType": "Patient"', TransportError),
        (b"OK", TransportError),
        (b'{"resourceType": "Bundle"}', "200"),
        (outcome("information", "informational"), "200"),
        (outcome("warning", "value"), "200"),
        (b"x" * (outcome_.LARGEST_ANSWER + 1), TransportError),
        (outcome("error", "value"), Refused),
        (outcome("fatal", "security"), Refused),
        (outcome("error", "exception"), Refused),
        (outcome("error", "throttled"), TransportError),
        (outcome("fatal", "transient"), TransportError),
    ],
)
def test_an_outcome_of_fhir_overrules_the_status(pki: LocalCa, body: bytes, expected: str | type[Exception]) -> None:
    """A 200 that carries an error is no delivery, and garbage is nobody's acknowledgement."""
    (said,) = deliver(pki, answering(200, body))
    assert said == expected if isinstance(expected, str) else type(said) is expected


def test_an_outcome_counts_for_fhir_only(pki: LocalCa) -> None:
    """A partner that takes JSON may answer with what it likes."""
    plain = DELIVERY._replace(content_type="application/json")
    assert deliver(pki, answering(200, outcome("fatal", "security")), plain) == ["200"]
    assert deliver(pki, answering(200, b"OK"), plain) == ["200"]


def test_a_web_page_acknowledges_nothing(pki: LocalCa) -> None:
    """It is a proxy's or a portal's, whatever its status: the partner never saw the message."""
    plain = DELIVERY._replace(content_type="application/json")
    (error,) = deliver(pki, answering(200, b"<html>sign in</html>", Content_Type="text/html"), plain)
    assert type(error) is TransportError


@pytest.mark.parametrize("asked", ["60", "a date", "9" * 400], ids=["seconds", "date", "absurd"])
def test_a_partner_that_asks_to_wait_is_left_alone(pki: LocalCa, asked: str) -> None:
    """Until the time it named has passed, nothing is sent."""
    if asked == "a date":
        asked = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    calls = 0

    async def behave(_: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        return web.Response(status=503, headers={"Retry-After": asked})

    said = deliver(pki, behave, times=3)
    assert calls == 1
    assert [type(one) for one in said] == [TransportError] * 3


@pytest.mark.parametrize("asked", ["", "0", "-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_wait_that_is_none_is_ignored(pki: LocalCa, asked: str) -> None:
    """The next attempt is the courier's to time."""
    said = deliver(pki, answering(429, Retry_After=asked), times=2)
    assert [str(one) for one in said] == ["https: status 429"] * 2


def test_no_answer_is_tried_again(pki: LocalCa) -> None:
    """Nobody listening, a connection cut after the request, an answer cut short, and one that never comes."""

    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def short(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    for behave in (cut, short):
        (error,) = deliver(pki, behave)
        assert type(error) is TransportError

    async def go() -> None:
        never = asyncio.Event()

        async def silent(_: web.Request) -> web.Response:
            await never.wait()
            return web.Response()

        async with partner(pki, silent) as address:
            sink = HttpsSink(address, None, client_context(pki.ca), timeout=0.1)
            with pytest.raises(TransportError, match="no answer"):
                await sink.deliver(DELIVERY)
            never.set()
            await sink.close()
        with pytest.raises(TransportError, match="no answer"):  # the partner's server is gone now
            await sink.deliver(DELIVERY)
        await sink.close()

    asyncio.run(go())


def test_a_partner_that_cannot_prove_its_name_gets_nothing(pki: LocalCa, tmp_path: Path) -> None:
    """Another authority's certificate, or another name, and the message stays here."""
    other = make_local_ca(tmp_path)
    calls: list[web.Request] = []

    async def behave(request: web.Request) -> web.Response:
        calls.append(request)
        return web.Response()

    async def go() -> None:
        async with partner(pki, behave) as address:
            for url, ca in ((address, other.ca), (address.replace("localhost", "127.0.0.2"), pki.ca)):
                sink = HttpsSink(url, "our-token", client_context(ca), timeout=5)
                with pytest.raises(TransportError, match="no answer"):
                    await sink.deliver(DELIVERY)
                await sink.close()

    asyncio.run(go())
    assert calls == []


def test_a_partner_may_ask_who_calls(pki: LocalCa) -> None:
    """With the client's certificate the delivery is taken, without it not."""

    async def go() -> None:
        async with partner(pki, answering(200), mutual=True) as address:
            known = HttpsSink(address, None, client_context(pki.ca, pki.client_cert, pki.client_key), timeout=5)
            assert await known.deliver(DELIVERY) == "200"
            await known.close()
            stranger = HttpsSink(address, None, client_context(pki.ca), timeout=5)
            with pytest.raises(TransportError, match="no answer"):
                await stranger.deliver(DELIVERY)
            await stranger.close()

    asyncio.run(go())


def test_each_of_a_family_has_its_own_address(pki: LocalCa) -> None:
    """The address stands in the path as it is; one that would leave its place is refused before a call."""
    paths: list[str] = []

    async def behave(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        return web.Response()

    for address in ("SW-0042", "..", "a/b", "a%2Fb", "", "x" * 65, "a?b", ".hidden"):
        (said,) = deliver(pki, behave, DELIVERY._replace(address=address), "/workers/{address}/alerts")
        assert (said == "200") is (address == "SW-0042")
        assert said == "200" or type(said) is Refused
    assert paths == ["/workers/SW-0042/alerts"]


@pytest.mark.parametrize(
    "url", ["http://localhost/x", "https:///x", "localhost", "https://u:p@localhost/", "https://{address}.x/"]
)
def test_only_a_plain_https_address_is_called(url: str) -> None:
    """A setting that would send in the clear, or anywhere, is found before anything is sent."""
    with pytest.raises(ValueError, match="https://"):
        HttpsSink(url, None)


# --- certificates ---------------------------------------------------------------------------------------------


def test_a_local_authority_is_made_once(tmp_path: Path) -> None:
    """Called again it changes nothing; keys are their owner's alone, and the authority's own is nowhere."""
    folder = tmp_path / "new" / "pki"
    paths = make_local_ca(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert make_local_ca(folder) == paths
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(before) == [".lock", "ca.pem", "client.key", "client.pem", "server.key", "server.pem"]
    for key in (paths.server_key, paths.client_key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"PRIVATE" not in before["ca.pem"]


@pytest.mark.parametrize("name", ["ca.pem", "server.pem", "server.key", "client.pem", "client.key"])
@pytest.mark.parametrize("harm", ["absent", "garbage", "swapped"])
def test_a_spoilt_local_authority_is_made_anew(tmp_path: Path, name: str, harm: str) -> None:
    """Half of one would fail at the first call, and nobody would know why."""
    paths = make_local_ca(tmp_path / "one")
    path = tmp_path / "one" / name
    if harm == "absent":
        path.unlink()
    elif harm == "garbage":
        path.write_bytes(b"not a certificate")
    else:
        make_local_ca(tmp_path / "two")
        path.write_bytes((tmp_path / "two" / name).read_bytes())
    old = paths.ca.read_bytes() if paths.ca.exists() else b""
    assert make_local_ca(tmp_path / "one") == paths
    assert paths.ca.read_bytes() != old
    server_context(paths.server_cert, paths.server_key, paths.ca)
    client_context(paths.ca, paths.client_cert, paths.client_key)


# --- FHIR: the same listener, in FHIR's own words ------------------------------------------------------------------

ENCOUNTERS = (
    Path(__file__).parents[2]
    / "connectors/great_western_hospital/examples/encounters/arrived_in_the_emergency_department.fhir.json"
).read_bytes()
ENCOUNTERS_ID = json.loads(ENCOUNTERS)["entry"][0]["resource"]["id"]
FHIR = {"Content-Type": "application/fhir+json"}


@pytest.mark.parametrize(
    "path", ["/police/visits", "/police/visits/$process-message", "/police/visits/%24process-message"]
)
def test_a_fhir_message_is_answered_by_a_fhir_message(pki: LocalCa, path: str) -> None:
    """At the line's address and at the operation's: a response that is ok, to that message."""
    receiver = Receiver(Answer(events=1))
    status, headers, body = post(pki, receiver, path, data=ENCOUNTERS, headers=FHIR)
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "application/fhir+json")
    fhir.check_message(bundle := Bundle.model_validate(body))
    assert bundle.entry
    response = bundle.entry[0].resource.response
    assert (response.identifier, response.code) == (ENCOUNTERS_ID, "ok")
    assert receiver.received == [("police", "visits", ENCOUNTERS)]


@pytest.mark.parametrize(
    ("answer", "how", "status", "code", "issue"),
    [
        (
            Answer("identifiers.none", "Patient.identifier", "send one", refused=1),
            {},
            422,
            "identifiers.none",
            "required",
        ),
        (Answer("fhir.type", "Bundle.type", "message", readable=False), {}, 400, "fhir.type", "structure"),
        (TransportError("no broker"), {}, 503, "not-kept", "transient"),
        (RuntimeError("CANARY"), {}, 500, "error", "exception"),
        (None, {"headers": {**FHIR, "Authorization": "Bearer CANARY"}}, 401, "unauthenticated", "login"),
        (None, {"path": "/mash/visits/$process-message"}, 403, "forbidden", "forbidden"),
        (None, {"path": "/police/nothing/$process-message"}, 404, "no-such-line", "not-found"),
        (None, {"path": "/police/notices/$process-message"}, 404, "no-such-line", "not-found"),
        (None, {"method": "PUT"}, 405, "method", "not-supported"),
        (None, {"headers": {"Content-Type": "text/csv"}}, 415, "media-type", "not-supported"),
        (None, {"data": io.BytesIO(b"x" * (server.LARGEST_BODY + 1))}, 413, "too-large", "too-long"),
    ],
)
def test_a_refusal_of_fhir_is_an_operation_outcome(
    pki: LocalCa, answer: Any, how: dict[str, Any], status: int, code: str, issue: str
) -> None:
    """Valid by FHIR's own models, whatever the reason, so that the sender's engine can read it."""
    how = {"path": "/police/visits/$process-message", "headers": FHIR, "data": ENCOUNTERS, **how}
    told, headers, body = post(pki, Receiver(answer), **how)
    assert (told, headers["Content-Type"].partition(";")[0]) == (status, "application/fhir+json")
    (said,) = OperationOutcome.model_validate(body).issue
    assert (said.severity, said.code, said.details.coding[0].code) == ("error", issue, code)
    assert said.diagnostics.startswith(code)
    assert "CANARY" not in json.dumps(body)
    assert headers["X-Request-ID"]


def test_a_refusal_of_another_format_is_no_operation_outcome(pki: LocalCa) -> None:
    """A line of JSON has no operation, and its sender is told in its own words."""
    _, headers, body = post(pki, Receiver(Answer("a.b", "c", "d", refused=1)))
    assert headers["Content-Type"].startswith("application/problem+json")
    assert body["code"] == "a.b"


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        (ENCOUNTERS_ID, "200"),
        (f"urn:uuid:{ENCOUNTERS_ID}", "200"),
        ("00000000-0000-4000-8000-000000000000", TransportError),
    ],
)
def test_an_answer_to_another_message_is_no_acknowledgement(
    pki: LocalCa, identifier: str, expected: str | type[Exception]
) -> None:
    """A partner that mixes up its answers has not said that it has ours."""
    head = {"resourceType": "MessageHeader", "response": {"identifier": identifier, "code": "ok"}}
    answer = json.dumps({"resourceType": "Bundle", "entry": [{"resource": head}]}).encode()
    (said,) = deliver(pki, answering(200, answer), DELIVERY._replace(body=ENCOUNTERS))
    assert said == expected if isinstance(expected, str) else type(said) is expected


def test_both_ends_of_our_own_speak_fhir_to_each_other(pki: LocalCa, catalog: Catalog, keys: Keys) -> None:
    """
    Over TLS, from a sink to `$process-message`, into the real intake and back: taken once, however often it is sent.

    The same logical message in another Bundle is the same message; other content under its id is refused, and so
    is what could not be understood.
    """
    log = MemoryLog()
    store = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    intake = Intake(catalog, keys, log.commit, Inbox(store, keys))
    again = json.loads(ENCOUNTERS) | {"id": "00000000-0000-4000-8000-000000000001", "timestamp": "2026-07-04T19:00:00Z"}
    other = ENCOUNTERS.replace(b"2019-05-14", b"2018-05-14")
    nobody = ENCOUNTERS.replace(ENCOUNTERS_ID.encode(), b"00000000-0000-4000-8000-000000000002")
    nobody = nobody.replace(b'"9990000018"', b'"9990000019"').replace(b'"0004711"', b'""')

    async def go() -> list[str]:
        said = []
        lines: dict[str, Any] = {"/great_western_hospital/encounters": "fhir"}
        context = server_context(pki.server_cert, pki.server_key)
        source = HttpsSource("127.0.0.1", 0, lines, Partners({"great_western_hospital": POLICE}), context)
        await source.start(intake.receive)
        url = f"https://localhost:{source.port}/great_western_hospital/encounters/$process-message"
        sink = HttpsSink(url, POLICE, client_context(pki.ca))
        try:
            for body in (ENCOUNTERS, ENCOUNTERS, json.dumps(again).encode(), other, nobody, b"{"):
                try:
                    said.append(await sink.deliver(DELIVERY._replace(body=body)))
                except TransportError as error:
                    said.append(f"{type(error).__name__} {error}")
        finally:
            await sink.close()
            await source.stop()
        return said

    try:
        said = asyncio.run(go())
    finally:
        store.dispose()
    assert said == [
        "200", "200", "200", "Refused https: status 422", "Refused https: status 400", "Refused https: status 400",
    ]  # fmt: skip
    assert len(log.topics["hospital-attendance.v1"]) == 1
    assert len(log.topics["quarantine.great-western-hospital"]) == 3
