"""MLLP in: a listener that acknowledges each frame after the commit; what a frame says is not understood here."""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
from datetime import UTC, datetime

from hub.formats.hl7_write import Outcome, acknowledge, answer_codes, header
from hub.log import note
from hub.transports import Answer, Receive
from hub.transports.accepting import Accepting, listeners
from hub.transports.mllp.connection import CLOSING_SECONDS, close, keep_alive
from hub.transports.mllp.framing import BEGIN, END, Framer
from hub.transports.room import Room

FRAME_SECONDS = 10.0  # from a frame's first byte to its last
MOST_CONNECTIONS = 100
MOST_OF_ONE_ADDRESS = 25  # an engine opens one or a few, and may stand behind one address with others
GRACE_SECONDS = 30.0  # for what was received before a stop to be answered


class MllpSource:
    """
    A listener for one agency's line: many frames on a connection, answered one by one and in order.

    A frame is acknowledged after *receive* came back, that is after the commit: accepted, or in error where it was
    read but refused or where the hub itself could not, or rejected where it was not readable; by as many
    acknowledgements as its sender asked for. What stands between frames is skipped and noted. When frames can no
    longer be told apart the connection is closed without an answer, so that the sender sends again.
    """

    def __init__(
        self,
        host: str,
        port: int,
        agency: str,
        line: str,
        ssl: tls.SSLContext | None = None,
        *,
        frame_seconds: float = FRAME_SECONDS,
        most_connections: int = MOST_CONNECTIONS,
        most_of_one_address: int = MOST_OF_ONE_ADDRESS,
    ) -> None:
        self.agency, self.line = agency, line
        self._where = (host, port)
        self._ssl = ssl
        self._frame_seconds = frame_seconds
        self._room = Room(most_connections, most_of_one_address, self._full)
        self._server: Accepting | None = None
        self._receive: Receive | None = None
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was asked for; raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("not started")
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def start(self, receive: Receive) -> None:
        """Begin to listen; raises OSError where the address cannot be had."""
        self._receive, self._stopping = receive, False
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.StreamReaderProtocol:
            reader = asyncio.StreamReader(limit=2**17, loop=loop)
            return asyncio.StreamReaderProtocol(reader, self._connected, loop=loop)

        self._server = Accepting(await listeners(*self._where), self._room, connection, self._ssl)

    async def stop(self) -> None:
        """Stop listening; frames that were received whole are answered first."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        for task, writer in self._tasks.items():
            if task not in self._busy:
                writer.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=CLOSING_SECONDS)
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._stopping:
            await close(writer)
            return
        self._tasks[task] = writer
        keep_alive(writer)
        try:
            if (fault := await self._converse(task, reader, writer)) and not self._stopping:
                self._note(fault)
        except OSError as gone:
            self._note("mllp.connection-lost", type(gone).__name__)
        finally:
            await close(writer)
            del self._tasks[task]

    async def _converse(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        """Take frames and answer them until the sender goes, a stop, or a fault, whose code is returned."""
        framer, skipped = Framer(), 0
        deadline: float | None = None
        clock = asyncio.get_running_loop().time
        while not self._stopping:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await reader.read(2**16)
            except TimeoutError:
                return "mllp.too-slow" if framer.pending == "mllp.unfinished" else framer.pending
            if not chunk:
                return framer.pending
            frames = framer.feed(chunk)
            if frames and framer.skipped > skipped and not framer.fault:
                skipped = framer.skipped
                self._note("mllp.garbage-skipped")
            self._busy.add(task)
            try:
                for frame in frames:
                    await self._take(frame, writer)
            finally:
                self._busy.discard(task)
            if framer.fault:
                return framer.fault
            if not framer.pending:
                deadline = None
            elif frames or deadline is None:
                deadline = clock() + self._frame_seconds
        return ""

    async def _take(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        answers = await self._answers(frame)
        if answers:
            writer.write(b"".join(BEGIN + answer + END for answer in answers))
            async with asyncio.timeout(self._frame_seconds):  # a TimeoutError is an OSError: the sender is gone
                await writer.drain()

    async def _answers(self, frame: bytes) -> list[bytes]:
        """The acknowledgements of one frame, as many as its sender wants."""
        assert self._receive is not None  # noqa: S101  there is no connection before start
        outcome: Outcome
        try:
            told, error = await self._receive(self.agency, self.line, frame), 102
        except Exception as fault:  # noqa: BLE001  whatever happened, it is not committed: the sender must keep it
            self._note("hub.unavailable", type(fault).__name__)
            told, error = Answer("hub.unavailable", "", "not taken; send it again", kept=False), 207
        if told.accepted:
            outcome = "accepted"
        elif not told.kept:
            outcome = "unkept"
        elif told.readable:
            outcome = "error"
        else:
            outcome, error = "rejected", 100
        now = datetime.now(UTC)
        return [
            acknowledge(frame, code, at=now)
            if code.endswith("A")
            else acknowledge(frame, code, at=now, error=error, reason=told.code, place=told.place, mend=told.mend)
            for code in answer_codes(header(frame), outcome)
        ]

    def _full(self, refused: int) -> None:
        where = {"agency": self.agency, "line": self.line}
        note("mllp", "mllp.too-many-connections", level=logging.WARNING, count=refused, **where)

    def _note(self, code: str, kind: str = "") -> None:
        note("mllp", code, level=logging.WARNING, agency=self.agency, line=self.line, kind=kind)
