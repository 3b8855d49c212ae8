"""Widenings: every change of a policy is found, and one that is called no widening tells nobody anything new."""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime
from itertools import permutations, product
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from hub.approvals import Approvals
from hub.avro import Codec, leaves_of, schema_of
from hub.case import Case
from hub.coarse import WORDS
from hub.document import read
from hub.gates import GATES, Approval, Consent, Override
from hub.limits import Limits
from hub.policy import Grant, Policy, Withheld, decide
from hub.projection import NothingFits, Projection
from hub.stream import Event, Sensitivity, Stream
from hub.view import NOTHING_KNOWN, Known
from hub.widening import approved, compare, unapproved
from hub.widening.grants import COMPARED
from hub.widening.order import COARSER, FULL, STRICTER

CHANGES = 5_000 if os.environ.get("HUB_PROVE") else 200
NOW = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)
SIGNED = {"reason": "significant_harm", "author": "duty manager", "recorded_at": NOW}


class Place(Event):
    """Where a child can be found."""

    line: Annotated[str, Field(description="Line."), Sensitivity.CONTACT]
    checked: Annotated[bool, Field(description="Whether somebody looked."), Sensitivity.OPEN]


class Child(Event):
    """A child."""

    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    born: Annotated[date | None, Field(description="Born."), Sensitivity.PERSONAL] = None
    name: Annotated[str | None, Field(description="Name."), Sensitivity.PERSONAL] = None
    postcode: Annotated[str | None, Field(description="Postcode."), Sensitivity.CONTACT] = None


class Visit(Event):
    """A visit, with every record that decisions and limits look at."""

    number: Annotated[str, Field(description="Number."), Sensitivity.OPEN]
    kind: Annotated[Literal["a", "b", "c"], Field(description="Kind."), Sensitivity.SPECIAL]
    child: Annotated[Child, Field(description="Child.")]
    place: Annotated[Place | None, Field(description="Place.")] = None
    text: Annotated[str, Field(description="What was seen."), Sensitivity.NARRATIVE]
    note: Annotated[str | None, Field(description="A note."), Sensitivity.NARRATIVE] = None
    match: Annotated[str | None, Field(description="Match."), Sensitivity.OPEN] = None
    hidden: Annotated[bool | None, Field(description="Whether it is confidential."), Sensitivity.OPEN] = None
    stage: Annotated[str | None, Field(description="Stage."), Sensitivity.OPEN] = None
    consent: Annotated[Consent | None, Field(description="Consent.")] = None
    override: Annotated[Override | None, Field(description="Override.")] = None
    texts: Annotated[tuple[Approval, ...], Field(description="Texts that were released.")] = ()


VISIT = Stream(
    name="visit", event=Visit, key=("child.nhs_number",), keep="days", steward="safeguarding", born="child.born",
    subject=(("nhs_number", "child.nhs_number"),), consent="consent", override="override", stage="stage",
    match="match", confidential="hidden", approvals="texts",
)  # fmt: skip
SOURCE = Codec(1, schema_of(VISIT))
HEARD = ("number", "kind", "child.nhs_number", "child.born", "child.name", "child.postcode", "place.line",
         "place.checked", "text", "note")  # fmt: skip
FITTING = {"child.born": ("year", "month", "age_band", "present"), "child.name": ("initial", "initials", "present"),
           "child.postcode": ("outward_postcode", "present"), "note": ("present",), "number": ("initial",)}  # fmt: skip


def granting(**changes: Any) -> dict[str, Any]:
    """A grant as YAML would hold it, changed."""
    return {
        "because": "The nurse must know whom to visit.", "notice": "Virtual School",
        "basis": {"article6": "e", "article9": "g", "schedule1": 18, "statute": "Children Act 1989 s.17"},
        "gate": "statute", "fields": ["number", "child.name"], "kept": "14 days",
    } | changes  # fmt: skip


def policy(*, version: str = "", agreement: str = "ISA-1", expires: str = "2027-08-31", **changes: Any) -> Policy:
    """A policy with one grant."""
    hears = {"visit": granting(**changes)}
    made = Policy.model_validate({"agreement": agreement, "expires": expires, "hears": hears})
    return made.model_copy(update={"version": version})


