"""Plan: what a new agency will say and hear, as answered so far; what is not answered stays to be written."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import get_args

from hub.agency import Format, Road
from hub.catalog import Catalog
from hub.document import near
from hub.errors import HubError

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
CHARSETS = ("utf-8", "iso-8859-1", "ascii")


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line that the agency says: *called* as they call it.

    Of a CSV: its *columns*, and in *fills* the field that each of some fills. *as_event*: the document is the stream's
    event in the hub's own words. *sample* is a file of invented people, to be the first example.
    """

    name: str
    format: str
    road: str
    stream: str
    called: str = ""
    charset: str = "utf-8"
    columns: tuple[str, ...] = ()
    fills: Mapping[str, str] = field(default_factory=dict)
    as_event: bool = False
    sample: bytes = b""


@dataclass(frozen=True, slots=True)
class Heard:
    """One stream that the agency hears, with its part of the agreement; an empty answer stays to be written."""

    stream: str
    format: str
    road: str
    columns: Mapping[str, str | None] = field(default_factory=dict)
    addressed_by: str = ""
    because: str = ""
    notice: str = ""
    article6: str = "e"
    article9: str = ""
    schedule1: int = 0
    statute: str = ""
    gate: str = "statute"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A new agency: *key* is its folder."""

    key: str
    name: str = ""
    steward: str = ""
    says: tuple[Line, ...] = ()
    hears: tuple[Heard, ...] = ()
    agreement: str = ""
    expires: date | None = None


def of_flags(catalog: Catalog, key: str, says: tuple[str, ...], hears: tuple[str, ...]) -> Plan:
    """
    The plan that `LINE:FORMAT:ROAD:STREAM` and `STREAM:FORMAT:ROAD` make; nothing else is answered.

    Raises HubError for a badly spelled name, one that stands twice, and a word that is none of those there are.
    """
    lines = [_parts(one, 4, "--says LINE:FORMAT:ROAD:STREAM") for one in says]
    heard = [_parts(one, 3, "--hears STREAM:FORMAT:ROAD") for one in hears]
    if not lines and not heard:
        raise HubError("an agency says or hears something: --says LINE:FORMAT:ROAD:STREAM, --hears STREAM:FORMAT:ROAD")
    for listed in (lines, heard):
        names = [one[0] for one in listed]
        if twice := next((one for index, one in enumerate(names) if one in names[:index]), ""):
            raise HubError(f"{twice!r} stands twice; name each line and each stream once")
    for form, road, stream in [one[1:] for one in lines] + [(one[1], one[2], one[0]) for one in heard]:
        for word, known, what in ((form, get_args(Format), "format"), (road, get_args(Road), "road"),
                                  (stream, tuple(catalog.streams), "stream")):  # fmt: skip
            if word not in known:
                raise HubError(f"no {what} {word!r}; {near(word, known)}")
    return Plan(
        key,
        says=tuple(Line(name, form, road, stream) for name, form, road, stream in lines),
        hears=tuple(Heard(stream, form, road) for stream, form, road in heard),
    )


def _parts(said: str, count: int, form: str) -> list[str]:
    parts = said.split(":")
    if len(parts) != count:
        raise HubError(f"{said!r}: write {form}")
    named(parts[0])
    return parts


def named(name: str) -> str:
    """*name*, where it will do for a folder, a module and a part of a topic's name; raises HubError where not."""
    if not NAME.fullmatch(name):
        raise HubError(f"{name!r}: a name is lower case, words joined by _, such as school_nursing")
    if keyword.iskeyword(name):
        raise HubError(f"{name!r} is a word of Python's; choose another name")
    return name
