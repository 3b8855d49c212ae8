"""Verbs for those who must be able to begin again: backup, restore."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hub.cli.ground import bootstrap_of, main, sound
from hub.principals import OPS
from hub.settings import Settings


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--without-kafka", is_flag=True, help="Do not ask Kafka where the couriers are.")
def backup(folder: Path, without_kafka: bool) -> None:
    r"""
    Copy what the hub alone knows into the new FOLDER, while it runs.

    \b
      hub backup /backups/2026-11-26
    In it:     the SQLite stores (who acknowledged what, who is who), the policies that last held, couriers' places
    Not in it: the hub's secret and keys (keep those under another lock), Kafka's records, a store in PostgreSQL

    deploy/runbook/backup-and-restore.md says what each is for, and how often.
    """
    from hub import backup as backups  # noqa: PLC0415

    settings = Settings.read().acting_as(OPS)
    made = backups.backup(settings, folder) if without_kafka else backups.backup(
        settings, folder, sound(), bootstrap_of(settings))  # fmt: skip
    for name in made.files:
        click.echo(f"copied {name}")
    click.echo(f"{len(made.files)} files and {made.places} places in Kafka are in {made.folder}")
    if made.elsewhere:
        click.echo(made.elsewhere, err=True)


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--places", is_flag=True, help="Only have the couriers go on in Kafka where they were at the backup.")
def restore(folder: Path, places: bool) -> None:
    r"""
    Put back what `hub backup` copied into FOLDER; the hub is stopped, and nothing is written over.

    \b
      hub restore /backups/2026-11-26             the stores and policies, into the state folder
      hub restore /backups/2026-11-26 --places    then the couriers' places, once Kafka runs

    Without --places what couriers had taken in between backup and loss, and not yet delivered, stays undelivered.
    With it some messages go out again, under the ids that they had.
    """
    from hub import backup as backups  # noqa: PLC0415

    settings = Settings.read()
    if places:
        hindered = 0
        for place, why in backups.rewind(settings, bootstrap_of(settings), backups.places_of(folder), sound()):
            hindered += bool(why)
            said = f"not set: {why}" if why else f"goes on at {place.offset}"
            click.echo(f"{place.group} {said} of {place.topic}/{place.partition}", err=bool(why))
        sys.exit(1 if hindered else 0)
    held = backups.restore(settings, folder)
    click.echo(f"restored into {settings.path()}; the hub's secret must be the one of then")
    if held:
        click.echo(f"now the couriers' places, before anything starts: hub restore {folder} --places")
