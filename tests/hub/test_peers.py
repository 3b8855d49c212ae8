"""Peers that are not ours, over real sockets, through the doors that the settings make: out, in, and by TLS."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import hl7
import hl7.mllp
import pytest
from aiohttp import web
from hl7.client import MLLPClient

from hub.agency import Agency, Door, Saying
from hub.doors import Sinks, sources
from hub.errors import TransportError
from hub.settings import Settings
from hub.transports import Answer, Delivery
from hub.transports.tls import LocalCa, client_context, make_local_ca, server_context
from tests.hub.awaiting import Gateway, awaited, until
from tests.hub.mesh_server import OURS, PARTNERS, Exchange, sandbox
from tests.hub.sftp_server import partner

SOUND = Answer(events=1)
ADT = (
    "MSH|^~\\&|PAS|RZZ|HUB|SBC|20260704192205||ADT^A04^ADT_A01|{0}|P|2.4\r"
    "EVN|A04|20260704192205\rPID|1||9990000018^^^NHS^NH||UNAL^ZOE\r"
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without a word for the hub."""
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    """The authority that both sides know."""
    return make_local_ca(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """NHS England's sandbox."""
    with sandbox(tmp_path_factory.mktemp("mesh")) as running:
        yield running


@pytest.fixture
def settings(tmp_path, pki: LocalCa) -> Settings:
    """The hub's own certificate and state, and free ports."""
    return Settings(
        state=tmp_path / "state", tls_certificate=pki.server_cert, tls_key=pki.server_key, mllp_port=0, https_port=0,
        fetch_seconds=1,
    )  # fmt: skip


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch):
    """Sets what the environment says of one line, stream or road of the agency."""

    def say(name: str, **values: object) -> None:
        for what, value in values.items():
            monkeypatch.setenv(f"HUB_PARTNER_{name}_{what}", str(value))

    return say


def agency(**lines: Any) -> Agency:
    says = {name: Saying(into=("any",), **line) for name, line in lines.items()}
    return Agency(name="Partner", steward="it@partner.example", says=says, key="partner")


def delivery(body: bytes, suffix: str, content_type: str = "application/json") -> Delivery:
    return Delivery("0f" * 16, "partner", "alert", "", content_type, body, suffix)


@asynccontextmanager
async def hearing(settings: Settings, gateway: Gateway, **lines: Any):
    """The hub's own sources for these lines of the partner."""
    found = sources(SimpleNamespace(agencies={"partner": agency(**lines)}), settings)
    async with AsyncExitStack() as stack:
        for road in found.values():
            await road.start(gateway)
            stack.push_async_callback(road.stop)
        yield found


@asynccontextmanager
async def door(settings: Settings, **how: Any):
    """The hub's own sink for one door of the partner."""
    sink = Sinks(settings)(agency(), "alert", Door(**how))
    try:
        yield sink
    finally:
        await sink.close()


# --- MLLP: python-hl7


@pytest.mark.parametrize(
    ("answer", "code"),
    [(SOUND, "AA"), (Answer("hl7.segment", "PID-3", "write it", refused=1), "AE"),
     (Answer("hl7.unreadable", refused=1, readable=False), "AR")],
    ids=["AA", "AE", "AR"],
)  # fmt: skip
@awaited
async def test_a_client_of_python_hl7_reads_our_acknowledgement(settings, answer, code):
    """Several messages by one connection, each answered under its own id."""
    gateway = Gateway(answer)
    async with hearing(settings, gateway, adt={"format": "hl7", "by": "mllp"}) as found:

        def talk() -> list[hl7.Message]:
            with MLLPClient("127.0.0.1", found["mllp partner/adt"].port) as client:
                answers = [client.send_message(ADT.format(control_id)) for control_id in ("M1", "M2")]
            return [hl7.parse(one.strip(b"\x0b\x1c\r").decode()) for one in answers]

        answers = await asyncio.to_thread(talk)
    assert [(str(one["MSA"][0][1]), str(one["MSA"][0][2])) for one in answers] == [(code, "M1"), (code, "M2")]
    assert [data.decode() for _, _, data in gateway.given] == [ADT.format("M1"), ADT.format("M2")]


