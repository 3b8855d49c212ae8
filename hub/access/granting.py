"""Granting: an agency posts its signed assertion and gets a ticket for it (RFC 6749 §4.4, RFC 7523 §2.2)."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from hub.access.assertion import TYPE, Assertions
from hub.access.denied import Denied
from hub.access.tickets import SECONDS, Tickets
from hub.log import note

PATH: Final = "/oauth2/token"
LARGEST: Final = 16 * 1024  # bytes of a request
BODY_SECONDS: Final = 10.0

_FORM: Final = "application/x-www-form-urlencoded"


class Granting:
    """The token endpoint of the gateway."""

    def __init__(self, assertions: Assertions, tickets: Tickets) -> None:
        self._assertions, self._tickets = assertions, tickets

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """A ticket, or why there is none, in the words of RFC 6749 §5 and with our code."""
        try:
            agency = await self._agency(request)
        except Denied as error:
            said = {400: "invalid_request", 503: "temporarily_unavailable"}.get(error.status, "invalid_client")
            note("access", "no ticket", code=error.code)
            return _json({"error": said, "error_description": f"{error.code}: {error.mend}"}, error.status)
        note("access", "ticket given", agency=agency)
        return _json({"access_token": self._tickets.give(agency), "token_type": "Bearer", "expires_in": SECONDS}, 200)

    async def _agency(self, request: web.BaseRequest) -> str:
        if request.method != "POST" or request.content_type != _FORM:
            raise Denied(400, "request", f"POST a form, as {_FORM}")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.content.read(LARGEST + 1)
                while len(body) <= LARGEST and (more := await request.content.read(LARGEST + 1 - len(body))):
                    body += more
            fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=10)
        except (TimeoutError, ValueError):
            raise Denied(400, "request", "send the whole form at once, encoded") from None
        form = dict(fields)
        if len(body) > LARGEST or len(form) != len(fields):
            raise Denied(400, "request", f"send each field once, and {LARGEST} bytes at most")
        if form.get("grant_type") != "client_credentials":
            raise Denied(400, "grant-type", "grant_type is client_credentials")
        if form.get("client_assertion_type") != TYPE:
            raise Denied(400, "assertion-type", f"client_assertion_type is {TYPE}")
        agency = await self._assertions.agency_of(form.get("client_assertion", ""))
        if form.get("client_id", agency) != agency:
            raise Denied(401, "token.subject", "client_id is the same as sub")
        return agency


def _json(said: dict[str, object], status: int) -> web.Response:
    return web.json_response(said, status=status, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
