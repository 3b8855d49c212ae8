"""Reports: what came in, what each agency got and what was withheld, as tables that a person enjoys reading."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.catalog import Catalog
from hub.explain import LIMITS, Explanation, in_words
from hub.once import Outcome

RELIED = {
    "statute": "statute: a duty or power to share",
    "consent": "consent: the family, or the young person, agreed",
    "override": "override: a recorded decision to share without consent, which is reviewed (hub reviews)",
}
Lags = Mapping[tuple[str, str], tuple[int, float]]


def outcome(console: Console, catalog: Catalog, result: Outcome) -> None:
    """Everything that came of some files: three tables."""
    taken: Counter[tuple[str, str]] = Counter()
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for given in result.given:
        line = (given.agency, given.line)
        taken[line] += 1
        answer = given.answer
        counts[line] += Counter(events=answer.events, set_aside=answer.set_aside, refused=answer.refused)
        if not answer.accepted:
            counts[line][f"why {answer.code} {answer.place}".strip()] += 1
    came_in(console, catalog, [(*line, number, counts[line]) for line, number in taken.items()])
    heard: Counter[tuple[str, str]] = Counter()
    for one in result.delivered:
        heard[one.agency, one.stream] += 0 if one.fault else one.count
    got(console, catalog, heard, {(one.agency, one.stream): f"{one.door.format} by {one.door.by}"
                                  for one in result.delivered})  # fmt: skip
    withheld(console, catalog, result.withheld())
    kept_back(console, catalog, result.kept_back())
    for one in result.delivered:
        if one.fault:
            console.print(f"{one.agency} {one.stream}: {one.count} not rendered ({one.fault}); a courier parks it")


def came_in(console: Console, catalog: Catalog, rows: list[tuple[str, str, int, Counter[str]]]) -> None:
    """What came in: one row for each line that spoke."""
    table = Table(title="What came in", title_justify="left", title_style="bold")
    for name, right in (("from", False), ("line", False), ("format", False), ("messages", True), ("events", True),
                        ("set aside", True), ("refused", True), ("why refused", False)):  # fmt: skip
        table.add_column(name, justify="right" if right else "left")
    for agency, line, number, count in rows:
        saying = catalog.agencies[agency].says[line]
        why = ", ".join(sorted(key.removeprefix("why ") for key in count if key.startswith("why ")))
        numbers = (str(count[kind] or "—") for kind in ("events", "set_aside", "refused"))
        table.add_row(escape(catalog.agencies[agency].name), line, f"{saying.format} by {saying.by}", str(number),
                      *numbers, escape(why))  # fmt: skip
    console.print(table)


def got(
    console: Console, catalog: Catalog, heard: Mapping[tuple[str, str], int], doors: Mapping[tuple[str, str], str]
) -> None:
    """What each agency got: how many, how many of the stream's fields, in which format by which door."""
    table = Table(title="What each agency got", title_justify="left", title_style="bold")
    for name, right in (("agency", False), ("stream", False), ("events", True), ("fields", True), ("as", False),
                        ("through the gate", False)):  # fmt: skip
        table.add_column(name, justify="right" if right else "left")
    for agency, policy in catalog.policies.items():
        for stream, grant in policy.hears.items():
            number = heard.get((agency, stream), 0)
            every = sum(fact.record is None for fact in catalog.streams[stream].facts())
            fields = f"{len(grant.fields) + len(grant.coarse)} of {every}"
            style = None if number else "dim"
            table.add_row(escape(catalog.agencies[agency].name), stream, str(number or "—"), fields,
                          doors.get((agency, stream), "—"), grant.gate, style=style)  # fmt: skip
    console.print(table)


def withheld(console: Console, catalog: Catalog, counts: Mapping[tuple[str, str, str], int]) -> None:
    """What was withheld, by agency and rule, in words."""
    table = Table(title="What was withheld, and why", title_justify="left", title_style="bold")
    for name, right in (("from", False), ("stream", False), ("events", True), ("rule", False), ("that is", False)):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for (agency, stream, rule), number in sorted(counts.items()):
        grant = catalog.policies[agency].hears.get(stream)
        said = escape(in_words(rule, grant))
        table.add_row(escape(catalog.agencies[agency].name), stream, str(number), rule, said)
    console.print(table)


def kept_back(console: Console, catalog: Catalog, counts: Mapping[tuple[str, str, str], int]) -> None:
    """What was kept back of single events that were told all the same; nothing where nothing was."""
    if not counts:
        return
    table = Table(title="What was kept back of what was told", title_justify="left", title_style="bold")
    for name, right in (("from", False), ("stream", False), ("events", True), ("limit", False), ("that is", False)):
        table.add_column(name, justify="right" if right else "left")
    for (agency, stream, limit), number in sorted(counts.items()):
        table.add_row(escape(catalog.agencies[agency].name), stream, str(number), limit, escape(LIMITS.get(limit, "")))
    console.print(table)


def explanation(console: Console, said: Explanation) -> None:
    """One decision, field by field."""
    verdict = "hears" if said.released else "does not hear"
    console.print(f"[bold]{said.agency}[/bold] {verdict} this [bold]{said.stream}[/bold]"
                  + (f": {escape(said.why)} (rule {said.rule})" if said.rule else ""))  # fmt: skip
    if said.grant is not None:
        because, ground = escape(said.grant.because), escape(said.ground)
        console.print(f"because: {because}\nground:  {ground}\ngate:    {said.grant.gate}")
        if said.released:
            console.print(f"relied on: {RELIED.get(said.relied, said.relied)}")
    table = Table(box=None, pad_edge=False)
    for name in ("field", "verdict", "which is"):
        table.add_column(name)
    for path, what, sentence in said.fields:
        table.add_row(path, what, escape(sentence), style=None if what.startswith(("released", "coarsened")) else "dim")
    console.print(table)


def lag(console: Console, rows: Lags) -> None:
    """Lag by group and topic."""
    table = Table(title="Lag", title_justify="left", title_style="bold")
    for name, right in (("group", False), ("topic", False), ("waiting", True), ("oldest", True)):
        table.add_column(name, justify="right" if right else "left")
    for (group, topic), (count, age) in sorted(rows.items()):
        table.add_row(group, topic, str(count or "—"), f"{age:.0f} s" if count else "—",
                      style=None if count else "dim")  # fmt: skip
    console.print(table)
