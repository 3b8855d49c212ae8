"""JSON is read strictly and written in one spelling."""

import json as stdlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.agency import Saying
from hub.envelope import Envelope
from hub.errors import Unreadable
from hub.formats import json

SAYING = Saying(format="json", by="https", into=("any",))
PAPERS = Envelope(
    "00112233445566778899aabbccddeeff", "/hub", "x.v1.to.y", datetime(2026, 7, 4, 9, tzinfo=UTC), "00-t-s-01"
)


def refused(data: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        json.parse(data, SAYING)
    return caught.value


def test_an_object_is_one_item_with_its_own_id() -> None:
    """The document's bytes are kept as they came, byte order mark and all."""
    data = b'\xef\xbb\xbf {"id": "A-1", "n": 1.5, "t": "\\u00e9"} \n'
    assert list(json.parse(data, SAYING)) == [(data, "A-1", {"id": "A-1", "n": 1.5, "t": "é"})]


@pytest.mark.parametrize("own_id", ["7", "null", '""', '["A"]', "{}"])
def test_only_a_string_is_an_own_id(own_id: str) -> None:
    """A number may be written in many ways, so it names nothing."""
    (item,) = json.parse(f'{{"id": {own_id}}}'.encode(), SAYING)
    assert item.own_id is None


def test_an_array_gives_each_element_its_own_bytes() -> None:
    """What was written between the commas, and nothing else."""
    items = list(json.parse('[ {"id":"é"} ,\n{ "id" : "b" }]'.encode(), SAYING))
    assert [(item.raw.decode(), item.own_id) for item in items] == [('{"id":"é"}', "é"), ('{ "id" : "b" }', "b")]


def test_an_empty_array_holds_no_messages() -> None:
    """A sender with nothing to report has said so."""
    assert list(json.parse(b" [ ] ", SAYING)) == []


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"a": 1, "a": 2}', "duplicate-name"),
        (b'{"deep": [{"a": 1, "a": 1}]}', "duplicate-name"),
        (b'{"\\u0061": 1, "a": 2}', "duplicate-name"),
        (b'{"a": NaN}', "number"),
        (b'{"a": -Infinity}', "number"),
        (b'{"a": 1e999}', "number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number"),
        (b'{"a": "\\ud800"}', "not-text"),
        (b'{"\\u0000": "x"}', "not-text"),
        (b'"text"', "not-an-object"),
        (b"12", "not-an-object"),
        (b"null", "not-an-object"),
    ],
)
def test_what_json_cannot_hold_is_refused_alone(bad: bytes, code: str) -> None:
    """Whole where it is the document; alone, with its place, where it is one of many."""
    assert refused(bad).code == code
    first, second, third = json.parse(b'[{"id":"1"},' + bad + b',{"id":"3"}]', SAYING)
    assert (first.own_id, third.own_id) == ("1", "3")
    assert second.own_id is None
    assert second.raw == bad
    assert isinstance(second.message, Unreadable)
    assert (second.message.code, second.message.place) == (code, "[1]")


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"", "empty", ""),
        (b" \n\t", "empty", ""),
        (b"\xff\xfe{", "not-utf-8", "byte 0"),
        (b'{"a": "\xe9"}', "not-utf-8", "byte 7"),
        (b'{"a": 1', "not-json", "line 1 column 8"),
        (b'{"a": 1,}', "not-json", "line 1 column 9"),
        (b"{'a': 1}", "not-json", "line 1 column 2"),
        (b'{\n  "a": 1}\n{"b": 2}', "not-json", "line 3 column 1"),
        (b'[{"a": 1} {"b": 2}]', "not-json", "line 1 column 11"),
        (b'[{"a": 1},]', "not-json", "line 1 column 11"),
        (b'[{"a": 1}', "not-json", "line 1 column 10"),
        (b'[{"a": 1}] x', "not-json", "line 1 column 12"),
        (b'{"a": "line\nbreak"}', "not-json", "line 1 column 12"),
        (b'{"a": 01}', "not-json", "line 1 column 8"),
        (b"[" * 41 + b"]" * 41, "too-deep", "line 1 column 41"),
        (b'{"a":' * 100_000, "too-deep", "line 1 column 201"),
        (b"[" + b"{}," * 10_000 + b"{}]", "too-many", "[10000]"),
        (b'"' + b"x" * 1_000_000 + b'"', "too-large", ""),
    ],
)
def test_a_broken_whole_is_refused_with_its_place(data: bytes, code: str, place: str) -> None:
    """Nothing of it is yielded, and the error tells where to look."""
    error = refused(data)
    assert (error.code, error.place) == (code, place)


