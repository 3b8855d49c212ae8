"""Promises of compiled readers and writers: fastavro's values for what was asked for, none for the rest."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import catalog as catalogs
from hub.avro import Codec, bare, granted_schemas, leaves_of, narrowed, schema_of
from hub.errors import Unreadable
from hub.narrow import Reader, Writer, number

STREAMS = sorted(catalogs.look().streams)
GRANTS = sorted((agency, name) for agency, policy in catalogs.look().policies.items() for name in policy.hears)
PREFIX = b"\x00\x00\x00\x00\x07"
QUICK = settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001  made aware
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.builds(
    lambda one, times: one * times, st.sampled_from(["x", "\u00e9", "\U0001f9d2"]), st.integers(20, 5_000)
)


def values_of(schema):
    """Whatever may be written with *schema*."""
    if isinstance(schema, list):
        return st.none() | values_of(schema[1])
    if isinstance(schema, str):
        return {"string": TEXTS, "boolean": st.booleans(), "long": st.integers(-(1 << 63), (1 << 63) - 1),
                "int": st.integers(-(1 << 31), (1 << 31) - 1)}[schema]  # fmt: skip
    if schema["type"] == "record":
        return st.fixed_dictionaries({field["name"]: values_of(field["type"]) for field in schema["fields"]})
    if schema["type"] == "array":
        return st.lists(values_of(schema["items"]), max_size=3)
    return DAYS if schema["logicalType"] == "date" else MOMENTS


def leaf(kind, optional=False):
    """A record of one field."""
    return {"type": "record", "name": "One", "fields": [{"name": "it", "type": ["null", kind] if optional else kind}]}


def read(schema, data, paths=frozenset({"it"})):
    """What a reader makes of a record's bytes after the prefix."""
    return Reader(7, schema, frozenset(paths)).read(PREFIX + data)


def refused(schema, data, paths=frozenset({"it"})):
    """The code with which a reader refuses a record's bytes after the prefix, whether it wants them or not."""
    codes = set()
    for wanted in (paths, frozenset()):
        with pytest.raises(Unreadable) as error:
            read(schema, data, wanted)
        codes.add(error.value.code)
    (code,) = codes
    return code


@pytest.mark.parametrize("name", STREAMS)
def test_a_reader_reads_what_fastavro_reads_with_a_narrowed_schema(name, catalog):
    """For any event and any choice of fields, with dates as integers and as dates."""
    whole = schema_of(catalog.streams[name])
    leaves = sorted(leaves_of(whole))

    @QUICK
    @given(values_of(whole), st.sets(st.sampled_from(leaves)), st.booleans())
    def same(values, paths, plain):
        schema, paths = whole if plain else bare(whole), frozenset(paths)
        data = Codec(7, whole).encode(values)
        view = narrowed(schema, paths)
        expected = Codec(7, schema, view).decode(data) if view else {}
        assert Reader(7, schema, paths, paths if plain else frozenset()).read(data) == expected

    same()


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_a_writer_writes_what_fastavro_writes(agency, name, catalog):
    """For any values of each grant's own schema, to the byte."""
    schema = granted_schemas(catalog.streams[name], catalog.policies[agency].hears[name])[1]

    @QUICK
    @given(values_of(schema))
    def same_dates(values):
        assert Writer(7, schema, frozenset(leaves_of(schema))).write(values) == Codec(7, schema).encode(values)

    @QUICK
    @given(values_of(bare(schema)))
    def same(values):
        assert Writer(7, schema).write(values) == Codec(7, bare(schema)).encode(values)

    same_dates()
    same()


@pytest.mark.parametrize("name", STREAMS)
def test_bytes_that_were_tampered_with_are_refused_or_read_as_fastavro_reads_them(name, catalog):
    """Flipped, cut, doubled and inserted bytes: never another error, never a value that fastavro would not give."""
    whole = bare(schema_of(catalog.streams[name]))
    leaves = sorted(leaves_of(whole))

    @settings(QUICK, max_examples=25)
    @given(values_of(whole), st.sets(st.sampled_from(leaves), min_size=1), st.randoms(use_true_random=False))
    def holds(values, paths, chance):
        sound = Codec(7, whole).encode(values)
        paths = frozenset(paths)
        ours, theirs = Reader(7, whole, paths), Codec(7, whole, narrowed(whole, paths))
        for _ in range(40):
            data = tampered(sound, chance)
            try:
                found = ours.read(data)
            except Unreadable:
                continue
            assert found == theirs.decode(data)

    holds()


