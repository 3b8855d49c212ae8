"""Problems: what whoever calls by HTTP is answered, as RFC 9457 has it: codes, places, what to do, never content."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeVar

from aiohttp import web

from hub.log import note

RETRY_AFTER: Final = 5  # seconds
SAID: Final = web.ResponseKey("problem", tuple)
"""Status, code, place, mend and detail of an answer that is a problem, for whoever says it in another form."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_Answer = TypeVar("_Answer", bound=web.StreamResponse)

_DETAILS: Final = {
    400: "The message could not be read; it is kept for a person to look at",
    401: "Who is asking is not known",
    403: "Not yours",
    404: "There is no such line",
    405: "Only POST",
    408: "Too slow",
    413: "Too large",
    415: "Not in this form",
    422: "Some of the message was refused; it is kept for a person to look at",
    500: "The hub failed; send it again",
    503: "The hub could not keep the message; send it again",
}


def problem(
    status: int,
    code: str,
    place: str = "",
    mend: str = "",
    *,
    detail: str = "",
    counts: Mapping[str, int] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A problem of *status*: a closed *code*, where, and what to do about it."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    why = {"detail": detail or _DETAILS.get(status, HTTPStatus(status).phrase), "code": code}
    told = {name: value for name, value in (("place", place), ("mend", mend)) if value}
    extra = {"WWW-Authenticate": 'Bearer realm="sharing hub"'} if status == 401 else {}
    response = web.json_response(
        {**said, **why, **told, **(counts or {})},
        status=status,
        content_type="application/problem+json",
        headers={**extra, **(headers or {})},
    )
    response[SAID] = (status, code, place, mend, why["detail"])
    return response


def too_large(largest: int) -> web.Response:
    """413, with the figure in bytes."""
    return problem(413, "too-large", mend=f"send at most {largest} bytes at once")


def later(code: str) -> web.Response:
    """503 with Retry-After: nothing was kept, and the sender still has it."""
    return problem(503, code, mend="send it again, with the same id", headers={"Retry-After": str(RETRY_AFTER)})


async def named(
    request: web.BaseRequest, serve: Callable[[web.BaseRequest], Awaitable[_Answer]]
) -> _Answer | web.Response:
    """The answer of *serve*, which names its request; an error that nobody foresaw is told by its kind alone."""
    response: _Answer | web.Response
    try:
        response = await serve(request)
    except Exception as error:  # noqa: BLE001  whatever it is, the sender must hear that nothing is certain
        note("https", "failed", level=logging.ERROR, kind=type(error).__name__)
        response = problem(500, "error", mend="send it again, with the same id")
    shown = request.headers.get("X-Request-ID", "")
    response.headers["X-Request-ID"] = shown if _REQUEST_ID.fullmatch(shown) else str(uuid.uuid4())
    response.headers.setdefault("Cache-Control", "no-store")
    trace = request.headers.get("traceparent", "")
    if _TRACEPARENT.fullmatch(trace):
        response.headers["traceparent"] = trace
    return response
