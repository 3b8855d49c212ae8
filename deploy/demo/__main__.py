"""The demo: a day of messages through the whole hub, then what each partner received and what was withheld."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import docker
from day import Sending, the_day
from partners import Receiver, drop_file, say_by_https, say_by_mllp
from rich.console import Console

from hub import catalog as catalogs
from hub import cluster, disclosure, doors, log, report, topology
from hub.avro import Codec
from hub.catalog import Catalog
from hub.errors import HubError
from hub.keys import Keys
from hub.local_kafka import LocalKafka
from hub.once import Once
from hub.settings import Settings
from hub.store import engine
from hub.store.ledger import Ledger
from hub.store.oversight import Standing
from hub.supervise import Supervisor, announced
from hub.transports.kafka import read_topic
from hub.transports.kafka.reading import Stored
from hub.transports.tls import client_context, make_local_ca, server_context

PATIENCE = 90.0
KINDS = ("events", "set_aside", "refused")
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def main() -> int:
    """Carry the day by the best transport at hand, and say which; returns the exit code."""
    state = Path(os.environ.get("HUB_DEMO_STATE", ".state/demo")).absolute()
    external = os.environ.get("HUB_BOOTSTRAP_SERVERS", "")
    _begin_anew(state, keep_secrets=bool(external))
    os.environ["HUB_STATE"] = str(state)
    log.start(quiet=True)
    try:
        if external:
            step(f"carrying on the Kafka at {external}")
            return asyncio.run(_on_kafka(Settings(), external))
        with _kafka(state) as bootstrap:
            return asyncio.run(_on_kafka(Settings(), bootstrap)) if bootstrap else _in_memory(state)
    except HubError as error:
        console.print(f"[red]the demo cannot go on:[/red] {error}")
        return 1
    except KeyboardInterrupt:
        step("stopped; nothing is left running")
        return 130


def step(text: str) -> None:
    """Say what happens now."""
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim]  {text}", soft_wrap=True)


def _begin_anew(state: Path, *, keep_secrets: bool) -> None:
    """Yesterday's demo makes way for today's; a lasting cluster needs the secret that its records were made with."""
    if (state / "kafka").exists():
        LocalKafka(state).down()
    for path in state.iterdir() if state.exists() else ():
        if path.is_dir() and not (keep_secrets and path.name == "secrets"):
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    state.mkdir(parents=True, exist_ok=True)


@contextmanager
def _kafka(state: Path) -> Iterator[str]:
    """A Kafka for the demo, from Java and Maven, else from Docker, else none: then it is said what to install."""
    local = LocalKafka(state)
    try:
        try:
            bootstrap = local.up(quick=True, progress=step)
        except HubError as error:
            step(f"[yellow]no local Kafka:[/yellow] {error}")
            with _in_docker() as bootstrap:
                yield bootstrap
            return
        step(f"Apache Kafka {local.status().version} answers at {bootstrap}")
        yield bootstrap
    finally:
        local.down()


@contextmanager
def _in_docker() -> Iterator[str]:
    engine = docker.engine()
    if engine is None:
        step("[yellow]no Docker engine either:[/yellow] carrying in memory instead; for Apache Kafka install Java 17 "
             "or newer and Maven (Debian: apt-get install openjdk-17-jre-headless maven), or start Docker")  # fmt: skip
        yield ""
        return
    with docker.kafka(engine, LocalKafka(Path()).status().version, step) as bootstrap:
        yield bootstrap


def _in_memory(state: Path) -> int:
    catalog = catalogs.load()
    hub = Once(catalog, Keys(os.urandom(32)))
    for sending in the_day(date.today()):  # noqa: DTZ011  a day of the authority's own calendar
        path = state / "inbox" / sending.agency / sending.line / sending.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sending.data)
        hub.give(path, sending.agency, sending.line)
    outcome = hub.deliver()
    from hub.once import write  # noqa: PLC0415

    write(outcome, state / "outbox")
    report.outcome(console, catalog, outcome)
    _what_next(state, on_kafka=False)
    return 0


async def _on_kafka(settings: Settings, bootstrap: str) -> int:
    catalog = catalogs.load()
    os.environ |= {"HUB_BOOTSTRAP_SERVERS": bootstrap, "HUB_HTTPS_PORT": "0", "HUB_MLLP_PORT": "0", "HUB_LOG": "json"}
    local = make_local_ca(settings.path("tls"))
    receiver = Receiver(settings.path("received"), server_context(local.server_cert, local.server_key))
    port = await receiver.start()
    os.environ |= {
        "HUB_TLS_CA": str(local.ca),
        "HUB_GREAT_WESTERN_HOSPITAL_HOSPITAL_ALERT_URL": f"https://127.0.0.1:{port}/great_western_hospital/alerts",
        "HUB_SOCIAL_WORKER_HOSPITAL_ALERT_URL": f"https://127.0.0.1:{port}/social_worker/{{address}}",
        "HUB_SOCIAL_WORKER_CPIS_ACCESS_NOTICE_URL": f"https://127.0.0.1:{port}/social_worker/{{address}}",
        "HUB_SOCIAL_CARE_NHS_NUMBER_CHANGE_URL": f"https://127.0.0.1:{port}/social_care/numbers",
        "HUB_CPIS_CPIS_FLAG_DOOR": "files",
    }
    made = await asyncio.to_thread(cluster.prepare, catalog, settings, bootstrap)
    step(f"{len(made)} topics made" if made else "every topic is there already")
    before = await asyncio.to_thread(_ends, catalog, settings, bootstrap)
    supervisor = Supervisor(settings, cluster.PROCESSES, log=settings.path("logs", "hub.log"))
    supervisor.start()
    try:
        await asyncio.to_thread(supervisor.wait_ready, PATIENCE, lambda name: step(f"{name} is ready"))
        day = list(the_day(date.today()))  # noqa: DTZ011  a day of the authority's own calendar
        await _send(settings, day, client_context(local.ca))
        await _settled(catalog, settings, bootstrap, before, day)
        await asyncio.to_thread(_tell, catalog, settings, bootstrap, before)
    finally:
        step("stopping")
        await asyncio.to_thread(supervisor.end)
        await receiver.stop()
    _what_next(settings.state, on_kafka=True)
    return 0


Ends = dict[str, dict[int, int]]


def _ends(catalog: Catalog, settings: Settings, bootstrap: str) -> Ends:
    """Where every topic ends now, so that the demo tells of its own messages only."""
    from hub.transports.kafka.clients import admin  # noqa: PLC0415
    from hub.transports.kafka.reading import END, offsets, places  # noqa: PLC0415

    client = admin(bootstrap, settings.kafka())
    found: Ends = {}
    for (topic, partition), offset in offsets(
        client, places(client, [one.name for one in topology.topics(catalog)], 20.0), END, 20.0
    ).items():
        found.setdefault(topic, {})[partition] = offset
    return found


def _since(settings: Settings, bootstrap: str, topic: str, before: Ends) -> list[Stored]:
    return list(read_topic(bootstrap, topic, settings.kafka(), start=before[topic]))


async def _send(settings: Settings, day: list[Sending], context: object) -> None:
    """Every message by its own road: MLLP, HTTPS with the agency's token, and the watched folder."""
    said = announced(settings, "gateway") or {}
    ports: dict[str, int] = dict(said["ports"])  # type: ignore[call-overload]  # written by announce()
    lines: dict[tuple[str, str], list[Sending]] = {}
    for sending in day:
        lines.setdefault((sending.agency, sending.line), []).append(sending)
    for (agency, line), sendings in sorted(lines.items(), key=lambda one: one[0][0] == "great_western_hospital"):
        bodies = [sending.data for sending in sendings]
        if f"mllp {agency}/{line}" in ports:
            await asyncio.sleep(0)
            codes = await say_by_mllp(ports[f"mllp {agency}/{line}"], bodies)
            step(f"{agency}/{line}: {len(bodies)} messages by MLLP, answered {_tally(codes)}")
        elif (settings.inbox_folder / agency / line).is_dir():
            for sending in sendings:
                drop_file(settings.inbox_folder / agency / line, sending.name, sending.data)
            await _taken(settings.inbox_folder / agency / line)
            step(f"{agency}/{line}: {len(bodies)} files dropped in its folder, taken in and put away")
        else:
            token = doors.tokens(settings, [agency])[agency]
            url = f"https://127.0.0.1:{ports['https']}/{agency}/{line}"
            statuses = await say_by_https(url, token, context, bodies)  # type: ignore[arg-type]  # an SSLContext
            step(f"{agency}/{line}: {len(bodies)} messages by HTTPS, answered {_tally(statuses)}")


