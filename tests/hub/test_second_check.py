"""The second check: what leaves is what the policy names of the event, whatever the compiled code made of it."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from hub import catalog as catalogs
from hub.avro import Codec, bare, granted_schemas, schema_of
from hub.envelope import Envelope, traceparent
from hub.formats import json as json_format
from hub.policy import Grant
from hub.projection import Projection
from hub.second_check import NotPermitted, SecondCheck, permitted, tree_of
from hub.stream import Event, Sensitivity, Stream
from tests.hub.cases import TAKEN, granted
from tests.properties.pairs import Kin

GRANTS = sorted((agency, name) for agency, policy in catalogs.look().policies.items() for name in policy.hears)


class Person(Event):
    """Somebody."""

    name: Annotated[str, Field(description="Name."), Sensitivity.PERSONAL]
    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    postcode: Annotated[str | None, Field(description="Postcode."), Sensitivity.CONTACT] = None
    phone: Annotated[str | None, Field(description="Telephone."), Sensitivity.CONTACT] = None
    born: Annotated[date, Field(description="Born."), Sensitivity.PERSONAL]


class Met(Event):
    """A meeting."""

    child: Annotated[Person, Field(description="Who."), Sensitivity.PERSONAL]
    parents: Annotated[tuple[Person, ...], Field(description="Parents."), Sensitivity.PERSONAL] = ()
    notes: Annotated[tuple[str, ...], Field(description="Notes."), Sensitivity.NARRATIVE] = ()
    count: Annotated[int, Field(description="How many."), Sensitivity.OPEN]
    at: Annotated[datetime, Field(description="When."), Sensitivity.OPEN]


MET = Stream(name="met", event=Met, key=(), keep="days", steward="x")
SOURCE = schema_of(MET)
NOOR = {"name": "Noor", "nhs_number": "9990000018", "postcode": "ZZ9 9ZZ", "phone": None, "born": date(2015, 6, 1)}
SAM = {"name": "Sam", "nhs_number": "9990000026", "postcode": "ZZ8 8ZZ", "phone": "01632 960101",
       "born": date(1989, 3, 21)}  # fmt: skip
SAID = {"child": NOOR, "parents": [SAM, SAM | {"name": "Alex"}], "notes": ["one", "two"], "count": 3,
        "at": datetime(2026, 9, 14, 9, 30, tzinfo=UTC)}  # fmt: skip
DATA = Codec(1, SOURCE).encode(SAID)
GRANT = granted(
    "child.name", "child.postcode", "parents.name", "parents.phone", "notes", "at",
    coarse={"child.born": "age_band", "parents.born": "year", "parents.postcode": "outward_postcode",
            "child.nhs_number": "present", "count": "count_band"},
)  # fmt: skip


class Way:
    """One grant's way out of the hub, and the check of it."""

    def __init__(self, grant: Grant = GRANT, *, as_json: bool = False) -> None:
        self.json = as_json
        self.projection = Projection(MET, grant, 1, 2, plain=True)
        self.own = granted_schemas(MET, grant)[1]
        self.check = SecondCheck(grant, SOURCE, 2, self.own, as_json=as_json)

    def told(self, *without: str, data: bytes = DATA) -> dict[str, Any]:
        """What the projection gives."""
        return self.projection.project(data, TAKEN, frozenset(without))

    def body(self, values: dict[str, Any]) -> bytes:
        """As it would be published, whatever the values."""
        if not self.json:
            return Codec(2, self.own).encode(values)
        name = "0123456789abcdef" * 2
        return json_format.render(values, papers=Envelope(name, "/hub", "met.v1.to.x", TAKEN, traceparent(name)))

    def permits(self, body: bytes, *without: str, data: bytes = DATA, at: datetime = TAKEN) -> bool:
        """Whether the check lets it go."""
        try:
            self.check.permits(data, body, frozenset(without), at)
        except NotPermitted:
            return False
        return True


AVRO, JSON = Way(), Way(as_json=True)
ways = pytest.mark.parametrize("way", [AVRO, JSON], ids=["avro", "json"])
TOLD = AVRO.told()


