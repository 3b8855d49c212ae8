"""`hub connect` over real sockets: each way in which a door can be wrong is told in words, with what to do."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from hub import connecting
from hub.agency import Door
from hub.cli import connecting as verb
from hub.cli import main
from hub.connecting import Step, listening, synthetic
from hub.connecting.synthetic import TEST_DATA, marked
from hub.doors import sources, tokens
from hub.formats import hl7
from hub.settings import Settings
from hub.supervise import announce
from hub.transports import Answer
from hub.transports.files import FolderSink
from hub.transports.https import HttpsSink
from hub.transports.mllp import MllpSink
from hub.transports.tls import client_context
from tests.conftest import ROOT
from tests.flow.partners import MllpPartner
from tests.hub.authority import Authority
from tests.hub.provider import Signer, write_keys

HOSPITAL, ALERT = "great_western_hospital", "hospital_alert"
FHIR, HL7 = Door(format="fhir", by="https"), Door(format="hl7", by="mllp")
LITTLE = 0.4  # seconds a sink waits in these tests
SECRET = "what the partner said, which must be printed nowhere"


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@dataclass
class Partner:
    """An HTTPS partner that answers HEAD and POST as told, and keeps what it was posted."""

    head: int = 405
    post: int = 200
    takes: bool = False  # whether its answer acknowledges; else it is text that no standard knows
    hang: bool = False
    posted: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """One answer."""
        if self.hang:
            await asyncio.sleep(30)
        if request.method == "HEAD":
            return web.Response(status=self.head)
        self.posted.append((request.path, await request.read(), dict(request.headers)))
        if self.takes:
            issue = {"severity": "information", "code": "informational", "diagnostics": SECRET}
            told = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
            return web.Response(status=self.post, text=told, content_type="application/fhir+json")
        return web.Response(status=self.post, text=SECRET)


@asynccontextmanager
async def https(partner: Partner, context: ssl.SSLContext) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(partner), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/alerts"
    finally:
        await runner.cleanup()


Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listener(converse: Converse) -> AsyncIterator[int]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def acknowledging(code: str = "AA", other: str = "", delay: float = 0) -> Converse:
    """An integration engine that answers the first frame by *code*, for *other* in place of the frame's own id."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frame = await reader.readuntil(b"\x1c\r")
        await asyncio.sleep(delay)
        own = other or frame.split(b"|")[9].decode()
        writer.write(f"\x0bMSH|^~\\&|E|R|H|S|20260101||ACK|1|P|2.4\rMSA|{code}|{own}|{SECRET}\r\x1c\r".encode())
        await writer.drain()

    return converse


def trial(catalog: Any, sink: Any, door: Door, *, message: bool = True, address: str = "") -> list[Step]:
    """Every step of one door."""
    agency = catalog.agencies[HOSPITAL]
    return asyncio.run(connecting.tried(catalog, agency, ALERT, door, sink, lambda _: message, address=address))


def failed(steps: list[Step]) -> Step:
    """The one step that did not go well; none of the partner's words are in any."""
    assert SECRET not in str(steps)
    (one,) = [step for step in steps if step.ok is False]
    assert one.mend
    return one


def by_https(catalog: Any, partner: Partner, listen: ssl.SSLContext, ca: Path, **how: Any) -> list[Step]:
    async def go() -> list[Step]:
        async with https(partner, listen) as url:
            sink = HttpsSink(url, "t" * 32, client_context(ca), timeout=LITTLE)
            agency, message = catalog.agencies[HOSPITAL], how.get("message", True)
            return await connecting.tried(catalog, agency, ALERT, FHIR, sink, lambda _: message)

    return asyncio.run(go())


def test_a_sound_door_is_tried_to_the_acknowledgement(catalog, authority):
    """Each step is told, with whose certificate it is and until when; the message is tagged as a test."""
    partner = Partner(takes=True)
    steps = by_https(catalog, partner, authority.context(), authority.ca)

    assert [step.name for step in steps] == ["connection", "TLS", "credentials", "message", "acknowledgement"]
    assert all(step.ok for step in steps)
    assert SECRET not in str(steps)
    assert "signed by Authority of the tests" in steps[1].found
    assert "in 4 days: have it renewed" in steps[1].found
    ((path, body, headers),) = partner.posted
    assert path == "/alerts"
    assert headers["Authorization"] == "Bearer " + "t" * 32
    bundle = json.loads(body)
    assert TEST_DATA in bundle["meta"]["tag"]
    assert all(TEST_DATA in entry["resource"]["meta"]["tag"] for entry in bundle["entry"])


