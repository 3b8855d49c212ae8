"""Who came is known by any number of theirs: a flag is found by it, and where that is not certain the alert says so."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from pydantic import Field

from hub.agency import Agency
from hub.avro import schema_of
from hub.catalog import Catalog
from hub.envelope import Envelope
from hub.inbound import Line
from hub.keys import Keys
from hub.once import Once
from hub.stream import Event, Sensitivity, Stream
from tests.flow import adopted

FLAGGED, OTHER, OLDER, THIRD = "9990000018", "9990000026", "9990000034", "9990000042"
NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)


class Renumbered(Event):
    """An NHS number was withdrawn, and others took its place."""

    old: Annotated[str, Field(description="The number that was withdrawn."), Sensitivity.IDENTIFIER]
    new: Annotated[tuple[str, ...], Field(description="What took its place."), Sensitivity.IDENTIFIER] = ()


CHANGES = Stream(name="number_change", event=Renumbered, key=("old",), keep="days", steward="x",
                 superseded=("old", "new"))  # fmt: skip
SPINE = Agency(name="Spine", steward="a@b.example", key="spine", says={"changes": {
    "format": "json", "by": "https", "into": ["number_change"], "identifies": "certain"}})  # fmt: skip


@dataclass(frozen=True)
class Wider(Catalog):
    """The project's catalog, and a Spine that says which NHS numbers gave way."""

    def line(self, agency: str, name: str) -> Line:
        """The Spine's one line, or another agency's."""
        if agency == "spine":
            return Line(SPINE, name, lambda said: iter([Renumbered(old=said["old"], new=said["new"])]), (CHANGES,))
        return super().line(agency, name)


class Day:
    """The whole hub in memory, and what is said to it."""

    def __init__(self, catalog: Catalog, keys: Keys) -> None:
        self.now, self._told, self.answers = NOW, 0, []
        parts = {one.name: getattr(catalog, one.name) for one in fields(Catalog)}
        parts |= {
            "streams": {**catalog.streams, CHANGES.name: CHANGES},
            "agencies": {**catalog.agencies, SPINE.key: SPINE},
            "lock": catalog.lock.with_subjects({CHANGES.topic: schema_of(CHANGES)}),
        }
        self.once = Once(Wider(**parts), keys, self._clock)

    def _clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def say(self, agency: str, line: str, data: bytes) -> str:
        """Take it in and carry what comes of it; returns the code of the answer."""
        answer = asyncio.run(self.once._intake.receive(agency, line, data))
        self.once._settle()
        self.answers.append(answer)
        return answer.code

    def flag(self, number: str = FLAGGED, case: str = "K1") -> None:
        """A child protection plan is recorded."""
        row = f"{number},{case},Quill,Ada,05/09/2015,CPP,02/02/2026 10:15,,,{adopted.AUTHORITY},SW0042"
        self.say("social_care", "flags", f"{adopted.FLAGS}\r\n{row}\r\n".encode())

    def changed(self, old: str, *new: str) -> None:
        """The Spine says that a number gave way."""
        self.say("spine", "changes", json.dumps({"old": old, "new": new}).encode())

    def adt(
        self, trigger: str, mrn: str = "", number: str = "", *, traced: bool | None = True, born: str = "20150905",
        merges: str = "",
    ) -> str:  # fmt: skip
        """The hospital reports something of a patient."""
        self._told += 1
        at = f"{self.now + timedelta(minutes=self._told):%Y%m%d%H%M}"
        own = mrn if "^" in mrn or not mrn else f"{mrn}^^^RZZ^MR"
        ids = "~".join(one for one in (number and f"{number}^^^NHS^NH", own) if one)
        status = "" if traced is None else "NSTS01" if traced else "NSTS02"
        segments = [
            f"MSH|^~\\&|CAREFLOW|RZZ|SHARINGHUB|SBC|{at}||ADT^{trigger}|G{self._told}|P|2.4|||||GBR|UNICODE|EN",
            f"EVN|{trigger}|{at}||||{at}",
            f"PID|1||{ids}||Quill^Ada^^^^^L||{born}|F" + "|" * 24 + status,
            f"MRG|{merges}" if merges else f"PV1|1|E|ED^MAJORS^BAY 4^RZZ01|21||||||||||19|||||V{self._told}^^^RZZ^VN",
        ]
        return self.say("great_western_hospital", "adt", ("\r".join(segments) + "\r").encode())

    def arrives(self, mrn: str = "", number: str = "", **more: Any) -> list[dict[str, Any]]:
        """Somebody arrives; returns the verdicts on it, flagged ones first."""
        alerts = self.once.log.topics[self.once.catalog.streams["hospital_alert"].topic]
        before = len(alerts)
        self.adt("A04", mrn, number, **more)
        codec = self.once.catalog.codec(self.once.catalog.streams["hospital_alert"])
        return sorted((codec.decode(one.value) for one in alerts[before:]), key=lambda one: one["verdict"])