@awaited
async def test_a_line_with_tls_hears_only_who_shows_a_certificate(settings, said, pki):
    """By python-hl7's own asyncio client: with its certificate, without, and in the clear."""
    gateway = Gateway(SOUND)
    said("ADT", TLS="on", TLS_CLIENT_CA=pki.ca)
    async with hearing(settings, gateway, adt={"format": "hl7", "by": "mllp"}) as found:
        port = found["mllp partner/adt"].port

        async def ask(control_id: str, context: ssl.SSLContext | None) -> str:
            reader, writer = await hl7.mllp.open_hl7_connection("localhost", port, ssl=context, encoding="utf-8")
            try:
                writer.writemessage(hl7.parse(ADT.format(control_id)))
                await writer.drain()
                return str((await reader.readmessage())["MSA"][0][1])
            finally:
                writer.close()

        known = client_context(pki.ca, pki.client_cert, pki.client_key)
        assert await ask("M1", known) == "AA"
        for stranger in (client_context(pki.ca), None):
            with pytest.raises((OSError, EOFError, hl7.mllp.InvalidBlockError)):
                await ask("M2", stranger)
    assert len(gateway.given) == 1


@asynccontextmanager
async def hospital(pki: LocalCa, heard: list[str]):
    """python-hl7's own MLLP listener, for callers with a certificate."""

    async def serve(reader: hl7.mllp.HL7StreamReader, writer: hl7.mllp.HL7StreamWriter) -> None:
        try:
            while True:
                message = await reader.readmessage()
                heard.append(str(message["MSH"][0][10]))
                writer.writemessage(message.create_ack())
                await writer.drain()
        except (EOFError, OSError):
            writer.close()

    context = server_context(pki.server_cert, pki.server_key, pki.ca)
    server = await hl7.mllp.start_hl7_server(serve, "127.0.0.1", 0, ssl=context, encoding="utf-8")
    async with server:
        yield server.sockets[0].getsockname()[1]


@awaited
async def test_we_show_our_certificate_to_a_listener_that_asks_for_it(settings, said, pki):
    """And hand nothing over without it, or to a listener that is not the one we know."""
    heard: list[str] = []
    alert = delivery(ADT.format("M1").encode(), ".hl7", "x-application/hl7-v2+er7")
    async with hospital(pki, heard) as port:
        said("ALERT", HOST="localhost", PORT=port, TLS="on", TLS_CA=pki.ca)
        async with door(settings, format="hl7", by="mllp") as sink:
            with pytest.raises(TransportError, match=r"^mllp\."):
                await sink.deliver(alert)
        said("ALERT", CLIENT_CERTIFICATE=pki.client_cert, CLIENT_KEY=pki.client_key)
        async with door(settings, format="hl7", by="mllp") as sink:
            assert await sink.deliver(alert) == "AA"
        said("ALERT", TLS_CA="")
        async with door(settings, format="hl7", by="mllp") as sink:
            with pytest.raises(TransportError, match=r"^mllp\.connection-lost: SSLCertVerificationError"):
                await sink.deliver(alert)
    assert heard == ["M1"]


# --- HTTPS: aiohttp


@awaited
async def test_we_show_our_certificate_to_an_address_that_asks_for_it(settings, said, pki, tmp_path):
    """A trust's integration engine, say, by mutual TLS and a token."""
    seen: list[tuple[bytes, str]] = []

    async def serve(request: web.BaseRequest) -> web.Response:
        seen.append((await request.read(), request.headers["Authorization"]))
        return web.Response()

    runner = web.ServerRunner(web.Server(serve))
    await runner.setup()
    context = server_context(pki.server_cert, pki.server_key, pki.ca)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    (tmp_path / "token").write_text("our-token\n", encoding="ascii")
    said("ALERT", URL=f"https://localhost:{runner.addresses[0][1]}/alerts", TOKEN_FILE=tmp_path / "token")
    said("ALERT", TLS_CA=pki.ca)
    try:
        async with door(settings, format="json", by="https") as sink:
            with pytest.raises(TransportError, match=r"^https: no answer"):
                await sink.deliver(delivery(b"{}", ".json"))
        said("ALERT", CLIENT_CERTIFICATE=pki.client_cert, CLIENT_KEY=pki.client_key)
        async with door(settings, format="json", by="https") as sink:
            assert await sink.deliver(delivery(b"{}", ".json")) == "200"
    finally:
        await runner.cleanup()
    assert seen == [(b"{}", "Bearer our-token")]


