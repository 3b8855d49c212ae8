"""The source: empties one of our mailboxes, each message by its workflow to a line, and each only after the commit."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from hub.errors import MessageError, Refused, TransportError
from hub.log import note
from hub.transports import Answer, Receive
from hub.transports.mesh.content import content
from hub.transports.mesh.mailbox import Client, ForOne, Mailbox, connect, faults
from hub.transports.watching import Pace, code_of

REPORT: Final = "REPORT"
"""The workflow of a line that takes MESH's reports on what it could not deliver, whatever workflow that had."""
HANDSHAKE_SECONDS: Final = 6 * 3600.0  # MESH asks for one a day at least
MOST_LISTED: Final = 100_000  # messages

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:\-]{1,300}")
T = TypeVar("T")


class _Message(NamedTuple):
    """What was found under an id: *data* is None where no line takes it, or where it cannot be taken."""

    line: tuple[str, str] | None
    data: bytes | None
    code: str
    """What is wrong with it, or MESH's status code of a report."""
    report: bool = False
    workflow: str = ""


class MeshSource:
    """
    Looks into one mailbox for all lines that come through it; *lines* gives the (agency, line) of each workflow id.

    A message is acknowledged to MESH, which then deletes it, only after the answer: where it was refused the hub has it
    in quarantine, or must not keep it. Of a report only codes and ids are passed on, as a small JSON object, to the
    line of the workflow `REPORT`. What no line takes, and what is too large or cannot be unpacked, is told once and
    left: MESH gives it back to its sender as undelivered after five days, which an acknowledgement would prevent.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        lines: Mapping[str, tuple[str, str]],
        *,
        every: float = 60.0,
        backoff: tuple[float, float] = (5.0, 600.0),
        handshake_every: float = HANDSHAKE_SECONDS,
        most_bytes: int = 50_000_000,
    ) -> None:
        self._mailbox, self._lines, self._most = mailbox, dict(lines), most_bytes
        self._agency = min(agency for agency, _ in self._lines.values())
        self._pace = Pace(every, 0.0, backoff)
        self._handshake_every, self._shook_hands = handshake_every, -handshake_every
        self._left: set[str] = set()
        self._stopping = asyncio.Event()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="mesh")
        self._task: asyncio.Task[None] | None = None

    async def start(self, receive: Receive) -> None:
        """Begin to look; a MESH that is away now is tried again."""
        self._task = asyncio.create_task(self._run(receive), name="mesh")

    async def stop(self) -> None:
        """Stop looking; the message that was received last is answered and acknowledged first."""
        self._stopping.set()
        if self._task is not None:
            await self._task
        self._threads.shutdown(wait=False)

    async def _run(self, receive: Receive) -> None:
        failures = 0
        while not self._stopping.is_set():
            pause = self._pace.every
            try:
                await self._look(receive)
                failures = 0
            except TransportError as error:
                pause = self._pace.pause(failures)
                failures += 1
                self._note("tried again", logging.WARNING, code=code_of(error), seconds=round(pause, 1))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _look(self, receive: Receive) -> None:
        """Take what is there now, by one connection."""
        client = await self._in_thread(partial(connect, self._mailbox))
        try:
            listed = await self._in_thread(partial(self._list, client))
            self._left &= set(listed)
            for message_id in listed:
                if self._stopping.is_set():
                    break
                if message_id not in self._left:
                    await self._one(client, message_id, receive)
        finally:
            await self._in_thread(client.close)

    async def _one(self, client: Client, message_id: str, receive: Receive) -> None:
        """Take one message; only a TransportError that time may mend leaves here: one does not stop the others."""
        try:
            found = await self._in_thread(partial(self._fetch, client, message_id))
            if found.data is None and not found.report:
                self._left.add(message_id)
                said = {"message": message_id, "code": found.code, "kind": found.workflow}
                self._note("left in the mailbox", logging.ERROR, found.line, **said)
                return
            if found.line is None or found.data is None:
                self._note("a message was not delivered", logging.ERROR, message=message_id, code=found.code)
                answer = Answer()
            else:
                answer = await receive(*found.line, found.data)
            await self._in_thread(partial(_acknowledge, client, message_id))
        except ForOne as error:
            code = str(error).partition(";")[0]
            self._note("a message makes trouble", logging.ERROR, message=message_id, code=code)
        except Refused as error:  # Kafka will never take what is in it: no reason for the messages behind it to wait
            self._note("a message makes trouble", logging.ERROR, message=message_id, code=code_of(error))
        except TransportError:
            raise
        except Exception as error:  # noqa: BLE001  a fault of ours with one message: the others go on, and it is told
            self._note("a message makes trouble", logging.ERROR, message=message_id, kind=type(error).__name__)
        else:
            counts = {"events": answer.events, "set_aside": answer.set_aside, "refused": answer.refused}
            self._note("received", logging.INFO, found.line, message=message_id, code=answer.code, **counts)

    def _list(self, client: Client) -> list[str]:
        with faults():
            if time.monotonic() - self._shook_hands >= self._handshake_every:
                client.shake_hands()
                self._shook_hands = time.monotonic()
            return list(islice(client.iterate_message_ids(), MOST_LISTED))

    def _fetch(self, client: Client, message_id: str) -> _Message:
        with faults():
            first: Any = client.retrieve_message_chunk(message_id, 1)
            try:
                read = partial(content, client, message_id, first, self._most)
                return self._sorted(message_id, first.headers, read)
            finally:
                first.close()

    def _sorted(self, message_id: str, headers: Mapping[str, str], read: Callable[[], bytes]) -> _Message:
        """A message with its line, and read where there is one."""
        if headers.get("Mex-MessageType", "").upper() == REPORT:
            line = self._lines.get(REPORT)
            data = None if line is None else _report(message_id, headers)
            return _Message(line, data, _plain(headers, "Mex-StatusCode"), report=True)
        workflow = headers.get("Mex-WorkflowID", "")
        line = None if workflow == REPORT else self._lines.get(workflow)
        if line is None:
            return _Message(None, None, "mesh.unknown-workflow", workflow=_plain(headers, "Mex-WorkflowID"))
        try:
            return _Message(line, read(), "")
        except MessageError as error:
            return _Message(line, None, error.code)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _note(self, what: str, level: int, line: tuple[str, str] | None = None, **keys: object) -> None:
        agency, name = line or (self._agency, "")
        note("mesh", what, level=level, agency=agency, line=name, **keys)


def _acknowledge(client: Client, message_id: str) -> None:
    with faults():
        client.acknowledge_message(message_id)


def _report(message_id: str, headers: Mapping[str, str]) -> bytes:
    """A report as JSON: ids and a code, and nothing of the subject and description, which are somebody's words."""
    told = {
        "localId": _plain(headers, "Mex-LocalID"),
        "messageId": message_id,
        "statusCode": _plain(headers, "Mex-StatusCode"),
        "linkedMessageId": _plain(headers, "Mex-LinkedMsgID"),
    }
    return json.dumps(told).encode()


def _plain(headers: Mapping[str, str], name: str) -> str:
    said = headers.get(name, "")
    return said if _PLAIN.fullmatch(said) else ""
