"""MESH against NHS England's sandbox: handed over once, taken after the commit, and nothing in the way of the rest."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import zlib
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from hub.errors import Refused, TransportError, Unreadable
from hub.parcel import code_of
from hub.transports import Answer, Delivery
from hub.transports.mesh import REPORT, Mailbox, MeshSink, MeshSource
from hub.transports.mesh.content import inflate
from hub.transports.mesh.mailbox import Client
from hub.transports.tls import server_context
from tests.hub.awaiting import Gateway, awaited, until
from tests.hub.mesh_server import OURS, PARTNERS, Exchange, sandbox

SOUND = Answer(events=1)
LINE = ("cpis", "access")
LINES = {"CPIS_ACCESS": LINE, REPORT: ("cpis", "reports")}
LOCAL = "0f" * 16


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One sandbox for all tests of this file."""
    with sandbox(tmp_path_factory.mktemp("mesh")) as exchange:
        yield exchange


@pytest.fixture
def exchange(running: Exchange) -> Exchange:
    """The sandbox with empty mailboxes."""
    running.empty()
    return running


def delivery(**other: str | bytes) -> Delivery:
    values: dict[str, Any] = {
        "message_id": LOCAL, "agency": "cpis", "stream": "protection_plan", "address": "",
        "content_type": "application/xml", "body": b"<File/>", "suffix": ".xml",
    }  # fmt: skip
    return Delivery(**(values | other))


@asynccontextmanager
async def sending(exchange: Exchange, recipient: str = PARTNERS, **other: Any):
    """A sink, closed afterwards."""
    sink = MeshSink(exchange.mailbox(**other), recipient, "CPIS_UPLOAD")
    try:
        yield sink
    finally:
        await sink.close()


@asynccontextmanager
async def looking(exchange: Exchange, gateway: Gateway, lines=LINES, **options: Any):
    """A source that looks often."""
    source = MeshSource(exchange.mailbox(), lines, **({"every": 0.05, "backoff": (0.01, 0.05)} | options))
    await source.start(gateway)
    try:
        yield source
    finally:
        await source.stop()


def waiting(exchange: Exchange, box: str = OURS) -> list[str]:
    """The ids of what waits in a mailbox."""
    with exchange.client(box) as client:
        return client.list_messages()


async def emptied(exchange: Exchange, left: int = 0) -> None:
    while len(await asyncio.to_thread(waiting, exchange)) > left:
        await asyncio.sleep(0.02)


def received(exchange: Exchange) -> list[tuple[bytes, dict[str, str]]]:
    """What waits in the partner's mailbox: content and headers, as NHS England's client tells them."""
    found = []
    with exchange.client() as client:
        for message_id in client.list_messages():
            message = client.retrieve_message(message_id)
            found.append((message.read(), dict(message.mex_headers())))
            message.close()
    return found


async def fails(sink: MeshSink, **other: Any) -> str:
    """The code with which a delivery fails, to be tried again."""
    with pytest.raises(TransportError) as caught:
        await sink.deliver(delivery(**other))
    assert not isinstance(caught.value, Refused)
    return code_of(caught.value)


# --- what is sent


@awaited
async def test_a_delivery_lies_in_the_partners_mailbox_with_its_papers(exchange):
    """Under its workflow, our own id, and a name that says nothing of the child."""
    async with sending(exchange) as sink:
        message_id = await sink.deliver(delivery())
    ((content, headers),) = received(exchange)
    assert content == b"<File/>"
    assert waiting(exchange, PARTNERS) == [message_id]
    assert headers["workflowid"] == "CPIS_UPLOAD"
    assert headers["localid"] == LOCAL
    assert headers["filename"] == f"protection_plan-{LOCAL}.xml"
    assert (headers["from"], headers["to"], headers["subject"]) == (OURS, PARTNERS, "protection_plan")


@awaited
async def test_a_large_delivery_is_compressed_and_sent_in_chunks(exchange):
    """And arrives as it was."""
    body = os.urandom(50_000) + b"<Child/>" * 20_000
    sink = MeshSink(exchange.mailbox(), PARTNERS, "CPIS_UPLOAD", chunk=60_000)
    message_id = await sink.deliver(delivery(body=body))
    await sink.close()
    ((content, headers),) = received(exchange)
    assert content == body
    assert headers["chunk-range"] == "1:4"
    lying = exchange.folder / "boxes" / PARTNERS / "in" / message_id
    assert sum(one.stat().st_size for one in lying.iterdir()) < len(body) / 2


