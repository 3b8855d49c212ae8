"""Markup: HTML of which no part can be forgotten to be escaped; what it says is said elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

EMPTY = frozenset({"br", "input", "link", "meta"})
"""Elements that have no end (HTML, 13.1.2: void elements), of those that we write."""


class Markup(str):
    """HTML as it is; any other text is escaped when it is put into it."""

    __slots__ = ()


def joined(*parts: str) -> Markup:
    """*parts* one after another, those escaped that are no markup."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def tag(name: str, /, *inside: str, **attributes: str) -> Markup:
    """
    An element: *inside* escaped unless it is markup; an attribute's trailing `_` is dropped, and its other `_` are `-`.

    One that HTML keeps empty has no end.

    >>> tag("a", "R&D", href="https://example.org/?a&b", class_="out")
    '<a href="https://example.org/?a&amp;b" class="out">R&amp;D</a>'
    """
    said = "".join(f' {key.removesuffix("_").replace("_", "-")}="{escape(one)}"' for key, one in attributes.items())
    return Markup(f"<{name}{said}>" if name in EMPTY else f"<{name}{said}>{joined(*inside)}</{name}>")


def listed(items: Iterable[str], **attributes: str) -> Markup:
    """An unordered list, or nothing where there is nothing to list."""
    entries = [tag("li", item) for item in items]
    return tag("ul", *entries, **attributes) if entries else Markup()
