"""Verbs for those who answer for the sharing: notice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from hub.cli.ground import console, main, sound

if TYPE_CHECKING:
    from hub.notice.register import Register


@main.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write the three files into this folder.")
def notice(out: Path | None) -> None:
    r"""
    The public register that follows from the policies: who receives what, why, on what ground, how long.

    \b
      hub notice                    a summary, and every section of the privacy notice with what rests on it
      hub notice --out register     notice.html     a page that a parent can read; put it on any web server
                                    article30.csv   the record of processing (UK GDPR article 30)
                                    register.json   the same, for programs

    The same policies give the same bytes. To change a promise or what rests on it, edit connectors/notice.yaml.
    """
    from hub.notice.article30 import article30  # noqa: PLC0415
    from hub.notice.page import page  # noqa: PLC0415
    from hub.notice.register import register  # noqa: PLC0415

    found = register(sound(), now=datetime.now(UTC))
    if out is None:
        _summary(found)
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("notice.html", page(found).encode()),
        ("article30.csv", article30(found)),
        ("register.json", f"{json.dumps(found.as_json(), indent=2, ensure_ascii=False)}\n".encode()),
    ):
        (out / name).write_bytes(content)
        click.echo(f"wrote {out / name}")


def _summary(found: Register) -> None:
    """Who receives what, and what each section of the notice comes to."""
    table = Table(title="Who receives what", title_justify="left", title_style="bold")
    for name, right in (("agency", False), ("hears", False), ("fields", True), ("coarsened", True), ("if", False),
                        ("ground", False), ("until", False), ("kept", True)):  # fmt: skip
        table.add_column(name, justify="right" if right else "left", no_wrap=name not in ("agency", "ground"))
    for flow in found.flows:
        every = len(flow.heard) + len(flow.told) + len(flow.not_heard)
        coarse = sum(field.exactly != "in full" for field in flow.heard)
        ground = (flow.article6, flow.article9, f"Sch 1 para {flow.schedule1}" if flow.schedule1 else "")
        table.add_row(
            escape(flow.recipient), flow.subject.stream, f"{len(flow.heard)} of {every}", str(coarse or "—"), flow.gate,
            ", ".join(filter(None, ground)), flow.until if flow.state == "live" else flow.state, flow.kept,
            style=None if flow.state == "live" else "dim",
        )  # fmt: skip
    console.print(table)
    table = Table(title=f"What the privacy notice of {escape(found.notice.controller.name)} comes to",
                  title_justify="left", title_style="bold")  # fmt: skip
    table.add_column("section")
    table.add_column("what flows under it, or why nothing does")
    for entry in found.sections:
        flows = ", ".join(entry.flows)
        table.add_row(escape(entry.heading), escape(flows or entry.no_flow), style=None if flows else "dim")
    console.print(table)
    console.print(f"version {found.version}; nobody hears: {', '.join(one.stream for one in found.unheard) or '—'}")
