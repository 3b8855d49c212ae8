"""Overheard: everything that is said while an input is taken in, and whether any of it came out of the input."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from hub.log import Line

from .seeds import CANARIES, vocabulary

RUN = 8
"""So many characters of an input, one after the other, that the hub itself does not know are a leak."""

_STAMP = len("2026-01-01T00:00:00.000Z ")
_NAMES = tuple(canary.decode().lower() for canary in CANARIES)


class Ear(logging.Handler):
    """Keeps what every logger says, as it would be written and as it was said."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []
        self._written = Line("text")

    def emit(self, record: logging.LogRecord) -> None:
        """Word by word, and of other libraries also what our own format leaves out: it is a slip away from it."""
        keys: dict[str, object] = getattr(record, "hub_keys", {})
        self.heard += [record.getMessage(), *map(str, keys.values())]
        if not record.name.startswith("hub."):
            self.heard.append(self._written.format(record)[_STAMP:])

    def taken(self) -> list[str]:
        """What was heard since it was last asked for."""
        heard, self.heard = self.heard, []
        return heard


@contextmanager
def listening() -> Iterator[Ear]:
    """Every logger down to DEBUG, into one ear."""
    root, ours, ear = logging.getLogger(), logging.getLogger("hub"), Ear()
    before = (root.level, ours.level, list(root.handlers))
    root.handlers[:] = [ear]
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    try:
        yield ear
    finally:
        root.setLevel(before[0])
        ours.setLevel(before[1])
        root.handlers[:] = before[2]


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    """Every run of what the hub says of itself."""
    text = vocabulary().encode("utf-8", "replace").decode("latin-1")
    return frozenset(text[start : start + RUN] for start in range(len(text) - RUN + 1))


@lru_cache(maxsize=1_000)
def _unknown(text: str) -> frozenset[str]:
    """The runs of *text* that the hub does not know by itself; each is looked for in an input byte for byte."""
    low = text.lower().encode("utf-8", "replace").decode("latin-1")
    return frozenset(low[start : start + RUN] for start in range(len(low) - RUN + 1)) - _known()


def leaked(said: list[str], data: bytes) -> bool:
    """Whether a canary, or a run of *data* that the hub does not know by itself, stands in what was *said*."""
    content, texts = data.decode("latin-1").lower(), set(said)
    if any(name in text.lower() for text in texts for name in _NAMES):
        return True
    return any(run in content for text in texts for run in _unknown(text))