@awaited
async def test_the_same_delivery_after_a_restart_is_one_message(exchange):
    """MESH itself would take it twice; the sink looks first, since perhaps nobody wrote down how the last one ended."""
    found = []
    for _ in range(3):
        async with sending(exchange) as sink:
            found.append(await sink.deliver(delivery()))
    assert waiting(exchange, PARTNERS) == [found[0]] == list(dict.fromkeys(found))


@awaited
async def test_what_was_returned_and_is_delivered_once_more_is_sent_once_more(exchange):
    """The partner asked for it again, or never said what became of it; after a restart a while tells the two apart."""
    async with sending(exchange) as sink:
        found = [await sink.deliver(delivery()), await sink.deliver(delivery())]
    assert waiting(exchange, PARTNERS) == found
    exchange.empty()
    for _ in range(2):
        sink = MeshSink(exchange.mailbox(), PARTNERS, "CPIS_UPLOAD", lost_within=-60.0)  # clocks differ a little
        await sink.deliver(delivery())
        await sink.close()
    assert [headers["localid"] for _, headers in received(exchange)] == [LOCAL, LOCAL]


@awaited
async def test_a_message_whose_reply_was_lost_is_not_sent_twice(exchange, monkeypatch):
    """Nor where the partner has taken it meanwhile."""
    send = Client.send_chunk

    def lossy(self: Client, *args: Any, **headers: Any) -> None:
        send(self, *args, **headers)
        raise requests.ConnectionError

    async with sending(exchange) as sink:
        with monkeypatch.context() as patch:
            patch.setattr(Client, "send_chunk", lossy)
            assert await fails(sink) == "mesh.no-connection"
        (lying,) = waiting(exchange, PARTNERS)
        with exchange.client() as partner:
            partner.acknowledge_message(lying)
        assert await sink.deliver(delivery()) == lying
    assert waiting(exchange, PARTNERS) == []


@awaited
async def test_a_message_of_which_a_chunk_was_lost_is_sent_anew(exchange, monkeypatch):
    """What lies there is a part, which nobody is given."""
    send, numbers = Client.send_chunk, []

    def lossy(self: Client, recipient: str, chunk: Any, chunk_num: int, *args: Any, **headers: Any) -> Any:
        numbers.append(chunk_num)
        if len(numbers) == 2:
            raise requests.ConnectionError
        return send(self, recipient, chunk, chunk_num, *args, **headers)

    monkeypatch.setattr(Client, "send_chunk", lossy)
    sink = MeshSink(exchange.mailbox(), PARTNERS, "CPIS_UPLOAD", chunk=10)
    body = b"<File>a file of several chunks</File>"
    assert await fails(sink, body=body) == "mesh.no-connection"
    await sink.deliver(delivery(body=body))
    await sink.close()
    assert numbers == [1, 2, 1, 2, 3, 4]
    assert [content for content, _ in received(exchange)] == [body]


@awaited
async def test_a_send_that_nobody_waited_for_is_not_begun_a_second_time(exchange, monkeypatch):
    """The courier gives up after a while; the thread that sends cannot be stopped, and is asked once more."""
    send, calls, go = Client.send_chunk, [], asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(self: Client, *args: Any, **headers: Any) -> Any:
        calls.append(args)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result()
        return send(self, *args, **headers)

    monkeypatch.setattr(Client, "send_chunk", slow)
    async with sending(exchange) as sink:
        given_up = asyncio.ensure_future(sink.deliver(delivery()))
        await until(lambda: calls)
        given_up.cancel()
        again = asyncio.ensure_future(sink.deliver(delivery()))
        await asyncio.sleep(0)
        go.set()
        message_id = await again
    assert len(calls) == 1
    assert waiting(exchange, PARTNERS) == [message_id]


@awaited
async def test_a_recipient_that_nobody_registered_is_refused_for_good(exchange):
    """By MESH's own code, with what to do."""
    async with sending(exchange, "NOBODY") as sink:
        with pytest.raises(Refused, match=r"^mesh\.refused-12: .*ask the partner"):
            await sink.deliver(delivery())


@awaited
async def test_a_login_that_fails_parks_nothing(exchange, tmp_path):
    """A password that was changed, a mailbox that is unknown: our trouble, and not the message's."""
    (tmp_path / "password").write_text("another", encoding="ascii")
    async with sending(exchange, password=tmp_path / "password") as sink:
        assert await fails(sink) == "mesh.login"
        (tmp_path / "password").write_text("password", encoding="ascii")
        assert await sink.deliver(delivery())  # the new one counts from the next attempt
    async with sending(exchange, name="X26NONE") as sink:
        assert await fails(sink) == "mesh.login"
    async with sending(exchange, shared_key=tmp_path / "nowhere") as sink:
        assert await fails(sink) == "mesh.own-secrets"


