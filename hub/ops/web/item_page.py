"""The page of one item as it is written: whence, why refused, what was sent; no request is read, nothing is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hub.markup import Markup, joined, tag
from hub.ops.web import asked, parts, words
from hub.ops.web.ground import Ground, Quarantine
from hub.ops.web.quarantine_page import HERE, even_so
from hub.quarantine.sheet import Sheet
from hub.quarantine.ward import Entry
from hub.reasons import NotAnswered


def page(
    stands: Ground,
    works: Quarantine,
    entry: Entry,
    said: Mapping[str, str],
    csrf: str,
    fault: NotAnswered | None,
    deed: str,
) -> Iterator[Markup]:
    """What stands on the page of one item."""
    one = entry.item
    until = works.keeps_until(one)
    yield tag("p", parts.link("All that waits", "quarantine"))
    if fault is not None:
        yield asked.summary(f"{deed}-{fault.option or 'because'}", fault.say)
    yield parts.facts(
        ("Item", tag("code", one.id)),
        ("From", parts.link(one.by, "agencies", one.agency) if one.agency in stands.catalog.agencies else one.by),
        ("Why it was refused", tag("code", one.code)),
        ("Where in it", one.place or "the whole of it"),
        ("What to mend", works.mend(one) or "the item itself says it: look at what was sent"),
        ("Since", joined(words.exact(one.since), f", {words.counted(entry.times, 'time')}")),
        ("Kept until", f"{words.exact(until)}; then its sender must send it again"),
        ("State", entry.state if entry.end is None else entry.ended),
    )
    if entry.end is not None:
        return
    action = f"{HERE}/{one.id}"

    def typed(which: str) -> Markup:
        mine = which == deed
        wrong = fault if mine and fault is not None and fault.option != "second" else None
        return asked.because(f"{which}-because", said.get("because", "") if mine else "", wrong)

    yield parts.section(
        "show",
        "Look at what was sent",
        tag("p", "It may say everything about a child. That you looked, and why, is on record before you see it."),
        parts.form(
            f"{action}/show",
            csrf,
            tag(
                "fieldset",
                tag("legend", "How"),
                parts.box("as", "page", "On this page", "as-page", kind="radio", chosen=True),
                parts.box(
                    "as", "file", "As a file, to be mended; delete it when you are done", "as-file", kind="radio"
                ),
            ),
            typed("show"),
            button="Look at it",
            class_="second",
        ),
    )
    wrong = fault.say if fault is not None and fault.option == "second" else ""
    yield parts.section(
        "replay",
        "Take it in again",
        tag(
            "p",
            "It is read by today's code, and decided by today's policies, under the ids of the day it came; never "
            "twice.",
        ),
        parts.form(
            f"{action}/replay",
            csrf,
            tag(
                "fieldset",
                tag("legend", "What is to be done"),
                parts.box(
                    "deed", "try", "Say what would come of it, and do nothing", "deed-try", kind="radio", chosen=True
                ),
                parts.box("deed", "replay", "Take it in", "deed-replay", kind="radio"),
            ),
            even_so(said if deed == "replay" else {}),
            parts.more(
                "Take in a corrected copy instead",
                *_correction(said if deed == "replay" else {}, wrong),
                place="correction",
                **({"open": ""} if wrong else {}),
            ),
            typed("replay"),
            button="Go on",
            enctype="multipart/form-data",
        ),
    )
    yield parts.section(
        "discard",
        "Discard it",
        tag(
            "p",
            "Nothing is to come of it: from then on it is shown to nobody. Its sealed bytes go with the topic, by "
            f"{words.exact(until)}.",
        ),
        parts.form(f"{action}/discard", csrf, typed("discard"), button="Discard it", class_="warning"),
    )


def _correction(said: Mapping[str, str], wrong: str) -> Iterator[Markup]:
    file = tag("input", type="file", name="corrected", id="corrected", aria_describedby="corrected-hint")
    yield tag(
        "div",
        tag("label", "The corrected copy", for_="corrected"),
        tag("p", "Only where it is certain what its sender meant.", id="corrected-hint", class_="hint"),
        file,
        class_="field",
    )
    yield parts.text(
        "second",
        "Who else agreed to the correction",
        "First and last name; somebody else than you.",
        "replay-second",
        value=said.get("second", ""),
        fault=wrong,
        letters=120,
    )


def opened(sheet: Sheet, name: str) -> Iterator[Markup]:
    """What was sent, with the lines numbered, and the one with the fault marked."""
    yield tag(
        "p",
        parts.shape("warning"),
        " That you looked is on record. This page is kept by no browser; do not print it without need.",
        class_="panel warning",
    )
    yield parts.facts(
        *((said.capitalize(), value) for said, value in sheet.facts),
        *((("At the place of the fault", tag("code", sheet.there)),) if sheet.there else ()),
    )
    if sheet.binary:
        yield tag("p", "It is an event as it lies on its topic, and binary: take it as a file.", class_="none")
    if sheet.lines:
        rows = [
            tag(
                "li",
                *((tag("span", "The fault is in this line: ", class_="aloud"),) if line.pointed else ()),
                line.text,
                value=str(line.number),
                **({"class_": "pointed"} if line.pointed else {}),
            )
            for line in sheet.lines
        ]
        yield tag("h2", "What was sent", id="sent")
        yield tag("div", tag("ol", *rows), class_="sent", tabindex="0", role="region", aria_labelledby="sent")
    if sheet.cut:
        yield tag(
            "p", f"{words.counted(sheet.cut, 'character')} more: take it as a file to see all of it.", class_="hint"
        )
    yield tag("p", tag("a", "Back to the item", href=f"{HERE}/{name}"))
