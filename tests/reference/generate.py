"""
Seeded cases for the gate: agreements, events, what is known of children, and the clock; most of them near an edge.

A *world* is one stream with agreements on it, either those that are in force or ones that were drawn, because the real
ones do not use every construct. A *case* is one event in it. The same seed gives the same world and the same cases.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Literal, get_args, get_origin

from hub.stream import Stream

from . import everything, naive

SECRET = b"a secret for tests, of 32 bytes."
ODD = "aZ09 ,;\"'\\/<>&|^~=+@\n\t\x00\u00a3\u00e9\u00df\u0411\u202e\u2603\U0001f9d2"
POSTCODES = ("ZZ9 9ZZ", "ZZ99 3VZ", " zz1 1zz", "ZZ29ZZ", "Z", "")
NAMES = ("Ferrars", "Anne-Marie  Elliot", "de Bourgh", " noor", "-", "\u00df")
DAYS = (
    date(2026, 9, 15),
    date(2026, 3, 29),  # clocks go forward
    date(2026, 10, 25),  # and back
    date(2027, 2, 28),
    date(2027, 3, 1),
    date(2028, 2, 29),
    date(2027, 8, 31),  # the last day of every agreement in force
    date(2027, 9, 1),
    date(2099, 12, 31),
    date(2100, 3, 1),  # no leap year, sixteen years after one
    date(2100, 2, 28),
)
INSTANTS = (
    timedelta(milliseconds=-1),
    timedelta(),
    timedelta(milliseconds=1),
    timedelta(hours=1),
    timedelta(hours=9, minutes=30, microseconds=123_456),
)
RECORDED = (
    timedelta(days=-400),
    timedelta(days=-30),
    timedelta(days=-30),
    timedelta(days=-2),
    timedelta(days=-1),
    timedelta(milliseconds=-1),
    timedelta(),
    timedelta(milliseconds=1),
    timedelta(days=3),
)
WORDS = {
    date: ("year", "month", "age_band", "present"),
    str: ("outward_postcode", "initial", "initials", "present"),
    int: ("count_band", "present"),
    bool: ("present",),
    datetime: ("present",),
}
GATES = ("statute", "consent", "contact-stage", "significant-harm", "opt-out")
SECTIONS = ("MASH (Multi Agency Safeguarding Hub)", "Virtual School", "Pupils aged 16+")
SPARE = ("first_agency", "second_agency", "third_agency")
Agreed = dict[str, tuple[dict, dict]]


@dataclass(frozen=True)
class World:
    """One *stream*, who hears of it by which agreements, and the day around which the clock stands."""

    seed: str
    stream: Stream
    agreed: Agreed
    today: date


@dataclass(frozen=True)
class Case:
    """One event with its papers, what was *said* of children before it, and the moment of the decision."""

    values: dict
    papers: dict
    key: bytes
    said: list[dict]
    now: datetime


@dataclass(frozen=True)
class Person:
    """A child, by all names."""

    nhs_number: str
    upn: str
    case_id: str
    born: date | None


def nhs_number(number: int) -> str:
    """A number of the range that is kept for tests, with its check digit."""
    while True:
        digits = f"999{number:06d}"
        check = -sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            return f"{digits}{check}"
        number += 100


# --- worlds -----------------------------------------------------------------------------------------------------


def in_force(seed: int, streams: dict[str, Stream]) -> World:
    """A world of the agreements that are in force; one stream after another."""
    agreed = real()
    heard = sorted({name for _, policy in agreed.values() for name in policy["hears"]})
    stream = streams[heard[seed % len(heard)]]
    own = f"in force {seed}"
    return World(own, stream, agreed, random.Random(own).choice(DAYS[:8]))


def invented(seed: int, streams: dict[str, Stream]) -> World:
    """A world of drawn agreements, three on one stream: every other one on the stream that has everything."""
    own = f"invented {seed}"
    chance = random.Random(own)
    stream = everything.stream if seed % 2 else streams[sorted(streams)[seed // 2 % len(streams)]]
    today = chance.choice(DAYS)
    agreed = {agency: agreement(stream, today, chance) for agency in SPARE}
    return World(own, stream, agreed, today)


@cache
def real() -> Agreed:
    """The agreements in force."""
    return naive.agreements()


def agreement(stream: Stream, today: date, chance: random.Random) -> tuple[dict, dict]:
    """An agency that hears *stream* by one drawn grant: as agency.yaml and policy.yaml would say it."""
    facts = {fact.name: fact for fact in stream.facts() if fact.record is None}
    share = chance.choice((0.1, 0.4, 0.8))
    fields = [path for path in facts if chance.random() < share]
    coarse = {}
    for path, fact in facts.items():
        kinds = WORDS[plain(fact.kind)]
        if path not in fields and chance.random() < share / 3:
            coarse[path] = "present" if fact.repeated else chance.choice(kinds)
    if not fields:
        fields = [chance.choice([path for path in facts if path not in coarse] or [coarse.popitem()[0]])]
    gate = chance.choice(GATES)
    grant: dict[str, Any] = {
        "because": "So that the gate can be tried with whatever may be agreed.",
        "notice": chance.choice(SECTIONS),
        "basis": {"article6": chance.choice("ceeee"), "article9": "g", "schedule1": 18, "statute": "Children Act 1989"},
        "gate": gate,
        "fields": fields,
        "coarse": coarse,
        "kept": "7 days",
    }
    lists = tuple(f"{fact.name}." for fact in stream.facts() if fact.repeated and fact.record is not None)
    alone = [path for path, fact in facts.items() if not path.startswith(lists or "\0") and not fact.repeated]
    askable = [path for path in alone if plain(facts[path].kind) in (str, bool, int)]
    if chance.random() < 0.5:
        grant["where"] = {
            path: wanted(facts[path].kind, chance) for path in chance.sample(askable, min(len(askable), 1))
        }
    even_if = {}
    if stream.match is not None and chance.random() < 0.7:
        even_if["uncertain"] = chance.sample([*fields, *coarse], chance.randint(1, len(fields) + len(coarse)))
    if gate == "opt-out" and chance.random() < 0.7:
        even_if["opted_out"] = chance.sample([*fields, *coarse], chance.randint(1, len(fields) + len(coarse)))
    if even_if:
        grant["even_if"] = even_if
    hearing: dict[str, Any] = {"doors": [{"format": chance.choice(("json", "avro")), "by": "kafka"}]}
    addresses = [path for path in fields if path in alone and plain(facts[path].kind) is str]
    if addresses and chance.random() < 0.4:
        hearing["addressed_by"] = chance.choice(addresses)
        if chance.random() < 0.4:
            hearing["otherwise"] = "duty-team"
    card = {"name": "An agency", "steward": "someone@agency.example", "hears": {stream.name: hearing}}
    last = today + timedelta(days=chance.choice((-1, 0, 0, 1, 40, 400, 400, 400)))
    return card, {"agreement": "ISA-0000-000", "expires": last, "hears": {stream.name: grant}}


def plain(kind: Any) -> type:
    """The type of a leaf."""
    return type(get_args(kind)[0]) if get_origin(kind) is Literal else kind


def wanted(kind: Any, chance: random.Random) -> list[Any]:
    """Some values to ask for."""
    if plain(kind) is bool:
        return [chance.random() < 0.5]
    known = list(get_args(kind)) if get_origin(kind) is Literal else [1, 7] if kind is int else ["red", "swindon"]
    return chance.sample(known, chance.randint(1, min(3, len(known))))


# --- cases ------------------------------------------------------------------------------------------------------


class Cases:
    """Draws the cases of one world."""

    def __init__(self, world: World) -> None:
        self.world, self.stream = world, world.stream
        self.schema = naive.schema_of(world.stream)
        self.facts = {fact.name: fact for fact in world.stream.facts()}
        self.grants = {
            agency: policy["hears"][world.stream.name]
            for agency, (_, policy) in world.agreed.items()
            if world.stream.name in policy["hears"]
        }
        self.sections = [*sorted({grant["notice"] for grant in self.grants.values()}), "Another section"]
        self.addresses = [
            card["hears"][world.stream.name]["addressed_by"]
            for agency, (card, _) in world.agreed.items()
            if agency in self.grants and card["hears"][world.stream.name].get("addressed_by")
        ]
        self.texts = [name for name, fact in self.facts.items() if str(fact.sensitivity) == "narrative"]
        self.subject_key = naive.derived(SECRET, "subject")

    def case(self, number: int) -> Case:
        """The case of that number."""
        chance = random.Random(f"{self.world.seed} {number}")
        midnight = datetime.combine(self.world.today, time(), naive.LONDON).astimezone(UTC)
        now = midnight + chance.choice(INSTANTS)
        said_by = now.replace(microsecond=now.microsecond // 1000 * 1000)  # what is on record is whole milliseconds
        people = [self.person(index, chance) for index in range(3)]
        person = people[0]
        said = self.said(people, said_by, chance) if chance.random() < 0.75 else []
        values = Drawing(self, person, people, said_by, chance).values()
        taken = now - timedelta(seconds=chance.choice((0, 1, 3_600, 90_000)))
        with_order = [word for word in said if isinstance(word["values"], dict) and word["values"]["adopted"]]
        if with_order and chance.random() < 0.4:
            taken = chance.choice(with_order)["at"] + timedelta(milliseconds=chance.choice((0, 0, 0, 1)))
        papers = {
            "id": f"{chance.getrandbits(128):032x}",
            "time": taken.replace(microsecond=taken.microsecond // 1000 * 1000),
            "synthetic": chance.random() < 0.1,
        }
        return Case(values, papers, self.key_of(values, chance), said, now)

    def key_of(self, values: dict, chance: random.Random) -> bytes:
        """The Kafka key: of the first identifier that is said, as the hub gives it."""
        for kind, path in self.stream.subject:
            if naive.at_path(values, path):
                whose = kind if kind != "case_id" else f"{self.stream.name}\x00{path}"
                return self.key(whose, naive.at_path(values, path))
        return self.key("alone", str(chance.random()))

    def key(self, kind: str, value: str) -> bytes:
        """The pseudonym of one identifier."""
        return naive.pseudonym(self.subject_key, f"{kind}\x00{value}".encode()).encode()

    def person(self, index: int, chance: random.Random) -> Person:
        """Somebody whose sixteenth birthday is about now, or who is a small child, or was born on a leap day."""
        near = [naive.birthday(self.world.today, -16) + timedelta(days=step) for step in (-1, 0, 1)]
        near += [date(2012, 2, 29), date(2084, 2, 29), date(2020, 5, 5), date(1990, 1, 1)]
        born = chance.choice(near) if chance.random() < 0.8 else None
        return Person(nhs_number(index), f"A86600000000{index}", f"C-{index}", born)

    def said(self, people: list[Person], now: datetime, chance: random.Random) -> list[dict]:
        """Standing words of the children, in order."""
        words = []
        for position in range(chance.choice((1, 1, 1, 2, 3, 6))):
            person = people[0] if chance.random() < 0.75 else chance.choice(people)
            values: Any = self.standing(person, people, now, chance)
            kinds = [kind for kind in ("nhs_number", "upn", "case_id") if values[kind]]
            whose = "sharing_status\x00case_id" if kinds[:1] == ["case_id"] else "".join(kinds[:1])
            key = self.key(whose, values[kinds[0]]) if kinds else self.key("alone", str(position))
            if chance.random() < 0.04:
                values = "unreadable"
            elif chance.random() < 0.05:
                values = None
            at = now - timedelta(days=chance.choice((0, 1, 30)))
            words.append({"key": key, "id": f"{chance.getrandbits(128):032x}", "at": at, "values": values})
        return words

    def standing(self, person: Person, people: list[Person], now: datetime, chance: random.Random) -> dict[str, Any]:
        """What is known of one child; most of it calm, so that what is not calm is seen alone."""
        today = now.astimezone(naive.LONDON).date()
        agencies = [*self.grants, "somebody_else"]
        against = [*agencies, *(f"{one}/{address}" for one in agencies for address in ("990001", "duty-team"))]
        return {
            "nhs_number": person.nhs_number if chance.random() < 0.6 else None,
            "upn": person.upn if chance.random() < 0.5 else None,
            "case_id": chance.choice(people).case_id if chance.random() < 0.3 else None,
            "born": person.born if chance.random() < 0.3 else None,
            "answers": [
                {
                    "about": chance.choice((None, *self.sections)),
                    "status": chance.choice(("given", "given", "given", *naive.ANSWERS)),
                    "given_by": chance.choice(("parent", "parent", "carer", "young_person", None)),
                    "recorded_at": now + chance.choice(RECORDED),
                    "until": chance.choice((None, None, today, today - timedelta(days=1), today + timedelta(days=1))),
                }
                for _ in range(chance.choice((0, 0, 1, 1, 2, 4)))
            ],
            "objections": [
                {
                    "to": chance.choice((None, *agencies)),
                    "status": chance.choice(naive.OBJECTIONS),
                    "recorded_at": now + chance.choice(RECORDED),
                }
                for _ in range(chance.choice((0, 0, 0, 0, 0, 0, 1, 2, 3)))
            ],
            "restriction": chance.random() < 0.04,
            "opted_out": chance.random() < 0.3,
            "restricted": chance.random() < 0.03,
            "address_confidential": chance.random() < 0.1,
            # What no schema holds cannot be decided about: a list that is none.
            "conflicts": 7 if chance.random() < 0.005 else [chance.choice(against)] * (chance.random() < 0.1),
            "legal_hold": chance.random() < 0.03,
            "adopted": today - timedelta(days=chance.choice((0, 9))) if chance.random() < 0.05 else None,
        }


class Drawing:
    """Draws one event from its schema, with hints for what decisions look at."""

    def __init__(
        self, cases: Cases, person: Person, people: list[Person], now: datetime, chance: random.Random
    ) -> None:
        self.cases, self.now, self.chance = cases, now, chance
        stream = cases.stream
        self.likely: dict[str, tuple[float, list[Any]]] = {}
        for grant in cases.grants.values():
            for path, accepted in grant.get("where", {}).items():
                self.hint(path, accepted, 0.9)
        for path in cases.addresses:
            self.hint(path, ["990001", "990002", None, None], 0.9)
        for kind, path in stream.subject:
            self.hint(path, [getattr(person, kind)] * 6 + [getattr(people[1], kind), None, None], 0.97)
        self.hint(stream.born, [person.born, person.born, None], 0.9)
        self.hint(stream.expected, [None, None, now.date()], 0.9)
        self.hint(stream.restricted, [False] * 9 + [True], 0.97)
        self.hint(stream.confidential, [False] * 4 + [True], 0.97)
        self.hint(stream.match, ["certain"] * 4 + ["probable", "possible", None], 1)
        self.hint(stream.stage, ["contact"], 0.85)
        if stream.consent is not None:
            self.hint(f"{stream.consent}.status", ["given", *naive.ANSWERS], 1)
            self.hint(f"{stream.consent}.recorded_at", [None, *(now + step for step in RECORDED)], 1)
        if stream.override is not None:
            self.hint(f"{stream.override}.reason", ["significant_harm"], 0.8)
            self.hint(f"{stream.override}.author", ["team manager", "", None], 0.3)
            self.hint(f"{stream.override}.recorded_at", [now + step for step in RECORDED], 0.9)
        if stream.approvals is not None:
            self.hint(f"{stream.approvals}.field", cases.texts, 0.9)
            self.hint(f"{stream.approvals}.approved_at", [now + step for step in RECORDED], 0.9)
        self.against = [*cases.grants, *(f"{one}/990001" for one in cases.grants), "somebody_else"]

    def hint(self, path: str | None, accepted: list[Any], likely: float) -> None:
        """Let *path* have one of *accepted* mostly."""
        if path is not None:
            self.likely[path] = (likely, list(accepted))

    def values(self) -> dict[str, Any]:
        """The event."""
        return self.drawn(self.cases.schema, "")

    def drawn(self, schema: Any, path: str) -> Any:
        """Whatever fits *schema*, or what is likely at *path*."""
        chance = self.chance
        if path in self.likely and chance.random() < self.likely[path][0]:
            value = chance.choice(self.likely[path][1])
            if value is not None or isinstance(schema, list):
                return value
        if isinstance(schema, list):
            likely = 0.97 if any(one.startswith(f"{path}.") for one in self.likely) else 0.7
            return self.drawn(schema[1], path) if chance.random() < likely else None
        if isinstance(schema, dict) and schema["type"] == "record":
            return {
                field["name"]: self.drawn(field["type"], f"{path}.{field['name']}" if path else field["name"])
                for field in schema["fields"]
            }
        if isinstance(schema, dict) and schema["type"] == "array":
            if path == self.cases.stream.conflicts:
                return [chance.choice(self.against)] * (chance.random() < 0.1)
            return [self.drawn(schema["items"], path) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
        return self.leaf(path)

    def leaf(self, path: str) -> Any:
        """Any value of a leaf: of its list where it has one, else odd."""
        chance, kind = self.chance, self.cases.facts[path].kind
        if get_origin(kind) is Literal:
            return chance.choice(get_args(kind))
        if kind is bool:
            return chance.random() < 0.5
        if kind is int:
            return chance.choice((0, 1, 5, 6, 10, 11, 20, 21, -1, chance.randrange(-(2**63), 2**63)))
        if kind is date:
            today = self.now.astimezone(naive.LONDON).date()
            years = chance.choice((0, 1, 5, 10, 16, 18))
            near = naive.birthday(today, -years) + timedelta(days=chance.choice((-1, 0, 1)))
            return chance.choice((near, date(1900, 1, 1) + timedelta(days=chance.randrange(100_000))))
        if kind is datetime:
            return datetime(1900, 1, 1, tzinfo=UTC) + timedelta(milliseconds=chance.randrange(9_000_000_000_000))
        if path.endswith("postcode"):
            return chance.choice(POSTCODES)
        if chance.random() < 0.2:
            return chance.choice(NAMES)
        length = chance.choice((0, 1, 3, 8, 8, 8, 20, 70))
        return "".join(chance.choices(ODD, k=length))