@awaited
async def test_without_our_certificate_or_with_a_strange_authority_nothing_is_sent(exchange, tmp_path):
    """The sandbox asks for a certificate, and we for its."""
    for other in ({"certificate": None, "key": None}, {"ca": None}):
        async with sending(exchange, **other) as sink:
            assert await fails(sink) in {"mesh.tls", "mesh.no-connection"}
    async with sending(exchange, key=tmp_path / "nowhere") as sink:
        assert await fails(sink) == "mesh.own-certificate"
    assert waiting(exchange, PARTNERS) == []


@pytest.mark.parametrize("url", ["http://mesh.example", "https://", "https://me:word@mesh.example", "mesh.example"])
def test_mesh_is_only_reached_by_tls(url, tmp_path):
    """The header that shows who we are must not travel in the open."""
    with pytest.raises(ValueError, match="starts with https://"):
        Mailbox(url, OURS, tmp_path, tmp_path)


@awaited
async def test_a_door_can_be_tried_without_handing_anything_over(exchange):
    """By MESH's handshake."""
    async with sending(exchange) as sink:
        assert [one.step for one in await sink.reach()] == ["connection", "credentials"]
    async with sending(exchange, name="X26NONE") as sink:
        with pytest.raises(TransportError, match=r"^mesh\.login: .* status 403; look at the mailbox"):
            await sink.reach()


@contextmanager
def answering(exchange: Exchange, status: int, said: Any) -> Iterator[str]:
    """A MESH that gives one answer to whatever is sent, and has never heard of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(404, {})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(status, said)

        def answer(self, status: int, said: Any) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = server_context(exchange.tls.server_cert, exchange.tls.server_key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def said(code: str, version: int) -> dict[str, Any]:
    """An error of MESH, as the two versions of its answers say it."""
    if version == 1:
        return {"errorEvent": "SEND", "errorCode": code, "errorDescription": "about 9990000018"}
    return {"detail": [{"event": "SEND", "code": code, "msg": "about 9990000018"}], "internal_id": "1"}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("code", ["06", "07", "08", "12", "17"])
@awaited
async def test_what_mesh_never_will_take_is_parked_with_its_code(exchange, code, version):
    """And its words stay out of it."""
    with answering(exchange, 417, said(code, version)) as url:
        async with sending(exchange, url=url) as sink:
            with pytest.raises(Refused) as caught:
                await sink.deliver(delivery())
    assert code_of(caught.value) == f"mesh.refused-{code}"
    assert "999" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "told", "code"),
    [
        (417, said("99", 2), "mesh.error-99"), (429, {}, "mesh.429"), (500, "<soap/>", "mesh.500"),
        (503, {}, "mesh.503"), (403, said("x y", 2), "mesh.login"), (401, {}, "mesh.login"),
        (400, {"detail": "about 9990000018"}, "mesh.400"), (202, {}, "mesh.answer"), (202, [], "mesh.answer"),
    ],
)  # fmt: skip
@awaited
async def test_what_may_pass_is_tried_again(exchange, status, told, code):
    """Trouble of MESH's, of ours, and what nobody understands."""
    with answering(exchange, status, told) as url:
        async with sending(exchange, url=url) as sink:
            assert await fails(sink) == code


@awaited
async def test_a_mesh_that_is_away_is_tried_again(exchange):
    """A port at which nobody listens."""
    with answering(exchange, 202, {}) as url:
        pass
    async with sending(exchange, url=url) as sink:
        assert await fails(sink) == "mesh.no-connection"


# --- what is fetched


def post(exchange: Exchange, content: bytes, workflow: str = "CPIS_ACCESS", **headers: Any) -> str:
    """Have the partner send us something."""
    with exchange.client() as client:
        return client.send_message(OURS, content, workflow_id=workflow, **headers)


@awaited
async def test_a_message_goes_to_the_line_of_its_workflow_and_leaves_the_mailbox(exchange):
    """Each once, in the order they came."""
    gateway = Gateway(SOUND)
    for number in range(3):
        post(exchange, b"<Access>%d</Access>" % number)
    async with looking(exchange, gateway):
        await emptied(exchange)
    assert gateway.given == [(*LINE, b"<Access>%d</Access>" % number) for number in range(3)]