def changed(old: dict[str, Any], new: dict[str, Any]) -> set[tuple[str, str, bool]]:
    """Kind, path and whether it widens, of each change between two policies."""
    found = compare({"nurses": policy(**old)}, {"nurses": policy(**new)}, {"visit": VISIT})
    assert all(one.agency == "nurses" and one.what for one in found)
    return {(one.kind, one.path, one.widens) for one in found}


RED, BOTH = {"where": {"kind": ["a"]}}, {"where": {"kind": ["a", "b"]}}
TOLD = {"fields": ["number", "kind"]}
EVEN = {"even_if": {"uncertain": ["number"]}}
BORN = "child.born"


@pytest.mark.parametrize(("old", "new", "found"), [
    ({}, {}, set()),
    ({}, {"fields": ["child.name", "number"]}, set()),
    ({}, {"kept": "336 hours"}, set()),
    ({}, {"because": "The nurse must\nknow whom to visit."}, set()),
    ({}, {"fields": ["number", "child.name", "kind"]}, {("field-new", "kind", True)}),
    ({}, {"coarse": {BORN: "year"}}, {("field-new", BORN, True)}),
    ({"coarse": {BORN: "year"}}, {}, {("field-gone", BORN, False)}),
    ({"coarse": {BORN: "year"}}, {"fields": ["number", "child.name", BORN]}, {("field-full", BORN, True)}),
    ({"fields": ["number", "child.name", BORN]}, {"coarse": {BORN: "month"}}, {("field-coarse", BORN, False)}),
    ({"coarse": {BORN: "month"}}, {"coarse": {BORN: "year"}}, {("field-word", BORN, False)}),
    ({"coarse": {BORN: "year"}}, {"coarse": {BORN: "month"}}, {("field-word", BORN, True)}),
    ({"coarse": {BORN: "year"}}, {"coarse": {BORN: "age_band"}}, {("field-word", BORN, True)}),
    ({"gate": "statute"}, {"gate": "consent"}, {("gate", "", False)}),
    ({"gate": "statute"}, {"gate": "contact-stage"}, {("gate", "", True)}),
    ({"gate": "consent"}, {"gate": "statute"}, {("gate", "", True)}),
    (RED | TOLD, TOLD, {("where-gone", "kind", True)}),
    (TOLD, RED | TOLD, {("where-new", "kind", False)}),
    ({}, RED, {("where-new", "kind", False), ("where-tells", "kind", True)}),
    (RED, BOTH, {("where-more", "kind", True)}),
    (BOTH | TOLD, RED | TOLD, {("where-fewer", "kind", False)}),
    (BOTH, RED, {("where-fewer", "kind", False), ("where-tells", "kind", True)}),
    (TOLD | {"where": {"kind": [True]}}, TOLD | {"where": {"kind": [1]}},
     {("where-more", "kind", True), ("where-fewer", "kind", False)}),
    ({}, EVEN, {("even-if-more", "number", True)}),
    (EVEN, {}, {("even-if-fewer", "number", False)}),
    ({}, {"kept": "15 days"}, {("kept", "", True)}),
    ({}, {"kept": "24 hours"}, {("kept", "", False)}),
    ({}, {"within": "5 minutes"}, {("within", "", False)}),
    ({"within": "5 minutes"}, {"within": "1 working day"}, {("within", "", False)}),
    ({}, {"because": "Somebody would like to know."}, {("because", "", True)}),
    ({}, {"notice": "CP-IS"}, {("notice", "", True)}),
    ({}, {"basis": {"article6": "e"}}, {("basis", "", True)}),
    ({}, {"expires": "2027-09-01"}, {("expires", "", True)}),
    ({}, {"expires": "2027-08-30"}, {("expires", "", False)}),
    ({}, {"agreement": "ISA-2"}, {("agreement", "", True)}),
])  # fmt: skip
def test_each_change_is_found_by_its_kind(old, new, found):
    """And is a widening unless it provably tells no more."""
    assert changed(old, new) == found


def test_agencies_and_streams_that_come_are_widenings_and_those_that_go_are_not():
    """With each field that is newly heard."""
    nobody, nurses = {}, {"nurses": policy()}

    came = compare(nobody, nurses, {"visit": VISIT})
    went = compare(nurses, nobody, {"visit": VISIT})

    assert [(one.kind, one.path) for one in came] == [
        ("agency-new", ""), ("stream-new", ""), ("field-new", "number"), ("field-new", "child.name"),
    ]  # fmt: skip
    assert all(one.widens for one in came)
    assert [(one.kind, one.widens) for one in went] == [("agency-gone", False), ("stream-gone", False)]