@awaited
async def test_both_tokens_of_a_file_open_the_gateway(settings, said, pki, tmp_path):
    """So that a partner can change from one to the other when it suits."""
    (tmp_path / "tokens").write_text("o" * 32 + "\n" + "n" * 32 + "\n", encoding="ascii")
    said("HTTPS", TOKEN_FILE=tmp_path / "tokens")
    async with hearing(settings, Gateway(SOUND), notices={"format": "json", "by": "https"}) as found:
        connector = aiohttp.TCPConnector(ssl=client_context(pki.ca))
        async with aiohttp.ClientSession(f"https://localhost:{found['https'].port}", connector=connector) as client:
            for token, status in (("o" * 32, 200), ("n" * 32, 200), ("x" * 32, 401)):
                headers = {"Authorization": f"Bearer {token}"}
                async with client.post("/partner/notices", json={}, headers=headers) as response:
                    assert response.status == status


# --- SFTP: asyncssh


@awaited
async def test_a_file_goes_to_and_comes_from_an_ssh_server(settings, said, tmp_path):
    """One delivery and one receipt, by the settings of the partner's account."""
    gateway = Gateway(SOUND)
    async with partner(tmp_path) as server:
        for folder in ("to-them", "to-us"):
            (server.root / folder).mkdir()
        said("SFTP", HOST="127.0.0.1", PORT=server.port, USER="hub")
        said("SFTP", KNOWN_HOSTS=server.keep / "known_hosts", KEY_FILE=server.keep / "id")
        said("ALERT", FOLDER="to-them")
        said("REGISTERS", FOLDER="to-us")
        async with door(settings, format="json", by="sftp") as sink:
            name = await sink.deliver(delivery(b"{}", ".json"))
        assert (server.root / "to-them" / name).read_bytes() == b"{}"
        (server.root / "to-us" / "monday.csv").write_bytes(b"UPN\r\n")
        async with hearing(settings, gateway, registers={"format": "csv", "by": "sftp", "columns": ("UPN",)}):
            await until(lambda: gateway.given)
            await until((server.root / "to-us" / "done" / "monday.csv").exists)
    assert gateway.given == [("partner", "registers", b"UPN\r\n")]


# --- MESH: NHS England's sandbox


@awaited
async def test_a_message_goes_to_and_comes_from_a_mailbox(settings, said, exchange):
    """One delivery, one receipt and one report, by the settings of our mailbox."""
    gateway, tls = Gateway(SOUND), exchange.tls
    said("MESH", URL=exchange.url, MAILBOX=OURS, CERTIFICATE=tls.client_cert, KEY=tls.client_key, CA=tls.ca)
    said("MESH", PASSWORD_FILE=exchange.folder / "password", SHARED_KEY_FILE=exchange.folder / "shared-key")
    said("ALERT", MAILBOX=PARTNERS)
    async with door(settings, format="xml", by="mesh", workflow="ALERTS") as sink:
        message_id = await sink.deliver(delivery(b"<Alert/>", ".xml", "application/xml"))
    with exchange.client() as theirs:
        assert theirs.list_messages() == [message_id]
        assert theirs.retrieve_message(message_id).read() == b"<Alert/>"
        theirs.send_message(OURS, b"<Access/>", workflow_id="ACCESS")
    exchange.report(local_id="0f" * 16)
    lines = {
        "access": {"format": "xml", "by": "mesh", "workflow": "ACCESS"},
        "reports": {"format": "json", "by": "mesh", "workflow": "REPORT"},
    }
    async with hearing(settings, gateway, **lines):
        await until(lambda: len(gateway.given) == 2)
    (access, report) = sorted(gateway.given)
    assert access == ("partner", "access", b"<Access/>")
    assert report[1] == "reports"
    assert json.loads(report[2])["localId"] == "0f" * 16