@awaited
async def test_a_message_stays_in_the_mailbox_until_the_hub_has_it(exchange):
    """An acknowledgement deletes it for good."""
    gateway, seen = Gateway(TransportError("kafka: away"), TransportError("kafka: away"), SOUND), []
    gateway.before = lambda: seen.append(len(waiting(exchange)))
    post(exchange, b"<Access/>")
    async with looking(exchange, gateway):
        await emptied(exchange)
    assert len(gateway.given) == 3
    assert seen == [1, 1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        Answer("xml.unreadable", refused=1, readable=False),
        Answer("xml.unknown", refused=1),
        Answer("identity.closed", refused=1, kept=False),
    ],
    ids=lambda answer: answer.code,
)
@awaited
async def test_a_message_that_was_refused_leaves_the_mailbox(exchange, answer):
    """It is in the hub's quarantine; or must not be kept, here least of all."""
    gateway = Gateway(answer)
    post(exchange, b"<Access/>")
    async with looking(exchange, gateway):
        await emptied(exchange)
    assert len(gateway.given) == 1


@awaited
async def test_chunks_and_compression_of_either_kind_are_undone(exchange):
    """Packed on the way, and packed by the sender's own client."""
    gateway, body = Gateway(SOUND), os.urandom(30_000) + b"<Access/>" * 5000
    post(exchange, body, compress=True, max_chunk_size=20_000)
    post(exchange, body, max_chunk_size=20_000)
    post(exchange, gzip.compress(body), compressed=True)
    async with looking(exchange, gateway):
        await emptied(exchange)
    assert [data for _, _, data in gateway.given] == [body] * 3


@awaited
async def test_what_no_line_takes_is_told_and_left_and_blocks_nobody(exchange, caplog):
    """An acknowledgement would keep MESH from telling its sender that nobody took it."""
    gateway = Gateway(SOUND)
    strange = post(exchange, b"<Other/>", "SOMETHING_ELSE")
    post(exchange, b"<Access/>")
    async with looking(exchange, gateway):
        await emptied(exchange, left=1)
        post(exchange, b"<Access/>")
        await emptied(exchange, left=1)
    assert waiting(exchange) == [strange]
    assert gateway.given == [(*LINE, b"<Access/>")] * 2
    (keys,) = [one.hub_keys for one in caplog.records if one.getMessage() == "left in the mailbox"]
    assert (keys["code"], keys["kind"]) == ("mesh.unknown-workflow", "SOMETHING_ELSE")


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"\0" * 30_000_000, {"compress": True}, "mesh.too-large"),
        (gzip.compress(b"\0" * 30_000_000), {"compressed": True}, "mesh.too-large"),
        (b"x" * 1_000_001, {}, "mesh.too-large"),
        (gzip.compress(b"<Access/>" * 100)[:-20], {"compressed": True}, "mesh.gzip"),
    ],
    ids=["bomb-on-the-way", "bomb-of-the-sender", "large", "cut"],
)
@awaited
async def test_what_cannot_be_unpacked_within_the_limit_is_told_and_left(exchange, caplog, content, headers, code):
    """And the next message is taken."""
    gateway = Gateway(SOUND)
    bomb = post(exchange, content, **headers)
    post(exchange, b"<Access/>")
    async with looking(exchange, gateway, most_bytes=1_000_000):
        await emptied(exchange, left=1)
    assert waiting(exchange) == [bomb]
    assert gateway.given == [(*LINE, b"<Access/>")]
    (keys,) = [one.hub_keys for one in caplog.records if one.getMessage() == "left in the mailbox"]
    assert keys["code"] == code


def test_a_bomb_unfolds_piece_by_piece():
    """No step takes more memory than one piece, however much a block unfolds to."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    pieces = [len(piece) for piece, _ in zip(inflate([bomb], 5_000_000), range(10), strict=False)]
    assert max(pieces) <= 1024 * 1024


def test_files_that_are_strung_together_unfold_to_all_of_them():
    """As gzip itself has it."""
    packed = gzip.compress(b"one,") + gzip.compress(b"") + gzip.compress(b"two")
    for size in (1, 7, 1000):
        blocks = [packed[start : start + size] for start in range(0, len(packed), size)]
        assert b"".join(inflate(blocks, 100)) == b"one,two"
    with pytest.raises(Unreadable, match=r"^mesh\.gzip"):
        list(inflate([zlib.compress(b"other")], 100))


@awaited
async def test_a_report_becomes_ids_and_a_code_on_its_line(exchange):
    """The subject and the description are somebody's words, and stay behind."""
    gateway = Gateway(SOUND)
    exchange.report(local_id=LOCAL, linked_message_id="ABC123", subject="about 9990000018")
    (message_id,) = waiting(exchange)
    async with looking(exchange, gateway):
        await emptied(exchange)
    ((agency, line, data),) = gateway.given
    assert (agency, line) == ("cpis", "reports")
    assert json.loads(data) == {
        "localId": LOCAL, "messageId": message_id, "statusCode": "14", "linkedMessageId": "ABC123",
    }  # fmt: skip