def test_every_entry_of_a_grant_has_its_comparison():
    """Whoever gives grants a new entry says here what a change of it means."""
    assert COMPARED.keys() == Grant.model_fields.keys()


def test_an_entry_that_nobody_taught_the_comparison_counts_as_a_widening():
    """Of a grant, of its ground, of what is heard all the same, and of a policy."""

    class Louder(Grant):
        loud: bool = False

    class Longer(Policy):
        hears: dict[str, Louder]
        renews: bool = False

    def made(**changes: Any) -> Policy:
        return Longer.model_validate(
            {"agreement": "ISA-1", "expires": "2027-08-31", "hears": {"visit": granting()}} | changes
        )

    loud = made(hears={"visit": granting(loud=True)})

    for new in (loud, made(renews=True)):
        found = compare({"nurses": made()}, {"nurses": new}, {"visit": VISIT})
        assert [(one.kind, one.widens) for one in found] == [("unknown", True)]


DATES = [date(year, month, day) for year in (1999, 2010, 2013) for month in (1, 9, 12) for day in (1, 15, 28)]
NAMES = ["Ann", "-Ann", "ann", "Ann Lee", "Anna", "Bo Lee", "Lee-Ann", "SN1 2AB", "SN1 3CD", "SN11 2AB", "B1 1AA", "ß"]
VALUES: dict[type, list[Any]] = {date: DATES, str: NAMES, int: [-1, 0, 1, 3, 5, 6, 11, 20, 21, 99]}


def said(word: str, value: Any) -> Any:
    """What is heard of a value in a word."""
    if word == FULL:
        return value
    made = WORDS[word]
    if value is None and not made.of_absence:
        return None
    return made.apply(value, date(2026, 9, 15)) if made.of_day else made.apply(value)


def follows(coarse: str, fine: str, values: list[Any]) -> bool:
    """Whether what *coarse* says of these values can be worked out from what *fine* says."""
    known: dict[Any, Any] = {}
    return all(known.setdefault(said(fine, value), said(coarse, value)) == said(coarse, value) for value in values)


def test_a_word_is_called_coarser_just_where_it_follows_from_the_other():
    """Every two ways that fit one kind of value: what is in the table holds, and what is not has a counterexample."""
    for kind, values in VALUES.items():
        fitting = [FULL, *(word for word, made in WORDS.items() if kind in made.takes or object in made.takes)]
        for fine, coarse in permutations(fitting, 2):
            assert (coarse in COARSER.get(fine, ())) == follows(coarse, fine, [None, *values]), (fine, coarse)


STANDINGS: list[Known] = [
    NOTHING_KNOWN,
    *(
        Known(({
            "answers": (), "objections": (), "restriction": False, "opted_out": False, "restricted": False,
            "address_confidential": False, "conflicts": (), "legal_hold": False, "adopted": None, "born": None,
        } | one,), ("e1",), (NOW,))
        for one in (
            {}, {"restriction": True}, {"opted_out": True}, {"address_confidential": True},
            {"objections": ({"to": None, "status": "raised", "recorded_at": NOW},)},
            {"answers": ({"about": None, "status": "given", "given_by": "parent", "recorded_at": NOW, "until": None},)},
        )
    ),
]  # fmt: skip


def cases(chance: random.Random, count: int) -> list[Case]:
    """Visits of all sorts, of children of whom all sorts of things are known."""
    found = []
    for _ in range(count):
        released = [{"field": path, "by": "A Manager", "approved_at": NOW} for path in ("text", "note")]
        values = {
            "number": "7", "kind": chance.choice("abc"), "text": "seen", "note": chance.choice([None, "more"]),
            "child": {"nhs_number": "9990000018", "born": date(2015, 4, 17), "name": chance.choice([None, "Noor"]),
                      "postcode": "ZZ9 9ZZ"},
            "place": chance.choice([None, {"line": "5 Fictional Way", "checked": True}]),
            "match": chance.choice(["certain", "certain", "possible", None]),
            "hidden": chance.choice([False, False, True, None]), "stage": chance.choice(["contact", "closed"]),
            "consent": chance.choice([None, {"status": "given", "given_by": "parent", "recorded_at": NOW}]),
            "override": chance.choice([None, SIGNED]), "texts": chance.sample(released, chance.randrange(3)),
        }  # fmt: skip
        found.append(Case(values, VISIT, "nurses", "", NOW, NOW, chance.choice(STANDINGS)))
    return found


