"""Verbs for a cluster as code: what differs from what the catalog derives, and having it so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.ground import bootstrap_of, console, main, sound
from hub.errors import HubError
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.credentials import Passwords

HELD = 3
access = click.option(
    "--open", "is_open", is_flag=True, help="A cluster that asks nobody who they are: compare topics only."
)
certificates = click.option(
    "--certificates", is_flag=True, help="Everybody is known by a certificate: nobody is to have a password."
)
acting = click.option("--as", "name", default="", metavar="PRINCIPAL", help="Who does it; default hub-deploy.")


@main.group()
def topics() -> None:
    r"""
    The cluster as code: topics, who may do what, passwords and quotas, as the catalog derives them.

    \b
    The first time, as the administrator with whom the cluster began:
      hub topics apply --as hub-admin --passwords /run/secrets/kafka
    From then on:
      hub topics plan                          what differs? 0 nothing, 1 something
      hub topics apply                         have it so; what would lose data is refused
      hub topics apply --lose old-stream.v1    … but this may go
      hub topics passwords hub-gateway         a new password for one
    """


@topics.command("plan")
@access
@certificates
@acting
@click.option("--every", is_flag=True, help="A row for each right and quota, not for each principal.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def topics_plan(is_open: bool, certificates: bool, name: str, every: bool, as_json: bool) -> None:
    r"""
    What differs between the cluster and what the catalog derives; changes nothing.

    \b
    Exit code 0: nothing differs.  1: something does.
    """
    from hub import cluster_pages, provision  # noqa: PLC0415

    settings = _settings(name)
    found = provision.Plan(
        sound(), settings, bootstrap_of(settings), access=not is_open, certificates=certificates
    ).differences
    if as_json:
        click.echo(json.dumps(provision.as_json(found), indent=2, ensure_ascii=False))
    else:
        cluster_pages.plan(console, found, every=every)
    sys.exit(1 if found else 0)


@topics.command("apply")
@access
@certificates
@acting
@click.option("--lose", multiple=True, metavar="TOPIC", help="What this topic would lose may go. May be repeated.")
@click.option("--reorder", multiple=True, metavar="TOPIC", help="The order of this topic may break. May be repeated.")
@click.option(
    "--passwords", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Where <principal>.password is written, for its owner only; default HUB_CREDENTIALS.",
)  # fmt: skip
def topics_apply(
    is_open: bool, certificates: bool, name: str, lose: tuple[str, ...], reorder: tuple[str, ...],
    passwords: Path | None,
) -> None:  # fmt: skip
    r"""
    Bring the cluster to what the catalog derives; the second time it changes nothing.

    Refused, before anything is changed, unless the topic is named by --lose: to delete a topic, to keep records for
    less long, to begin or end compaction, to forget sooner what was superseded, to acknowledge with fewer copies. By
    --reorder: more partitions, which break the order of what is said of one child. Partitions are never taken away, and
    none is added to a compacted topic or to one that a watch reads: a child's flag would lie where nobody looks for it.

    \b
    Exit code 0: the cluster is so.  1: something is left for a person to mend.  3: refused, and nothing was changed.
    """
    from hub import cluster_pages, provision  # noqa: PLC0415

    settings = _settings(name)
    plan = provision.Plan(sound(), settings, bootstrap_of(settings), access=not is_open, certificates=certificates)
    try:
        left = plan.apply(
            _passwords(settings, passwords), lambda one: cluster_pages.changed(console, one), lose=lose, reorder=reorder
        )
    except provision.Held as held:
        cluster_pages.plan(console, held.refused)
        click.echo(f"hub: {held}", err=True)
        sys.exit(HELD)
    cluster_pages.plan(console, left)
    sys.exit(1 if left else 0)


@topics.command("passwords")
@click.argument("principals", nargs=-1, required=True)
@acting
@click.option(
    "--passwords", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Where they are written, for their owner only; default HUB_CREDENTIALS.",
)  # fmt: skip
def topics_passwords(principals: tuple[str, ...], name: str, passwords: Path | None) -> None:
    """
    Give each of PRINCIPALS a new random password: on the cluster, and in its file; none is ever printed.

    Nobody can connect by the old one any more, and connections that are open go on: hand the file to whoever it
    belongs to, then start their process again. Interrupted, the same again goes on where it was.
    """
    from hub import provision  # noqa: PLC0415
    from hub.principals import ADMIN, of  # noqa: PLC0415

    settings, loaded = _settings(name), sound()
    for one in principals:
        if one != ADMIN:
            of(loaded, one)
    kept = _passwords(settings, passwords)
    if kept is None:
        raise click.UsageError("name a folder: --passwords FOLDER, or HUB_CREDENTIALS")
    provision.rotate(
        bootstrap_of(settings), settings, principals, kept, lambda done: click.echo(f"{done} has a new password")
    )


@topics.command("principals")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def topics_principals(as_json: bool) -> None:
    """Everybody whom the catalog lets onto the cluster, why, and all that each may do there; asks no cluster."""
    from hub import drift, principals  # noqa: PLC0415

    everybody = principals.principals(sound())
    if as_json:
        said = [{"name": one.name, "kind": one.kind, "because": one.because,
                 "may": sorted(map(drift.in_words, one.acls))} for one in everybody]  # fmt: skip
        click.echo(json.dumps(said, indent=2))
        return
    for one in everybody:
        click.echo(f"{one.name} ({one.kind}): {one.because}")
        for right in sorted(map(drift.in_words, one.acls)):
            click.echo(f"  {right}")


def _settings(name: str) -> Settings:
    from hub import principals  # noqa: PLC0415

    settings = Settings.read()
    if name:
        settings = settings.model_copy(update={"principal": name})
    settings = settings.acting_as(principals.DEPLOY)
    kept = settings.credentials
    if kept is not None and not (kept / f"{settings.principal}.password").exists() and (
        kept / f"{principals.ADMIN}.password"
    ).exists() and not (kept / f"{settings.principal}.pem").exists():  # fmt: skip
        raise HubError(f"{kept} has nothing of {settings.principal}; the first time add --as {principals.ADMIN}")
    return settings


def _passwords(settings: Settings, folder: Path | None) -> Passwords | None:
    from hub.credentials import Passwords  # noqa: PLC0415

    chosen = folder or settings.credentials
    return Passwords(chosen) if chosen is not None else None
