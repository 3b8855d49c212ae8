"""The desk: the registry's answers by HTTP, to callers who are known; which schemas there are is the shelf's to say."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import unquote

from aiohttp import web

from hub.access.caller import Caller
from hub.catalog import Catalog
from hub.errors import HubError
from hub.log import note
from hub.registry.answers import CONTENT_TYPE, Answer, answer, refused, written
from hub.registry.shelf import Shelf

CHALLENGE: Final = 'Basic realm="sharing hub", charset="UTF-8"'  # RFC 7617; what Confluent's clients speak first
HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Way(Protocol):
    """One way to be known: by a token of ours, by a token that somebody whom we trust issued."""

    async def caller(self, request: web.BaseRequest) -> Caller | None:
        """Who calls; None where the request shows nothing of this kind. Raises HubError where it is no good."""


class Desk:
    """
    Answers every request to the registry; *ways* are asked in their order who calls.

    It stands alone (`hub.registry.serving`), or in an application that serves other things as well, which leaves to it
    to know its callers, since these want their refusals in the registry's shape:
    `app.router.add_route("*", "/registry/{rest:.*}", desk.serve)` with `Desk(…, under="/registry")`.
    """

    def __init__(self, catalog: Catalog, ways: Sequence[Way], under: str = "") -> None:
        self._shelf, self._ways, self._under = Shelf(catalog), tuple(ways), under

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """The answer; one that nobody foresaw is told by its kind alone."""
        try:
            told = await self._told(request)
        except Exception as error:  # noqa: BLE001  whatever it is, nothing of it is for the caller
            note("registry", "failed", level=logging.ERROR, kind=type(error).__name__)
            told = refused(500, 50001, "Error in the registry")
        headers = HEADERS | ({"WWW-Authenticate": CHALLENGE} if told.status == 401 else {})
        return web.Response(status=told.status, body=written(told.body), content_type=CONTENT_TYPE, headers=headers)

    async def _told(self, request: web.BaseRequest) -> Answer:
        caller = await self._who(request)
        if caller is None:
            note("registry", "turned away", level=logging.WARNING, code="unauthenticated")
            return refused(401, 401, "Unauthorized: send the agency's key and its token, or a bearer token")
        if not caller.may("partner", "ops", "governance"):
            note("registry", "turned away", level=logging.WARNING, code="role")
            return refused(403, 40301, "Forbidden: schemas are for partners, ops and governance")
        raw = request.rel_url.raw_path.removeprefix(self._under).strip("/")
        path = [unquote(part) for part in raw.split("/")] if raw else []
        return answer(self._shelf.seen_by(caller), request.method, path, request.query)

    async def _who(self, request: web.BaseRequest) -> Caller | None:
        for way in self._ways:
            try:
                if (caller := await way.caller(request)) is not None:
                    return caller
            except HubError:
                return None
        return None