def _tally(answers: list[str] | list[int]) -> str:
    return ", ".join(f"{count} x {answer}" for answer, count in Counter(answers).items())


async def _taken(folder: Path) -> None:
    """Until the gateway has put every file away."""
    deadline = time.monotonic() + PATIENCE
    while any(path.is_file() for path in folder.iterdir()):
        if time.monotonic() > deadline:
            raise HubError(f"files in {folder} were not taken in")
        await asyncio.sleep(0.1)


async def _settled(catalog: Catalog, settings: Settings, bootstrap: str, before: Ends, day: list[Sending]) -> None:
    """Until every arrival has its verdict, no group is behind and the ledger holds nothing that has to go today."""
    arrivals = sum(b"ADT^A04" in sending.data or b"ADT^A01" in sending.data for sending in day)
    alerts = catalog.streams["hospital_alert"].topic
    ledgers, started = [Ledger(engine(url)) for url in settings.ledgers], time.monotonic()
    while True:
        verdicts = len(await asyncio.to_thread(_since, settings, bootstrap, alerts, before))
        rows = await asyncio.to_thread(cluster.behind, catalog, settings, bootstrap)
        waiting = sum(row.lag for row in rows)
        rest = [one for ledger in ledgers for one in ledger.standing() if not _gathered(catalog, one)]
        open_ = sum(one.waiting + one.under_way + one.handed for one in rest)
        if verdicts >= arrivals and waiting == 0 and open_ == 0:
            step(f"everything settled {time.monotonic() - started:.1f} s after the last message")
            return
        if time.monotonic() - started > PATIENCE:
            raise HubError(f"not settled: {verdicts} of {arrivals} verdicts, {waiting} waiting, {open_} to deliver; "
                           f"see {settings.path('logs', 'hub.log')}")  # fmt: skip
        await asyncio.sleep(0.3)


