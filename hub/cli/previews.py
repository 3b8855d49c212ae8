"""Verb for those who want to see what an agency would have received: preview."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from hub import log
from hub.cli.ground import bootstrap_of, console, main, named, sound
from hub.errors import HubError
from hub.principals import GOVERNANCE
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.envelope import Record
    from hub.happened import Happened

DAYS = 7
STOPPED = 130  # what a shell says of a command that Ctrl-C ended


@main.command()
@click.argument("agency")
@click.argument("files", nargs=-1)
@click.option(
    "--days", type=click.IntRange(1, 3650), help=f"Without files: the last DAYS of Kafka's topics; default {DAYS}."
)
@click.option("--stream", metavar="STREAM", help="Only what it hears of this stream.")
@click.option("--policies", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Decide by the policies in this folder: a copy of connectors/, or of a project.")  # fmt: skip
@click.option("--standing", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Suppose that this JSON is known of the children as well: consent, objections, seals.")  # fmt: skip
@click.option("--show", type=click.IntRange(0), default=0, metavar="N",
              help="Also print the first N letters as they would be sent: THIS SHOWS PERSONAL DATA.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              help="Also write every letter into this folder: THESE FILES HOLD PERSONAL DATA.")  # fmt: skip
def preview(
    agency: str, files: tuple[str, ...], days: int | None, stream: str | None, policies: Path | None,
    standing: Path | None, show: int, out: Path | None,
) -> None:  # fmt: skip
    r"""
    What AGENCY would have received of FILES, or of the last days of its topics; nothing is published.

    \b
      hub preview wiltshire_police connectors/mash_front_door/examples/referrals/*.json
      hub preview virtual_school --days 30 --stream school_attendance
      hub preview schools --policies ../my-draft --show 3

    It counts: how many events, of how many children, each rule that withheld some, and for each field how often it was
    released, coarsened or withheld. No personal data is printed, unless --show asks for letters. An agency on trial is
    shown as if it were live. A file's folders say what it is (…/AGENCY/…/LINE/file), or write AGENCY/LINE=FILE.
    """
    from hub import happened, once, policy_pages, versions  # noqa: PLC0415
    from hub import preview as previews  # noqa: PLC0415
    from hub.keys import Keys  # noqa: PLC0415

    if files and days is not None:
        raise click.UsageError("preview files or days, not both")
    loaded = sound()
    given = [named(loaded, one) for one in files]
    wanted = previews.alone(loaded if policies is None else versions.with_policies(loaded, policies), agency)
    streams = previews.streams_of(wanted, agency, stream)
    keys, now = Keys(secrets.token_bytes(32)), datetime.now(UTC)
    also = happened.supposed(wanted, standing, keys, now) if standing is not None else []
    most = sys.maxsize if out is not None else show
    if given:
        log.start(Settings.read().log, quiet=True)
        said = happened.in_files(wanted, given, streams, keys, now, also)
        of = of_files(files)
    else:
        settings = Settings.read().acting_as(GOVERNANCE)
        try:
            bootstrap = bootstrap_of(settings)
        except HubError as error:
            raise HubError(f"{error}; or name files") from None
        since = now - timedelta(days=days or DAYS)
        said = happened.lately(wanted, streams, bootstrap, settings.kafka(), since, also)
        of = f"the last {days or DAYS} days"
    with counting(said) as counted:
        found = previews.preview(wanted, agency, counted, streams, keys, now=now, most=most)
    policy_pages.previewed(console, wanted, found, of)
    if loaded.agencies[agency].status == "trial":
        console.print(f"{agency} is on trial: it is sent nothing until `status: trial` is taken out of its agency.yaml")
    made = previews.letters(wanted, found, keys) if most else []
    if out is not None:
        once.write(once.Outcome(delivered=made), out)
        click.echo(f"wrote {len(made)} files to {out / agency}")
    for number, one in enumerate(made[:show], 1):
        to = f" to {one.address}" if one.address else ""
        click.echo(f"\n{number}. {one.stream}{to}, {one.door.format} by {one.door.by}:")
        click.echo(previews.readable(wanted, one).rstrip())
    sys.exit(STOPPED if found.stopped else 0)


def of_files(files: Sequence[str]) -> str:
    """How many files, in words."""
    return f"{len(files)} file{'s' if len(files) > 1 else ''}"


@contextmanager
def counting(said: Happened) -> Iterator[Happened]:
    """*said*, with a line on a terminal's stderr that counts while it is read; and which files were refused."""
    for code, number in sorted(said.refused.items()):
        click.echo(f"{number} of the files refused, or a part of them: {code}", err=True)
    shown = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} events read; Ctrl-C stops"), TimeElapsedColumn())
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def events() -> Iterator[Record]:
            for record in said.events:
                progress.advance(task)
                yield record

        yield said._replace(events=events())
