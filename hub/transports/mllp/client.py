"""MLLP out: each message is sent and its acknowledgement awaited; what a message says is not understood here."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections import deque
from collections.abc import Sequence

from hub.errors import Refused, TransportError
from hub.formats.hl7_write import header
from hub.transports import Delivery, Reached
from hub.transports.knocking import SECONDS, knock
from hub.transports.mllp.acknowledged import WrongAnswer, judge, read
from hub.transports.mllp.connection import close, keep_alive
from hub.transports.mllp.framing import BEGIN, END, Framer

MOST_REMEMBERED = 100  # messages whose acknowledgement may come once more


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
                return judge(await self._exchange(BEGIN + delivery.body + END, control_id))
            except WrongAnswer as fault:
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
            keep_alive(self._streams[1])
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
            said = [read(frame) for frame in framer.feed(chunk)]
            if framer.fault or framer.skipped or (said and framer.pending):
                raise WrongAnswer(framer.fault or framer.pending or "mllp.garbage")
            if any(of != control_id and of not in self._acknowledged for of, _ in said):
                raise WrongAnswer("mllp.another-answer")
            if ours := {code for of, code in said if of == control_id}:
                self._acknowledged.append(control_id)
                return ours

    async def _drop(self) -> None:
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            self._acknowledged.clear()
            await close(writer)
