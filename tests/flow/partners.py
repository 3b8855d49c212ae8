"""Partners for tests: an HTTPS and an MLLP listener that can be away, refuse or say nothing, and an HL7 sender."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from aiohttp import web

from hub.transports.tls import make_local_ca, server_context

START, END = b"\x0b", b"\x1c\x0d"
Manner = Literal["take", "refuse", "hang"]
T = TypeVar("T")


def until(found: Callable[[], T], what: str, seconds: float = 30.0, pause: float = 0.02) -> T:
    """What *found* gives once that is true; fails, naming *what* was waited for, after *seconds*."""
    deadline = time.monotonic() + seconds
    while True:
        if value := found():
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(pause)


class Posted(NamedTuple):
    """One request that an HTTPS partner took: *at* is of `time.monotonic`."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def message_id(self) -> str:
        """By what a partner knows a message again."""
        return self.headers["Idempotency-Key"]


class HttpsPartner:
    """
    A partner's HTTPS server on a port that stays its own: it takes, refuses with 503, hangs, or is down altogether.

    It runs on a thread of its own, so that a test that waits does not stop it.
    """

    def __init__(self, folder: Path) -> None:
        local = make_local_ca(folder)
        self.ca = local.ca
        self.manner: Manner = "take"
        self.taken: list[Posted] = []
        self.turned_away = 0
        self._context = server_context(local.server_cert, local.server_key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="https partner")
        self._thread.start()
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._let_go = asyncio.Event()
        self.up()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"https://127.0.0.1:{self._port}"

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._do(self._up())

    def down(self) -> None:
        """Refuse connections; those that are open end."""
        self._do(self._down())

    def behave(self, manner: Manner) -> None:
        """Answer every further request so; what hung is then let go without an answer."""
        self.manner = manner
        self._loop.call_soon_threadsafe(self._release)

    def close(self) -> None:
        """Stop, with the thread."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)  # type: ignore[arg-type]

    def _release(self) -> None:
        self._let_go.set()
        self._let_go = asyncio.Event()

    async def _up(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._asked)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._context).start()
        self._port = self._runner.addresses[0][1]

    async def _down(self) -> None:
        self._release()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _asked(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.manner == "take":
            self.taken.append(Posted(request.path, dict(request.headers), body, time.monotonic()))
            return web.Response(status=200)
        self.turned_away += 1
        if self.manner == "hang":
            await self._let_go.wait()
            if request.transport is not None:
                request.transport.abort()
        return web.Response(status=503)


class Framed(NamedTuple):
    """One message that an MLLP partner took: *at* is of `time.monotonic`."""

    message: bytes
    at: float


class MllpPartner:
    """A hospital's integration engine: takes HL7 v2 frames and acknowledges each with AA."""

    def __init__(self) -> None:
        self.taken: list[Framed] = []
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, name="mllp partner")]
        self._threads[0].start()

    def close(self) -> None:
        """Stop, with every connection and thread."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._open.add(connection)
            thread = threading.Thread(target=self._converse, args=(connection,), name="mllp partner's connection")
            self._threads.append(thread)
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        with connection:
            for frame in frames_of(connection):
                self.taken.append(Framed(frame, time.monotonic()))
                control_id = fields_of(frame, "MSH")[9]
                now = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
                head = f"MSH|^~\\&|ENGINE|RZZ|SHARINGHUB|SBC|{now}||ACK|{control_id}|P|2.4"
                connection.sendall(START + f"{head}\rMSA|AA|{control_id}\r".encode() + END)
        self._open.discard(connection)


def frames_of(connection: socket.socket) -> Iterator[bytes]:
    """Each frame's content, until the other side ends or the connection is closed."""
    held = b""
    while True:
        while END in held:
            frame, _, held = held.partition(END)
            yield frame.removeprefix(START)
        try:
            chunk = connection.recv(65_536)
        except OSError:
            return
        if not chunk:
            return
        held += chunk


def fields_of(message: bytes, segment: str) -> list[str]:
    """The fields of a message's first *segment*, by HL7's count less one for MSH: `fields_of(m, "PID")[3]` is PID-3."""
    for line in message.decode().split("\r"):
        if line.startswith(f"{segment}|"):
            return line.split("|")
    raise AssertionError(f"the message has no {segment}")


class MllpSender:
    """A hospital's sending side: one connection, which keeps what is not yet acknowledged in view."""

    def __init__(self, port: int, patience: float = 30.0) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self._answers = frames_of(self._connection)

    def __enter__(self) -> MllpSender:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, message: bytes) -> float:
        """Send without waiting; returns when, of `time.monotonic`."""
        now = time.monotonic()
        self._connection.sendall(START + message + END)
        return now

    def answer(self) -> str:
        """The acknowledgement code of the next answer; empty where none came in time."""
        frame = next(self._answers, b"")
        return fields_of(frame, "MSA")[1] if frame else ""

    def answered_within(self, seconds: float) -> bool:
        """Whether any byte of an answer comes in that time; takes none of it."""
        patience = self._connection.gettimeout()
        self._connection.settimeout(seconds)
        try:
            return bool(self._connection.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return False
        finally:
            self._connection.settimeout(patience)

    def say(self, message: bytes) -> tuple[str, float]:
        """Send and wait: the acknowledgement code, and when it was sent."""
        at = self.send(message)
        return self.answer(), at
