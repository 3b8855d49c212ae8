"""Promises of projections: just what was granted, coarsened where that was granted, without what is kept back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import pytest
from pydantic import Field

from hub.avro import Codec, bare, granted_schemas, leaves_of, schema_of
from hub.projection import NothingFits, Projection
from hub.stream import Event, Sensitivity, Stream
from tests.hub.cases import TAKEN, granted

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
        return Projection(stream, granted(*fields, coarse=words), 1, 2, plain=plain)

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


def test_every_grant_of_the_catalog_lets_out_its_own_fields_and_no_others(catalog):
    """The schema of what a recipient gets has just the leaves that its policy names."""
    for agency, policy in catalog.policies.items():
        for name, grant in policy.hears.items():
            stream = catalog.streams[name]
            own_id = catalog.id_of(stream.topic_to(agency), granted_schemas(stream, grant)[1])
            projection = Projection(stream, grant, catalog.id_of(stream.topic, schema_of(stream)), own_id)
            assert leaves_of(projection.schema) == {*grant.fields, *grant.coarse}


# --- what is kept back of one event -----------------------------------------------------------------------------


class Home(Event):
    """A place; its first line must be there."""

    line_1: Annotated[str, Field(description="Line."), Sensitivity.CONTACT]
    postcode: Annotated[str | None, Field(description="Postcode."), Sensitivity.CONTACT] = None


class Person(Event):
    """Somebody, with a home that must be there and one that need not."""

    name: Annotated[str, Field(description="Name."), Sensitivity.PERSONAL]
    born: Annotated[date | None, Field(description="Born."), Sensitivity.PERSONAL] = None
    home: Annotated[Home, Field(description="Home."), Sensitivity.CONTACT]
    former: Annotated[Home | None, Field(description="Home before."), Sensitivity.CONTACT] = None


class Visited(Event):
    """A visit."""

    child: Annotated[Person, Field(description="Who."), Sensitivity.PERSONAL]
    other: Annotated[Person | None, Field(description="Another."), Sensitivity.PERSONAL] = None
    parents: Annotated[tuple[Person, ...], Field(description="Parents."), Sensitivity.PERSONAL] = ()
    notes: Annotated[tuple[str, ...] | None, Field(description="Notes."), Sensitivity.NARRATIVE] = None
    day: Annotated[date, Field(description="When."), Sensitivity.OPEN]


def stream(event: type[Event] = Visited) -> Stream:
    return Stream(name="visit", event=event, key=(), keep="days", steward="x")


VISITS = stream()
EVERY = tuple(sorted(leaves_of(schema_of(VISITS))))
HOME = {"line_1": "1 Invented Row", "postcode": "ZZ9 9ZZ"}
PERSON = {"name": "Noor", "born": date(2015, 6, 1), "home": HOME, "former": HOME}
VISIT = {"child": PERSON, "other": PERSON, "parents": [PERSON, PERSON | {"former": None}], "notes": ["a", "b"],
         "day": date(2026, 9, 14)}  # fmt: skip
SEEN = Codec(1, schema_of(VISITS)).encode(VISIT)


def project(*without: str, fields=EVERY, data=SEEN, **coarse):
    """What is told of a visit without some leaves."""
    grant = granted(*(path for path in fields if path not in coarse), coarse=coarse)
    projection = Projection(VISITS, grant, 1, 2, plain=True)
    values = projection.project(data, TAKEN, frozenset(without))
    assert Codec(2, projection.schema).decode(projection.encode(values)) == values
    return values


def test_without_anything_kept_back_all_is_told():
    """What the next tests take away is there."""
    assert project() == VISIT


@pytest.mark.parametrize(
    ("leaf", "told"),
    [
        ("child.born", {"child": PERSON | {"born": None}}),
        ("child.home.postcode", {"child": PERSON | {"home": HOME | {"postcode": None}}}),
        ("child.former.postcode", {"child": PERSON | {"former": HOME | {"postcode": None}}}),
        ("child.former.line_1", {"child": PERSON | {"former": None}}),
        ("other.name", {"other": None}),
        ("other.home.line_1", {"other": None}),
        ("other.former.line_1", {"other": PERSON | {"former": None}}),
        ("parents.born", {"parents": [PERSON | {"born": None}, PERSON | {"born": None, "former": None}]}),
        ("parents.former.line_1", {"parents": [PERSON | {"former": None}] * 2}),
        ("parents.name", {"parents": []}),
        ("parents.home.line_1", {"parents": []}),
        ("notes", {"notes": None}),
    ],
)
def test_what_is_kept_back_is_null_or_what_is_nearest_to_it_that_may_be(leaf, told):
    """The leaf itself, else the nearest record around it, in every element; a list that must be there is emptied."""
    assert project(leaf) == VISIT | told


@pytest.mark.parametrize("leaf", ["child.name", "child.home.line_1", "day"])
def test_what_has_nothing_around_it_that_may_be_null_cannot_be_kept_back(leaf):
    """Then there is no message without it, and the error names the leaf."""
    with pytest.raises(NothingFits) as caught:
        project("child.born", leaf)
    assert caught.value.args == (leaf,)


def test_several_are_kept_back_together():
    """Each as if it were alone."""
    told = project("child.born", "other.name", "parents.former.line_1", "notes")

    assert told == VISIT | {
        "child": PERSON | {"born": None}, "other": None, "parents": [PERSON | {"former": None}] * 2, "notes": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "without", "told"),
    [
        (("day", "child.former.postcode"), ("child.former.postcode",), {"child": {"former": None}}),
        (("day", "other.born"), ("other.born",), {"other": None}),
        (("day", "other.former.postcode"), ("other.former.postcode",), {"other": None}),
        (("day", "other.born", "other.former.postcode"), ("other.former.postcode",),
         {"other": {"born": date(2015, 6, 1), "former": None}}),
        (("day", "parents.born"), ("parents.born",), {"parents": []}),
        (("day", "parents.born", "parents.former.postcode"), ("parents.born", "parents.former.postcode"),
         {"parents": []}),
        (("day", "parents.name", "parents.born"), ("parents.born",), {"parents": [{"name": "Noor", "born": None}] * 2}),
        (("day", "child.former.line_1", "child.former.postcode"), ("child.former.line_1", "child.former.postcode"),
         {"child": {"former": None}}),
    ],
)  # fmt: skip
def test_of_what_nothing_is_told_it_is_not_told_either_that_it_was_there(fields, without, told):
    """An empty record, or as many empty ones as there were people, would tell that."""
    assert project(*without, fields=fields) == told | {"day": date(2026, 9, 14)}


def test_what_is_absent_already_stays_so():
    """Nothing is made up for it."""
    data = Codec(1, schema_of(VISITS)).encode(VISIT | {"other": None, "parents": [], "notes": None})

    assert project("other.born", "parents.born", "notes", data=data) == (
        VISIT | {"other": None, "parents": [], "notes": None}
    )


@pytest.mark.parametrize("leaf", [path for path in EVERY if path not in ("child.name", "child.home.line_1", "day")])
def test_of_what_is_kept_back_nothing_is_in_the_bytes(leaf):
    """Whatever stands there, what leaves is the same, to the byte."""
    projection = Projection(VISITS, granted(*EVERY), 1, 2)

    def sent(value):
        data = Codec(1, schema_of(VISITS)).encode(changed(VISIT, leaf.split("."), value))
        return projection.encode(projection.project(data, TAKEN, frozenset({leaf})))

    day = leaf.endswith("born")
    values = (date(1999, 9, 9), date(2000, 1, 1)) if day else (["x"], []) if leaf == "notes" else ("x", "y" * 300)
    assert len({sent(value) for value in values}) == 1


def changed(values, path, new):
    """*values* with another one at *path*, in every element of a list."""
    if isinstance(values, list):
        return [changed(one, path, new) for one in values]
    if not path:
        return new
    return values and values | {path[0]: changed(values[path[0]], path[1:], new) if path[1:] else new}


def test_a_coarsened_field_is_kept_back_like_any_other():
    """Nothing is made of it; one that tells of presence cannot say that it is not there, so what is around it goes."""
    assert project("child.born", **{"child.born": "age_band"})["child"]["born"] is None
    assert project("other.born", **{"other.born": "present"})["other"] is None
    with pytest.raises(NothingFits):
        project("child.born", **{"child.born": "present"})


@pytest.mark.parametrize(
    ("taken", "band"),
    [
        (datetime(2031, 5, 31, 22, 59, 59, tzinfo=UTC), "10 to 15"),
        (datetime(2031, 5, 31, 23, 0, 0, tzinfo=UTC), "16 to 17"),  # 1 June has begun in England
    ],
)
def test_an_age_is_that_of_the_day_in_england_on_which_the_hub_took_the_event_in(taken, band):
    """Not of the day on which it is told: told again it is told in the same words."""
    projection = Projection(VISITS, granted("day", coarse={"child.born": "age_band"}), 1, 2)

    assert projection.project(SEEN, taken)["child"] == {"born": band}


def test_each_leaf_that_goes_is_told_with_the_one_it_goes_for():
    """So that a receipt can say of every field why it was not told."""
    projection = Projection(VISITS, granted(*EVERY), 1, 2)

    assert projection.lost(frozenset({"child.former.line_1", "child.born"})) == {
        "child.born": "child.born",
        "child.former.line_1": "child.former.line_1",
        "child.former.postcode": "child.former.line_1",
    }
    lost = projection.lost(frozenset({"parents.name"}))
    assert set(lost.values()) == {"parents.name"}
    assert set(lost) == {path for path in EVERY if path.startswith("parents.")}


# --- events that were written before the schema grew ------------------------------------------------------------


class Place(Event):
    """A place as it will be said one day."""

    line_1: Annotated[str, Field(description="Line."), Sensitivity.CONTACT]
    postcode: Annotated[str | None, Field(description="Postcode."), Sensitivity.CONTACT] = None
    country: Annotated[str | None, Field(description="Country."), Sensitivity.CONTACT] = None


class Grown(Person):
    """Somebody, of whom more can be said."""

    home: Annotated[Place, Field(description="Home."), Sensitivity.CONTACT]
    pronouns: Annotated[str | None, Field(description="Pronouns."), Sensitivity.PERSONAL] = None


class VisitedLater(Visited):
    """A visit, of which more can be said."""

    child: Annotated[Grown, Field(description="Who."), Sensitivity.PERSONAL]
    parents: Annotated[tuple[Grown, ...], Field(description="Parents."), Sensitivity.PERSONAL] = ()
    interpreter: Annotated[Grown | None, Field(description="Interpreter."), Sensitivity.PERSONAL] = None
    by: Annotated[str, Field(description="By whom."), Sensitivity.PERSONAL]


LATER = stream(VisitedLater)
NEW = tuple(sorted(leaves_of(schema_of(LATER)) - set(EVERY)))


def later(*fields: str, without: frozenset[str] = frozenset(), **coarse: str):
    """What is told of the old visit by a grant that was made for the newer ones."""
    projection = Projection(LATER, granted(*fields, coarse=coarse), 1, 2, plain=True, source=schema_of(VISITS))
    values = projection.project(SEEN, TAKEN, without)
    assert Codec(2, projection.schema).decode(projection.encode(values)) == values
    return values


def test_a_field_that_an_event_could_not_have_yet_is_null():
    """At any depth and in every element; of a record that is new as a whole just the record."""
    assert "child.home.country" in NEW
    assert later(
        "child.name", "child.pronouns", "child.home.country", "interpreter.name", "interpreter.home.line_1"
    ) == {
        "child": {"name": "Noor", "pronouns": None, "home": {"country": None}},
        "interpreter": None,
    }
    assert later("parents.pronouns", "parents.name") == {"parents": [{"name": "Noor", "pronouns": None}] * 2}


def test_a_field_that_an_event_could_not_have_yet_and_must_have_makes_no_message():
    """Nothing is made up: the event is withheld; so is one that would say that it is not there."""
    with pytest.raises(NothingFits):
        later("day", "by")
    with pytest.raises(NothingFits):
        later("day", by="present")


def test_what_is_kept_back_of_an_old_event_goes_with_what_it_could_not_have():
    """Both are null, each where it may be."""
    told = later("child.name", "child.born", "child.pronouns", without=frozenset({"child.born", "child.pronouns"}))

    assert told == {"child": {"name": "Noor", "born": None, "pronouns": None}}


def test_old_and_new_events_are_told_alike():
    """What both could say gives the same bytes, whichever schema it was said with."""
    grant = granted("child.name", "child.home.line_1", "parents.former.postcode", "day", coarse={"child.born": "year"})
    before = Projection(VISITS, grant, 1, 2)
    now = Projection(LATER, grant, 3, 2)
    old = Projection(LATER, grant, 1, 2, source=schema_of(VISITS))
    more = {"pronouns": "they", "home": HOME | {"country": "Wales"}}
    said = VISIT | {
        "child": PERSON | more, "parents": [PERSON | more, PERSON | more | {"former": None}],
        "interpreter": PERSON | more, "by": "the duty team",
    }  # fmt: skip
    newer = Codec(3, schema_of(LATER)).encode(said)

    assert (
        before.encode(before.project(SEEN, TAKEN))
        == old.encode(old.project(SEEN, TAKEN))
        == now.encode(now.project(newer, TAKEN))
    )
