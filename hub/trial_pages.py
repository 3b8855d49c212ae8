"""Pages of a trial: each step from bytes to bytes, for a terminal and for programs; nothing is decided here."""

from __future__ import annotations

import base64
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.catalog import Catalog
from hub.explain import in_words
from hub.inbound import Outcome, Queried, Refusal, SetAside, Understood
from hub.once import Delivered
from hub.trying import Happened, Said, Told, Trial
from hub.trying.visible import laid_out, shown

MARKS = {True: "yes", False: "NO", None: "—"}
LINES = 200  # of a delivery on a terminal; --json has all of it


def trial(console: Console, catalog: Catalog, found: Trial) -> None:
    """Every step, in order."""
    if found.said is not None:
        _said(console, catalog, found.said)
    for number, event in enumerate(found.events, 1):
        _happened(console, number, event)
    for one in found.deliveries:
        _delivered(console, catalog, one)
    if not found.deliveries:
        console.print("[bold]leaves[/bold]      nothing, for anybody" if found.events else "nothing came of it")


def _said(console: Console, catalog: Catalog, said: Said) -> None:
    of = f"message {said.number} of {said.many}" if said.many > 1 else "one message"
    name = escape(catalog.agencies[said.agency].name)
    console.print(f"[bold]came[/bold]        {said.line} of {name}: {said.format} by {said.by}, {of}")
    if said.recognised:
        console.print("[bold]read[/bold]")
        _rows(console, [(what, shown(value, ends=False)) for what, value in said.recognised])
    for outcome in said.outcomes:
        console.print(f"[bold]understood[/bold]  {escape(_outcome(outcome))}")


def _outcome(outcome: Outcome) -> str:
    if isinstance(outcome, Understood):
        return f"an event of {outcome.stream.name} (id {outcome.id})"
    if isinstance(outcome, Queried):
        return f"but a person should look: {outcome.code} at {outcome.place}"
    if isinstance(outcome, SetAside):
        return f"set aside: {outcome.code}: sound, and nobody here needs it"
    mend = f" → {outcome.mend}" if outcome.mend else ""
    return f"refused, and sealed in quarantine: {outcome.code} {f'at {outcome.place}' if outcome.place else ''}{mend}"


def _happened(console: Console, number: int, event: Happened) -> None:
    console.print(f"\n[bold]event {number}[/bold]     {event.stream}, said by {escape(event.source)}")
    _rows(console, [(path, shown(_said_as(value), ends=False), how) for path, value, how in event.values])
    named = f"a pseudonym of {event.named_by}" if event.named_by else "a pseudonym of the event: nobody is named"
    console.print(
        f"[bold]keyed[/bold]       {event.key}: {named}, of this trial's own secret; the number never travels"
    )
    for told in event.told:
        _told(console, told)
    if event.deaf:
        console.print(f"[bold]hear nothing[/bold] of {event.stream}, by policy: {', '.join(event.deaf)}")


def _said_as(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _told(console: Console, told: Told) -> None:
    verdict = "hears it" if told.released else f"does not hear it (rule {told.rule})"
    trial = "; on trial: shown as if it were live, and sent nothing" if told.trial else ""
    console.print(f"[bold]decided[/bold]     {told.agency} {verdict}{trial}")
    _rows(console, [(one.what, MARKS[one.passed], one.answer) for one in told.asked])
    if told.released:
        console.print(
            f"[bold]fields[/bold]      of {told.agency}; all others are withheld: its policy does not name them"
        )
        _rows(console, told.fields)


def _delivered(console: Console, catalog: Catalog, one: Delivered) -> None:
    to = f", address {shown(one.address, ends=False)}" if one.address else ""
    console.print(f"\n[bold]leaves[/bold]      for {one.agency}{escape(to)}: {one.stream} as {one.door.format} "
                  f"by {one.door.by}, {len(one.body):,} bytes")  # fmt: skip
    if one.fault:
        console.print(f"not rendered: {one.fault}; a courier would park it. Mend connectors/{one.agency}/outbound.py")
        return
    lines = laid_out(catalog, one).split("\n")
    console.print("\n".join(f"  {line}" for line in lines[:LINES]), markup=False)
    if len(lines) > LINES:
        console.print(f"  … {len(lines) - LINES} lines more; --json prints all of it")


def _rows(console: Console, rows: Any) -> None:
    table = Table(box=None, pad_edge=True, show_header=False)
    for row in (listed := [tuple(map(str, row)) for row in rows]):
        table.add_row("", *map(escape, row))
    for column in table.columns[1:] if listed else ():
        column.overflow = "fold"
    console.print(table)


def as_json(catalog: Catalog, found: Trial) -> dict[str, Any]:
    """The same for programs; bytes that leave as text and, to the byte, in base64."""
    said = found.said
    return {
        "said": None if said is None else {
            "agency": said.agency, "line": said.line, "format": said.format, "by": said.by,
            "message": said.number, "messages": said.many, "recognised": dict(said.recognised),
            "outcomes": [_as_json(one) for one in said.outcomes],
        },
        "events": [
            {"stream": one.stream, "id": one.id, "source": one.source, "key": one.key, "named_by": one.named_by,
             "values": {path: {"value": value, "sensitivity": how} for path, value, how in one.values},
             "decisions": [
                 {"agency": told.agency, "trial": told.trial, "released": told.released, "rule": told.rule,
                  "why": in_words(told.rule, None) if told.rule else "",
                  "asked": [asked._asdict() for asked in told.asked], "fields": dict(told.fields)}
                 for told in one.told],
             "hear_nothing": list(one.deaf)}
            for one in found.events
        ],
        "leaves": [
            {"agency": one.agency, "stream": one.stream, "address": one.address, "format": one.door.format,
             "by": one.door.by, "fault": one.fault, "text": "" if one.fault else laid_out(catalog, one),
             "base64": base64.b64encode(one.body).decode()}
            for one in found.deliveries
        ],
    }  # fmt: skip


def _as_json(outcome: Outcome) -> dict[str, str]:
    if isinstance(outcome, Understood):
        return {"came": "event", "stream": outcome.stream.name, "id": outcome.id}
    if isinstance(outcome, Queried):
        return {"came": "query", "code": outcome.code, "place": outcome.place}
    if isinstance(outcome, SetAside):
        return {"came": "set aside", "code": outcome.code}
    assert isinstance(outcome, Refusal)  # noqa: S101  there are no others
    return {"came": "refused", "code": outcome.code, "place": outcome.place, "mend": outcome.mend}
