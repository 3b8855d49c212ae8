"""The list of quarantine as it is written: what waits, by agency, code and age; no request is read, nothing is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from hub.markup import Markup, joined, tag
from hub.ops.web import asked, parts, words
from hub.ops.web.ground import Ground, Quarantine
from hub.ops.web.parts import Head, Row
from hub.quarantine.ward import Entry
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
