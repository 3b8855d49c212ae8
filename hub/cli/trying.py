"""Verb for those who want to see one message on its way, step by step: try."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from hub import log
from hub.agency import Road
from hub.cli.ground import console, main, named, sound

if TYPE_CHECKING:
    from hub.catalog import Catalog
    from hub.trying import Trial


@main.command("try")
@click.argument("agency")
@click.argument("file", required=False)
@click.option("--message", "number", type=click.IntRange(1), default=1, metavar="N", show_default=True,
              help="Which message, or row, of FILE; the others are left out.")  # fmt: skip
@click.option("--after", multiple=True, metavar="FILE", help="Take these files in first, such as flags of a child.")
@click.option("--stream", metavar="STREAM", help="FILE is an event of a stream that AGENCY hears.")
@click.option("--standing", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="With --stream: suppose that this JSON is known of the child.")  # fmt: skip
@click.option("--only", multiple=True, metavar="AGENCY", help="Show the decision for these agencies, and no others.")
@click.option("--door", type=click.Choice(get_args(Road)), help="Render for the door of that road, where it has one.")
@click.option("--at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
              help="Decide at this moment, in UTC; default now.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print every step for programs.")
def try_(
    agency: str, file: str | None, number: int, after: tuple[str, ...], stream: str | None, standing: Path | None,
    only: tuple[str, ...], door: str | None, at: datetime | None, as_json: bool,
) -> None:  # fmt: skip
    r"""
    One message on its way, each step from bytes to bytes: read, understood, keyed, decided, rendered.

    AGENCY says it: write AGENCY/LINE, or AGENCY alone where FILE lies in a folder of the line's name. Or AGENCY hears
    it: FILE is an event as in the examples, and --stream says of which stream.

    \b
      hub try great_western_hospital/adt admission.hl7
      hub try great_western_hospital/adt admission.hl7 --after connectors/social_care/examples/flags/plan.csv
      hub try schools/attendance register.csv --message 3 --only virtual_school
      hub try wiltshire_police --stream mash_referral red.event.json --json

    The gateway's, the relay's and the couriers' own code, in memory: no Kafka is needed, nothing is published, written
    or logged. WHAT IS PRINTED HOLDS PERSONAL DATA where FILE does. Agencies on trial are shown as if they were live.

    \b
    Exit code 0: it was understood, or rightly set aside.  1: it was refused, or could not be rendered.
    """
    from hub import trial_pages  # noqa: PLC0415

    log.start(quiet=True)
    loaded = sound()
    if file is None and Path(agency).is_file():  # its folders say whose it is
        path, agency, line = named(loaded, agency)
    else:
        path, agency, line = _named(loaded, agency, file, stream)
    now = at.replace(tzinfo=UTC) if at is not None else datetime.now(UTC)
    found = _found(loaded, path, agency, line, stream, standing, after, number, only, door or "", now)
    if as_json:
        click.echo(json.dumps(trial_pages.as_json(loaded, found), indent=1, ensure_ascii=False, default=str))
    else:
        trial_pages.trial(console, loaded, found)
    sys.exit(1 if _wrong(found) else 0)


def _named(loaded: Catalog, agency: str, file: str | None, stream: str | None) -> tuple[Path, str, str]:
    """The file, the agency and, where it says something, the line; raises what teaches how to name them."""
    from hub.document import near  # noqa: PLC0415

    agency, _, line = agency.partition("/")
    if file is None:
        raise click.UsageError(f"name a FILE: hub try {agency}/{line or 'LINE'} FILE")
    path = Path(file)
    if not path.is_file():
        raise click.UsageError(f"{path}: no such file")
    if agency not in loaded.agencies:
        raise click.UsageError(f"no agency {agency!r}; {near(agency, loaded.agencies)}")
    says, hears = loaded.agencies[agency].says, loaded.agencies[agency].hears
    if stream is not None:
        if line:
            raise click.UsageError(f"{agency}/{line} says something, and --stream is for what is heard: choose one")
        if stream not in hears:
            raise click.UsageError(f"{agency} does not hear {stream!r}; {near(stream, hears)}")
        return path, agency, ""
    if not line:
        folders = [part for part in path.absolute().parts[:-1] if part in says]
        line = folders[-1] if folders else next(iter(says)) if len(says) == 1 else ""
    if not line:
        ways = [f"{agency}/{one} FILE" for one in says] + [f"{agency} --stream {one} FILE" for one in hears]
        raise click.UsageError("\n  hub try ".join((f"what of {agency}'s is FILE? One of:", *ways)))
    if line not in says:
        what = near(line, says) if says else "it says nothing"
        raise click.UsageError(f"{agency} has no line {line!r}; {what}")
    return path, agency, line


def _found(
    loaded: Catalog, path: Path, agency: str, line: str, stream: str | None, standing: Path | None,
    after: tuple[str, ...], number: int, only: tuple[str, ...], road: str, now: datetime,
) -> Trial:  # fmt: skip
    from hub import trying  # noqa: PLC0415

    if stream is not None:
        if after or number != 1:
            raise click.UsageError(
                "--after and --message are for what an agency says; an event is one, and comes alone"
            )
        return trying.of_event(loaded, path, stream, now=now, standing=standing, only=only or (agency,), road=road)
    if standing is not None:
        raise click.UsageError("--standing goes with --stream; before a message, name the file that says it: --after")
    before = [named(loaded, one) for one in after]
    return trying.of_message(loaded, path, agency, line, now=now, number=number, before=before, only=only, road=road)


def _wrong(found: Trial) -> bool:
    from hub.inbound import Refusal  # noqa: PLC0415

    refused = found.said is not None and any(isinstance(one, Refusal) for one in found.said.outcomes)
    return refused or any(one.fault for one in found.deliveries)
