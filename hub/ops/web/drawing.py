"""Drawing: the flow as SVG; colours and lines are the style sheet's, no script and no style stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from math import log2
from typing import TYPE_CHECKING, Final

from hub.markup import Markup
from hub.ops.web import words

if TYPE_CHECKING:
    from hub.ops.web.flow import Band, Flow

WIDTH: Final = 1000
ROW: Final = 30
TOP: Final = 34
LEFT: Final = (8, 292)
MIDDLE: Final = (412, 588)
RIGHT: Final = (708, 992)
THINNEST, WIDEST = 1.2, 14.0
MARKS: Final[Mapping[str, str]] = {
    "trouble": "M-3.2-7.5h6.4l4.3 4.3v6.4l-4.3 4.3h-6.4l-4.3-4.3v-6.4z",
    "warning": "M0-8 8 7H-8z",
    "unknown": "M-7-7H7V7H-7z",
}
CUTS: Final[Mapping[str, str]] = {
    "trouble": "M-3-3 3 3M3-3-3 3",
    "warning": "M0-3.5V1.2M0 3.6v.5",
    "unknown": "M-3.5 0h7",
}


def thickness(a_minute: float | None) -> float:
    """How wide a way is drawn: each doubling of its rate adds the same, so that both registers and alerts are seen."""
    if not a_minute:
        return THINNEST
    return min(WIDEST, THINNEST + 1.3 * log2(1 + a_minute))


def drawn(found: Flow, label: Callable[[str], str]) -> Markup:
    """The whole picture; a screen reader is told that the table below says the same."""
    most = max(len(found.says), len(found.streams), len(found.hears), 1)
    height = TOP + most * ROW + 6
    says, streams, hears = (_places(names, most) for names in (found.says, found.streams, found.hears))
    parts = [
        f'<svg class="drawn" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="What flows from whom to whom; the '
        'table that follows says the same">',
        f'<g class="heads"><text x="{LEFT[0]}" y="16">Says</text><text x="{MIDDLE[0]}" y="16">Stream</text>'
        f'<text x="{RIGHT[0]}" y="16">Hears</text></g>',
        '<g class="bands">',
        *(_band(one, LEFT[1], says[one.start], MIDDLE[0], streams[one.end]) for one in _calm_first(found.into)),
        *(_band(one, MIDDLE[1], streams[one.start], RIGHT[0], hears[one.end]) for one in _calm_first(found.out)),
        "</g>",
        *(_node(label(name), LEFT, y, f"/agencies/{name}" if " " not in name else "") for name, y in says.items()),
        *(
            _node(words.named(name), MIDDLE, y, f"/streams/{name}", found.looks.get(name, ""))
            for name, y in streams.items()
        ),
        *(_node(label(name), RIGHT, y, f"/agencies/{name}", *_worst(found.out, name)) for name, y in hears.items()),
        "</svg>",
    ]
    return Markup("".join(parts))


def _places(names: Sequence[str], most: int) -> dict[str, float]:
    """The middle of each name's row; a shorter column is spread over the whole height."""
    step = most * ROW / max(len(names), 1)
    return {name: TOP + step * (place + 0.5) for place, name in enumerate(names)}


def _calm_first(bands: Sequence[Band]) -> list[Band]:
    """What is in trouble is drawn last, so that nothing lies over it."""
    return sorted(bands, key=lambda one: ["", "unknown", "warning", "trouble"].index(one.look))


def _band(one: Band, left: float, start: float, right: float, end: float) -> str:
    middle = (left + right) / 2
    quiet = " still" if not one.a_minute else ""
    rate = f"{words.rate(one.a_minute)} a minute" if one.a_minute is not None else "no rate was seen"
    path = f"M{left} {start:.1f}C{middle:.0f} {start:.1f} {middle:.0f} {end:.1f} {right} {end:.1f}"
    return (
        f'<path class="band {one.look}{quiet}" d="{path}" stroke-width="{thickness(one.a_minute):.1f}">'
        f"<title>{escape(f'{one.start} to {one.end}: {rate}')}</title></path>"
    )


def _worst(bands: Sequence[Band], agency: str) -> tuple[str, str]:
    """How the worst way to *agency* is, and how much waits on all of them."""
    own = [one for one in bands if one.end == agency]
    waits = sum(int(one.waits.replace(",", "")) for one in own if one.waits)
    looks = [look for look in MARKS if any(one.look == look for one in own)]
    return (looks[0] if looks else "", f"{waits:,} wait" if waits else "")


def _node(label: str, column: tuple[int, int], y: float, href: str, look: str = "", waits: str = "") -> str:
    left, right = column
    room = int(((right - left) - 20 - (20 if look else 0)) / (7.6 if look else 6.6)) - (len(waits) + 2 if waits else 0)
    said = label if len(label) <= room else f"{label[: room - 1].rstrip()}…"
    count = f'<text class="waits" x="{right - 10}" y="{y + 4.5:.1f}">{escape(waits)}</text>' if waits else ""
    leads = f' data-href="{escape(href)}"' if href else ""
    return "".join(
        (
            f'<g class="node {look}"{leads}><title>{escape(label)}</title>',
            f'<rect x="{left}" y="{y - 12:.1f}" width="{right - left}" height="24" rx="3"/>',
            f'<text x="{left + 10 + (20 if look else 0)}" y="{y + 4.5:.1f}">{escape(said)}</text>',
            count,
            "".join(_mark(look, left + 16, y)) if look else "",
            "</g>",
        )
    )


def _mark(look: str, x: float, y: float) -> Iterator[str]:
    yield f'<g class="mark" transform="translate({x} {y:.1f})"><path d="{MARKS[look]}"/>'
    yield f'<path class="cut" d="{CUTS[look]}"/></g>'
