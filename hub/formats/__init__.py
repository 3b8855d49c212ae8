"""Formats: how bytes of a standard become values, for anyone; each module has parse() and/or render()."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from hub.agency import Saying


class Item(NamedTuple):
    """
    One message of what was read: its own bytes, its sender's id for it, and the message or why not.

    Why not is an `Unreadable`, or a `NotForUs` where the message itself says that it is not to be acted upon.
    """

    raw: bytes
    own_id: str | None
    message: Any


def heading(data: bytes, saying: Saying) -> frozenset[str]:
    """The names of a CSV file's columns, in lower case; raises `Unreadable` where it has none that can be read."""
    module = import_module("hub.formats.csv")
    names: frozenset[str] = module.heading(data, saying)
    return names


def parse(data: bytes, saying: Saying) -> Iterator[Item]:
    """
    Read *data* by the format of a line.

    A bad message within a sound whole is an Item whose message is an `Unreadable`; raises `Unreadable` where the
    whole cannot be trusted.
    """
    module = import_module(f"hub.formats.{saying.format}")
    items: Iterator[Item] = module.parse(data, saying)
    return items


def essence(data: bytes, saying: Saying) -> bytes:
    """
    What of *data* makes it the same message when it is sent again: all of it, where its format does not say.

    Raises `Unreadable` where the format has to read it, and cannot.
    """
    module = import_module(f"hub.formats.{saying.format}")
    said: bytes = module.essence(data) if hasattr(module, "essence") else data
    return said
