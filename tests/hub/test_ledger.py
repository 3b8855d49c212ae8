"""The ledger: nothing taken in is lost, nothing is sent out of turn, and both databases say the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, delete, select, text

from hub.keys import Keys
from hub.reasons import Reason
from hub.store import engine, reading
from hub.store.entries import Acked, Again, Arrival, Handed, Lane, Parked
from hub.store.inbox import Inbox
from hub.store.interventions import recorded
from hub.store.ledger import HORIZON, Ledger
from hub.store.oversight import AT_A_TIME
from hub.store.rows import KEPT_OVER
from hub.store.tables import deliveries, metadata

NOW = datetime(2025, 9, 1, 8, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
LANE = Lane("clinic", "moves", "")
OTHER = Lane("clinic", "moves", "north")
STREAMS = {"moves", "school"}


def seconds(many: float) -> timedelta:
    return timedelta(seconds=many)


def arrived(message_id: str, subject: str = "anna", lane: Lane = LANE, *, whole: bool = False) -> Arrival:
    return Arrival(lane, message_id, "moves.v1.to.clinic", 0, 0, subject, b"box of " + message_id.encode(), whole)


def ids(ledger: Ledger, now: datetime = NOW, lane: Lane = LANE, *, together: bool = False) -> list[str]:
    return [entry.message_id for entry in ledger.due(lane, now, 100, together=together)]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each database by turns."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'hub.db'}"
    return str(request.getfixturevalue("postgresql"))


@pytest.fixture
def store(url: str) -> Iterator[Engine]:
    """An empty database."""
    made = engine(url)
    metadata.drop_all(made)
    yield made
    made.dispose()


@pytest.fixture
def ledger(store: Engine) -> Ledger:
    """An empty ledger."""
    return Ledger(store)


def test_what_is_committed_is_on_disk(store: Engine) -> None:
    """Both databases wait for the disk, whatever their own default is."""
    with reading(store) as connection:
        if store.dialect.name == "sqlite":
            found = [
                connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous")
            ]
            assert found == ["wal", 2]
        else:
            assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


def test_only_sqlite_and_postgresql_are_stores() -> None:
    """Another database is refused by name, and its URL, which may hold a password, is not repeated."""
    with pytest.raises(ValueError, match="not mysql") as refusal:
        engine("mysql://hub:hunter2@db/hub")
    assert "hunter2" not in str(refusal.value)


def test_the_same_message_again_changes_nothing(ledger: Ledger) -> None:
    """A message id is taken in once, also when it was delivered in between."""
    ledger.enqueue([arrived("m1"), arrived("m1")], NOW)
    ledger.attempt(LANE, ["m1"], NOW, NOW + LEASE)
    ledger.settle(LANE, [Acked(("m1",), "AA")], NOW)
    ledger.enqueue([arrived("m1"), arrived("m2")], NOW)
    assert (ids(ledger), ledger.counts("clinic")) == (["m2"], {"ACKED": 1, "PENDING": 1})


def test_an_earlier_message_holds_back_its_child_alone(ledger: Ledger) -> None:
    """While a child's first message is tried, fails or is parked, its later ones wait, and other children's do not."""
    ledger.enqueue([arrived("a1"), arrived("a2"), arrived("b1", "ben"), arrived("a3", lane=OTHER)], NOW)
    assert ids(ledger) == ["a1", "b1"]
    ledger.attempt(LANE, ["a1"], NOW, NOW + LEASE)
    assert ids(ledger) == ["b1"]
    ledger.settle(LANE, [Again(("a1",), NOW + seconds(9), "http.503")], NOW)
    assert (ids(ledger), ids(ledger, NOW + seconds(9))) == (["b1"], ["a1", "b1"])
    ledger.settle(LANE, [Parked(("a1",), "http.422")], NOW)
    assert (ids(ledger, NOW + seconds(9)), ids(ledger, lane=OTHER)) == (["b1"], ["a3"])
    ledger.settle(LANE, [Acked(("a1",), "200")], NOW)
    assert ids(ledger) == ["a2", "b1"]


def test_a_parked_message_goes_again_or_never_when_a_person_says_so(ledger: Ledger) -> None:
    """Released it is due; given up it is settled, empty, and holds nobody back; neither can be done twice."""
    ledger.enqueue([arrived("a1"), arrived("a2")], NOW)
    ledger.settle(LANE, [Parked(("a1",), "http.422")], NOW)
    ((lane, entry),) = ledger.parked("clinic")
    assert (lane, entry.message_id, entry.reason, entry.payload) == (LANE, "a1", "http.422", b"")
    assert ledger.release("clinic", "moves", "a1", NOW)
    assert not ledger.release("clinic", "moves", "a1", NOW)
    assert ids(ledger) == ["a1"]
    ledger.settle(LANE, [Parked(("a1",), "http.422")], NOW)
    assert ledger.give_up("clinic", "moves", "a1", "told.by-telephone", NOW)
    assert not ledger.give_up("clinic", "moves", "a1", "told.by-telephone", NOW)
    assert ids(ledger) == ["a2"]


def test_what_is_settled_is_emptied(ledger: Ledger, store: Engine) -> None:
    """An acknowledged message leaves no payload behind."""
    ledger.enqueue([arrived("m1")], NOW)
    assert ledger.due(LANE, NOW, 1)[0].payload == b"box of m1"
    ledger.settle(LANE, [Acked(("m1",), "AA")], NOW)
    with reading(store) as connection:
        row = connection.execute(select(deliveries.c["payload", "ack", "settled"])).one()
    assert (bytes(row[0]), row[1], row[2]) == (b"", "AA", NOW)


def test_an_acknowledgement_stands_against_everything_thought_later(ledger: Ledger) -> None:
    """What the partner has is never sent again because somebody else wrote later that the attempt failed."""
    ledger.enqueue([arrived("m1")], NOW)
    ledger.attempt(LANE, ["m1"], NOW, NOW + LEASE)
    ledger.settle(LANE, [Acked(("m1",), "AA"), Again(("m1",), NOW, "timeout"), Parked(("m1",), "refused")], NOW)
    assert ledger.counts("clinic") == {"ACKED": 1}


def test_of_two_who_try_one_message_only_one_may(ledger: Ledger) -> None:
    """An attempt belongs to one, until its time is up."""
    ledger.enqueue([arrived(f"m{i}", f"child {i}") for i in range(20)], NOW)
    names = [f"m{i}" for i in range(20)]
    with ThreadPoolExecutor(4) as threads:
        claims = list(threads.map(lambda _: ledger.attempt(LANE, names, NOW, NOW + LEASE), range(4)))
    assert Counter(name for claim in claims for name in claim) == Counter(names)
    assert ledger.attempt(LANE, names, NOW + LEASE, NOW + 2 * LEASE) == frozenset(names)


def test_what_a_dead_courier_was_trying_is_due_at_once(ledger: Ledger) -> None:
    """A courier that starts takes up what its predecessor left, without waiting for the time of the attempt."""
    ledger.enqueue([arrived("m1")], NOW)
    ledger.attempt(LANE, ["m1"], NOW, NOW + LEASE)
    assert (ids(ledger), ledger.next_due(LANE, NOW)) == ([], NOW + LEASE)
    assert ledger.recover("clinic", STREAMS, NOW) == 1
    assert (ids(ledger), ledger.due(LANE, NOW, 1)[0].attempts) == (["m1"], 1)


def test_a_clock_that_was_wrong_delays_nothing(ledger: Ledger) -> None:
    """What was taken in, or put off, by a clock a day ahead is due when the clock is right again."""
    ledger.enqueue([arrived("m1")], NOW + timedelta(days=1))
    ledger.enqueue([arrived("m2", "ben")], NOW)
    ledger.attempt(LANE, ["m2"], NOW, NOW + LEASE)
    ledger.settle(LANE, [Again(("m2",), NOW + timedelta(days=1), "timeout")], NOW)
    assert (ids(ledger), ids(ledger, NOW + HORIZON)) == (["m1"], ["m1", "m2"])


def test_a_moment_is_the_same_whatever_zone_it_was_said_in(ledger: Ledger) -> None:
    """Times come back in UTC; a time without a zone is refused."""
    ledger.enqueue([arrived("m1")], NOW.astimezone(timezone(timedelta(hours=5))))
    assert ledger.oldest("clinic") == NOW
    assert ledger.oldest("clinic").utcoffset() == timedelta(0)  # type: ignore[union-attr]
    with pytest.raises(Exception, match="time zone"):
        ledger.enqueue([arrived("m2")], NOW.replace(tzinfo=None))


def test_a_partner_who_is_back_gets_what_waits_at_once(ledger: Ledger) -> None:
    """Hastening makes due what was put off, and leaves alone what is being tried."""
    ledger.enqueue([arrived("m1"), arrived("m2", "ben")], NOW)
    ledger.attempt(LANE, ["m1", "m2"], NOW, NOW + LEASE)
    ledger.settle(LANE, [Again(("m1",), NOW + seconds(300), "timeout")], NOW)
    ledger.hasten([LANE], NOW)
    assert ids(ledger) == ["m1"]


def test_a_newer_whole_state_replaces_what_was_not_tried(ledger: Ledger) -> None:
    """Of messages that carry all that is true of a child, one that was tried stays, and the newest of the rest."""
    ledger.enqueue([arrived("a1", whole=True), arrived("b1", "ben", whole=True)], NOW)
    ledger.attempt(LANE, ["a1"], NOW, NOW + LEASE)
    ledger.enqueue([arrived(f"a{i}", whole=True) for i in (2, 3)], NOW)
    ledger.enqueue([arrived("a2", whole=True)], NOW)  # a duplicate that Kafka gave again is not the newest
    assert ledger.counts("clinic") == {"ATTEMPT": 1, "SUPERSEDED": 1, "PENDING": 2}
    ledger.settle(LANE, [Acked(("a1",), "200")], NOW)
    assert ids(ledger) == ["b1", "a3"]


def test_a_batch_goes_together_at_every_attempt(ledger: Ledger) -> None:
    """What a batch holds is fixed once, and what comes later for the same children waits for the next."""
    ledger.enqueue([arrived("a1"), arrived("b1", "ben"), arrived("a2")], NOW)
    assert (ids(ledger), ids(ledger, together=True)) == (["a1", "b1"], ["a1", "b1", "a2"])
    ledger.assign_batch(LANE, ["a1", "b1", "a2"], "batch")
    ledger.assign_batch(LANE, ["a1"], "another")
    ledger.enqueue([arrived("a3"), arrived("c1", "cleo")], NOW)
    assert [entry.message_id for entry in ledger.rows_of_batch(LANE, "batch")] == ["a1", "b1", "a2"]
    assert ids(ledger, together=True) == ["a1", "b1", "a2", "c1"]
    ledger.attempt(LANE, ["a1", "b1", "a2"], NOW, NOW + LEASE)
    ledger.settle(LANE, [Again(("a1", "b1", "a2"), NOW + seconds(5), "disk")], NOW)
    assert ids(ledger, together=True) == ["c1"]
    assert ids(ledger, NOW + seconds(5), together=True) == ["a1", "b1", "a2", "c1"]


def test_a_limit_never_parts_a_childs_messages_in_the_wrong_place(ledger: Ledger) -> None:
    """However few a file may hold, it holds a child's oldest."""
    ledger.enqueue([arrived(f"{child}{turn}", child) for turn in range(3) for child in ("a", "b")], NOW)
    assert [entry.message_id for entry in ledger.due(LANE, NOW, 3, together=True)] == ["a0", "b0", "a1"]


