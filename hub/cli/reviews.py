"""Verbs for those who review what was shared without consent: reviews."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import click

from hub.cli.ground import console, main, sound
from hub.cli.receipts import STOPPED, ledger_of, told
from hub.reviews import FINDINGS
from hub.settings import Settings


@main.group("reviews", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print them for programs.")
@click.pass_context
def reviews(ctx: click.Context, as_json: bool) -> None:
    r"""
    What was shared without consent, by a recorded override, and has not been reviewed; the oldest first.

    \b
      hub reviews
      hub reviews record 6f1c…/wiltshire_police --by 'Ada Quill' --finding justified \
        --because 'Immediate danger was on record, and asking first would have raised it.'

    The authority sets in how many days each is reviewed (HUB_REVIEW_DAYS; 7, five working days, where it sets none).
    Exit code 1 where one is overdue. Needs Kafka.
    """
    if ctx.invoked_subcommand is not None:
        return
    from hub import receipt_pages  # noqa: PLC0415
    from hub import reviews as rules  # noqa: PLC0415
    from hub.receipts import Wanted  # noqa: PLC0415

    loaded, days = sound(), Settings.read().review_days
    ledger = ledger_of(loaded)
    try:
        shared = rules.overrides(ledger.receipts(Wanted()))
        reviewed = ledger.reviews()
        open_ones = [one for place, one in shared.items() if place not in reviewed]
    except KeyboardInterrupt:
        click.echo("stopped: not all was read, so that nothing is said", err=True)
        sys.exit(STOPPED)
    real = [one for one in open_ones if not one.synthetic]
    found = rules.due(real, reviewed, datetime.now(UTC), days)
    if as_json:
        click.echo(json.dumps([
            {"event": one.receipt.event, "agency": one.receipt.agency, "stream": one.receipt.stream,
             "shared_at": one.receipt.at, "days": round(one.age / timedelta(days=1), 2), "overdue": one.overdue}
            for one in found
        ], indent=1))  # fmt: skip
    else:
        receipt_pages.waiting(console, loaded, found, days, len(open_ones) - len(real))
    told(ledger)
    sys.exit(1 if any(one.overdue for one in found) else 0)


@reviews.command("record")
@click.argument("receipt")
@click.option("--by", required=True, metavar="NAME", help="Who reviewed it.")
@click.option("--finding", required=True, type=click.Choice(FINDINGS), help="Whether it was right to share.")
@click.option("--because", required=True, metavar="TEXT", help="What that rests on, in a sentence about the decision; "
                                                             "no personal data of anyone.")  # fmt: skip
@click.option("--again", is_flag=True, help="It was reviewed before; the earlier review stays on record.")
def record(receipt: str, by: str, finding: str, because: str, again: bool) -> None:
    """
    Put on record what NAME found of the disclosure without consent that RECEIPT attests, named as EVENT/AGENCY.

    TEXT is about the decision and must hold nothing about a person: what looks like an NHS number, a UPN, a postcode or
    an e-mail address is refused; a name cannot be known by its looks, and is yours to leave out.

    Whether NAME decided on the disclosure cannot be checked here: an event names its author by role, not by name. That
    the reviewer is somebody else is for the authority to see to; that the review is there, and whose it is, is checked.
    """
    from typing import cast  # noqa: PLC0415

    from hub import reviews as rules  # noqa: PLC0415
    from hub.receipts import named  # noqa: PLC0415

    loaded = sound()
    ledger, wanted = ledger_of(loaded), named(receipt)
    shared = rules.overrides(ledger.receipts(wanted)).get((wanted.event, wanted.agency))
    before = ledger.reviews().get((wanted.event, wanted.agency))
    said = rules.review(shared, before, by=by, finding=cast("rules.Finding", finding), because=because,
                        at=datetime.now(UTC), again=again)  # fmt: skip
    ledger.publish([said])
    click.echo(f"recorded: {receipt} is {finding}, reviewed by {by}")