@awaited
async def test_words_in_place_of_an_id_do_not_travel(exchange):
    """A local id is the sender's: ours is always plain."""
    gateway = Gateway(SOUND)
    exchange.report(local_id="Zoe Unal, born 2015", linked_message_id="ABC123")
    async with looking(exchange, gateway):
        await emptied(exchange)
    assert json.loads(gateway.given[0][2])["localId"] == ""


@awaited
async def test_a_report_that_no_line_takes_is_told_with_its_code(exchange, caplog):
    """And leaves the mailbox, since nobody waits for an answer to it."""
    exchange.report()
    async with looking(exchange, Gateway(SOUND), {"CPIS_ACCESS": LINE}):
        await emptied(exchange)
    (keys,) = [one.hub_keys for one in caplog.records if one.getMessage() == "a message was not delivered"]
    assert (keys["agency"], keys["code"]) == ("cpis", "14")


@awaited
async def test_one_message_that_mesh_cannot_give_does_not_stop_the_others(exchange, caplog):
    """It is listed, and gone."""
    gateway = Gateway(SOUND)
    broken = post(exchange, b"<Access>1</Access>")
    post(exchange, b"<Access>2</Access>")
    (exchange.folder / "boxes" / OURS / "in" / broken / "1").unlink()
    async with looking(exchange, gateway):
        await emptied(exchange, left=1)
    assert gateway.given == [(*LINE, b"<Access>2</Access>")]
    told = [one.hub_keys for one in caplog.records if one.getMessage() == "a message makes trouble"]
    assert {keys["code"] for keys in told} == {"mesh: status 404"}


@pytest.mark.parametrize("fault", [ZeroDivisionError("about 9990000018"), Refused("kafka: about 9990000018")])
@awaited
async def test_a_message_that_breaks_the_hub_does_not_stop_the_others(exchange, caplog, fault):
    """What Kafka never takes, or a fault of ours, is told by its kind, and the message is there at the next look."""
    gateway = Gateway(fault, SOUND)
    for number in range(2):
        post(exchange, b"<Access>%d</Access>" % number)
    async with looking(exchange, gateway):
        await emptied(exchange)
    assert [data for _, _, data in gateway.given] == [b"<Access>%d</Access>" % one for one in (0, 1, 0)]
    assert "999" not in caplog.text


@awaited
async def test_a_mailbox_that_cannot_be_opened_is_tried_again(exchange, tmp_path, caplog):
    """With what is wrong, and found once that is mended."""
    gateway = Gateway(SOUND)
    (tmp_path / "password").write_text("another", encoding="ascii")
    post(exchange, b"<Access/>")
    source = MeshSource(exchange.mailbox(password=tmp_path / "password"), LINES, every=0.02, backoff=(0.01, 0.05))
    await source.start(gateway)
    try:
        await until(lambda: "tried again" in caplog.messages)
        (tmp_path / "password").write_text("password", encoding="ascii")
        await emptied(exchange)
    finally:
        await source.stop()
    (keys, *_) = [one.hub_keys for one in caplog.records if one.getMessage() == "tried again"]
    assert keys["code"] == "mesh.login"


@awaited
async def test_hands_are_shaken_at_the_start_and_then_regularly(exchange, monkeypatch):
    """MESH asks for that once a day."""
    shaken: list[str] = []
    monkeypatch.setattr(Client, "shake_hands", lambda _self: shaken.append("hand"))
    async with looking(exchange, Gateway(SOUND), every=0.01):
        await until(lambda: shaken)
        post(exchange, b"<Access/>")
        await emptied(exchange)
    assert shaken == ["hand"]
    async with looking(exchange, Gateway(SOUND), every=0.01, handshake_every=0.0):
        await until(lambda: len(shaken) > 3)


@awaited
async def test_no_log_tells_what_a_message_says(exchange, caplog):
    """Neither its content, nor its subject, nor the name of its file."""
    caplog.set_level(logging.DEBUG)
    post(exchange, b"<Access>9990000018</Access>", subject="Zoe Unal", filename="9990000018.xml", local_id="Zoe-1")
    async with looking(exchange, Gateway(SOUND)):
        await emptied(exchange)
    ours = " ".join(f"{one.getMessage()} {one.hub_keys}" for one in caplog.records if one.name.startswith("hub"))
    assert "received" in ours
    assert not any(word in ours for word in ("99900", "Zoe", "Access>"))
