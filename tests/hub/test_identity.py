"""The identity index: what is said ties, what is taken back unties exactly that, and what is closed leads nowhere."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from pydantic import Field
from sqlalchemy import Engine, create_engine, delete, select
from sqlalchemy.pool import StaticPool

from hub.agency import Agency
from hub.identified import CERTAINTIES, Identified
from hub.identity import check_digits
from hub.identity.closing import closing
from hub.identity.graph import MOST_LINKS, Graph, Link
from hub.identity.index import Index, MemoryIndex
from hub.identity.names import NHS_NUMBER, Name, said
from hub.identity.registry import Registry
from hub.identity.statements import Source, link_of, name_of
from hub.inbound import Line, Outcome, Queried, Refusal, Understood
from hub.keys import Keys
from hub.reasons import NotAnswered
from hub.store import create, engine
from hub.store.identity import SqlIndex
from hub.store.identity_tables import closed, doubts, links, metadata, names
from hub.store.identity_work import UNCONFIRMED, NotDone, Work
from hub.stream import Event, Local, Sensitivity, Stream
from hub.wall import CLOSED

PROVE = bool(os.environ.get("HUB_PROVE"))
KEYS = Keys(b"a secret for tests, of 32 bytes.")
NOW = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)
NUMBERS = ("9990000018", "9990000026", "9990000034", "9990000042")
CASES = ("K1", "K2", "K3")
LOCALS = ("H100001", "H100002", "H100003", "H100004")
WHY = {"by": "Ada Quill", "because": "The hospital confirmed by telephone which record is right.", "now": NOW}

Text = Annotated[str | None, Field(description="x"), Sensitivity.IDENTIFIER]


class Came(Event):
    """Somebody came."""

    number: Text = None
    case: Text = None
    local: Text = None
    traced: Annotated[bool | None, Field(description="x"), Sensitivity.OPEN] = None
    former_number: Text = None
    former_local: Text = None
    gone: Text = None
    successors: Annotated[tuple[str, ...], Field(description="x"), Sensitivity.IDENTIFIER] = ()
    identified: Annotated[Identified | None, Field(description="x"), Sensitivity.IDENTIFIER] = None


STREAM = Stream(
    name="came", event=Came, key=("identified.nhs_number", "number"), keep="days", steward="x",
    subject=(("case_id", "case"), ("nhs_number", "number"), ("nhs_number", "former_number"),
             ("nhs_number", "identified.nhs_number")),
    also=(Local("hospital_number", "local"),), verified="traced", identified="identified",
    merged=(("former_local", "local"), ("former_number", "number")), superseded=("gone", "successors"),
)  # fmt: skip


def line(identifies: str = "certain", key: str = "ward") -> Line:
    """A line that says it."""
    says = {"came": {"format": "json", "by": "https", "into": ["came"], "identifies": identifies}}
    return Line(Agency(name="A ward", steward="a@b.example", key=key, says=says), "came", iter, (STREAM,))


COUNT = itertools.count()


def tell(registry: Registry, *, of: Line | None = None, keep: bool = True, **words: Any) -> list[Outcome]:
    """What becomes of one event; what it adds is kept, as after a commit."""
    one = Understood(0, KEYS.event_id("ward", "came", str(next(COUNT)), 0), STREAM, Came(**words))
    outcomes, news = registry.settle(of or line(), [one], NOW)
    if keep:
        registry.keep(news)
    return outcomes


def led(registry: Registry, **words: Any) -> list[tuple[str, str] | None]:
    """By which numbers an event goes, and how certain that is; None for one that goes as it was said."""
    found = [one.event for one in tell(registry, keep=False, **words) if isinstance(one, Understood)]
    return [None if one.identified is None else (one.identified.nhs_number, one.identified.match) for one in found]


def codes(outcomes: list[Outcome]) -> set[str]:
    return {one.code for one in outcomes if isinstance(one, Queried | Refusal)}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each database by turns, with nothing in it."""
    if request.param == "sqlite":
        made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        made = emptied(request.getfixturevalue("postgresql"))
    yield made
    made.dispose()


