"""Verbs for those who answer for who is who: identity."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from hub.cli.ground import because, by, console, main, sound
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.identity.names import Name
    from hub.store.identity_work import Work


@main.group("identity")
def identity() -> None:
    r"""
    Which identifiers are of one child, who said so, and what of it waits for a person.

    \b
      hub identity work                                          how much waits, by why
      hub identity work --by 'Ada Quill' --because 'The weekly round of doubtful matches.'
      hub identity show nhs_number --by … --because …            then asks for the number
      hub identity show hospital_number --within great_western_hospital/RZZ --by … --because …
      hub identity confirm LINK --by … --because …               what was only probable is certain
      hub identity unmerge LINK --by … --because …               undo one link, and nothing else
      hub identity link nhs_number hospital_number --within …    a person ties two; asks for both
      hub identity settle NAME --by … --because …                somebody looked at it

    A number is asked for, or read from standard input, one a line: what stands on a command line, all on the machine
    can read. Numbers are shown by their last three figures. All but the first is put on record with who and why; the
    reason says why it is looked at, and nothing about the child.
    """


@identity.command("work")
@click.option("--by", metavar="NAME", help="Who looks at it.")
@click.option("--because", metavar="TEXT", help="Why, in a sentence about no person.")
def work(by: str | None, because: str | None) -> None:
    """
    What waits for a person: contradictions, and links that nobody traced; counted, or listed where it is said why.

    Exit code 1 where something waits.
    """
    if (by is None) != (because is None):
        raise click.UsageError("say --by and --because, or neither")
    counts = _work().waiting()
    table = Table(title="What waits for a person", title_justify="left", title_style="bold")
    table.add_column("why")
    table.add_column("how many", justify="right")
    for code, many in sorted(counts.items()):
        table.add_row(code, str(many))
    console.print(table if counts else "nothing waits")
    if by is not None and because is not None:
        table = Table(title="The oldest first", title_justify="left", title_style="bold")
        for head in ("since", "why", "whose", "LINK or NAME"):
            table.add_column(head, no_wrap=head == "LINK or NAME")
        for one in _work().listed(by=by, because=because, now=datetime.now(UTC)):
            table.add_row(f"{one.at:%Y-%m-%d %H:%M}", one.code, escape(one.whose), one.name)
        console.print(table)
    sys.exit(1 if counts else 0)


@identity.command("show")
@click.argument("kind")
@click.option("--within", default="", metavar="AGENCY/ISSUER", help="A local number: who sends it, and who gave it.")
@by
@because
def show(kind: str, within: str, by: str, because: str) -> None:
    """
    What is known of one identifier of KIND: the NHS numbers it leads to, how certainly, and who said each link.

    KIND is nhs_number, upn, case_id, or a local one such as hospital_number or pupil_number, which needs --within. The
    number itself is asked for. Of an identity that an adoption order closed nothing is known.
    """
    shown = _work().show(_name(kind, within), by=by, because=because, now=datetime.now(UTC))
    if not shown.links:
        console.print("no link is known")
        return
    for number, certainty in shown.numbers.items():
        console.print(f"leads to {escape(number)}: {certainty if len(shown.numbers) == 1 else 'contradicted'}")
    table = Table(title="Links, the oldest first", title_justify="left", title_style="bold")
    for head in ("LINK", "says that", "certainty", "said by", "on", "event", "at", "taken back"):
        table.add_column(head, no_wrap=head in ("LINK", "event"))
    for one in shown.links:
        link = one.link
        says = f"{one.one} {'gave way to' if link.relation == 'gave-way' else 'is of the person of'} {one.other}"
        back = "" if one.taken_back is None else f"{one.taken_back:%Y-%m-%d %H:%M}"
        table.add_row(link.id, escape(says), link.certainty, link.agency, link.stream, link.event,
                      f"{link.at:%Y-%m-%d %H:%M}", back)  # fmt: skip
    console.print(table)


@identity.command("link")
@click.argument("one")
@click.argument("other")
@click.option("--within", "withins", multiple=True, metavar="AGENCY/ISSUER", help="Of each local number, in order.")
@by
@because
def tie(one: str, other: str, withins: tuple[str, ...], by: str, because: str) -> None:
    """Put on record that two identifiers, of the kinds ONE and OTHER, are of one person; asks for both."""
    left = list(withins)
    names = [_name(kind, left.pop(0) if left and not _shared(kind) else "") for kind in (one, other)]
    made = _work().tie(names[0], names[1], by=by, because=because, now=datetime.now(UTC))
    click.echo(f"linked: {made}; `hub identity unmerge {made}` undoes it")


@identity.command("confirm")
@click.argument("link")
@by
@because
def confirm(link: str, by: str, because: str) -> None:
    """Put on record that what LINK says is certain, which was only probable or possible."""
    made = _work().confirm(link, by=by, because=because, now=datetime.now(UTC))
    click.echo(f"confirmed: {made}; `hub identity unmerge {made}` undoes it")


@identity.command("unmerge")
@click.argument("link")
@by
@because
def unmerge(link: str, by: str, because: str) -> None:
    """
    Undo LINK: from the next message on all is as if it had not been said, also where its sender says it again.

    What was already told stays told: `hub receipts` shows to whom.
    """
    _work().take_back(link, by=by, because=because, now=datetime.now(UTC))
    click.echo(f"undone: {link}")


@identity.command("settle")
@click.argument("name")
@by
@because
def settle(name: str, by: str, because: str) -> None:
    """Put on record that somebody looked at what waits under NAME, as `hub identity work` lists it."""
    _work().settle(name, by=by, because=because, now=datetime.now(UTC))
    click.echo(f"settled: {name}")


def _work() -> Work:
    from hub.store import engine  # noqa: PLC0415  each command loads only what it needs
    from hub.store.identity_work import Work  # noqa: PLC0415

    settings = Settings.read()
    return Work(engine(settings.gateway_database), settings.keys())


def _shared(kind: str) -> bool:
    from hub.identity.names import SHARED  # noqa: PLC0415

    return kind in SHARED


def _name(kind: str, within: str) -> Name:
    """The identifier of a kind, asked for on a terminal, else the next line of standard input."""
    from hub.identity.names import SHARED, Name  # noqa: PLC0415

    kinds = [*SHARED, *sorted({local.kind for stream in sound().streams.values() for local in stream.also})]
    if kind not in kinds:
        raise click.UsageError(f"no kind of identifier is {kind!r}; there is: {', '.join(kinds)}")
    if _shared(kind) == bool(within):
        rule = "all know it by its kind alone" if within else "say who sends it and who gave it out"
        raise click.UsageError(f"--within AGENCY/ISSUER: {kind}: {rule}")
    value = click.prompt(kind, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    spelt = value.strip() if not _shared(kind) or kind == "case_id" else "".join(value.split()).replace("-", "").upper()
    if not spelt:
        raise click.UsageError(f"{kind}: type it, or write it on standard input, one a line")
    return Name(kind, within, spelt)
