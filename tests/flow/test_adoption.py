"""An adoption order is a wall: nothing that the hub keeps, sends or says ever joins who a child was to who they are."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, create_engine, select
from sqlalchemy.pool import StaticPool

from hub.catalog import Catalog
from hub.envelope import Envelope, Record
from hub.following import Following
from hub.identity.registry import Registry
from hub.intake import Intake
from hub.keys import Keys
from hub.log import Line
from hub.once import Once
from hub.outbound import Desk
from hub.parcel import from_payload
from hub.store.identity import SqlIndex
from hub.store.inbox import Inbox
from hub.transports import Answer
from hub.watch import Memory, record_of
from tests.flow.adopted import (
    MORNING,
    NEW,
    OLD,
    Child,
    Search,
    Sending,
    Unit,
    adt,
    children,
    hostile,
    hostile_files,
    life,
    orders,
    referral,
    standings,
    unit,
)  # fmt: skip

COUNT = 200
CLOSED = "identity.closed"
SPOKEN = ("cpis_flag", "hospital_attendance", "hospital_alert", "school_attendance", "mash_referral",
          "child_demographics", "looked_after_child", "adoption_case", "sharing_status")  # fmt: skip


class Clock:
    """A second later each time it is asked."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> datetime:
        """The moment of this question."""
        self.now += timedelta(seconds=1)
        return self.now


class Hub:
    """The whole hub in memory, with an inbox in SQL, and everything that it leaves behind."""

    def __init__(self, catalog: Catalog, keys: Keys, of: Sequence[Child]) -> None:
        self.catalog, self.keys, self.clock = catalog, keys, Clock()
        self.store = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self.once = Once(catalog, keys, self.clock)
        inbox = Inbox(self.store, keys)
        registry = Registry(keys, SqlIndex(self.store, keys))
        self.once._intake = Intake(
            catalog, keys, self.once.log.commit, inbox, self.clock, wall=self.once._wall, registry=registry
        )
        self.search = Search(of)
        self.lines: list[str] = []
        self.answers: list[Answer] = []
        self._loop = asyncio.new_event_loop()

    def say(self, sendings: Iterable[Sending]) -> list[Answer]:
        """Take each in and carry what comes of it; then deliver."""
        answers = []
        for one in sendings:
            receive = self.once._intake.receive(one.agency, one.line, one.data)
            answers.append(self._loop.run_until_complete(receive))
            self.once._settle()
        self.once.deliver()
        self.answers += answers
        return answers

    def close(self) -> None:
        """Let go of the store and the loop."""
        self.store.dispose()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def records(self) -> int:
        """How many records lie on all topics."""
        return sum(map(len, self.once.log.topics.values()))

    def heard(self) -> list[Record]:
        """All that agencies hear, in order by topic."""
        return [record for topic, records in self.once.log.topics.items() if ".to." in topic for record in records]

    def units(self) -> Iterator[Unit]:
        """Everything that is kept, sent or said, unsealed."""
        yield from units_of(self.once.log.topics, self.keys, self.search)
        for (watch, key), memory in self.once._memories.items():
            yield Unit(f"memory of {watch}", key + b" " + (memory.pack() or b""))
        for one in self.once.outcome.delivered:
            yield Unit(f"delivered to {one.agency}", one.address.encode() + b" " + one.body)
        yield from (Unit("an answer", json.dumps(answer).encode()) for answer in self.answers)
        yield from (Unit("a log line", line.encode()) for line in self.lines)
        yield from rows(self.store, self.keys)


def units_of(topics: dict[str, list[Record]], keys: Keys, search: Search) -> Iterator[Unit]:
    """Each record of *topics*; what lies in quarantine is opened. Whose each key is, *search* learns on the way."""
    for records in topics.values():
        for record in records:
            search.learn(record)
    for topic, records in topics.items():
        for record in records:
            if topic.startswith("quarantine."):
                bound = dict(record.headers).get("hub_place", b"") if record.key is None else record.key
                yield unit(topic, record, keys.unseal("quarantine", record.value or b"", bound.decode()))
            else:
                yield unit(topic, record)


