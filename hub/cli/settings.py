"""Verb for those who set the hub up: settings."""

from __future__ import annotations

import os
import sys

import click

from hub.cli.ground import console, main, sound
from hub.settings import Settings


@main.command()
@click.option("--said", "only_said", is_flag=True, help="Only what is said here, not what has its default.")
def settings(only_said: bool) -> None:
    r"""
    Every setting: what it is for, its default, and what is said here; exit code 1 where something is wrong.

    \b
      hub settings                  all of them
      hub settings --said           those that differ here, where partners are, what Kafka's clients are given
      env - $(cat settings.env) hub settings     a file of them, before it is used

    Wrong is a value that cannot be, a variable HUB_… that nobody reads (a slip in its name), a secret that stands in
    the environment itself, and a line by MLLP on which anybody from another machine could speak. Passwords are never
    shown, of files only their names. deploy/settings.md has it all.
    """
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from hub import environment  # noqa: PLC0415

    loaded, here = sound(), os.environ
    table = Table(title="Settings", title_justify="left", title_style="bold")
    for name in ("variable", "said here", "default", "for"):
        table.add_column(name, overflow="fold")
    for rows in (environment.settings(here), environment.endpoints(here, loaded), environment.for_kafka(here)):
        for row in rows:
            if row.said or not only_said:
                table.add_row(row.variable, escape(row.said) or "—", escape(row.default), escape(row.sentence))
    console.print(table)
    wrong = list(environment.faults(here, loaded))
    for fault in wrong:
        click.echo(fault, err=True)
    Settings.read()
    sys.exit(1 if wrong else 0)