def test_a_released_message_leaves_its_batch(ledger: Ledger) -> None:
    """The rest of a parked batch stays parked, under its old id."""
    ledger.enqueue([arrived("a1"), arrived("b1", "ben")], NOW)
    ledger.assign_batch(LANE, ["a1", "b1"], "batch")
    ledger.settle(LANE, [Parked(("a1", "b1"), "folder.full")], NOW)
    ledger.release("clinic", "moves", "b1", NOW)
    assert [entry.message_id for entry in ledger.rows_of_batch(LANE, "batch")] == ["a1"]
    assert ids(ledger, together=True) == ["b1"]


def test_undeliverable_arrivals_are_parked_and_seen(ledger: Ledger) -> None:
    """What cannot be delivered is taken in all the same, and waits for a person."""
    ledger.enqueue([arrived("m1")._replace(fault="envelope.unsound"), arrived("m2")], NOW)
    assert (ids(ledger), ledger.counts("clinic")) == ([], {"PARKED": 1, "PENDING": 1})


def test_counts_lanes_and_age_are_of_one_agency(ledger: Ledger) -> None:
    """Ops sees what waits, where, and since when; parked messages are counted, and are not late."""
    ledger.enqueue([arrived("m1")], NOW)
    ledger.enqueue([arrived("m2", "ben", OTHER)], NOW + seconds(1))
    ledger.enqueue([arrived("m3", lane=Lane("school", "moves", ""))], NOW - seconds(9))
    ledger.settle(LANE, [Parked(("m1",), "refused")], NOW)
    assert ledger.lanes("clinic", STREAMS, NOW) == [OTHER]
    assert ledger.oldest("clinic") == NOW + seconds(1)
    assert (ledger.oldest("clinic", "stays"), ledger.oldest("nobody")) == (None, None)
    assert ledger.counts("clinic") == {"PARKED": 1, "PENDING": 1}


