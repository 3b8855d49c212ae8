"""Verbs for the local Apache Kafka: up, down, status, and a group's place."""

from __future__ import annotations

import sys

import click

from hub.cli.ground import bootstrap_of, main, sound
from hub.errors import HubError
from hub.settings import Settings


@main.group()
def kafka() -> None:
    """A real Apache Kafka on this machine, for work and tests, under the state folder."""


@kafka.command("up")
@click.option("--nodes", type=click.Choice(["1", "3"]), help="One broker, or a cluster of three.")
@click.option("--secure", is_flag=True, default=None, help="One that asks everybody who they are.")
def kafka_up(nodes: str | None, secure: bool | None) -> None:
    r"""
    Fetch it once, start it, wait until it answers, and print its bootstrap address.

    \b
    A secured one (SCRAM-SHA-512 and certificates over TLS, nothing allowed that no ACL names) begins with one
    administrator, and with what each process must be told in a file:
      hub kafka up --secure --nodes 3
      set -a; . .state/kafka/security/hub.env; set +a
      hub topics apply --as hub-admin
      hub run
    """
    from hub.local_kafka import LocalKafka  # noqa: PLC0415

    told = lambda step: click.echo(step, err=True)  # noqa: E731
    local = LocalKafka(Settings.read().state)
    bootstrap = local.up(int(nodes) if nodes else None, secure=secure, progress=told)
    if mutual := local.status().mutual:
        click.echo(f"by certificate: {mutual}", err=True)
        click.echo(f"what a process is told: {local.security.write_environment(bootstrap)}", err=True)
    click.echo(bootstrap)


@kafka.command("down")
def kafka_down() -> None:
    """Stop it; what it holds stays for the next `up`."""
    from hub.local_kafka import LocalKafka  # noqa: PLC0415

    LocalKafka(Settings.read().state).down()
    click.echo("stopped")


@kafka.command("seek")
@click.argument("group")
@click.argument("topic")
@click.argument("partition", type=int)
@click.argument("offset", type=int)
def kafka_seek(group: str, topic: str, partition: int, offset: int) -> None:
    """
    Have a stopped GROUP of the hub's go on at OFFSET of one PARTITION of TOPIC, where its offsets were lost.

    See deploy/runbook/lost-offsets.md for how to choose OFFSET. On a secured cluster it is done as the process whose
    group it is: nobody else may.
    """
    from hub import cluster, principals  # noqa: PLC0415
    from hub.doors import door_for  # noqa: PLC0415
    from hub.transports.kafka import seek_group  # noqa: PLC0415

    loaded, settings = sound(), Settings.read()
    known = cluster.groups(loaded, door_for)
    if topic not in known.get(group, ()):
        raise HubError(f"{group} does not read {topic}; there is: {', '.join(sorted(known))}")
    settings = settings.acting_as(principals.reader(loaded, group))
    seek_group(bootstrap_of(settings), group, topic, partition, offset, settings.kafka())
    click.echo(f"{group} goes on at {offset} of {topic}/{partition}")


@kafka.command("status")
def kafka_status() -> None:
    """Whether it runs, where, and in which version; exit code 1 where it does not."""
    from hub.local_kafka import LocalKafka  # noqa: PLC0415

    status = LocalKafka(Settings.read().state).status()
    state = f"{status.running} of {status.nodes} nodes run" if status.nodes else "never started here"
    click.echo(f"Apache Kafka {status.version}: {state}; {status.bootstrap or 'no address'}; {status.folder}")
    sys.exit(0 if status.running and status.running == status.nodes else 1)
