"""Verb for those who want to see now that nothing leaves that should not: canary."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import click

from hub import log
from hub.cli.ground import bootstrap_of, console, main, sound
from hub.principals import CANARIES
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.canary.rounds import Round
    from hub.catalog import Catalog


@main.command()
@click.option("--within", type=click.FloatRange(1, 3600), default=60.0, show_default=True, metavar="SECONDS",
              help="How long the relay may take.")  # fmt: skip
def canary(within: float) -> None:
    """
    One round of canaries through the hub that is running; exit code 1 on any alarm.

    A canary is an invented child of whom every field is a token that nothing else says. For each stream, one goes to
    each agency as its policy allows, and one in each way that must be withheld (consent refused, a seal, past the
    point of contact …). What then lies in every agency's topic is read with what that agency has, and searched for the
    tokens: a token that the policy does not grant is a leak, a granted one that does not come is missing, and each
    decision must have its receipt. Recipients know canaries by the header ce_hubsynthetic and act on none.

    `hub run canaries` does the same for as long as it runs, every HUB_CANARY_SECONDS.
    """
    from hub.canary.rounds import Rounds  # noqa: PLC0415

    settings = Settings.read().acting_as(CANARIES)
    log.start(settings.log, quiet=True)
    loaded, bootstrap = sound(), bootstrap_of(settings)
    with Rounds(loaded, settings.keys(), bootstrap, name="hub-canary-once", extra=settings.kafka()) as rounds:
        found = rounds.round(within, threading.Event(), every=True)
    show(loaded, found)
    sys.exit(1 if found.alarms else 0)


def show(catalog: Catalog, found: Round) -> None:
    """How a round went: a row for each agency and stream, then each alarm."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title="Canaries", title_justify="left", title_style="bold")
    for name in ("agency", "stream"):
        table.add_column(name)
    for name in ("sent", "heard", "withheld", "leaks", "missing", "receipts", "seconds"):
        table.add_column(name, justify="right")
    for (agency, stream), tally in found.tallies.items():
        wrong = (tally.alarms["leak"] + tally.alarms["unmarked"], tally.alarms["missing"], tally.alarms["receipt"])
        told = [f"[red]{number}[/red]" if number else "—" for number in wrong]
        table.add_row(escape(catalog.agencies[agency].name), stream, str(tally.sent), str(tally.arrived or "—"),
                      str(tally.withheld or "—"), *told, f"{tally.seconds:.2f}" if tally.arrived else "—")  # fmt: skip
    for stream, sent in found.unheard.items():
        table.add_row("nobody", stream, str(sent), *["—"] * 6, style="dim")
    console.print(table)
    alike = Counter((one.kind, one.agency, one.stream, one.place) for one in found.alarms)
    for (kind, agency, stream, place), count in alike.items():
        ways = ", ".join(sorted({one.way for one in found.alarms if one[:4] == (kind, agency, stream, place)}))
        console.print(f"[red]{kind}[/red]: {agency}, {stream}, {place}: {count} canaries ({ways})")
    if not any(tally.arrived for tally in found.tallies.values()):
        console.print("nothing came at all: does the relay run, and is it far behind? (hub lag)")
    if any(one.kind == "policy" for one in found.alarms):
        console.print("the relay does not decide by the policies that are written here (hub policy diff)")
    if not found.alarms:
        console.print(f"{found.canaries} canaries: each where it may be heard, and nowhere else")
