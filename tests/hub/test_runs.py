"""Runs: one file a period, numbers without gap, and files that fare as their partner says, on both databases."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import TransportError
from hub.filing import CLOSING
from hub.outbound import Run
from hub.period import LOCAL, period
from hub.store import engine
from hub.store.entries import Acked, Arrival, Handed, Lane, Said
from hub.store.ledger import Ledger
from hub.store.rows import PATIENCE
from hub.store.tables import metadata
from hub.transports import Delivery
from tests.hub.lives import START, World, answer, live, message_id, record, same_bytes_always

NOW = START
LANE = Lane("clinic", "moves", "")
LEASE = timedelta(minutes=2)
DAY = 24 * 3600.0


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind by turns."""
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
    made = engine(url)
    metadata.drop_all(made)
    made.dispose()
    return url


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """An empty ledger."""
    made = engine(url)
    yield Ledger(made)
    made.dispose()


@pytest.fixture
def world(url: str, tmp_path: Path) -> Iterator[World]:
    """A new world on that database."""
    made = World(tmp_path, url)
    made.loop.set_exception_handler(lambda *_: None)  # what the dead leave behind is not told
    yield made
    made.close()


def take(ledger: Ledger, *names: str) -> None:
    """Messages come, each of a child of its own."""
    ledger.enqueue([Arrival(LANE, one, "moves.v1.to.clinic", 0, 0, f"child {one}", b"box") for one in names], NOW)


def hand(ledger: Ledger, number: int, *names: str, records: tuple[int, ...] = ()) -> str:
    """A file of these messages is put together and handed over; its id."""
    take(ledger, *names)
    assert ledger.assign_batch(LANE, names, f"file {number}", Run(number, NOW), records=records)
    assert ledger.attempt(LANE, names, NOW, NOW + LEASE) == set(names)
    ledger.settle(LANE, [Handed(names, "taken", NOW + PATIENCE)], NOW)
    return f"file {number}"


def say(ledger: Ledger, number: int | None, verdict: str, *, event: str = "e1", **more: Any) -> str:
    """The partner's word on a file."""
    said = Said("answers", event, number, more.pop("delivery", None), verdict, "C1", more.pop("records", {}))
    return ledger.acknowledge("clinic", ["moves"], said, NOW, lambda _: timedelta(seconds=5))


def test_a_number_is_taken_only_with_the_members(ledger: Ledger) -> None:
    """Numbers rise by one from the first; a file that somebody else put together takes neither members nor number."""
    take(ledger, "a", "b", "c")
    assert ledger.next_number(LANE, 4712) == 4712
    assert ledger.assign_batch(LANE, ["a"], "one", Run(4712, NOW))
    assert not ledger.assign_batch(LANE, ["a", "b"], "two", Run(4713, NOW))  # a is elsewhere
    assert not ledger.assign_batch(LANE, ["b"], "three", Run(4712, NOW))  # the number is
    assert (ledger.next_number(LANE, 1), ledger.run_of(LANE, "two")) == (4713, None)
    assert ledger.assign_batch(LANE, ["b", "c"], "four", Run(4713, NOW))
    assert ledger.run_of(LANE, "four") == Run(4713, NOW)
    assert ledger.next_number(LANE._replace(address="north")) == 1


def test_a_number_is_never_used_again(ledger: Ledger) -> None:
    """Also after all that the file held was settled and forgotten."""
    hand(ledger, 1, "a")
    ledger.settle(LANE, [Acked(("a",), "AA")], NOW)
    assert ledger.prune("clinic", "moves", NOW + timedelta(days=99)) == 1
    assert ledger.next_number(LANE) == 2


def test_what_was_handed_over_waits_for_the_partners_word(ledger: Ledger) -> None:
    """It is neither due, nor lost at a restart, nor overtaken by a late account of the attempt, until patience ends."""
    hand(ledger, 1, "a")
    assert (
        ledger.recover("clinic", {LANE.stream}, NOW),
        ledger.lanes("clinic", {LANE.stream}, NOW),
        ledger.next_due(LANE, NOW),
    ) == (0, [], None)
    assert ledger.due(LANE, NOW + timedelta(days=5), 9, together=True) == []
    assert [one.message_id for one in ledger.due(LANE, NOW + PATIENCE, 9, together=True)] == ["a"]
    assert ledger.counts("clinic") == {"ATTEMPT": 1}


