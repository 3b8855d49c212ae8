"""Inbound: every message is understood, set aside or refused, whatever its bytes and whatever our code does."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from hub import formats
from hub.agency import Agency
from hub.errors import NotForUs, NotUnderstood, Unreadable
from hub.inbound import Line, Queried, Query, Refusal, SetAside, Understood, own_id, read
from hub.keys import Keys
from hub.standing import Standing
from hub.stream import Event, Sensitivity, Stream

KEYS = Keys(b"a secret for tests, of 32 bytes.")
SECRET = "Zebedee"  # what a message holds and no refusal may


class Moved(Event):
    """A child moved."""

    child: Annotated[str, Field(description="Who.", min_length=1), Sensitivity.IDENTIFIER]
    times: Annotated[int, Field(description="How often."), Sensitivity.OPEN] = 1


class Saw(Event):
    """A child was seen."""

    child: Annotated[str, Field(description="Who."), Sensitivity.IDENTIFIER]


MOVES = Stream(name="moves", event=Moved, key=("child",), keep="days", steward="x")
SIGHTS = Stream(name="sights", event=Saw, key=("child",), keep="days", steward="x")


def moves(message: dict) -> Iterator[Event | Query]:
    """What each word of a test's message makes the agency's code do."""
    match message["say"]:
        case "moved":
            yield Moved(child=message["child"])
        case "odd":
            yield Query("name.sign", "child")
            yield Moved(child=message["child"])
        case "both":
            yield Moved(child=message["child"])
            yield Saw(child=message["child"])
        case "invalid":
            yield Moved(child=message["child"], times="often")
        case "unknown":
            yield Moved(**{"child": "x", SECRET: 1})
        case "refuse":
            raise NotUnderstood("date.form", "born", "write it as YYYY-MM-DD")
        case "half":
            yield Moved(child=message["child"])
            raise NotUnderstood("date.form", "born", "write it as YYYY-MM-DD")
        case "other":
            raise NotForUs("not-a-child")
        case "crash":
            raise RuntimeError(SECRET)
        case "query":
            yield Query("name.sign", "child")
        case "plain":
            yield SECRET  # type: ignore[misc]  # what a careless connector might do


def line(*streams: Stream, form: str = "json") -> Line:
    says = {"moves": {"format": form, "by": "https", "into": ["moves", "sights"]}}
    clinic = Agency(name="Clinic", steward="a@b.example", says=says, key="clinic")
    return Line(clinic, "moves", moves, streams or (MOVES, SIGHTS))


LINE = line()


def outcomes(*messages, line=LINE):
    """What comes of a JSON array of messages."""
    return list(read(line, json.dumps(messages).encode(), KEYS))


def said(say: str, **more) -> dict:
    return {"say": say, "child": SECRET} | more


def test_a_message_becomes_its_events():
    """One event, at its message's position, in the stream of its type."""
    (one,) = outcomes(said("moved"))

    assert (one.position, one.stream, one.event) == (0, MOVES, Moved(child=SECRET))


def test_one_message_may_say_several_things():
    """Each event has an id of its own, and queries lie where they arose."""
    both = outcomes(said("both", id="m1"))
    odd = outcomes(said("odd"))

    assert [one.stream.name for one in both] == ["moves", "sights"]
    assert both[0].id != both[1].id
    assert [type(one) for one in odd] == [Queried, Understood]
    assert odd[0] == Queried(0, "name.sign", "child")


@pytest.mark.parametrize(
    ("say", "code", "place"),
    [
        ("invalid", "invalid.int-parsing", "times"),
        ("unknown", "invalid.extra-forbidden", ""),
        ("refuse", "date.form", "born"),
        ("half", "date.form", "born"),
        ("crash", "error.runtimeerror", r"moves:\d+"),
        ("query", "nothing-said", ""),
        ("nothing", "nothing-said", ""),
        ("plain", "nothing-said", ""),
    ],
)
def test_what_makes_no_event_is_refused_and_said_by_code_and_place(say, code, place):
    """Never by its content: neither the value nor the name of a field that we do not know."""
    (one,) = outcomes(said(say))

    assert isinstance(one, Refusal)
    assert one.readable
    assert one.code == code
    assert re.fullmatch(place, one.place)
    assert SECRET not in f"{one.code}{one.place}{one.mend}"
    assert SECRET.encode() in one.raw


