"""Verbs for those who answer for policies: policy diff, and policy approve."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from hub import log
from hub.cli.ground import bootstrap_of, console, main, named, sound
from hub.cli.previews import DAYS, STOPPED, counting, of_files
from hub.errors import HubError
from hub.principals import GOVERNANCE
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.catalog import Catalog
    from hub.policy import Policy
    from hub.reach import Reach
    from hub.versions import Base
    from hub.widening import Change


class _Unanswered(click.ClickException):
    """The question was not one, or has no answer here."""

    exit_code = 2


@main.group()
def policy() -> None:
    """What a change of policies would newly disclose, and the second person who approves it."""


@policy.command("diff")
@click.argument("base", default="HEAD")
@click.argument("files", nargs=-1)
@click.option("--files", "more", multiple=True, metavar="FILE", help="Count on these files, as `hub run --once` does.")
@click.option("--days", type=click.IntRange(1, 3650), help=f"Count on the last DAYS of Kafka's topics; default {DAYS}.")
@click.option("--json", "as_json", is_flag=True, help="Print it for programs to read.")
def diff(base: str, files: tuple[str, ...], more: tuple[str, ...], days: int | None, as_json: bool) -> None:
    r"""
    Today's policies against BASE: field by field, what each agency would newly be told, or no longer.

    \b
    BASE is a git ref (HEAD, if none is named; origin/main; v1.2), or a folder: a copy of connectors/ or of a project.
      hub policy diff                                       what I changed since the last commit
      hub policy diff origin/main                           what this branch changes
      hub policy diff HEAD --files inbox/schools/*/*.csv    … and how many events and children of FILES that touches
      hub policy diff ../as-it-was --days 30

    Whatever is not provably less counts as a widening, and needs a second person: `hub policy approve`.

    \b
    Exit code 0: no widening, or each is approved.  1: a widening that is not.  2: there is nothing to compare with.
    """
    from hub import policy_pages, versions, widening  # noqa: PLC0415

    given = (*more, *files)
    if Path(base).is_file():
        raise click.UsageError(f"{base} is a file: name BASE first, such as `hub policy diff HEAD --files {base}`")
    if given and days is not None:
        raise click.UsageError("count on files or on days, not on both")
    loaded = sound()
    try:
        before = versions.base_of(base)
    except versions.NoBase as error:
        raise _Unanswered(str(error)) from None
    found = widening.compare(before.policies, loaded.policies, loaded.streams, loaded.documents)
    wanting = widening.unapproved(before.policies, loaded.policies, loaded.streams, loaded.approvals)
    touched, of = _touched(loaded, before, found, given, days) if found else (None, "")
    for finding in before.unread:
        click.echo(
            f"{finding.place} of {before.name} cannot be read by today's rules: all of it counts as new", err=True
        )
    if as_json:
        said = {"base": before.name, "unapproved": sorted(wanting), "changes": [policy_pages.as_json(c) for c in found],
                "versions": {agency: loaded.policies[agency].version for agency in _agencies(found, loaded)},
                "reach": policy_pages.reach_as_json(touched) | {"of": of} if touched is not None else None}  # fmt: skip
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        policy_pages.changes(console, loaded, found)
        if touched is not None:
            policy_pages.reached(console, touched, of)
        _verdict(loaded, before, found, wanting)
    sys.exit(1 if wanting else STOPPED if touched is not None and touched.stopped else 0)


def _agencies(found: Sequence[Change], catalog: Catalog) -> list[str]:
    return [agency for agency in dict.fromkeys(one.agency for one in found) if agency in catalog.policies]


def _verdict(catalog: Catalog, base: Base, found: Sequence[Change], wanting: dict[str, list[Change]]) -> None:
    if not found:
        console.print(f"the policies disclose what those of {escape(base.name)} do")
        return
    for agency in dict.fromkeys(one.agency for one in found if one.widens):
        entry = catalog.approvals[agency].of(catalog.policies[agency].version) if agency not in wanting else None
        if entry is not None:
            said = escape(f"approved by {entry.approved_by} on {entry.approved_on}, proposed by {entry.proposed_by}")
            console.print(f"{agency} {catalog.policies[agency].version}: {said}")
        else:
            number = len(wanting[agency])
            more = "1 change tells" if number == 1 else f"{number} changes tell"
            version = catalog.policies[agency].version
            console.print(f"[bold]{agency} {version}: {more} more, and no second person approved it[/bold]")
            console.print(f"  → hub policy approve {agency} --by NAME --second NAME --because TEXT")
    if not wanting:
        console.print("no widening is without approval" if any(one.widens for one in found) else "nothing tells more")


def _touched(
    catalog: Catalog, base: Base, found: Sequence[Change], files: Sequence[str], days: int | None
) -> tuple[Reach | None, str]:
    """What the change touches of *files*, or of the last *days* where there is a Kafka; and of what that is."""
    from hub import happened, reach, versions  # noqa: PLC0415
    from hub.keys import Keys  # noqa: PLC0415

    agencies = {one.agency for one in found}
    old, new = (
        versions.supposing(catalog, {key: one for key, one in policies.items() if key in agencies})
        for policies in (base.policies, catalog.policies)
    )
    whole = {one.agency for one in found if not one.stream}
    names = {one.stream for one in found} | {
        stream for side in (old, new) for key, one in side.policies.items() if key in whole for stream in one.hears
    }
    streams = [stream for name, stream in catalog.streams.items() if name in names]
    keys, now = Keys(secrets.token_bytes(32)), datetime.now(UTC)
    if files:
        log.start(Settings.read().log, quiet=True)
        said = happened.in_files(new, [named(catalog, one) for one in files], streams, keys, now)
        with counting(said) as counted:
            return reach.reach(old, new, streams, counted, keys, now=now), of_files(files)
    try:
        settings = Settings.read().acting_as(GOVERNANCE)
        bootstrap = _answering(settings)
        said = happened.lately(new, streams, bootstrap, settings.kafka(), now - timedelta(days=days or DAYS))
        with counting(said) as counted:
            return reach.reach(old, new, streams, counted, keys, now=now), f"the last {days or DAYS} days"
    except HubError as error:
        if days is not None:
            raise _Unanswered(str(error)) from None
        click.echo(f"only the policies are compared, not what they touch ({error})", err=True)
        return None, ""


def _answering(settings: Settings) -> str:
    """The cluster, where one is named or runs here and answers; raises HubError where none does."""
    from hub.transports.kafka import cluster  # noqa: PLC0415

    bootstrap = bootstrap_of(settings)
    cluster(bootstrap, settings.kafka(), timeout=3.0)
    return bootstrap


@policy.command("approve")
@click.argument("agency")
@click.option("--by", required=True, metavar="NAME", help="Who wrote the change of the policy.")
@click.option("--second", required=True, metavar="NAME", help="Who else read it, and approves it.")
@click.option("--because", required=True, metavar="TEXT", help="Why it is right to tell this, in a sentence.")
def approve(agency: str, by: str, second: str, because: str) -> None:
    """
    Record beside the policy of AGENCY that a second person approved it as it stands, whatever it newly tells.

    Shows what is approved, and adds an entry to connectors/AGENCY/approvals.yaml; commit it together with the policy.
    Any later change of policy.yaml, a comment too, is another version, and no part of this approval.
    """
    from hub import countersign, policy_pages, widening  # noqa: PLC0415
    from hub.deadline import ENGLAND  # noqa: PLC0415

    loaded = sound()
    today = datetime.now(ENGLAND).date()
    shown = []
    if agency in loaded.policies:
        for title, was in _before(loaded, agency):
            old = {agency: was} if was is not None else {}
            new = {agency: loaded.policies[agency]}
            shown.append((title, widening.compare(old, new, loaded.streams, loaded.documents)))
    path = countersign.countersign(loaded, agency, by=by, second=second, because=because, on=today)
    for title, found in shown:
        policy_pages.changes(console, loaded, found, title=title)
        if not found:
            console.print(f"{agency}, {title}: nothing changed")
    console.print(f"approved {agency} {loaded.policies[agency].version}: wrote connectors/{agency}/{path.name}")


def _before(catalog: Catalog, agency: str) -> Iterator[tuple[str, Policy | None]]:
    """What an approval is shown against: the last commit, and the version that was approved last, where it is known."""
    from hub import versions  # noqa: PLC0415

    try:
        head = versions.base_of("HEAD").policies.get(agency)
    except versions.NoBase:
        yield "as a whole, since no earlier version of it is known here", None
        return
    yield "against the last commit", head
    known = catalog.approvals.get(agency)
    last = known.approved[-1].policy if known is not None and known.approved else ""
    if last and (head is None or head.version != last):
        was = versions.earlier(agency, last)
        if was is not None:
            yield f"against {last}, approved last", was
        else:
            click.echo(f"{last}, which was approved last, is not found in what git keeps", err=True)
