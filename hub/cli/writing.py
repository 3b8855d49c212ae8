"""Verbs for those who write streams, agencies and policies: check, sync, explain, new."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from hub.cli.ground import console, main, sound


@main.command()
def check() -> None:
    """Everything that is wrong with streams, agencies and policies, with file, line and how to mend it."""
    from hub import catalog, check  # noqa: PLC0415  each command loads only what it needs

    findings = check.check(look := catalog.look(), datetime.now(UTC).date())
    for finding in findings:
        click.echo(str(finding))
    faults = sum(not finding.warning for finding in findings)
    grants = sum(len(policy.hears) for policy in look.policies.values())
    click.echo(f"{len(look.streams)} streams, {len(look.agencies)} agencies, {grants} grants: "
               f"{faults} faults, {len(findings) - faults} warnings", err=bool(faults))  # fmt: skip
    sys.exit(1 if faults else 0)


@main.command()
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 where anything is out of date.")
def sync(only_check: bool) -> None:
    """Write what is derived: frozen schemas, topics, the schema lock, the README's table, editors' schemas."""
    from hub import catalog, check, sync  # noqa: PLC0415

    loaded = check.sound(catalog.look())
    if only_check:
        findings = list(sync.stale(loaded))
    else:
        written, findings = sync.write(loaded)
        for place in written:
            click.echo(f"wrote {place}")
    for finding in findings:
        click.echo(str(finding))
    click.echo("out of date" if findings else "everything derived is up to date", err=bool(findings))
    sys.exit(1 if findings else 0)


@main.command()
@click.argument("agency")
@click.argument("stream")
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def explain(agency: str, stream: str, event: Path) -> None:
    """
    What AGENCY would hear of one EVENT of STREAM, field by field and rule by rule.

    EVENT is a JSON file as in the examples: connectors/AGENCY/examples/STREAM/*.event.json.
    """
    from hub import explain, report  # noqa: PLC0415

    report.explanation(console, explain.explain(sound(), agency, stream, event, now=datetime.now(UTC)))


@main.group()
def new() -> None:
    """A folder for a new agency or stream, with everything that `hub check` asks for."""


@new.command("agency")
@click.argument("name")
@click.option("--says", multiple=True, metavar="LINE:FORMAT:ROAD:STREAM", help="A line that it says.")
@click.option("--hears", multiple=True, metavar="STREAM:FORMAT:ROAD", help="A stream that it hears.")
def new_agency(name: str, says: tuple[str, ...], hears: tuple[str, ...]) -> None:
    """An agency's folder, to be filled in: connectors/NAME."""
    from hub import catalog, new  # noqa: PLC0415

    for place in new.agency(catalog.look(), name, says, hears):
        click.echo(f"wrote {place}")
    click.echo("fill in what says TODO, then: hub check && hub sync && pytest tests/contract --accept")


@new.command("stream")
@click.argument("name")
def new_stream(name: str) -> None:
    """A stream's folder, to be filled in: schemas/NAME."""
    from hub import catalog, new  # noqa: PLC0415

    for place in new.stream(catalog.look(), name):
        click.echo(f"wrote {place}")
    click.echo("fill in what says TODO, then: hub sync && hub check && pytest tests/contract")
