"""Codes: every word that the code of hub, agencies and streams can refuse with, read from its source; no message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import get_args

from pydantic_core.core_schema import ErrorType

PACKAGES = ("hub", "connectors", "schemas")
_SAID = re.compile(
    r'\b(?:Unreadable|NotUnderstood|NotForUs|Query|MessageError|Refusal)\(\s*(?:-1, )?"([a-z][a-z0-9.-]*)"'
)
_NAMED = re.compile(
    r"""^[A-Z_]+(?:: Final)? = "([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?!v1|yaml|lock)[a-z-]+)"$""", re.MULTILINE
)
_BY = ("error", "relay", "watch", "relay.error", "watch.error", "watch.invalid")
"""First words before the name of a kind of error."""


@cache
def known() -> frozenset[str]:
    """
    Every code that is written out anywhere, those of pydantic's validation, and `<first word>.other` for the rest.

    What is put together while it runs (`hl7.` and the event that a sender named) may be anything, and is none.
    """
    written = {code for text in _sources() for pattern in (_SAID, _NAMED) for code in pattern.findall(text)}
    invalid = {f"invalid.{kind.replace('_', '-')}" for kind in get_args(ErrorType)}
    codes = written | invalid
    codes |= {f"watch.{code}" for code in codes}
    return frozenset(codes | {f"{word}.other" for word in {code.partition(".")[0] for code in codes} | set(_BY)})


def _sources() -> Iterator[str]:
    for package in PACKAGES:
        yield from _texts(resources.files(package))


def _texts(folder: Traversable) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _texts(entry)
        elif entry.name.endswith(".py"):
            yield entry.read_text(encoding="utf-8")
