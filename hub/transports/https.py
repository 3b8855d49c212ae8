"""HTTPS: agencies post to us and are answered after the commit, and we post to them; no message is understood here."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from hub.agency import Format
from hub.errors import Refused, TransportError
from hub.formats import fhir_answer
from hub.transports import Delivery, Reached, Receive
from hub.transports.https_trial import tried
from hub.transports.knocking import SECONDS
from hub.transports.problem import FHIR_JSON, answered, answered_in_fhir, in_fhir, later, named, problem, too_large
from hub.transports.wire import Server, whole_body

LARGEST_BODY: Final = 1024 * 1024  # bytes; aiohttp's own limit for a request's body
LARGEST_ANSWER: Final = 256 * 1024  # bytes of a partner's answer that are looked at
BODY_SECONDS: Final = 30.0  # from the end of a request's head to the end of its body
MOST_AT_ONCE: Final = 100  # requests of which the body is being read or committed
GRACE_SECONDS: Final = 30.0  # for what was received before a stop to be answered
LONGEST_WAIT: Final = 300.0  # seconds a partner can make us wait by one Retry-After

MEDIA_TYPES: Final[Mapping[Format, frozenset[str]]] = {
    "json": frozenset({"application/json"}),
    "fhir": frozenset({FHIR_JSON, "application/json"}),
    "csv": frozenset({"text/csv"}),
    "xml": frozenset({"application/xml", "text/xml"}),
    "hl7": frozenset({"x-application/hl7-v2+er7", "application/hl7-v2"}),
    "avro": frozenset({"application/avro"}),
}

OPERATION: Final = "/$process-message"
"""The operation of FHIR R4 messaging, at the end of an address."""

_ADDRESS: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}")
_AGAIN: Final = frozenset({401, 403, 407, 408, 425, 429})
# FHIR R4 issue types of which the specification says that the same content may be sent again
_PASSING: Final = frozenset({"transient", "lock-error", "no-store", "timeout", "throttled"})


class HttpsSource:
    """
    A listener for the lines that agencies speak by HTTPS: `POST /<agency>/<line>` with a bearer token.

    *lines* maps each path to its format; *tokens* each agency to its token, which opens its own lines only; while it
    changes to a new one, to both, on two lines. What is received is answered after *receive* came back, that is after
    the commit: 200 where all of it was accepted, 422 where some was refused and 400 where it was not readable (both
    are kept in quarantine), 503 where it could not be kept and must be sent again. Refusals are problems (RFC 9457)
    that say code, place and what to do, and never repeat what was sent.

    A line of FHIR is also served as the operation `POST /<agency>/<line>/$process-message`, and at both addresses
    answers in FHIR: a message bundle whose response is ok, or an OperationOutcome with the same code, place and
    mend. So does whatever is refused before it is known whose it is, where the sender says that it speaks FHIR.
    """

    def __init__(
        self,
        host: str,
        port: int,
        lines: Mapping[str, Format],
        tokens: Mapping[str, str],
        ssl_context: ssl.SSLContext,
    ) -> None:
        known = [(agency, token) for agency, words in tokens.items() for token in words.split()]
        if any(not 1 <= len(words.split()) <= 2 for words in tokens.values()):
            raise ValueError("an agency has one token, or two on two lines while it changes from one to the other")
        if any(len(token) < 16 for _, token in known):
            raise ValueError("a token is at least 16 characters; make one with: openssl rand -hex 32")
        if len({token for _, token in known}) != len(known):
            raise ValueError("two agencies have the same token; give each its own")
        self._host, self._wanted_port, self._ssl = host, port, ssl_context
        self._lines = {path: (path, wanted) for path, wanted in lines.items()}
        self._lines |= {path + OPERATION: (path, wanted) for path, wanted in lines.items() if wanted == "fhir"}
        self._agencies = frozenset(tokens)
        self._tokens = [(agency, _digest(token)) for agency, token in known]
        self._receive: Receive | None = None
        self._runner: web.ServerRunner | None = None
        self._at_once = 0

    @property
    def port(self) -> int:
        """The port that is listened on, once started; where 0 was asked for, the one the system gave."""
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("not started")
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self, receive: Receive) -> None:
        """Begin to listen; returns once ready. Raises OSError where the port is not to be had."""
        self._receive = receive
        runner = web.ServerRunner(Server(self._answer), shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._wanted_port, ssl_context=self._ssl).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening; what was received is answered first."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        response = await named(request, self._serve)
        return in_fhir(response) if self._speaks_fhir(request) else response

    @staticmethod
    def _speaks_fhir(request: web.BaseRequest) -> bool:
        """By what the sender says alone: whoever it is learns nothing of which lines there are."""
        said = (request.content_type, request.headers.get("Accept", ""))
        return request.path.endswith(OPERATION) or any(FHIR_JSON in one for one in said)

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        caller = self._caller(request)
        if caller is None:
            return problem(401, "unauthenticated", mend="send your agency's bearer token")
        if request.path.removeprefix("/").partition("/")[0] in self._agencies - {caller}:
            return problem(403, "forbidden", mend="this line belongs to another agency")
        path, wanted = self._lines.get(request.path, ("", None))
        if wanted is None:
            return problem(404, "no-such-line", mend="post to /<agency>/<line>")
        response = await self._asked(request, path, wanted)
        return in_fhir(response) if wanted == "fhir" else response

    async def _asked(self, request: web.BaseRequest, path: str, wanted: Format) -> web.Response:
        if request.method != "POST":
            return problem(405, "method", mend="use POST", headers={"Allow": "POST"})
        if request.content_type not in MEDIA_TYPES[wanted]:
            accepted = ", ".join(sorted(MEDIA_TYPES[wanted]))
            return problem(415, "media-type", "Content-Type", f"send one of: {accepted}")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return problem(415, "encoding", "Content-Encoding", "send it uncompressed")
        if (request.content_length or 0) > LARGEST_BODY:
            return too_large(LARGEST_BODY)
        if self._at_once >= MOST_AT_ONCE:
            return later("busy")
        self._at_once += 1
        try:
            return await self._take(request, path, wanted)
        finally:
            self._at_once -= 1

    async def _take(self, request: web.BaseRequest, path: str, wanted: Format) -> web.Response:
        assert self._receive is not None  # noqa: S101  start() set it before the first request
        agency, _, line = path.removeprefix("/").partition("/")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await whole_body(request)
        except web.HTTPRequestEntityTooLarge:
            return too_large(LARGEST_BODY)
        except TimeoutError:
            return problem(408, "too-slow", mend=f"send the whole body within {BODY_SECONDS:.0f} seconds")
        try:
            answer = await self._receive(agency, line, body)
        except TransportError:
            return later("not-kept")
        return answered_in_fhir(answer, body, path) if wanted == "fhir" else answered(answer)

    def _caller(self, request: web.BaseRequest) -> str | None:
        """The agency whose token this is; every token is compared, each in constant time."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        shown = _digest(token.strip())
        known = [agency for agency, digest in self._tokens if hmac.compare_digest(digest, shown)]
        return known[0] if known and scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


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
    """

    def __init__(
        self, url: str, token: str | None, ssl_context: ssl.SSLContext | None = None, timeout: float = 30.0
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
        headers = {"Content-Type": delivery.content_type, "Idempotency-Key": delivery.message_id}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        is_fhir = delivery.content_type.partition(";")[0].strip() == FHIR_JSON
        if is_fhir:
            headers["Accept"] = FHIR_JSON
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._ssl),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
            )
        try:
            async with self._session.post(
                url, data=io.BytesIO(delivery.body), headers=headers, allow_redirects=False
            ) as response:
                status, retry_after = response.status, response.headers.get("Retry-After", "")
                page = response.content_type == "text/html" and response.content_length != 0
                answer = await _start_of(response) if is_fhir and 200 <= status < 300 else b""
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise TransportError(f"https: no answer ({type(error).__name__})") from None
        if status in _AGAIN or status >= 500:
            self._not_before = loop.time() + _seconds(retry_after)
            raise TransportError(f"https: status {status}")
        if not 200 <= status < 300:
            raise Refused(f"https: status {status}")
        if page and (answer or not is_fhir):
            raise TransportError(f"https: status {status}, and a web page for an answer")
        if answer:
            _check_outcome(status, answer, delivery.body)
        return str(status)

    async def reach(self, address: str = "") -> Sequence[Reached]:
        """
        Go to the door of *address* and hand over nothing; raises `Unreached` at the step that fails.

        Without an *address* the path of a family of like recipients stays unknown.
        """
        whole = bool(address) or "{address}" not in self._url
        seconds = min(self._timeout.total or SECONDS, SECONDS)
        return await tried(self._address(address or "connect"), self._token, self._ssl, seconds, whole=whole)

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


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    """The answer, or as much of it as shows that it is too large to be looked at whole."""
    body = await response.content.read(LARGEST_ANSWER + 1)
    while len(body) <= LARGEST_ANSWER and (more := await response.content.read(LARGEST_ANSWER + 1 - len(body))):
        body += more
    return body


def _check_outcome(status: int, answer: bytes, sent: bytes) -> None:
    """Raise as `deliver` does where a FHIR partner's *answer* is not the acknowledgement of what was *sent*."""
    ours = fhir_answer.asked(sent)
    said = fhir_answer.outcome_of(answer, None if ours is None else ours.id) if len(answer) <= LARGEST_ANSWER else ""
    if said == "":
        raise TransportError(f"https: status {status}, and the answer is no FHIR")
    if said == "another":
        raise TransportError(f"https: status {status}, and the answer is to another message")
    kind, _, code = said.partition(".")
    if said == "response.transient-error" or (kind in ("error", "fatal") and code in _PASSING):
        raise TransportError(f"https: status {status}, outcome {said}")
    if kind in ("error", "fatal", "response"):
        raise Refused(f"https: status {status}, outcome {said}")


def _seconds(retry_after: str) -> float:
    """Retry-After as seconds from now (RFC 9110 §10.2.3): a number or a date; 0 for what is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        wanted = float(text[:9])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return 0.0
        wanted = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(wanted, 0.0), LONGEST_WAIT)
