"""Verbs for those who run the hub: run, and lag."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import get_args

import click

from hub import log
from hub.cli.ground import bootstrap_of, console, main, named, sound
from hub.settings import Settings
from hub.stream import Lane

PROCESSES = ("gateway", "relay", "watches", "couriers", "canaries", "ops")


@main.command()
@click.argument("what", nargs=-1)
@click.option("--once", is_flag=True, help="Carry the files named, in memory, print what came of them, and end.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="With --once: write deliveries there.")
@click.option("--lane", type=click.Choice(get_args(Lane)), help="relay: only this lane; default both.")
def run(what: tuple[str, ...], once: bool, out: Path | None, lane: str | None) -> None:
    r"""
    Carry, until Ctrl-C: all processes together, or the one named.

    \b
      hub run                                   gateway, relay, watches, couriers and canaries, supervised
      hub run gateway                           one of them alone (gateway, relay, watches, couriers, canaries)
      hub run ops                               the web page, as `hub ops`; with HUB_RUN_OPS=on a part of `hub run`
      hub run --once mash_front_door/referrals/1.json
      hub run --once great_western_hospital/adt=admission.hl7

    With --once a file's folders say what it is (…/AGENCY/…/LINE/file), or write AGENCY/LINE=FILE.
    """
    settings = Settings.read()
    log.start(settings.log, quiet=once)
    if once:
        _once(what, out)
    elif what == ("ops",):
        from hub.cli.ops import serve as show  # noqa: PLC0415

        show(settings)
    elif not what:
        _all(settings)
    elif len(what) == 1 and what[0] in PROCESSES:
        _one(what[0], settings, lane)
    else:
        raise click.UsageError(f"{' '.join(what)}: name one of {', '.join(PROCESSES)}; for files add --once")


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
    from hub.supervise import Supervisor, on_stop  # noqa: PLC0415

    loaded, bootstrap = sound(), bootstrap_of(settings)
    admit(loaded, settings.path("live"))
    made = cluster.prepare(loaded, settings, bootstrap)
    log.note("run", "topics ready", count=len(made))
    watching = (
        *((cluster.CANARIES,) if settings.canary_seconds else ()),
        *((cluster.OPS,) if settings.run_ops else ()),
    )
    supervisor = Supervisor(settings, (*cluster.PROCESSES, *watching))
    on_stop(supervisor.stop)
    supervisor.start()
    try:
        supervisor.wait_ready(60.0, lambda name: log.note("run", "ready", process=name))
        supervisor.run()
    finally:
        supervisor.end()


def _one(process: str, settings: Settings, lane: str | None) -> None:
    from hub import cluster  # noqa: PLC0415
    from hub.supervise import announce, on_stop  # noqa: PLC0415

    loaded, bootstrap = sound(), bootstrap_of(settings)
    cluster.prepare(loaded, settings, bootstrap)
    if process == "relay":
        from hub.relaying import relay  # noqa: PLC0415

        relay(loaded, settings, bootstrap, (lane,) if lane else cluster.LANES)
        return
    if process == "canaries":
        from hub.canary.rounds import serve as watch_canaries  # noqa: PLC0415

        ended = threading.Event()
        on_stop(ended.set)
        watch_canaries(loaded, settings, bootstrap, stop=ended, ready=lambda: announce(settings, "canaries"))
        return

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        on_stop(lambda: loop.call_soon_threadsafe(stop.set))
        if process == "gateway":
            from hub import gateway  # noqa: PLC0415

            ready = lambda ports: announce(settings, "gateway", ports=dict(ports))  # noqa: E731
            await gateway.serve(loaded, settings, bootstrap, stop=stop, ready=ready)
        elif process == "watches":
            from hub.watches.process import serve as watch  # noqa: PLC0415

            await watch(
                loaded, settings.keys(), bootstrap=bootstrap, state_dir=settings.path("watches"), stop=stop,
                ready=lambda: announce(settings, "watches"), replication=settings.replication, kafka=settings.kafka(),
            )  # fmt: skip
        else:
            from hub import delivering  # noqa: PLC0415

            await delivering.serve(loaded, settings, bootstrap, stop=stop, ready=lambda: announce(settings, "couriers"))

    asyncio.run(serve())


@main.command()
@click.option("--watch", is_flag=True, help="Again every two seconds, until Ctrl-C.")
def lag(watch: bool) -> None:
    """How far each of the hub's groups is behind, by count and by the age of the oldest that waits."""
    from hub import cluster, report  # noqa: PLC0415

    settings = Settings.read()
    loaded, bootstrap = sound(), bootstrap_of(settings)
    pause = threading.Event()
    while True:
        report.lag(console, cluster.by_topic(cluster.behind(loaded, settings, bootstrap)))
        try:
            if not watch or pause.wait(2.0):
                return
        except KeyboardInterrupt:
            return