@pytest.mark.parametrize(
    ("verdict", "state"), [("accepted", "ACKED"), ("again", "PENDING"), ("refused", "PARKED")]
)  # fmt: skip
@pytest.mark.parametrize("early", [False, True])
def test_a_file_fares_as_the_partner_says(ledger: Ledger, verdict: str, state: str, early: bool) -> None:
    """Whether its word comes after the runner wrote that the file was handed over, or before."""
    if early:
        take(ledger, "a", "b")
        ledger.assign_batch(LANE, ["a", "b"], "file 1", Run(1, NOW))
        ledger.attempt(LANE, ["a", "b"], NOW, NOW + LEASE)
    else:
        hand(ledger, 1, "a", "b")
    say(ledger, 1, verdict)
    if early:
        ledger.settle(LANE, [Handed(("a", "b"), "taken", NOW + PATIENCE)], NOW)
    assert ledger.counts("clinic") == {state: 2}
    if verdict == "again":
        assert [one.message_id for one in ledger.due(LANE, NOW + timedelta(seconds=5), 9, together=True)] == ["a", "b"]
        assert ledger.run_of(LANE, "file 1") == Run(1, NOW)
    if verdict == "refused":
        assert {entry.reason for _, entry in ledger.parked("clinic")} == {"answers.C1"}


def test_named_records_fare_by_themselves(ledger: Ledger) -> None:
    """One is refused, one is wanted in a later file, the rest is accepted; two messages may share a record."""
    hand(ledger, 1, "a", "b", "c", "d", records=(1, 2, 2, 3))
    assert say(ledger, 1, "accepted", records={2: ("refused", "R7"), 3: ("again", "R8")}) == "settled"
    assert ledger.counts("clinic") == {"ACKED": 1, "PARKED": 2, "PENDING": 1}
    assert {(entry.message_id, entry.reason) for _, entry in ledger.parked("clinic")} == {
        ("b", "answers.R7"),
        ("c", "answers.R7"),
    }
    (later,) = ledger.due(LANE, NOW + timedelta(seconds=5), 9, together=True)
    assert (later.message_id, later.batch) == ("d", None)


def test_a_file_wanted_again_goes_whole(ledger: Ledger) -> None:
    """What is said of single records of it then settles none: else the same number would have other bytes."""
    hand(ledger, 1, "a", "b", records=(1, 2))
    assert say(ledger, 1, "again", records={2: ("refused", "R7")}) == "again"
    assert [entry.message_id for entry in ledger.rows_of_batch(LANE, "file 1")] == ["a", "b"]
    assert ledger.counts("clinic") == {"PENDING": 2}


def test_a_word_counts_once_and_only_for_a_file_that_waits(ledger: Ledger) -> None:
    """The same event again, an unknown number, another agency's, and a file that is settled: nothing changes."""
    hand(ledger, 1, "a")
    assert say(ledger, 2, "accepted", event="e0") == "unknown"
    assert say(ledger, None, "accepted", event="e00") == "unknown"
    assert say(ledger, 1, "again") == "again"
    ledger.attempt(LANE, ["a"], NOW + timedelta(seconds=5), NOW + LEASE)
    assert say(ledger, 1, "again") == "heard before"
    assert ledger.counts("clinic") == {"ATTEMPT": 1}
    assert say(ledger, 1, "accepted", event="e2") == "settled"
    assert say(ledger, 1, "refused", event="e3") == "known before"
    assert ledger.counts("clinic") == {"ACKED": 1}


def test_a_delivery_is_found_by_its_id(ledger: Ledger) -> None:
    """A file by the id under which it went, and a message that went alone by its own."""
    name = hand(ledger, 1, "a")
    take(ledger, "b")
    assert say(ledger, None, "refused", delivery=name) == "settled"
    assert say(ledger, None, "accepted", delivery="b", event="e2") == "settled"
    assert ledger.counts("clinic") == {"PARKED": 1, "ACKED": 1}


def test_a_number_of_two_lanes_settles_neither(ledger: Ledger) -> None:
    """What could be meant by either is left to a person."""
    hand(ledger, 1, "a")
    other = LANE._replace(address="north")
    ledger.enqueue([Arrival(other, "b", "t", 0, 0, "ben", b"box")], NOW)
    ledger.assign_batch(other, ["b"], "file of the north", Run(1, NOW))
    assert say(ledger, 1, "accepted") == "ambiguous"
    assert ledger.counts("clinic") == {"ATTEMPT": 1, "PENDING": 1}


def test_ops_sees_which_acknowledgement_is_late(ledger: Ledger) -> None:
    """By delivery, with its number and when it was handed over; not before its time."""
    hand(ledger, 7, "a", "b")
    day = timedelta(hours=24)
    assert ledger.overdue(NOW + timedelta(hours=23), day) == []
    (late,) = ledger.overdue(NOW + day, day)
    assert (late.lane, late.delivery, late.number, late.handed, late.messages) == (LANE, "file 7", 7, NOW, 2)
    (stands,) = ledger.standing()
    assert (stands.handed, stands.waiting, stands.under_way, stands.oldest) == (2, 0, 0, NOW)


