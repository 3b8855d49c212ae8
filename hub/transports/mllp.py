"""MLLP: frames on a TCP connection, each answered by an acknowledgement; what a frame says is not understood here."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl as tls
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from hub.errors import Refused, TransportError, Unreadable
from hub.formats import hl7
from hub.formats.hl7_write import Outcome, acknowledge, answer_codes, header
from hub.log import note
from hub.transports import Answer, Delivery, Reached, Receive
from hub.transports.knocking import SECONDS, knock
from hub.transports.mllp_framing import BEGIN, END, Framer

FRAME_SECONDS = 10.0  # from a frame's first byte to its last
MOST_CONNECTIONS = 100
GRACE_SECONDS = 30.0  # for what was received before a stop to be answered
HANDSHAKE_SECONDS = 10.0
MOST_REMEMBERED = 100  # messages whose acknowledgement may come once more
CLOSING_SECONDS = 5.0


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
    ) -> None:
        self.agency, self.line = agency, line
        self._where = (host, port)
        self._ssl = ssl
        self._frame_seconds = frame_seconds
        self._most = most_connections
        self._server: asyncio.Server | None = None
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
        self._server = await asyncio.start_server(
            self._connected,
            *self._where,
            ssl=self._ssl,
            limit=2**17,
            ssl_handshake_timeout=None if self._ssl is None else HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=None if self._ssl is None else CLOSING_SECONDS,
        )

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
        if task is None or self._stopping or len(self._tasks) >= self._most:
            if not self._stopping:
                self._note("mllp.too-many-connections")
            await _close(writer)
            return
        self._tasks[task] = writer
        _keep_alive(writer)
        try:
            if (fault := await self._converse(task, reader, writer)) and not self._stopping:
                self._note(fault)
        except OSError as gone:
            self._note("mllp.connection-lost", type(gone).__name__)
        finally:
            await _close(writer)
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

    def _note(self, code: str, kind: str = "") -> None:
        note("mllp", code, level=logging.WARNING, agency=self.agency, line=self.line, kind=kind)


class MllpSink:
    """
    One partner's listener: each message is sent and its acknowledgement awaited before the next.

    Only an acknowledgement whose MSA-2 is the MSH-10 of what was sent counts. One of a message that was acknowledged
    on this connection before is passed over: some partners answer twice, or at both levels. After anything else
    the connection is closed, so that a late answer is never taken for another message's.
    """

    def __init__(self, host: str, port: int, ssl: tls.SSLContext | None = None, timeout: float = 30.0) -> None:
        self._where = (host, port)
        self._ssl = ssl
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._acknowledged: deque[str] = deque(maxlen=MOST_REMEMBERED)

    async def deliver(self, delivery: Delivery) -> str:
        """
        Send one HL7 message; returns MSA-1 where the partner accepted it (AA or CA).

        Raises `TransportError` where it should be tried again (AE, CE, no answer, another's answer), `Refused` where
        the partner rejected it (AR, CR) or it cannot be sent at all.
        """
        control_id = header(delivery.body).at(10)
        if not control_id or BEGIN in delivery.body or END[:1] in delivery.body:
            raise Refused("mllp.unsendable: a message needs MSH-10 and must be free of framing characters")
        async with self._lock:
            try:
                return _judge(await self._exchange(BEGIN + delivery.body + END, control_id))
            except _WrongAnswer as fault:
                await self._drop()
                raise TransportError(f"{fault}: the answer is not this message's acknowledgement") from None
            except TimeoutError:
                await self._drop()
                raise TransportError("mllp.no-answer: the partner did not acknowledge in time") from None
            except OSError as fault:
                await self._drop()
                raise TransportError(f"mllp.connection-lost: {type(fault).__name__}") from None
            except asyncio.CancelledError:
                await self._drop()
                raise

    async def reach(self) -> Sequence[Reached]:
        """
        Go to the listener, by TLS where it is spoken, and send nothing; raises `Unreached` at the step that fails.

        MLLP has no credentials but the connection's own.
        """
        return await knock(*self._where, self._ssl, min(self._timeout, SECONDS))

    async def close(self) -> None:
        """Let go of the connection."""
        async with self._lock:
            await self._drop()

    async def _exchange(self, framed: bytes, control_id: str) -> set[str]:
        """The partner's words on this message; a kept connection that turns out to be gone is opened once more."""
        async with asyncio.timeout(self._timeout):
            if self._streams is not None:
                try:
                    return await self._ask(framed, control_id, *self._streams)
                except ConnectionError:
                    await self._drop()
            self._streams = await asyncio.open_connection(*self._where, ssl=self._ssl)
            _keep_alive(self._streams[1])
            return await self._ask(framed, control_id, *self._streams)

    async def _ask(
        self, framed: bytes, control_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> set[str]:
        if reader.at_eof() or writer.is_closing():
            raise ConnectionResetError
        writer.write(framed)
        await writer.drain()
        framer = Framer()
        while True:
            chunk = await reader.read(2**16)
            if not chunk:
                raise ConnectionResetError
            said = [_read(frame) for frame in framer.feed(chunk)]
            if framer.fault or framer.skipped or (said and framer.pending):
                raise _WrongAnswer(framer.fault or framer.pending or "mllp.garbage")
            if any(of != control_id and of not in self._acknowledged for of, _ in said):
                raise _WrongAnswer("mllp.another-answer")
            if ours := {code for of, code in said if of == control_id}:
                self._acknowledged.append(control_id)
                return ours

    async def _drop(self) -> None:
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            self._acknowledged.clear()
            await _close(writer)


class _WrongAnswer(Exception):
    """What came is no acknowledgement of what was sent; the text is a code."""


def _read(frame: bytes) -> tuple[str, str]:
    """MSA-2 and MSA-1 of an acknowledgement."""
    try:
        answer = hl7.read(frame, "iso-8859-1")
    except Unreadable:
        raise _WrongAnswer("mllp.unreadable-answer") from None
    return answer["MSA-2"], answer["MSA-1"].upper()


def _judge(codes: set[str]) -> str:
    """The verdict of one answer, or of several to the same message; what says yes and no at once is none."""
    if codes <= {"AA", "CA"}:
        return min(codes)
    code = min(codes - {"CA"})  # accepted, and then not: the application has the last word
    if codes <= {"CA", "AR"} or codes == {"CR"}:
        raise Refused(f"mllp.rejected: the partner answered {code}")
    if codes <= {"CA", "AE"} or codes == {"CE"}:
        raise TransportError(f"mllp.error: the partner answered {code}")
    raise _WrongAnswer("mllp.two-answers" if len(codes) > 1 else "mllp.unknown-code")


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Have the kernel find out about a peer that vanished: an idle line is no fault, and may last for days."""
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close, and wait for it, but not for ever and not for a farewell that the other side owes."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()
    except OSError:
        pass  # it was gone already
