"""Verbs for those who decide what comes of what could not be read: quarantine replay, and discard."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli.ground import because, by, console
from hub.cli.quarantine import code_, line_, quarantine, reason_of, ward_of
from hub.cli.receipts import STOPPED
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.quarantine.ward import Wanted
    from hub.quarantine.work import Done
    from hub.reasons import Reason
    from hub.store.inbox import Inbox

agency_ = click.option("--agency", default="", metavar="A", help="All open ones of this agency; or relay, or watches.")


@quarantine.command("replay")
@click.argument("items", nargs=-1)
@agency_
@line_
@code_
@by
@because
@click.option("--with", "corrected", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Take in a corrected copy of the one ITEM; wants --second.")  # fmt: skip
@click.option("--second", default="", metavar="NAME", help="Who else agreed that the correction is what was meant.")
@click.option("--even-so", is_flag=True, help="Though a newer word on the same subject came since.")
@click.option("--dry-run", "dry", is_flag=True, help="Say what would come of it, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each for programs.")
def replay(
    items: tuple[str, ...], agency: str, line: str, code: str, by: str, because: str, corrected: Path | None,
    second: str, even_so: bool, dry: bool, as_json: bool,
) -> None:  # fmt: skip
    r"""
    Take ITEMS in again, or all that are open of an agency and a code, by today's code, wall and policies.

    \b
      hub quarantine replay 6f1c 80ab --by 'Ada Quill' --because 'The list of attendance codes was extended.'
      hub quarantine replay --agency schools --code attendance-code.unknown --by … --because … --dry-run
      hub quarantine show 6f1c --by … --because … --out row.csv     # mend row.csv, then
      hub quarantine replay 6f1c --with row.csv --second 'Bo Sample' --by … --because …

    What is understood becomes events, in one transaction with its audit, under the ids and with the time that it would
    have had when it came. What is refused again stays open, and why is told. Nothing is replayed twice: not what
    was replayed or discarded, nor whose id is taken by now because it was sent again, nor by two at once: the
    later takes the turn, and the earlier is told that it was ended. A sender that mends a message and sends it under
    another id has said another thing: then discard the old one.

    A word that would take the place of a newer one on the same subject is replayed with --even-so only. An event that
    the relay or a watch set aside goes back onto its topic as it was: whoever has had it knows it by its id.

    \b
    Exit code 0: all of them were.  1: at least one was not; each line says why.
    """
    from hub import quarantine_pages as pages  # noqa: PLC0415
    from hub.quarantine import work  # noqa: PLC0415

    why, wanted = reason_of(by, because), _wanted(items, agency, line, code)
    content, seconded = None, ""
    if corrected is not None:
        if len(items) != 1:
            raise click.UsageError("--with corrects one ITEM")
        seconded, content = _second(why, second), corrected.read_bytes()
    ward, inbox = ward_of(), inbox_of()
    if dry:
        found = work.preview(ward, wanted, inbox, corrected=content, even_so=even_so)
    else:
        found = work.replay(ward, wanted, why, inbox, corrected=content, second=seconded, even_so=even_so)
    became: list[Done] = []
    try:
        for one in found:
            became.append(one)
            if not as_json:
                pages.done(console, one, dry=dry)
    except KeyboardInterrupt:
        click.echo("stopped: what is said above is done, and nothing else", err=True)
        sys.exit(STOPPED)
    if as_json:
        click.echo(json.dumps([_became(one) for one in became], indent=1))
    else:
        _count(became, dry=dry)
    sys.exit(1 if any(one.code for one in became) else 0)


@quarantine.command("discard")
@click.argument("items", nargs=-1)
@agency_
@line_
@code_
@by
@because
def discard(items: tuple[str, ...], agency: str, line: str, code: str, by: str, because: str) -> None:
    r"""
    Put on record that nothing is to come of ITEMS, or of all that are open of an agency and a code.

    \b
      hub quarantine discard 6f1c --by 'Ada Quill' --because 'The school sent the register again, without that row.'

    From then on they are shown to nobody and not replayed. What it does not do: delete. Kafka removes no single record;
    the sealed bytes go with the topic's retention, at most 30 days after they came. Where the same message is refused
    once more, its sender insists, and it is open again.
    """
    from hub.quarantine import work  # noqa: PLC0415

    why, wanted, number = reason_of(by, because), _wanted(items, agency, line, code), 0
    ward = ward_of()
    try:
        for entry in work.discard(ward, wanted, why):
            number += 1
            until = ward.keeps_until(entry.item)
            console.print(f"{entry.item.id}  {entry.item.by}: discarded; its sealed bytes go by {until:%Y-%m-%d}")
    except KeyboardInterrupt:
        click.echo("stopped: what is said above is done, and nothing else", err=True)
        sys.exit(STOPPED)
    console.print(f"{number} discarded")


def inbox_of() -> Inbox:
    """The gateway's inbox: whoever sends again what was replayed is answered as if it had been taken in."""
    from hub.store import engine  # noqa: PLC0415
    from hub.store.inbox import Inbox  # noqa: PLC0415

    settings = Settings.read()
    return Inbox(engine(settings.gateway_database), settings.keys())


def _second(why: Reason, second: str) -> str:
    """A correction speaks in an agency's name: another person than who makes it must have agreed."""
    from hub.approvals import different  # noqa: PLC0415
    from hub.reasons import reason  # noqa: PLC0415

    if not second:
        raise click.UsageError("--with speaks in an agency's name: name with --second who agreed to the correction")
    name, _ = reason(second, why.because)
    if not different(why.by, name):
        raise click.UsageError("--second: another person than --by")
    return name


def _wanted(items: Iterable[str], agency: str, line: str, code: str) -> Wanted:
    from hub.quarantine.ward import Wanted  # noqa: PLC0415

    named = tuple(items)
    if named and (agency or line or code):
        raise click.UsageError("name ITEMS, or --agency with --code, not both")
    if not named and not (agency and code):
        raise click.UsageError("name ITEMS, or --agency and --code for all such: see `hub quarantine list`")
    if any(len(one) < 4 for one in named):
        raise click.UsageError("write at least four characters of each id")
    return Wanted(ids=named, agency=agency, line=line, code=code)


def _became(one: Done) -> dict[str, Any]:
    plan = one.plan
    return {"item": plan.item.id, "replayed": one.done, "code": one.code, "place": plan.place, "mend": one.mend,
            "counts": dict(plan.counts), "events": list(plan.events)}  # fmt: skip


def _count(became: list[Done], *, dry: bool) -> None:
    number = sum(not one.code for one in became)
    left = len(became) - number
    console.print(
        f"{number} {'would be replayed' if dry else 'replayed'}, {left} not" + ("; nothing was done" if dry else "")
    )