def test_only_what_was_settled_long_ago_is_forgotten(ledger: Ledger) -> None:
    """Pruning touches neither what still has to go nor what was settled lately, nor another stream's."""
    lane = Lane("clinic", "stays", "")
    ledger.enqueue([arrived("m1"), arrived("m2", "ben"), arrived("m3", "cleo"), arrived("m4", lane=lane)], NOW)
    ledger.settle(LANE, [Acked(("m1",), "AA")], NOW)
    ledger.settle(LANE, [Acked(("m2",), "AA")], NOW + seconds(9))
    ledger.settle(lane, [Acked(("m4",), "AA")], NOW)
    assert ledger.prune("clinic", "moves", NOW + seconds(5)) == 1
    assert ledger.counts("clinic") == {"ACKED": 2, "PENDING": 1}


def test_what_was_kept_as_long_as_it_may_be_is_erased(ledger: Ledger, store: Engine) -> None:
    """Waiting, parked or handed over: nothing of it is left to send, its row says why, and a release is refused."""
    ledger.enqueue([arrived(one, one) for one in ("waits", "parked", "handed")], NOW)
    ledger.settle(LANE, [Parked(("parked",), "http.422")], NOW)
    ledger.attempt(LANE, ["handed"], NOW, NOW + LEASE)
    ledger.settle(LANE, [Handed(("handed",), "taken", NOW + timedelta(days=6))], NOW)
    ledger.enqueue([arrived("young", "waits"), arrived("other", lane=Lane("clinic", "stays", ""))], NOW + seconds(5))
    assert ledger.erase("clinic", "moves", NOW + seconds(5)) == 3
    assert ledger.erase("clinic", "moves", NOW + seconds(5)) == 0
    with reading(store) as connection:
        rows = connection.execute(select(deliveries.c["message_id", "payload", "state", "reason"])).all()
    erased = {row.message_id for row in rows if (row.payload, row.state, row.reason) == (b"", "PARKED", KEPT_OVER)}
    assert erased == {"waits", "parked", "handed"}
    assert {row.message_id: row.payload for row in rows if row.payload} == {
        "young": b"box of young",
        "other": b"box of other",
    }
    assert ids(ledger, NOW + seconds(5)) == ["young"], "what can never go holds back nothing"
    assert not ledger.release("clinic", "moves", "waits", NOW)
    assert ledger.give_up("clinic", "moves", "waits", "told.by-telephone", NOW)
    ledger.settle(LANE, [Acked(("handed",), "AA")], NOW)
    assert ledger.counts("clinic") == {"ACKED": 1, "SUPERSEDED": 1, "PARKED": 1, "PENDING": 2}


