"""Limits: each keeps back its own fields of one event, by its own name; doubt keeps back too."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Annotated, Literal

import pytest
from pydantic import Field

from hub import limits
from hub.gates import Approval
from hub.limits import Limits
from hub.outbound import Desk
from hub.stream import Event, Sensitivity, Stream
from tests.hub.cases import NOON, case, granted, small_catalog, standing, taken_in

Match = Literal["certain", "probable", "possible"]


class Home(Event):
    """Where a child lives."""

    line_1: Annotated[str, Field(description="Line."), Sensitivity.CONTACT]
    town: Annotated[str | None, Field(description="Town."), Sensitivity.CONTACT] = None


class Told(Event):
    """Something was told of a child."""

    name: Annotated[str | None, Field(description="Name."), Sensitivity.PERSONAL] = None
    home: Annotated[Home | None, Field(description="Home."), Sensitivity.CONTACT] = None
    school: Annotated[str | None, Field(description="School."), Sensitivity.CONTACT] = None
    grade: Annotated[str | None, Field(description="Grade."), Sensitivity.SPECIAL] = None
    concern: Annotated[str | None, Field(description="Concern."), Sensitivity.NARRATIVE] = None
    voice: Annotated[str | None, Field(description="Voice."), Sensitivity.NARRATIVE] = None
    hidden: Annotated[bool | None, Field(description="Whether the address is hidden."), Sensitivity.SPECIAL] = None
    match: Annotated[Match | None, Field(description="How certain."), Sensitivity.OPEN] = None
    approvals: Annotated[tuple[Approval, ...] | None, Field(description="Released."), Sensitivity.OPEN] = None
    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None


def stream(**words):
    subject = (("nhs_number", "nhs_number"),)
    return Stream(name="told", event=Told, key=("nhs_number",), keep="days", steward="x", subject=subject, **words)


BARE = stream()
WHOLE = stream(confidential="hidden", match="match", approvals="approvals")
FIELDS = ("name", "home.line_1", "home.town", "school", "concern", "voice")
ADDRESSES, TEXTS = {"home.line_1", "home.town", "school"}, {"concern", "voice"}
EVEN_IF = {"uncertain": ["name"], "opted_out": ["name", "home.line_1"]}
RELEASED = [{"field": path, "by": "the duty manager", "approved_at": NOON} for path in sorted(TEXTS)]
OPEN = {"hidden": False, "match": "certain", "approvals": RELEASED}
"""An event of which nothing is kept back."""


def kept(values=OPEN, *standings, stream=WHOLE, grant=None, **changes) -> dict[str, str]:
    """What is kept back of an event, each field with its limit."""
    asked = Limits(stream, grant or granted(*FIELDS, gate="opt-out", coarse={"grade": "initial"}, even_if=EVEN_IF))
    return dict(asked.of(case(values, stream, *standings, **changes)))


def test_of_what_has_no_limit_nothing_is_kept_back():
    """Certain, released, not confidential, not opted out."""
    assert kept() == {}
    assert kept(OPEN, standing()) == {}


@pytest.mark.parametrize("mark", [True, None, 0, "", "false", 0.0])
def test_where_a_child_can_be_found_is_kept_back_unless_it_is_said_not_to_be_confidential(mark):
    """A stream that can carry the mark says False, or no address goes."""
    assert kept(OPEN | {"hidden": mark}) == dict.fromkeys(ADDRESSES, "address")
    assert kept({name: value for name, value in OPEN.items() if name != "hidden"}) == dict.fromkeys(
        ADDRESSES, "address"
    )


def test_an_address_that_is_known_to_be_confidential_is_kept_back_whatever_the_event_says():
    """And of a stream that cannot carry the mark too; without a word of either it goes."""
    confidential = standing(address_confidential=True)

    for word in (WHOLE, BARE):
        assert {**dict.fromkeys(ADDRESSES, "address")}.items() <= kept(OPEN, confidential, stream=word).items()
    assert not {*kept(OPEN, standing(), standing(), stream=BARE)} & ADDRESSES
    assert {*kept(OPEN, standing(), confidential, stream=BARE)} >= ADDRESSES


def test_who_opted_out_is_told_of_by_name_address_and_birth_only():
    """By what the grant lists for them (Education and Skills Act 2008 s.14); at that gate alone."""
    beyond = {*FIELDS, "grade"} - {*EVEN_IF["opted_out"]}

    assert kept(OPEN, standing(opted_out=True)) == dict.fromkeys(beyond, "opt-out")
    assert kept(OPEN, standing(), standing(opted_out=True)) == dict.fromkeys(beyond, "opt-out")
    by_duty = granted(*FIELDS, gate="statute", even_if=EVEN_IF)
    assert kept(OPEN, standing(opted_out=True), grant=by_duty) == {}


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("probable", "probable"),
        ("possible", "possible"),
        (None, "unknown"),
        ("", "unknown"),
        (1, "unknown"),
        ("Noor", "unknown"),
    ],
)
def test_of_a_child_who_may_be_another_only_a_pointer_is_told(said, word):
    """What the grant lists for an uncertain identity; where nobody said how certain it is, it is not."""
    beyond = {*FIELDS, "grade"} - {*EVEN_IF["uncertain"]}

    assert kept(OPEN | {"match": said}) == dict.fromkeys(beyond, f"match.{word}")
    assert kept(OPEN | {"match": said}, stream=stream(confidential="hidden", approvals="approvals")) == {}


@pytest.mark.parametrize(
    ("approvals", "kept_back"),
    [
        (None, TEXTS),
        ([], TEXTS),
        (RELEASED[:1], {"voice"}),
        ([RELEASED[0] | {"field": "voice"}], {"concern"}),
        ([RELEASED[0] | {"by": ""}], TEXTS),
        ([RELEASED[0] | {"approved_at": NOON + timedelta(seconds=1)}], TEXTS),
        ([RELEASED[0] | {"approved_at": NOON.replace(tzinfo=None)}], TEXTS),
        ([RELEASED[0] | {"field": "Concern"}], TEXTS),
        ([RELEASED[0] | {"approved_at": int(NOON.timestamp() * 1000)}], {"voice"}),  # as Avro carries it
        (RELEASED, set()),
    ],
)
def test_free_text_is_told_where_a_named_person_released_that_very_field(approvals, kept_back):
    """By a name and at a time that has come."""
    assert kept(OPEN | {"approvals": approvals}) == dict.fromkeys(kept_back, "text.unapproved")


def test_free_text_of_a_stream_that_cannot_carry_an_approval_is_never_told():
    """However it is granted."""
    grant = granted("concern", coarse={"voice": "present"})

    assert kept(OPEN, stream=BARE, grant=grant) == dict.fromkeys(TEXTS, "text.unapproved")


def test_what_was_not_granted_is_not_kept_back():
    """There is nothing to keep."""
    everything_odd = {"hidden": True, "match": "possible", "approvals": None}

    assert kept(everything_odd, standing(opted_out=True), grant=granted("grade")) == {"grade": "match.possible"}


KEPT = {
    "address": ({"hidden": True}, {}),
    "opt-out": ({}, {"opted_out": True}),
    "match.possible": ({"match": "possible"}, {}),
    "text.unapproved": ({"approvals": None}, {}),
}
"""Each limit, and what of the event and of the child brings it about; the one further up names a field of both."""


@pytest.mark.parametrize("several", [one for n in (2, 3, 4) for one in itertools.combinations(KEPT, n)], ids=" ".join)
def test_of_several_limits_the_first_in_a_fixed_order_names_the_field(several):
    """Together they keep back what each would alone, whatever the order of what brought them about."""
    alone = {limit: kept(OPEN | KEPT[limit][0], standing(**KEPT[limit][1])) for limit in several}
    values, known = dict(OPEN), {}
    for limit in several:
        values |= KEPT[limit][0]
        known |= KEPT[limit][1]

    together = kept(values, standing(**known))

    assert together.keys() == set().union(*alone.values())
    for path, limit in together.items():
        assert limit == next(one for one in KEPT if one in several and path in alone[one])


@pytest.mark.parametrize(
    ("fields", "why", "rule"),
    [
        (("school",), {"address"}, "fields.address"),
        (("concern",), {"text.unapproved"}, "fields.text.unapproved"),
        (("school", "concern"), {"address", "text.unapproved"}, "fields.address"),
        (("grade",), {"opt-out"}, "gate.opt-out.opted-out"),
        (("grade", "school"), {"address", "opt-out"}, "gate.opt-out.opted-out"),
        (("grade",), {"match.possible"}, "match.possible"),
        (("grade", "school", "concern"), {"address", "match.possible", "text.unapproved"}, "match.possible"),
        (("grade", "school"), {"address", "match.possible"}, "match.possible"),
        (("grade", "school"), {"match.possible", "opt-out"}, "gate.opt-out.opted-out"),  # which names both fields
        (("name", "school"), {"address"}, ""),
        (("name", "grade"), {"match.possible"}, ""),
        (("name", "grade"), {"opt-out"}, ""),
    ],
)
def test_an_event_of_which_nothing_is_left_is_withheld_by_one_rule(fields, why, rule):
    """Of the limits that name a field the identity's, else the opt-out's, else the first; none where any is left."""
    values, known = dict(OPEN), {}
    for limit in why:
        values |= KEPT[limit][0]
        known |= KEPT[limit][1]
    grant = granted(*fields, gate="opt-out", even_if={name: ["name"] for name in EVEN_IF} if "name" in fields else {})
    asked = Limits(WHOLE, grant)

    assert asked.nothing_left(asked.of(case(values, WHOLE, standing(**known)))) == rule


def test_a_grant_that_has_no_limit_is_not_looked_at():
    """So that limits cost those who have none nothing."""
    assert Limits(BARE, granted("name", "grade")).never
    for word, grant in (
        (BARE, granted("school")), (BARE, granted("concern")), (BARE, granted("name", gate="opt-out")),
        (stream(match="match"), granted("name")), (BARE, granted("name", coarse={"home.town": "initial"})),
    ):  # fmt: skip
        assert not Limits(word, grant).never


def test_limits_look_at_the_fields_that_the_stream_names_for_them():
    """So that a view may hold nothing else."""
    assert set(limits.paths(BARE)) == set()
    assert set(limits.paths(WHOLE)) == {
        "hidden", "match", "approvals.field", "approvals.by", "approvals.approved_at",
    }  # fmt: skip


# --- what becomes of the message --------------------------------------------------------------------------------

EVENT = {"name": "Noor", "home": {"line_1": "1 Invented Row", "town": "Swindon"}, "school": "990001", "grade": "high",
         "concern": "A concern.", "voice": None, "nhs_number": None} | OPEN  # fmt: skip


def carried(values, grant, keys, addressed_by=None):
    """The receipt of one event, and what the agency read of it."""
    catalog = small_catalog(WHOLE, {"police": grant}, addressed_by=addressed_by)
    records, (receipt,) = Desk(catalog, WHOLE, keys).carry(taken_in(catalog, WHOLE, EVENT | values), now=NOON)
    told = [catalog.lock.codec(record.value).decode(record.value) for record in records]
    return receipt, told[0] if told else None


def test_a_limited_field_is_null_in_what_is_sent_and_the_receipt_says_why(keys):
    """The rest is told; what goes with the field has its limit too."""
    receipt, told = carried({"hidden": True}, granted("name", "home.line_1", "home.town"), keys)

    assert told == {"name": "Noor", "home": None}
    assert {path: rest for path, *rest in receipt.outcome.fields if rest[1] != "not-granted"} == {
        "name": ["released", ""],
        "home.line_1": ["withheld", "address"],
        "home.town": ["withheld", "address"],
    }


def test_where_nothing_is_left_nothing_is_sent(keys):
    """An empty message would still say that there was something."""
    receipt, told = carried({"hidden": True}, granted("home.line_1", "school"), keys)

    assert told is None
    assert (receipt.rule, receipt.sent) == ("fields.address", "")


def test_an_address_that_may_not_be_told_is_no_addressee(keys):
    """Whoever would get the message learns by that where the child is."""
    grant = granted("name", "school")

    assert carried({}, grant, keys, addressed_by="school")[1] == {"name": "Noor", "school": "990001"}
    receipt, told = carried({"hidden": True}, grant, keys, addressed_by="school")
    assert (receipt.rule, told) == ("fields.address", None)


class Bound(Event):
    """Something that must say where."""

    name: Annotated[str | None, Field(description="Name."), Sensitivity.PERSONAL] = None
    place: Annotated[str, Field(description="Where."), Sensitivity.CONTACT]
    hidden: Annotated[bool | None, Field(description="Whether it is hidden."), Sensitivity.SPECIAL] = None


def test_a_field_that_cannot_be_null_takes_the_whole_message_with_it(keys):
    """By the rule of its limit."""
    bound = Stream(name="bound", event=Bound, key=(), keep="days", steward="x", confidential="hidden")
    catalog = small_catalog(bound, {"police": granted("name", "place")})
    event = taken_in(catalog, bound, {"name": "Noor", "place": "here", "hidden": None})

    records, (receipt,) = Desk(catalog, bound, keys).carry(event, now=NOON)

    assert (records, receipt.rule) == ([], "fields.address")
    assert {verdict for _, verdict, _ in receipt.outcome.fields} == {"withheld"}
