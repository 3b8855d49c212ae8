"""Papers: agency.yaml and policy.yaml of a plan; what was not answered says TODO."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hub.new.plan import Heard, Line, Plan


def agency(plan: Plan) -> str:
    """The text of agency.yaml."""
    name = _text(plan.name) if plan.name else f"TODO {plan.key.replace('_', ' ').title()}"
    text = ["# yaml-language-server: $schema=../agency.schema.json", f"name: {name}",
            f"steward: {plan.steward or 'todo@example.org'}",
            "status: trial   # take this line out when it is to be sent real messages"]  # fmt: skip
    if plan.says:
        text += ["", "says:", *(part for line in plan.says for part in _line(line))]
    if plan.hears:
        text += ["", "hears:", *(part for heard in plan.hears for part in _heard(heard))]
    return "\n".join(text) + "\n"


def _line(line: Line) -> Iterator[str]:
    if not line.columns and line.charset == "utf-8":
        yield f"  {line.name}: {{format: {line.format}, by: {line.road}, into: [{line.stream}]}}"
        return
    yield f"  {line.name}:"
    yield from (f"    format: {line.format}", f"    by: {line.road}", f"    into: [{line.stream}]")
    if line.columns:
        wanted = [column for column in line.columns if column in line.fills.values()] or line.columns
        yield f"    columns: [{', '.join(map(_text, wanted))}]"
    if line.charset != "utf-8":
        yield f"    charset: {line.charset}"


def _heard(heard: Heard) -> Iterator[str]:
    if heard.format != "csv" and not heard.addressed_by:
        yield f"  {heard.stream}: {{format: {heard.format}, by: {heard.road}}}"
        return
    yield f"  {heard.stream}:"
    yield from (f"    format: {heard.format}", f"    by: {heard.road}")
    if heard.addressed_by:
        yield f"    addressed_by: {heard.addressed_by}"
    if heard.format == "csv":
        yield "    columns:"
        for column, path in (heard.columns or {"TODO": "TODO"}).items():
            yield f"      {_text(column)}: {path or 'null'}"


def policy(plan: Plan) -> str:
    """The text of policy.yaml."""
    expires = (
        f"expires: {plan.expires}"
        if plan.expires is not None
        else "expires: 2026-01-01   # TODO the day the agreement ends; until then nothing is released"
    )
    text = ["# yaml-language-server: $schema=../policy.schema.json",
            "# Owned by the information-governance officer. What is not written here is not heard.",
            f"agreement: {_text(plan.agreement) if plan.agreement else 'TODO'}", expires, "hears:"]  # fmt: skip
    for heard in plan.hears:
        text += _grant(heard)
    return "\n".join(text) + "\n"


def _grant(heard: Heard) -> Iterator[str]:
    yield f"  {heard.stream}:"
    because = (
        _text(heard.because) if heard.because else "TODO why this agency needs it, in a sentence a parent can read"
    )
    yield f"    because: {because}"
    notice = _text(heard.notice) if heard.notice else "TODO the section of the privacy notice (connectors/notice.yaml)"
    yield f"    notice: {notice}"
    yield "    basis:"
    yield f"      article6: {heard.article6}"
    if heard.article9:
        yield f"      article9: {heard.article9}"
    if heard.schedule1:
        yield f"      schedule1: {heard.schedule1}"
    yield f"      statute: {_text(heard.statute) if heard.statute else 'TODO the Act and its section'}"
    yield f"    gate: {heard.gate}"
    if heard.fields:
        yield "    fields:"
        yield from (f"      - {path}" for path in heard.fields)
    else:
        yield f"    fields: [TODO]   # see schemas/{heard.stream}"
    yield "    # where, coarse, even_if: connectors/README.md"
    yield "    kept: 14 days"


def _text(said: str) -> str:
    """A piece of text as YAML: as it is where that is safe, else in quotes."""
    plain = said.replace(" ", "").replace("-", "").replace("_", "")
    return said if plain.isalnum() and plain.isascii() and not plain.isdigit() and _stays(said) else json.dumps(
        said, ensure_ascii=False
    )  # fmt: skip


def _stays(said: str) -> bool:
    """Whether YAML reads it as the text that it is, and not as a truth, a number or nothing."""
    word = said.lower()
    return word not in {"y", "n", "yes", "no", "true", "false", "on", "off", "null"} and not said[:1].isdigit()