GATEWAYS = frozenset({"inbox", "identity_names", "identity_links"})


def rows(store: Engine, keys: Keys, having: frozenset[str] = GATEWAYS) -> Iterator[Unit]:
    """Each row of each table, what is sealed in it opened; the tables *having* are there."""
    metadata = MetaData()
    metadata.reflect(store)
    assert having <= metadata.tables.keys()
    with store.connect() as connection:
        for name, table in metadata.tables.items():
            for row in connection.execute(select(table)).mappings():
                told = " ".join(str(value) for value in row.values() if not isinstance(value, bytes)).encode()
                if name == "inbox":
                    told += b" " + keys.unseal("inbox", row["box"], row["own_id"])
                elif name == "identity_names":
                    told += b" " + keys.unseal("identity", row["box"], row["name"])
                elif row.get("payload"):
                    headers, value = from_payload(keys.unseal("ledger", row["payload"], row["message_id"]))
                    told += b" " + unit("", Record("", None, value, headers)).content
                yield Unit(f"a row of {name}", told)


@contextmanager
def logged(lines: list[str]) -> Iterator[None]:
    """Every line that the hub's log would show, into *lines*."""

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(Line("json").format(record))

    logger, handler = logging.getLogger("hub"), Keeping()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


class Carried:
    """The scenario, carried to its end; what was refused on the way, and with which answers."""

    def __init__(self, hub: Hub, of: Sequence[Child]) -> None:
        self.hub, self.of = hub, of
        old, new = [one.old for one in of], [one.new for one in of]
        with logged(hub.lines):
            self.before = hub.say(life(old, 1))
            self.before += hub.say(standings([one.old for one in of if one.way != "sharing_status"], 2))
            self.orders = hub.say(orders(of, 4))
            self.after = hub.say([*standings(new[::2], 2), *life(new, 1)])
            self.kept = hub.records()
            self.refused = hub.say(one for child in of for one in hostile(child, 5))
            self.left = hub.records() - self.kept
            self.files = [(hub.say([one])[0], sound) for one, sound in hostile_files(of, 5)]


@pytest.fixture(scope="module")
def carried(catalog: Catalog, keys: Keys) -> Iterator[Carried]:
    """200 children, adopted."""
    of = children(COUNT)
    hub = Hub(catalog, keys, of)
    yield Carried(hub, of)
    hub.close()


def test_both_lives_are_carried(carried: Carried) -> None:
    """Or there would be nothing to find: each child is heard of as they were, and then as they are."""
    hub, every = carried.hub, {child.serial for child in carried.of}
    assert [one.code for one in (*carried.before, *carried.orders, *carried.after) if not one.accepted] == []
    list(hub.units())
    by_stream = {
        stream.name: hub.search.named(record.value or b"" for record in hub.once.log.topics[stream.topic])
        for stream in map(hub.catalog.streams.__getitem__, SPOKEN)
    }
    for name, named in by_stream.items():
        for epoch in (OLD, NEW):
            wanted = len(every) if (name, epoch) != ("sharing_status", NEW) else len(every) // 2
            found = sum(who[1] == epoch for who in named)
            assert found == wanted, f"{name}: {found} of {wanted} in {epoch}"
    for agency in ("wiltshire_police", "chis", "great_western_hospital", "virtual_school", "adopt_thames_valley"):
        topics = [records for topic, records in hub.once.log.topics.items() if topic.endswith(agency.replace("_", "-"))]
        named = hub.search.named(record.value or b"" for records in topics for record in records)
        assert len(named) == 2 * len(every), f"{agency} hears of {len(named)} lives"


