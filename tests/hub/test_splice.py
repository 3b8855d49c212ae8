"""Splicing: bytes cut down by a policy's words are the bytes that the compiled readers and writers make."""

from __future__ import annotations

import os
import random
from datetime import date
from typing import Annotated

import pytest
from pydantic import Field

from hub import catalog as catalogs
from hub.avro import Codec, bare, granted_schemas, leaves_of, schema_of
from hub.coarse import WORDS
from hub.gates import day_in_england
from hub.projection import Projection
from hub.splice import Unspliced, spliced
from hub.stream import Event, Sensitivity, Stream
from tests.hub.cases import TAKEN, granted
from tests.properties.pairs import Kin

GRANTS = sorted((agency, name) for agency, policy in catalogs.look().policies.items() for name in policy.hears)
EVENTS = 20_000 if os.environ.get("HUB_PROVE") else 120
TODAY = day_in_england(TAKEN)


def both(stream, grant):
    """The two ways from an event's bytes to what is told."""
    projection = Projection(stream, grant, 1, 2)
    cut = spliced(bare(schema_of(stream)), 2, frozenset(grant.fields), grant.coarse)

    def compiled(data):
        return projection.encode(projection.project(data, TAKEN))

    return compiled, lambda data: cut(data, TODAY)


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_a_cut_event_is_what_the_compiled_reader_and_writer_make_of_it(agency, name, catalog):
    """For every grant in force, over drawn events of every shape."""
    stream, grant = catalog.streams[name], catalog.policies[agency].hears[name]
    compiled, cut = both(stream, grant)
    kin = Kin(stream, grant, open=False)
    codec = Codec(1, kin.schema)
    for seed in range(EVENTS):
        data = codec.encode(kin.drawn(random.Random(f"{agency} {name} {seed}")))
        assert cut(data) == compiled(data), f"event {seed}"


class Deep(Event):
    """A record in a list in a record."""

    text: Annotated[str | None, Field(description="Text."), Sensitivity.OPEN] = None
    number: Annotated[int, Field(description="Number."), Sensitivity.OPEN]
    flag: Annotated[bool | None, Field(description="Flag."), Sensitivity.OPEN] = None
    day: Annotated[date | None, Field(description="Day."), Sensitivity.OPEN] = None


class Middle(Event):
    """A list of records, and one that need not be there."""

    several: Annotated[tuple[Deep, ...], Field(description="Several."), Sensitivity.OPEN] = ()
    words: Annotated[tuple[str, ...] | None, Field(description="Words."), Sensitivity.OPEN] = None
    one: Annotated[Deep | None, Field(description="One."), Sensitivity.OPEN] = None


class Whole(Event):
    """Everything that a schema here can have."""

    first: Annotated[Middle | None, Field(description="First."), Sensitivity.OPEN] = None
    second: Annotated[Middle, Field(description="Second."), Sensitivity.OPEN]
    name: Annotated[str, Field(description="Name."), Sensitivity.OPEN]
    count: Annotated[int, Field(description="Count."), Sensitivity.OPEN]
    born: Annotated[date, Field(description="Born."), Sensitivity.OPEN]


WHOLE = Stream(name="whole", event=Whole, key=(), keep="days", steward="x")
LEAVES = sorted(leaves_of(schema_of(WHOLE)))
KINDS = {"text": str, "number": int, "flag": bool, "day": date, "words": list, "name": str, "count": int, "born": date}


def test_whatever_is_granted_or_coarsened_is_cut_alike():
    """Drawn grants over one schema that has everything: every word on every field that can take it."""
    used = set()
    for seed in range(EVENTS):
        chance = random.Random(f"grant {seed}")
        named = chance.sample(LEAVES, chance.randrange(1, len(LEAVES)))
        coarse = {}
        for path in named:
            kind = KINDS[path.rpartition(".")[2]]
            words = sorted(name for name, word in WORDS.items() if kind in word.takes or object in word.takes)
            if kind is not list and chance.random() < 0.5:
                coarse[path] = chance.choice(words)
        fields = [path for path in named if path not in coarse]
        if not fields:
            continue
        grant = granted(*fields, coarse=coarse)
        compiled, cut = both(WHOLE, grant)
        kin = Kin(WHOLE, grant, open=False)
        for number in range(6):
            data = Codec(1, kin.schema).encode(kin.drawn(random.Random(f"{seed} {number}")))
            assert cut(data) == compiled(data), f"grant {seed}, event {number}"
        used |= set(coarse.values())

    assert used == set(WORDS)


EVENT = {"first": None, "second": {"several": [], "words": ["a", "b"], "one": None}, "name": "Noor", "count": 300,
         "born": date(2015, 6, 1)}  # fmt: skip
DATA = Codec(1, schema_of(WHOLE)).encode(EVENT)


def cut(data, *fields, **coarse):
    return spliced(bare(schema_of(WHOLE)), 2, frozenset(fields), coarse)(data, TODAY)


def test_a_cut_event_is_of_the_recipients_schema():
    """Its first bytes are the id of that, whatever the event's were."""
    assert cut(DATA, "name") == b"\x00\x00\x00\x00\x02" + b"\x08Noor"
    assert cut(b"\x00\x00\x00\x00\x09" + DATA[5:], "name") == cut(DATA, "name")


@pytest.mark.parametrize("data", [DATA + b"\x00", DATA[:-1], DATA[:6], b""])
def test_bytes_that_are_more_or_fewer_than_the_schema_says_are_not_cut(data):
    """They are somebody else's to judge: it never gives a guess."""
    with pytest.raises((Unspliced, IndexError)):
        cut(data, "name", "born")


@pytest.mark.parametrize("length", [b"\x01", b"\x03", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"])
def test_a_list_that_is_written_in_another_way_is_not_cut(length):
    """A count below zero tells the bytes of a block; the hub's own writers write none."""
    _, granted_schema = granted_schemas(WHOLE, granted("second.several.number"))
    assert leaves_of(granted_schema) == {"second.several.number"}
    data = b"\x00\x00\x00\x00\x01\x00" + length + b"\x02\x00\x00"
    with pytest.raises((Unspliced, IndexError)):
        cut(data, "second.several.number")


def test_a_text_longer_than_a_byte_can_say_is_cut_whole():
    """Its length takes more than one byte."""
    for length in (63, 64, 8_191, 8_192, 20_000):
        data = Codec(1, schema_of(WHOLE)).encode(EVENT | {"name": "x" * length})
        assert cut(data, "name") == Codec(2, granted_schemas(WHOLE, granted("name"))[1]).encode({"name": "x" * length})
        assert cut(data, "count") == cut(DATA, "count")
