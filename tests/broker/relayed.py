"""What goes through the relay in tests, and what should come of it, by a second reading of the policies' meaning."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.keys import Keys, digest
from schemas.mash_referral import ContactReceived
from schemas.school_attendance import AttendanceRecorded
from tests.bench.events import numbers

MORNING = datetime(2026, 9, 15, 8, 40, tzinfo=UTC)
SCHOOLS = ("990001", "990002", "990003")
SCHOOLS_HEAR = ("upn", "registered_urn")
MARKS = (  # mark, session, statistical class (SI 2024/208), written down here once more
    ("/", "am", "attending"), ("\\", "pm", "attending"), ("L", "am", "attending"), ("B", "am", "attending_elsewhere"),
    ("I", "am", "authorised"), ("O", "am", "unauthorised"), ("U", "pm", "unauthorised"), ("N", "pm", "unauthorised"),
    ("Y1", "am", "unable_to_attend"), ("#", "pm", "not_required"),
)  # fmt: skip
UNAUTHORISED = ("O", "U", "N")


class Verdict(NamedTuple):
    """What one agency should be told of one event: *values* and where to, or the *rule* that keeps it back."""

    rule: str
    values: dict[str, Any]
    address: str = ""


class Said(NamedTuple):
    """One event as it was said: its place in the order, its id, whose it is, and each agency's verdict."""

    serial: int
    event_id: str
    subject: str
    record: Record
    verdicts: dict[str, Verdict]


def attendances(catalog: Catalog, keys: Keys, count: int, run: str, seed: int = 1) -> Iterator[Said]:
    """*count* attendance marks of 3,000 pupils; schools hear of a third of them, the Virtual School of a tenth."""
    chance, stream, codec = random.Random(seed), catalog.streams["school_attendance"], None
    template = AttendanceRecorded.model_validate({
        "pupil": {"upn": "Q866400121012", "local_id": "7001", "surname": "Ferrars", "forename": "Noor",
                  "born": "2012-03-04", "in_care_of": "swindon", "registered_urn": SCHOOLS[0]},
        "school_urn": SCHOOLS[1], "day": "2026-09-15", "session": "am", "mark": "/",
        "statistical_class": "attending",
    }).model_dump()  # fmt: skip
    codec = catalog.codec(stream)
    for serial in range(count):
        number = chance.randrange(3_000)
        mark, session, counted = chance.choice(MARKS)
        pupil = template["pupil"] | {
            "upn": None if number % 10 == 3 else f"Q866400{number:06d}",
            "local_id": f"{number:06d}",
            "surname": f"Surname{number}",
            "born": date(2010 + number % 8, 1 + number % 12, 1 + number % 28),
            "in_care_of": ("swindon", "oxfordshire", None)[number % 3],
            "registered_urn": None if number % 17 == 4 else SCHOOLS[number % 3],
        }
        event = template | {
            "pupil": pupil, "school_urn": SCHOOLS[serial % 3], "day": date(2026, 9, 1) + timedelta(serial % 20),
            "session": session, "mark": mark, "statistical_class": counted,
            "minutes_late": serial % 60 if mark in ("L", "U") else None,
        }  # fmt: skip
        event_id = keys.event_id("tests", run, str(serial), 0)
        subject = keys.pseudonym("upn", pupil["upn"]) if pupil["upn"] else keys.pseudonym("local_id", pupil["local_id"])
        yield Said(serial, event_id, subject, _record(stream.topic, event_id, subject, codec.encode(event)), {
            "schools": _schools(event), "virtual_school": _virtual_school(event),
        })  # fmt: skip


def _schools(event: dict[str, Any]) -> Verdict:
    """The school on whose roll a child in Swindon's care is hears each mark of the child."""
    pupil = event["pupil"]
    if pupil["in_care_of"] != "swindon":
        return Verdict("where.pupil.in_care_of", {})
    if pupil["registered_urn"] is None:
        return Verdict("address.pupil.registered_urn", {})
    heard = {name: event[name] for name in ("school_urn", "day", "session", "mark", "statistical_class")}
    return Verdict("", heard | {"pupil": _only(pupil, SCHOOLS_HEAR)}, pupil["registered_urn"])


def _virtual_school(event: dict[str, Any]) -> Verdict:
    """The Virtual School hears of the unauthorised absence of children in Swindon's care, and their year of birth."""
    pupil = event["pupil"]
    if pupil["in_care_of"] != "swindon":
        return Verdict("where.pupil.in_care_of", {})
    if event["mark"] not in UNAUTHORISED:
        return Verdict("where.statistical_class", {})
    heard = {name: event[name] for name in ("school_urn", "day", "session", "mark")}
    child = _only(pupil, ("upn", "local_id", "registered_urn")) | {"born": pupil["born"].year}
    return Verdict("", heard | {"pupil": child})