@pytest.fixture
def day(catalog: Catalog, keys: Keys) -> Day:
    """A day on which Ada Quill has a plan, under the first of her numbers."""
    made = Day(catalog, keys)
    made.flag()
    return made


def verdicts(found: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(one["verdict"], one["match"]) for one in found]


def test_by_her_nhs_number_as_before(day: Day) -> None:
    """What the sender says stands as it was said; the index adds nothing to it."""
    assert verdicts(day.arrives("H1", FLAGGED)) == [("flagged", "certain")]
    assert attendance(day)["identified"] is None


def attendance(day: Day) -> dict[str, Any]:
    """The newest attendance, as it lies on its topic."""
    stream = day.once.catalog.streams["hospital_attendance"]
    found: dict[str, Any] = day.once.catalog.codec(stream).decode(day.once.log.topics[stream.topic][-1].value)
    return found


@pytest.mark.parametrize("trigger", ["A28", "A31", "A04"])
def test_by_the_hospitals_number_alone_once_it_was_said_with_a_traced_one(day: Day, trigger: str) -> None:
    """The ambulance brings her, and the message that it makes has no NHS number."""
    day.adt(trigger, "H1", FLAGGED)

    (alert,) = day.arrives("H1")

    assert verdicts([alert]) == [("flagged", "certain")]
    assert alert["patient"]["nhs_number"] == FLAGGED
    said = attendance(day)
    assert said["patient"]["nhs_number"] is None
    assert said["identified"] == {"nhs_number": FLAGGED, "match": "certain", "because": "local_number"}


def test_a_number_that_was_never_said_with_another_is_nobodys(day: Day) -> None:
    """Nor is the same number of another hospital hers."""
    day.adt("A28", "H1", FLAGGED)
    assert verdicts(day.arrives("H2")) == [("unknown", None)]


def test_a_number_that_was_not_traced_gives_a_probable_match(day: Day) -> None:
    """The alert fires, and the hospital hears whom to call and no more."""
    day.adt("A28", "H1", FLAGGED, traced=False)
    assert verdicts(day.arrives("H1")) == [("flagged", "probable")]


def test_a_date_of_birth_that_differs_makes_it_possible(day: Day) -> None:
    """Another child may lie under that number; and a child without a flag is not vouched for either."""
    day.adt("A28", "H1", FLAGGED)
    assert verdicts(day.arrives("H1", born="20110101")) == [("flagged", "possible")]
    day.adt("A28", "H9", OTHER)
    assert verdicts(day.arrives("H9", born="20110101")) == [("unknown", None)]


def test_by_a_number_that_gave_way_to_hers(day: Day) -> None:
    """The hospital still sends the old one; the alert names her by today's."""
    day.changed(OLDER, FLAGGED)

    found = day.arrives("", OLDER)

    assert verdicts(found)[0] == ("flagged", "certain")
    assert found[0]["patient"]["nhs_number"] == FLAGGED
    assert found[0]["otherwise"] == {"nhs_number": OLDER}


def test_by_a_number_that_gave_way_twice(day: Day) -> None:
    """One after the other, said in the wrong order."""
    day.changed(OTHER, FLAGGED)
    day.changed(OLDER, OTHER)
    assert verdicts(day.arrives("", OLDER))[0] == ("flagged", "certain")


def test_a_flag_under_a_number_that_gave_way_is_found_by_the_new_one(day: Day) -> None:
    """The case system has not heard yet; the hospital, and its number alone, have."""
    day.changed(FLAGGED, OTHER)
    found = day.arrives("H1", OTHER)
    assert verdicts(found) == [("flagged", "certain"), ("nothing_known", None)]
    assert found[0]["patient"]["nhs_number"] == OTHER
    assert verdicts(day.arrives("H1"))[0] == ("flagged", "certain")


def test_a_number_with_two_successors_is_possibly_either(day: Day) -> None:
    """One record was two children's."""
    day.changed(OLDER, FLAGGED, OTHER)
    assert verdicts(day.arrives("", OLDER)) == [("flagged", "possible"), ("unknown", None)]


def test_a_number_with_a_wrong_check_digit_ties_nothing(day: Day) -> None:
    """It may be a slip of the pen, and somebody else's."""
    day.changed(OLDER, "9990000019")
    assert verdicts(day.arrives("", OLDER)) == [("nothing_known", None)]


def test_by_a_hospital_number_that_was_merged_into_hers(day: Day) -> None:
    """A40: PID survives, MRG-1 is discarded; she is found by either, before and after the NHS number is known."""
    day.adt("A40", "H1", merges="H2^^^RZZ^MR")
    day.adt("A31", "H1", FLAGGED)
    assert verdicts(day.arrives("H2")) == verdicts(day.arrives("H1")) == [("flagged", "certain")]