def emptied(url: str) -> Engine:
    """A PostgreSQL whose tables hold nothing."""
    made = engine(url)
    create(made, metadata)
    with made.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    return made


@pytest.fixture(params=["memory", "sql"])
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    """Both ways in which it is kept."""
    if request.param == "memory":
        yield MemoryIndex(KEYS)
        return
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    yield SqlIndex(made, KEYS)
    made.dispose()


@pytest.fixture
def registry(index: Index) -> Registry:
    """A registry over each."""
    return Registry(KEYS, index)


# --- what ties ------------------------------------------------------------------------------------------------


def test_said_together_once_and_known_ever_after(registry: Registry) -> None:
    """The hospital's number alone leads to the number that was once said with it."""
    assert led(registry, local="H1") == [None]
    tell(registry, local="H1", number=NUMBERS[0], traced=True)
    assert led(registry, local="H1") == [(NUMBERS[0], "certain")]
    assert led(registry, local="H1", number=NUMBERS[0]) == [None]


@pytest.mark.parametrize(
    ("identifies", "traced", "match"),
    [("certain", None, "certain"), ("probable", None, "probable"), ("probable", True, "certain"),
     ("certain", False, "probable"), ("certain", True, "certain"), ("probable", False, "probable")],
)  # fmt: skip
def test_a_tie_is_as_certain_as_who_says_it(
    registry: Registry, identifies: str, traced: bool | None, match: str
) -> None:
    """What the message says of the number counts before what the agency says of itself."""
    tell(registry, of=line(identifies), local="H1", number=NUMBERS[0], traced=traced)
    assert led(registry, local="H1") == [(NUMBERS[0], match)]


def test_a_way_is_as_certain_as_its_weakest_link(registry: Registry) -> None:
    """And the best way counts."""
    tell(registry, of=line("probable"), local="H1", case="K1")
    tell(registry, case="K1", number=NUMBERS[0])
    assert led(registry, local="H1") == [(NUMBERS[0], "probable")]
    tell(registry, local="H1", case="K1")
    assert led(registry, local="H1") == [(NUMBERS[0], "certain")]


def test_the_same_number_of_another_agency_is_another(registry: Registry) -> None:
    """What it calls the issuer means what it likes."""
    tell(registry, local="H1", number=NUMBERS[0])
    assert [one.event.identified for one in tell(registry, of=line(key="other"), local="H1")] == [None]


def test_what_a_national_number_ties_is_not_one_person_through_it(registry: Registry) -> None:
    """Two hospital numbers with one NHS number lead to it both, and to nobody else's."""
    tell(registry, local="H1", number=NUMBERS[0])
    tell(registry, local="H2", number=NUMBERS[0])
    tell(registry, local="H2", number=NUMBERS[1])
    assert led(registry, local="H1") == [(NUMBERS[0], "certain")]
    assert sorted(led(registry, local="H2")) == [(NUMBERS[0], "possible"), (NUMBERS[1], "possible")]


def test_a_contradiction_is_queried_and_waits(registry: Registry) -> None:
    """The event stands, and a person is asked."""
    tell(registry, local="H1", number=NUMBERS[0])
    found = tell(registry, local="H1", number=NUMBERS[1])
    assert codes(found) == {"identity.contradicted"}
    assert led(registry, local="H1", number=NUMBERS[1])[0] in {(NUMBERS[0], "possible"), (NUMBERS[1], "possible")}


def test_a_merge_of_two_nhs_numbers_is_queried(registry: Registry) -> None:
    """It makes neither number the other's successor."""
    found = tell(registry, local="H1", number=NUMBERS[0], former_number=NUMBERS[1])
    assert "identity.two-numbers-merged" in codes(found)
    assert led(registry, number=NUMBERS[1]) == [None]


