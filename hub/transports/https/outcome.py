"""Outcomes: what a partner's answer to a post says of it, and how long it asks to be left alone; nothing is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from hub.errors import Refused, TransportError
from hub.formats import fhir_answer

LARGEST_ANSWER: Final = 256 * 1024  # bytes of a partner's answer that are looked at
LONGEST_WAIT: Final = 300.0  # seconds a partner can make us wait by one Retry-After

# FHIR R4 issue types of which the specification says that the same content may be sent again
_PASSING: Final = frozenset({"transient", "lock-error", "no-store", "timeout", "throttled"})


async def start_of(response: aiohttp.ClientResponse) -> bytes:
    """The answer, or as much of it as shows that it is too large to be looked at whole."""
    body = await response.content.read(LARGEST_ANSWER + 1)
    while len(body) <= LARGEST_ANSWER and (more := await response.content.read(LARGEST_ANSWER + 1 - len(body))):
        body += more
    return body


def check_outcome(status: int, answer: bytes, sent: bytes) -> None:
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


def seconds(retry_after: str) -> float:
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
