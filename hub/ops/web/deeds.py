"""Deeds: what was asked is done with items of quarantine, and told item by item; no form is made or read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from hub.errors import HubError
from hub.markup import Markup, joined, tag
from hub.ops.web import asked, frame, parts
from hub.ops.web.ground import ground
from hub.ops.web.parts import Row
from hub.ops.web.quarantine_page import HERE, id_of
from hub.quarantine.ward import Wanted
from hub.quarantine.work import Done
from hub.reasons import Reason


async def done(
    request: web.Request,
    said: Mapping[str, str],
    items: Sequence[str],
    why: Reason,
    *,
    corrected: bytes | None = None,
    second: str = "",
) -> web.StreamResponse:
    """Do what was *said* with *items*, and say what became of each."""
    quarantine = ground(request).quarantine
    if quarantine is None:
        return await none(request)
    wanted, deed, even_so = Wanted(ids=tuple(items)), said.get("deed", ""), said.get("even_so") == "yes"
    try:
        if deed == "discard":
            gone = await asked.waited(lambda: quarantine.discard(wanted, why))
            rows = [
                (
                    e.item.id,
                    e.item.by,
                    "ok",
                    f"discarded; its sealed bytes go by {quarantine.keeps_until(e.item):%Y-%m-%d}",
                )
                for e in gone
            ]
        else:
            found = await asked.waited(
                lambda: (
                    quarantine.preview(wanted, even_so=even_so, corrected=corrected)
                    if deed == "try"
                    else quarantine.replay(wanted, why, even_so=even_so, corrected=corrected, second=second)
                )
            )
            rows = [_became(one, dry=deed == "try") for one in found]
    except HubError as error:
        return await frame.told(
            request,
            409,
            "It was not done",
            f"{error}.",
            "What was done before that stays done: the list says which.",
            here=HERE,
        )
    title = "What would come of it: nothing was done" if deed == "try" else "What became of them"
    return await frame.page(
        request, title, _outcome(rows), tag("p", parts.link("To the list", "quarantine")), here=HERE
    )


def _became(one: Done, *, dry: bool) -> tuple[str, str, str, str]:
    return one.plan.item.id, one.plan.item.by, "warning" if one.code else "ok", one.said(dry=dry)


def _outcome(rows: Sequence[tuple[str, str, str, str]]) -> Markup:
    cells = [Row((id_of(name), by, joined(parts.shape(look), " ", said))) for name, by, look, said in rows]
    return parts.table("Item by item", ("Item", "From", "What became of it"), cells, "no item was open")


async def none(request: web.Request) -> web.StreamResponse:
    """Where there is no quarantine to work on."""
    return await frame.told(
        request,
        503,
        "Quarantine cannot be worked on here",
        "That needs Kafka, the hub's secret and the gateway's store: see the settings of hub ops.",
        here=HERE,
    )
