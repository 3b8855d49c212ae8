"""Answers: what a sender by HTTP is told of its message, as a problem or in FHIR; problems themselves are below."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from hub.formats import fhir_answer
from hub.problem import SAID, problem
from hub.transports import Answer

FHIR_JSON: Final = "application/fhir+json"


def answered(answer: Answer) -> web.Response:
    """200 where all was accepted, else 422, or 400 for what could not be read; with the counts of what came of it."""
    counts = {"events": answer.events, "set_aside": answer.set_aside}
    if answer.accepted:
        return web.json_response({"status": "accepted", **counts})
    status = 422 if answer.readable else 400
    return problem(status, answer.code, answer.place, answer.mend, counts={**counts, "refused": answer.refused})


def answered_in_fhir(answer: Answer, body: bytes, line: str) -> web.Response:
    """The same to a sender that speaks FHIR: a message bundle whose response is ok, else a problem to be told so."""
    if not answer.accepted:
        return answered(answer)
    said = f"accepted: {answer.events} events, {answer.set_aside} set aside"
    told = fhir_answer.accepted(body, line, datetime.now(UTC), said)
    return web.Response(body=told, content_type=FHIR_JSON)


def in_fhir(response: web.Response) -> web.Response:
    """*response*, of the same status and headers, with an OperationOutcome in place of a problem document."""
    if (said := response.get(SAID)) is not None:
        response.body = fhir_answer.refused(*said)
        response.content_type = FHIR_JSON
    return response
