"""What one agency is told of events of one stream, as bytes; and pairs of events told one after another."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hub import catalog as catalogs
from hub.avro import Codec, bare, schema_of
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.keys import Keys
from hub.outbound import Carried, Desk
from hub.stream import Stream
from hub.view import View

from .pairs import CALM, STANDINGS, TODAY, Kin, name_of

PAPERS = Envelope(
    "0123456789abcdef" * 2, "/tests", "any.v1", datetime(2026, 9, 15, 8, tzinfo=UTC), traceparent("0" * 32)
)
NOW = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)
assert NOW.date() == TODAY
KEY = b"f" * 32


class Told:
    """What an agency is told, while something is known of some children."""

    def __init__(self, catalog: Catalog, agency: str, stream: Stream) -> None:
        self.stream, self.grant = stream, catalog.policies[agency].hears[stream.name]
        self.addressed_by = catalog.agencies[agency].hears[stream.name].addressed_by
        live = catalog.agencies[agency].model_copy(update={"status": "live"})  # also one whose trial is still to end
        alone = dataclasses.replace(
            catalog, policies={agency: catalog.policies[agency]}, agencies={**catalog.agencies, agency: live}
        )
        self._desk = Desk(alone, stream, Keys(b"a secret for tests, of 32 bytes."))
        whole = schema_of(stream)
        self._codec = Codec(catalog.id_of(stream.topic, whole), bare(whole))
        self._view = View()
        for child, known in enumerate(STANDINGS):
            if known is not None:
                names = {kind: name_of(kind, child) for kind in ("nhs_number", "upn", "case_id")}
                said = {**CALM, **names, **known}
                self._view.take(f"child {child}".encode(), said, f"standing {child}", PAPERS.time.replace(hour=1))

    def kin(self, *, open: bool = True, loose: frozenset[str] = frozenset()) -> Kin:  # noqa: A002  as in Kin
        """Pairs for this agency."""
        return Kin(self.stream, self.grant, self.addressed_by, open, loose)

    def of(self, values: dict[str, Any]) -> Carried:
        """Everything that leaves the authority for the agency because of one event, and what is written down of it."""
        record = Record(self.stream.topic, KEY, self._codec.encode(values), PAPERS.headers())
        return self._desk.carry(record, now=NOW, view=self._view)


def withheld(told: Carried) -> Collection[str]:
    """The fields that were not heard of this event, for whatever reason."""
    (receipt,) = told.receipts
    return frozenset(path for path, verdict, _ in receipt.outcome.fields if verdict == "withheld")


@cache
def told(agency: str, name: str) -> Told:
    """The desk of one grant in force, made once."""
    catalog = catalogs.load()
    return Told(catalog, agency, catalog.streams[name])


def pair(tells: Told, kin: Kin, chance: random.Random) -> tuple[Carried, Carried]:
    """One pair of events, told."""
    event = kin.drawn(chance)
    first = tells.of(event)
    return first, tells.of(kin.varied(event, chance, withheld(first)))


def many(agency: str, name: str, open_: bool, seeds: range) -> tuple[int, int, str]:
    """Pairs by *seeds*: how many records they led to, how many of these had a limit, and a pair that is told apart."""
    tells = told(agency, name)
    kin = tells.kin(open=open_)
    released = limited = 0
    granted = {*tells.grant.fields, *tells.grant.coarse}
    for seed in seeds:
        first, second = pair(tells, kin, random.Random(f"{agency} {name} {open_} {seed}"))
        if first != second:
            return released, limited, f"pair {seed} (open={open_}) is told apart by {where(first, second)}"
        released += len(first.records)
        limited += bool(first.records) and not granted.isdisjoint(withheld(first))
    return released, limited, ""


def where(first: Carried, second: Carried) -> str:
    """The part in which two tellings differ, without their content."""
    if len(first.records) != len(second.records):
        return "the number of records"
    for one, other in zip(first.records, second.records, strict=True):
        for part in one._fields:
            if getattr(one, part) != getattr(other, part):
                return part
    return "the receipt"
