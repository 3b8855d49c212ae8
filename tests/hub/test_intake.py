"""Intake: an answer tells what is committed, the same message has the same answer, and a failure promises nothing."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import pytest
from pydantic import Field

from hub.agency import Agency
from hub.avro import schema_of
from hub.catalog import Catalog
from hub.envelope import Envelope
from hub.errors import CatalogError, NotForUs, NotUnderstood, TransportError
from hub.identity.index import MemoryIndex
from hub.identity.names import Name
from hub.identity.registry import Registry
from hub.inbound import Line, Understood
from hub.intake import Intake, plain
from hub.keys import Keys
from hub.schema_lock import SchemaLock
from hub.standing import Standing
from hub.store import engine
from hub.store.inbox import Inbox
from hub.stream import Event, Sensitivity, Stream
from hub.transports import Answer

KEYS = Keys(b"a secret for tests, of 32 bytes.")
SECRET = "Zebedee"


class Moved(Event):
    """A child moved."""

    child: Annotated[str, Field(description="Who."), Sensitivity.IDENTIFIER]


MOVES = Stream(name="moves", event=Moved, key=("child",), keep="days", steward="x")
CLINIC = Agency(name="Clinic", steward="a@b.example", key="clinic",
                says={"moves": {"format": "json", "by": "https", "into": ["moves"]}})  # fmt: skip


def moves(message: dict) -> Iterator[Event]:
    if "aside" in message:
        raise NotForUs("not-a-child")
    if "child" not in message:
        raise NotUnderstood("child.missing", f"[{SECRET}]\n", "say who")
    yield Moved(child=message["child"])


class Small(Catalog):
    """One agency with one line into one stream."""

    understand = staticmethod(moves)

    def line(self, agency: str, name: str) -> Line:
        """The one line there is."""
        if (agency, name) != ("clinic", "moves"):
            raise CatalogError(["nobody says that"])
        return Line(CLINIC, "moves", self.understand, (MOVES,))


CATALOG = Small({"moves": MOVES}, {"clinic": CLINIC}, {}, {}, {}, None,
                SchemaLock([]).with_subjects({MOVES.topic: schema_of(MOVES)}))  # fmt: skip


@dataclass
class Log:
    """What was committed, commit by commit; fails as often as it is told to, and can be held up."""

    commits: list = field(default_factory=list)
    failures: int = 0
    gate: asyncio.Event | None = None
    begun: int = 0

    async def commit(self, records) -> None:
        """Take the records, or fail."""
        self.begun += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise TransportError("kafka: no answer")
        self.commits.append(list(records))

    @property
    def topics(self) -> list[str]:
        """The topic of each record."""
        return [record.topic for records in self.commits for record in records]


@pytest.fixture
def inbox(tmp_path):
    """An inbox as the gateway has it, which several threads ask at once."""
    store = engine(f"sqlite:///{tmp_path / 'gateway.db'}")
    yield Inbox(store, KEYS)
    store.dispose()


@pytest.fixture
def log():
    """A log that takes what it is given."""
    return Log()


@pytest.fixture
def intake(log, inbox):
    """An intake over both."""
    return Intake(CATALOG, KEYS, log.commit, inbox)


def receive(intake, *messages):
    """The answers to messages given one after the other."""

    async def all_of_them():
        return [await intake.receive("clinic", "moves", one) for one in messages]

    answers = asyncio.run(all_of_them())
    return answers[0] if len(answers) == 1 else answers


def said(**message) -> bytes:
    return json.dumps(message).encode()


def test_an_event_is_committed_with_its_papers_before_it_is_answered(intake, log):
    """On the stream's topic, under the subject's pseudonym, readable by the catalog's codec."""
    answer = receive(intake, said(id="m1", child=SECRET))

    ((record,),) = log.commits
    papers = Envelope.from_headers(record.headers)
    assert answer == Answer(events=1)
    assert record.topic == MOVES.topic
    assert record.key == KEYS.subject(MOVES, {"child": SECRET}, otherwise="").encode()
    assert CATALOG.codec(MOVES).decode(record.value) == {"child": SECRET}
    assert (papers.id, papers.source, papers.type) == (
        KEYS.event_id("clinic", "moves", "m1", 0),
        "/clinic/moves",
        MOVES.topic,
    )
    assert papers.trace[3:35] == papers.id


