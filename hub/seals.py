"""Seals: what no policy can open; asked before any policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.stream import Stream, pick


def ask(values: Mapping[str, Any], stream: Stream) -> str | None:
    """
    The seal that keeps this event from everyone, or None.

    `restricted`: the record is marked sensitive (the NHS S-flag, a refuge address, a protected identity). Where a
    stream can carry the mark, only a `False` that was actually said opens it: an absent mark is a doubt.
    """
    if stream.restricted is not None and pick(values, stream.restricted) is not False:
        return "restricted"
    return None


def paths(stream: Stream) -> tuple[str, ...]:
    """The fields that seals look at."""
    return () if stream.restricted is None else (stream.restricted,)
