"""Verbs for those who answer for what was shared: receipts, and verify."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from hub.cli.ground import bootstrap_of, console, main, sound
from hub.errors import HubError
from hub.principals import GOVERNANCE
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.catalog import Catalog
    from hub.disclosure import Receipt
    from hub.evidence import Ledger
    from hub.receipts import Wanted
    from hub.transports.kafka import Stored

LATELY = 7  # days of receipts that are looked through where no event is named
STOPPED = 130  # what a shell says of a command that Ctrl-C ended
DIFFERS, GONE = 1, 3


def ledger_of(catalog: Catalog) -> Ledger:
    """What the cluster holds of decisions; shows on a terminal how far it has read."""
    from hub.evidence import Ledger  # noqa: PLC0415  each command loads only what it needs

    settings = Settings.read().acting_as(GOVERNANCE)
    return Ledger(catalog, bootstrap_of(settings), settings.kafka(), counting)


def counting(records: Iterator[Stored], topic: str) -> Iterable[Stored]:
    """*records*, with a line on a terminal's stderr that counts while they are read."""
    shown = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,.0f} records; Ctrl-C stops"),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        task = progress.add_task(topic, total=None)
        for record in records:
            progress.advance(task)
            yield record


def told(ledger: Ledger) -> None:
    """Say on stderr what of it could not be read."""
    if ledger.unread:
        click.echo(f"{ledger.unread} pages of disclosures.v1 cannot be read by today's schema lock", err=True)


@main.command("receipts")
@click.option("--event", default="", metavar="ID", help="Of this event.")
@click.option("--agency", default="", metavar="A", help="Of this agency.")
@click.option("--stream", default="", metavar="S", help="On this stream.")
@click.option("--rule", default="", metavar="R", help="By this rule; `gate.*` for all that begin so.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]), help="Decided then or later, UTC.")
@click.option(
    "--days", type=click.IntRange(1, 3650), help=f"Decided in the last DAYS; default {LATELY}, or all with --event."
)
@click.option("--fields", is_flag=True, help="Also what became of each field.")
@click.option("--json", "as_json", is_flag=True, help="Print them for programs, and for `hub verify`.")
def receipts(
    event: str, agency: str, stream: str, rule: str, since: datetime | None, days: int | None, fields: bool,
    as_json: bool,
) -> None:  # fmt: skip
    r"""
    The receipts that match: who was told of which event, who was not, and why; no personal data is in any.

    \b
      hub receipts --agency wiltshire_police --days 1
      hub receipts --rule 'sealed.*'
      hub receipts --event 6f1c… --fields
      hub receipts --event 6f1c… --json > receipts.json; hub verify receipts.json

    Needs Kafka. EVENT/AGENCY at the head of each is what `hub verify` and `hub reviews record` want.
    """
    from hub import receipt_pages  # noqa: PLC0415
    from hub.receipts import Wanted  # noqa: PLC0415
    from hub.receipts import as_json as said  # noqa: PLC0415

    if since is not None and days is not None:
        raise click.UsageError("say --since or --days, not both")
    loaded = sound()
    begin = since.replace(tzinfo=UTC) if since is not None else None
    if begin is None and (days is not None or not event):
        begin = datetime.now(UTC) - timedelta(days=days or LATELY)
    ledger = ledger_of(loaded)
    found = _interruptible(ledger, Wanted(event, agency, stream, rule, begin))
    if as_json:
        click.echo(json.dumps([said(one) for one in found], indent=1, ensure_ascii=False))
    else:
        receipt_pages.receipts(console, loaded, found, fields=fields)
        click.echo(
            f"{len(found)} receipt{'' if len(found) == 1 else 's'}"
            + (f" since {begin:%Y-%m-%d %H:%M} UTC" if begin is not None else "")
        )
    told(ledger)


def _interruptible(ledger: Ledger, *wanted: Wanted) -> list[Receipt]:
    """Receipts, oldest first; ends the command where Ctrl-C is pressed."""
    try:
        return sorted(ledger.receipts(*wanted), key=lambda one: (one.at, one.event, one.agency))
    except KeyboardInterrupt:
        click.echo("stopped: not all was read, so that nothing is said", err=True)
        sys.exit(STOPPED)


class _NotLookedAt(click.ClickException):
    """Nothing was verified, which is another answer than that something differs."""

    exit_code = 2


@main.command("verify")
@click.argument("receipt")
def verify(receipt: str) -> None:
    r"""
    Decide again what RECEIPT attests, and say whether it is the same: verdict, rules, fields, and the hash sent.

    RECEIPT is EVENT/AGENCY, or a JSON file as `hub receipts --json` prints it. The receipt itself is looked for on
    disclosures.v1, the event on its topic, the policy by its version on policies.v1, and what was known of the child on
    its topic. The hub's keys and today's code decide again, at the moment of the receipt.

    \b
    Exit code 0: the same, each one.  1: something differs; each line says what.  2: it was not looked at, as where
      no Kafka answers.
    Exit code 3: it cannot be said, because something is gone: the event (kept for days), a policy version that was
      never put on record, what was known of the child (kept 8 days after it was superseded), or a schema id.
    """
    from hub import receipt_pages  # noqa: PLC0415
    from hub.receipts import named  # noqa: PLC0415
    from hub.verify import verify as verified  # noqa: PLC0415

    loaded, path = sound(), Path(receipt)
    try:
        given = _in_file(path) if path.is_file() else None
        ledger = ledger_of(loaded)
        wanted = [named(f"{one.event}/{one.agency}") for one in given] if given is not None else [named(receipt)]
        lie = list(ledger.receipts(*wanted))
        missing = [one for one in given or () if one not in lie]
        found = list(dict.fromkeys(given if given is not None else lie))
        evidence = ledger.evidence(found)
    except HubError as error:
        raise _NotLookedAt(str(error)) from None
    except KeyboardInterrupt:
        click.echo("stopped: nothing was verified", err=True)
        sys.exit(STOPPED)
    told(ledger)
    keys, codes = Settings.read().keys(), set[int]()
    for one in found:
        result = verified(loaded, keys, one, evidence)
        receipt_pages.verified(console, loaded, result)
        often = lie.count(one)
        if often > 1:
            console.print(f"note: this receipt lies {often} times on disclosures.v1, each time the same")
        codes.add(DIFFERS if result.differences else GONE if result.gone else 0)
    for one in missing:
        other = any((one.event, one.agency) == (its.event, its.agency) for its in lie)
        it = "another receipt of that event and agency" if other else "none of that event and agency"
        console.print(f"[bold]differs[/bold]  {one.event}/{one.agency}: disclosures.v1 does not hold it, but {it}")
        codes.add(DIFFERS)
    if given is None and len(found) > 1:
        console.print(
            f"note: {len(found)} receipts of that event and agency that are not alike: decided more than once?"
        )
    if not found:
        console.print(f"[bold]cannot be said[/bold]: disclosures.v1 holds no receipt {receipt}: nothing was decided, "
                      "or it is older than receipts are kept")  # fmt: skip
        codes.add(GONE)
    sys.exit(DIFFERS if DIFFERS in codes else max(codes))


def _in_file(path: Path) -> list[Receipt]:
    from hub.receipts import from_json  # noqa: PLC0415

    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError):
        raise HubError(f"{path}: is not JSON; write it with `hub receipts --event ID --json`") from None
    listed = said if isinstance(said, list) else [said]
    if not listed:
        raise HubError(f"{path}: holds no receipt")
    return [from_json(one) for one in listed]