def test_a_file_is_kept_as_long_as_its_youngest_message(ledger: Ledger) -> None:
    """Without one of its messages it would be another file under the same id; in the end it is erased whole."""
    ledger.enqueue([arrived("a1")], NOW)
    ledger.enqueue([arrived("b1", "ben")], NOW + seconds(9))
    ledger.assign_batch(LANE, ["a1", "b1"], "file")
    assert ledger.erase("clinic", "moves", NOW + seconds(9)) == 0
    assert [entry.payload for entry in ledger.rows_of_batch(LANE, "file")] == [b"box of a1", b"box of b1"]
    assert ledger.erase("clinic", "moves", NOW + seconds(10)) == 2


def test_much_is_erased_in_portions(ledger: Ledger) -> None:
    """Each is a transaction of its own, so that nobody's writing waits for long."""
    ledger.enqueue([arrived(f"{i:04}", f"child {i}") for i in range(AT_A_TIME + 1)], NOW)
    assert [ledger.erase("clinic", "moves", NOW + LEASE) for _ in range(3)] == [AT_A_TIME, 1, 0]


def test_arrivals_of_one_agency_take_turns(ledger: Ledger, store: Engine) -> None:
    """Two who take in the same records at once, as after a rebalance, keep every child's order."""
    messages = [arrived(f"{i:03}") for i in range(120)]
    chunks = [messages[i : i + 7] for i in range(0, 120, 7)]

    def take(_: int) -> None:
        for chunk in chunks:
            ledger.enqueue(chunk, NOW)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(take, range(3)))
    with reading(store) as connection:
        found = connection.execute(select(deliveries.c.message_id).order_by(deliveries.c.seq)).scalars().all()
    assert found == sorted(message.message_id for message in messages)