def test_the_same_message_twice_is_answered_twice_and_committed_once(intake, log):
    """Best answer to a duplicate is the same answer again; rejecting or ignoring it would strand the sender."""
    first, second = receive(intake, said(id="m1", child="a"), said(id="m1", child="a"))

    assert first == second == Answer(events=1)
    assert len(log.commits) == 1


def test_the_same_message_without_an_id_is_known_by_its_bytes(intake, log):
    """Another byte is another message."""
    receive(intake, said(child="a"), said(child="a"), said(child="b"))

    assert log.topics == [MOVES.topic] * 2


def test_an_id_with_other_content_is_refused_and_kept(intake, log):
    """The first stands; what came under its id is in quarantine, and the sender is told what to do."""
    first, other, again = receive(intake, said(id="m1", child="a"), said(id="m1", child="b"), said(id="m1", child="a"))

    assert first == again == Answer(events=1)
    assert (other.code, other.refused, other.events, other.readable) == ("id.used-before", 1, 0, True)
    assert other.mend == "send it under an id of its own"
    assert log.topics == [MOVES.topic, "quarantine.clinic"]


def test_where_the_commit_fails_nothing_is_promised_and_nothing_remembered(intake, log):
    """The sender is not told that it worked, sends again, and only then it is in, under the same event id."""
    log.failures = 1
    with pytest.raises(TransportError):
        receive(intake, said(id="m1", child="a"))
    assert log.commits == []

    other = receive(intake, said(id="m1", child="b"))

    assert other == Answer(events=1)
    assert Envelope.from_headers(log.commits[0][0].headers).id == KEYS.event_id("clinic", "moves", "m1", 0)


def test_where_the_commit_of_a_refusal_fails_it_is_not_answered_either(intake, log):
    """What is to be kept in quarantine is promised as much as an event."""
    log.failures = 1
    with pytest.raises(TransportError):
        receive(intake, said(id="m1"))

    assert receive(intake, said(id="m1")).code == "child.missing"
    assert log.topics == ["quarantine.clinic"]


def test_an_id_under_which_everything_was_refused_is_not_used(intake, log):
    """The sender mends the message and sends it under the id it had."""
    refused, mended = receive(intake, said(id="m1"), said(id="m1", child="a"))

    assert (refused.code, mended) == ("child.missing", Answer(events=1))


