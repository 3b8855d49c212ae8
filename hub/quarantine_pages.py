"""Pages on quarantine, as a person reads them on a terminal; nothing of what was sent but where it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.quarantine.sheet import sheet
from hub.quarantine.showing import safe
from hub.quarantine.ward import Entry, Ward
from hub.quarantine.work import Done
from hub.receipt_pages import in_time

SOON = timedelta(days=7)
"""Within which an item that is open and will be gone is told of."""
Row = tuple[str, str, int, Entry, Entry]
"""Who met it, the code, how many, the oldest and the newest."""


def counted(entries: Iterable[Entry]) -> list[Row]:
    """Items by who met them and by code, the oldest and the newest of each."""
    by_kind: dict[tuple[str, str], list[Entry]] = {}
    for one in entries:
        by_kind.setdefault((one.item.by, one.item.code), []).append(one)
    return [(by, code, len(of), of[0], of[-1]) for (by, code), of in sorted(by_kind.items())]


def ending(ward: Ward, entries: Iterable[Entry], now: datetime) -> list[Entry]:
    """Those that are open and go with retention within a week."""
    return [one for one in entries if one.end is None and ward.keeps_until(one.item) - now < SOON]


def summary(console: Console, ward: Ward, entries: Sequence[Entry], now: datetime) -> None:
    """How many are open, by who met them and why."""
    table = Table(title="Open in quarantine", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("who", "code", "open", "oldest", "newest", "what to mend"):
        table.add_column(name, justify="right" if name == "open" else "left", overflow="fold")
    for by, code, number, oldest, newest in counted(entries):
        table.add_row(
            by,
            _word(code),
            str(number),
            _day(oldest),
            _day(newest),
            _word(ward.mend(newest.item) or "see `hub quarantine show`"),
        )
    if entries:
        console.print(table)
    number = len(entries)
    console.print(f"{number} item{'' if number == 1 else 's'} open" + (": hub quarantine list" if number else ""))
    _tell_ending(console, ward, entries, now)


def listed(console: Console, ward: Ward, entries: Sequence[Entry], now: datetime) -> None:
    """One row an item; never what was sent."""
    table = Table(box=None, pad_edge=False)
    for name in ("item", "who", "code", "place", "since", "times", "state", "what to mend"):
        table.add_column(name, overflow="fold", no_wrap=name == "item")
    for one in entries:
        item = one.item
        state = one.state if one.end is None else f"{one.state} by {one.end.by}, {one.end.at[:10]}"
        style = None if one.end is None else "dim"
        table.add_row(
            item.id, item.by, _word(item.code), _word(item.place), _day(one), str(one.times), _word(state),
            _word(ward.mend(item) or "see `hub quarantine show`"), style=style,
        )  # fmt: skip
    if entries:
        console.print(table)
    number = len(entries)
    console.print(f"{number} item{'' if number == 1 else 's'}")
    _tell_ending(console, ward, entries, now)


def _tell_ending(console: Console, ward: Ward, entries: Sequence[Entry], now: datetime) -> None:
    if gone := ending(ward, entries, now):
        first = min(ward.keeps_until(one.item) for one in gone)
        console.print(
            f"[bold]{len(gone)} will be gone within a week, the first in {in_time(first - now)}[/bold]: "
            "then they must be sent again"
        )


def shown(console: Console, ward: Ward, entry: Entry, raw: bytes, *, content: bool) -> None:
    """What an item is; with *content* what was sent too, and what stands where the fault is."""
    found = sheet(ward, entry, raw)
    for name, said in (*found.facts, *((("there", found.there),) if content and found.there else ())):
        console.print(f"[bold]{name:<6}[/bold] {_word(said)}")
    if not content:
        return
    if found.binary:
        console.print("an event as it lies on its topic: it is binary, --out FILE writes it")
    for line in found.lines:
        style = "bold" if line.pointed else None
        console.print(f"{'>' if line.pointed else ' '} {escape(line.text)}", style=style)
    if found.cut:
        console.print(f"… {found.cut} characters more: --out FILE writes all of it")


def done(console: Console, one: Done, *, dry: bool) -> None:
    """What became of one item."""
    console.print(f"{one.plan.item.id}  {one.plan.item.by}: {_word(one.said(dry=dry))}")


def _day(entry: Entry) -> str:
    return entry.item.time[:16].replace("T", " ")


def _word(text: str) -> str:
    return escape(safe(text))
