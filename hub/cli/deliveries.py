"""Verbs for those who see to it that everybody gets what is theirs: deliveries; no content of any is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from hub.cli.ground import because, by, console, main, sound
from hub.errors import HubError
from hub.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from hub.reasons import Reason
    from hub.store.entries import Lane
    from hub.store.ledger import Ledger

MOST = 1000
GIVEN_UP = "given-up"


@main.group("deliveries", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print it for programs.")
@click.pass_context
def deliveries(ctx: click.Context, as_json: bool) -> None:
    r"""
    What has not reached its agency yet: waiting, under way, handed over without an answer, or parked, and why.

    \b
      hub deliveries                            each agency and stream of which something is open
      hub deliveries parked                     what waits for a person: what was refused, or cannot be rendered
      hub deliveries parked cpis
      hub deliveries release 6f1c09 --by 'Ada Quill' \
        --because 'The partner has mended its import and asks for the message again.'
      hub deliveries give-up 6f1c09 --by 'Ada Quill' \
        --because 'The partner was told by telephone, and keys it in by hand.'
      hub deliveries decided                    who released or gave up what, and why

    A message is named by its id, or as much of it as tells it from others. Works on the couriers' ledgers
    (HUB_STORE_URL), whether they run or not; a message that is released goes within seconds. Exit code 0, also where
    something is parked.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings, now = Settings.read(), datetime.now(UTC)
    ledgers, after = _ledgers(settings), timedelta(hours=settings.acknowledgement_hours)
    late = sorted((one for ledger in ledgers for one in ledger.overdue(now, after)), key=lambda one: one.handed)
    standing = sorted((one for ledger in ledgers for one in ledger.standing()), key=lambda one: one[:2])
    rows: list[dict[str, Any]] = [
        {
            "agency": one.agency,
            "stream": one.stream,
            "waiting": one.waiting,
            "under_way": one.under_way,
            "handed_over": one.handed,
            "overdue": sum(each.messages for each in late if each.lane[:2] == (one.agency, one.stream)),
            "parked": dict(one.parked),
            "oldest": one.oldest.isoformat(timespec="seconds") if one.oldest else None,
        }
        for one in standing
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        console.print("everything was delivered")
        return
    table = _table("agency", "stream", "waiting", "under way", "handed over", "overdue", "parked", "oldest")
    for one in rows:
        reasons = ", ".join(f"{count} {code or '(no code)'}" for code, count in sorted(one["parked"].items()))
        shown = (*list(one.values())[:6], reasons or "0", one["oldest"] or "")
        table.add_row(*map(str, shown))
    console.print(table)
    if any(one["overdue"] for one in rows):
        console.print(
            "overdue: the partner took a file and has not said what became of it: ask it by the file's number"
        )
        for each in late:
            told = f"number {each.number}" if each.number else f"delivery {each.delivery}"
            since = each.handed.isoformat(timespec="seconds")
            console.print(f"  {each.lane.agency} {each.lane.stream}: {told}, handed over {since}")


@deliveries.command("parked")
@click.argument("agency", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print them for programs.")
def parked(agency: str | None, as_json: bool) -> None:
    """What waits for a person, for one AGENCY or all, the oldest first; never what a message says."""
    ledgers = _ledgers(Settings.read())
    stuck = {one.agency for ledger in ledgers for one in ledger.standing() if one.parked}
    if agency and agency not in stuck:
        _known(agency)
    rows = [
        {
            "message": entry.message_id,
            "agency": lane.agency,
            "stream": lane.stream,
            "since": entry.created.isoformat(timespec="seconds"),
            "reason": entry.reason,
            "attempts": entry.attempts,
        }
        for one in ([agency] if agency else sorted(stuck))
        for lane, entry in sorted(
            (each for ledger in ledgers for each in ledger.parked(one, MOST)), key=lambda each: each[1].created
        )
    ]
    _listed(rows, as_json, "nothing is parked")


@deliveries.command("release")
@click.argument("message")
@by
@because
def release(message: str, by: str, because: str) -> None:
    """
    Let a parked MESSAGE go again; what followed it for the same child goes after it, in order.

    First mend what it was parked for, or it is parked again; so is what may not leave by what is said of the child. Who
    decided, when and why is put on record. Refused, with the rule, where the agreement is over, where no policy grants
    the stream any more, or where nothing is left of it.

    One that is parked as `file` waits only for another of its file: all of that file that are parked so go with it, in
    files of their own.
    """
    from hub.store.rows import FILE  # noqa: PLC0415

    ledger, lane, found, decided = _one(message, by, because)
    now, code = datetime.now(UTC), ledger.reason(lane.agency, lane.stream, found)
    _may_leave(lane, found, code, now)
    if not ledger.release(lane.agency, lane.stream, found, now, by=decided):
        raise HubError(f"{message}: is not parked any more: see `hub deliveries parked`")
    also = ", with all that were parked for another of its file" if code == FILE else ""
    click.echo(f"released: {found} goes to {lane.agency} again{also}")


@deliveries.command("give-up")
@click.argument("message")
@by
@because
def give_up(message: str, by: str, because: str) -> None:
    """
    Decide that a parked MESSAGE never goes; what followed it for the same child then does.

    What it held is erased from the ledger. Who decided, when and why is put on record.
    """
    ledger, lane, found, decided = _one(message, by, because)
    if not ledger.give_up(lane.agency, lane.stream, found, GIVEN_UP, datetime.now(UTC), by=decided):
        raise HubError(f"{message}: is not parked any more: see `hub deliveries parked`")
    click.echo(f"given up: {found} does not go to {lane.agency}")


@deliveries.command("decided")
@click.option("--json", "as_json", is_flag=True, help="Print them for programs.")
def decided_(as_json: bool) -> None:
    """Who released or gave up what, when and why; the newest first."""
    from hub.store.interventions import recorded  # noqa: PLC0415

    decided = (one for ledger in _ledgers(Settings.read()) for one in recorded(ledger.database))
    newest_first = sorted(decided, key=lambda one: one.at, reverse=True)
    found = [one._asdict() | {"at": one.at.isoformat(timespec="seconds")} for one in newest_first]
    _listed(found, as_json, "nothing was released or given up")


def _known(agency: str) -> None:
    """Raises UsageError where there is no such *agency*, lest a slip in its name be answered that all is well."""
    from hub import catalog  # noqa: PLC0415
    from hub.document import near  # noqa: PLC0415

    if agency not in (agencies := catalog.look().agencies):
        raise click.UsageError(f"no agency {agency!r}; {near(agency, agencies)}")


def _ledgers(settings: Settings) -> list[Ledger]:
    from hub.store import engine  # noqa: PLC0415
    from hub.store.ledger import Ledger  # noqa: PLC0415

    return [Ledger(engine(url)) for url in settings.ledgers]


def _one(message: str, by: str, because: str) -> tuple[Ledger, Lane, str, Reason]:
    """The one parked message that is meant, and who decides; raises HubError where that is not clear."""
    from hub.reasons import reason  # noqa: PLC0415

    decided, ledgers = reason(by, because, did="decides"), _ledgers(Settings.read())
    found = [(ledger, *one) for ledger in ledgers for one in ledger.find(message)] if message else []
    if not found:
        raise HubError("no parked message has an id that begins so: see `hub deliveries parked`")
    if len(found) > 1:
        raise HubError(f"{len(found)} parked messages have an id that begins so: write more of it")
    return *found[0], decided


def _may_leave(lane: Lane, message: str, code: str | None, now: datetime) -> None:
    """Raises HubError with the rule where a message, parked by *code*, may not leave, or nothing is left of it."""
    from hub.leave import shut  # noqa: PLC0415
    from hub.store.rows import KEPT_OVER  # noqa: PLC0415

    if code == KEPT_OVER:
        mend = "what it said is erased: tell the agency, then `hub deliveries give-up`"
        raise HubError(f"{message}: may not go to {lane.agency} any more (rule {KEPT_OVER}); {mend}")
    if (rule := shut(sound(), lane, now)) is not None:
        mend = f"see connectors/{lane.agency}/policy.yaml, or `hub deliveries give-up`"
        raise HubError(f"{message}: may not go to {lane.agency} any more (rule {rule}); {mend}")


def _listed(rows: Sequence[Mapping[str, Any]], as_json: bool, none: str) -> None:
    """One row each, or as JSON; or that there is *none*."""
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif not rows:
        console.print(none)
    else:
        table = _table(*rows[0])
        for row in rows:
            table.add_row(*map(str, row.values()))
        console.print(table)


def _table(*columns: str) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "))
    return table