def test_a_number_without_successor_is_queried_and_ties_nothing(registry: Registry) -> None:
    """Somebody must trace it."""
    assert codes(tell(registry, gone=NUMBERS[0])) == {"identity.no-successor"}
    assert led(registry, number=NUMBERS[0]) == [None]


def test_numbers_that_gave_way_to_each_other_are_both_possible(registry: Registry) -> None:
    """Nobody knows then which of them is of today."""
    tell(registry, gone=NUMBERS[0], successors=(NUMBERS[1],))
    tell(registry, gone=NUMBERS[1], successors=(NUMBERS[0],))
    assert sorted(led(registry, number=NUMBERS[0])) == [(NUMBERS[0], "possible"), (NUMBERS[1], "possible")]


def test_a_word_that_stands_in_every_record_names_nobody(registry: Registry) -> None:
    """`UNKNOWN` is not tied any more after some dozens, and leads to nobody."""
    for case in range(MOST_LINKS + 5):
        found = tell(registry, local="UNKNOWN", case=f"C{case}")
    tell(registry, case="C1", number=NUMBERS[0])
    assert codes(found) == {"identity.too-many"}
    assert led(registry, local="UNKNOWN") == [None]


def test_check_digits_that_fail_tie_nothing() -> None:
    """A number that cannot be one is left out; the rest of the event is not."""
    event = Came(number="9990000019", local="H1", gone="9990000018", successors=("9990000019",))
    found = said(STREAM, event, "ward")
    assert [one.kind for one in found.names] == ["hospital_number"]
    assert found.superseded == (Name(NHS_NUMBER, "", "9990000018"), ())
    assert not check_digits.upn("A866400000001")
    assert check_digits.HOLDS.keys() == {"nhs_number", "upn"}


def test_what_is_said_before_it_is_committed_is_kept_by_nobody(registry: Registry) -> None:
    """A failed commit leaves nothing; within one file the first row counts for the second."""
    tell(registry, keep=False, local="H1", number=NUMBERS[0])
    assert led(registry, local="H1") == [None]
    rows = [Understood(n, str(n), STREAM, Came(**one)) for n, one in
            enumerate(({"local": "H1", "number": NUMBERS[0]}, {"local": "H1"}))]  # fmt: skip
    outcomes, _ = registry.settle(line(), rows, NOW)
    assert [one.event.identified is None for one in outcomes if isinstance(one, Understood)] == [True, False]


# --- merges and un-merges, in any order -----------------------------------------------------------------------


def naive(held: list[Link], kinds: Mapping[str, str], start: str) -> dict[str, str]:
    """What a name leads to, worked out the slow way: for each certainty all that can be reached by no less."""
    found: dict[str, str] = {}
    for rank, certainty in enumerate(CERTAINTIES):
        good = [one for one in held if CERTAINTIES.index(one.certainty) <= rank]
        reached = {start}
        while True:
            more = {
                link.other if link.one == name else link.one
                for name in reached
                for link in good
                if name in (link.one, link.other)
                and (kinds[name] != NHS_NUMBER or (link.relation == "gave-way" and link.one == name))
            }
            if more <= reached:
                break
            reached |= more
        for name in reached:
            if kinds[name] == NHS_NUMBER:
                found.setdefault(name, certainty)
    gone = {one.one for one in held if one.relation == "gave-way" and kinds[one.one] == NHS_NUMBER}
    return {name: found[name] for name in found if name not in gone} or found


