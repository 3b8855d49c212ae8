"""The partners of the demo: a hospital's and a case system's HTTPS address, and senders that speak as theirs do."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from pathlib import Path

import aiohttp
from aiohttp import web

START, END = b"\x0b", b"\x1c\x0d"


class Receiver:
    """One HTTPS server that stands for every partner with such a door; keeps what it received as files."""

    def __init__(self, folder: Path, context: ssl.SSLContext) -> None:
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._context = context
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen on a free port, and return it."""
        app = web.Application()
        app.router.add_post("/{agency}/{address}", self._received)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _received(self, request: web.Request) -> web.Response:
        agency, address = request.match_info["agency"], request.match_info["address"]
        body, name = await request.read(), request.headers["Idempotency-Key"]
        suffix = ".fhir.json" if "fhir" in request.content_type else ".json"
        folder = self._folder / agency / address
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}{suffix}"
        if not path.exists():
            self.counts[agency] += 1
        path.write_bytes(body)
        return web.Response(status=200)


async def say_by_mllp(port: int, messages: list[bytes]) -> list[str]:
    """Send HL7 messages over one MLLP connection; returns the acknowledgement code of each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    codes = []
    try:
        for message in messages:
            writer.write(START + message + END)
            await writer.drain()
            answer = await asyncio.wait_for(reader.readuntil(END), 30)
            acknowledgement = next(part for part in answer.split(b"\r") if part.startswith(b"MSA"))
            codes.append(acknowledgement.split(b"|")[1].decode())
    finally:
        writer.close()
        await writer.wait_closed()
    return codes


async def say_by_https(url: str, token: str, context: ssl.SSLContext, bodies: list[bytes]) -> list[int]:
    """Post JSON documents; returns the status of each answer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        statuses = []
        for body in bodies:
            async with session.post(url, data=body, ssl=context) as answer:
                statuses.append(answer.status)
        return statuses


def drop_file(folder: Path, name: str, data: bytes) -> None:
    """Put a file into a watched folder as a careful sender does: under another name first."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    part.write_bytes(data)
    part.rename(folder / name)
