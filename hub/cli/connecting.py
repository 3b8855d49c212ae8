"""Verb for those who set up a partner's door: connect."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hub import log
from hub.cli.ground import console, main, sound
from hub.errors import HubError
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.catalog import Catalog
    from hub.connecting import Step, Way

MARKS = {True: "[green]ok[/green]  ", False: "[bold red]NO[/bold red]  ", None: "[dim]-[/dim]   "}
ASKED = frozenset({"hl7", "fhir", "json"})  # formats with a sign for a test: only for these is the question put


@main.command("connect")
@click.argument("agency")
@click.argument("stream", required=False)
@click.option("--message/--no-message", default=None,
              help="Send one synthetic message, about an invented person; default: ask on a terminal.")  # fmt: skip
@click.option("--address", default="", metavar="ADDRESS", help="One of a family of like recipients, such as a URN.")
@click.option("--json", "as_json", is_flag=True, help="Print every step for programs.")
def connect(agency: str, stream: str | None, message: bool | None, address: str, as_json: bool) -> None:
    r"""
    Try the door of AGENCY, step by step, and say in words what is wrong and what to do.

    What AGENCY hears (or one STREAM) is tried at its own door: name, connection, whose certificate and until when,
    credentials. For what it says (or one line, in place of STREAM) it tells what the gateway listens on, and goes there
    as the partner would.

    \b
      hub connect great_western_hospital
      hub connect great_western_hospital hospital_alert --message
      hub connect schools attendance
      hub connect social_worker --address SW0042 --json

    With --message a synthetic one goes to the partner and its acknowledgement is awaited. It is the first of the
    agency's own examples, all of invented people, and is marked: FHIR by the tag HTEST, HL7 v2 by T in MSH-11, JSON by
    hubsynthetic. A CSV or XML file lands in the partner's real folder without such a mark: only --message sends one.
    Nothing of what a partner answers is printed but its code.

    \b
    Exit code 0: every step that was tried went well.  1: one did not.
    """
    from hub.document import near  # noqa: PLC0415

    log.start(quiet=True)
    loaded, settings = sound(), Settings.read()
    if agency not in loaded.agencies:
        raise click.UsageError(f"no agency {agency!r}; {near(agency, loaded.agencies)}")
    known = (*loaded.agencies[agency].says, *loaded.agencies[agency].hears)
    if stream is not None and stream not in known:
        raise click.UsageError(f"{agency} neither says nor hears {stream!r}; {near(stream, known)}")

    def offer(way: Way) -> bool:
        if message is not None or as_json or way.format not in ASKED or not sys.stdin.isatty():
            return bool(message)
        return click.confirm(f"  Send {way.agency} a synthetic message, about an invented person, marked as a test?")

    failed, printed = False, []
    for way in _ways(loaded, agency, stream or ""):
        if not as_json:
            console.print(f"[bold]{way.agency} {way.verb} {way.name}[/bold], {way.format} by {way.by}")
        steps = _steps(loaded, settings, way, offer, address)
        failed = failed or any(step.ok is False for step in steps)
        printed.append({**asdict(way), "steps": [asdict(step) for step in steps]})
        if not as_json:
            for step in steps:
                _line(step)
    if as_json:
        click.echo(json.dumps(printed, indent=1, ensure_ascii=False))
    sys.exit(1 if failed else 0)


def _ways(loaded: Catalog, agency: str, wanted: str) -> list[Way]:
    from hub import connecting, doors  # noqa: PLC0415

    return list(connecting.ways(loaded.agencies[agency], wanted, doors.door_for))


def _steps(loaded: Catalog, settings: Settings, way: Way, offer: object, address: str) -> list[Step]:
    from hub import connecting, doors  # noqa: PLC0415
    from hub.connecting import listening  # noqa: PLC0415

    if way.verb == "says":
        return asyncio.run(listening.tried_line(loaded, settings, way))
    agency = loaded.agencies[way.agency]
    if way.by == "kafka":
        return asyncio.run(listening.tried_topic(loaded, settings, way))
    try:
        door = doors.door_for(agency, way.name)
        sink = doors.Sinks(settings)(agency, way.name, door)
    except (HubError, ValueError, OSError) as error:
        return [connecting.Step("settings", False, str(error), "settings", "see deploy/settings.md")]
    return asyncio.run(connecting.tried(loaded, agency, way.name, door, sink, offer, address=address))  # type: ignore[arg-type]  # an Offer


def _line(step: Step) -> None:
    from rich.markup import escape  # noqa: PLC0415

    code = f" \\[{step.code}]" if step.code else ""
    mend = f" → {step.mend}" if step.mend else ""
    console.print(f"  {MARKS[step.ok]}{step.name:16} {escape(step.found)}{code}{escape(mend)}")
