"""Verbs for those who work what could not be read, understood or carried: quarantine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from hub.cli.ground import because, bootstrap_of, by, console, main, sound
from hub.cli.receipts import STOPPED, counting
from hub.errors import HubError
from hub.principals import OPERATOR
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.evidence import Counting
    from hub.quarantine.ward import Entry, Wanted, Ward
    from hub.reasons import Reason

line_ = click.option("--line", default="", metavar="L", help="Only of this line of an agency.")
code_ = click.option("--code", default="", metavar="C", help="Only with this code; `csv.*` for all that begin so.")


@main.group("quarantine", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print it for programs.")
@click.pass_context
def quarantine(ctx: click.Context, as_json: bool) -> None:
    r"""
    What could not be read, understood or carried, and waits for a person: how many, from whom, and why.

    \b
      hub quarantine                                    who, which code, how many, since when
      hub quarantine list schools --code 'csv.*'        one row an item: its id, place, and what to mend
      hub quarantine show 6f1c… --by 'Ada Quill' --because 'The school asks which row it was.'
      hub quarantine replay 6f1c… --by … --because …    take it in again, by today's code and policies
      hub quarantine discard 6f1c… --by … --because …   nothing is to come of it

    What lies there is sealed with the hub's secret. `list` shows codes and places and never what was sent; `show` does,
    once it is on record who looked and why. A replay has the ids that the message would have had when it came, so
    that recipients know it again, and never happens twice. Everything done is kept for seven years on handled.v1, with
    NAME and TEXT, and without a word of the message. An item is kept for 30 days; then its sender must send it again.

    Exit code 1 where something is open that will be gone within a week. Needs Kafka, the hub's secret, and for replays
    the gateway's store (HUB_STORE_URL, or the state folder).
    """
    if ctx.invoked_subcommand is not None:
        return
    from hub import quarantine_pages as pages  # noqa: PLC0415
    from hub.quarantine.ward import Wanted  # noqa: PLC0415

    ward = ward_of()
    entries = [one for one in _read(ward, Wanted()) if one.end is None]
    now = datetime.now(UTC)
    if as_json:
        click.echo(json.dumps([
            {"who": who, "code": code, "open": number, "oldest": oldest.item.time, "newest": newest.item.time}
            for who, code, number, oldest, newest in pages.counted(entries)
        ], indent=1))  # fmt: skip
    else:
        pages.summary(console, ward, entries, now)
    _told(ward)
    sys.exit(1 if pages.ending(ward, entries, now) else 0)


@quarantine.command("list")
@click.argument("agency", default="")
@line_
@code_
@click.option("--all", "every", is_flag=True, help="Also what was replayed or discarded.")
@click.option("--json", "as_json", is_flag=True, help="Print them for programs.")
def list_(agency: str, line: str, code: str, every: bool, as_json: bool) -> None:
    r"""
    One row an item, the oldest first: id, from whom, code, place, since when, and what its sender was told to mend.

    \b
      hub quarantine list
      hub quarantine list schools --line attendance --code csv.ragged
      hub quarantine list relay --all

    Never what was sent. AGENCY is an agency's folder, or relay, or watches, for events that these could not work on.
    Exit code 1 where one of them is open and will be gone within a week.
    """
    from hub import quarantine_pages as pages  # noqa: PLC0415
    from hub.quarantine.ward import Wanted  # noqa: PLC0415

    ward, now = ward_of(), datetime.now(UTC)
    found = _read(ward, Wanted(agency=agency, line=line, code=code))
    entries = [one for one in found if every or one.end is None]
    if as_json:
        click.echo(json.dumps([_said(ward, one) for one in entries], indent=1, ensure_ascii=False))
    else:
        pages.listed(console, ward, entries, now)
    _told(ward)
    sys.exit(1 if pages.ending(ward, entries, now) else 0)


@quarantine.command("show")
@click.argument("item")
@by
@because
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write it there, for its owner only, and print none of it.")  # fmt: skip
def show(item: str, by: str, because: str, out: Path | None) -> None:
    r"""
    What was sent, and what stands at the place of the fault; ITEM is an id, or how one begins.

    \b
      hub quarantine show 6f1c --by 'Ada Quill' --because 'The school asks which row was refused.'
      hub quarantine show 6f1c --by … --because … --out row.csv

    That NAME looked, and why, is on record before anything is shown. Characters that steer a terminal are shown by
    their numbers, and what is long is cut; FILE has it to the byte. Delete FILE when you are done: nothing else will.
    What names a child whose identifiers an adoption order has closed is shown to nobody, nor what was discarded.
    """
    from hub import quarantine_pages as pages  # noqa: PLC0415
    from hub.quarantine import work  # noqa: PLC0415

    why = reason_of(by, because)
    ward = ward_of()
    with _file(out) as file:
        entry, raw = work.show(ward, item, why)
        if file is not None:
            file.write(raw)
    pages.shown(console, ward, entry, raw, content=out is None)
    if out is not None:
        console.print(f"wrote {out}")


@contextmanager
def _file(out: Path | None) -> Iterator[IO[bytes] | None]:
    """A new file for its owner only, made before anything is put on record, and gone again where nothing is shown."""
    if out is None:
        yield None
        return
    try:
        number = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise HubError(f"{out}: {error.strerror}; name a file that is not there yet") from None
    try:
        with os.fdopen(number, "wb") as file:
            yield file
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def ward_of(shown: Counting = counting) -> Ward:
    """The quarantine of the cluster; how far it has read is *shown* on a terminal."""
    from hub.identity.registry import Registry  # noqa: PLC0415
    from hub.quarantine.ward import Ward  # noqa: PLC0415
    from hub.store import engine  # noqa: PLC0415
    from hub.store.identity import SqlIndex  # noqa: PLC0415

    loaded, settings = sound(), Settings.read().acting_as(OPERATOR)
    keys, bootstrap = settings.keys(), bootstrap_of(settings)
    registry = Registry(keys, SqlIndex(engine(settings.gateway_database), keys))
    return Ward(loaded, keys, bootstrap, settings.kafka(), shown, registry)


def _read(ward: Ward, wanted: Wanted) -> list[Entry]:
    try:
        return ward.entries(wanted)
    except KeyboardInterrupt:
        click.echo("stopped: not all was read, so that nothing is said", err=True)
        sys.exit(STOPPED)


def _told(ward: Ward) -> None:
    if ward.unread:
        click.echo(f"{ward.unread} records of quarantine are no items of the hub's", err=True)


def _said(ward: Ward, entry: Entry) -> dict[str, Any]:
    item, end = entry.item, entry.end
    return {"item": item.id, "topic": item.topic, "agency": item.agency, "line": item.line, "watch": item.watch,
            "code": item.code, "place": item.place, "mend": ward.mend(item), "since": item.time, "times": entry.times,
            "kept_until": ward.keeps_until(item).isoformat(timespec="seconds"), "state": entry.state,
            "by": end.by if end else None, "at": end.at if end else None, "because": end.because if end else None,
            }  # fmt: skip


def reason_of(by: str, because: str) -> Reason:
    """Who does it and why; raises NotAnswered where that is not said."""
    from hub.reasons import reason  # noqa: PLC0415

    return reason(by, because)
