"""Parts of pages: states with a shape of their own, tables that fold on a phone, facts, forms; no page is made here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from hub.markup import Markup, joined, tag
from hub.ops.web import words

_SHAPES: Final = {
    "ok": '<circle cx="8" cy="8" r="7"/><path class="cut" d="M4.5 8.3l2.4 2.4 4.6-5"/>',
    "warning": '<path d="M8 .8 15.6 15H.4z"/><path class="cut" d="M8 5.6v4.6M8 12.4v.6"/>',
    "trouble": '<path d="M4.9.5h6.2l4.4 4.4v6.2l-4.4 4.4H4.9L.5 11.1V4.9z"/><path class="cut" d="M5 5l6 6M11 5l-6 6"/>',
    "unknown": '<rect x="1" y="1" width="14" height="14" rx="2"/><path class="cut" d="M4.5 8h7"/>',
}
"""A shape for each look, so that no colour is needed to tell them apart: disc, triangle, octagon, square."""


class Head(NamedTuple):
    """The head of a column; a *number* stands at its right edge."""

    name: str
    number: bool = False


class Row(NamedTuple):
    """A row of a table: its head first; *place* is its anchor, *look* marks it."""

    cells: Sequence[str]
    place: str = ""
    look: str = ""


def shape(look: str) -> Markup:
    """The shape of a look, without words: those stand beside it."""
    return Markup(f'<svg class="shape {look}" viewBox="0 0 16 16" aria-hidden="true">{_SHAPES[look]}</svg>')


def state(look: str, word: str, sentence: str = "") -> Markup:
    """A state: shape and word, and what it means where one points at it."""
    said = {"title": sentence} if sentence else {}
    return tag("span", shape(look), " ", word, class_=f"state {look}", **said)


def link(text: str, *path: str, **attributes: str) -> Markup:
    """A link to a page of ours."""
    return tag("a", text, href="/" + "/".join(path), **attributes)


def time(at: datetime | None, now: datetime, never: str = "not yet") -> Markup:
    """A moment, exact for programs and where one points at it."""
    if at is None:
        return tag("span", never, class_="quiet")
    return tag("time", words.moment(at, now), datetime=at.isoformat(timespec="seconds"), title=words.exact(at))


def table(caption: str, heads: Sequence[Head | str], rows: Iterable[Row], none: str, class_: str = "") -> Markup:
    """
    A table whose rows fold into blocks on a phone, and which stays a table for who has it read aloud.

    *none* is said where there are no rows.
    """
    given = [one if isinstance(one, Head) else Head(one) for one in heads]
    body = [_row(given, row) for row in rows]
    if not body:
        return joined(tag("p", tag("b", f"{caption}: "), none, class_="none"))
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *(_head(one) for one in given), role="row"), role="rowgroup"),
        tag("tbody", *body, role="rowgroup"),
        role="table",
        class_=f"folds {class_}".strip(),
    )


def _head(one: Head) -> Markup:
    extra = {"class_": "number"} if one.number else {}
    return tag("th", one.name, scope="col", role="columnheader", **extra)


def _row(heads: Sequence[Head], row: Row) -> Markup:
    cells = []
    for place, (head, cell) in enumerate(zip(heads, row.cells, strict=True)):
        extra = {"class_": "number"} if head.number else {}
        if place == 0:
            cells.append(tag("th", cell, scope="row", role="rowheader", **extra))
        else:
            cells.append(tag("td", tag("div", cell), role="cell", data_label=head.name, **extra))
    anchor = {"id": row.place} if row.place else {}
    look = {"class_": row.look} if row.look else {}
    return tag("tr", *cells, role="row", **anchor, **look)


def facts(*said: tuple[str, str]) -> Markup:
    """Names and what is said of each; what says nothing is left out."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in said if value), class_="facts")


def section(place: str, heading: str, *inside: str, live: bool = False, level: str = "h2") -> Markup:
    """A part of a page under its heading; a *live* one is kept up to date where the browser runs our script."""
    extra = {"data_live": ""} if live else {}
    return tag(
        "section",
        tag(level, heading, id=f"{place}-heading"),
        *inside,
        id=place,
        aria_labelledby=f"{place}-heading",
        **extra,
    )


def more(summary: str, *inside: str, place: str = "", **attributes: str) -> Markup:
    """What is unfolded where one wants it."""
    extra = {"id": place} if place else {}
    return tag("details", tag("summary", summary), *inside, **extra, **attributes)


def hidden(name: str, value: str) -> Markup:
    """A field of a form that nobody sees."""
    return tag("input", type="hidden", name=name, value=value)


def box(name: str, value: str, label: str, place: str, *, chosen: bool = False, kind: str = "checkbox") -> Markup:
    """A box to tick, or one of several to choose, with its label."""
    extra = {"checked": ""} if chosen else {}
    control = tag("input", type=kind, name=name, value=value, id=place, **extra)
    return tag("div", control, tag("label", label, for_=place), class_="choice")


def text(
    name: str,
    label: str,
    hint: str,
    place: str,
    *,
    value: str = "",
    fault: str = "",
    long: bool = False,
    letters: int = 0,
) -> Markup:
    """A field that is typed into, with its label, a hint, and what is wrong with what was typed."""
    told = f"{place}-hint" + (f" {place}-fault" if fault else "")
    extra = {"aria_invalid": "true"} if fault else {}
    common = {"id": place, "name": name, "aria_describedby": told, "autocomplete": "off", "spellcheck": "true", **extra}
    if letters:
        common["maxlength"] = str(letters)
    area = tag("textarea", value, rows="3", **common)
    control = area if long else tag("input", type="text", value=value, **common)
    mend = (tag("b", "Mend this: "), words.sentence(fault))
    wrong = tag("p", *mend, id=f"{place}-fault", class_="fault") if fault else Markup()
    return tag(
        "div",
        tag("label", label, for_=place),
        tag("p", hint, id=f"{place}-hint", class_="hint"),
        wrong,
        control,
        class_="field bad" if fault else "field",
    )


def form(action: str, csrf: str, *inside: str, button: str, class_: str = "", **attributes: str) -> Markup:
    """A form that is posted: what it says stands in no address, and no browser keeps it."""
    token = hidden("csrf", csrf) if csrf else Markup()
    look = {"class_": class_} if class_ else {}
    return tag(
        "form",
        token,
        *inside,
        tag("button", button, type="submit", **look),
        method="post",
        action=action,
        autocomplete="off",
        **attributes,
    )