def test_many_may_make_the_tables_at_once(url: str, store: Engine) -> None:
    """Processes that start together do not trip over each other's tables."""
    engines = [engine(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Ledger, engines))
    for one in engines:
        one.dispose()
    assert Ledger(store).counts("clinic") == {}


def test_a_state_that_cannot_be_is_refused_by_the_database(ledger: Ledger, store: Engine) -> None:
    """A row is settled when it is acknowledged or superseded, and only then, whoever writes it."""
    ledger.enqueue([arrived("m1")], NOW)
    with pytest.raises(Exception, match="deliveries_settled"), store.begin() as connection:
        connection.execute(text("UPDATE deliveries SET state = 'ACKED'"))


@pytest.mark.parametrize("change", ["UPDATE interventions SET because = ''", "DELETE FROM interventions"])
def test_what_a_person_decided_stands(ledger: Ledger, store: Engine, change: str) -> None:
    """Who released what, and why, is on record, and neither database lets anybody change it."""
    ledger.enqueue([arrived("m1")], NOW)
    ledger.settle(LANE, [Parked(("m1",), "refused")], NOW)
    assert ledger.release("clinic", "moves", "m1", NOW, by=Reason("Ada Quill", "They asked for it again."))
    with pytest.raises(Exception, match="added, never changed"), store.begin() as connection:
        connection.execute(text(change))
    (one,) = recorded(store)
    assert (one.by, one.what, one.message_id, one.reason) == ("Ada Quill", "release", "m1", "refused")


@dataclass
class Known:
    """What the model knows of one message."""

    lane: Lane
    subject: str
    state: str = "PENDING"
    due: datetime = NOW
    batch: str | None = None
    attempts: int = 0