class Teller:
    """What one policy tells of cases, by the hub's own decision, limits and projection."""

    def __init__(self, policy: Policy) -> None:
        self.policy, grant = policy, policy.hears["visit"]
        self.limits = Limits(VISIT, grant)
        self.projection = Projection(VISIT, grant, 1, 2, plain=True)

    def tells(self, case: Case) -> dict[str, Any] | None:
        """The leaves that have a value, or None where the event is withheld."""
        if isinstance(decide(case, self.policy), Withheld):
            return None
        kept = self.limits.of(case)
        if kept and self.limits.nothing_left(kept):
            return None
        try:
            values = self.projection.project(SOURCE.encode(case.values), NOW, frozenset(kept))
        except NothingFits:
            return None
        return {path: value for path in HEARD if (value := leaf(values, path)) not in (None, False)}


def leaf(values: Any, path: str) -> Any:
    """The value at a path, or None."""
    for part in path.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def test_a_gate_is_called_stricter_just_where_it_opens_for_less():
    """Every two gates over visits of all sorts: what is in the table holds, and what is not has a counterexample."""
    chance = random.Random(1)
    some = cases(chance, 600)
    tellers = {gate: Teller(policy(gate=gate)) for gate in GATES}
    told = {gate: [teller.tells(case) for case in some] for gate, teller in tellers.items()}

    for loose, strict in permutations(GATES, 2):
        less = all(no_more(*pair) for pair in zip(told[loose], told[strict], strict=True))
        assert (strict in STRICTER.get(loose, ())) == less, (loose, strict)