class Machine(RuleBasedStateMachine):
    """What is said, taken back and closed in any order, beside what follows from the statements that remain."""

    make: Callable[[], tuple[Index, Engine | None]]

    def __init__(self) -> None:
        super().__init__()
        self.index, self.store = type(self).make()
        self.registry = Registry(KEYS, self.index)
        self.back: set[str] = set()
        self.shut: set[str] = set()
        self.said: dict[str, Link] = {}
        self.names: dict[str, Name] = {}

    def _told(self, **words: Any) -> None:
        one = Understood(0, str(next(COUNT)), STREAM, Came(**words))
        outcomes, news = self.registry.settle(line(), [one], NOW)
        self.registry.keep(news)
        every = {name_of(KEYS, name): name for name in said(STREAM, one.event, "ward").every}
        self.names.update(every)
        refused = any(isinstance(outcome, Refusal) for outcome in outcomes)
        assert refused == bool(every.keys() & self.shut), "what names a closed identity is refused, and nothing else"
        assert not (refused and news)
        for link in news.links:
            self.said.setdefault(link.id, link)

    @rule(number=st.sampled_from(NUMBERS), local=st.sampled_from(LOCALS), traced=st.booleans())
    def said_together(self, number: str, local: str, traced: bool) -> None:
        """A hospital's number and an NHS number."""
        self._told(number=number, local=local, traced=traced)

    @rule(number=st.sampled_from((None, *NUMBERS)), case=st.sampled_from(CASES), local=st.sampled_from((None, *LOCALS)))
    def case_said(self, number: str | None, case: str, local: str | None) -> None:
        """A case number, with others or not."""
        self._told(number=number, case=case, local=local)

    @rule(into=st.sampled_from(LOCALS), former=st.sampled_from(LOCALS), number=st.sampled_from((None, *NUMBERS)))
    def merged(self, into: str, former: str, number: str | None) -> None:
        """One record of the hospital's became another."""
        self._told(local=into, former_local=former, former_number=number)

    @rule(old=st.sampled_from(NUMBERS), new=st.lists(st.sampled_from(NUMBERS), max_size=2, unique=True))
    def gave_way(self, old: str, new: list[str]) -> None:
        """One NHS number took the place of another."""
        self._told(gone=old, successors=tuple(new))

    @precondition(lambda self: self._held())
    @rule(data=st.data())
    def taken_back(self, data: st.DataObject) -> None:
        """A person undoes one link."""
        link = data.draw(st.sampled_from(sorted(one.id for one in self._held())))
        self.back.add(link)
        if self.store is None:
            assert isinstance(self.index, MemoryIndex)
            self.index.graph.drop(link)
        else:
            Work(self.store, KEYS).take_back(link, **WHY)

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def adopted(self, data: st.DataObject) -> None:
        """An adoption order closes an identity, named by one of its numbers."""
        known = sorted(one for one in self.names.values() if one.kind != "hospital_number")
        if not known:
            return
        name = data.draw(st.sampled_from(known))
        self.index.close([name], NOW)
        looked = self.index.look(self.names, whole=True)
        self.shut |= looked.closed
        assert name_of(KEYS, name) in self.shut

    def _held(self) -> list[Link]:
        return [one for own, one in self.said.items()
                if own not in self.back and self.shut.isdisjoint((one.one, one.other))]  # fmt: skip

    @invariant()
    def is_what_follows_from_what_remains(self) -> None:
        """Each name leads where the remaining statements lead, as if nothing else had ever been said."""
        held, kinds = self._held(), {own: name.kind for own, name in self.names.items()}
        rebuilt = Graph(kinds, reversed(held))
        for own, name in self.names.items():
            looked = self.index.look({own: name})
            looked.graph.kinds.setdefault(own, name.kind)
            if own in self.shut:
                assert looked.closed == {own}
                assert looked.graph.of(own) == () or not list(looked.graph.of(own))
                assert self.index.value(own) is None
                continue
            assert dict(looked.graph.numbers([own])) == dict(rebuilt.numbers([own])) == naive(held, kinds, own)

    @invariant()
    def nothing_of_what_is_closed_is_left(self) -> None:
        """No link leads to a closed identity or from one, by whatever way round."""
        if self.names:
            looked = self.index.look(self.names, whole=True)
            assert looked.closed == self.shut
            assert not any(one in self.shut for link in looked.graph.links.values() for one in (link.one, link.other))

    def teardown(self) -> None:
        """Let go of the database."""
        if self.store is not None:
            self.store.dispose()


