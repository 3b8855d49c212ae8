"""HTTPS in: agencies post to us, and are answered after the commit; no message is understood here."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from hub.access.denied import Denied
from hub.access.granting import PATH, Granting
from hub.access.partners import Partners
from hub.agency import Format
from hub.errors import TransportError
from hub.problem import later, named, problem, too_large
from hub.transports import Receive
from hub.transports.accepting import listeners
from hub.transports.answers import FHIR_JSON, answered, answered_in_fhir, in_fhir
from hub.transports.wire import Server, Site, whole_body

LARGEST_BODY: Final = 1024 * 1024  # bytes; aiohttp's own limit for a request's body
BODY_SECONDS: Final = 30.0  # from the end of a request's head to the end of its body
MOST_AT_ONCE: Final = 100  # requests of which the body is being read or committed
MOST_OF_ONE_AGENCY: Final = 20  # of these, so that one whose bodies come slowly takes no other's place
GRACE_SECONDS: Final = 30.0  # for what was received before a stop to be answered

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


class HttpsSource:
    """
    A listener for the lines that agencies speak by HTTPS: `POST /<agency>/<line>`, by whom *partners* know.

    *lines* maps each path to its format; an agency speaks on its own lines only. Where there is *granting*, agencies
    get short tickets for signed assertions at `/oauth2/token`. What is received is answered after
    *receive* came back, that is after the commit: 200 where all of it was accepted, 422 where some was refused and 400
    where it was not readable (both are kept in quarantine), 503 where it could not be kept and must be sent again.
    Refusals are problems (RFC 9457) that say code, place and what to do, and never repeat what was sent.

    Each agency has a share of what is taken at once: past it, it is asked to come again, and the others are served.

    A line of FHIR is also served as the operation `POST /<agency>/<line>/$process-message`, and at both addresses
    answers in FHIR: a message bundle whose response is ok, or an OperationOutcome with the same code, place and
    mend. So does whatever is refused before it is known whose it is, where the sender says that it speaks FHIR.
    """

    def __init__(
        self,
        host: str,
        port: int,
        lines: Mapping[str, Format],
        partners: Partners,
        ssl_context: ssl.SSLContext,
        granting: Granting | None = None,
    ) -> None:
        if granting is not None and PATH in lines:
            raise ValueError(f"{PATH} is where tickets are given: call the agency or its line otherwise")
        self._host, self._wanted_port, self._ssl = host, port, ssl_context
        self._lines = {path: (path, wanted) for path, wanted in lines.items()}
        self._lines |= {path + OPERATION: (path, wanted) for path, wanted in lines.items() if wanted == "fhir"}
        self._partners, self._granting = partners, granting
        self._receive: Receive | None = None
        self._runner: web.ServerRunner | None = None
        self._at_once = Counter[str]()

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
            await Site(runner, await listeners(self._host, self._wanted_port), self._ssl).start()
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
        if self._granting is not None and request.path == PATH:
            return await self._granting.answer(request)
        try:
            caller = self._partners.caller(request)
        except Denied as error:
            refused = problem(error.status, error.code, mend=error.mend, headers=error.headers)
            refused.force_close()  # a stranger keeps no connection by asking again and again
            return refused
        if request.path.removeprefix("/").partition("/")[0] in self._partners.agencies - {caller.agency}:
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
        agency = path.split("/")[1]  # the caller's own: another's line was refused before
        if self._at_once.total() >= MOST_AT_ONCE or self._at_once[agency] >= MOST_OF_ONE_AGENCY:
            return later("busy")
        self._at_once[agency] += 1
        try:
            return await self._take(request, path, wanted)
        finally:
            self._at_once[agency] -= 1

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
