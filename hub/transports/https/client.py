"""HTTPS out: we post to an agency's own address, and hear whether it took it; no message is understood here."""

from __future__ import annotations

import asyncio
import io
import re
import ssl
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from hub.errors import Refused, TransportError
from hub.transports import Delivery, Reached
from hub.transports.answers import FHIR_JSON
from hub.transports.https.connecting import one_by_one
from hub.transports.https.granted import Granted
from hub.transports.https.outcome import check_outcome, seconds, start_of
from hub.transports.https.trial import tried
from hub.transports.knocking import SECONDS

_ADDRESS: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}")
_AGAIN: Final = frozenset({401, 403, 407, 408, 425, 429})


class _Reply(NamedTuple):
    """What came back: *is_page* for a web page, *body* where it is to be looked at."""

    status: int
    retry_after: str
    is_page: bool
    body: bytes


def _is_fhir(delivery: Delivery) -> bool:
    return delivery.content_type.partition(";")[0].strip() == FHIR_JSON


class HttpsSink:
    """
    An agency's own HTTPS address: each delivery is posted with its message id as Idempotency-Key.

    `{address}` in *url* stands for the one of a family of like recipients. 2xx is the acknowledgement, unless the
    answer is a web page, as from something that stands in front of the partner; for FHIR only where the answer is
    empty, or is FHIR in which no OperationOutcome or message response says otherwise, and a response is to the
    MessageHeader that was sent: garbage acknowledges nothing, and is met by asking again. 408, 425, 429, 5xx, time-outs
    and broken connections are tried again, and not before what Retry-After asks (five minutes at most); so are 401,
    403 and 407, since an expired token or certificate is our trouble and not the message's. Everything else,
    redirections with it, is refused: what was meant for one place is never taken to another.

    *token* is the one that the partner gave us, or where its token endpoint grants short ones.
    """

    def __init__(
        self, url: str, token: str | Granted | None, ssl_context: ssl.SSLContext | None = None, timeout: float = 30.0
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username or "{" in parts.netloc:
            raise ValueError("a delivery address starts with https:// and names its host, without a password")
        self._url, self._token = url, token
        self._ssl: ssl.SSLContext | bool = ssl_context if ssl_context is not None else True
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None
        self._not_before = 0.0  # of the loop's clock

    async def deliver(self, delivery: Delivery) -> str:
        """Post it; returns the status, such as `200`. Raises `Refused` or `TransportError`, without content."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            raise TransportError("https: the partner asked to wait (Retry-After)")
        url = self._address(delivery.address)
        token = await self._authority()
        reply = await self._posted(url, delivery, token)
        if reply.status == 401 and isinstance(self._token, Granted):  # it may have been taken back before its end
            reply = await self._posted(url, delivery, await self._token.token(refused=token or ""))
        status, is_fhir = reply.status, _is_fhir(delivery)
        if status in _AGAIN or status >= 500:
            self._not_before = loop.time() + seconds(reply.retry_after)
            raise TransportError(f"https: status {status}")
        if not 200 <= status < 300:
            raise Refused(f"https: status {status}")
        if reply.is_page and (reply.body or not is_fhir):
            raise TransportError(f"https: status {status}, and a web page for an answer")
        if reply.body:
            check_outcome(status, reply.body, delivery.body)
        return str(status)

    async def _posted(self, url: URL, delivery: Delivery, token: str | None) -> _Reply:
        headers = {"Content-Type": delivery.content_type, "Idempotency-Key": delivery.message_id}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        is_fhir = _is_fhir(delivery)
        if is_fhir:
            headers["Accept"] = FHIR_JSON
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._ssl),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                trace_configs=[one_by_one()],
            )
        try:
            async with self._session.post(
                url, data=io.BytesIO(delivery.body), headers=headers, allow_redirects=False
            ) as response:
                status, page = response.status, response.content_type == "text/html" and response.content_length != 0
                answer = await start_of(response) if is_fhir and 200 <= status < 300 else b""
                return _Reply(status, response.headers.get("Retry-After", ""), page, answer)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise TransportError(f"https: no answer ({type(error).__name__})") from None

    async def _authority(self) -> str | None:
        """The token to show; raises `TransportError` where the partner's token endpoint gives none."""
        return await self._token.token() if isinstance(self._token, Granted) else self._token

    async def reach(self, address: str = "") -> Sequence[Reached]:
        """
        Go to the door of *address* and hand over nothing; raises `Unreached` at the step that fails.

        Without an *address* the path of a family of like recipients stays unknown.
        """
        whole = bool(address) or "{address}" not in self._url
        seconds = min(self._timeout.total or SECONDS, SECONDS)
        token = await self._authority()
        return await tried(self._address(address or "connect"), token, self._ssl, seconds, whole=whole)

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _address(self, address: str) -> URL:
        if "{address}" not in self._url:
            return URL(self._url, encoded=True)
        if _ADDRESS.fullmatch(address) is None:  # letters, digits and a few marks: nothing that leaves its place
            raise Refused("https: the address of this recipient cannot stand in a URL")
        return URL(self._url.replace("{address}", address), encoded=True)
