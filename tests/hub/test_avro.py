"""Promises of schemas and codecs: a model as a schema, a grant as a smaller one, bytes all accounted for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

import pytest
from pydantic import Field

from hub.avro import Codec, bare, coarsened, granted_schemas, leaves_of, narrowed, primitive, schema_of
from hub.errors import Unreadable
from hub.policy import Grant
from hub.stream import Event, Stream

GIVEN = {
    "because": "a reason of some length",
    "notice": "MASH",
    "basis": {"article6": "e"},
    "gate": "statute",
    "kept": "14 days",
}


class Home(Event):
    """Where."""

    town: Annotated[str, Field(description="Town.")]
    since: Annotated[date | None, Field(description="Since when.")] = None


class Seen(Event):
    """Somebody was seen."""

    name: str
    how: Literal["met", "heard"]
    at: datetime
    home: Home | None = None
    others: tuple[Home, ...] = ()
    codes: tuple[str, ...] = ()
    sure: bool | None = None


SEEN = Stream(name="seen", event=Seen, key=("name",), keep="days", steward="tests")
EVENT = {
    "name": "Noor", "how": "met", "at": datetime(2026, 9, 15, 9, 30, tzinfo=UTC),
    "home": {"town": "Swindon", "since": date(2026, 1, 2)}, "others": [{"town": "Bath", "since": None}],
    "codes": ["A", "B"], "sure": None,
}  # fmt: skip


def test_a_models_schema_names_every_leaf():
    """Through what is optional, what is repeated, and records."""
    assert leaves_of(schema_of(SEEN)) == {
        "name", "how", "at", "home.town", "home.since", "others.town", "others.since", "codes", "sure",
    }  # fmt: skip


def test_a_record_used_twice_has_a_name_for_each_place():
    """Avro wants every named type once."""
    assert [field["type"] for field in schema_of(SEEN)["fields"]][3][1]["name"] == "Home_home"
    assert [field["type"] for field in schema_of(SEEN)["fields"]][4]["items"]["name"] == "Home_others"


def test_sentences_and_defaults_are_in_the_schema():
    """A recipient reads there what a field means."""
    town, since = schema_of(SEEN)["fields"][3]["type"][1]["fields"]

    assert town == {"name": "town", "type": "string", "doc": "Town."}
    assert since["default"] is None


def test_what_is_written_is_read_as_it_was():
    """Dates, times, absent parts, lists."""
    codec = Codec(7, schema_of(SEEN))

    assert codec.decode(codec.encode(EVENT)) == EVENT


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: data + b"\x00", "avro.trailing-bytes"),
        (lambda data: data[:-1], "avro.truncated"),
        (lambda data: data[:5], "avro.truncated"),
        (lambda data: data[:4] + b"\x09" + data[5:], "avro.schema-id"),
        (lambda data: data[:3], "avro.schema-id"),
        (lambda data: data[:5] + b"\x02\xff" + data[6:], "avro.truncated"),
    ],
)
def test_bytes_that_are_not_all_accounted_for_are_unreadable(change, code):
    """The library itself passes over what follows a record."""
    codec = Codec(7, schema_of(SEEN))

    with pytest.raises(Unreadable) as error:
        codec.decode(change(codec.encode(EVENT)))
    assert error.value.code == code


def test_a_narrowed_schema_has_just_the_leaves_asked_for():
    """Records of which nothing is left are left out."""
    assert leaves_of(narrowed(schema_of(SEEN), frozenset({"home.town", "codes"}))) == {"home.town", "codes"}
    assert narrowed(schema_of(SEEN), frozenset({"home"})) is None
    assert narrowed(schema_of(SEEN), frozenset()) is None


def test_a_coarsened_schema_has_the_words_own_types():
    """A field of which only the presence is told is never absent."""
    made = coarsened(schema_of(SEEN), {"home.since": "year", "sure": "present"})

    assert made["fields"][3]["type"][1]["fields"][1]["type"] == ["null", "long"]
    assert made["fields"][6] == {"name": "sure", "type": "boolean"}


def test_a_bare_schema_carries_the_same_bytes():
    """Only that nobody makes dates of integers."""
    whole = schema_of(SEEN)
    raw = Codec(7, bare(whole)).decode(Codec(7, whole).encode(EVENT))

    assert raw["at"] == 1_789_464_600_000
    assert Codec(7, bare(whole)).encode(raw) == Codec(7, whole).encode(EVENT)


def test_a_grant_is_compiled_to_what_is_read_and_what_is_heard():
    """Both hold the granted fields and no others; only the second has the coarse types."""
    read, heard = granted_schemas(SEEN, Grant(**GIVEN, fields=("name",), coarse={"home.since": "year"}))

    assert leaves_of(read) == leaves_of(heard) == {"name", "home.since"}
    assert read["fields"][1]["type"][1]["fields"][0]["type"][1] == {"type": "int", "logicalType": "date"}
    assert heard["fields"][1]["type"][1]["fields"][0]["type"][1] == "long"


def test_a_grant_of_a_field_that_is_not_there_is_refused():
    """Nothing is compiled of a word that means nothing."""
    with pytest.raises(KeyError, match=r"home\.country"):
        granted_schemas(SEEN, Grant(**GIVEN, fields=("name", "home.country")))


@pytest.mark.parametrize("kind", [float, bytes, dict, list, Literal["a", 1], set])
def test_a_kind_that_an_event_cannot_have_has_no_avro_type(kind):
    """A leaf is text, truth, a whole number, a day or a time."""
    with pytest.raises(TypeError):
        primitive(kind)