def no_more(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    """Whether nothing is told after that was not told before, in this or in another word."""
    return after is None or (before is not None and after.keys() <= before.keys())


def any_grant(chance: random.Random) -> dict[str, Any]:
    """What a grant may be."""
    fields = chance.sample(HEARD, chance.randrange(1, len(HEARD)))
    coarse = {path: chance.choice(FITTING[path]) for path in fields if path in FITTING and chance.random() < 0.5}
    plain = [path for path in fields if path not in coarse] or ["number"]
    coarse.pop("number", None) if "number" in plain else None
    even = {name: chance.sample(fields, chance.randrange(len(fields) + 1)) for name in ("uncertain", "opted_out")}
    where = {"where": {"kind": chance.sample("abc", chance.randrange(1, 3))}} if chance.random() < 0.3 else {}
    gate = chance.choice(("statute", "statute", "consent", "opt-out", "significant-harm"))
    return {"fields": plain, "coarse": coarse, "even_if": even, "gate": gate} | where


def shortened(old: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same grant after somebody cut and coarsened in it here and there, as one does to tell less."""
    new = {name: (value.copy() if hasattr(value, "copy") else value) for name, value in old.items()}
    for _ in range(chance.randrange(1, 3)):
        act = chance.randrange(5)
        if act == 0 and len(new["fields"]) > 1:
            new["fields"] = chance.sample(new["fields"], len(new["fields"]) - 1)
        elif act == 1 and new["coarse"]:
            new["coarse"].pop(chance.choice(sorted(new["coarse"])))
        elif act == 2 and (some := [path for path in new["fields"] if path in FITTING]) and len(new["fields"]) > 1:
            path = chance.choice(some)
            new["fields"] = [one for one in new["fields"] if one != path]
            new["coarse"][path] = chance.choice(FITTING[path])
        elif act == 3:
            new["even_if"] = {name: paths[1:] for name, paths in new["even_if"].items()}
        elif act == 4:
            new["gate"] = chance.choice(("consent", "opt-out"))
    return new


def test_what_is_called_no_widening_tells_nobody_anything_new():
    """Over hundreds of changes of grants, for visits of all sorts, by the hub's own decision, limits and projection."""
    chance, narrow, freed, heard = random.Random(2), 0, 0, 0
    for _ in range(CHANGES):
        old = any_grant(chance)
        new = shortened(old, chance)
        pair = policy(**old), policy(**new)
        found = compare(*({"nurses": one} for one in pair), {"visit": VISIT})
        freed += any(one.kind == "freed" for one in found)
        if any(one.widens for one in found):
            continue
        narrow += 1
        before, after = map(Teller, pair)
        for case in cases(chance, 8):
            told = before.tells(case), after.tells(case)
            heard += told[1] is not None
            assert no_more(*told), (old, new, case, found)
    assert narrow > CHANGES / 4
    assert freed > CHANGES / 70
    assert heard > CHANGES / 4


def test_what_was_kept_back_together_is_told_when_the_part_is_cut():
    """A visit to a confidential address was withheld whole, as it cannot be told without it; cut, the rest is told."""
    old = {"fields": ["child.name", "place.line", "place.checked"]}
    new = {"fields": ["child.name", "place.checked"]}

    assert changed(old, new) == {("field-gone", "place.line", False), ("freed", "", True)}
    assert changed(new, old) == {("field-new", "place.line", True)}
    assert ("freed", "", True) in changed({"fields": ["text", "number"]}, {"fields": ["number"]})


def test_an_older_policy_may_name_what_is_no_longer_said():
    """A field and a word that there are no more: both are gone, and nothing fails."""
    old = {"fields": ["number", "child.name", "shoe_size"], "coarse": {BORN: "decade"}}

    assert changed(old, {}) == {("field-gone", "shoe_size", False), ("field-gone", BORN, False)}


def test_changes_stand_at_the_line_of_todays_policy(tmp_path):
    """The line at which an officer finds them; none for what is not there any more."""
    text = "\n".join((
        "agreement: ISA-1", "expires: 2027-08-31", "hears:", "  visit:", "    gate: statute", "    fields:",
        "      - number", "      - child.name", "      - kind", "    coarse:", f"      {BORN}: year",
    ))  # fmt: skip
    path = Path(tmp_path, "policy.yaml")
    path.write_text(text, encoding="utf-8")
    documents = {"connectors/nurses/policy.yaml": read(path, "connectors/nurses/policy.yaml")}
    old = policy(fields=["number", "note"], expires="2027-08-30")
    new = policy(fields=["number", "child.name", "kind"], coarse={BORN: "year"})

    found = compare({"nurses": old}, {"nurses": new}, {"visit": VISIT}, documents)

    assert {(one.kind, one.path): one.line for one in found} == {
        ("expires", ""): 2, ("field-new", "child.name"): 8, ("field-new", "kind"): 9, ("field-new", BORN): 11,
        ("field-gone", "note"): 0,
    }  # fmt: skip


def approving(version: str, by: str = "Ann Example", second: str = "Bo Sample") -> Approvals:
    """An approvals.yaml with one entry."""
    entry = {"policy": version, "proposed_by": by, "approved_by": second, "approved_on": "2026-09-15",
             "because": "It was agreed with the family."}  # fmt: skip
    return Approvals.model_validate({"approved": [entry]})


V1, V2 = "1" * 16, "2" * 16


@pytest.mark.parametrize(("approvals", "wanting"), [
    ({}, ["nurses"]),
    ({"nurses": approving(V2)}, []),
    ({"nurses": approving(V1)}, ["nurses"]),
    ({"doctors": approving(V2)}, ["nurses"]),
    ({"nurses": approving(V2, by="Ann Example", second=" example,  ANN ")}, ["nurses"]),
    ({"nurses": approving(V2, by="Zoë Ames", second="Zoe\u0301 Ames")}, ["nurses"]),
    ({"nurses": approving(V2, by="Ann Example", second="TODO")}, ["nurses"]),
])  # fmt: skip
def test_a_widening_is_approved_by_two_persons_for_just_this_version(approvals, wanting):
    """Not by one, however spelt; not for another version; not for another agency."""
    old, new = {"nurses": policy(version=V1)}, {"nurses": policy(version=V2, kept="20 days")}

    found = unapproved(old, new, {"visit": VISIT}, approvals)

    assert list(found) == wanting
    assert approved("nurses", new, approvals) == (not wanting)
    assert unapproved(new, old, {"visit": VISIT}, approvals) == {}


def test_a_policy_without_a_version_is_never_approved():
    """It was not read from a file, so nobody can have read it."""
    entry = approving(V1).approved[0].model_copy(update={"policy": ""})

    assert not approved("nurses", {"nurses": policy(version="")}, {"nurses": Approvals(approved=(entry,))})


def test_the_test_stream_says_what_the_tests_hear():
    """Every field that the random grants name is one of the stream's."""
    assert set(HEARD) <= leaves_of(schema_of(VISIT))
    assert all(word in WORDS for path, words in FITTING.items() for word, _ in product(words, (path,)))
