"""The scribe: who writes at once writes together, and nobody's trouble is another's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, MetaData, String, Table, event, select
from sqlalchemy.exc import IntegrityError, OperationalError

from hub.errors import TransportError
from hub.store import create, engine, reading, writing
from hub.store.scribe import Scribe

METADATA = MetaData()
WORDS = Table("words", METADATA, Column("word", String, primary_key=True))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with an empty table."""
    url = f"sqlite:///{tmp_path / 'words.db'}"
    made = engine(url if request.param == "sqlite" else str(request.getfixturevalue("postgresql")))
    create(made, METADATA)
    yield made
    with made.begin() as connection:
        METADATA.drop_all(connection)
    made.dispose()


def said(store: Engine) -> set[str]:
    """The words that are there."""
    with reading(store) as connection:
        return set(connection.execute(select(WORDS.c.word)).scalars())


def say(store: Engine, word: str, *, then: Exception | None = None) -> Callable[[], str]:
    """Work that writes a word, and may raise after that."""

    def work() -> str:
        with writing(store) as connection:
            connection.execute(WORDS.insert().values(word=word))
            if then is not None:
                raise then
        return word

    return work


async def at_once(scribe: Scribe, *works: Callable[[], object]) -> list[object]:
    """What comes of *works*, all of which stand in line before the first is begun."""
    held, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        held.wait(20)

    first = asyncio.ensure_future(scribe.write(hold))
    await asyncio.to_thread(begun.wait, 20)
    rest = [asyncio.ensure_future(scribe.write(work)) for work in works]
    await asyncio.sleep(0)
    held.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


def run(store: Engine, *works: Callable[[], object]) -> list[object]:
    """The same, by a scribe of its own."""

    async def life() -> list[object]:
        scribe = Scribe(store)
        try:
            return await at_once(scribe, *works)
        finally:
            scribe.close()

    return asyncio.run(life())


def test_those_who_stand_in_line_are_committed_together(store: Engine) -> None:
    """Twenty writers wait for one commit, and each hears what its own work returned."""
    commits: list[object] = []
    event.listen(store, "commit", commits.append)
    words = [f"word {number}" for number in range(20)]

    assert run(store, *(say(store, word) for word in words)) == words
    assert said(store) == set(words)
    assert len(commits) == 2  # of the twenty, and of the look at what is there


def test_what_one_raises_undoes_its_own_writing_and_nobody_elses(store: Engine) -> None:
    """The words before and after it stand, and it hears its own fault."""
    fault = ValueError("mine")

    assert run(store, say(store, "a"), say(store, "b", then=fault), say(store, "c")) == ["a", fault, "c"]
    assert said(store) == {"a", "c"}


def test_a_fault_of_the_database_is_its_causers_alone(store: Engine) -> None:
    """A word that is there already is refused, and those beside it are not."""
    before, twice, after = run(store, say(store, "a"), say(store, "a"), say(store, "b"))

    assert (before, after) == ("a", "b")
    assert isinstance(twice, IntegrityError)
    assert said(store) == {"a", "b"}


def test_later_work_sees_what_earlier_work_wrote(store: Engine) -> None:
    """Reading in the same transaction is not the state before it."""
    assert run(store, say(store, "a"), lambda: said(store)) == ["a", {"a"}]


def test_a_block_that_is_given_up_is_undone_though_nobody_hears_of_it(store: Engine) -> None:
    """Work that thinks better of it returns, and leaves nothing half written."""

    def thinks_better_of_it() -> bool:
        try:
            say(store, "half", then=LookupError())()
        except LookupError:
            return False
        return True

    assert run(store, say(store, "a"), thinks_better_of_it, say(store, "b")) == ["a", False, "b"]
    assert said(store) == {"a", "b"}


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_when_the_database_ends_the_transaction_by_itself_nobody_is_told_otherwise(store: Engine) -> None:
    """SQLite does so when the disk is full, and its driver takes a commit for done: all in line ask again."""

    def full() -> None:
        with writing(store) as connection:
            connection.connection.driver_connection.rollback()  # type: ignore[union-attr]  # there is one
            connection.execute(WORDS.insert().values(word="b"))
            connection.execute(WORDS.insert().values(word="b"))

    before, ended, after = run(store, say(store, "a"), full, say(store, "c"))

    assert isinstance(before, Exception)
    assert isinstance(ended, Exception)
    assert isinstance(after, Exception)
    assert said(store).isdisjoint({"a", "c"})


def test_when_the_commit_fails_all_hear_it_and_nothing_is_there(store: Engine) -> None:
    """Nobody is told that something is written that is not."""
    lost = OperationalError("COMMIT", {}, Exception("the disk is full"))
    coming = iter((lost,))

    def end(_connection: object) -> None:
        if (fault := next(coming, None)) is not None:
            raise fault

    event.listen(store, "commit", end)

    assert run(store, say(store, "a"), say(store, "b")) == [lost, lost]
    assert said(store) == set()


def test_after_its_end_it_takes_nothing(store: Engine) -> None:
    """A word that nobody would write is refused, not forgotten."""

    async def life() -> None:
        scribe = Scribe(store)
        scribe.close()
        with pytest.raises(TransportError, match="nothing was written"):
            await scribe.write(say(store, "a"))

    asyncio.run(life())
    assert said(store) == set()


def test_alone_in_line_a_fault_undoes_what_was_written(store: Engine) -> None:
    """One who comes alone has a transaction of its own."""

    async def life() -> None:
        scribe = Scribe(store)
        try:
            with pytest.raises(ValueError, match="mine"):
                await scribe.write(say(store, "a", then=ValueError("mine")))
        finally:
            scribe.close()

    asyncio.run(life())
    assert said(store) == set()
