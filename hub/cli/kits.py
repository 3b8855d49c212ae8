"""Verb for those who take partners on: consumer-kit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from hub.cli.ground import main, sound
from hub.errors import HubError
from hub.settings import Settings


@main.command("consumer-kit")
@click.argument("agency")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Write it there; default AGENCY-kit. It must be empty, or not there yet.")  # fmt: skip
@click.option("--servers", metavar="HOST:PORT,…", help="Kafka as the partner sees it; default HUB_BOOTSTRAP_SERVERS.")
@click.option("--registry", metavar="URL", help="The schema registry as the partner sees it; default "
                                                "HUB_SCHEMA_REGISTRY_URL.")  # fmt: skip
def consumer_kit(agency: str, out: Path | None, servers: str | None, registry: str | None) -> None:
    r"""
    A folder to hand to AGENCY, a partner: all that its engineers need to take delivery, and no secret.

    \b
      hub consumer-kit wiltshire_police --servers kafka.swindon.example:9093
      hub consumer-kit mash_health --servers … --registry https://registry.swindon.example:8081 --out kit

    For a partner that reads Kafka itself: settings for librdkafka, kcat and Java (by password or by certificate),
    schemas, samples, a consumer of ten lines that runs, and README.html, which explains every field. For a partner to
    which the hub delivers: samples in its own format, and README.html. Everyone in the samples is invented.

    The same policies give the same bytes. Hand over the password, the token or the certificate by another road. After
    a change of the partner's policy write the kit again: compare the folders to see what is new for it.
    """
    from hub.kit import kit  # noqa: PLC0415
    from hub.kit.connection import UNKNOWN_REGISTRY, UNKNOWN_SERVERS, Places  # noqa: PLC0415

    said = Settings.read()
    places = Places(
        servers or said.bootstrap_servers or UNKNOWN_SERVERS, registry or said.schema_registry_url or UNKNOWN_REGISTRY
    )
    made = kit(sound(), agency, places)
    folder = out or Path(f"{agency}-kit")
    _write(made, folder)
    click.echo(f"wrote {folder}: {len(made)} files; begin with {folder / 'README.html'}")
    if "consumer.py" not in made:
        click.echo(
            f"{agency} reads nothing from Kafka: the hub delivers to it, so there are samples and the page alone"
        )
        return
    for name, known, option in (("Kafka", places.servers != UNKNOWN_SERVERS, "--servers"),
                                ("the registry", places.registry != UNKNOWN_REGISTRY, "--registry")):  # fmt: skip
        if not known and (name == "Kafka" or "registry.properties" in made):
            click.echo(f"nobody said where {name} is seen from outside: the kit names an invented host; see {option}")


def _write(made: Mapping[str, bytes], folder: Path) -> None:
    """The whole folder or nothing of it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HubError(f"{folder} is there already, and not empty: name another with --out, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in made.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        fresh.chmod(0o755)
        fresh.rename(folder)  # takes the place of an empty one
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