def referrals(catalog: Catalog, keys: Keys, count: int, run: str, seed: int = 2) -> Iterator[Said]:
    """*count* contacts about 400 children, of all stages, ratings and answers to the question of consent."""
    chance, stream = random.Random(seed), catalog.streams["mash_referral"]
    template = ContactReceived.model_validate({
        "contact_id": "C-1", "received_at": MORNING, "stage": "contact", "source_code": "2A",
        "child": {"nhs_number": "9990000018", "surname": "Ferrars", "forenames": "Noor", "born": "2015-04-17",
                  "sex": "F", "ethnicity": "ABAN", "gp_ods": "J83999", "address_confidential": False,
                  "address": {"line_1": "5 Fictional Way", "town": "Swindon", "postcode": "SN99 9ZZ"}},
        "household": [{"surname": "Dray", "forenames": "Colin", "relationship": "mother's partner",
                       "parental_responsibility": False, "alleged_perpetrator": True}],
        "factors": ["3B"], "rag": "red", "immediate_protection": True, "concern": "Bruising seen by the teacher.",
        "referrer": {"role": "teacher", "anonymous": False}, "parents_know": False, "outcome": {},
        "consent": {"status": "given", "given_by": "parent"},
    }).model_dump()  # fmt: skip
    codec, children = catalog.codec(stream), numbers(400)
    decided = {"reason": "significant_harm", "author": "MASH team manager", "recorded_at": MORNING}
    overrides = (None, decided, decided | {"reason": None}, decided | {"author": None}, decided | {"recorded_at": None})
    for serial in range(count):
        number = chance.randrange(400)
        event = template | {
            "contact_id": f"C-{serial}",
            "received_at": MORNING + timedelta(seconds=serial),
            "stage": chance.choice(("contact", "contact", "contact", "referral", "assessment", "closed")),
            "child": template["child"] | {"nhs_number": children[number], "surname": f"Surname{number}"},
            "rag": chance.choice(("red", "amber", "green", "blue")),
            "consent": template["consent"] | {"status": chance.choice(("given", "refused", "withdrawn", "not_sought"))},
            "override": chance.choice(overrides),
        }
        event_id = keys.event_id("tests", f"{run}.mash", str(serial), 0)
        subject = keys.pseudonym("nhs_number", children[number])
        yield Said(serial, event_id, subject, _record(stream.topic, event_id, subject, codec.encode(event)), {
            "mash_health": _mash_health(event), "wiltshire_police": _wiltshire_police(event),
        })  # fmt: skip


def _kept_from_mash(event: dict[str, Any], ratings: tuple[str, ...]) -> str:
    """At the point of contact only; with consent, or with a decision that has its reason, author and time."""
    decided = event["override"]
    if event["stage"] != "contact":
        return "gate.contact-stage.past"
    if event["consent"]["status"] != "given" and not (decided and all(decided.values())):
        return "gate.contact-stage.no-consent-nor-override"
    return "" if event["rag"] in ratings else "where.rag"


def _mash_health(event: dict[str, Any]) -> Verdict:
    if rule := _kept_from_mash(event, ("red", "amber", "green")):
        return Verdict(rule, {})
    heard = _only(event, ("contact_id", "received_at", "rag", "factors", "parents_know"))
    child = _only(event["child"], ("nhs_number", "surname", "forenames", "known_as", "born", "expected", "gp_ods"))
    heard |= {"factors": list(event["factors"]), "concern": None}  # nobody released the text
    return Verdict("", heard | {"child": child | {"address": {"postcode": "SN99"}}})


def _wiltshire_police(event: dict[str, Any]) -> Verdict:
    """As JSON, in which what is absent is left out and a time is a text."""
    if rule := _kept_from_mash(event, ("red", "amber")):
        return Verdict(rule, {})
    child, person, decided = event["child"], event["household"][0], event["override"]
    heard = _only(event, ("contact_id", "rag", "immediate_protection"))
    heard |= {
        "received_at": event["received_at"].strftime("%Y-%m-%dT%H:%M:%SZ"), "factors": list(event["factors"]),
        "child": _only(child, ("surname", "forenames")) | {
            "born": child["born"].isoformat(), "address": _only(child["address"], ("line_1", "town", "postcode"))},
        "household": [_only(person, ("surname", "forenames", "relationship", "alleged_perpetrator"))],
        "consent": _only(event["consent"], ("status",)),
    }  # fmt: skip
    return Verdict("", heard | ({"override": _only(decided, ("reason",))} if decided and decided["reason"] else {}))


def _only(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _record(topic: str, event_id: str, subject: str, value: bytes) -> Record:
    papers = Envelope(event_id, "/tests", topic, MORNING, traceparent(event_id))
    return Record(topic, subject.encode(), value, papers.headers())


def message_id(keys: Keys, agency: str, event_id: str) -> str:
    """By what an agency knows an event again: the same whenever and however often it is carried."""
    return digest(keys.recipient(agency)[1], event_id)


def subject_of(keys: Keys, agency: str, subject: str) -> str:
    """The key under which an agency finds a child whose key on the hub's own topics is *subject*."""
    return digest(keys.recipient(agency)[0], subject)
