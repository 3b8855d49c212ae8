"""The verb that says who waits for what: lag, by group, and by agency against the deadline."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from hub.cli.ground import bootstrap_of, console, main, sound
from hub.errors import HubError
from hub.principals import OPS
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.ops.picture import Picture

AGAIN_SECONDS = 2.0


@main.command()
@click.option("--watch", is_flag=True, help="Again every two seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print it for programs; with --watch one line each time.")
def lag(watch: bool, as_json: bool) -> None:
    r"""
    Who waits for what: how far each group is behind, and each agency against its deadline.

    \b
      hub lag                       groups by count, by age and how they fare; agencies against `within` of their policy
      hub lag --watch               the same every two seconds: what stands still is seen after seven
      hub lag --json | jq '.deliveries[] | select(.undelivered > 0)'
      hub lag > /dev/null || echo 'something is overdue'

    A group's waiting records lie between its committed offset and the end of what is committed, and its oldest is the
    first of them, by Kafka's clock. An agency's count from the relay to its acknowledgement, the oldest from when the
    hub took the event in. Partners that read Kafka themselves are found by their groups' names: AGENCY.…

    Exit code 1 where something is overdue or cannot be looked at, else 0. With --watch 0.
    """
    from hub.ops.observing import Observer  # noqa: PLC0415

    settings = Settings.read().acting_as(OPS)
    observer = Observer(sound(), settings, bootstrap_of(settings), kept=False)
    pause = threading.Event()
    try:
        observer.look()
        while True:
            pause.wait(AGAIN_SECONDS / 2)  # how a group fares is seen by two looks
            picture = observer.look()
            if fault := picture.faults.get("kafka"):
                raise HubError(fault)
            _print(picture, as_json, watch)
            if not watch:
                break
            pause.wait(AGAIN_SECONDS / 2)
    except KeyboardInterrupt:
        return
    finally:
        observer.close()
    if picture.overdue or any(not name.startswith("ledger") for name in picture.faults):  # one of each lane
        click.get_current_context().exit(1)


def _print(picture: Picture, as_json: bool, watch: bool) -> None:
    from hub.ops import shown  # noqa: PLC0415

    if as_json:
        said = {name: [asdict(one) for one in getattr(picture, name)]
                for name in ("groups", "readings", "deliveries", "troubles")}  # fmt: skip
        whole = {"at": picture.at, "overdue": len(picture.overdue), **said, "faults": dict(picture.faults)}
        click.echo(json.dumps(whole, indent=None if watch else 1, ensure_ascii=False, default=_plain))
        return
    if watch:
        console.clear()
    shown.lag(console, picture)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    raise TypeError(type(value).__name__)
