"""Derived files: what the catalog implies, written down so that a reviewer sees the consequence of a change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from hub import disclosure, settings_reference, topology
from hub.agency import Agency
from hub.avro import granted_schemas, schema_of
from hub.catalog import Catalog, folder_of
from hub.deadline import Calendar
from hub.document import Finding
from hub.policy import Policy, cite
from hub.promises import Notice
from hub.schema_lock import FILE, undocumented

BEGIN, END = "<!-- who hears what: derived by `hub sync` -->", "<!-- end of who hears what -->"
PAGES = ("<!-- pages of alerts: derived by `hub sync` -->", "<!-- end of pages of alerts -->")
HEADER = "# Derived by `hub sync` from schemas/ and connectors/: change those, not this.\n"


class Derived(NamedTuple):
    """One derived file: where it lies, how messages name it, and what it must say."""

    path: Path
    place: str
    text: str


def derived(catalog: Catalog) -> Iterator[Derived]:
    """Every derived file of *catalog*; those outside the packages only where this is a checkout."""
    schemas, connectors, topics = (folder_of(name) for name in ("schemas", "connectors", "topics"))
    for stream in catalog.streams.values():
        name = f"v{stream.version}.avsc"
        text = json.dumps(schema_of(stream), indent=2, ensure_ascii=False) + "\n"
        yield Derived(schemas / stream.name / name, f"schemas/{stream.name}/{name}", text)
    yield Derived(topics / FILE, f"topics/{FILE}", catalog.lock.with_subjects(subjects(catalog)).text())
    for stream in catalog.streams.values():
        entries = [one for one in topology.topics(catalog) if one.name.startswith(stream.topic)]
        text = HEADER + yaml.safe_dump({one.name: _said(one) for one in entries}, sort_keys=False, allow_unicode=True)
        yield Derived(topics / f"{stream.name}.yaml", f"topics/{stream.name}.yaml", text)
    for model, name in ((Agency, "agency"), (Policy, "policy"), (Notice, "notice"), (Calendar, "calendar")):
        text = json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
        yield Derived(connectors / f"{name}.schema.json", f"connectors/{name}.schema.json", text)
    root = connectors.parent
    if (root / "pyproject.toml").exists():
        readme = root / "README.md"
        if readme.exists():
            yield Derived(readme, "README.md", with_block(readme.read_text(encoding="utf-8"), who_hears_what(catalog)))
        index = root / "deploy" / "runbook" / "README.md"
        if index.exists():
            text = with_block(index.read_text(encoding="utf-8"), pages_of_alerts(index.parent), *PAGES)
            yield Derived(index, "deploy/runbook/README.md", text)
        for place, text in (
            ("deploy/settings.example.env", settings_reference.example()),
            ("deploy/settings.md", settings_reference.page(catalog)),
        ):
            yield Derived(root / place, place, text)


def subjects(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """The schema of each topic that carries Avro."""
    wanted = {disclosure.TOPIC: disclosure.SCHEMA}
    for stream in catalog.streams.values():
        wanted[stream.topic] = schema_of(stream)
        for agency, policy in catalog.policies.items():
            if stream.name in policy.hears:
                wanted[stream.topic_to(agency)] = granted_schemas(stream, policy.hears[stream.name])[1]
    return wanted


def as_synced(catalog: Catalog) -> Catalog:
    """*catalog* as it will be once `hub sync` has written its lock, so that a draft can be tried before."""
    return replace(catalog, lock=catalog.lock.with_subjects(subjects(catalog)))


def stale(catalog: Catalog) -> Iterator[Finding]:
    """
    A finding for each derived file that does not say what it should, for each frozen schema that moved, and for
    what was derived from a stream that is gone.
    """
    for path in sorted(folder_of("topics").glob("*.yaml")):
        if path.stem not in catalog.streams and path.name not in ("keeping.yaml", "quotas.yaml"):
            yield Finding(f"topics/{path.name}", 1, f"there is no stream {path.stem!r}", "delete it")
    for one in derived(catalog):
        have = one.path.read_text(encoding="utf-8") if one.path.exists() else None
        if have == one.text:
            continue
        if moved(one, have):
            yield Finding(
                one.place,
                1,
                "is frozen, and the model says something else now",
                "add fields that may be absent only, or raise `version` in the Stream and run `hub sync`",
            )
        else:
            what = "is missing" if have is None else "is out of date"
            yield Finding(one.place, 1, what, "run `hub sync` and read what changed")


def moved(one: Derived, have: str | None) -> bool:
    """Whether a frozen schema differs from its model in more than its sentences and what was added to it."""
    if have is None or not one.place.endswith(".avsc"):
        return False
    try:
        return not grown(undocumented(json.loads(have)), undocumented(json.loads(one.text)))
    except ValueError:
        return True


def grown(frozen: Any, now: Any) -> bool:
    """
    Whether *now* is *frozen*, with at most some more fields that may be absent.

    Such a field is null in every event of before (Avro's schema resolution), and no grant names it until somebody
    writes that it does.
    """
    if isinstance(frozen, list) and isinstance(now, list):
        return len(frozen) == len(now) and all(map(grown, frozen, now))
    if not (isinstance(frozen, dict) and isinstance(now, dict) and "fields" in frozen and "fields" in now):
        if isinstance(frozen, dict) and isinstance(now, dict) and "items" in frozen and "items" in now:
            return grown(frozen["items"], now["items"]) and _beside(frozen, "items") == _beside(now, "items")
        return bool(frozen == now)
    before = {field["name"]: field for field in frozen["fields"]}
    kept = [field for field in now["fields"] if field["name"] in before]
    added = [field for field in now["fields"] if field["name"] not in before]
    return (
        _beside(frozen, "fields") == _beside(now, "fields")
        and [field["name"] for field in kept] == list(before)
        and all(grown(before[field["name"]]["type"], field["type"]) for field in kept)
        and all(_beside(before[field["name"]], "type") == _beside(field, "type") for field in kept)
        and all(field.get("default", ...) is None for field in added)
    )


def _beside(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != name}


def write(catalog: Catalog) -> tuple[list[str], list[Finding]]:
    """Write what is out of date; returns the places written and what could not be, because it is frozen."""
    written, kept = [], []
    for one in derived(catalog):
        have = one.path.read_text(encoding="utf-8") if one.path.exists() else None
        if have == one.text:
            continue
        if moved(one, have):
            kept += [finding for finding in stale(catalog) if finding.place == one.place]
            continue
        one.path.write_text(one.text, encoding="utf-8")
        written.append(one.place)
    return written, kept


def _said(topic: topology.Topic) -> dict[str, Any]:
    """A topic without what it does not say."""
    said = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(topic).items()}
    return {key: value for key, value in said.items() if key != "name" and value not in ("", [], False)}


def who_hears_what(catalog: Catalog) -> str:
    """The README's table: who hears which stream, through which gate, on what ground, how, and until when."""
    rows = ["| agency | hears | if | fields | as | on the ground of | until |", "|---|---|---|---|---|---|---|"]
    for agency in catalog.agencies.values():
        policy = catalog.policies.get(agency.key)
        for stream, grant in policy.hears.items() if policy is not None else ():
            only = "; ".join(f"{path} is {' or '.join(map(str, values))}" for path, values in grant.where.items())
            fields = ", ".join((*grant.fields, *(f"{path} as {word}" for path, word in grant.coarse.items())))
            hearing = agency.hears.get(stream)
            doors = " or ".join(f"{door.format} by {door.by}" for door in hearing.doors) if hearing else "—"
            gate = f"{grant.gate}{': ' + only if only else ''}"
            until = "on trial: nothing is sent" if agency.status == "trial" else policy.expires if policy else ""
            rows.append(f"| {agency.name} | {stream} | {gate} | {fields} | {doors} | {cite(grant)} | {until} |")
    return "\n".join(rows)


def pages_of_alerts(folder: Path) -> str:
    """The runbook's list of its pages about alerts, named for what alerts (`group.stopped.md`), by heading."""
    rows = ["| page | says |", "|---|---|"]
    for page in sorted(folder.glob("*.*.md")):
        heading = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        rows.append(f"| [{page.name}]({page.name}) | {heading} |")
    return "\n".join(rows)


def with_block(text: str, block: str, start: str = BEGIN, stop: str = END) -> str:
    """*text* with what stands between the two markers replaced; unchanged where it has none."""
    head, begin, rest = text.partition(start)
    _, end, tail = rest.partition(stop)
    return f"{head}{begin}\n{block}\n{end}{tail}" if begin and end else text
