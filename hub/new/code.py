"""Code: inbound.py and outbound.py of a plan: a table where its columns were mapped, else functions to be written."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hub.catalog import Catalog
from hub.new.plan import Line, Plan
from hub.stream import Stream

MESSAGES = {
    "csv": ("Row", "from hub.formats.csv import Row"),
    "hl7": ("Message", "from hub.formats.hl7 import Message"),
    "json": ("dict[str, Any]", ""),
    "xml": ("Element", "from hub.formats.xml import Element"),
}
"""What a function of inbound.py is given of each format, and what imports it."""


def inbound(catalog: Catalog, plan: Plan) -> str:
    """The text of inbound.py."""
    streams = {line.stream: catalog.streams[line.stream] for line in plan.says}
    given = {line.format: MESSAGES.get(line.format, ("Any", "")) for line in plan.says}
    stubs = [line for line in plan.says if not line.as_event and not line.fills]
    tables = [line for line in plan.says if line.fills]
    imports = {
        "from hub.inbound import Query",
        "from hub.stream import Event",
        *(line for _kind, line in given.values() if line),
        *(f"from {one.event.__module__} import {one.event.__name__}" for one in streams.values()),
        *(["from hub.errors import NotUnderstood"] if stubs else []),
        *(["from hub.table import Table"] if tables else []),
    }
    typing = "from typing import Any\n" if any("Any" in kind for kind, _line in given.values()) else ""
    made = "".join("\n".join(_table(line, streams[line.stream])) + "\n" for line in tables)
    functions = "".join(
        "\n\n" + "\n".join(_function(line, streams[line.stream], given[line.format][0], plan.key)) + "\n"
        for line in plan.says
    )
    who = _quoted(plan.name).rstrip(".") or plan.key
    return f'''"""What {who} says: one function for each line of `says` in agency.yaml."""

from __future__ import annotations

from collections.abc import Iterator
{typing}
{chr(10).join(sorted(imports))}
{made}{functions}'''


def _table(line: Line, stream: Stream) -> Iterator[str]:
    yield ""
    yield f"{line.name.upper()} = Table("
    yield f"    {stream.event.__name__},"
    yield "    {"
    for path, column in line.fills.items():
        yield f"        {json.dumps(path)}: {json.dumps(column, ensure_ascii=False)},"
    for path in unfilled(line, stream):
        yield f"        # TODO {path}: the event needs it, and no column fills it; give it its value below"
    yield "    },"
    yield ")"


def unfilled(line: Line, stream: Stream) -> list[str]:
    """The fields that an event of *stream* cannot do without, and that no column of *line* fills."""
    facts = list(stream.facts())
    optional = [fact.path for fact in facts if fact.optional or fact.repeated]

    def needed(path: tuple[str, ...]) -> bool:
        above = [one for one in optional if path[: len(one)] == one and one != path]
        return all(any(name.split(".")[: len(one)] == list(one) for name in line.fills) for one in above)

    return [
        fact.name
        for fact in facts
        if fact.record is None and not fact.optional and not fact.repeated and fact.name not in line.fills
        and needed(fact.path) and not _has_default(stream, fact.path)
    ]  # fmt: skip


def _has_default(stream: Stream, path: tuple[str, ...]) -> bool:
    from hub.stream import unwrap  # noqa: PLC0415

    model = stream.event
    for part in path[:-1]:
        model = unwrap(model.model_fields[part].annotation)[0]
    return not model.model_fields[path[-1]].is_required()


def _function(line: Line, stream: Stream, kind: str, key: str) -> Iterator[str]:
    row = "row" if line.fills else "message"
    yield f"def {line.name}({row}: {kind}) -> Iterator[Event | Query]:"
    yield f'    """{_quoted(line.called) if line.called else "TODO: what they call this, and what it means."}"""'
    if line.fills:
        yield f"    yield from {line.name.upper()}.event(row)"
    elif line.as_event:
        yield f"    yield {stream.event.__name__}.model_validate(message)"
    else:
        yield f'    raise NotUnderstood("todo", "", "write connectors/{key}/inbound.py")'
        yield f"    yield {stream.event.__name__}.model_validate({{}})  # TODO: every field, from the message"


def _quoted(said: str) -> str:
    """*said* so that it can stand in a docstring, as a sentence."""
    plain = said.replace("\\", "/").replace('"', "'").strip()
    return plain if not plain or plain.endswith((".", "?")) else f"{plain}."


def outbound(plan: Plan) -> str:
    """The text of outbound.py, for the formats that have no rendering of their own."""
    functions = "".join(
        f'''

def {one.stream}_as_{one.format}({"letters: Sequence[Letter], run: Run" if one.format == "xml" else "letter: Letter"}) -> {"Made" if one.format == "xml" else "Any"}:
    """TODO: which message of the standard, and why that one."""
    raise NotImplementedError("write connectors/{plan.key}/outbound.py")
'''  # noqa: E501  the signature is one line of what is written
        for one in plan.hears
        if one.format in ("hl7", "fhir", "xml")
    )
    xml = any(one.format == "xml" for one in plan.hears)
    letters = any(one.format in ("hl7", "fhir") for one in plan.hears)
    imports = "from collections.abc import Sequence\n" if xml else ""
    imports += "from typing import Any\n" if letters else ""
    names = ", ".join(["Letter", *(["Made", "Run"] if xml else [])])
    return f'''"""What {plan.key} receives where a format's own rendering will not do."""

from __future__ import annotations

{imports}
from hub.outbound import {names}
{functions}'''
