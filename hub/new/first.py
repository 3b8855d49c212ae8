"""First examples: of a sample that was given, and of a stream's own invented events; nothing real gets in."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.agency import Saying
from hub.catalog import Catalog, folder_of
from hub.errors import HubError
from hub.formats import csv as csv_format
from hub.new.plan import Heard, Line
from hub.stream import pick

MOST_BYTES = 200_000
SUFFIX = {"fhir": "fhir.json", "avro": "avro.json"}
_NUMBER = re.compile(rb"(?<![0-9])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9])")


def sample(path: Path) -> bytes:
    """
    What is in a file that is to be an example.

    Raises HubError where it could tell of somebody real: an NHS number outside 999 000 0000 to 999 999 9999, which are
    never given out. A name cannot be known by its looks; who gives the file answers for it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise HubError(f"{path}: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise HubError(f"{path}: over {MOST_BYTES // 1000} kB; an example is a few messages")
    if any(_real(re.sub(rb"[ -]", b"", found).decode()) for found in _NUMBER.findall(data)):
        raise HubError(
            f"{path}: holds an NHS number that could be somebody's; a sample is of invented people, with numbers from "
            "999 000 0000 upwards. Nothing of it was taken"
        )
    return data


def _real(digits: str) -> bool:
    """Whether it could be somebody's number (NHS Data Dictionary, NHS NUMBER: modulus 11), not one kept for tests."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False))
    return not digits.startswith("999") and (11 - total % 11) % 11 == int(digits[9]) and len(set(digits)) > 1


def headings(data: bytes, charset: str = "utf-8") -> tuple[str, ...]:
    """The columns that the heading of a CSV names, read as the gateway would; raises Unreadable where it would."""
    saying = Saying.model_validate({"format": "csv", "by": "files", "into": ("any",), "charset": charset})
    whole = data if data.strip().count(b"\n") or data.strip().count(b"\r") else data.strip() + b"\r\nx"
    ragged = csv_format.parse(whole, saying)
    for item in ragged:
        if hasattr(item.message, "columns"):
            return tuple(name for name in item.message.columns if name)
        break
    line = next(csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"))), [])
    return tuple(name.strip() for name in line if name.strip())


def said(line: Line) -> Iterator[tuple[str, bytes]]:
    """The files of the first examples of *line*: the sample, and of a CSV one that wants what it cannot do without."""
    if not line.sample:
        return
    suffix = SUFFIX.get(line.format, line.format)
    yield f"examples/{line.name}/as_they_send_it.{suffix}", line.sample
    if line.format == "csv" and line.fills:
        rows = list(csv.reader(io.StringIO(line.sample.decode("utf-8-sig", "replace"), newline="")))
        heading, *rest = [row for row in rows if any(row)]
        if rest:
            out = io.StringIO(newline="")
            csv.writer(out, lineterminator="\r\n").writerows([heading, ["-", *([""] * (len(heading) - 1))]])
            yield f"examples/{line.name}/all_but_blank.csv", out.getvalue().encode()
    elif line.as_event:
        yield f"examples/{line.name}/nothing_said.{suffix}", b"{}\n"


def heard(catalog: Catalog, one: Heard) -> Iterator[tuple[str, bytes]]:
    """The first examples of what is heard: the stream's own fullest event, and the same under a legal hold."""
    stream = catalog.streams[one.stream]
    path = folder_of("schemas") / one.stream / "examples" / "full.pass.json"
    if not path.exists():
        return
    event: dict[str, Any] = json.loads(path.read_bytes())
    yield f"examples/{one.stream}/all_that_can_be_said.event.json", _json(event)
    named = {kind: pick(event, place) for kind, place in stream.subject if pick(event, place)}
    if named:
        yield f"examples/{one.stream}/legal_hold.event.json", _json(event)
        yield f"examples/{one.stream}/legal_hold.standing.json", _json({**named, "legal_hold": True})
        yield f"examples/{one.stream}/legal_hold.withheld.json", _json({"rule": "sealed.legal-hold"})


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