def test_brackets_within_strings_are_no_depth() -> None:
    """Nor are escaped quotes an end of a string."""
    text = "[{" * 50 + '\\"' + "[" * 50
    (item,) = json.parse(stdlib.dumps({"a": text}).encode(), SAYING)
    assert item.message == {"a": text}


def test_forty_levels_are_read() -> None:
    """The limit itself is allowed."""
    data = b'{"a":' * 39 + b"[]" + b"}" * 39
    (item,) = json.parse(data, SAYING)
    assert stdlib.loads(data) == item.message


def test_errors_say_nothing_of_the_content() -> None:
    """Neither a name nor a value stands in them."""
    for data in (b'{"CANARY": "CANARY", "CANARY": 1}', b'{"CANARY": CANARY}', b'["CANARY"] CANARY', b'"CANARY"'):
        error = refused(data)
        assert "CANARY" not in f"{error} {error!r} {error.__cause__!r}"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdé", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text("abcd", max_size=3), JSON_VALUES, max_size=4), max_size=5), st.integers(0, 3))
def test_reading_agrees_with_the_standard_library(objects: list[dict[str, object]], indent: int) -> None:
    """On what is sound, the strict reader reads the same values, and each element's bytes read alone give it."""
    data = stdlib.dumps(objects, indent=indent or None).encode()
    if "\\u0000" in data.decode():
        return
    items = list(json.parse(data, SAYING))
    assert [item.message for item in items] == objects
    assert [stdlib.loads(item.raw) for item in items] == objects


def test_rendering_has_one_spelling() -> None:
    """Sorted, compact, UTF-8; dates ISO 8601, times in UTC; what is None, or a record of nothing, left out."""
    summer = timezone(timedelta(hours=1))
    values = {
        "b": "é",
        "a": {"when": datetime(2026, 7, 4, 10, 30, tzinfo=summer), "day": date(2026, 7, 4), "not": None},
        "nothing": {"at": {"all": None}},
        "many": [{"x": None}, {"x": True}, {"x": 0}],
        "none": [],
        "exact": datetime(2026, 1, 1, 0, 0, 0, 5000, tzinfo=UTC),
    }
    expected = (
        '{"a":{"day":"2026-07-04","when":"2026-07-04T09:30:00Z"},"b":"é","exact":"2026-01-01T00:00:00.005000Z",'
        '"many":[{},{"x":true},{"x":0}],"none":[]}'
    )
    assert json.render(values).decode() == expected
    assert json.render(dict(reversed(values.items()))).decode() == expected


def test_papers_name_the_message() -> None:
    """A receiver finds the id by which it knows a repetition, and so does our own reader."""
    data = json.render({"a": 1}, papers=PAPERS)
    assert data == (
        b'{"a":1,"id":"00112233445566778899aabbccddeeff","time":"2026-07-04T09:00:00.000Z","type":"x.v1.to.y"}'
    )
    assert next(json.parse(data, SAYING)).own_id == PAPERS.id


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"id": "mine"}, ValueError),
        ({"at": datetime(2026, 1, 1)}, ValueError),  # noqa: DTZ001  the absent offset is the point
        ({"x": b"bytes"}, TypeError),
        ({"x": 1.5}, TypeError),
        ({1: "x"}, TypeError),
    ],
)
def test_what_has_no_certain_form_is_not_rendered(values: dict[str, object], error: type[Exception]) -> None:
    """Rather nothing than a guess."""
    with pytest.raises(error):
        json.render(values, papers=PAPERS)