def run(make: Callable[[], tuple[Index, Engine | None]], examples: int) -> None:
    kind = type("Machine", (Machine,), {"make": staticmethod(make)})
    run_state_machine_as_test(kind, settings=settings(
        max_examples=examples * (20 if PROVE else 1), stateful_step_count=25, deadline=None,
        suppress_health_check=list(HealthCheck)))  # fmt: skip


def test_in_memory_the_index_is_what_follows_from_the_statements_that_remain() -> None:
    """Said, merged, taken back, closed, in any order."""
    run(lambda: (MemoryIndex(KEYS), None), 150)


def test_in_sqlite_it_is_too() -> None:
    """The same in SQL, where only what is around a name is looked at."""

    def make() -> tuple[Index, Engine]:
        store = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        return SqlIndex(store, KEYS), store

    run(make, 40)


def test_in_postgresql_it_is_too(postgresql: str) -> None:
    """And on the other database."""

    def make() -> tuple[Index, Engine]:
        store = emptied(postgresql)
        return SqlIndex(store, KEYS), store

    run(make, 6)


# --- closing --------------------------------------------------------------------------------------------------


def tied(*pairs: tuple[str, str, str]) -> tuple[Graph, dict[str, str]]:
    """A graph by letters: N an NHS number, K a case, U a UPN, H a hospital's number."""
    kinds = {"N": "nhs_number", "K": "case_id", "U": "upn", "H": "hospital_number"}
    of = {name: kinds[name[0]] for one, other, _ in pairs for name in (one, other)}
    source = Source("ward", "came", "e", NOW)
    return Graph(of, [link_of(KEYS, one, other, "gave-way" if word == "gave-way" else "same",
                              "certain" if word == "gave-way" else word, source)
                      for one, other, word in pairs]), of  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "named", "mine"),
    [
        ([("K1", "N1", "certain"), ("U1", "N1", "certain"), ("H1", "N1", "probable")], "N1", "N1 K1 U1 H1"),
        ([("K1", "N1", "certain"), ("H1", "N1", "probable")], "K1", "N1 K1 H1"),
        ([("K1", "N1", "probable"), ("H1", "N1", "certain")], "K1", "K1"),
        ([("H1", "N1", "certain"), ("H1", "N2", "certain")], "N1", "N1"),
        ([("K1", "N1", "certain"), ("K1", "N2", "certain")], "K1", "K1"),
        ([("N0", "N1", "gave-way"), ("H1", "N0", "certain"), ("H2", "N1", "certain")], "N1", "N0 N1 H1 H2"),
        ([("N1", "N9", "gave-way"), ("H9", "N9", "certain"), ("H1", "N1", "certain")], "N1", "N1"),
        ([("U1", "N1", "certain"), ("K1", "U1", "certain"), ("K2", "U1", "certain"), ("K1", "N1", "certain")],
         "N1", "N1 K1"),
        ([("H1", "N1", "certain"), ("H2", "H1", "gave-way")], "N1", "N1 H1 H2"),
    ],
)  # fmt: skip
def test_an_order_closes_what_is_the_childs_and_nobody_elses(
    pairs: list[tuple[str, str, str]], named: str, mine: str
) -> None:
    """What may be another child's stays open: their alerts would stop. So does the successor of a number."""
    graph, _ = tied(*pairs)
    found, beside = closing(graph, [named])
    assert found == set(mine.split())
    assert beside == {one for pair in pairs for one in pair[:2] if found & set(pair[:2])} - found


def test_what_was_looked_up_before_an_order_is_not_kept_after_it(index: Index) -> None:
    """A message that was under way meanwhile brings nothing back."""
    registry = Registry(KEYS, index)
    one = Understood(0, "e", STREAM, Came(number=NUMBERS[0], local="H100001", traced=True))
    _, news = registry.settle(line(), [one], NOW)
    registry.close(frozenset({("nhs_number", NUMBERS[0])}), NOW)
    registry.keep(news)
    assert led(registry, local="H100001") == [None]
    assert codes(tell(registry, number=NUMBERS[0])) == {CLOSED}