def tampered(data: bytes, chance: random.Random) -> bytes:
    """*data* with one to three small faults after its prefix."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(5, len(out) + 1)
        fault = chance.randrange(5)
        if fault == 0 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif fault == 1 and at < len(out):
            out[at] = chance.choice((0, 1, 2, 3, 4, 127, 128, 129, 255))
        elif fault == 2:
            del out[at:]
        elif fault == 3:
            out[at:at] = out[at : at + chance.randrange(1, 9)]
        else:
            out[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 4)))
    return bytes(out)


@pytest.mark.parametrize("name", STREAMS)
def test_a_record_cut_anywhere_is_refused(name, catalog):
    """And so is one with a byte too many."""
    whole = bare(schema_of(catalog.streams[name]))
    reader = Reader(7, whole, frozenset(leaves_of(whole)))

    @settings(QUICK, max_examples=3)
    @given(values_of(whole))
    def holds(values):
        data = Codec(7, whole).encode(values)
        for end in range(min(len(data), 3_000)):
            with pytest.raises(Unreadable):
                reader.read(data[:end])
        with pytest.raises(Unreadable, match=r"avro\.trailing-bytes"):
            reader.read(data + b"\x00")

    holds()


@pytest.mark.parametrize(
    ("kind", "optional", "data"),
    [
        pytest.param("boolean", False, b"\x02", id="a bool that is neither 0 nor 1"),
        pytest.param("boolean", True, b"\x04\x01", id="a branch that the union does not have"),
        pytest.param("boolean", True, b"\x01\x01", id="a branch below zero"),
        pytest.param("boolean", True, b"\x80\x00", id="null in two bytes"),
        pytest.param("string", False, b"\x01", id="a length below zero"),
        pytest.param("string", False, b"\x81\x01" + b"x" * 64, id="a long length below zero"),
        pytest.param("string", False, b"\x82\x00a", id="a length with a byte to spare"),
        pytest.param("string", False, b"\x80\x80\x01", id="a length beyond the end"),
        pytest.param("string", False, b"\x80" * 9 + b"\x01", id="a length of 2^63"),
        pytest.param("string", False, b"\x80" * 40, id="a length that does not end"),
        pytest.param("string", False, b"\x80\x80\x00" + b"", id="a long length with a byte to spare"),
        pytest.param("long", False, b"\xff" * 9 + b"\x7f", id="a number of more than 64 bits"),
        pytest.param("long", False, b"\xff" * 11 + b"\x01", id="a number of eleven bytes"),
        pytest.param("long", False, b"\x80\x00", id="nought in two bytes"),
        pytest.param("int", False, b"\x80\x80\x80\x80\x10", id="an int of 33 bits"),
        pytest.param("int", False, b"", id="nothing"),
    ],
)
def test_what_no_writer_writes_is_refused_read_or_passed_over(kind, optional, data):
    """The same fault is found whether the field was asked for or not."""
    assert refused(leaf(kind, optional), data) == "avro.truncated"


def test_text_that_is_not_utf_8_is_refused_where_it_is_read():
    """And is no text, nor looked at, where it is passed over."""
    with pytest.raises(Unreadable) as error:
        read(leaf("string"), b"\x04\xff\xfe")

    assert read(leaf("string"), b"\x04\xff\xfe", frozenset()) == {}
    assert error.value.__cause__ is None
    assert "\\xff" not in str(error.value)


def test_another_schemas_record_is_refused():
    """The id in front says which schema it was written with."""
    with pytest.raises(Unreadable, match=r"avro\.schema-id"):
        Reader(8, leaf("string"), frozenset({"it"})).read(PREFIX + b"\x00")


ITEMS = {"type": "record", "name": "Item", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "long"}]}
LIST = leaf({"type": "array", "items": ITEMS})


def test_a_list_in_several_blocks_is_one_list():
    """Also where a block says how long it is."""
    one, two, three = b"\x02x\x02", b"\x02y\x04", b"\x04zz\x06"
    data = b"\x02" + one + number(-2) + number(len(two + three)) + two + three + b"\x00"

    assert read(LIST, data, {"it.a"}) == {"it": [{"a": "x"}, {"a": "y"}, {"a": "zz"}]}
    assert read(LIST, data, {"it.b"}) == {"it": [{"b": 1}, {"b": 2}, {"b": 3}]}
    assert read(LIST, data, ()) == {}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(number(-1) + number(4) + b"\x02x\x02" + b"\x00", id="longer than it is"),
        pytest.param(number(-1) + number(2) + b"\x02x\x02" + b"\x00", id="shorter than it is"),
        pytest.param(number(-1) + number(-3) + b"\x02x\x02" + b"\x00", id="of less than nothing"),
        pytest.param(number(1 << 40) + b"\x02x\x02" + b"\x00", id="of more items than bytes"),
        pytest.param(number(-(1 << 62)) + number(3) + b"\x02x\x02" + b"\x00", id="likewise, with a length"),
        pytest.param(number(1) + b"\x02x\x02", id="without an end"),
    ],
)
def test_a_block_that_lies_about_itself_is_refused(data):
    """At once, whatever it says of its length."""
    assert refused(LIST, data, frozenset({"it.a"})) == "avro.truncated"


@pytest.mark.parametrize("value", [0, 1, -1, 63, 64, -64, -65, 2_047, 2_048, 8_191, 8_192, (1 << 63) - 1, -(1 << 63)])
def test_a_number_is_spelt_as_fastavro_spells_it(value):
    """At every edge of a length."""
    assert PREFIX + number(value) == Codec(7, leaf("long")).encode({"it": value})
    assert read(leaf("long"), number(value)) == {"it": value}


@pytest.mark.parametrize("length", [0, 1, 63, 64, 2_047, 2_048, 8_191, 8_192, 100_000])
def test_a_text_of_any_length_is_read_passed_over_and_written(length):
    """At every edge of a length."""
    schema, values = leaf("string", optional=True), {"it": "x" * length}
    data = Codec(7, schema).encode(values)

    assert Reader(7, schema, frozenset({"it"})).read(data) == values
    assert Reader(7, schema, frozenset()).read(data) == {}
    assert Writer(7, schema).write(values) == data


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", {"it": 5}), ("string", {"it": None}), ("string", {"it": b"x"}), ("string", {}),
        ("string", {"it": "x", "more": "SECRET"}), ("string", {"other": "SECRET"}), ("string", ["SECRET"]),
        ("string", {"it": "SECRET\ud800"}), ("boolean", {"it": 1}), ("long", {"it": True}), ("long", {"it": 1 << 63}),
        ("int", {"it": 1 << 31}), ("int", {"it": date(2026, 9, 15)}), (ITEMS, {"it": {"a": "SECRET"}}),
        ({"type": "array", "items": "string"}, {"it": ("SECRET",)}),
        ({"type": "array", "items": "string"}, {"it": ["x", None]}),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_not_written(kind, values):
    """Neither more fields nor fewer, nor of a type that is only like it; the error does not say what they were."""
    with pytest.raises(ValueError, match="is not what its schema says") as error:
        Writer(7, leaf(kind)).write(values)

    assert "SECRET" not in str(error.value)


def test_dates_and_times_are_pythons_where_that_is_asked_for():
    """Elsewhere they are Avro's integers."""
    schema = {"type": "record", "name": "One", "fields": [
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ]}  # fmt: skip
    values = {"day": date(1969, 12, 31), "at": datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)}
    paths = frozenset(values)
    data = Writer(7, schema, paths).write(values)

    assert data == Codec(7, schema).encode(values)
    assert Reader(7, schema, paths, paths).read(data) == values
    assert Reader(7, schema, paths).read(data) == {"day": -1, "at": -1}
    assert Reader(7, schema, paths, frozenset({"day"})).read(data) == {"day": values["day"], "at": -1}
    for wrong in ({"day": values["at"]}, {"at": datetime(2026, 9, 15)}, {"at": values["day"]}):  # noqa: DTZ001  no zone
        with pytest.raises(ValueError, match="is not what its schema says"):
            Writer(7, schema, paths).write(values | wrong)