def _gathered(catalog: Catalog, one: Standing) -> str:
    """How often a file is made of what goes to an agency; empty where it goes at once."""
    return doors.door_for(catalog.agencies[one.agency], one.stream).every or ""


def _tell(catalog: Catalog, settings: Settings, bootstrap: str, before: Ends) -> None:
    """The tables: what came in, what each agency got, what was withheld and why, and lag."""
    wanted = [
        disclosure.TOPIC,
        *(topology.quarantine_of(agency.key) for agency in catalog.agencies.values() if agency.says),
    ]
    with ThreadPoolExecutor(len(wanted) + 1) as threads:
        behind = threads.submit(cluster.behind, catalog, settings, bootstrap)
        read = dict(
            zip(wanted, threads.map(lambda topic: _since(settings, bootstrap, topic, before), wanted), strict=True)
        )
    counts = _taken_in(settings.path("logs", "hub.log"))
    for agency in catalog.agencies.values():
        for stored in read.get(topology.quarantine_of(agency.key), ()):
            said = dict(stored.record.headers)
            reason = f"why {said['hub_code'].decode()} {said['hub_place'].decode()}".strip()
            counts[agency.key, said["hub_line"].decode()][reason] += 1
    rows = [
        (agency.key, line, sum(counts[agency.key, line][kind] for kind in KINDS),
         counts[agency.key, line])
        for agency in catalog.agencies.values() for line in agency.says if (agency.key, line) in counts
    ]  # fmt: skip
    console.print()
    report.came_in(console, catalog, rows)
    heard: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str, str]] = Counter()
    back: Counter[tuple[str, str, str]] = Counter()
    codec = Codec(catalog.id_of(disclosure.TOPIC, disclosure.SCHEMA), disclosure.SCHEMA)
    for stored in read[disclosure.TOPIC]:
        for receipt in disclosure.receipts_of(stored.record.value or b"", codec):
            if receipt.verdict == "released":
                heard[receipt.agency, receipt.stream] += 1
                back.update((receipt.agency, receipt.stream, limit) for limit in receipt.kept_back)
            else:
                held[receipt.agency, receipt.stream, receipt.rule] += 1
    doors_used = {(agency.key, name): f"{door.format} by {door.by}" for agency in catalog.agencies.values()
                  for name in agency.hears for door in (doors.door_for(agency, name),)}  # fmt: skip
    report.got(console, catalog, heard, doors_used)
    for one in (each for url in settings.ledgers for each in Ledger(engine(url)).standing()):
        if often := _gathered(catalog, one):
            console.print(f"  {one.waiting} of {one.stream} wait in the ledger, as they should: "
                          f"{one.agency} takes one file every {often}", soft_wrap=True)  # fmt: skip
    for agency in catalog.agencies.values():
        if agency.status == "trial":
            console.print(f"  {agency.key} is on trial: nothing goes to it, and `hub preview` shows what would")
    report.withheld(console, catalog, held)
    report.kept_back(console, catalog, back)
    report.lag(console, cluster.by_topic(behind.result()))


