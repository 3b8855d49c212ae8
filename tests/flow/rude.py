"""Rude receivers for tests: partners on real sockets who misbehave at first and know a message again by its id."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hub.transports.tls import make_local_ca, server_context
from tests.flow.partners import END, START, fields_of

KINDS: dict[str, tuple[str, ...]] = {
    "30 s reply": ("https", "mllp"),
    "reset": ("https", "mllp"),
    "half an acknowledgement": ("https", "mllp"),
    "wrong MSA-2": ("mllp",),
    "200 with garbage": ("https",),
    "503 for an hour": ("https",),
    "close before reply": ("https", "mllp"),
    "duplicate ack": ("mllp",),
    "ack of another id": ("mllp",),
    "slow reader": ("https", "mllp"),
}
"""Each kind, and the roads on which there is such a receiver."""

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Gone(Exception):
    """The connection is to be left without another word."""


class Receiver:
    """
    One partner's listener, on a thread of its own; *kind* is "" for a polite one.

    Each message meets its rudeness at the first attempt, every third at the second too; by chance it is applied before
    or not. What came is applied once by its id, as a partner does, and every arrival is counted.
    """

    def __init__(self, road: str, folder: Path, kind: str = "", *, late: float = 1.0) -> None:
        self.road, self.kind, self.late = road, kind, late
        self.applied: dict[str, tuple[bytes, float]] = {}
        self.wire: list[tuple[str, bytes]] = []
        self.clock: Callable[[], float] = time.monotonic
        self._tries: dict[str, int] = defaultdict(int)
        self._chance = random.Random(kind)
        self._last = "0"
        local = make_local_ca(folder)
        self.ca = local.ca
        self._context = server_context(local.server_cert, local.server_key) if road == "https" else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"{kind or 'polite'} {road}")
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._context, limit=2**23))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop, with every connection."""

        async def end() -> None:
            self._server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        self._do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _connected(self, reader: Reader, writer: Writer) -> None:
        talk: Callable[[Reader, Writer], Awaitable[None]] = self._https if self.road == "https" else self._mllp
        try:
            while True:
                await talk(reader, writer)
        except (Gone, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()

    async def _https(self, reader: Reader, writer: Writer) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        rude = self._is_rude(name := fields["idempotency-key"])
        body = await self._body(reader, int(fields["content-length"]), rude)
        await self._meet(name, body, rude, writer, self._status(200), half=self._status(200, b"{}" * 500)[:90])

    @staticmethod
    def _status(status: int, body: bytes = b"", kind: str = "application/fhir+json") -> bytes:
        return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    async def _mllp(self, reader: Reader, writer: Writer) -> None:
        rude_next = self.kind == "slow reader" and self._chance.random() < 0.3
        if rude_next:
            await asyncio.sleep(self.late)
        frame = (await reader.readuntil(END)).removesuffix(END).removeprefix(START)
        name = fields_of(frame, "MSH")[9]
        rude = self._is_rude(name)
        ack = self._ack(name)
        await self._meet(name, frame, rude, writer, ack, half=ack[: len(ack) // 2])
        self._last = name

    @staticmethod
    def _ack(name: str) -> bytes:
        return START + f"MSH|^~\\&|E|R|H|S|20260101||ACK|{name}|P|2.4\rMSA|AA|{name}\r".encode() + END

    def _is_rude(self, name: str) -> bool:
        self._tries[name] += 1
        if self.kind == "503 for an hour":
            return self.clock() < 3600
        return bool(self.kind) and self._tries[name] <= 1 + (int(name[:2], 16) % 3 == 0)

    async def _body(self, reader: Reader, length: int, rude: bool) -> bytes:
        """The body; a slow reader takes its time over it, and at first more than anybody waits."""
        if self.kind != "slow reader":
            return await reader.readexactly(length)
        body = b""
        while len(body) < length:
            body += await reader.readexactly(min(65_536, length - len(body)))
            await asyncio.sleep(self.late / 3 if rude else 0.005)
        return body

    def _apply(self, name: str, body: bytes) -> None:
        self.applied.setdefault(name, (body, time.monotonic()))

    async def _meet(self, name: str, body: bytes, rude: bool, writer: Writer, answer: bytes, half: bytes) -> None:
        self.wire.append((name, body))
        never = self.kind in ("503 for an hour", "200 with garbage")
        always = not rude or self.kind in ("duplicate ack", "slow reader")
        if always or (not never and self._chance.random() < 0.5):
            self._apply(name, body)
        if rude:
            answer = await self._rude(name, writer, answer, half)
        writer.write(answer)
        await writer.drain()

    async def _rude(self, name: str, writer: Writer, answer: bytes, half: bytes) -> bytes:
        """What is said in place of *answer*; raises Gone where nothing is, or no more."""
        match self.kind:
            case "30 s reply":
                await asyncio.sleep(self.late)
            case "reset" | "close before reply":
                if self.kind == "close before reply":
                    writer.close()
                    await asyncio.sleep(0)
                raise Gone
            case "half an acknowledgement":
                writer.write(half)
                await writer.drain()
                writer.close()
                await asyncio.sleep(0.02)
                raise Gone
            case "wrong MSA-2":
                return self._ack("nobody's")
            case "ack of another id":
                return self._ack(self._last if self._last != name else "0")
            case "duplicate ack":
                return answer * 2
            case "200 with garbage":
                return self._status(200, b"\x00\xff}{ it works!")
            case "503 for an hour":
                return self._status(503)
        return answer


class Elsewhere:
    """
    The same in a process of its own, as partners are.

    What its rudeness costs the partner itself, such as one handshake of TLS for each attempt, is then not taken from
    the process whose other deliveries are timed.
    """

    def __init__(self, road: str, folder: Path, kind: str, *, late: float = 1.0) -> None:
        spawned = multiprocessing.get_context("spawn")
        self._asked, answers = spawned.Pipe()
        self._process = spawned.Process(target=_alone, args=(answers, road, folder, kind, late), daemon=True)
        self._process.start()
        answers.close()  # so that its end is noticed here
        self.port: int = self._asked.recv()

    @property
    def applied(self) -> dict[str, tuple[bytes, float]]:
        """What it applied by now, and when, as of the clock that all processes share."""
        found: dict[str, tuple[bytes, float]] = self._ask("applied")
        return found

    @property
    def wire(self) -> list[tuple[str, bytes]]:
        """All that came by now."""
        found: list[tuple[str, bytes]] = self._ask("wire")
        return found

    def _ask(self, what: str) -> Any:
        self._asked.send(what)
        return self._asked.recv()

    def close(self) -> None:
        """Stop it."""
        self._asked.close()
        self._process.join(20)
        self._process.kill()
        self._process.join(20)


def _alone(answers: Connection, road: str, folder: Path, kind: str, late: float) -> None:
    """The life of its process: until nobody asks any more."""
    receiver = Receiver(road, folder, kind, late=late)
    try:
        answers.send(receiver.port)
        while True:
            answers.send(getattr(receiver, answers.recv()))
    except EOFError:
        pass
    finally:
        receiver.close()