# in the whole process


def files(world: World) -> list[dict[str, Any]]:
    """The register's files, each delivery once."""
    return [json.loads(one.body) for one in world.received("register")]


def accepting(world: World, verdicts: Callable[[int, int], Any] = lambda *_: "accepted") -> None:
    """A register that says of each file what *verdicts* says of (number, which time it came)."""
    times: dict[int, int] = {}

    async def behave(delivery: Delivery, _: int) -> str:
        if delivery.agency == "register":
            number = json.loads(delivery.body)["number"]
            times[number] = times.get(number, 0) + 1
            verdict, *records = verdicts(number, times[number]), ()
            world.send(answer(number, verdict, event=f"{number} {times[number]}", records=records[0]))
        return "mesh id"

    world.behave = behave


def drained(world: World) -> Callable[[], bool]:
    return lambda: world.waiting() == 0


def test_files_are_numbered_and_acknowledged(world: World) -> None:
    """Each lane's files have the numbers from 1; the register's word, which comes before ours, settles them."""
    accepting(world)
    world.send(*(record("register", child, turn) for turn in range(2) for child in "abcd"))
    assert live(world, drained(world), most=100)
    assert [one["number"] for one in files(world)] == list(range(1, len(files(world)) + 1))
    assert sum(len(turns) for one in files(world) for turns in one["children"].values()) == 8
    with world.ledger() as ledger:
        assert ledger.counts("register") == {"ACKED": 8}


def test_a_file_wanted_again_is_the_same_file(world: World) -> None:
    """Same number, same bytes, as often as it is wanted; nothing that came meanwhile gets into it."""
    accepting(world, lambda _, time: "again" if time < 4 else "accepted")
    world.send(record("register", "a", 0), record("register", "b", 0))
    assert live(world, lambda: len(world.attempts) > 1)
    world.send(record("register", "a", 1), record("register", "c", 0))
    assert live(world, drained(world))
    assert len(world.attempts) == 12
    assert same_bytes_always(world)
    assert [(one["number"], one["children"]) for one in files(world)] == [
        (1, {"a": [0], "b": [0]}),
        (2, {"c": [0]}),
        (3, {"a": [1]}),  # held back until the child's first was settled
    ]


def test_silence_is_told_once_and_the_file_goes_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A day without a word is an error in the log; six days, and the same file goes again."""
    world.send(record("register", "a", 0))
    caplog.set_level(logging.ERROR)
    hours = timedelta(hours=1)

    def until(seconds: float = 70) -> Callable[[], bool]:
        end = world.loop.time() + seconds
        return lambda: world.loop.time() > end

    assert live(world, lambda: bool(world.got))
    world.skew = 23 * hours
    assert live(world, until())
    assert not caplog.records
    world.skew = 25 * hours
    assert live(world, until())
    assert [one.message for one in caplog.records] == ["acknowledgement overdue"]
    world.skew = PATIENCE - hours
    assert live(world, until())
    assert len(world.attempts) == 1
    world.skew = PATIENCE + hours
    assert live(world, lambda: len(world.attempts) == 2)
    assert same_bytes_always(world)


@pytest.mark.parametrize("sender", ["north", "register"])
def test_nobody_answers_for_another(world: World, sender: str) -> None:
    """An acknowledgement that another agency says settles nothing; and one that is not sound stops nobody."""
    world.send(record("register", "a", 0))
    assert live(world, lambda: bool(world.got))
    spoilt = answer(1, event="spoilt")
    world.send(spoilt._replace(value=b"\x00junk"), spoilt._replace(headers=()), answer(1, sender=sender))
    live(world, lambda: world.committed["answers"] == 3)
    with world.ledger() as ledger:
        assert ledger.counts("register") == {"ACKED" if sender == "register" else "ATTEMPT": 1}


def test_a_crash_at_any_point_keeps_numbers_and_words(tmp_path: Path) -> None:
    """The process dies before or after each step of a file's way: no gap, no other bytes, nothing lost."""

    def made(name: str, crash_at: int | None = None) -> World:
        world = World(tmp_path / name, crash_at=crash_at)
        world.loop.set_exception_handler(lambda *_: None)
        accepting(world, lambda number, time: "again" if (number, time) == (1, 1) else "accepted")
        world.send(*(record("register", child, 0) for child in "ab"))
        return world

    whole = made("whole")
    assert live(whole, drained(whole))
    whole.close()
    points = [at for at, step in enumerate(whole.steps) if step != "read" and "commit" not in step]
    for crash_at in points:
        world = made(str(crash_at), crash_at)
        assert not live(world, drained(world))
        world.crash_at = None
        assert live(world, drained(world), most=DAY)
        assert same_bytes_always(world)
        assert [one["number"] for one in files(world)] == list(range(1, len(files(world)) + 1))
        with world.ledger() as ledger:
            assert ledger.counts("register") == {"ACKED": 2}
        world.close()
    seen = {whole.steps[at] for at in points}
    assert {f"{when} {what}" for when in ("before", "after") for what in ("assign_batch", "acknowledge")} <= seen


