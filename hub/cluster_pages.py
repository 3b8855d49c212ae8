"""Cluster pages: what would change on a cluster, as tables that a person can check before they say yes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.drift import Change, Difference, Subject

SIGNS: dict[Change, str] = {"make": "+", "set": "~", "remove": "-", "none": "!"}
TITLES: tuple[tuple[str, tuple[Subject, ...]], ...] = (
    ("The cluster itself", ("security",)),
    ("Topics", ("topic", "partitions", "replication", "config")),
    ("Passwords (SCRAM-SHA-512)", ("user",)),
    ("Who may do what", ("acl",)),
    ("How much each may take", ("quota",)),
)


def plan(console: Console, found: Sequence[Difference], *, every: bool = False) -> None:
    """All differences, by kind; rights and quotas of one principal are one row, unless *every* is wanted."""
    for title, subjects in TITLES:
        some = [one for one in found if one.subject in subjects]
        if not some:
            continue
        table = Table(title=title, title_justify="left", title_style="bold")
        for column in ("", "who or what", "", "is", "wanted"):
            table.add_column(column, overflow="fold")
        for row in map(_row, some) if every else _gathered(subjects, some):
            table.add_row(*map(escape, row))
        console.print(table)
    for one in found:
        if one.loses:
            console.print(escape(f"{one.about} {one.what}".rstrip() + f": loses {one.loses} ({one.allow} {one.about})"))
    for one in found:
        if one.change == "none":
            console.print(escape(f"{one.about} {one.what}".strip() + f": by hand: {one.mend}"))
    counts = {change: sum(one.change == change for one in found) for change in SIGNS}
    words = {"make": "to make", "set": "to set", "remove": "to take away", "none": "for a person to mend"}
    said = ", ".join(f"{number} {words[change]}" for change, number in counts.items() if number)
    console.print(said or "the cluster is as the catalog derives it")


def _row(one: Difference) -> tuple[str, ...]:
    return SIGNS[one.change], one.about, one.what, one.have, one.want


def _gathered(subjects: Sequence[Subject], some: Sequence[Difference]) -> Iterable[tuple[str, ...]]:
    if "acl" in subjects:
        return _acls(some)
    return _quotas(some) if "quota" in subjects else map(_row, some)


def _acls(some: Sequence[Difference]) -> list[tuple[str, ...]]:
    """One row for each principal, change, operation and kind of resource, with the names."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for one in some:
        if one.acl is None or not one.acl.allow or one.acl.host != "*":
            rows[SIGNS[one.change], one.about, one.what] = [one.have]
            continue
        name = f"{one.acl.name}{'…' if one.acl.prefixed else ''}"
        rows.setdefault((SIGNS[one.change], one.about, f"{one.acl.operation} {one.acl.resource}"), []).append(name)
    return [
        (sign, about, what, "", ", ".join(names)) if sign == "+" else (sign, about, what, ", ".join(names), "")
        for (sign, about, what), names in rows.items()
    ]


def _quotas(some: Sequence[Difference]) -> list[tuple[str, ...]]:
    """One row for each principal and change."""
    rows: dict[tuple[str, str], list[Difference]] = {}
    for one in some:
        rows.setdefault((SIGNS[one.change], one.about), []).append(one)
    return [
        (sign, about, ", ".join(one.what for one in of), ", ".join(one.have or "—" for one in of),
         ", ".join(one.want or "—" for one in of))
        for (sign, about), of in rows.items()
    ]  # fmt: skip


def changed(console: Console, one: Difference) -> None:
    """One line for what was just done."""
    console.print(escape(f"{SIGNS[one.change]} {one.subject} {one.about} {one.what}".rstrip()))