def test_nothing_is_sent_that_nobody_asked_for(catalog, authority):
    """Without --message, and without a yes, the partner hears of nobody."""
    partner = Partner()
    steps = by_https(catalog, partner, authority.context(), authority.ca, message=False)

    assert partner.posted == []
    assert steps[-1].ok is None
    assert "--message" in steps[-1].found


@pytest.mark.parametrize(
    ("name", "lasts", "code", "words"),
    [
        ("127.0.0.1", timedelta(days=-3), "tls.expired", "its certificate expired on 20"),
        ("partner.example", timedelta(days=5), "tls.other-name", "is for partner.example, not for 127.0.0.1"),
    ],
)
def test_a_certificate_that_does_not_hold_is_told_with_its_reason(name, lasts, code, words, catalog, authority):
    """And nothing is posted to who shows it."""
    partner = Partner()
    step = failed(by_https(catalog, partner, authority.context(name, lasts), authority.ca))

    assert (step.name, step.code) == ("TLS", code)
    assert words in step.found
    assert partner.posted == []


def test_a_certificate_of_an_authority_that_is_not_known_names_the_setting(catalog, authority, tmp_path):
    """Whose it is, and where the authority's own certificate goes."""
    stranger = Authority(tmp_path, "A stranger")
    step = failed(by_https(catalog, Partner(), stranger.context(), authority.ca))

    assert step.code == "tls.not-trusted"
    assert "signed by A stranger" in step.found
    assert "HUB_TLS_CA" in step.mend


def test_a_server_that_wants_a_certificate_of_ours_says_so(catalog, authority):
    """By TLS 1.3 it closes only after the handshake."""
    wanting = authority.context("127.0.0.1", timedelta(days=4))
    wanting.load_verify_locations(authority.ca)
    wanting.verify_mode = ssl.CERT_REQUIRED
    step = failed(by_https(catalog, Partner(), wanting, authority.ca))

    assert step.code in ("tls.refused", "tls.closed")
    assert "certificate" in step.found + step.mend


@pytest.mark.parametrize(
    ("head", "step", "words"),
    [
        (401, "credentials", "TOKEN_FILE"),
        (403, "credentials", "have the partner allow it"),
        (404, "path", "_URL"),
        (302, "path", "where it really is"),
        (503, "path", "try again"),
    ],
)
def test_a_door_that_is_shut_is_told_before_anything_is_sent(head, step, words, catalog, authority):
    """The token's fault, the path's, or the server's."""
    partner = Partner(head=head)
    found = failed(by_https(catalog, partner, authority.context(), authority.ca))

    assert (found.name, found.code) == (step, f"https.{head}")
    assert words in found.mend
    assert partner.posted == []


@pytest.mark.parametrize("status", [400, 401, 404, 413, 415, 422, 429, 500, 503, 418])
def test_a_message_that_is_not_taken_is_told_by_its_status(status, catalog, authority):
    """What the partner wrote with it is not."""
    step = failed(by_https(catalog, Partner(post=status), authority.context(), authority.ca))

    assert (step.name, step.code) == ("acknowledgement", f"https.{status}")
    assert str(status) in step.found


def test_an_answer_of_200_that_acknowledges_nothing_is_told_as_that(catalog, authority):
    """A door that takes all there is and says something else is not a partner's yet."""
    step = failed(by_https(catalog, Partner(), authority.context(), authority.ca))

    assert (step.name, step.code) == ("acknowledgement", "https.200")
    assert "acknowledges nothing" in step.found
    assert "in FHIR" in step.mend


def test_a_server_that_says_nothing_is_not_waited_for_long(catalog, authority):
    """It took the connection."""
    step = failed(by_https(catalog, Partner(hang=True), authority.context(), authority.ca))

    assert step.code == "https.silent"