# --- persons --------------------------------------------------------------------------------------------------


@pytest.fixture
def work(store: Engine) -> Work:
    """What a person may do."""
    return Work(store, KEYS)


LOCAL = Name("hospital_number", "ward/", "H100001")


def test_undone_is_as_if_never_said_and_stays_so(store: Engine, work: Work) -> None:
    """Also where the hospital says it again, which a person is told; what another link says stands."""
    registry = Registry(KEYS, SqlIndex(store, KEYS))
    tell(registry, local=LOCAL.value, number=NUMBERS[0])
    tell(registry, local=LOCAL.value, number=NUMBERS[1])
    shown = work.show(LOCAL, **WHY)
    wrong = next(one.link.id for one in shown.links if one.other.endswith("026"))
    assert set(shown.numbers.values()) == {"certain"}
    assert work.waiting()["identity.contradicted"] == 1

    work.take_back(wrong, **WHY)

    assert led(registry, local=LOCAL.value) == [(NUMBERS[0], "certain")]
    assert work.waiting()["identity.contradicted"] == 0
    assert "identity.said-again" in codes(tell(registry, local=LOCAL.value, number=NUMBERS[1]))
    assert led(registry, local=LOCAL.value) == [(NUMBERS[0], "certain")]
    assert work.waiting() == {"identity.said-again": 1}
    with pytest.raises(NotDone):
        work.take_back(wrong, **WHY)


def test_a_person_confirms_what_was_probable_and_can_take_that_back(store: Engine, work: Work) -> None:
    """It waits until then, and waits again after that."""
    registry = Registry(KEYS, SqlIndex(store, KEYS))
    tell(registry, of=line("probable"), local=LOCAL.value, number=NUMBERS[0])
    (waiting,) = work.listed(**WHY)
    assert (waiting.code, work.waiting()) == (UNCONFIRMED, {UNCONFIRMED: 1})
    made = work.confirm(waiting.name, **WHY)
    assert led(registry, local=LOCAL.value) == [(NUMBERS[0], "certain")]
    assert work.waiting() == {}
    work.take_back(made, **WHY)
    assert led(registry, local=LOCAL.value) == [(NUMBERS[0], "probable")]
    assert work.waiting() == {UNCONFIRMED: 1}


def test_a_person_ties_two_and_again_after_that_was_undone(store: Engine, work: Work) -> None:
    """Each time it is said anew."""
    registry = Registry(KEYS, SqlIndex(store, KEYS))
    number = Name(NHS_NUMBER, "", NUMBERS[0])
    made = work.tie(number, LOCAL, **WHY)
    assert led(registry, local=LOCAL.value) == [(NUMBERS[0], "certain")]
    work.take_back(made, **WHY)
    assert led(registry, local=LOCAL.value) == [None]
    work.tie(number, LOCAL, **(WHY | {"now": NOW + timedelta(minutes=1)}))
    assert led(registry, local=LOCAL.value) == [(NUMBERS[0], "certain")]


def test_nobody_ties_two_nhs_numbers_nor_what_is_closed(store: Engine, work: Work) -> None:
    """Not even a person."""
    one, other = (Name(NHS_NUMBER, "", number) for number in NUMBERS[:2])
    with pytest.raises(NotDone, match="Spine"):
        work.tie(one, other, **WHY)
    SqlIndex(store, KEYS).close([one], NOW)
    with pytest.raises(NotDone, match="names nobody"):
        work.tie(LOCAL, one, **WHY)
    assert work.record() == []


