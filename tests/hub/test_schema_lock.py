"""The schema lock: an id means one schema for ever, and what nobody gave out is not read."""

from __future__ import annotations

import json
import struct

import pytest

from hub.errors import CatalogError, Unreadable
from hub.schema_lock import FILE, SchemaLock, undocumented


def record(name, *fields, doc=""):
    """A schema of text fields."""
    return {"type": "record", "name": name, "doc": doc, "fields": [{"name": one, "type": "string"} for one in fields]}


LOCK = SchemaLock([]).with_subjects({"b.v1": record("B", "x"), "a.v1": record("A", "x")})


def test_ids_are_given_out_in_order_and_kept():
    """New subjects get the next ids, by name; what is known keeps its own, whatever is said of it in sentences."""
    more = LOCK.with_subjects({"a.v1": record("A", "x", doc="Now with a sentence."), "c.v1": record("C", "x")})

    assert LOCK.current == {"a.v1": 1, "b.v1": 2}
    assert more.current == {"a.v1": 1, "b.v1": 2, "c.v1": 3}


def test_a_subject_that_changed_gets_a_new_id_and_the_old_one_stays_readable():
    """Old records keep their ids; going back to an older schema is a new one, so that the newest line counts."""
    changed = LOCK.with_subjects({"a.v1": record("A", "x", "y")})
    back = changed.with_subjects({"a.v1": record("A", "x")})

    assert changed.current["a.v1"] == 3
    assert changed.schema(1) == undocumented(record("A", "x"))
    assert back.current["a.v1"] == 4


def test_the_lock_survives_its_file(tmp_path):
    """Written and read it is the same, to the byte; without a file it is empty."""
    (tmp_path / FILE).write_text(LOCK.text(), encoding="utf-8")

    assert SchemaLock.read(tmp_path).text() == LOCK.text()
    assert SchemaLock.read(tmp_path / "nowhere").entries == []


@pytest.mark.parametrize(
    "bad",
    [
        "<<<<<<< HEAD",
        "",
        "[]",
        '{"id": 3}',
        '{"id": 1, "subject": "c", "schema": {}}',
        '{"id": 4, "subject": "c", "schema": {}}',
    ],
)
def test_a_line_that_is_no_entry_or_has_another_id_is_refused_by_its_number(bad, tmp_path):
    """What a careless merge leaves behind: marks, and ids that two branches gave out."""
    (tmp_path / FILE).write_text(LOCK.text() + bad + "\n", encoding="utf-8")

    with pytest.raises(CatalogError, match=rf"topics/{FILE}:3: "):
        SchemaLock.read(tmp_path)


def test_a_record_is_read_by_the_id_it_begins_with():
    """The codec of an id writes and reads with that id's schema."""
    codec = LOCK.codec(struct.pack(">bI", 0, 2) + b"\x02x")

    assert codec.decode(codec.encode({"x": "y"})) == {"x": "y"}
    assert LOCK.codec(codec.encode({"x": "y"})) is codec


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "avro.no-schema-id"),
        (b"\0\0\0\0", "avro.no-schema-id"),
        (b"\1\0\0\0\1x", "avro.no-schema-id"),
        (b"\0\0\0\0\0", "avro.unknown-schema"),
        (b"\0\0\0\0\3x", "avro.unknown-schema"),
        (b"\0\xff\xff\xff\xff", "avro.unknown-schema"),
    ],
)
def test_a_record_of_no_known_schema_is_unreadable(value, code):
    """Bytes of another format, and an id that was never given out."""
    with pytest.raises(Unreadable) as caught:
        LOCK.codec(value)

    assert caught.value.code == code


def test_an_id_that_was_never_given_out_is_a_key_error():
    """As of any mapping."""
    with pytest.raises(KeyError):
        LOCK.schema(99)


def test_sentences_are_no_part_of_a_schema():
    """At any depth, and nothing else is taken out."""
    deep = {"doc": "x", "fields": [{"type": ["null", {"doc": "y", "name": "doc"}]}]}

    assert undocumented(deep) == {"fields": [{"type": ["null", {"name": "doc"}]}]}
    assert json.loads(LOCK.text().splitlines()[0])["schema"] == undocumented(record("A", "x"))
