"""Offices: whoever waits for the database says so, until everybody who waits is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from hub import readiness
from hub.office import Office
from hub.store import engine
from hub.store.ledger import Ledger
from tests.hub.lives import CATALOG, KEYS, meanwhile


@pytest.fixture(autouse=True)
def _nothing_lacks() -> Iterator[None]:
    """What this process says of itself is as at its start, before and after."""
    readiness.OWN.reset()
    yield
    readiness.OWN.reset()


@pytest.fixture
def office() -> Iterator[Office]:
    """One that asks again at once."""
    store = engine("sqlite://")
    yield Office(CATALOG, KEYS, Ledger(store), meanwhile(), lambda: datetime.now(UTC), lambda low, _high: low)
    store.dispose()


def away() -> None:
    """A database that does not answer."""
    raise OperationalError("statement", {}, Exception("away"))


def lacking() -> list[str]:
    """What is lacking, by name."""
    return list(readiness.OWN.missing())


def test_a_process_whose_database_is_away_is_not_ready_until_it_answers(office: Office) -> None:
    """It says what it waits for, in words, each time that it is asked."""
    told: list[Any] = []

    def write() -> str:
        told.append(lacking())
        if len(told) < 3:
            away()
        return "written"

    assert asyncio.run(office.store(write)) == "written"
    assert told == [[], ["store"], ["store"]]
    assert lacking() == []


def test_that_one_is_answered_does_not_say_that_all_are(office: Office) -> None:
    """A full disk is read, and not written: whoever reads does not take back what whoever writes has said."""

    async def both() -> list[list[str]]:
        full, told = True, []
        refused = asyncio.Event()

        def write() -> None:
            if full:
                refused.set()
                away()

        writing = asyncio.create_task(office.store(write))
        await refused.wait()
        assert await office.look(lambda: "read") == "read"
        told.append(lacking())
        full = False
        await writing
        return [*told, lacking()]

    assert asyncio.run(both()) == [["store"], []]


def test_who_waits_no_longer_lacks_nothing(office: Office) -> None:
    """One that is cancelled, and one whose process stops, which hears the error."""

    async def given_up() -> None:
        waiting = asyncio.create_task(office.store(away))
        while not lacking():
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert lacking() == []
        office.stopping.set()
        with pytest.raises(OperationalError):
            await office.store(away)

    asyncio.run(given_up())
    assert lacking() == []