def test_by_the_survivor_where_only_the_discarded_had_her_number(day: Day) -> None:
    """The other way round."""
    day.adt("A28", "H2", FLAGGED)
    day.adt("A40", "H1", merges="H2^^^RZZ^MR")
    assert verdicts(day.arrives("H1")) == [("flagged", "certain")]


def test_a_merge_of_numbers_of_two_issuers_is_not_quite_certain(day: Day) -> None:
    """An A&E number under its own authority; and the hospital's own number of the same letters is nobody's."""
    day.adt("A28", "H1", FLAGGED)
    day.adt("A40", "H1", merges="H2^^^QEAE^MR")
    assert verdicts(day.arrives("H2^^^QEAE^MR")) == [("flagged", "probable")]
    assert verdicts(day.arrives("H2")) == [("unknown", None)]


def test_two_nhs_numbers_are_never_merged(day: Day) -> None:
    """What rests on either record is then only possible, for both children; who gives a number is who they are."""
    day.adt("A28", "H1", FLAGGED)
    day.adt("A28", "H2", OTHER)
    day.adt("A40", "H2", OTHER, merges=f"H1^^^RZZ^MR~{FLAGGED}^^^NHS^NH")

    assert verdicts(day.arrives("H1")) == [("flagged", "possible"), ("unknown", None)]
    assert verdicts(day.arrives("", OTHER)) == [("nothing_known", None)]
    assert verdicts(day.arrives("", FLAGGED)) == [("flagged", "certain")]


def test_a_merge_that_was_wrong_is_undone(day: Day) -> None:
    """From then on nothing follows from it, however often the hospital says it again; what else was said stands."""
    day.adt("A28", "H1", FLAGGED)
    day.adt("A40", "H1", merges="H2^^^RZZ^MR")
    assert verdicts(day.arrives("H2")) == [("flagged", "certain")]
    index = day.once._intake._registry._index  # type: ignore[union-attr]
    (merge,) = [link for link in index.graph.links.values() if link.relation == "gave-way"]  # type: ignore[attr-defined]

    index.graph.drop(merge.id)  # type: ignore[attr-defined]

    assert verdicts(day.arrives("H2")) == [("unknown", None)]
    day.adt("A40", "H1", merges="H2^^^RZZ^MR")
    assert verdicts(day.arrives("H2")) == [("unknown", None)]
    assert verdicts(day.arrives("H1")) == [("flagged", "certain")]


def test_a_contradiction_tells_a_pointer_only(day: Day) -> None:
    """The hospital's number was said with two NHS numbers: it learns whom to call, and nothing of a plan."""
    day.adt("A28", "H1", FLAGGED)
    day.adt("A31", "H1", OTHER)
    day.once.outcome.receipts.clear()

    found = day.arrives("H1")

    assert verdicts(found) == [("flagged", "possible"), ("unknown", None)]
    (told,) = [one for one in day.once.outcome.receipts
               if one.agency == "great_western_hospital" and one.verdict == "released"]  # fmt: skip
    assert "match.possible" in told.kept_back


def test_a_number_tied_to_many_children_is_nobodys(day: Day) -> None:
    """`UNKNOWN`, `0000`: it must not raise an alert on everybody, nor keep back that of who gives a number."""
    for number in (OTHER, OLDER, THIRD, FLAGGED):
        day.adt("A28", "UNKNOWN", number)
    assert verdicts(day.arrives("UNKNOWN")) == [("unknown", None)]
    found = day.arrives("UNKNOWN", FLAGGED)
    assert verdicts(found) == [("flagged", "possible")]


def test_the_same_child_has_one_key_whatever_was_said(day: Day) -> None:
    """So that order is kept, and watches join."""
    day.changed(OLDER, FLAGGED)
    day.adt("A28", "H1", FLAGGED)
    topic = day.once.log.topics[day.once.catalog.streams["hospital_attendance"].topic]
    before = len(topic)
    day.arrives("H1")
    day.arrives("H1", FLAGGED)
    day.arrives("", OLDER)
    key = day.once.keys.pseudonym("nhs_number", FLAGGED).encode()
    first = [one for one in topic[before:] if one.key == key]
    assert len(first) == 3
    assert len({Envelope.from_headers(one.headers).id for one in topic}) == len(topic)


def test_a_message_that_comes_again_after_a_crash_is_the_same_event(day: Day) -> None:
    """Kafka had it, the index did not, and nobody was answered."""
    registry, kept = day.once._intake._registry, []
    assert registry is not None
    registry.keep = kept.append  # type: ignore[method-assign]  # the crash
    day.adt("A28", "H1", FLAGGED)
    assert kept
    assert verdicts(day.arrives("H1")) == [("unknown", None)]
    del registry.keep  # type: ignore[method-assign]
    for news in kept:
        registry.keep(news)
        registry.keep(news)
    assert verdicts(day.arrives("H1")) == [("flagged", "certain")]