class OrderPromise(RuleBasedStateMachine):
    """
    Whatever arrives, fails, is parked, released, crashes or is batched: per lane and child, in order.

    The model keeps every message in a plain list and says itself what may go; the ledger must say the same.
    """

    store: Engine
    flying = Bundle("flying")

    @initialize()
    def begin(self) -> None:
        """An empty ledger."""
        self.ledger = Ledger(self.store)
        with self.store.begin() as connection:
            connection.execute(delete(deliveries))
        self.now = NOW
        self.known: dict[str, Known] = {}

    @rule(
        subjects=st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
        lane=st.sampled_from([LANE, OTHER]),
        again=st.booleans(),
    )
    def arrive(self, subjects: list[str], lane: Lane, again: bool) -> None:
        """Messages come, some of them for the second time."""
        new = [(f"{len(self.known) + i:04}", subject) for i, subject in enumerate(subjects)]
        old = [arrived(name, one.subject, one.lane) for name, one in self.known.items() if again]
        self.ledger.enqueue([*old, *(arrived(name, subject, lane) for name, subject in new)], self.now)
        self.known |= {name: Known(lane, subject, due=self.now) for name, subject in new}

    def may_go(self, lane: Lane, *, together: bool) -> list[str]:
        """The model's own answer, oldest first."""
        going = []
        for name, one in self.known.items():
            ready = one.lane == lane and one.state in ("PENDING", "ATTEMPT") and one.due <= self.now
            before = [
                other
                for earlier, other in self.known.items()
                if earlier < name
                and (other.lane, other.subject) == (lane, one.subject)
                and other.state not in ("ACKED", "SUPERSEDED")
            ]
            free = [
                other.batch == one.batch
                and (
                    one.batch is not None
                    or (together and other.state in ("PENDING", "ATTEMPT") and other.due <= self.now)
                )
                for other in before
            ]
            if ready and all(free):
                going.append(name)
        return going

    @rule(target=flying, lane=st.sampled_from([LANE, OTHER]), limit=st.integers(1, 4), together=st.booleans())
    def take_off(self, lane: Lane, limit: int, together: bool):
        """A courier takes what is due, one by one or as a file."""
        expected = self.may_go(lane, together=together)
        due = self.ledger.due(lane, self.now, limit, together=together)
        assert [entry.message_id for entry in due] == expected[:limit]
        batches = {entry.batch for entry in due if entry.batch is not None}
        if batches:
            batch = min(batches)
            groups = [[entry.message_id for entry in self.ledger.rows_of_batch(lane, batch)]]
            assert groups[0] == [name for name, one in self.known.items() if one.batch == batch]
        elif together and due:
            groups = [[entry.message_id for entry in due]]
            batch = f"batch of {'+'.join(groups[0])}"
            self.ledger.assign_batch(lane, groups[0], batch)
            for name in groups[0]:
                self.known[name].batch = batch
        else:
            groups = [[entry.message_id] for entry in due]
        until = self.now + LEASE
        for group in groups:
            assert self.ledger.attempt(lane, group, self.now, until) == frozenset(group)
            for name in group:
                one = self.known[name]
                one.state, one.due, one.attempts = "ATTEMPT", until, one.attempts + 1
        return multiple(*(tuple(group) for group in groups))

    @rule(group=consumes(flying), end=st.sampled_from(["ack", "again", "park"]), wait=st.integers(0, 300))
    def land(self, group: tuple[str, ...], end: str, wait: int) -> None:
        """An attempt ends in one way or another."""
        lane = self.known[group[0]].lane
        states = {self.known[name].state for name in group}
        if end == "ack":
            self.ledger.settle(lane, [Acked(group, "200")], self.now)
            for name in group:
                self.known[name].state = "ACKED" if self.known[name].state != "SUPERSEDED" else "SUPERSEDED"
        elif end == "again":
            self.ledger.settle(lane, [Again(group, self.now + seconds(wait), "timeout")], self.now)
            for name in group:
                if self.known[name].state == "ATTEMPT":
                    self.known[name].state, self.known[name].due = "PENDING", self.now + seconds(wait)
        elif not states & {"ACKED", "SUPERSEDED"}:
            self.ledger.settle(lane, [Parked(group, "refused")], self.now)
            files = {self.known[name].batch for name in group} - {None}
            for name, one in self.known.items():
                in_it = name in group or (one.lane == lane and one.batch in files)
                if in_it and one.state in ("PENDING", "ATTEMPT"):
                    one.state = "PARKED"

    @rule(wait=st.integers(1, 200))
    def wait(self, wait: int) -> None:
        """Time goes by."""
        self.now += seconds(wait)

    @rule()
    def die(self) -> None:
        """The courier dies, and another one starts."""
        self.ledger = Ledger(self.store)
        self.ledger.recover("clinic", STREAMS, self.now)
        for one in self.known.values():
            if one.state == "ATTEMPT":
                one.state, one.due = "PENDING", self.now

    @rule(keep=st.booleans(), data=st.data())
    def decide(self, keep: bool, data: st.DataObject) -> None:
        """A person lets a parked message go again, or gives it up."""
        parked = [name for name, one in self.known.items() if one.state == "PARKED"]
        if not parked:
            return
        name = data.draw(st.sampled_from(parked))
        one = self.known[name]
        if keep:
            assert self.ledger.release("clinic", "moves", name, self.now)
            one.state, one.due, one.batch = "PENDING", self.now, None
        else:
            assert self.ledger.give_up("clinic", "moves", name, "told", self.now)
            one.state = "SUPERSEDED"

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every message is in exactly the state that the model says."""
        if hasattr(self, "known"):
            assert self.ledger.counts("clinic") == Counter(one.state for one in self.known.values())


def test_order_per_child_holds_whatever_happens(store: Engine) -> None:
    """A model that keeps plain lists and the ledger agree, after any sequence of events, on what may go."""

    class Here(OrderPromise):
        pass

    Here.store = store
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
            phases=[one for one in Phase if one is not Phase.shrink],  # a long story is shrunk for minutes
        ),
    )


KEYS = Keys(b"a secret for tests, not for use!!")


@pytest.fixture
def inbox(store: Engine) -> Inbox:
    """An empty inbox."""
    return Inbox(store, KEYS)


def test_the_same_message_gets_the_same_answer(inbox: Inbox) -> None:
    """A duplicate is answered as the first was; other content under the same id is noticed."""
    assert inbox.recall("clinic", "adt", "MSG1", b"hello") is None
    assert inbox.remember("clinic", "adt", "MSG1", b"hello", '{"code":"accepted"}', now=NOW).same
    assert inbox.recall("clinic", "adt", "MSG1", b"hello") == ('{"code":"accepted"}', True)
    assert inbox.recall("clinic", "adt", "MSG1", b"other") == ('{"code":"accepted"}', False)
    assert inbox.recall("clinic", "letters", "MSG1", b"hello") is None


def test_what_was_replayed_is_answered_as_if_it_had_been_taken_in(inbox: Inbox) -> None:
    """Of what was sent only the hash is known by then; an answer that was given before stands."""
    content = hashlib.sha256(b"hello").hexdigest()
    inbox.settle("clinic", "adt", "MSG1", content, "replayed", now=NOW)
    inbox.settle("clinic", "adt", "MSG1", content, "again", now=NOW)
    assert inbox.recall("clinic", "adt", "MSG1", b"hello") == ("replayed", True)
    assert inbox.recall("clinic", "adt", "MSG1", b"other") == ("replayed", False)


def test_the_first_answer_stands(inbox: Inbox) -> None:
    """Of two who answer the same message at once, both tell the sender what the first said."""
    with ThreadPoolExecutor(4) as threads:
        told = threads.map(
            lambda i: inbox.remember("clinic", "adt", "MSG1", b"hello", str(i), now=NOW).answer, range(4)
        )
        assert len(set(told)) == 1


def test_the_inbox_says_nothing_in_the_open(inbox: Inbox, store: Engine) -> None:
    """A sender's own id may be a child's number: neither it nor the answer can be read in the database."""
    inbox.remember("clinic", "adt", "9990000018", b"hello", '{"place":"PID-3"}', now=NOW)
    with reading(store) as connection:
        held = repr(connection.execute(text("SELECT own_id, box FROM inbox")).all())
    assert "9990000018" not in held
    assert "PID-3" not in held


def test_old_answers_are_forgotten(inbox: Inbox) -> None:
    """Pruning forgets what was answered before a moment, and nothing else."""
    inbox.remember("clinic", "adt", "MSG1", b"hello", "1", now=NOW)
    inbox.remember("clinic", "adt", "MSG2", b"hello", "2", now=NOW + seconds(2))
    assert inbox.prune(NOW + seconds(1)) == 1
    assert inbox.recall("clinic", "adt", "MSG2", b"hello") is not None