def test_a_message_that_was_refused_is_understood_once_our_code_is_mended(intake, log, monkeypatch):
    """The very same bytes: the old refusal is not the answer for ever."""
    monkeypatch.setattr(Small, "understand", staticmethod(lambda message: 1 // 0))
    refused = receive(intake, said(id="m1", child="a"))
    monkeypatch.undo()

    assert refused.code == "error.zerodivisionerror"
    assert receive(intake, said(id="m1", child="a")) == Answer(events=1)


def test_what_is_set_aside_is_answered_and_remembered_without_a_record(intake, log):
    """Sound and not needed: there is nothing to commit, and the same id with other content is still odd."""
    aside, other = receive(intake, said(id="m1", aside=True), said(id="m1", child="a"))

    assert aside == Answer(set_aside=1)
    assert other.code == "id.used-before"


def test_a_batch_is_committed_whole_and_counted(intake, log):
    """One commit for all that came of it, in order, and the first refusal's reason."""
    batch = json.dumps([{"child": "a"}, {}, {"aside": 1}, {"child": "b"}]).encode()

    answer, again = receive(intake, batch, batch)

    assert (answer.events, answer.refused, answer.set_aside, answer.code) == (2, 1, 1, "child.missing")
    assert answer.readable
    assert answer == again
    assert [[record.topic for record in records] for records in log.commits] == [
        [MOVES.topic, "quarantine.clinic", MOVES.topic]]  # fmt: skip


def test_what_cannot_be_read_is_kept_and_answered_as_unreadable(intake, log):
    """As one refusal of the whole."""
    answer = receive(intake, b"\xff\xfe not json")

    assert (answer.readable, answer.refused, answer.accepted) == (False, 1, False)
    assert log.topics == ["quarantine.clinic"]


def test_quarantine_is_sealed_and_its_papers_say_nothing_of_the_content(intake, log):
    """Why and where in plain words, cut of what a message could smuggle in; the bytes open with the hub's keys only."""
    receive(intake, said(id=SECRET))

    ((record,),) = log.commits
    headers = dict(record.headers)
    assert SECRET.encode() not in record.value + record.key
    assert headers["hub_code"] == b"child.missing"
    assert headers["hub_place"] == f"[{SECRET}]?".encode()  # a place is the connector's word; odd signs are cut
    assert KEYS.unseal("quarantine", record.value, record.key.decode()) == said(id=SECRET)


def test_the_same_refusal_has_the_same_name_in_quarantine(intake, log):
    """So that ops sees that it is the same message again."""
    receive(intake, said(id="m1"), said(id="m1"), said(id="m2"))

    keys = [record.key for records in log.commits for record in records]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(("text", "cut"), [("pid.3", "pid.3"), ("a\r\nb\0é=<", "a??b????"), ("x" * 200, "x" * 80)])
def test_an_odd_name_does_not_travel_in_a_header(text, cut):
    """Letters, digits and a few signs, eighty of them at most."""
    assert plain(text) == cut


def test_a_line_that_nobody_says_is_our_own_mistake(intake, log):
    """The transport's settings are wrong: nothing is answered."""
    with pytest.raises(CatalogError):
        asyncio.run(intake.receive("clinic", "visits", b"{}"))


def test_the_same_message_at_the_same_time_is_committed_once(intake, log):
    """Two connections that send the same message wait for each other; another message waits for neither."""

    async def together():
        log.gate = asyncio.Event()
        same = [asyncio.create_task(intake.receive("clinic", "moves", said(id="m1", child="a"))) for _ in range(5)]
        other = asyncio.create_task(intake.receive("clinic", "moves", said(id="m2", child="a")))
        while log.begun < 2:
            await asyncio.sleep(0)
        log.gate.set()
        return await asyncio.gather(*same, other)

    assert set(asyncio.run(together())) == {Answer(events=1)}
    assert len(log.commits) == 2


def test_whoever_comes_while_another_waits_still_waits_for_it(intake, log):
    """After a commit that failed the next in the queue tries, and one that came late does not try beside it."""

    async def in_turn():
        log.failures, log.gate = 1, asyncio.Event()
        one = asyncio.create_task(intake.receive("clinic", "moves", said(id="m1", child="a")))
        two = asyncio.create_task(intake.receive("clinic", "moves", said(id="m1", child="a")))
        while log.begun < 1:
            await asyncio.sleep(0)
        log.gate.set()
        with pytest.raises(TransportError):
            await one
        log.gate.clear()
        three = asyncio.create_task(intake.receive("clinic", "moves", said(id="m1", child="a")))
        while log.begun < 2:
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0.001)
        most = log.begun
        log.gate.set()
        return most, await two, await three

    most, two, three = asyncio.run(in_turn())

    assert (most, two, three) == (2, Answer(events=1), Answer(events=1))
    assert len(log.commits) == 1


def test_without_an_inbox_every_message_is_taken_in(log):
    """As `hub run --once` does, which forgets everything."""
    intake = Intake(CATALOG, KEYS, log.commit)

    receive(intake, said(id="m1", child="a"), said(id="m1", child="a"))

    assert log.topics == [MOVES.topic] * 2


def test_the_log_tells_counts_and_codes_and_nothing_else(intake, caplog):
    """Neither the sender's id, nor a value, nor a place that a message could have worded."""
    with caplog.at_level(logging.INFO, "hub"):
        receive(intake, said(id=SECRET, child=SECRET), said(id=SECRET, child="b"), said(id="m2"), b"\xff")

    told = "\n".join(f"{record.getMessage()} {record.hub_keys}" for record in caplog.records)
    assert SECRET not in told
    assert "'code': 'child.missing'" in told
    assert "'code': 'id.used-before'" in told


@pytest.mark.parametrize("at_once", [False, True])
def test_an_id_used_for_other_content_raises_an_alarm(at_once, intake, caplog):
    """Two messages would pass for one: an error line with a code, in one file as in two messages."""
    first, other = said(id="m1", child="a"), said(id="m1", child="b")
    with caplog.at_level(logging.INFO, "hub"):
        receive(intake, *([b"[" + first + b"," + other + b"]"] if at_once else [first, other]))

    alarms = [record.hub_keys["code"] for record in caplog.records if record.levelno == logging.ERROR]
    assert alarms == ["id.used-before"]


# --- the wall: an adoption order closes a child's identifiers ---------------------------------------------------

OLD, NEW, SCHOOL = "9990000018", "9990000026", "Q866400121012"
CLOSED = frozenset({("nhs_number", OLD), ("upn", SCHOOL)})


class Seen(Event):
    """A child was seen, by whatever identifiers the sender has."""

    nhs_number: Annotated[str | None, Field(description="NHS number."), Sensitivity.IDENTIFIER] = None
    upn: Annotated[str | None, Field(description="UPN."), Sensitivity.IDENTIFIER] = None
    note: Annotated[str | None, Field(description="What of."), Sensitivity.OPEN] = None


SUBJECT = (("nhs_number", "nhs_number"), ("upn", "upn"))
SEEN = Stream(name="seen", event=Seen, key=("nhs_number",), keep="days", steward="x", subject=SUBJECT)
STATUS = Stream(name="status", event=Standing, key=("nhs_number",), keep="days", steward="x",
                subject=(*SUBJECT, ("case_id", "case_id")))  # fmt: skip


def seen_or_said(message: dict) -> Iterator[Event]:
    said = {name: value for name, value in message.items() if name != "id"}
    yield Standing(**said) if "adopted" in said or "restricted" in said else Seen(**said)


class Walled(Small):
    """One line into events of children and into what is known of them."""

    def line(self, agency: str, name: str) -> Line:
        """The one line there is."""
        return Line(CLINIC, "moves", seen_or_said, (SEEN, STATUS))


WALLED = Walled({"seen": SEEN, "status": STATUS}, {"clinic": CLINIC}, {}, {}, {}, None,
                SchemaLock([]).with_subjects({one.topic: schema_of(one) for one in (SEEN, STATUS)}))  # fmt: skip


@pytest.fixture
def walled(log, inbox):
    """An intake that knows which identifiers are closed."""

    async def wall():
        return CLOSED

    return Intake(WALLED, KEYS, log.commit, inbox, wall=wall)


@pytest.mark.parametrize(
    "child",
    [{"nhs_number": OLD}, {"upn": SCHOOL}, {"nhs_number": OLD, "upn": SCHOOL}, {"nhs_number": NEW, "upn": SCHOOL}],
)
def test_what_names_an_adopted_child_as_they_were_before_is_refused_and_nowhere_kept(walled, log, child):
    """By any identifier of theirs, alone or beside a new one, which would tell who they are now: not in quarantine."""
    answer = receive(walled, said(id="m1", **child))

    assert (answer.code, answer.refused, answer.events, answer.readable) == ("identity.closed", 1, 0, True)
    assert answer.mend == "name the child by the identifiers that they have now, and by no other"
    assert log.commits == []
    assert not [word for word in (OLD, NEW, SCHOOL) if word in str(answer)]


def test_who_is_named_by_what_is_not_closed_is_let_in(walled, log):
    """The child under their new identifiers among them; and who is named by none at all."""
    answers = receive(
        walled,
        said(id="m1", nhs_number=NEW),
        said(id="m2", note="x"),
        said(id="m3", upn=OLD),
        said(id="m4", nhs_number=""),
    )

    assert answers == [Answer(events=1)] * 4
    assert log.topics == [SEEN.topic] * 4


def test_the_rest_of_a_batch_is_let_in(walled, log):
    """One child's refusal is not another's."""
    batch = json.dumps([{"nhs_number": OLD}, {"nhs_number": NEW}, {"upn": SCHOOL, "nhs_number": NEW}]).encode()

    answer = receive(walled, batch)

    assert (answer.events, answer.refused, answer.code) == (1, 2, "identity.closed")
    assert log.topics == [SEEN.topic]


def test_that_identifiers_are_closed_may_be_said_again(walled, log):
    """By the authority, of those that are closed and no other; anything else that it says of them may not."""
    again, more, other = receive(
        walled,
        said(id="m1", nhs_number=OLD, adopted="2026-05-04"),
        said(id="m2", nhs_number=OLD, upn=SCHOOL, adopted="2026-05-04"),
        said(id="m3", nhs_number=OLD, restricted=False),
    )
    assert (again, more) == (Answer(events=1), Answer(events=1))
    assert (other.code, other.events) == ("identity.closed", 0)
    assert log.topics == [STATUS.topic] * 2


@pytest.mark.parametrize("new", [{"upn": NEW}, {"case_id": "7001"}])
def test_an_order_that_names_a_child_as_they_were_and_as_they_are_is_refused(walled, log, new):
    """Beside a closed identifier no other may stand: the two would be one child for ever."""
    answer = receive(walled, said(id="m1", nhs_number=OLD, adopted="2026-05-04", **new))

    assert (answer.code, answer.events, log.commits) == ("identity.closed", 0, [])


def test_a_refusal_at_the_wall_is_not_remembered(walled, log):
    """The sender mends the message and sends it under the id it had."""
    refused, mended = receive(walled, said(id="m1", nhs_number=OLD), said(id="m1", nhs_number=NEW))

    assert (refused.code, mended) == ("identity.closed", Answer(events=1))


def test_where_the_wall_cannot_be_asked_nothing_is_promised(log, inbox):
    """The sender is not told that it was accepted, and sends again."""
    closed = [TransportError("kafka: no answer")]

    async def wall():
        if closed:
            raise closed.pop()
        return CLOSED

    intake = Intake(WALLED, KEYS, log.commit, inbox, wall=wall)
    with pytest.raises(TransportError):
        receive(intake, said(id="m1", nhs_number=NEW))
    assert log.commits == []

    assert receive(intake, said(id="m1", nhs_number=NEW)) == Answer(events=1)


def test_the_wall_is_asked_for_every_message(log, inbox):
    """An order that was said between two messages holds for the second."""
    orders = [frozenset(), CLOSED]

    async def wall():
        return orders.pop(0)

    intake = Intake(WALLED, KEYS, log.commit, inbox, wall=wall)
    first, second = receive(intake, said(id="m1", nhs_number=OLD), said(id="m2", nhs_number=OLD))

    assert (first, second.code) == (Answer(events=1), "identity.closed")


def test_the_log_tells_that_the_wall_refused_and_not_whom(walled, caplog):
    """By the code, and that nothing is kept."""
    with caplog.at_level(logging.INFO, "hub"):
        receive(walled, said(id="m1", nhs_number=OLD, upn=SCHOOL))

    told = "\n".join(f"{record.getMessage()} {record.hub_keys}" for record in caplog.records)
    assert "refused, and nothing of it kept" in told
    assert not [word for word in (OLD, SCHOOL) if word in told]


# --- the identity index: what a message adds ---------------------------------------------------------------------


@pytest.fixture
def index():
    """An index in memory."""
    return MemoryIndex(KEYS)


def test_what_a_message_ties_is_kept_after_the_commit_and_never_without(log, index):
    """A crash between the two leaves less certain; the other way round it would vouch for what no event says."""
    intake = Intake(WALLED, KEYS, log.commit, registry=Registry(KEYS, index))
    log.failures = 1
    with pytest.raises(TransportError):
        receive(intake, said(id="m1", nhs_number=OLD, upn=SCHOOL))
    assert not index.graph.links

    held = []
    log.commit = lambda records, commit=log.commit: (held.append(len(index.graph.links)), commit(records))[1]
    intake = Intake(WALLED, KEYS, log.commit, registry=Registry(KEYS, index))
    receive(intake, said(id="m1", nhs_number=OLD, upn=SCHOOL))
    assert (held, len(index.graph.links)) == ([0], 1)


def test_what_is_asked_of_a_person_is_counted(log, index, caplog):
    """By its code, in the log; the sender is answered as ever."""
    intake = Intake(WALLED, KEYS, log.commit, registry=Registry(KEYS, index))
    with caplog.at_level(logging.INFO, "hub"):
        answers = receive(intake, said(id="m1", nhs_number=OLD, upn=SCHOOL), said(id="m2", nhs_number=NEW, upn=SCHOOL))
    assert answers == [Answer(events=1)] * 2
    assert [record.hub_keys["queried"] for record in caplog.records if "queried" in record.hub_keys] == [0, 1]
    assert not [word for word in (OLD, NEW, SCHOOL) if word in caplog.text]


def test_an_order_closes_in_the_index_what_was_tied_before(log, index):
    """The wall tells of the one number; by the other the child is refused too, and nothing of it is kept."""
    closed: list[frozenset] = [frozenset()]

    async def wall():
        return closed[0]

    intake = Intake(WALLED, KEYS, log.commit, wall=wall, registry=Registry(KEYS, index))
    tied = said(id="m1", adopted=None, restricted=False, nhs_number=OLD, case_id="K774411")
    receive(intake, said(id="m0", nhs_number=NEW), tied)
    before = len(log.commits)
    index.keep(Registry(KEYS, index).settle(CERTAIN, [UNDERSTOOD], datetime(2026, 9, 1, tzinfo=UTC))[1])
    closed[0] = frozenset({("nhs_number", OLD)})

    answer = receive(intake, said(id="m2", restricted=True, case_id="K774411"))

    assert (answer.code, answer.kept, len(log.commits)) == ("identity.closed", False, before)


def test_an_order_may_be_said_again_by_what_is_closed_and_by_nothing_else(log, index):
    """An extract says it each day; beside a number that is open it could tell who the child is now."""
    intake = Intake(WALLED, KEYS, log.commit, registry=Registry(KEYS, index))
    index.close([Name("nhs_number", "", OLD), Name("case_id", "", "K774411")], datetime(2026, 9, 1, tzinfo=UTC))
    again = said(id="m1", adopted="2026-09-01", nhs_number=OLD, case_id="K774411")

    answers = receive(intake, again, said(id="m2", adopted="2026-09-01", nhs_number=NEW, case_id="K774411"))

    assert [(one.code, one.events) for one in answers] == [("accepted", 1), ("identity.closed", 0)]
    assert not index.graph.links


CERTAIN = Line(
    Agency(name="Clinic", steward="a@b.example", key="clinic", says={"moves": {
        "format": "json", "by": "https", "into": ["status"], "identifies": "certain"}}),
    "moves", seen_or_said, (STATUS,),
)  # fmt: skip
UNDERSTOOD = Understood(0, "e1", STATUS, Standing(nhs_number=OLD, case_id="K774411"))