def test_a_port_that_nobody_listens_on_is_told(catalog):
    """By number, with whom to ask."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        step = failed(trial(catalog, MllpSink("127.0.0.1", port, timeout=LITTLE), HL7))

    assert step.code == "tcp.refused"
    assert f"127.0.0.1 port {port}" in step.found


def test_a_name_without_an_address_is_told(catalog):
    """RFC 2606 keeps `.invalid` for names that there are not."""
    step = failed(trial(catalog, MllpSink("engine.invalid", 2575, timeout=LITTLE), HL7))

    assert (step.name, step.code) == ("name", "dns.unknown")


def test_what_speaks_no_tls_is_told(catalog, authority):
    """A listener in the clear where TLS is expected."""

    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"220 welcome\r\n")
        await writer.drain()

    async def go() -> list[Step]:
        async with listener(chatter) as port:
            return await connecting.reached(MllpSink("127.0.0.1", port, client_context(authority.ca), LITTLE))

    assert failed(asyncio.run(go())).code in ("tls.none", "tls.version")


def test_a_listener_that_never_shakes_hands_is_not_waited_for_long(catalog, authority):
    """It takes the connection and says nothing of TLS."""

    async def go() -> list[Step]:
        async with listener(silent) as port:
            return await connecting.reached(MllpSink("127.0.0.1", port, client_context(authority.ca), LITTLE))

    steps = asyncio.run(go())
    assert [step.name for step in steps] == ["connection", "TLS"]
    assert failed(steps).code == "tls.timeout"


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes everything and answers nothing."""
    while await reader.read(1024):
        pass


