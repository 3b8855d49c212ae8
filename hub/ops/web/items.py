"""One item of quarantine as it is asked for: its page, what was sent, what becomes of it; it is written elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from hub.approvals import different
from hub.errors import HubError
from hub.ops.web import asked, frame
from hub.ops.web.deeds import done, none
from hub.ops.web.frame import HEADERS
from hub.ops.web.ground import ground
from hub.ops.web.item_page import opened, page
from hub.ops.web.quarantine_page import HERE
from hub.quarantine.ward import NotDone, Wanted
from hub.reasons import NotAnswered, reason


async def item(request: web.Request) -> web.StreamResponse:
    """`/quarantine/ITEM`: all but what was sent."""
    return await _page(request, {})


async def show(request: web.Request) -> web.StreamResponse:
    """`POST /quarantine/ITEM/show`: what was sent, once it is on record who looks and why; to read, or as a file."""
    stands, said = ground(request), await asked.answers(request)
    works = stands.quarantine
    if works is None:
        return await none(request)
    name = request.match_info["item"]
    try:
        why = asked.why(await stands.door.who(request), said.get("because", ""))
        sheet, raw = await asked.waited(lambda: works.show(name, why))
    except NotAnswered as fault:
        return await _page(request, said, fault, "show")
    except HubError as error:
        return await frame.told(request, 409, "It is not shown", f"{error}.", here=HERE)
    if said.get("as") == "file":
        headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name[:8]}.bin"'}
        return web.Response(body=raw, content_type="application/octet-stream", headers=headers)
    return await frame.page(request, "What was sent", *opened(sheet, name), here=HERE)


async def replay(request: web.Request) -> web.StreamResponse:
    """`POST /quarantine/ITEM/replay`: take it in again, or a corrected copy of it, to which a second person agreed."""
    stands, said = ground(request), await asked.answers(request)
    caller, name = await stands.door.who(request), request.match_info["item"]
    corrected, second = await asked.uploaded(request, "corrected"), ""
    try:
        why = asked.why(caller, said.get("because", ""))
        if corrected is not None:
            second = _second(caller.name, said.get("second", ""), why.because)
    except NotAnswered as fault:
        return await _page(request, said, fault, "replay")
    deed = "replay" if said.get("deed") == "replay" else "try"  # where it is not said: what does nothing
    return await done(request, said | {"deed": deed}, [name], why, corrected=corrected, second=second)


async def discard(request: web.Request) -> web.StreamResponse:
    """`POST /quarantine/ITEM/discard`: nothing is to come of it."""
    said = await asked.answers(request)
    caller = await ground(request).door.who(request)
    try:
        why = asked.why(caller, said.get("because", ""))
    except NotAnswered as fault:
        return await _page(request, said, fault, "discard")
    return await done(request, said | {"deed": "discard"}, [request.match_info["item"]], why)


def _second(first: str, second: str, because: str) -> str:
    """Who else agreed to a correction, which speaks in an agency's name; raises NotAnswered where nobody else did."""
    try:
        name, _ = reason(second, because)
    except NotAnswered as fault:
        raise NotAnswered("a corrected copy speaks in an agency's name: name who agreed to it", "second") from fault
    if not different(first, name):
        raise NotAnswered("somebody else than you must have agreed to the correction", "second")
    return name


async def _page(
    request: web.Request, said: Mapping[str, str], fault: NotAnswered | None = None, deed: str = ""
) -> web.StreamResponse:
    stands, name = ground(request), request.match_info["item"]
    works = stands.quarantine
    if works is None:
        return await none(request)
    try:
        (entry,) = await asked.waited(lambda: works.entries(Wanted(ids=(name,))))
    except NotDone:
        return await frame.told(
            request,
            404,
            "There is no such item",
            "It may be gone with its topic's retention. See the list for those there are.",
            here=HERE,
        )
    except HubError as error:
        return await frame.told(request, 503, "Quarantine cannot be looked at", f"{error}.", here=HERE)
    inside = page(stands, works, entry, said, stands.door.csrf(request), fault, deed)
    title = f"{entry.item.code} from {entry.item.by}"
    return await frame.page(request, title, *inside, status=422 if fault else 200, here=HERE)
