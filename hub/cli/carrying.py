"""The verb for those who run the hub: run."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from hub import log
from hub.cli.ground import bootstrap_of, console, main, named, sound
from hub.settings import Settings
from hub.stream import Lane
from hub.supervise import LEASH

if TYPE_CHECKING:
    from hub.catalog import Catalog

PROCESSES = ("gateway", "relay", "watches", "couriers", "canaries")
LANED = ("relay", "couriers")
"""Those of which there is one for each lane."""
REGISTRY, OPS = "registry", "ops"
"""What carries nothing: the registry needs no Kafka, and only who has partners that read Avro by one wants it."""


@main.command()
@click.argument("what", nargs=-1)
@click.option("--once", is_flag=True, help="Carry the files named, in memory, print what came of them, and end.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="With --once: write deliveries there.")
@click.option("--lane", type=click.Choice(get_args(Lane)), help="relay, couriers: only this lane; default both.")
def run(what: tuple[str, ...], once: bool, out: Path | None, lane: Lane | None) -> None:
    r"""
    Carry, until Ctrl-C: all processes together, or the one named.

    \b
      hub run                                   gateway, relay, watches, couriers and canaries, supervised
      hub run gateway                           one of them alone (gateway, relay, watches, couriers, canaries)
      hub run couriers --lane urgent            of relay and couriers, what cannot wait alone
      hub run registry                          the schema registry that partners read, where they want one
      hub run ops                               the web page, as `hub ops`; with HUB_RUN_OPS=on a part of `hub run`
      hub run --once mash_front_door/referrals/1.json
      hub run --once great_western_hospital/adt=admission.hl7

    With --once a file's folders say what it is (…/AGENCY/…/LINE/file), or write AGENCY/LINE=FILE.
    """
    settings = Settings.read()
    log.start(settings.log, quiet=once)
    if once:
        _once(what, out)
    elif what == (OPS,):
        from hub.cli.ops import serve as show  # noqa: PLC0415

        show(settings)
    elif not what:
        _all(settings)
    elif what == (REGISTRY,):
        from hub.cli.processes import registry  # noqa: PLC0415

        registry(sound(), settings)
    elif len(what) == 1 and what[0] in PROCESSES:
        _one(what[0], settings, lane)
    else:
        raise click.UsageError(
            f"{' '.join(what)}: name one of {', '.join((*PROCESSES, OPS, REGISTRY))}; for files add --once"
        )


def _warned(loaded: Catalog) -> None:
    """A warning for each variable that nobody reads: a slip in a name would leave the default in force in silence."""
    from hub import environment  # noqa: PLC0415

    if LEASH not in os.environ:  # else whoever started this one has said so already
        for fault in environment.faults(os.environ, loaded):
            log.note("run", fault, level=logging.WARNING)


def _once(files: tuple[str, ...], out: Path | None) -> None:
    import secrets  # noqa: PLC0415

    from hub import once, report  # noqa: PLC0415
    from hub.keys import Keys  # noqa: PLC0415
    from hub.sync import as_synced  # noqa: PLC0415

    if not files:
        raise click.UsageError("--once wants files: hub run --once connectors/*/examples/*/*.hl7")
    loaded = as_synced(sound())
    hub = once.Once(loaded, Keys(secrets.token_bytes(32)))
    for given in files:
        hub.give(*named(loaded, given))
    outcome = hub.deliver()
    if out is not None:
        once.write(outcome, out)
    report.outcome(console, loaded, outcome)


def _all(settings: Settings) -> None:
    from hub import cluster  # noqa: PLC0415
    from hub.renewal import admit  # noqa: PLC0415
    from hub.transports.kafka.security import secured  # noqa: PLC0415

    loaded, bootstrap = sound(), bootstrap_of(settings)
    _warned(loaded)
    admit(loaded, settings.path("live"))
    if not secured(settings.kafka()):  # else each process sees to what is its own, under its own name
        made = cluster.prepare(loaded, settings, bootstrap)
        log.note("run", "topics ready", count=len(made))
    watching = (
        *((cluster.CANARIES,) if settings.canary_seconds else ()),
        *((cluster.OPS,) if settings.run_ops else ()),
    )
    _supervised(settings, (*cluster.PROCESSES, *watching))


def _supervised(settings: Settings, processes: Sequence[Sequence[str]]) -> None:
    """Run *processes*, each on its own, until Ctrl-C."""
    from hub.supervise import Supervisor, on_stop  # noqa: PLC0415

    supervisor = Supervisor(settings, processes)
    on_stop(supervisor.stop)
    supervisor.start()
    try:
        supervisor.wait_ready(60.0, lambda name: log.note("run", "ready", process=name))
        supervisor.run()
    finally:
        supervisor.end()


def _one(process: str, settings: Settings, lane: Lane | None) -> None:
    from hub import cluster, principals  # noqa: PLC0415
    from hub.cli import processes  # noqa: PLC0415
    from hub.renewal import admit  # noqa: PLC0415
    from hub.transports.kafka.security import secured  # noqa: PLC0415

    if lane is not None and process not in LANED:
        raise click.UsageError(f"--lane is for {' and '.join(LANED)}; {process} serves both lanes")
    settings = settings.acting_as(principals.of_process((process, lane) if lane else (process,)))
    loaded, bootstrap = sound(), bootstrap_of(settings)
    _warned(loaded)
    if process in LANED and lane is None:
        if process == "relay":  # each lane's own asks again, and would be started again for ever
            admit(loaded, settings.path("live"))
        if not secured(settings.kafka()):
            cluster.prepare(loaded, settings, bootstrap)
        _supervised(settings, [one for one in cluster.PROCESSES if one[0] == process])
        return
    processes.start(process, loaded, settings, bootstrap, lane)