async def hasty(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Closes once it has the message."""
    await reader.readuntil(b"\x1c\r")


async def web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speaks HTTP."""
    await reader.readuntil(b"\x1c\r")
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("converse", "code"),
    [
        (acknowledging("AR"), "mllp.rejected"),
        (acknowledging("AE"), "mllp.error"),
        (acknowledging("AA", other="ANOTHER"), "mllp.another-answer"),
        (acknowledging("XX"), "mllp.unknown-code"),
        (acknowledging("AA", delay=30), "mllp.no-answer"),
        (silent, "mllp.no-answer"),
        (hasty, "mllp.connection-lost"),
        (web_server, "mllp.garbage"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_an_engine_that_does_not_acknowledge_our_message_is_told_by_what_it_did(converse, code, catalog):
    """Its own words are in nothing that is printed."""

    async def go() -> list[Step]:
        async with listener(converse) as port:
            sink = MllpSink("127.0.0.1", port, timeout=LITTLE)
            return await connecting.tried(catalog, catalog.agencies[HOSPITAL], ALERT, HL7, sink, lambda _: True)

    step = failed(asyncio.run(go()))
    assert (step.name, step.code) == ("acknowledgement", code)


def test_an_engine_that_acknowledges_is_told_by_its_code(catalog):
    """And the message it took says that it is a test."""
    frames: list[bytes] = []

    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames.append(await reader.readuntil(b"\x1c\r"))
        own = frames[0].split(b"|")[9].decode()
        writer.write(f"\x0bMSH|^~\\&|E|R|H|S|20260101||ACK|1|P|2.4\rMSA|AA|{own}\r\x1c\r".encode())

    async def go() -> list[Step]:
        async with listener(engine) as port:
            sink = MllpSink("127.0.0.1", port, timeout=5)
            return await connecting.tried(catalog, catalog.agencies[HOSPITAL], ALERT, HL7, sink, lambda _: True)

    steps = asyncio.run(go())
    assert all(step.ok for step in steps), steps
    assert "(AA)" in steps[-1].found
    message = hl7.read(frames[0][1:-2])
    assert (message["MSH-11"], message["MSH-9.1"], message["MSH-12"]) == ("T", "ORU", "2.4")


def test_a_folder_is_tried_with_a_file_that_is_gone_again(catalog, tmp_path):
    """There, not there, no folder, and one that may not be written to."""
    (tmp_path / "file").write_text("")
    door = Door(format="csv", by="files", columns={"A": None})

    assert all(step.ok for step in trial(catalog, FolderSink(tmp_path), door, message=False)[:-1])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert failed(trial(catalog, FolderSink(tmp_path / "away"), door)).code == "files.missing"
    assert failed(trial(catalog, FolderSink(tmp_path / "file"), door)).code == "files.not-a-folder"


def test_a_folder_that_refuses_is_told_by_why(catalog, tmp_path, monkeypatch):
    """Rights, and room; by the error that the system gives, since whoever runs the tests may write everywhere."""
    door = Door(format="csv", by="files", columns={"A": None})
    for number, code in ((13, "files.not-allowed"), (30, "files.not-allowed"), (28, "files.full"), (5, "files.disk")):

        def no(*_: object, number: int = number, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("hub.transports.folder_trial.write", no)
        assert failed(trial(catalog, FolderSink(tmp_path), door)).code == code


def test_a_road_without_a_trial_says_so_and_still_sends(catalog):
    """A sink of another road, which can only deliver."""

    class Bare:
        async def deliver(self, delivery: Any) -> str:
            return "taken"

        async def close(self) -> None:
            pass

    steps = trial(catalog, Bare(), FHIR)
    assert steps[0].ok is None
    assert steps[-1].ok is True


def test_what_is_marked_is_marked_once_and_changes_nothing_else():
    """HL7 with its own separators, JSON with the attribute; a table stays as it is."""
    assert marked(b"MSH|^~\\&|A|B|C|D|1||ADT^A01|9|P|2.4\rPID|1\r", "hl7") == (
        b"MSH|^~\\&|A|B|C|D|1||ADT^A01|9|T|2.4\rPID|1\r"
    )
    assert json.loads(marked(b'{"id":"1"}', "json")) == {"id": "1", "hubsynthetic": True}
    assert marked(b"A,B\r\n", "csv") == b"A,B\r\n"


def test_every_door_has_an_example_to_send(catalog, now):
    """Of each agency that hears: without one, `hub connect --message` could not try its door."""
    for agency in catalog.agencies.values():
        for stream, hearing in agency.hears.items():
            for door in hearing.doors:
                assert synthetic.message(catalog, agency, stream, door, now=now).body


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    """A state folder of the test's own."""
    monkeypatch.setenv("HUB_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HUB_BOOTSTRAP_SERVERS", raising=False)
    return Settings(state=tmp_path / "state", https_port=0, mllp_port=0)


def test_what_an_agency_says_is_told_with_where_to_send_it(catalog, settings):
    """By each road: the gateway's address is there, it answers, and it knows the token."""

    async def receive(_agency: str, _line: str, _data: bytes) -> Answer:
        return Answer()

    async def go() -> dict[str, list[Step]]:
        roads = sources(catalog, settings)
        for source in roads.values():
            await source.start(receive)
        announce(settings, "gateway", ports={n: s.port for n, s in roads.items() if hasattr(s, "port")})  # type: ignore[attr-defined]
        try:
            found = {}
            for agency, name in ((HOSPITAL, "adt"), ("schools", "attendance"), ("mash_front_door", "referrals")):
                (way,) = connecting.ways(catalog.agencies[agency], name, lambda a, s: a.hears[s].doors[0])
                found[name] = await listening.tried_line(catalog, settings, way)
            settings.path("secrets", "mash_front_door.token").write_text("another token, of no agency here")
            found["changed"] = await listening.tried_line(catalog, settings, way)
            return found
        finally:
            for source in roads.values():
                await source.stop()

    found = asyncio.run(go())
    assert "by MLLP to 127.0.0.1 port" in found["adt"][0].found
    assert "/schools/attendance" in found["attendance"][0].found
    assert "POST https://127.0.0.1:" in found["referrals"][0].found
    for name in ("adt", "attendance", "referrals"):
        assert not [step for step in found[name] if step.ok is False], found[name]
    assert failed(found["changed"]).code == "https.401"
    assert tokens(settings, ["mash_front_door"])["mash_front_door"] not in str(found)


def test_a_line_that_is_plain_for_other_machines_is_told_with_what_that_means(catalog, settings, monkeypatch):
    """It answers, and whoever comes is believed: one who connects a partner is to know."""
    monkeypatch.setenv("HUB_GREAT_WESTERN_HOSPITAL_ADT_TLS", "plain")
    settings = settings.model_copy(update={"listen_host": "0.0.0.0"})  # noqa: S104  here alone, for a moment
    (way,) = connecting.ways(catalog.agencies[HOSPITAL], "adt", lambda a, s: a.hears[s].doors[0])

    async def told() -> list[Step]:
        source = sources(catalog, settings)[f"mllp {HOSPITAL}/adt"]
        await source.start(lambda *_: None)  # type: ignore[arg-type,return-value]
        announce(settings, "gateway", ports={f"mllp {HOSPITAL}/adt": source.port})  # type: ignore[attr-defined]
        try:
            return await listening.tried_line(catalog, settings, way)
        finally:
            await source.stop()

    *before, last = asyncio.run(told())
    assert all(step.ok for step in before)
    assert (last.name, last.ok) == ("TLS", None)
    assert "whoever reaches the port speaks as great_western_hospital" in last.found


def test_an_agency_that_signs_is_told_where_it_gets_its_tickets(catalog, settings, monkeypatch, tmp_path):
    """No token is made for it; and keys that are none are told by their variable."""
    keys = write_keys(tmp_path / "keys.json", Signer("ES256", "one"))
    monkeypatch.setenv("HUB_MASH_FRONT_DOOR_HTTPS_JWKS_FILE", str(keys))
    settings = settings.model_copy(update={"https_url": "https://hub.example"})
    (way,) = connecting.ways(catalog.agencies["mash_front_door"], "referrals", lambda a, s: a.hears[s].doors[0])

    async def told() -> list[Step]:
        source = sources(catalog, settings)["https"]
        await source.start(lambda *_: None)  # type: ignore[arg-type,return-value]
        announce(settings, "gateway", ports={"https": source.port})  # type: ignore[attr-defined]
        try:
            return await listening.tried_line(catalog, settings, way)
        finally:
            await source.stop()

    steps = asyncio.run(told())
    assert "https://hub.example/oauth2/token" in steps[1].found
    assert not [step for step in steps if step.ok is False], steps
    assert not settings.path("secrets", "mash_front_door.token").exists()
    keys.write_text("{}")
    announce(settings, "gateway", ports={"https": 1})
    assert "HUB_MASH_FRONT_DOOR_HTTPS_JWKS_FILE" in str(asyncio.run(listening.tried_line(catalog, settings, way)))


def test_a_gateway_that_does_not_run_is_told_with_how_to_start_it(catalog, settings):
    """By each road that it would listen on."""
    for agency, name in ((HOSPITAL, "adt"), ("mash_front_door", "referrals"), ("schools", "attendance")):
        (way,) = connecting.ways(catalog.agencies[agency], name, lambda a, s: a.hears[s].doors[0])
        assert "hub run" in failed(asyncio.run(listening.tried_line(catalog, settings, way))).mend


@pytest.fixture
def connect(catalog, monkeypatch, settings):
    """The verb."""
    monkeypatch.setattr(verb, "sound", lambda: catalog)
    return lambda *words: CliRunner(env={"HUB_STATE": str(settings.state)}).invoke(main, ["connect", *words])


def test_the_verb_prints_each_step_and_ends_by_whether_all_went_well(connect, settings):
    """0 where it did; 1, with the setting, where a door is not set up."""
    sound = connect("schools", "school_attendance")
    unset = connect("great_western_hospital", "hospital_alert")

    assert sound.exit_code == 0, sound.output
    assert "  ok  rights " in sound.output
    assert unset.exit_code == 1
    assert "HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_URL is not set" in unset.output


def test_the_verb_sends_a_file_only_by_message(connect, settings):
    """It lands in a real folder."""
    connect("chis")
    assert list(settings.outbox_folder.rglob("*.csv")) == []
    sent = connect("chis", "child_demographics", "--message")

    assert sent.exit_code == 0, sent.output
    assert len(list(settings.outbox_folder.rglob("*.csv"))) == 1


def test_the_verb_answers_programs(connect):
    """One entry for each way, with its steps."""
    (way,) = json.loads(connect("schools", "school_attendance", "--json").stdout)

    assert (way["verb"], way["name"], way["by"]) == ("hears", "school_attendance", "files")
    assert {step["ok"] for step in way["steps"]} == {True, None}


@pytest.mark.parametrize(("answer", "sent"), [(b"y\r", 1), (b"n\r", 0)])
def test_on_a_terminal_it_asks_before_it_sends(answer, sent, tmp_path):
    """A pseudo-terminal, and an integration engine on a real socket."""
    engine = MllpPartner()
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")} | {
        "PYTHONPATH": str(ROOT),
        "HUB_STATE": str(tmp_path / "state"),
        "HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_DOOR": "mllp",
        "HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_PORT": str(engine.port),
    }
    command = [sys.executable, "-m", "hub", "connect", HOSPITAL, ALERT]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **streams)
    os.close(theirs)
    try:
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        os.write(ours, answer)
        while b"not sent" not in said and b"acknowledges our message id" not in said:
            said += os.read(ours, 4096)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        engine.close()
    assert len(engine.taken) == sent
    assert all(b"|T|2.4|" in one.message for one in engine.taken)


@pytest.mark.parametrize(("words", "said"), [(("school",), "did you mean 'schools'?"),
                                             (("schools", "attendence"), "did you mean 'attendance'?")])  # fmt: skip
def test_the_verb_teaches_names(words, said, connect):
    """As every verb does."""
    result = connect(*words)

    assert result.exit_code == 2
    assert said in result.output
