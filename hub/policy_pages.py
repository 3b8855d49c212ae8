"""Policy pages: a change of policies and a preview, as tables that an officer reads; nothing is found out here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.catalog import Catalog
from hub.coarse import WORDS
from hub.explain import LIMITS, in_words
from hub.policy import Grant
from hub.preview import Heard, Preview
from hub.reach import KINDS, Reach
from hub.stream import Fact
from hub.widening import Change

LESS = "\N{MINUS SIGN}"
SIGNS = {
    **dict.fromkeys(("field-new", "stream-new", "agency-new"), "+"),
    **dict.fromkeys(("field-gone", "stream-gone", "agency-gone"), LESS),
}
STYLES = {"+": "green", LESS: "red"}
MOST_RULES = 3


def changes(console: Console, catalog: Catalog, found: Sequence[Change], *, title: str = "") -> None:
    """Each agency's changes as a table: what, which field that is, how sensitive, where it stands."""
    for agency in dict.fromkeys(one.agency for one in found):
        ours = [one for one in found if one.agency == agency]
        known = catalog.agencies.get(agency)
        name = f"{escape(known.name)} ({agency})" if known is not None else agency
        table = _table(f"{name}{f': {title}' if title else ''}", "", "stream", "what", "change", "tells more",
                       "which is", "sensitivity", "policy.yaml")  # fmt: skip
        for one in ours:
            fact = _fact(catalog, one)
            sign = SIGNS.get(one.kind, "~")
            table.add_row(
                sign, one.stream, escape(one.path), escape(one.what), "yes" if one.widens else "—",
                escape(fact.sentence) if fact is not None else "",
                str(fact.sensitivity or "") if fact is not None else "",
                f"line {one.line}" if one.line else "",
                style=STYLES.get(sign, "yellow" if one.widens else None),
            )  # fmt: skip
        console.print(table)


def _table(title: str, *columns: str, right: Iterable[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in columns:
        whole = name in right or name in ("field", "what", "stream")  # a path that is cut names no field
        table.add_column(name, justify="right" if name in right else "left", no_wrap=whole)
    return table


def _fact(catalog: Catalog, change: Change) -> Fact | None:
    stream = catalog.streams.get(change.stream)
    return next((fact for fact in stream.facts() if fact.name == change.path), None) if stream is not None else None


def reached(console: Console, found: Reach, of: str) -> None:
    """How many events, of how many children, a change touches."""
    columns = ("agency", "stream", *KINDS)
    table = _table(f"What it touches of {of}: events (children)", *columns, right=KINDS)
    for agency, stream in sorted({(agency, stream) for agency, stream, _ in found.touched}):
        cells = []
        for kind in KINDS:
            one = found.touched.get((agency, stream, kind))
            cells.append(f"{one.events} ({len(one.children)})" if one is not None else "—")
        table.add_row(agency, stream, *cells)
    if found.touched:
        console.print(table)
    else:
        console.print(f"What it touches of {of}: no event.")
    asked = f"{found.asked} events were decided by both" + (f", {found.unread} not readable" if found.unread else "")
    console.print(f"[dim]{asked}{'; stopped before the end' if found.stopped else ''}[/dim]")


def previewed(console: Console, catalog: Catalog, found: Preview, of: str) -> None:
    """What one agency would have received, and what became of each field that had a value; no personal data."""
    agency, policy = catalog.agencies[found.agency], catalog.policies[found.agency]
    numbers = ("events", "released", "of children", "withheld")
    title = f"What {escape(agency.name)} would have received of {of}"
    table = _table(title, "stream", *numbers, "because", right=numbers)
    for name, heard in found.heard.items():
        rules = heard.rules.most_common() or [("", 0)]
        for index, (rule, number) in enumerate(rules):
            first = (name, str(heard.events or "—"), str(heard.released or "—"), str(len(heard.told_of) or "—"))
            why = f"{in_words(rule, policy.hears[name])} ({rule})" if rule else ""
            table.add_row(*(first if index == 0 else ("", "", "", "")), str(number or "—"), escape(why))
    console.print(table)
    for name, heard in found.heard.items():
        if heard.fields:
            console.print(_fields(name, heard, policy.hears[name], catalog))
            console.print(escape(_unnamed(heard, policy.hears[name])), style="dim")
    if found.unread:
        console.print(f"{found.unread} events could not be read: nobody hears of those")
    if found.stopped:
        console.print("[bold]stopped before the end: what is shown was counted until then[/bold]")


def _fields(name: str, heard: Heard, grant: Grant, catalog: Catalog) -> Table:
    """Field by field, in the order of the stream, how many events had a value, and what became of it."""
    numbers = ("said in", "released", "coarsened", "withheld")
    table = _table(f"{name}, field by field", "field", *numbers, "by", right=numbers)
    for fact in catalog.streams[name].facts():
        fared = heard.fields.get(fact.name)
        if not fared or (fact.name not in grant.fields and fact.name not in grant.coarse):
            continue
        sums = Counter[str]()
        for (verdict, _), number in fared.items():
            sums[verdict] += number
        cells = (str(sums[kind] or "—") for kind in ("released", "coarsened", "withheld"))
        table.add_row(fact.name, str(sum(sums.values())), *cells, escape(_by(fared)))
    return table


def _unnamed(heard: Heard, grant: Grant) -> str:
    """What was said and the policy does not name, with the number of events that said it."""
    rest = {path: sum(fared.values()) for path, fared in heard.fields.items()}
    said = [f"{path} {rest[path]}" for path in sorted(rest) if path not in grant.fields and path not in grant.coarse]
    return f"said, and not named by the policy: {', '.join(said)}" if said else ""


def _by(fared: Mapping[tuple[str, str], int]) -> str:
    """The words and rules that a granted field met, the most frequent first."""
    met = sorted(((number, rule) for (_, rule), number in fared.items() if rule), reverse=True)
    said = [f"{_rule(rule)}: {number}" if len(met) > 1 else _rule(rule) for number, rule in met[:MOST_RULES]]
    return "; ".join(said) + ("; …" if len(met) > MOST_RULES else "")


def _rule(rule: str) -> str:
    if rule in WORDS:
        return f"as {rule}"
    return LIMITS.get(rule, rule)


def as_json(change: Change) -> dict[str, Any]:
    """A change for programs."""
    place = f"connectors/{change.agency}/policy.yaml"
    return {
        "agency": change.agency, "stream": change.stream, "kind": change.kind, "path": change.path,
        "what": change.what, "widens": change.widens, "place": f"{place}:{change.line}" if change.line else place,
    }  # fmt: skip


def reach_as_json(found: Reach) -> dict[str, Any]:
    """What a change touches, for programs."""
    rows = [
        {"agency": agency, "stream": stream, "kind": kind, "events": one.events, "children": len(one.children)}
        for (agency, stream, kind), one in sorted(found.touched.items())
    ]
    return {"asked": found.asked, "unread": found.unread, "stopped": found.stopped, "touched": rows}
