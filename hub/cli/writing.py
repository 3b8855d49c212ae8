"""Verbs for those who write streams, agencies and policies: check, sync, explain, new."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.ground import bootstrap_of, console, main, sound
from hub.errors import HubError
from hub.principals import GOVERNANCE
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.catalog import Catalog
    from hub.explain import Explanation


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
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--standing", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Suppose that this JSON is known of the child: consent, objections, seals.")  # fmt: skip
@click.option("--at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
              help="Decide at this moment, in UTC; default now.")  # fmt: skip
@click.option("--id", "event_id", default="", metavar="ID",
              help="In place of EVENT: the event of this id on Kafka, with what is known of its child.")  # fmt: skip
def explain(
    agency: str, stream: str, event: Path | None, standing: Path | None, at: datetime | None, event_id: str
) -> None:
    r"""
    What AGENCY would hear of one EVENT of STREAM, field by field and rule by rule.

    EVENT is a JSON file as in the examples: connectors/AGENCY/examples/STREAM/*.event.json. Today's policies decide;
    what was decided when the event was carried is in its receipt: `hub receipts --event ID`.

    \b
      hub explain wiltshire_police mash_referral red.event.json --standing withdrawn.standing.json
      hub explain wiltshire_police mash_referral red.event.json --at 2027-09-01
      hub explain wiltshire_police mash_referral --id 6f1c…     also where on Kafka it lies: partition and offset
    """
    from hub import explain, report  # noqa: PLC0415

    now = at.replace(tzinfo=UTC) if at is not None else datetime.now(UTC)
    if event_id:
        if event is not None or standing is not None:
            raise click.UsageError("--id takes the event, and what is known of the child, from Kafka: name no file")
        said = _on_topic(sound(), agency, stream, event_id, now)
    elif event is None:
        raise click.UsageError("name a file with the EVENT, or --id ID of one on Kafka")
    else:
        said = explain.explain(sound(), agency, stream, event, now=now, standing=standing)
    report.explanation(console, said)


def _on_topic(loaded: Catalog, agency: str, stream: str, event_id: str, now: datetime) -> Explanation:
    """The explanation of an event that lies on its topic."""
    from hub.evidence import Ledger  # noqa: PLC0415
    from hub.explain import explain_record  # noqa: PLC0415
    from hub.following import Following  # noqa: PLC0415

    settings = Settings.read().acting_as(GOVERNANCE)
    ledger = Ledger(loaded, bootstrap_of(settings), settings.kafka())
    found = ledger.lying([event_id], [stream]).get(event_id)
    if not found:
        raise HubError(f"no event {event_id} lies on the topic of {stream}; `hub receipts --event ID` names its stream")
    topic = loaded.streams[stream].topic
    for one in found:
        click.echo(f"lies on {topic}, partition {one.partition}, offset {one.offset}")
    following = Following(loaded)
    for said in ledger.standings():
        following.take(said.record)
    return explain_record(loaded, agency, stream, found[-1].record, settings.keys(), following.view, now=now)


@main.group()
def new() -> None:
    """A folder for a new agency or stream, with everything that `hub check` asks for."""


@new.command("agency")
@click.argument("name")
@click.option("--says", multiple=True, metavar="LINE:FORMAT:ROAD:STREAM", help="A line that it says.")
@click.option("--hears", multiple=True, metavar="STREAM:FORMAT:ROAD", help="A stream that it hears.")
@click.option("--ask", is_flag=True, help="Ask, also where this is no terminal.")
def new_agency(name: str, says: tuple[str, ...], hears: tuple[str, ...], ask: bool) -> None:
    r"""
    An agency's folder: connectors/NAME, by what its engineer answers, or by flags and to be filled in.

    \b
      hub new agency school_nursing
      hub new agency school_nursing --says visits:csv:files:child_demographics --hears hospital_alert:fhir:https

    On a terminal, or with --ask, it asks: what it says line by line, with a sample of invented people; what it hears;
    the agreement. It shows what it will write before it writes, and Ctrl-C leaves nothing behind. With --says or
    --hears it asks nothing. What is left to write says TODO, and `hub check` names each place.
    """
    from hub import catalog, new  # noqa: PLC0415

    look = catalog.look()
    new.fresh("connectors", name)  # before the first question
    if says or hears or not (ask or sys.stdin.isatty()):
        written = list(new.agency(look, name, says, hears))
    else:
        from hub.cli import interview  # noqa: PLC0415

        plan = interview.plan(look, name)
        found = new.files(look, plan)
        for place in ("agency.yaml", "policy.yaml", "inbound.py"):
            if place in found:
                click.echo(f"\nconnectors/{name}/{place}\n" + found[place].decode())
        others = [place for place in found if place not in ("agency.yaml", "policy.yaml", "inbound.py")]
        click.echo(f"and: {', '.join(others)}")
        if not click.confirm("Write it?", default=True):
            click.echo("nothing was written")
            return
        written = list(new.planned(look, plan))
    for place in written:
        click.echo(f"wrote {place}")
    _next(name)


def _next(name: str) -> None:
    """What is left to be done, in the order in which to do it."""
    from hub import catalog, check  # noqa: PLC0415

    today = datetime.now(UTC).date()
    findings = [one for one in check.check(catalog.look(), today) if one.place.startswith(f"connectors/{name}/")]
    click.echo("\nWhat to do next:")
    if findings:
        click.echo(f"  1. write what is still open, {len(findings)} places:")
        for one in findings:
            click.echo(f"     {one}")
    else:
        click.echo("  1. read what was written: nothing in it is open")
    click.echo(f"""  2. hub sync
  3. add examples, then have what is expected written, and read it: pytest tests/contract -k {name} --accept
  4. hub check
  5. see one message on its way: hub try {name}
  6. try the door: hub connect {name}
  7. once the agreement is signed, take `status: trial` out of connectors/{name}/agency.yaml""")


@new.command("stream")
@click.argument("name")
def new_stream(name: str) -> None:
    """A stream's folder, to be filled in: schemas/NAME."""
    from hub import catalog, new  # noqa: PLC0415

    for place in new.stream(catalog.look(), name):
        click.echo(f"wrote {place}")
    click.echo("fill in what says TODO, then: hub sync && hub check && pytest tests/contract")