def test_a_quarters_file_holds_the_newest_of_each_child(world: World) -> None:
    """It goes when the quarter has ended in London, and not because the process starts; the rest is superseded."""
    ends = datetime(2025, 10, 1, tzinfo=LOCAL).astimezone(UTC)
    world.send(*(record("bureau", child, turn) for turn in range(3) for child in "ab"))
    assert live(world, lambda: world.loop.time() > 120)
    world.send(record("bureau", "c", 0))
    world.loop.later = (ends - START).total_seconds() - 600
    assert live(world, lambda: world.loop.time() > (ends - START).total_seconds() - 300)
    assert not world.got
    world.send(record("bureau", "b", 3))  # released in the old quarter, and read in the new one
    world.loop.later += 300
    assert live(world, lambda: bool(world.got), most=DAY)
    world.send(record("bureau", "a", 9))
    live(world, lambda: world.loop.time() > (ends - START).total_seconds() + 200)
    ((at, delivery),) = world.got
    assert delivery.body == b"Child,Turn\r\na,2\r\nc,0\r\nb,3\r\n"
    assert at - (ends - START).total_seconds() < 60 + 2 * CLOSING.total_seconds()
    with world.ledger() as ledger:
        assert ledger.counts("bureau") == {"ACKED": 3, "SUPERSEDED": 5, "PENDING": 1}


def test_many_lanes_ask_an_absent_partner_as_one(world: World) -> None:
    """While it is away it is asked about as often as one lane would; once it is back every lane gets all."""
    back = 300.0

    async def behave(_: Delivery, __: int) -> str:
        if world.loop.time() < back:
            raise TransportError("http.503")
        return "200"

    world.behave = behave
    world.send(
        *(record("north", f"{lane} {turn}", turn, address=f"1{lane:05}") for turn in (0, 1) for lane in range(40))
    )
    assert live(world, drained(world))
    asked = [one for at, one in world.attempts if 60 < at < back]
    assert len(asked) < back / 15 + 10
    assert len({one.address for one in asked}) > len(asked) / 2  # they take turns
    assert max(at for at, _ in world.got) < back + 60
    assert len(world.got) == 80


def test_one_lanes_poison_delays_no_other_lane(world: World) -> None:
    """A message that always fails, alone in its lane, leaves the agency's other lanes as quick as ever."""
    poison = message_id("north", "a", 0)

    async def behave(delivery: Delivery, _: int) -> str:
        if delivery.message_id == poison:
            raise TransportError("http.500")
        return "200"

    world.behave = behave
    world.send(record("north", "a", 0, address="100001"))
    live(world, lambda: len(world.attempts) > 12)
    sent = world.loop.time()
    world.send(record("north", "b", 0, address="100002"))
    assert live(world, lambda: bool(world.got))
    assert world.got[0][0] - sent < 3.0


@given(
    every=st.sampled_from(["30 minutes", "24 hours", "7 days", "month", "quarter"]),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda one: one.replace(tzinfo=UTC)),  # noqa: DTZ001
)
def test_periods_follow_each_other_without_gap(every: str, at: datetime) -> None:
    """Each moment lies in one, whose end is the beginning of the next; months begin at midnight in London."""
    begins, ends = period(every, at)
    assert begins <= at < ends
    assert period(every, ends)[0] == ends
    assert period(every, ends - timedelta(microseconds=1)) == (begins, ends)
    if every in ("month", "quarter"):
        local = begins.astimezone(LOCAL)
        assert (local.day, local.hour, local.minute, local.second) == (1, 0, 0, 0)


def test_a_quarter_begins_by_local_time() -> None:
    """The third quarter ends at midnight of summer time, an hour before it does in UTC."""
    assert period("quarter", datetime(2025, 9, 30, 23, 30, tzinfo=UTC))[0] == datetime(2025, 9, 30, 23, tzinfo=UTC)
    with pytest.raises(ValueError, match="is no period"):
        period("week", NOW)
