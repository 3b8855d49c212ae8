"""
Non-interference: what an agency is told depends on nothing but what was granted to it.

Two events that are equal in the granted fields, and in those that the decision asks for, give it byte for byte the
same value, key, headers, topic and number of records, and the same receipt. One comparison covers a leak through a
field, a length, an order or a header. The key of the incoming record is the same in a pair, because it stands for the
subject; so are the event's papers.
"""

from __future__ import annotations

import dataclasses
import os
import random
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import catalog as catalogs
from hub.avro import Codec, bare, schema_of
from hub.envelope import Envelope, Record, traceparent
from hub.keys import Keys
from hub.outbound import Desk

from .pairs import Kin

GRANTS = sorted((agency, name) for agency, policy in catalogs.look().policies.items() for name in policy.hears)
PAIRS = 1_000_000 if os.environ.get("HUB_PROVE") else 10_000
SOME = 200
PAPERS = Envelope(
    "0123456789abcdef" * 2, "/tests", "any.v1", datetime(2026, 9, 15, 8, tzinfo=UTC), traceparent("0" * 32)
)
NOW = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)


class Told:
    """What one agency is told of events of one stream, as bytes."""

    def __init__(self, catalog, agency: str, name: str) -> None:
        self.stream = catalog.streams[name]
        self.grant = catalog.policies[agency].hears[name]
        alone = dataclasses.replace(catalog, policies={agency: catalog.policies[agency]})
        self._desk = Desk(alone, self.stream, Keys(b"a secret for tests, of 32 bytes."))
        whole = schema_of(self.stream)
        self._codec = Codec(catalog.id_of(self.stream.topic, whole), bare(whole))

    def of(self, values):
        """Everything that leaves the authority for the agency because of one event."""
        record = Record(self.stream.topic, b"f" * 32, self._codec.encode(values), PAPERS.headers())
        return self._desk.carry(record, now=NOW)


@pytest.fixture(scope="module")
def told(catalog):
    """Desks, made once for each grant."""
    made = {}

    def of(agency, name):
        if (agency, name) not in made:
            made[agency, name] = Told(catalog, agency, name)
        return made[agency, name]

    return of


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_an_agency_cannot_tell_apart_what_differs_only_in_what_it_was_not_granted(agency, name, told):
    """Thousands of seeded pairs; most of them are released, so that the comparison is of something."""
    tells, released = told(agency, name), 0
    for open_ in (True, False):
        kin = Kin(tells.stream, tells.grant, open=open_)
        count = max(SOME, PAIRS // len(GRANTS)) if open_ else SOME
        for seed in range(count):
            chance = random.Random(f"{agency} {name} {open_} {seed}")
            event = kin.drawn(chance)
            first, second = tells.of(event), tells.of(kin.varied(event, chance))
            if first != second:
                pytest.fail(f"pair {seed} (open={open_}) is told apart by {where(first, second)}")
            released += len(first.records)

    assert released > PAIRS // len(GRANTS) // 2


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_no_pair_that_a_search_finds_is_told_apart(agency, name, told):
    """The same, with pairs that Hypothesis looks for and makes small."""
    tells = told(agency, name)
    kin = Kin(tells.stream, tells.grant)

    @settings(max_examples=2_000 if os.environ.get("HUB_PROVE") else 15, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.randoms(use_true_random=False))
    def search(chance):
        event = kin.drawn(chance)
        assert tells.of(event) == tells.of(kin.varied(event, chance))

    search()


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_a_granted_field_that_differs_is_told_apart(agency, name, told):
    """Each granted field, left out of what pairs hold equal, shows: the comparison above can fail."""
    tells = told(agency, name)
    silent = set(tells.grant.fields)
    for path in tells.grant.fields:
        kin = Kin(tells.stream, tells.grant, loose=frozenset({path}))
        for seed in range(SOME):
            chance = random.Random(f"{path} {seed}")
            event = kin.drawn(chance)
            if tells.of(event).records != tells.of(kin.varied(event, chance)).records:
                silent.discard(path)
                break

    assert not silent


def where(first, second) -> str:
    """The part in which two tellings differ, without their content."""
    if len(first.records) != len(second.records):
        return "the number of records"
    for one, other in zip(first.records, second.records, strict=True):
        for part in one._fields:
            if getattr(one, part) != getattr(other, part):
                return part
    return "the receipt"