def test_what_names_both_is_refused_and_nothing_of_it_is_kept(carried: Carried) -> None:
    """A merge, a referral, a status, a file, and what is refused for something else too; not in quarantine either."""
    codes = Counter(answer.code for answer in carried.refused)
    assert codes == {CLOSED: 8 * COUNT}
    assert not any(answer.kept or answer.events for answer in carried.refused)
    assert carried.left == 0, f"{carried.left} records came of what was refused"
    for answer, sound in carried.files:
        assert (answer.code, answer.events, answer.kept) == (CLOSED, sound, False)
        assert answer.refused > 0


def test_who_a_child_was_stands_nowhere_beside_who_they_are(carried: Carried) -> None:
    """No record, row, memory, delivery, answer or line of the log; and no key, for anyone, is a key for both."""
    units = list(carried.hub.units())
    links = carried.hub.search.links(units)
    assert links == [], f"{len(links)} links in {len(units)} units, the first in {links[:3]}"
    keyed = Counter(epoch for who in carried.hub.search.pseudonyms.values() for _, epoch in who)
    assert min(keyed[OLD], keyed[NEW]) >= COUNT * 10, f"{keyed} keys are known"


def test_no_trace_and_no_receipt_leads_from_one_life_to_the_other(carried: Carried) -> None:
    """An event's trace is its own, and what a receipt says was known of a child was said in the same life."""
    hub = carried.hub
    list(hub.units())
    whose: dict[str, set[Any]] = {}
    traces: dict[str, set[Any]] = {}
    for records in hub.once.log.topics.values():
        for record in records:
            if not any(name == "ce_id" for name, _ in record.headers):
                continue  # quarantine has no papers
            papers = Envelope.from_headers(record.headers)
            named = hub.search.told(record.value or b"")
            whose.setdefault(papers.id, set()).update(named)
            traces.setdefault(papers.trace.split("-")[1], set()).update(named)
    assert [who for who in traces.values() if len({epoch for _, epoch in who}) > 1 and len(who) == 2] == []
    relied = [receipt for receipt in hub.once.outcome.receipts if receipt.standing]
    assert len(relied) > 4 * COUNT
    for receipt in relied:
        assert whose[receipt.event] == set().union(*(whose[one] for one in receipt.standing))


def test_a_replay_joins_nothing_and_tells_nothing_of_before(carried: Carried) -> None:
    """All decided anew from the first record on: of who a child was is told what came with the order, and no more."""
    hub = carried.hub
    assert list(hub.units())
    view = Following(hub.catalog)
    for topic in view.topics:
        for record in hub.once.log.topics[topic]:
            view.take(record)
    judged, memories = rebuilt(hub)
    alerts = hub.once.log.topics[hub.catalog.streams["hospital_alert"].topic]
    assert [(one.key, one.headers) for one in judged] == [(one.key, one.headers) for one in alerts]
    released: list[Record] = []
    sealed: Counter[str] = Counter()
    for stream in hub.catalog.streams.values():
        desk = Desk(hub.catalog, stream, hub.keys)
        records = judged if stream.name == "hospital_alert" else hub.once.log.topics[stream.topic]
        for record in records:
            carried_anew = desk.carry(record, now=hub.clock(), view=view.view)
            released += carried_anew.records
            if any(epoch == OLD for _, epoch in hub.search.told(record.value or b"")):
                sealed.update(one.rule for one in carried_anew.receipts if one.verdict == "withheld")
    topics: dict[str, list[Record]] = {}
    for record in (*released, *judged):
        topics.setdefault(record.topic, []).append(record)
    units = [*units_of(topics, hub.keys, hub.search), *(Unit("a memory", held) for held in memories)]
    assert hub.search.links(units) == []
    old = Counter((record.topic, who) for record in released for who in hub.search.told(record.value or b"")
                  if who[1] == OLD)  # fmt: skip
    ways = {"adoptions": "adoption-case.v1.to.adopt-thames-valley",
            "ssda903": "looked-after-child.v1.to.virtual-school"}  # fmt: skip
    wanted = Counter((ways[one.way], (one.serial, OLD)) for one in carried.of if one.way in ways)
    assert old == wanted, (
        f"{sum((old - wanted).values())} more and {sum((wanted - old).values())} less than came with it"
    )
    assert sealed.keys() == {"sealed.adoption"}
    assert sealed["sealed.adoption"] > 7 * COUNT
    assert len(released) > 10 * COUNT, "and of who they are all is told again"