def test_a_day_that_no_calendar_has_is_refused():
    """Avro's int reaches further than Python's dates."""
    schema = leaf({"type": "int", "logicalType": "date"})

    with pytest.raises(Unreadable):
        Reader(7, schema, frozenset({"it"}), frozenset({"it"})).read(PREFIX + number(2_000_000_000))


def test_microseconds_are_cut_as_fastavro_cuts_them():
    """Before 1970 as after it."""
    schema, paths = leaf({"type": "long", "logicalType": "timestamp-millis"}), frozenset({"it"})
    for moment in (
        datetime(1969, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 9, 15, tzinfo=UTC) - timedelta(microseconds=1),
    ):
        assert Writer(7, schema, paths).write({"it": moment}) == Codec(7, schema).encode({"it": moment})


def test_a_path_that_is_no_leaf_is_refused():
    """A record is not a field that can be granted."""
    for path in ("nowhere", "it", "it.a.b"):
        with pytest.raises(KeyError):
            Reader(7, leaf(ITEMS), frozenset({path}))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("bytes", id="a kind that streams do not have"),
        pytest.param({"type": "map", "values": "string"}, id="a map"),
        pytest.param("One", id="a record inside itself"),
        pytest.param(["string", "null"], id="a union that does not begin with null"),
        pytest.param(["null", "string", "long"], id="a union of three"),
        pytest.param(["null", ["null", "string"]], id="a union in a union"),
        pytest.param({"type": "array", "items": {"type": "record", "name": "No", "fields": []}}, id="items of no room"),
        pytest.param(
            {"type": "record", "name": "Bad", "fields": [{"name": "a']; import os #", "type": "string"}]},
            id="a name that is code",
        ),
    ],
)
def test_a_schema_of_other_kinds_is_not_compiled(kind):
    """Nothing that could be read in two ways, without end, or as code."""
    with pytest.raises(TypeError):
        Reader(7, leaf(kind), frozenset())
    with pytest.raises(TypeError):
        Writer(7, leaf(kind))


def test_the_source_of_a_reader_names_each_field_and_reads_only_what_was_asked_for(catalog):
    """A person can see that nothing else is made a value: what is passed over is one step."""
    stream = catalog.streams["child_demographics"]
    source = Reader(7, schema_of(stream), frozenset({"child.surname"})).source
    after = {line.strip(): source.splitlines()[at + 1].strip() for at, line in enumerate(source.splitlines()[:-1])}

    assert {line[2:] for line in after if line.startswith("# ")} >= leaves_of(schema_of(stream))
    assert source.count(".decode()") == source.count("long_text(") == 1
    assert after["# child.surname"] == "n = ROOM[d[p]]"
    assert after["# child.forename"] == "p += ROOM[d[p]] or long_room(d, p)"
