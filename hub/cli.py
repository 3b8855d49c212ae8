"""The command line: every verb of the hub, each said in a sentence; what it does is done elsewhere."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from rich.console import Console

from hub import __version__, log
from hub.errors import CatalogError, HubError
from hub.settings import Settings
from hub.stream import Lane

if TYPE_CHECKING:
    from hub.catalog import Catalog

console = Console(soft_wrap=True, highlight=False)
NONE_RUNS = "no Kafka: set HUB_BOOTSTRAP_SERVERS, or start a local one with `hub kafka up`"


class _Group(click.Group):
    """Turns the hub's own errors into a message and exit code 1; a traceback is for faults nobody foresaw."""

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


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hub")
def main() -> None:
    r"""
    Share information about children between agencies: only what is relevant, only to those named.

    \b
    Begin with:
      hub check                     is everything that is written here sound?
      hub run --once FILES…         what would each agency receive of these files? (no Kafka needed)
      hub kafka up                  a real Apache Kafka on this machine
      hub run                       carry: gateway, relay, watches and couriers, until Ctrl-C
      hub lag                       who is waiting for what?

    Settings come from the environment; see deploy/settings.example.env.
    """


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

    report.explanation(console, explain.explain(_catalog(), agency, stream, event, now=datetime.now(UTC)))


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


PROCESSES = ("gateway", "relay", "watches", "couriers")


@main.command()
@click.argument("what", nargs=-1)
@click.option("--once", is_flag=True, help="Carry the files named, in memory, print what came of them, and end.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="With --once: write deliveries there.")
@click.option("--lane", type=click.Choice(get_args(Lane)), help="relay: only this lane; default both.")
def run(what: tuple[str, ...], once: bool, out: Path | None, lane: str | None) -> None:
    r"""
    Carry, until Ctrl-C: all processes together, or the one named.

    \b
      hub run                                   gateway, relay, watches and couriers, supervised
      hub run gateway                           one of them alone (gateway, relay, watches, couriers)
      hub run --once mash_front_door/referrals/1.json
      hub run --once great_western_hospital/adt=admission.hl7

    With --once a file's folders say what it is (…/AGENCY/…/LINE/file), or write AGENCY/LINE=FILE.
    """
    settings = Settings.read()
    log.start(settings.log, quiet=once)
    if once:
        _once(what, out)
    elif not what:
        _all(settings)
    elif len(what) == 1 and what[0] in PROCESSES:
        _one(what[0], settings, lane)
    else:
        raise click.UsageError(f"{' '.join(what)}: name one of {', '.join(PROCESSES)}; for files add --once")


def _catalog() -> Catalog:
    """The catalog, where nothing is wrong in it that the hub would trip over."""
    from hub import catalog, check  # noqa: PLC0415

    return check.sound(catalog.look())


def _once(files: tuple[str, ...], out: Path | None) -> None:
    import secrets  # noqa: PLC0415

    from hub import once, report  # noqa: PLC0415
    from hub.keys import Keys  # noqa: PLC0415

    if not files:
        raise click.UsageError("--once wants files: hub run --once connectors/*/examples/*/*.hl7")
    loaded = _catalog()
    hub = once.Once(loaded, Keys(secrets.token_bytes(32)))
    for given in files:
        line, is_named, name = ("", "", "") if Path(given).is_file() else given.partition("=")
        path = Path(name if is_named else given)
        if not path.is_file():
            raise click.UsageError(f"{path}: no such file")
        agency, wanted = [*line.split("/", 1), ""][:2] if is_named else once.line_of(loaded, path)
        hub.give(path, agency, wanted)
    outcome = hub.deliver()
    if out is not None:
        once.write(outcome, out)
    report.outcome(console, loaded, outcome)


def _bootstrap(settings: Settings) -> str:
    from hub.local_kafka import LocalKafka  # noqa: PLC0415

    if settings.bootstrap_servers:
        return settings.bootstrap_servers
    status = LocalKafka(settings.state).status()
    if not status.running:
        raise HubError(NONE_RUNS)
    return status.bootstrap


def _all(settings: Settings) -> None:
    from hub import cluster  # noqa: PLC0415
    from hub.supervise import Supervisor, on_stop  # noqa: PLC0415

    loaded, bootstrap = _catalog(), _bootstrap(settings)
    made = cluster.prepare(loaded, settings, bootstrap)
    log.note("run", "topics ready", count=len(made))
    supervisor = Supervisor(settings, cluster.PROCESSES)
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

    loaded, bootstrap = _catalog(), _bootstrap(settings)
    cluster.prepare(loaded, settings, bootstrap)
    if process == "relay":
        from hub.relaying import relay  # noqa: PLC0415

        relay(loaded, settings, bootstrap, (lane,) if lane else cluster.LANES)
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
    loaded, bootstrap = _catalog(), _bootstrap(settings)
    pause = threading.Event()
    while True:
        report.lag(console, cluster.by_topic(cluster.behind(loaded, settings, bootstrap)))
        try:
            if not watch or pause.wait(2.0):
                return
        except KeyboardInterrupt:
            return


@main.group()
def kafka() -> None:
    """A real Apache Kafka on this machine, for work and tests, under the state folder."""


@kafka.command("up")
@click.option("--nodes", type=click.Choice(["1", "3"]), help="One broker, or a cluster of three.")
def kafka_up(nodes: str | None) -> None:
    """Fetch it once, start it, wait until it answers, and print its bootstrap address."""
    from hub.local_kafka import LocalKafka  # noqa: PLC0415

    told = lambda step: click.echo(step, err=True)  # noqa: E731
    click.echo(LocalKafka(Settings.read().state).up(int(nodes) if nodes else None, progress=told))


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

    See deploy/README.md, lost offsets, for how to choose OFFSET.
    """
    from hub import cluster  # noqa: PLC0415
    from hub.transports.kafka import seek_group  # noqa: PLC0415

    known, settings = cluster.groups(_catalog()), Settings.read()
    if topic not in known.get(group, ()):
        raise HubError(f"{group} does not read {topic}; there is: {', '.join(sorted(known))}")
    seek_group(_bootstrap(settings), group, topic, partition, offset, settings.kafka())
    click.echo(f"{group} goes on at {offset} of {topic}/{partition}")


@kafka.command("status")
def kafka_status() -> None:
    """Whether it runs, where, and in which version; exit code 1 where it does not."""
    from hub.local_kafka import LocalKafka  # noqa: PLC0415

    status = LocalKafka(Settings.read().state).status()
    state = f"{status.running} of {status.nodes} nodes run" if status.nodes else "never started here"
    click.echo(f"Apache Kafka {status.version}: {state}; {status.bootstrap or 'no address'}; {status.folder}")
    sys.exit(0 if status.running and status.running == status.nodes else 1)
