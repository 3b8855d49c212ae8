"""New: a folder for a new agency or stream, which asks, line by line, for what only its author can know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hub.catalog import Catalog, folder_of
from hub.errors import HubError
from hub.new import code, first, guides, papers, streams
from hub.new.plan import Plan, named, of_flags


def agency(catalog: Catalog, name: str, says: tuple[str, ...], hears: tuple[str, ...]) -> Iterator[str]:
    """
    Write connectors/*name*, and yield each place written.

    *says* are `LINE:FORMAT:ROAD:STREAM`, *hears* `STREAM:FORMAT:ROAD`. Raises HubError, before anything is written,
    for a name that is taken or badly spelled, and for a word that is none of those there are.
    """
    yield from planned(catalog, of_flags(catalog, name, says, hears))


def planned(catalog: Catalog, plan: Plan) -> Iterator[str]:
    """The same of a *plan*, of which more may be answered."""
    folder = fresh("connectors", plan.key)
    yield from _write(folder, files(catalog, plan), f"connectors/{plan.key}")


def files(catalog: Catalog, plan: Plan) -> Mapping[str, bytes]:
    """Everything that the folder of a plan will hold, by its place there."""
    who = (plan.name or f"TODO: one sentence: who {plan.key} are").rstrip(".")
    texts = {"__init__.py": f'"""{who}."""\n', "agency.yaml": papers.agency(plan)}
    if plan.hears:
        texts["policy.yaml"] = papers.policy(plan)
    if plan.says:
        texts["inbound.py"] = code.inbound(catalog, plan)
    if any(one.format in ("hl7", "fhir", "xml") for one in plan.hears):
        texts["outbound.py"] = code.outbound(plan)
    for line in plan.says:
        texts[f"examples/{line.name}/README.md"] = guides.said(line.name, line.format)
    for heard in plan.hears:
        texts[f"examples/{heard.stream}/README.md"] = guides.heard(heard.stream, heard.format)
    found = {place: text.encode() for place, text in texts.items()}
    for line in plan.says:
        found |= dict(first.said(line))
    for heard in plan.hears if plan.agreement else ():  # where nothing was answered, nothing could be released
        found |= dict(first.heard(catalog, heard))
    return found


def stream(catalog: Catalog, name: str) -> Iterator[str]:
    """Write schemas/*name*, and yield each place written; raises HubError where the name will not do."""
    del catalog  # the folder decides whether the name is taken
    folder = fresh("schemas", name)
    event = "".join(part.capitalize() for part in name.split("_")) + "Reported"
    made = {"__init__.py": streams.module(name, event).encode(), "examples/minimal.pass.json":
            b'{"child": {"local_id": "TODO-1"}, "happened_on": "2026-09-01"}\n',
            "examples/no_child.fail.json": b'{"happened_on": "2026-09-01"}\n'}  # fmt: skip
    yield from _write(folder, made, f"schemas/{name}")


def fresh(package: str, name: str) -> Path:
    """Where a new folder of that name goes; raises HubError where the name will not do, or is taken."""
    folder = folder_of(package) / named(name)
    if folder.exists() or folder.with_suffix(".py").exists():
        raise HubError(f"{package}/{name} is there already; choose another name, or change what is there")
    return folder


def _write(folder: Path, found: Mapping[str, bytes], place: str) -> Iterator[str]:
    for name, content in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield f"{place}/{name}"