def test_a_message_without_a_field_that_the_code_counts_on_is_refused():
    """A KeyError of the agency's code is this message's refusal, and no crash."""
    (one,) = outcomes({"child": SECRET})

    assert (one.code, one.readable) == ("error.keyerror", True)


def test_an_event_of_a_stream_that_the_line_does_not_speak_into_is_refused():
    """All of the message is: nothing is said by half."""
    (one,) = outcomes(said("both"), line=line(MOVES))

    assert (one.code, one.place) == ("not-its-stream", "moves")


def test_an_event_of_a_subclass_is_of_no_stream():
    """Types match exactly, since a subclass could carry more than the stream's schema."""

    class More(Moved):
        """More than moved."""

    def more(message):
        yield More(child="x")

    (one,) = read(Line(line().agency, "moves", more, (MOVES,)), b"{}", KEYS)

    assert one.code == "not-its-stream"


def test_what_nobody_needs_is_set_aside():
    """Sound, counted by its code, and not in quarantine."""
    assert outcomes(said("other")) == [SetAside(0, "not-a-child")]


def test_one_bad_message_does_not_stop_the_others():
    """In a whole of many each has its own outcome, in order."""
    found = outcomes(said("moved"), said("crash"), said("other"), said("refuse"), said("moved"))

    assert [(one.position, type(one)) for one in found] == [
        (0, Understood), (1, Refusal), (2, SetAside), (3, Refusal), (4, Understood)]  # fmt: skip


def test_the_same_input_twice_is_the_same_events():
    """Ids come of the sender's own id, or else of the whole input and the position."""
    named, nameless = [said("moved", id="m1"), said("moved", id="m2")], [said("moved"), said("moved")]

    assert [one.id for one in outcomes(*named)] == [one.id for one in outcomes(*named)]
    assert [one.id for one in outcomes(*nameless)] == [one.id for one in outcomes(*nameless)]
    assert len({one.id for one in outcomes(*named, *nameless)}) == 4


def test_a_senders_id_outlives_its_company():
    """The same message in another batch is the same event; without an id, another file is another event."""
    alone, together = outcomes(said("moved", id="m1")), outcomes(said("moved"), said("moved", id="m1"))

    assert alone[0].id == together[1].id
    assert outcomes(said("moved"))[0].id != outcomes(said("moved"), said("moved"))[0].id


def test_an_id_that_is_used_twice_in_one_input_is_refused_the_second_time():
    """Its events would pass for the first one's and be dropped as duplicates; the very same message again may."""
    found = outcomes(said("moved", id="m1"), said("moved", id="m1", more="x"), said("moved", id="m1"))

    assert [getattr(one, "code", "understood") for one in found] == ["understood", "id.used-before", "understood"]
    assert found[0].id == found[2].id


@pytest.mark.parametrize("data", [b"", b"\xff", b"[", b"{", b"null", b"1", b'{"a": NaN}', b"[" * 100_000])
def test_what_cannot_be_read_is_refused_whole(data):
    """Position -1, the bytes as they came, and a code of the format."""
    (one,) = read(line(), data, KEYS)

    assert isinstance(one, Refusal)
    assert (one.raw, one.readable) == (data, False)
    assert one.code


def test_a_reader_that_trips_refuses_the_whole(monkeypatch):
    """A fault in a format's own code is no crash either; what was read before it stands."""

    def tripping(data, saying):
        yield formats.Item(b"{}", None, said("moved"))
        raise RecursionError(SECRET)

    monkeypatch.setattr(formats, "parse", tripping)
    found = list(read(line(), b"{}", KEYS))

    assert [type(one) for one in found] == [Understood, Refusal]
    assert (found[1].position, found[1].code, found[1].readable) == (-1, "error.recursionerror", False)
    assert own_id(line(), b"{}") is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"id": "m1"}', "m1"),
        (b'[{"id": "m1"}]', "m1"),
        (b'[{"id": "m1"}, {"id": "m2"}]', None),
        (b'{"id": 7}', None),
        (b"{}", None),
        (b"[]", None),
        (b"not json", None),
    ],
)
def test_a_senders_own_id_is_that_of_a_single_message(data, name):
    """Of several messages, of one without an id, and of what cannot be read there is none."""
    assert own_id(line(), data) == name


def test_rows_of_a_table_have_no_id_of_their_own():
    """Even a file of one row: it is not even read for it."""
    assert own_id(line(form="csv"), b"id\nm1\n") is None