def test_every_look_and_act_is_on_record_and_no_number_is(store: Engine, work: Work) -> None:
    """Who, what, why; a reason that holds a number is refused, and then nothing is shown or done."""
    registry = Registry(KEYS, SqlIndex(store, KEYS))
    tell(registry, local=LOCAL.value, number=NUMBERS[0])
    link = work.show(LOCAL, **WHY).links[0].link.id
    work.take_back(link, **WHY)
    assert [(one["did"], one["by"]) for one in work.record()] == [("unmerge", "Ada Quill"), ("show", "Ada Quill")]
    assert not any(value in str(work.record()) for value in (NUMBERS[0], LOCAL.value))
    for because in ("too short", f"The number {NUMBERS[0]} is that of another child, says the hospital."):
        with pytest.raises(NotAnswered):
            work.show(LOCAL, **(WHY | {"because": because}))
    assert len(work.record()) == 2


def test_no_number_lies_in_the_database_in_the_open(store: Engine) -> None:
    """Names are keyed digests, values are sealed."""
    registry = Registry(KEYS, SqlIndex(store, KEYS))
    tell(registry, local=LOCAL.value, number=NUMBERS[0], case="K774411")
    tell(registry, local=LOCAL.value, number=NUMBERS[1])
    with store.connect() as connection:
        rows = [str(row) for table in (names, links, doubts, closed) for row in connection.execute(select(table))]
    assert len(rows) > 6
    assert not any(value in row for row in rows for value in (*NUMBERS, LOCAL.value, "K774411"))


def at(registry: Registry, day: int, **words: Any) -> None:
    """Something said on one day."""
    one = Understood(0, str(next(COUNT)), STREAM, Came(**words))
    registry.keep(registry.settle(line(), [one], NOW + timedelta(days=day))[1])


def test_a_file_that_says_the_same_twice_is_kept_once(store: Engine) -> None:
    """New, or known and not said for long."""
    registry = Registry(KEYS, SqlIndex(store, KEYS))
    for day in (0, 100):
        rows = [Understood(n, f"{day}.{n}", STREAM, Came(local="H1", number=NUMBERS[0])) for n in range(3)]
        registry.keep(registry.settle(line(), rows, NOW + timedelta(days=day))[1])
    with store.connect() as connection:
        (row,) = connection.execute(select(links.c.at, links.c.last)).all()
    assert (row.at, row.last) == (NOW, NOW + timedelta(days=100))


def test_what_nobody_says_any_more_is_forgotten_and_what_is_said_stays(store: Engine, work: Work) -> None:
    """A year after it was last said, not first; a person's word, and which number gave way to which, stay."""
    index = SqlIndex(store, KEYS)
    registry = Registry(KEYS, index)
    at(registry, 0, local="H100001", number=NUMBERS[0])
    at(registry, 0, local="H100002", number=NUMBERS[0])
    at(registry, 0, gone=NUMBERS[2], successors=(NUMBERS[3],))
    work.tie(Name("hospital_number", "ward/", "H100003"), Name(NHS_NUMBER, "", NUMBERS[0]), **WHY)
    at(registry, 3, local="H100001", number=NUMBERS[0])
    assert index.prune(NOW + timedelta(days=1)) == 2, "within a week it is not written down anew"

    at(registry, 0, local="H100001", number=NUMBERS[0])
    at(registry, 0, local="H100002", number=NUMBERS[0])
    at(registry, 300, local="H100001", number=NUMBERS[0])
    assert index.prune(NOW + timedelta(days=200)) == 1
    assert led(registry, local="H100001") == led(registry, local="H100003") == [(NUMBERS[0], "certain")]
    assert led(registry, local="H100002") == [None]
    assert led(registry, number=NUMBERS[2])[0] == (NUMBERS[3], "certain")
    assert index.value(name_of(KEYS, Name("hospital_number", "ward/", "H100002"))) is None


@given(st.sampled_from(NUMBERS), st.sampled_from(LOCALS))
def test_an_enclaves_mark_is_no_name(number: str, local: str) -> None:
    """Who holds one key finds nothing by the other."""
    for name in (Name(NHS_NUMBER, "", number), Name("hospital_number", "ward/", local)):
        assert KEYS.enclave("name", *name) != KEYS.identity("name", *name)
