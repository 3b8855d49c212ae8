"""Plots: how old the oldest undelivered was over time, against what was agreed; SVG made here, with its words; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise
from typing import Final

from hub.markup import Markup, tag
from hub.ops.picture import Point
from hub.ops.web import words
from hub.ops.web.words import ENGLAND

WIDTH, HEIGHT = 640, 170
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 12, 24
STEPS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800)
"""Seconds between lines: what people count time in."""
HOURS: Final = (1, 2, 3, 6, 12, 24, 48, 96)
MOST_POINTS: Final = 320
"""What 640 pixels can tell apart; of several the worst is drawn."""


def plot(points: Sequence[Point], agreed: float | None, within: str = "") -> Markup:
    """The plot, and under it the same in a sentence; *agreed* is in seconds, *within* the agreement's words."""
    if len(points) < 2:
        return tag("p", "Nothing was seen of it for long enough to be drawn.", class_="none")
    within = within or words.lasting(agreed or 0)
    said = sentence(points, agreed, within)
    begin, end = points[0].at, points[-1].at
    most = max([1.0, *(one.age for one in points)])
    top = most if agreed is None or most < agreed / 4 else max(most, agreed)
    step = next((one for one in STEPS if top / one <= 4), STEPS[-1])
    ceiling = max(step, -(-top * 1.04 // step) * step)
    span = max(1.0, (end - begin).total_seconds())

    def x(at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - begin).total_seconds() / span

    def y(age: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * age / ceiling

    drawn = [*_levels(step, ceiling, y), *_hours(begin, end, x)]
    thin = _thinned(points)
    line = "L".join(f"{x(one.at):.1f} {y(one.age):.1f}" for one in thin)
    floor = y(0)
    drawn.append(f'<path class="area" d="M{x(thin[0].at):.1f} {floor:.1f}L{line}L{x(thin[-1].at):.1f} {floor:.1f}z"/>')
    drawn.append(f'<path class="line" d="M{line}"/>')
    if agreed is not None and agreed <= ceiling:
        at = y(agreed)
        drawn += [
            f'<path class="over" d="{"".join(_over(thin, agreed, x, y))}"/>',
            f'<path class="deadline" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>',
            f'<text class="deadline-text" x="{WIDTH - RIGHT - 2}" y="{at - 5:.1f}">agreed: {escape(within)}</text>',
        ]
    size = f"0 0 {WIDTH} {HEIGHT}"
    svg = f'<svg class="plot" viewBox="{size}" role="img" aria-label="{escape(said)}">{"".join(drawn)}</svg>'
    return tag("figure", Markup(svg), tag("figcaption", said))


def sentence(points: Sequence[Point], agreed: float | None, within: str) -> str:
    """What the plot says, in a sentence."""
    worst = max(points, key=lambda one: one.age)
    over = words.lasting((points[-1].at - points[0].at).total_seconds())
    if worst.age < 1:
        return f"In the last {over} nothing waited."
    at = worst.at.astimezone(ENGLAND)
    said = (
        f"In the last {over} the longest wait was {words.lasting(worst.age)}, at {at:%H:%M} on {at:%a} {at.day} {at:%b}"
    )
    if agreed is None:
        return f"{said}."
    many = _times(points, agreed)
    if not many:
        return f"{said}: within the {within} that were agreed."
    return f"{said}: over the {within} that were agreed, {words.counted(many, 'time')}."


def _times(points: Sequence[Point], agreed: float) -> int:
    """How often it went over what was agreed."""
    over = [one.age > agreed for one in points]
    return sum(now and not before for before, now in zip([False, *over], over, strict=False))


def _thinned(points: Sequence[Point]) -> list[Point]:
    if len(points) <= MOST_POINTS:
        return list(points)
    size = len(points) / MOST_POINTS
    parts = [points[int(i * size) : max(int(i * size) + 1, int((i + 1) * size))] for i in range(MOST_POINTS)]
    return [max(part, key=lambda one: one.age) for part in parts if part]


def _levels(step: float, ceiling: float, y: Callable[[float], float]) -> list[str]:
    found = []
    for number in range(int(ceiling // step) + 1):
        at = y(number * step)
        said = words.lasting(number * step) if number else "0"
        found.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        found.append(f'<text class="level" x="{LEFT - 8}" y="{at + 4:.1f}">{said}</text>')
    return found


def _hours(begin: datetime, end: datetime, x: Callable[[datetime], float]) -> list[str]:
    span = (end - begin).total_seconds() / 3600
    every = next((one for one in HOURS if span / one <= 8), HOURS[-1])
    here = begin.astimezone(ENGLAND).replace(minute=0, second=0, microsecond=0)
    found = []
    for number in range(1, int(span) + 2):
        at = here + timedelta(hours=number)
        if at > end or at.hour % min(every, 24) or x(at) > WIDTH - 30 or x(at) < LEFT + 12:
            continue
        said = f"{at:%H:%M}" if every < 24 else f"{at:%a} {at.day}"
        found.append(f'<text class="hour" x="{x(at):.1f}" y="{HEIGHT - 7}">{said}</text>')
        found.append(f'<path class="tick" d="M{x(at):.1f} {HEIGHT - BOTTOM}v4"/>')
    return found


def _over(
    points: Sequence[Point], agreed: float, x: Callable[[datetime], float], y: Callable[[float], float]
) -> list[str]:
    return [
        f"M{x(a.at):.1f} {y(a.age):.1f}L{x(b.at):.1f} {y(b.age):.1f}"
        for a, b in pairwise(points)
        if a.age > agreed and b.age > agreed
    ]