def rebuilt(hub: Hub) -> tuple[list[Record], list[bytes]]:
    """What the watches emit, and then hold, where they begin anew: every flag first, then every arrival."""
    emitted: list[Record] = []
    held: list[bytes] = []
    for watch in hub.catalog.watches.values():
        memories: dict[bytes, Memory] = {}
        keeps, on, emits = (hub.catalog.streams[name] for name in (watch.keeps, watch.on, watch.emits))
        for record in hub.once.log.topics[keeps.topic]:
            papers, before = Envelope.from_headers(record.headers), memories.get(record.key or b"", Memory())
            values = hub.catalog.codec(keeps).decode(record.value or b"")
            memories[record.key or b""] = before.knowing(watch.remember(before.state, values, papers.time), papers.id)
        for record in hub.once.log.topics[on.topic]:
            papers, state = Envelope.from_headers(record.headers), memories.get(record.key or b"", Memory()).state
            values = hub.catalog.codec(on).decode(record.value or b"")
            found = watch.judge(values, state, papers, now=hub.clock(), caught_up=True)
            for index, event in enumerate(found):
                value = hub.catalog.codec(emits).encode(event.model_dump())
                emitted.append(record_of(watch, emits, hub.keys, papers, index, event, value))
        held += [key + b" " + (memory.pack() or b"") for key, memory in memories.items()]
    return emitted, held


