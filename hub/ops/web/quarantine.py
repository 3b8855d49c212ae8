"""The work queue of quarantine as it is asked for: the list, and deeds on several at once; it is written elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from hub.errors import HubError
from hub.ops.web import asked, frame
from hub.ops.web.deeds import done, none
from hub.ops.web.ground import ground
from hub.ops.web.quarantine_page import DEEDS, HERE, page
from hub.quarantine.ward import Wanted
from hub.reasons import NotAnswered

TITLE: Final = "What could not be read"


async def queue(request: web.Request) -> web.StreamResponse:
    """`/quarantine`: the list, for the agency, code and age that the address names."""
    return await _listed(request, dict(request.query))


async def deeds(request: web.Request) -> web.StreamResponse:
    """`POST /quarantine`: one deed on the items that were ticked."""
    stands = ground(request)
    caller, said, items = (
        await stands.door.who(request),
        await asked.answers(request),
        await asked.chosen(request, "item"),
    )
    if not items or said.get("deed") not in DEEDS:
        fault = NotAnswered("tick the items that are meant, and choose what is to be done with them")
        return await _listed(request, said, fault, items)
    try:
        why = asked.why(caller, said.get("because", ""))
    except NotAnswered as fault:
        return await _listed(request, said, fault, items)
    return await done(request, said, items, why)


async def _listed(
    request: web.Request, said: Mapping[str, str], fault: NotAnswered | None = None, ticked: Sequence[str] = ()
) -> web.StreamResponse:
    stands = ground(request)
    if stands.quarantine is None:
        return await none(request)
    wanted = Wanted(agency=said.get("agency", ""), code=said.get("code", ""))
    quarantine = stands.quarantine
    try:
        entries = await asked.waited(lambda: [one for one in quarantine.entries(wanted) if one.end is None])
    except HubError as error:
        return await frame.told(request, 503, "Quarantine cannot be looked at", f"{error}.", here=HERE)
    inside = page(stands, quarantine, entries, said, stands.door.csrf(request), fault, ticked)
    return await frame.page(request, TITLE, *inside, status=422 if fault else 200, here=HERE)
