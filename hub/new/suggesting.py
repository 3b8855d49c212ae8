"""Suggesting: what others' agreements and names that look alike make likely; whoever answers decides."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from hub.catalog import Catalog
from hub.policy import Basis, Grant
from hub.stream import Fact, Stream

CLOSE = 0.55
ALSO = {"dob": "born", "dateofbirth": "born", "birthdate": "born", "gender": "sex", "lastname": "surname",
        "familyname": "surname", "firstname": "forename", "givenname": "forename", "nhsref": "nhs_number",
        "nhsno": "nhs_number", "uniquepupilnumber": "upn", "date": "day", "childid": "local_id", "urn": "urn",
        "personid": "local_id", "postcode": "postcode", "zip": "postcode"}  # fmt: skip
"""What partners call what the hub calls otherwise."""


def leaves(stream: Stream) -> list[Fact]:
    """The fields of a stream that one cell could hold."""
    lists = [fact.path for fact in stream.facts() if fact.repeated]
    return [
        fact for fact in stream.facts()
        if fact.record is None and not any(fact.path[: len(one)] == one for one in lists)
    ]  # fmt: skip


def field_of(column: str, facts: Iterable[Fact]) -> str:
    """The field that a column most likely fills, by its name; empty where none is near."""
    plain = re.sub(r"[^a-z0-9]", "", column.lower())
    wanted = re.sub(r"[^a-z0-9]", "", ALSO.get(plain, plain))

    def likeness(fact: Fact) -> float:
        last, whole = fact.path[-1].replace("_", ""), "".join(fact.path).replace("_", "")
        return max(difflib.SequenceMatcher(None, wanted, one).ratio() for one in (last, whole))

    best = max(facts, key=likeness, default=None)
    return best.name if best is not None and likeness(best) >= CLOSE else ""


def ground(catalog: Catalog, stream: str) -> Basis | None:
    """The ground that most other grants of the same stream cite."""
    found = Counter(grant.basis for grant in grants(catalog, stream))
    return found.most_common(1)[0][0] if found else None


def gate(catalog: Catalog, stream: str) -> str:
    """The gate that most other grants of the same stream have."""
    found = Counter(str(grant.gate) for grant in grants(catalog, stream))
    return found.most_common(1)[0][0] if found else "statute"


def grants(catalog: Catalog, stream: str) -> Sequence[Grant]:
    """Every grant of a stream that there is."""
    return [policy.hears[stream] for policy in catalog.policies.values() if stream in policy.hears]


def sections(catalog: Catalog, stream: str) -> list[str]:
    """The notice's sections, those first under which the stream flows."""
    listed = catalog.notice.sections if catalog.notice is not None else {}
    return sorted(listed, key=lambda heading: stream not in listed[heading].streams)


def least(stream: Stream, columns: Iterable[str | None], addressed_by: str) -> tuple[str, ...]:
    """The fewest fields that make sense: those of the columns and the address, else the one that names the subject."""
    wanted = [path for path in (*columns, addressed_by) if path]
    first = stream.key[0].split("/") if stream.key else []
    return tuple(dict.fromkeys(wanted or first))