def _taken_in(path: Path) -> defaultdict[tuple[str, str], Counter[str]]:
    """What the gateway said, in the hub's log, of each line that spoke."""
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text) if text.startswith("{") else {}
        if line.get("what") == "took in":
            counts[line["agency"], line["line"]].update(
                {kind: line[kind] for kind in ("events", "set_aside", "refused")}
            )
    return counts


def _what_next(state: Path, *, on_kafka: bool) -> None:
    """Where the delivered files are, and what to look at next."""
    shown = os.path.relpath(state)
    console.print("\n[bold]Where it lies[/bold]")
    console.print(f"  delivered files            {shown}/outbox/")
    if on_kafka:
        console.print(f"  what HTTPS partners got    {shown}/received/")
        console.print(f"  what was sent              {shown}/inbox/*/*/done/")
        console.print(f"  the hub's log              {shown}/logs/hub.log   (decisions only: look for a name in it)")
    console.print("\n[bold]What to look at next[/bold]")
    for command in (
        "hub explain wiltshire_police mash_referral "
        "connectors/wiltshire_police/examples/mash_referral/amber_with_consent.event.json",
        "hub preview mash_health connectors/mash_front_door/examples/referrals/*.json --show 1",
        "hub try virtual_school/pupils connectors/virtual_school/examples/pupils/moved_to_another_school.csv"
        "   # each step, from bytes to a school's CTF",
        "hub try cpis/access_notification connectors/cpis/examples/access_notification/a_midwife_looked.xml",
        "hub preview coram_i connectors/social_care/examples/adoptions/*.csv   # what an agency on trial would get",
        "hub notice --out .state/register   # then open notice.html",
        "hub consumer-kit wiltshire_police --out .state/kit   # what a partner is handed that reads Kafka itself",
        "cat connectors/virtual_school/policy.yaml",
    ):
        console.print(f"  .venv/bin/{command}" if command.startswith("hub") else f"  {command}", soft_wrap=True)
    if on_kafka:
        console.print(f"  export HUB_STATE={shown}   # and then of this day itself:")
        console.print("  .venv/bin/hub deliveries   # what waits to go to whom, and what is parked")
        console.print("  .venv/bin/hub connect schools pupil_in_care   # whether a partner's door is open")
        if (state / "kafka").exists():
            console.print("  .venv/bin/hub kafka up && .venv/bin/hub quarantine list   # what was refused, and where")
            console.print("  .venv/bin/hub ops   # is every partner told in time? A web page; Ctrl-C ends it")
            console.print("  .venv/bin/hub kafka down")


if __name__ == "__main__":
    sys.exit(main())
