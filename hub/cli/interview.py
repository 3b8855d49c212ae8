"""Interview: what a partner's engineer and the governance officer are asked of a new agency; it writes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import click

from hub.catalog import Catalog
from hub.check.agencies import LISTENED_ON, READ
from hub.cli import agreement, asking
from hub.errors import HubError
from hub.new import first, suggesting
from hub.new.plan import CHARSETS, Heard, Line, Plan, named
from hub.stream import Stream

FORMATS = {
    "hl7": "HL7 v2 messages with | and ^, as hospitals' engines send them",
    "fhir": "FHIR resources, as JSON, by a standard of the NHS",
    "csv": "a table with a heading line, as spreadsheets write it",
    "xml": "XML documents of a published standard",
    "json": "JSON objects",
    "avro": "Avro records on Kafka, with the hub's own schemas",
}
ROADS = {
    "mllp": "a TCP connection that stays, HL7's own way of framing",
    "https": "one POST a message, with a bearer token",
    "files": "files in a folder, such as a mounted share",
    "sftp": "files on an SFTP server",
    "mesh": "files by the NHS's MESH, from mailbox to mailbox",
    "kafka": "they read a topic of the hub's Kafka themselves",
}
NO_ROAD = {"mllp": ("csv", "xml", "json", "fhir", "avro"), "kafka": ("csv", "xml", "hl7", "fhir")}
_EMAIL = re.compile(r"\S+@\S+\.\S+")


def plan(catalog: Catalog, key: str) -> Plan:
    """Every answer; Ctrl-C ends it, and nothing was written."""
    click.echo(f"A new agency: connectors/{key}. Ctrl-C stops, and nothing is written before the end.\n")
    name = asking.text("The service's name, as its letterhead has it", default=key.replace("_", " ").title())
    steward = asking.text("Whom to write to when it does not work (e-mail)", valid=_email)
    says = tuple(_lines(catalog)) if asking.yes("\nDoes it tell the hub anything?", default=None) else ()
    hears = tuple(_heard(catalog)) if asking.yes("\nDoes it hear anything from the hub?", default=None) else ()
    if not says and not hears:
        raise HubError("an agency says or hears something; nothing was written")
    found = Plan(key, name, steward, says, hears)
    if not hears:
        return found
    click.echo("\nThe agreement. What it does not name is not heard.")
    reference = asking.text("Its reference, such as ISA-2026-011")
    expires = asking.day("Its last day (YYYY-MM-DD)")
    granted = tuple(agreement.granted(catalog, one) for one in hears)
    return replace(found, hears=granted, agreement=reference, expires=expires)


def _email(said: str) -> str:
    if not _EMAIL.fullmatch(said):
        raise HubError("write an e-mail address")
    return said


def _streams(catalog: Catalog) -> Mapping[str, str]:
    return {stream.name: agreement.sentence(stream) for stream in catalog.streams.values()}


def _lines(catalog: Catalog) -> Iterator[Line]:
    taken: list[str] = []
    while True:
        line = _line(catalog, taken)
        taken.append(line.name)
        yield line
        if not asking.yes("\nDoes it tell anything else?"):
            return


def _line(catalog: Catalog, taken: list[str]) -> Line:
    called = asking.text("What do they call it, in a sentence")
    short = "_".join(re.findall(r"[a-z0-9]+", called.lower())[:2]).lstrip("0123456789_") or "line"

    def free(said: str) -> str:
        if said in taken:
            raise HubError(f"{said!r} stands twice; name each line once")
        return named(said)

    name = asking.text("A short name for it, lower case", default=short, valid=free)
    form = asking.one("In which format?", {one: FORMATS[one] for one in READ})
    road = asking.one("By which road?", _roads(form, LISTENED_ON))
    into = asking.one("Which stream does it become?", _streams(catalog))
    charset = asking.one("What do its bytes mean where they do not say?", dict.fromkeys(CHARSETS, ""), "utf-8")
    line = Line(name, form, road, into, called, charset, sample=_sample(form, charset))
    stream = catalog.streams[into]
    if form == "csv":
        return _mapped(replace(line, columns=_columns(line)), stream)
    if form == "json" and asking.yes(f"Are its objects the events of {into}, by the hub's own field names?"):
        return replace(line, as_event=True)
    return line


def _roads(form: str, able: tuple[str, ...]) -> Mapping[str, str]:
    return {road: ROADS[road] for road in able if form not in NO_ROAD.get(road, ())}


def _sample(form: str, charset: str) -> bytes:
    click.echo("\nA sample makes the first example. It is kept in the repository: INVENTED PEOPLE ONLY.")

    def read(said: str) -> str:
        if said != asking.NONE:
            data = first.sample(Path(said))
            if form == "csv":
                first.headings(data, charset)
        return said

    said = asking.text(f"A sample file ({form}), or - for none", default=asking.NONE, valid=read)
    if said == asking.NONE:
        return b""
    if not asking.yes("Are all people in it invented?"):
        click.echo("Then nothing of it is kept but its headings.")
        return first.sample(Path(said)).split(b"\n")[0] + b"\n" if form == "csv" else b""
    return first.sample(Path(said))


def _columns(line: Line) -> tuple[str, ...]:
    if line.sample:
        found = first.headings(line.sample, line.charset)
        click.echo(f"Its columns: {', '.join(found)}")
        return found
    return first.headings(asking.text("Paste its heading line", valid=_heading).encode())


def _heading(said: str) -> str:
    """A heading line that the gateway could read; what it says against one is an answer too."""
    first.headings(said.encode())
    return said


def _mapped(line: Line, stream: Stream) -> Line:
    """*line* with the field that each column fills; a field is filled once."""
    facts = suggesting.leaves(stream)
    known, fills = {fact.name: fact for fact in facts}, dict[str, str]()
    click.echo(f"\nWhich field of {stream.name} does each column fill? - for none. There is:")
    _list(stream)
    for column in line.columns:
        left = [fact for fact in facts if fact.name not in fills]

        def free(said: str, left: list[str] = [fact.name for fact in left]) -> str:  # noqa: B006  never changed
            if said != asking.NONE and said not in left:
                raise HubError(f"no field {said!r} that is free; {_near(said, known)}")
            return said

        guess = suggesting.field_of(column, left) or asking.NONE
        path = asking.text(f"{column} fills", default=guess, valid=free)
        if path != asking.NONE:
            fills[path] = column
    sample = line.sample if line.sample.strip().count(b"\n") else b""  # a heading alone is no example
    return replace(line, fills=fills, sample=sample)


def _near(said: str, known: Mapping[str, object]) -> str:
    from hub.document import near  # noqa: PLC0415

    return near(said, known)


def _list(stream: Stream) -> None:
    for fact in suggesting.leaves(stream):
        needed = "" if fact.optional else ", needed"
        click.echo(f"  {fact.name}  {fact.sentence} ({fact.sensitivity or 'open'}{needed})")


def _heard(catalog: Catalog) -> Iterator[Heard]:
    wanted = asking.some("Which streams does it hear?", _streams(catalog), {})
    for name in wanted:
        stream = catalog.streams[name]
        form = asking.one(f"{name}: in which format?", FORMATS)
        able = ("kafka",) if form == "avro" else ("https", "mllp", "files", "sftp", "mesh", "kafka")
        road = asking.one(f"{name}: by which road?", _roads(form, able))
        columns = dict(_filled(stream)) if form == "csv" else {}
        whom = _family(stream)
        yield Heard(name, form, road, columns, whom)


def _filled(stream: Stream) -> Iterator[tuple[str, str | None]]:
    """The partner's columns in its order, each with the field that fills it, or none."""
    facts = suggesting.leaves(stream)
    known = {fact.name: fact for fact in facts}
    pasted = asking.text("Paste the heading line that it takes, in its order", valid=_heading)
    headings = first.headings(pasted.encode())
    click.echo(f"Which field of {stream.name} fills each column? - for a column left empty. There is:")
    _list(stream)

    def there(said: str) -> str:
        if said != asking.NONE and said not in known:
            raise HubError(f"no field {said!r}; {_near(said, known)}")
        return said

    for column in headings:
        guess = suggesting.field_of(column, facts) or asking.NONE
        said = asking.text(f"{column} is", default=guess, valid=there)
        yield column, None if said == asking.NONE else said


def _family(stream: Stream) -> str:
    """The field that says whose message it is, where the agency is a family of like recipients."""
    if not asking.yes("Is it one of many like it, such as schools, each with its own address?"):
        return ""
    facts = {fact.name: fact.sentence for fact in suggesting.leaves(stream) if fact.kind is str}
    return asking.one("Which field says whose message it is?", facts)
