"""The sheet of one item: all that is said of it once it is opened, safe to print; who may see it is decided before."""

from __future__ import annotations

from typing import NamedTuple

from hub.agency import Saying
from hub.envelope import stamp
from hub.quarantine.item import papers_of
from hub.quarantine.showing import at_fault, line_of, lines_of, safe
from hub.quarantine.ward import Entry, Ward


class Line(NamedTuple):
    """A line of what was sent, by its number; *pointed* where the fault is in it."""

    number: int
    text: str
    pointed: bool


class Sheet(NamedTuple):
    """
    What an item is, in *facts* (each a name and what is said of it), and what was sent, in *lines*.

    *there* is what stands at the place of the fault, empty where that cannot be told; *cut* how many characters were
    left out behind the lines; of a *binary* one there are none.
    """

    facts: tuple[tuple[str, str], ...]
    there: str = ""
    lines: tuple[Line, ...] = ()
    cut: int = 0
    binary: bool = False


def sheet(ward: Ward, entry: Entry, raw: bytes) -> Sheet:
    """The sheet of *entry*, of which *raw* was sent."""
    item, papers = entry.item, papers_of(ward.keys, entry.item)
    agency = ward.catalog.agencies.get(item.agency)
    large = 0 if papers is None else papers.too_large
    saying: Saying | None = agency.says.get(item.line) if agency is not None else None
    facts = (
        ("item", item.id),
        ("from", f"{item.by}{f' ({saying.format} by {saying.by})' if saying is not None else ''}"),
        ("code", item.code),
        ("place", item.place or "the whole of it"),
        ("mend", (papers.mend if papers is not None else "") or "see the code"),
        ("came", f"{item.time}, {entry.times} time{'' if entry.times == 1 else 's'}; {entry.state}"),
        ("kept", f"until {stamp(ward.keeps_until(item))[:10]}"),
        ("size", f"{large} bytes, too many to be kept" if large else f"{len(raw)} bytes"),
    )
    fault = at_fault(raw, saying, item.place)
    there = "" if fault is None else fault or "(nothing)"
    if not item.agency:
        return Sheet(_safe(facts), there, binary=True)
    whole = papers is not None and papers.sent is not None and not papers.origin
    near = line_of(item.place) if whole else 0  # a row stands under its heading here, and not where it stood
    segment = item.place[:3] if saying is not None and saying.format == "hl7" else ""
    lines, cut = lines_of(raw, near)
    pointed = tuple(Line(n, text, n == near or (bool(segment) and text.startswith(segment))) for n, text in lines)
    return Sheet(_safe(facts), there, pointed, cut)


def _safe(facts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, safe(said)) for name, said in facts)
