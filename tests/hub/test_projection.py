"""Promises of projections: just what was granted, coarsened where it was granted coarsely, and looked at twice."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.avro import Codec, bare, granted_schemas, leaves_of, schema_of
from hub.policy import Grant
from hub.projection import NotPermitted, Projection, permitted, tree_of

GIVEN = {
    "because": "a reason of some length",
    "notice": "MASH",
    "basis": {"article6": "e"},
    "gate": "statute",
    "kept": "14 days",
}
CHILD = {
    "nhs_number": "9990000018", "upn": None, "local_id": "7001", "surname": "Ferrars", "forename": "Noor",
    "preferred_forename": None, "sex": "F", "born": date(2014, 9, 5), "ethnicity": None, "ethnicity_description": None,
    "restricted": False,
    "address": {"line_1": "1 Made-up Street", "line_2": None, "line_3": None, "town": "Swindon", "county": None,
                "postcode": "SN99 9ZZ"},
}  # fmt: skip
PARENT = {"name": "Tester Parent", "relationship": "mother", "email": None, "phone": None}
EVENT = {"child": CHILD, "school": None, "parents": [PARENT, PARENT | {"name": None}]}


@pytest.fixture
def made(catalog):
    """A projection of demographic events by a grant in a few words, and the event as bytes."""
    stream = catalog.streams["child_demographics"]

    def of(*fields, plain=False, **coarse):
        words = {path.replace("__", "."): word for path, word in coarse.items()}
        grant = Grant(**GIVEN, fields=fields, coarse=words)
        return Projection(stream, grant, 1, 2, plain=plain)

    return of


@pytest.fixture
def data(catalog):
    """One demographic event on the wire."""
    return Codec(1, schema_of(catalog.streams["child_demographics"])).encode(EVENT)


def test_what_comes_out_is_what_was_granted_and_nothing_else(made, data):
    """At any depth, and in every element of a list."""
    values = made("child.surname", "child.address.town", "parents.relationship").project(data)

    assert values == {
        "child": {"surname": "Ferrars", "address": {"town": "Swindon"}},
        "parents": [{"relationship": "mother"}, {"relationship": "mother"}],
    }


def test_dates_are_pythons_where_somebody_looks_at_them(made, data):
    """Otherwise they stay what Avro carries."""
    assert made("child.born", plain=True).project(data) == {"child": {"born": date(2014, 9, 5)}}
    assert made("child.born").project(data) == {"child": {"born": (date(2014, 9, 5) - date(1970, 1, 1)).days}}


def test_a_coarsened_field_is_heard_only_coarsened(made, data):
    """Next to a field that is heard as it is, which stays quick to carry."""
    projection = made(
        "child.sex", child__born="year", child__address__postcode="outward_postcode", child__upn="present",
        child__nhs_number="present", parents__name="initial",
    )  # fmt: skip
    values = projection.project(data)

    assert values == {
        "child": {"sex": "F", "born": 2014, "address": {"postcode": "SN99"}, "upn": False, "nhs_number": True},
        "parents": [{"name": "T"}, {"name": None}],
    }
    assert Codec(2, projection.schema).decode(projection.encode(values)) == values


def test_what_is_encoded_is_what_fastavro_would_encode(catalog, made, data):
    """In the schema that the lock holds for the recipient."""
    projection = made("child.surname", "child.born", "child.address.line_1", "parents.name")
    values = projection.project(data)

    assert projection.encode(values) == Codec(2, bare(projection.schema)).encode(values)


def test_a_grant_of_a_field_that_is_not_there_cannot_be_compiled(made):
    """Nor one of a whole record."""
    for path in ("child.shoe_size", "child.address", "child"):
        with pytest.raises(KeyError):
            made("child.surname", path)


def test_the_second_check_stops_what_the_first_let_through(made, data):
    """Were a reader ever to give more than was granted, nothing is published."""
    projection = made("child.surname")
    projection._read = lambda _: {"child": {"surname": "Ferrars", "nhs_number": "9990000018"}}

    with pytest.raises(NotPermitted) as error:
        projection.project(data)
    assert "9990000018" not in str(error.value)


TREE = tree_of(("a", "b.c", "b.d.e", "f"))


@pytest.mark.parametrize(
    "values",
    [
        {}, {"a": "x"}, {"a": None, "f": [1, 2]}, {"f": []}, {"b": None}, {"b": {"c": True}}, {"b": []},
        {"b": [{"c": "x"}, {"d": {"e": 1}}, None]}, {"b": {"d": [{"e": None}]}}, {"a": date(2026, 9, 15)},
        {"a": datetime(2026, 9, 15, tzinfo=UTC)}, {"a": "x", "b": {"c": "y", "d": {"e": "z"}}, "f": ["w", None]},
    ],
)  # fmt: skip
def test_what_the_policy_names_is_permitted(values):
    """Absent, empty, single or many."""
    assert permitted(values, TREE)


@pytest.mark.parametrize(
    "values",
    [
        {"g": None}, {"a": "x", "g": "y"}, {"b": {"c": 1, "x": 2}}, {"b": {"d": {"e": 1, "c": 2}}},
        {"b": [{"c": 1}, {"x": 1}]}, {"b": [[{"x": 1}]]}, {"b": {"d": [{"e": 1}, {"c": 1}]}},
        {"a": {}}, {"a": {"x": 1}}, {"a": [{"x": 1}]}, {"a": [[1]]}, {"f": [1, {"x": 2}]}, {"a": (1,)}, {"a": b"x"},
        {"a": 1.5}, {"a": {1}}, {"b": "text"}, {"b": 5}, {"b": ["text"]}, {"b": {"d": "text"}}, {"b": {"d": [1]}},
        "text", 5, ["text"],
    ],
)  # fmt: skip
def test_what_the_policy_does_not_name_is_not_permitted(values):
    """A name at the wrong depth, a record or a list where a value should be, a value where a record should be."""
    assert not permitted(values, TREE)


NAMES = st.sampled_from("abcdef")
LEAVES = st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=2) | st.just(date(2026, 9, 15))
VALUES = st.recursive(
    LEAVES | st.lists(LEAVES, max_size=2),
    lambda inner: (
        st.dictionaries(NAMES, inner, max_size=3) | st.lists(st.dictionaries(NAMES, inner, max_size=2), max_size=2)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None, database=None)
@given(
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.sets(st.lists(NAMES, min_size=1, max_size=3).map(".".join), max_size=8),
)
def test_the_second_check_agrees_with_a_slower_one_that_lists_every_path(values, paths):
    """For any values and any policy that does not name both a record and a part of it."""
    paths = {path for path in paths if not any(other.startswith(path + ".") for other in paths)}
    records = {path[:at] for path in paths for at, sign in enumerate(path) if sign == "."}

    assert permitted(values, tree_of(paths)) == all(fits(*one, paths, records) for one in walk(values, ()))


def walk(value, above):
    """Every value below the top with its path; what is in a list has the list's."""
    for name, one in value.items():
        here = (*above, name)
        for each in one if isinstance(one, list) else [one]:
            if isinstance(each, dict):
                yield ".".join(here), True, True
                yield from walk(each, here)
            else:
                yield ".".join(here), False, each is not None
        if one == []:
            yield ".".join(here), None, False


def fits(path, is_record, is_something, paths, records):
    """Whether one place may hold what it holds."""
    if path in records:
        return bool(is_record) or not is_something
    return path in paths and not is_record


def test_every_grant_of_the_catalog_lets_out_its_own_fields_and_no_others(catalog):
    """The schema of what a recipient gets has just the leaves that its policy names."""
    for agency, policy in catalog.policies.items():
        for name, grant in policy.hears.items():
            stream = catalog.streams[name]
            own_id = catalog.id_of(stream.topic_to(agency), granted_schemas(stream, grant)[1])
            projection = Projection(stream, grant, catalog.id_of(stream.topic, schema_of(stream)), own_id)
            assert leaves_of(projection.schema) == {*grant.fields, *grant.coarse}
