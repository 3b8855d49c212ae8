"""The sink: puts each delivery into a partner's mailbox, once as far as MESH lets us look."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

from hub.errors import Refused, TransportError
from hub.transports import Delivery, Reached
from hub.transports.mesh.mailbox import Client, Mailbox, opened, status
from hub.transports.naming import file_name

COMPRESSED_FROM: Final = 10_000  # bytes; below, gzip gains nothing that counts
CHUNK: Final = 20_000_000  # bytes; MESH asks for chunks from 100 MB on, and smaller ones are sooner sent again
ABREAST: Final = 2  # sends under way at once
LOST_WITHIN: Final = 3600.0  # seconds; a reply that was lost is asked for within minutes, a file once more after hours
MOST_REMEMBERED: Final = 10_000  # ids

_REFUSED: Final = {
    "06": "a header is malformed; look at the mailbox and the workflow in the settings",
    "07": "our own mailbox is not valid; look at it in the settings",
    "08": "the recipient's mailbox is missing; look at it in the settings",
    "12": "the recipient's mailbox is not registered; ask the partner for it",
    "17": "the mailbox is not registered for this workflow; ask the NHS's service desk to add it",
}
# Statuses of tracking: with these MESH has all of it. `uploading` has a part, `error` and `undeliverable` went nowhere.
_HANDED_OVER: Final = frozenset({"accepted", "acknowledged"})


class MeshSink:
    """
    Sends from one of our mailboxes, under one workflow id, to one recipient; each delivery's id is its Mex-LocalID.

    What is returned is MESH's own message id, which says that it was handed over; that the partner took it is another
    message, by another road. MESH has no idempotency, so before it sends the sink asks what was sent under that id,
    and what it finds is the message whose reply it never heard. That does not hold where the sink itself returned it,
    or where it was sent longer than *lost_within* seconds ago: who delivers it then was asked for it once more.
    A reply that is lost just when MESH cannot tell means a second message with the same local id: the file's own id and
    number inside are what makes it harmless to its reader.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        recipient: str,
        workflow: str,
        *,
        chunk: int = CHUNK,
        lost_within: float = LOST_WITHIN,
    ) -> None:
        self._mailbox, self._recipient, self._workflow = mailbox, recipient, workflow
        self._chunk, self._lost_within = chunk, lost_within
        # Threads of its own: an exchange that hangs would otherwise hold those that all roads share.
        self._threads = ThreadPoolExecutor(ABREAST, thread_name_prefix="mesh")
        self._sending: dict[str, asyncio.Future[str]] = {}
        self._returned: dict[str, None] = {}  # in order, the oldest first

    async def deliver(self, delivery: Delivery) -> str:
        """
        Send it, and return MESH's id of the message.

        Raises `Refused` where MESH will never take it, `TransportError` for all else. A send that nobody waits for
        any more goes on, since a thread cannot be stopped; the same delivery again then waits for that one.
        """
        name = file_name(delivery, "mesh")
        sending = self._sending.get(delivery.message_id)
        if sending is None:
            sending = asyncio.get_running_loop().run_in_executor(self._threads, self._send, delivery, name)
            self._sending[delivery.message_id] = sending
            sending.add_done_callback(lambda done: self._ended(delivery.message_id, done))
        found = await asyncio.shield(sending)
        self._returned[delivery.message_id] = None
        if len(self._returned) > MOST_REMEMBERED:
            del self._returned[next(iter(self._returned))]
        return found

    async def reach(self) -> Sequence[Reached]:
        """Shake hands with MESH, which shows our certificate, mailbox and secrets; raises `TransportError`."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._shake_hands)
        return [
            Reached("connection", "MESH answers, and its certificate is good"),
            Reached("credentials", "MESH knows our certificate, our mailbox and its secrets"),
        ]

    async def close(self) -> None:
        """Finish what is being sent."""
        await asyncio.gather(*self._sending.values(), return_exceptions=True)
        self._threads.shutdown(wait=False)

    def _ended(self, message_id: str, sending: asyncio.Future[str]) -> None:
        self._sending.pop(message_id, None)
        if not sending.cancelled():
            sending.exception()  # asked for, so that nobody complains where no one waits any more

    def _shake_hands(self) -> None:
        with opened(self._mailbox) as client:
            client.shake_hands()

    def _send(self, delivery: Delivery, name: str) -> str:
        with opened(self._mailbox) as client:
            asked_for = delivery.message_id in self._returned
            lost = "" if asked_for else _sent_before(client, delivery.message_id, self._lost_within)
            return lost or self._send_anew(client, delivery, name)

    def _send_anew(self, client: Client, delivery: Delivery, name: str) -> str:
        body, size = delivery.body, self._chunk
        parts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
        headers = {
            "workflow_id": self._workflow, "local_id": delivery.message_id, "filename": name,
            "subject": delivery.stream, "content_type": delivery.content_type,
        }  # fmt: skip
        message_id = ""
        for number, part in enumerate(parts, 1):
            response = client.send_chunk(
                self._recipient,
                BytesIO(part),
                number,
                len(parts),
                compress=len(body) >= COMPRESSED_FROM,
                message_id=message_id or None,
                **headers,
            )
            if number == 1:
                message_id = _accepted(response)
        return message_id


def _sent_before(client: Client, local_id: str, within: float) -> str:
    """MESH's id of the one message that was lately sent whole under *local_id*; empty where there is none, or doubt."""
    response = client.sent_as(local_id)
    if response.status_code in (401, 403, 408, 425, 429) or response.status_code >= 500:
        raise status(response.status_code)
    if response.status_code != 200:  # 404: none; 300: several, of which each may be a part; else: not offered
        return ""
    found = response.json()
    whole = str(found.get("status", "")).lower() in _HANDED_OVER
    return str(found["messageId"]) if whole and _age(str(found.get("uploadTimestamp", ""))) < within else ""


def _age(uploaded: str) -> float:
    """Seconds since *uploaded*, as MESH writes it (`20260915093000`, UTC); 0 where it does not say."""
    try:
        return (datetime.now(UTC) - datetime.strptime(uploaded, "%Y%m%d%H%M%S").replace(tzinfo=UTC)).total_seconds()
    except ValueError:
        return 0.0


def _accepted(response: Any) -> str:
    """The id that MESH gave to a message; raises `Refused` or `TransportError` where it gave none."""
    if response.status_code in (200, 202):
        return str(response.json()["message_id"])
    code = _code(response)
    if code in _REFUSED:
        raise Refused(f"mesh.refused-{code}: {_REFUSED[code]}")
    if code.isascii() and code.isalnum() and len(code) <= 40:
        raise TransportError(
            f"mesh.error-{code.lower()}: MESH's own code, with status {response.status_code}; tried again"
        )
    raise status(response.status_code)


def _code(response: Any) -> str:
    """MESH's own code of an error, by either version of its answers."""
    try:
        said = response.json()
        return str(said["errorCode"] if "errorCode" in said else said["detail"][0]["code"])
    except (ValueError, LookupError, TypeError):
        return ""