def test_a_bad_item_within_a_sound_whole_is_refused_as_unreadable(monkeypatch):
    """The format marks it, and its neighbours stand."""
    items = [formats.Item(b"raw", None, Unreadable("csv.ragged", "line 2", "mend it")),
             formats.Item(b"{}", None, said("moved"))]  # fmt: skip
    monkeypatch.setattr(formats, "parse", lambda data, saying: iter(items))

    refused, understood = read(line(), b"whole", KEYS)

    origin = f"{hashlib.sha256(b'whole').hexdigest()}\x000"
    assert refused == Refusal(0, "csv.ragged", "line 2", "mend it", b"raw", readable=False, origin=origin)
    assert isinstance(understood, Understood)


SAYS = st.sampled_from(["moved", "odd", "both", "invalid", "refuse", "half", "other", "crash", "query", "plain", ""])


@given(st.lists(st.tuples(SAYS, st.none() | st.sampled_from(["m1", "m2"])), min_size=1, max_size=8))
def test_nothing_vanishes(messages):
    """In = understood + set aside + refused: each message has one of the three, and never two."""
    given_in = [said(say) | ({"id": name} if name else {}) for say, name in messages]

    found = outcomes(*given_in)

    kinds = {position: set() for position in range(len(given_in))}
    for one in found:
        if not isinstance(one, Queried):
            kinds[one.position].add(type(one))
    assert all(len(kind) == 1 for kind in kinds.values())


# --- names that keep something from somebody --------------------------------------------------------------------


class Endangered(Event):
    """A child is in danger of somebody."""

    conflicts: Annotated[tuple[str, ...] | None, Field(description="Who must not hear."), Sensitivity.CRIMINAL] = None


DANGERS = Stream(name="dangers", event=Endangered, key=(), keep="days", steward="x", conflicts="conflicts")
STATUSES = Stream(name="statuses", event=Standing, key=("upn",), keep="latest", steward="x", conflicts="conflicts")
WHEN = {"recorded_at": "2026-03-01T09:30:00Z"}


def known(event: Event, stream: Stream, **there: frozenset[str]) -> tuple[str, str]:
    """The code and the place of what comes of an event that a line says, where there are these names."""
    (one,) = read(replace(line(stream), understand=lambda _: iter([event]), **there), b"{}", KEYS)
    assert not isinstance(one, Refusal) or SECRET not in one.mend
    return (one.code, one.place) if isinstance(one, Refusal) else ("", "")


@pytest.mark.parametrize(
    ("event", "stream", "told"),
    [
        (Endangered(conflicts=("police", "schools/990001")), DANGERS, ("", "")),
        (Endangered(conflicts=None), DANGERS, ("", "")),
        (Endangered(conflicts=("police", SECRET)), DANGERS, ("agency.unknown", "conflicts.1")),
        (Endangered(conflicts=(f"{SECRET}/police",)), DANGERS, ("agency.unknown", "conflicts.0")),
        (Endangered(conflicts=("Police",)), DANGERS, ("agency.unknown", "conflicts.0")),
        (Standing(conflicts=("polce",)), STATUSES, ("agency.unknown", "conflicts.0")),
        (Standing(objections=({"status": "raised"} | WHEN,)), STATUSES, ("", "")),
        (Standing(objections=({"to": "schools", "status": "raised"} | WHEN,)), STATUSES, ("", "")),
        (Standing(objections=({"to": "scools", "status": "raised"} | WHEN,)), STATUSES,
         ("agency.unknown", "objections.0.to")),
        (Standing(answers=({"status": "refused"} | WHEN, {"about": "MASH", "status": "given"} | WHEN)), STATUSES,
         ("", "")),
        (Standing(answers=({"status": "refused"} | WHEN, {"about": "mash", "status": "refused"} | WHEN)), STATUSES,
         ("section.unknown", "answers.1.about")),
    ],
)  # fmt: skip
def test_a_name_that_keeps_something_from_somebody_is_one_that_there_is(event, stream, told):
    """Misspelt it would keep nothing from anybody; the refusal says where it stands, and not the word."""
    there = {"agencies": frozenset({"police", "schools"}), "sections": frozenset({"MASH"})}

    assert known(event, stream, **there) == told
    assert known(event, stream) == ("", "")


def test_the_names_that_there_are_come_from_the_catalog(catalog):
    """Every agency, and every section of the notice as it is spelt there."""
    said = catalog.line("social_care", "sharing_status")

    assert said.agencies == frozenset(catalog.agencies)
    assert said.sections == frozenset(catalog.notice.sections)