@ways
@pytest.mark.parametrize(
    "without",
    [
        (), ("child.postcode",), ("parents.phone",), ("parents.phone", "child.postcode"), ("parents.name",), ("notes",),
        ("parents.born",), ("parents.postcode",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_the_projection_makes_is_permitted(way, without):
    """Whole, and with what is kept back of this one event left out."""
    assert way.permits(way.body(way.told(*without)), *without)


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_what_every_grant_in_force_makes_is_permitted_by_the_arbiter_too(agency, name, catalog):
    """The check that decodes anew, which is asked where the cut bytes are not there to compare with."""
    stream, grant = catalog.streams[name], catalog.policies[agency].hears[name]
    check = SecondCheck(grant, schema_of(stream), 2, granted_schemas(stream, grant)[1])
    check._splice = None
    projection, kin = Projection(stream, grant, 1, 2), Kin(stream, grant, open=False)
    for seed in range(40):
        data = Codec(1, kin.schema).encode(kin.drawn(random.Random(f"{agency} {name} {seed}")))
        check.permits(data, projection.encode(projection.project(data, TAKEN)), frozenset(), TAKEN)


def put(values: Any, path: str, new: Any) -> Any:
    """*values* with *new* at *path*; a number is a place in a list."""
    head, _, rest = path.partition(".")
    if isinstance(values, list):
        return [put(one, rest, new) if place == int(head) else one for place, one in enumerate(values)]
    return values | {head: put(values[head], rest, new) if rest else new}


@ways
@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("child.name", "9990000018"),  # another field's value where a granted one should be
        ("child.name", "Noor 9990000018"),
        ("child.name", "noor"),
        ("child.name", ""),
        ("child.postcode", "ZZ8 8ZZ"),
        ("parents.0.name", "Alex"),
        ("parents.1.phone", "01632 960102"),
        ("parents.0.postcode", "ZZ8 8ZZ"),  # a coarse field as it is
        ("parents.0.born", 1990),
        ("child.born", "16 to 17"),
        ("child.born", "2015-06-01"),
        ("child.nhs_number", False),
        ("count", "3"),
        ("count", "6 to 10"),
        ("notes", ["one", "two", "9990000018"]),
        ("notes", ["two", "one"]),
        ("notes", ["one"]),
        ("notes", []),
        ("at", datetime(2026, 9, 14, 9, 30, 0, 1_000, tzinfo=UTC)),
    ],
)
def test_another_value_than_the_events_own_is_not_permitted(way, path, new):
    """In any granted field, at any depth: it could be what was not granted, spelt out in what was."""
    assert way.permits(way.body(way.told()))
    assert not way.permits(way.body(put(way.told(), path, new)))


@ways
@pytest.mark.parametrize("parents", [[0], [1, 0], [0, 1, 0], [0, 0], []], ids=str)
def test_the_elements_of_a_list_are_the_events_own_in_their_order(way, parents):
    """None more, none fewer: how many there are, and which comes first, tells something too."""
    told = way.told()

    assert not way.permits(way.body(told | {"parents": [told["parents"][place] for place in parents]}))


@ways
@pytest.mark.parametrize("path", ["child.postcode", "parents.phone", "parents.postcode", "notes"])
def test_what_is_kept_back_of_this_event_may_not_be_there(way, path):
    """Though it is granted, and what the event says; neither as it is nor coarsened."""
    assert not way.permits(way.body(way.told()), path)
    assert way.permits(way.body(way.told(path)), path)


def test_one_element_with_what_is_kept_back_is_enough():
    """It is looked for in each."""
    without = AVRO.told("parents.phone")

    assert not AVRO.permits(AVRO.body(put(without, "parents.1.phone", SAM["phone"])), "parents.phone")


@ways
def test_what_is_left_out_is_permitted(way):
    """Less than the grant is nobody's disclosure."""
    assert way.permits(way.body(put(way.told(), "child.postcode", None)))


@pytest.mark.parametrize(
    "body",
    [
        b"\x00\x00\x00\x00\x01" + AVRO.body(TOLD)[5:],  # the event's own schema
        b"\x00\x00\x00\x00\x03" + AVRO.body(TOLD)[5:],
        b"\x01" + AVRO.body(TOLD)[1:],
        AVRO.body(TOLD)[5:],
        AVRO.body(TOLD) + b"\x00",
        AVRO.body(TOLD) + b"9990000018",
        DATA,
        JSON.body(JSON.told()),
        b"",
    ],
    ids=range(9),
)
def test_bytes_of_another_schema_or_beyond_it_are_not_permitted(body):
    """What a recipient would read past, or read otherwise, could hold anything."""
    assert not AVRO.permits(body)


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_bytes_that_end_too_soon_are_an_error(cut):
    """Which withholds as well (`hub.route`)."""
    with pytest.raises((EOFError, ValueError, IndexError, NotPermitted)):
        AVRO.check.permits(DATA, AVRO.body(TOLD)[:-cut], frozenset(), TAKEN)


@pytest.mark.parametrize(
    "more",
    [
        {"surname": "Ferrars"}, {"child": {"nhs_number": "9990000018"}}, {"child": {"sex": "F"}},
        {"parents": [{"sex": "F"}]}, {"notes": [{"by": "x"}]}, {"count": {"of": 3}}, {"synthetic": True}, {"": 1},
        {"child.name": "Noor"},
    ],
    ids=str,
)  # fmt: skip
def test_a_member_that_the_policy_does_not_name_is_not_permitted(more):
    """At any depth of a letter; the letter's own three words are not the event's."""
    letter = json.loads(JSON.body(JSON.told()))
    assert {"id", "type", "time"} <= letter.keys()
    for name, one in more.items():
        have = letter.get(name)
        both = isinstance(one, dict) and isinstance(have, dict)
        letter[name] = {**have, **one} if both else [*have, *one] if isinstance(one, list) else one

    assert not JSON.permits(json.dumps(letter).encode())


def test_what_the_event_does_say_and_the_policy_does_not_name_is_not_permitted():
    """That it is true does not let it out: in a letter, and under a schema that has more than the grant."""
    letter = json.loads(JSON.body(JSON.told()))
    letter["parents"][0]["nhs_number"] = SAM["nhs_number"]
    assert not JSON.permits(json.dumps(letter).encode())

    more = granted_schemas(MET, granted("child.name", "child.postcode"))[1]
    check = SecondCheck(granted("child.name"), SOURCE, 2, more)
    body = Codec(2, more).encode({"child": {"name": "Noor", "postcode": "ZZ9 9ZZ"}})
    with pytest.raises(NotPermitted):
        check.permits(DATA, body, frozenset(), TAKEN)


@pytest.mark.parametrize("body", [b"[]", b"5", b'"Noor"', b"null", b"{"])
def test_a_letter_that_is_none_is_an_error_or_not_permitted(body):
    """Whatever it holds, it does not leave."""
    with pytest.raises((NotPermitted, ValueError, AttributeError)):
        JSON.check.permits(DATA, body, frozenset(), TAKEN)


def test_a_list_in_several_blocks_goes_to_the_arbiter_and_passes():
    """Avro lets a writer part a list; the hub's own do not, and what another wrote is carried all the same."""
    one_block, two_blocks = b"\x04\x06one\x06two\x00", b"\x02\x06one\x02\x06two\x00"
    assert DATA.count(one_block) == 1
    blocks = DATA.replace(one_block, two_blocks)

    assert AVRO.told(data=blocks) == AVRO.told()
    assert AVRO.permits(AVRO.body(AVRO.told()), data=blocks)
    assert not AVRO.permits(AVRO.body(put(AVRO.told(), "notes", ["one", "three"])), data=blocks)


def test_what_is_wrong_is_not_said():
    """The error could stand in a log: it names neither the place nor the value."""
    with pytest.raises(NotPermitted) as caught:
        AVRO.check.permits(DATA, AVRO.body(put(TOLD, "child.name", "Noor 9990000018")), frozenset(), TAKEN)

    assert not [word for word in ("Noor", "9990000018", "child", "name") if word in str(caught.value)]


def test_the_check_looks_at_the_day_on_which_the_hub_took_the_event_in():
    """An age of another day is another value."""
    assert not AVRO.permits(AVRO.body(TOLD), at=TAKEN.replace(year=2032))


class Grown(Met):
    """A meeting of which more can be said."""

    place: Annotated[str | None, Field(description="Where."), Sensitivity.CONTACT] = None


def test_an_event_from_before_the_schema_grew_is_checked_by_the_schema_it_was_written_with():
    """What it could not have is null, and nothing else may stand there."""
    stream = Stream(name="met", event=Grown, key=(), keep="days", steward="x")
    grant = granted("child.name", "place")
    own = granted_schemas(stream, grant)[1]
    check = SecondCheck(grant, SOURCE, 2, own)
    told = Projection(stream, grant, 1, 2, source=SOURCE).project(DATA)

    check.permits(DATA, Codec(2, own).encode(told), frozenset(), TAKEN)
    with pytest.raises(NotPermitted):
        check.permits(DATA, Codec(2, own).encode(told | {"place": "9990000018"}), frozenset(), TAKEN)


def test_the_cut_bytes_alone_do_not_permit_what_is_kept_back():
    """They are what the whole grant gives: with anything kept back they are not asked."""
    body = AVRO.body(TOLD)

    assert AVRO.check._spliced(DATA, TAKEN.date()) == body
    assert not AVRO.permits(body, "child.postcode")


def test_the_splice_and_the_arbiter_agree():
    """Where the bytes cannot be compared the verdict is the same."""
    slow = Way()
    slow.check._splice = None
    for values in (TOLD, put(TOLD, "child.name", "Sam"), put(TOLD, "count", "none")):
        body = AVRO.body(values)
        assert AVRO.permits(body) == slow.permits(body) == (values is TOLD)


def test_the_check_reads_by_schemas_that_are_not_the_compiled_ones():
    """The lock's: without documentation or dates it is the same schema."""
    check = SecondCheck(GRANT, bare(SOURCE), 2, bare(AVRO.own))

    check.permits(DATA, AVRO.body(TOLD), frozenset(), TAKEN)


# --- the policy's words -----------------------------------------------------------------------------------------

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
