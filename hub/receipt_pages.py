"""Pages on receipts and reviews, as a person reads them on a terminal; what they say is decided elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.catalog import Catalog
from hub.disclosure import Receipt, Verdict
from hub.explain import LIMITS, in_words
from hub.reviews import Due
from hub.verify import Verified


def why(catalog: Catalog, receipt: Receipt) -> str:
    """What a receipt's rule says, in words: those of the policy that decided, where that is still today's."""
    policy = catalog.policies.get(receipt.agency)
    today = policy is not None and policy.version == receipt.outcome.policy
    if receipt.rule.startswith("where.") and not today:
        return f"{receipt.rule.removeprefix('where.')} was not one of the values that the policy named then"
    return in_words(receipt.rule, policy.hears.get(receipt.stream) if policy is not None and today else None)


def counted(fields: Iterable[Verdict]) -> str:
    """How many fields were released, coarsened and withheld."""
    number = Counter(one.verdict for one in fields)
    return ", ".join(f"{number[word]} {word}" for word in ("released", "coarsened", "withheld") if number[word])


def receipts(console: Console, catalog: Catalog, found: Sequence[Receipt], *, fields: bool) -> None:
    """Receipts, one after the other, in words; with *fields* also what became of each field."""
    for one in found:
        verdict = "heard" if one.verdict == "released" else "did not hear"
        console.print(f"[bold]{one.event}/{one.agency}[/bold]")
        console.print(f"  {one.at}  {escape(_name(catalog, one.agency))} {verdict} this {one.stream}")
        if one.rule:
            console.print(f"  because {escape(why(catalog, one))} (rule {one.rule})")
        ground = f"{one.outcome.basis}; privacy notice, section “{one.outcome.notice}”"
        relied = f", relied on {one.outcome.relied}" if one.outcome.relied else ""
        console.print(f"  gate {one.outcome.gate}{relied}; {escape(ground)}")
        known = f"{len(one.standing) or 'nothing'} known of the child"
        console.print(f"  policy {one.outcome.policy} under {escape(one.outcome.agreement)}; {known}")
        console.print(f"  fields: {counted(one.outcome.fields)}")
        if fields:
            console.print(_fields(one))


def _fields(receipt: Receipt) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    for name in ("field", "verdict", "that is"):
        table.add_column(name)
    for path, verdict, rule in receipt.outcome.fields:
        said = "the policy did not name it" if rule == "not-granted" else f"to {rule}" if verdict == "coarsened" else ""
        said = said or LIMITS.get(rule, "as the whole event" if verdict == "withheld" else "")
        table.add_row(path, verdict, escape(said), style="dim" if verdict == "withheld" else None)
    return table


def verified(console: Console, catalog: Catalog, found: Verified) -> None:
    """What came of one receipt."""
    one = found.receipt
    table = Table(title=f"{one.event}/{one.agency}, decided {one.at}", title_justify="left", title_style="bold")
    for name in ("", "the receipt says", "decided again"):
        table.add_column(name, overflow="fold")
    sides = (one, found.decided)
    rows = [(name, *(_said(side, name) for side in sides)) for name in _ROWS]
    if found.by is not None:
        rows.insert(0, ("policy", one.outcome.policy, f"{found.by.version}, on record since {found.by.since}"))
    for name, said, again in rows:
        table.add_row(name, escape(said), escape(again), style=None if said == again or name == "policy" else "bold")
    console.print(table)
    for note in found.notes:
        console.print(f"note: {escape(note)}")
    for difference in found.differences:
        said, again = escape(difference.said or "—"), escape(difference.found or "—")
        console.print(f"[bold]differs[/bold]  {difference.what}: the receipt says {said}; decided again {again}")
    for gone in found.gone:
        console.print(f"[bold]cannot be said[/bold]: {escape(gone)}")
    if found.same:
        console.print(f"the same: {why(catalog, one) or 'released'}, field by field and to the byte")


_ROWS = ("stream", "verdict", "rule", "gate", "relied on", "fields", "known of the child", "message", "SHA-256")


def _said(one: Receipt | None, row: str) -> str:
    if one is None:
        return "—"
    outcome = one.outcome
    said = {
        "stream": one.stream, "verdict": one.verdict, "rule": one.rule, "gate": outcome.gate,
        "relied on": outcome.relied, "fields": counted(outcome.fields), "message": one.message, "SHA-256": one.sent,
        "known of the child": f"{len(one.standing) or 'nothing'} said",
    }[row]  # fmt: skip
    return said or "—"


def waiting(console: Console, catalog: Catalog, found: Sequence[Due], days: int, left_out: int) -> None:
    """The disclosures without consent that nobody reviewed yet."""
    console.print("[bold]Shared without consent, by a recorded decision, and not reviewed yet[/bold]")
    for receipt, age, overdue in found:
        late = f"{in_time(age):>6}  {'overdue' if overdue else '       '}"
        line = f"  {receipt.at[:16]}  {late}  {receipt.event}/{receipt.agency}  {receipt.stream}"
        console.print(f"{line} with {escape(_name(catalog, receipt.agency))}", style="bold" if overdue else None)
    number = sum(one.overdue for one in found)
    console.print(f"{len(found)} to review, {number} overdue: the authority has set {days} days (HUB_REVIEW_DAYS)")
    if left_out:
        console.print(f"left out: {left_out} of events that canaries invented")


def in_time(age: timedelta) -> str:
    """An age in the largest unit that says something."""
    seconds = max(0, round(age.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _name(catalog: Catalog, agency: str) -> str:
    return catalog.agencies[agency].name if agency in catalog.agencies else agency
