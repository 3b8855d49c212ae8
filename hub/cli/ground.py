"""Ground: what every verb of the command line stands on: the group, its console, the catalog and the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from hub import __version__
from hub.errors import CatalogError, HubError
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.catalog import Catalog

console = Console(soft_wrap=True, highlight=False)
NONE_RUNS = "no Kafka: set HUB_BOOTSTRAP_SERVERS, or start a local one with `hub kafka up`"


class _Group(click.Group):
    """Turns the hub's own errors into a message and exit code 1; a traceback is for faults nobody foresaw."""

    group_class = type  # groups within are of this kind too

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.help = _as_written(self.help)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.help = _as_written(cmd.help)
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CatalogError as error:
            for finding in error.findings:
                click.echo(str(finding), err=True)
            ctx.exit(1)
        except HubError as error:
            click.echo(f"hub: {error}", err=True)
            ctx.exit(1)


def _as_written(text: str | None) -> str | None:
    r"""Help whose lines stay as they are below a `\b`, which is two characters in a raw docstring and one for click."""
    return text.replace("\\b\n", "\b\n") if text else text


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hub")
def main() -> None:
    r"""
    Share information about children between agencies: only what is relevant, only to those named.

    \b
    Begin with:
      hub check                     is everything that is written here sound?
      hub run --once FILES…         what would each agency receive of these files? (no Kafka needed)
      hub try AGENCY/LINE FILE      what becomes of this one message, each step from bytes to bytes?
      hub connect AGENCY            is the partner's door open, and if not, why?
      hub policy diff               what would my change of a policy newly disclose, and to whom?
      hub kafka up                  a real Apache Kafka on this machine
      hub run                       carry: gateway, relay, watches, couriers and canaries, until Ctrl-C
      hub settings                  what is said here, and what does nobody read?
      hub lag                       who is waiting for what?
      hub ops                       the same as a web page: is every partner being told in time?
      hub backup FOLDER             what the hub alone knows, copied while it runs
      hub consumer-kit AGENCY       a folder to hand to a partner: settings, samples, a consumer, every field explained
      hub quarantine                what could not be read, and waits for a person?
      hub canary                    does each agency hear what its policy grants, and nothing else, now?

    Settings come from the environment: hub settings; deploy/settings.md has them all.
    """


by = click.option("--by", required=True, metavar="NAME", help="Who does it.")
because = click.option(
    "--because", required=True, metavar="TEXT", help="Why, in a sentence; no personal data of anyone."
)
"""With *by* what everything has that is put on record under a person's name (`hub.reasons`)."""


def sound() -> Catalog:
    """The catalog, where nothing is wrong in it that the hub would trip over."""
    from hub import catalog, check  # noqa: PLC0415

    return check.sound(catalog.look())


def named(loaded: Catalog, given: str) -> tuple[Path, str, str]:
    """A file, and the agency and line that it is read as: by its folders, or where *given* is AGENCY/LINE=FILE."""
    from hub import once  # noqa: PLC0415

    line, is_named, name = ("", "", "") if Path(given).is_file() else given.partition("=")
    path = Path(name if is_named else given)
    if not path.is_file():
        raise click.UsageError(f"{path}: no such file")
    agency, wanted = [*line.split("/", 1), ""][:2] if is_named else once.line_of(loaded, path)
    return path, agency, wanted


def bootstrap_of(settings: Settings) -> str:
    """Where the cluster is; raises HubError where none was named and no local one runs."""
    from hub.local_kafka import LocalKafka  # noqa: PLC0415

    if settings.bootstrap_servers:
        return settings.bootstrap_servers
    status = LocalKafka(settings.state).status()
    if not status.running:
        raise HubError(NONE_RUNS)
    return status.bootstrap
