"""Scaffolds: a folder for a new agency or stream that asks, line by line, for what only its author can know."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from hub.agency import Format, Road
from hub.catalog import Catalog, folder_of
from hub.document import near
from hub.errors import HubError

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def agency(catalog: Catalog, name: str, says: tuple[str, ...], hears: tuple[str, ...]) -> Iterator[str]:
    """
    Write connectors/*name*, and yield each place written.

    *says* are `LINE:FORMAT:ROAD:STREAM`, *hears* `STREAM:FORMAT:ROAD`. Raises HubError, before anything is written,
    for a name that is taken or badly spelled, and for a word that is none of those there are.
    """
    lines = [_parts(one, 4, "--says LINE:FORMAT:ROAD:STREAM") for one in says]
    heard = [_parts(one, 3, "--hears STREAM:FORMAT:ROAD") for one in hears]
    if not lines and not heard:
        raise HubError("an agency says or hears something: --says LINE:FORMAT:ROAD:STREAM, --hears STREAM:FORMAT:ROAD")
    for named in (lines, heard):
        if twice := [one[0] for index, one in enumerate(named) if one[0] in [other[0] for other in named[:index]]]:
            raise HubError(f"{twice[0]!r} stands twice; name each line and each stream once")
    for form, road, stream in [one[1:] for one in lines] + [(one[1], one[2], one[0]) for one in heard]:
        for word, known, what in ((form, get_args(Format), "format"), (road, get_args(Road), "road"),
                                  (stream, tuple(catalog.streams), "stream")):  # fmt: skip
            if word not in known:
                raise HubError(f"no {what} {word!r}; {near(word, known)}")
    folder = _fresh("connectors", name)
    files = {"__init__.py": f'"""TODO: one sentence: who {name} are."""\n', "agency.yaml": _agency(name, lines, heard)}
    if heard:
        files["policy.yaml"] = _policy(heard)
    if lines:
        files["inbound.py"] = _inbound(catalog, name, lines)
    outbound = [one for one in heard if one[1] in ("hl7", "fhir")]
    if outbound:
        files["outbound.py"] = _outbound(name, outbound)
    for line, form, _road, _stream in lines:
        files[f"examples/{line}/README.md"] = _examples_said(line, form)
    for stream, form, _road in heard:
        files[f"examples/{stream}/README.md"] = _examples_heard(stream, form)
    yield from _write(folder, files, f"connectors/{name}")


def stream(catalog: Catalog, name: str) -> Iterator[str]:
    """Write schemas/*name*, and yield each place written; raises HubError where the name will not do."""
    del catalog  # the folder decides whether the name is taken
    folder = _fresh("schemas", name)
    event = "".join(part.capitalize() for part in name.split("_")) + "Reported"
    files = {"__init__.py": _stream(name, event), "examples/minimal.pass.json":
             '{"child": {"local_id": "TODO-1"}, "happened_on": "2026-09-01"}\n',
             "examples/no_child.fail.json": '{"happened_on": "2026-09-01"}\n'}  # fmt: skip
    yield from _write(folder, files, f"schemas/{name}")


def _parts(said: str, count: int, form: str) -> list[str]:
    parts = said.split(":")
    if len(parts) != count:
        raise HubError(f"{said!r}: write {form}")
    _named(parts[0])
    return parts


def _named(name: str) -> None:
    if not NAME.fullmatch(name):
        raise HubError(f"{name!r}: a name is lower case, words joined by _, such as school_nursing")
    if keyword.iskeyword(name):
        raise HubError(f"{name!r} is a word of Python's; choose another name")


def _fresh(package: str, name: str) -> Path:
    _named(name)
    folder = folder_of(package) / name
    if folder.exists() or folder.with_suffix(".py").exists():
        raise HubError(f"{package}/{name} is there already; choose another name, or change what is there")
    return folder


def _write(folder: Path, files: dict[str, str], place: str) -> Iterator[str]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        yield f"{place}/{name}"


def _agency(name: str, lines: list[list[str]], heard: list[list[str]]) -> str:
    text = ["# yaml-language-server: $schema=../agency.schema.json", f"name: TODO {name.replace('_', ' ').title()}",
            "steward: todo@example.org",
            "status: trial   # take this line out when it is to be sent real messages"]  # fmt: skip
    if lines:
        text += ["", "says:"]
        text += [f"  {line}: {{format: {form}, by: {road}, into: [{into}]}}" for line, form, road, into in lines]
    if heard:
        text += ["", "hears:"]
        for into, form, road in heard:
            columns = ", columns: {TODO: TODO}" if form == "csv" else ""
            text.append(f"  {into}: {{format: {form}, by: {road}{columns}}}")
    return "\n".join(text) + "\n"


def _policy(heard: list[list[str]]) -> str:
    text = ["# yaml-language-server: $schema=../policy.schema.json",
            "# Owned by the information-governance officer. What is not written here is not heard.",
            "agreement: TODO",
            "expires: 2026-01-01   # TODO the day the agreement ends; until then nothing is released",
            "hears:"]  # fmt: skip
    for into, _form, _road in heard:
        text += [f"  {into}:", "    because: TODO why this agency needs it, in a sentence a parent can read",
                 "    notice: TODO the section of the privacy notice (connectors/notice.yaml)",
                 "    basis: {article6: e, statute: TODO the Act and its section}", "    gate: statute",
                 "    fields: [TODO]   # see schemas/" + into,
                 "    # where, coarse, even_if: connectors/README.md", "    kept: 14 days"]  # fmt: skip
    return "\n".join(text) + "\n"


MESSAGES = {
    "csv": ("Row", "from hub.formats.csv import Row"),
    "hl7": ("Message", "from hub.formats.hl7 import Message"),
    "json": ("dict[str, Any]", ""),
}
"""What a function of inbound.py is given of each format, and what imports it."""


def _inbound(catalog: Catalog, name: str, lines: list[list[str]]) -> str:
    events = {into: catalog.streams[into].event for _line, _form, _road, into in lines}
    given = {form: MESSAGES.get(form, ("Any", "")) for _line, form, _road, _into in lines}
    functions = "".join(
        f'''

def {line}(message: {given[form][0]}) -> Iterator[Event | Query]:
    """TODO: what they call this, and what it means."""
    raise NotUnderstood("todo", "", "write connectors/{name}/inbound.py")
    yield {events[into].__name__}.model_validate({{}})  # TODO: every field, from the message
'''
        for line, form, _road, into in lines
    )
    imports = "\n".join(
        sorted(
            {
                "from hub.errors import NotUnderstood",
                "from hub.inbound import Query",
                "from hub.stream import Event",
                *(line for _kind, line in given.values() if line),
                *(f"from {one.__module__} import {one.__name__}" for one in events.values()),
            }
        )
    )
    typing = "from typing import Any\n" if any("Any" in kind for kind, _line in given.values()) else ""
    return f'''"""What {name} says: one function for each line of `says` in agency.yaml."""

from __future__ import annotations

from collections.abc import Iterator
{typing}
{imports}
{functions}'''


def _outbound(name: str, heard: list[list[str]]) -> str:
    functions = "".join(
        f'''

def {stream}_as_{form}(letter: Letter) -> Any:
    """TODO: which message of the standard, and why that one."""
    raise NotImplementedError("write connectors/{name}/outbound.py")
'''
        for stream, form, _road in heard
    )
    return f'''"""What {name} receives where a format's own rendering will not do."""

from __future__ import annotations

from typing import Any

from hub.outbound import Letter
{functions}'''


def _examples_said(line: str, form: str) -> str:
    return f"""# Examples of `{line}`

Put here, with invented people only, at least:

- `<claim>.{form}` and `<claim>.events.json`: they say this, we understand that;
- `<claim>.{form}` and `<claim>.refused.json`: `{{"code": "…", "place": "…"}}`.

`pytest tests/contract --accept` writes the second file of each pair; read it before you commit it.
"""


def _examples_heard(stream: str, form: str) -> str:
    suffix = {"fhir": "fhir.json", "avro": "avro.json"}.get(form, form)
    return f"""# Examples of what is heard of `{stream}`

Put here, with invented people only, at least:

- `<claim>.event.json` and `<claim>.{suffix}`: they receive exactly this;
- `<claim>.event.json` and `<claim>.withheld.json`: `{{"rule": "…"}}`, one for each rule that can withhold.

`pytest tests/contract --accept` writes the second file of each pair; read it before you commit it.
"""


def _stream(name: str, event: str) -> str:
    return f'''"""TODO: {name}: what happened, in words that all agencies share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hub.stream import Event, Sensitivity, Stream
from schemas.fields import Day, LocalId


class Child(Event):
    """The child it happened to."""

    local_id: Annotated[
        LocalId, Field(description="The number in the authority's case system."), Sensitivity.IDENTIFIER
    ]
    born: Annotated[Day | None, Field(description="Date of birth."), Sensitivity.PERSONAL] = None


class {event}(Event):
    """TODO: who reported what."""

    child: Annotated[Child, Field(description="The child it happened to.")]
    happened_on: Annotated[Day, Field(description="The day on which it happened."), Sensitivity.PERSONAL]


stream = Stream(
    name="{name}",
    event={event},
    key=("child.local_id",),
    # Every identifier of the child, with its kind: what was said of their consent, of an opt-out, of an adoption is
    # found by these, and by no other. `nhs_number` and `upn` too, where the event has them.
    subject=(("case_id", "child.local_id"),),
    born="child.born",
    keep="days",
    steward="TODO",
)
'''
