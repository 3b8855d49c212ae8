"""The picture on a terminal: tables a person reads at a glance; it looks at nothing itself."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.ops.picture import Delivery, Group, Picture
from hub.ops.words import age, clock, so_far

STYLES = {"stopped": "bold red", "stalled": "bold red", "slow": "yellow", "silent": "yellow"}
ABOUT_LAG = ("delivery.", "group.", "deadline.", "transaction.")
"""The troubles that are about who waits for what."""


def lag(console: Console, picture: Picture) -> None:
    """Groups, agencies against their deadlines, and what to look at."""
    table = _table("Lag", "group", "topic", "members", "waiting", "oldest", "fares")
    for group in sorted(picture.groups, key=lambda one: (one.group, one.topic)):
        _group(table, group, picture.at)
    console.print(table)
    table = _table("Undelivered", "agency", "stream", "undelivered", "parked", "oldest", "within", "acknowledged")
    for delivery in picture.deliveries:
        _delivery(table, delivery, picture.at)
    console.print(table)
    for trouble in picture.troubles:
        if trouble.code.startswith(ABOUT_LAG):
            console.print(escape(trouble.sentence), style="bold red" if trouble.severity == "trouble" else "yellow")
    for name, fault in picture.faults.items():
        console.print(f"not looked at: {escape(name)}: {escape(fault)}", style="yellow")


def _group(table: Table, group: Group, now: datetime) -> None:
    oldest = age(now - group.waiting_since) if group.waiting_since else "—"
    table.add_row(escape(group.group), group.topic, str(group.members), str(group.lag or "—"), oldest,
                  group.condition, style=STYLES.get(group.condition, None if group.lag else "dim"))  # fmt: skip


def _delivery(table: Table, delivery: Delivery, now: datetime) -> None:
    over = delivery.due is not None and delivery.due <= now
    style = "bold red" if over else None if delivery.undelivered else "dim"
    table.add_row(
        delivery.agency, delivery.stream, str(delivery.undelivered or "—"), str(delivery.parked or "—"),
        so_far(delivery, now) or "—", delivery.within or "—", clock(delivery.acknowledged_at) or "—", style=style,
    )  # fmt: skip


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in ("members", "waiting", "undelivered", "parked") else "left")
    return table