def test_without_the_wall_the_search_finds_the_links(
    catalog: Catalog, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with the wall taken out each thing that names both is found, in the open or in quarantine."""
    of = children(4)
    monkeypatch.setattr("hub.intake.let_in", lambda _line, outcome, _closed: outcome)
    monkeypatch.setattr("hub.identity.registry.Registry.close", lambda _self, _closed, _now: None)
    hub = Hub(catalog, keys, of)
    carried = Carried(hub, of)
    links = Counter(place.partition(":")[0] for place in hub.search.links(hub.units()))
    hub.close()
    assert CLOSED not in {answer.code for answer in carried.refused}
    for place, count in (("hospital-attendance.v1", 4), ("mash-referral.v1", 4), ("child-demographics.v1", 4),
                         ("sharing-status.v1", 8), ("quarantine.mash-front-door", 8),
                         ("quarantine.social-care", 5), ("one key for both", 4)):  # fmt: skip
        assert links[place] >= count, f"{place}: {links[place]} found, {count} planted"


def test_what_a_case_number_closes_is_all_that_is_certainly_tied_to_it(catalog: Catalog, keys: Keys) -> None:
    """
    An extract says an order by the case number alone; the index knows the child's other numbers.

    They are closed with it, and stand in the word on the order, so that what was said under them is sealed.
    """
    child = children(1)[0]
    old, new = child.old, child.new
    hub = Hub(catalog, keys, [child])
    hub.say([*life([old], 1), *orders([child], 4)])
    (stream,) = catalog.standing
    closed = catalog.codec(stream).decode(hub.once.log.topics[stream.topic][-1].value or b"")
    assert (closed["case_id"], closed["nhs_number"], closed["upn"]) == (old.case_id, old.nhs_number, old.upn)
    assert hub.say([referral(5, new, pers_person_id=old.case_id)])[0].code == CLOSED
    assert hub.say([adt(5, old)])[0].code == CLOSED
    hub.close()


LOCAL = {
    "the hospital's number with the new NHS number": lambda old, new: adt(5, new,
                                                                         mrn=old.word("H")),
    "the hospital's number alone": lambda old, _new: adt(5, old, number=""),
    "a merge of the hospital's numbers": lambda old, new: adt(5, new, "A40", f"MRG|{old.word('H')}^^^RZZ^MR"),
}  # fmt: skip


@pytest.mark.parametrize("what", LOCAL)
def test_a_hospitals_number_is_closed_too(catalog: Catalog, keys: Keys, what: str) -> None:
    """It was said beside the NHS number; nothing of what names it, or brings it together with the new one, is kept."""
    child = next(one for one in children(4) if one.way == "sharing_status")
    hub = Hub(catalog, keys, [child])
    hub.say([*life([child.old], 1), *orders([child], 4)])
    kept = hub.records()
    assert hub.say([LOCAL[what](child.old, child.new)])[0].code == CLOSED
    assert hub.records() == kept
    assert hub.say([adt(6, child.new)])[0].accepted
    assert hub.search.links(hub.units()) == []
    hub.close()


def test_a_schools_own_number_is_closed_too(catalog: Catalog, keys: Keys) -> None:
    """The school gave it beside the UPN; a row that names it with the new UPN is refused, and so is it alone."""
    child = next(one for one in children(4) if one.way == "sharing_status")
    hub = Hub(catalog, keys, [child])
    hub.say([*life([child.old], 1), *orders([child], 4)])
    head = b"UPN,LOCAL_ID,SCHOOL_URN,DATE,SESSION,MARK\r\n"
    for upn in (child.new.upn, ""):
        said = head + f"{upn},{child.old.word('L')},990002,21/09/2026,AM,O\r\n".encode()
        answer = hub.say([Sending("schools", "attendance", "marks.csv", said)])[0]
        assert (answer.code, answer.kept) == (CLOSED, False), upn
    hub.close()


def test_what_nobody_can_read_is_not_kept_where_it_holds_a_closed_hospital_number(catalog: Catalog, keys: Keys) -> None:
    """Who the child is now could stand beside it; of what holds none of them all is kept as before."""
    child = next(one for one in children(4) if one.way == "sharing_status")
    old = child.old._replace(serial=child.serial)
    hub = Hub(catalog, keys, [child])
    number = "RZ774411"
    hub.say([*life([old], 1), adt(2, old, mrn=number), *orders([child], 4)])
    broken = (
        adt(5, child.new, mrn=number).data.replace(b"202609", b"neverr").replace(child.new.nhs_number.encode(), b"")
    )
    assert hub.say([Sending("great_western_hospital", "adt", "", broken)])[0].code == CLOSED
    other = broken.replace(number.encode(), b"RZ774412").replace(b"^^^RZZ^MR", b"")
    answer = hub.say([Sending("great_western_hospital", "adt", "", other)])[0]
    assert (answer.code != CLOSED, answer.kept) == (True, True)
    hub.close()


def test_what_the_index_keeps_of_a_closed_identity_is_marks(catalog: Catalog, keys: Keys) -> None:
    """No name, no link, no sealed value; and a mark is no name of the index: nothing leads from one to another."""
    child = next(one for one in children(4) if one.way == "sharing_status")
    hub = Hub(catalog, keys, [child])
    hub.say(life([child.old], 1))
    metadata = MetaData()
    metadata.reflect(hub.store)
    tables = [metadata.tables[f"identity_{name}"] for name in ("names", "links", "doubts")]

    def held() -> set[str]:
        with hub.store.connect() as connection:
            return {str(value) for table in tables for row in connection.execute(select(table)) for value in row}

    before = held()
    assert len(before) > 20
    hub.say([*orders([child], 4), adt(6, child.new)])
    with hub.store.connect() as connection:
        marks = {row.mark for row in connection.execute(select(metadata.tables["identity_closed"]))}
    old = (("nhs_number", child.old.nhs_number), ("upn", child.old.upn), ("case_id", child.old.case_id))
    names = {keys.identity("name", kind, "", value) for kind, value in old}
    assert names <= before
    assert not names & held()
    assert marks
    assert not marks & (before | held())
    hub.close()
