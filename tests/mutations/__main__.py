"""The table: `python -m tests.mutations` seeds every defect, and prints which test noticed it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from .defects import DEFECTS
from .run import Ran, run_all

WIDE = 170


@click.command()
@click.argument("words", nargs=-1)
@click.option("--kafka/--no-kafka", default=bool(os.environ.get("HUB_PROVE")), show_default="with HUB_PROVE",
              help="Also the defects that only a real Kafka shows.")  # fmt: skip
def main(words: tuple[str, ...], kafka: bool) -> None:
    """
    Seed defects into the gate, one by one, each in a copy of the tree, and see that a test notices.

    With WORDS only those whose name or file holds one of them. Ends with 1 where a defect survived.
    """
    wanted = [
        one
        for one in DEFECTS
        if (kafka or not one.broker) and (not words or any(word in f"{one.name} {one.file}" for word in words))
    ]
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("seeding", total=len(wanted))
        seeded, sound = run_all(wanted, lambda ran: progress.advance(task, 1 if ran.defect is not None else 0))
    show(console, seeded, sound)
    raise SystemExit(0 if all(one.caught for one in seeded) and not any(one.fault for one in sound) else 1)


def show(console: Console, seeded: Sequence[Ran], sound: Sequence[Ran]) -> None:
    """What came of each defect, and of the controls."""
    table = Table(title="Defects seeded into the gate", title_justify="left", title_style="bold")
    for name in ("what goes wrong", "file", "caught by"):
        table.add_column(name, overflow="fold")
    table.add_column("s", justify="right")
    for one in seeded:
        assert one.defect is not None
        by = escape(short(one.failed[0])) if one.caught else f"[bold red]{escape(one.fault)}[/]"
        table.add_row(escape(one.defect.name), one.defect.file, by, f"{one.seconds:.1f}")
    console.print(table)
    for one in sound:
        if one.fault:
            console.print(f"[bold red]{escape(' '.join(one.tests))}: {escape(one.fault)}[/] {' '.join(one.failed)}")
    caught = sum(one.caught for one in seeded)
    green = sum(not one.fault for one in sound)
    console.print(
        f"{caught} of {len(seeded)} defects turn the suite red; "
        f"{green} of {len(sound)} controls, the same tests without a defect, are green"
    )


def short(test: str) -> str:
    """A test's id without its folders' common part and without its parameters."""
    return test.partition("[")[0].removeprefix("tests/")


if __name__ == "__main__":
    main()
