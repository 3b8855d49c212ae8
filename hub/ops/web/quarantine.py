"""The work queue of quarantine: what waits for a person, by agency, code and age, and deeds on several at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from hub.access.caller import Caller
from hub.errors import HubError
from hub.markup import Markup, joined, tag
from hub.ops.web import asked, frame, parts, words
from hub.ops.web.ground import Ground, Quarantine, ground
from hub.ops.web.parts import Head, Row
from hub.quarantine.ward import Entry, Wanted
from hub.quarantine.work import Done
from hub.quarantine_pages import SOON, counted
from hub.reasons import NotAnswered

HERE: Final = "/quarantine"
MOST: Final = 200
"""Rows on one page; what is older comes first, and the rest when these are done."""
AGES: Final[Mapping[str, str]] = {"": "any age", "day": "more than a day old", "gone": "gone within a week"}
DEEDS: Final[Mapping[str, str]] = {
    "try": "Say what would come of taking them in again, and do nothing",
    "replay": "Take them in again, by today's code and policies",
    "discard": "Discard them: nothing is to come of them, and nobody is shown them any more",
}
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
    return await done(request, caller, said, items)


async def done(
    request: web.Request,
    caller: Caller,
    said: Mapping[str, str],
    items: Sequence[str],
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
        why = asked.why(caller, said.get("because", ""))
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
    except NotAnswered as fault:
        return await _listed(request, said, fault, items)
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


async def none(request: web.Request) -> web.StreamResponse:
    """Where there is no quarantine to work on."""
    return await frame.told(
        request,
        503,
        "Quarantine cannot be worked on here",
        "That needs Kafka, the hub's secret and the gateway's store: see the settings of hub ops.",
        here=HERE,
    )


def page(
    stands: Ground,
    quarantine: Quarantine,
    entries: Sequence[Entry],
    said: Mapping[str, str],
    csrf: str,
    fault: NotAnswered | None,
    ticked: Sequence[str],
) -> Iterator[Markup]:
    """What stands on the page."""
    now = stands.clock()
    found = _of_age(quarantine, entries, said.get("age", ""), now)
    if fault is not None:
        yield asked.summary("because" if fault.option == "because" else "deeds", fault.say)
    soon = [one for one in found if quarantine.keeps_until(one.item) - now < SOON]
    lead = (
        f"{words.counted(len(found), 'item waits', 'items wait')} for a person. Nothing of what was sent stands here."
    )
    yield tag("p", lead, class_="lead")
    if soon:
        first = min(quarantine.keeps_until(one.item) for one in soon)
        yield tag(
            "p",
            parts.shape("warning"),
            f" {words.counted(len(soon), 'item')} will be gone within a week, the first "
            f"in {words.lasting((first - now).total_seconds())}: then the sender must send again.",
            class_="panel warning",
        )
    yield _filter(stands, said)
    yield _kinds(found)
    if not found:
        yield tag("p", "Nothing waits here.", class_="none")
        return
    yield tag("h2", "Item by item, the oldest first")
    rows = [_row(quarantine, one, now, one.item.id in ticked) for one in found[:MOST]]
    heads = (
        "Item",
        "Chosen",
        "From",
        "Code",
        "Place",
        "Waits for",
        Head("Times", number=True),
        "What its sender is to mend",
    )
    over = len(found) - MOST
    rest = (
        tag(
            "p",
            f"{words.counted(over, 'newer item')} more are not shown: choose an agency, or do these first.",
            class_="hint",
        )
        if over > 0
        else Markup()
    )
    yield parts.form(
        HERE,
        csrf,
        parts.table("Open items", heads, rows, ""),
        rest,
        *_deeds(said, fault),
        button="Do this with the chosen items",
        id="deeds",
    )


def _deeds(said: Mapping[str, str], fault: NotAnswered | None) -> Iterator[Markup]:
    boxes = [
        parts.box("deed", name, label, f"deed-{name}", kind="radio", chosen=said.get("deed", "try") == name)
        for name, label in DEEDS.items()
    ]
    yield tag("fieldset", tag("legend", "What is to be done with the chosen items"), *boxes)
    yield even_so(said)
    yield asked.because("because", said.get("because", ""), fault if fault and fault.option != "" else None)


def even_so(said: Mapping[str, str]) -> Markup:
    """The box for what would take the place of a newer word."""
    return parts.box(
        "even_so",
        "yes",
        "Take in even what a newer word on the same subject came after",
        "even-so",
        chosen=said.get("even_so") == "yes",
    )


def _of_age(quarantine: Quarantine, entries: Sequence[Entry], age: str, now: datetime) -> list[Entry]:
    if age == "day":
        return [one for one in entries if now - one.item.since > timedelta(days=1)]
    if age == "gone":
        return [one for one in entries if quarantine.keeps_until(one.item) - now < SOON]
    return list(entries)


def _filter(stands: Ground, said: Mapping[str, str]) -> Markup:
    """Which of them are listed; it stands in the address, so that the list can be kept and passed on."""
    names = [
        ("", "everybody"),
        *((key, one.name) for key, one in sorted(stands.catalog.agencies.items()) if one.says),
        ("relay", "the relay"),
        ("watches", "the watches"),
    ]
    return tag(
        "form",
        _select("agency", "From", names, said.get("agency", "")),
        tag(
            "div",
            tag("label", "Code", for_="code"),
            tag(
                "input",
                type="text",
                name="code",
                id="code",
                value=said.get("code", ""),
                placeholder="csv.*",
                autocomplete="off",
            ),
            class_="field",
        ),
        _select("age", "Age", list(AGES.items()), said.get("age", "")),
        tag("button", "Show these", type="submit", class_="second"),
        method="get",
        action=HERE,
        class_="filter",
        role="search",
        aria_label="Which items",
    )


def _select(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> Markup:
    inside = [
        tag("option", said, value=value, **({"selected": ""} if value == chosen else {})) for value, said in options
    ]
    return tag("div", tag("label", label, for_=name), tag("select", *inside, name=name, id=name), class_="field")


def _kinds(found: Sequence[Entry]) -> Markup:
    """How many of each agency and code, as on the command line."""
    rows = [
        Row((by, code, f"{number:,}", oldest.item.time[:16].replace("T", " "), newest.item.time[:16].replace("T", " ")))
        for by, code, number, oldest, newest in counted(found)
    ]
    heads = ("From", "Code", Head("Items", number=True), "Oldest", "Newest")
    return parts.table("By sender and code", heads, rows, "nothing waits") if len(rows) > 1 else Markup()


def id_of(name: str) -> Markup:
    """The id of an item, as much of it as tells it from others, with the way to it."""
    return tag("a", tag("code", name[:8]), href=f"{HERE}/{name}", title=name)


def _row(quarantine: Quarantine, one: Entry, now: datetime, ticked: bool) -> Row:
    item = one.item
    extra = {"checked": ""} if ticked else {}
    tick = tag("input", type="checkbox", name="item", value=item.id, aria_label=f"Choose item {item.id[:8]}", **extra)
    waits = words.age(item.since, now)
    soon = quarantine.keeps_until(item) - now < SOON
    return Row(
        (
            id_of(item.id),
            tick,
            item.by,
            item.code,
            item.place or "the whole of it",
            joined(parts.shape("warning"), f" {waits}, soon gone") if soon else waits,
            str(one.times),
            quarantine.mend(item) or "see the item",
        )
    )
