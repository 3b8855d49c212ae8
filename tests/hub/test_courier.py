"""Couriers: nothing is lost or sent out of turn, whoever is rude and wherever the process dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from hub.courier import Couriers
from hub.envelope import SYNTHETIC, Record
from hub.errors import Refused, TransportError
from hub.parcel import code_of, from_payload, to_payload
from hub.patience import FAILURES, LONGEST_SECONDS, PROBE_SECONDS, Breaker, backoff
from hub.runner import DELIVERY_SECONDS, LINGER
from hub.store import engine, reading
from hub.store.ledger import Ledger
from hub.store.tables import deliveries
from hub.transports import Delivery
from tests.hub.lives import (
    CANARY,
    CATALOG,
    KEYS,
    START,
    STATES,
    Inflow,
    World,
    everything,
    expected,
    live,
    meanwhile,
    message_id,
    record,
    rude,
    said,
    same_bytes_always,
    settled,
    turns,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A new world."""
    made = World(tmp_path)
    made.loop.set_exception_handler(lambda *_: None)  # what the dead leave behind is not told
    yield made
    made.close()


def test_everything_arrives_in_order(world: World) -> None:
    """With friendly partners each message goes once, in order, with its own id, and soon."""
    world.send(*everything("north"), *everything("south"))
    assert live(world, settled(world))
    assert turns(world.received("north")) == turns(world.received("south")) == expected()
    assert len(world.attempts) == 24
    assert {one.message_id for one in world.received("north")} == {
        message_id("north", child, turn) for child in "abc" for turn in range(4)
    }
    assert max(at for at, _ in world.got) < 1.0


def test_a_synthetic_message_ends_here(world: World) -> None:
    """Nobody is sent one, it is in no ledger, its place is kept, and what lies behind it is delivered."""
    real = everything("north") + everything("library")
    invented = everything("north", "uvw") + everything("library", "uvw")  # under ids of their own, which are new
    marked = [one._replace(headers=(*one.headers, SYNTHETIC)) for one in invented]
    almost = record("north", "z", 0)._replace(headers=(*record("north", "z", 0).headers, (SYNTHETIC[0], b"false")))
    world.send(*marked, *real, almost, *marked)
    assert live(world, settled(world))
    assert turns(world.received("library")) == expected()
    assert turns(world.received("north")) == expected() | {"z": [0]}
    assert (world.committed["north"], world.committed["library"]) == (37, 36)
    with world.ledger() as ledger:
        assert sum(ledger.counts("north").values()) == 13


@pytest.mark.parametrize("seed", range(12))
def test_rude_partners_lose_nothing_and_keep_order(world: World, seed: int) -> None:
    """Whatever a partner does, every child's messages arrive in order, and repeats are the same bytes."""
    world.behave = partial(rude, random.Random(seed))
    world.send(*everything("north"), *everything("library"))
    assert live(world, settled(world), most=12 * 3600, uniform=random.Random(seed).uniform)
    assert turns(world.received("north")) == turns(world.received("library")) == expected()
    assert same_bytes_always(world)
    assert len(world.attempts) > len(world.received("north")) + len(world.received("library"))


def test_a_parked_child_delays_only_itself(world: World) -> None:
    """What a partner refuses for good holds back that child until a person lets it go, and nobody else."""
    refused = {message_id("north", "a", 1)}

    async def refuse(delivery: Delivery, _: int) -> str:
        if delivery.message_id in refused:
            raise Refused("http.422 the partner does not take it")
        return "200"

    world.behave = refuse
    world.send(*everything("north"))
    assert live(world, lambda: len(world.received("north")) == 9)
    assert turns(world.received("north")) == {"a": [0], "b": [0, 1, 2, 3], "c": [0, 1, 2, 3]}
    assert len(world.attempts) == 10
    with world.ledger() as ledger:
        ((_, entry),) = ledger.parked("north")
        assert (entry.message_id, entry.reason) == (*refused, "http.422")
        assert ledger.release("north", "moves", entry.message_id, world.clock())
    refused.clear()
    assert live(world, settled(world))
    assert turns(world.received("north")) == expected()


async def shut(_: Delivery, __: int) -> str:
    """A partner whose door does not open."""
    raise TransportError("http.503")


def parked(world: World, agency: str) -> dict[str, str]:
    """The code of each message of an agency that waits for a person."""
    with world.ledger() as ledger:
        return {entry.message_id: entry.reason for _, entry in ledger.parked(agency)}


def test_nothing_leaves_after_the_agreements_last_day(world: World) -> None:
    """What waits for a shut door then is parked with the rule, and goes once it is renewed and a person says so."""
    world.ends, world.behave = "2025-09-01", shut  # the day on which the world begins
    world.send(*everything("north", "ab", 1))
    assert live(world, lambda: len(world.attempts) > 4)
    world.behave, world.skew, before = None, timedelta(days=1), len(world.attempts)
    assert live(world, lambda: len(parked(world, "north")) == 2)
    assert set(parked(world, "north").values()) == {"expires"}
    world.ends = "2030-01-01"
    assert live(world, settled(world))
    assert len(world.attempts) == before, "it was tried after the last day, or went before anybody released it"
    with world.ledger() as ledger:
        assert all(ledger.release("north", "moves", one, world.clock()) for one in parked(world, "north"))
    assert live(world, settled(world))
    assert turns(world.received("north")) == {"a": [0], "b": [0]}


def test_no_file_is_made_up_after_the_agreements_last_day(world: World) -> None:
    """What waits for the end of its quarter, where the agreement ends before that, is in no file."""
    world.ends = "2025-09-20"
    world.send(*everything("bureau", "ab", 1))
    assert live(world, lambda: world.committed["bureau"] == 2)
    assert parked(world, "bureau") == {}
    world.skew = timedelta(days=31)
    assert live(world, lambda: len(parked(world, "bureau")) == 2)
    assert set(parked(world, "bureau").values()) == {"expires"}
    assert world.attempts == []


def test_what_waits_when_a_seal_is_said_of_its_child_does_not_leave(world: World) -> None:
    """It is parked with the rule, others' go; where the seal is taken back and a person says so, it goes in order."""
    world.behave = shut
    world.send(*everything("north", "ab", 2))
    assert live(world, lambda: len(world.attempts) > 4)
    world.behave, world.said = None, [said("a", legal_hold=True)]
    sealed = {message_id("north", "a", 0): "sharing-status"}
    assert live(world, lambda: turns(world.received("north")) == {"b": [0, 1]} and parked(world, "north") == sealed)
    with world.ledger() as ledger:
        assert ledger.release("north", "moves", message_id("north", "a", 0), world.clock())
    assert live(world, lambda: parked(world, "north") == sealed)
    assert turns(world.received("north")) == {"b": [0, 1]}, "it was released against the seal, and went"
    world.said = [said("a")]
    with world.ledger() as ledger:
        assert ledger.release("north", "moves", message_id("north", "a", 0), world.clock())
    assert live(world, settled(world))
    assert turns(world.received("north")) == {"a": [0, 1], "b": [0, 1]}


def test_a_seal_is_heeded_while_couriers_run(world: World) -> None:
    """One that is said between two attempts of the same life."""

    async def shut(_: Delivery, tries: int) -> str:
        if tries == 2 and world.meanwhile is not None:
            world.meanwhile.take(said("a", restricted=True))
            world.meanwhile.known(0.0)
        raise TransportError("http.503")

    world.behave = shut
    world.send(record("north", "a", 0))
    assert live(world, lambda: bool(parked(world, "north")))
    assert parked(world, "north") == {message_id("north", "a", 0): "sharing-status"}
    assert len(world.attempts) == 3


def test_a_file_that_is_not_begun_goes_without_a_sealed_child(world: World) -> None:
    """What waited for the end of its quarter when the order was made is in no file; the others' is."""
    world.send(*everything("bureau", "abc", 1))
    assert live(world, lambda: world.committed["bureau"] == 3)
    world.said, world.skew = [said("b", START + timedelta(days=9), adopted="2025-09-10")], timedelta(days=31)
    assert live(world, settled(world))
    assert parked(world, "bureau") == {message_id("bureau", "b", 0): "sharing-status"}
    assert turns(world.received("bureau")) == {"a": [0], "c": [0]}


def test_a_file_that_was_begun_is_kept_back_whole_and_the_others_go_in_another(world: World) -> None:
    """Without that child it would be another file; the others say so, and one release sends all of them."""
    world.behave = shut
    world.send(*everything("library", "abc", 1))
    assert live(world, lambda: len(world.attempts) > 1)
    world.behave, world.said, before = None, [said("b", legal_hold=True)], len(world.attempts)
    assert live(world, settled(world))
    codes = {"a": "file", "b": "sharing-status", "c": "file"}
    assert parked(world, "library") == {message_id("library", one, 0): code for one, code in codes.items()}
    assert len(world.attempts) == before
    with world.ledger() as ledger:
        assert ledger.release("library", "moves", message_id("library", "a", 0), world.clock())
        assert not ledger.release("library", "moves", message_id("library", "c", 0), world.clock())
    assert live(world, settled(world))
    assert set(parked(world, "library").values()) == {"sharing-status"}
    assert turns(world.received("library")) == {"a": [0], "c": [0]}


def test_what_was_said_while_the_database_was_away_is_asked_before_the_attempt(world: World) -> None:
    """It may leave, the database is away for an hour, a hold is said; when the database is back it does not leave."""
    world.send(record("north", "a", 0))
    world.said_when_away = said("a", legal_hold=True)
    assert live(world, lambda: bool(parked(world, "north")))
    assert parked(world, "north") == {message_id("north", "a", 0): "sharing-status"}
    assert world.attempts == []


def test_nothing_leaves_before_it_is_known_what_is_said_of_children(world: World) -> None:
    """It waits, is not tried and not parked, and goes once that is known."""
    world.unknown = True
    world.send(*everything("north", "ab", 1))
    assert live(world, lambda: world.committed["north"] == 2 and world.loop.time() > 600)
    assert (world.attempts, parked(world, "north"), world.waiting()) == ([], {}, 2)
    world.unknown = False
    assert live(world, settled(world))
    assert turns(world.received("north")) == {"a": [0], "b": [0]}


def test_what_cannot_be_delivered_is_kept_no_longer_than_its_grant_says(world: World) -> None:
    """Its content is erased when the grant's 14 days are over, and what stood behind it for the same child goes."""

    async def refuse(delivery: Delivery, _: int) -> str:
        if delivery.message_id == message_id("north", "a", 0):
            raise Refused("http.422")
        return "200"

    world.behave = refuse
    world.send(record("north", "a", 0))
    assert live(world, lambda: bool(parked(world, "north")))
    world.skew = timedelta(days=13)
    world.send(record("north", "a", 1))
    assert live(world, lambda: world.committed["north"] == 2)
    assert parked(world, "north") == {message_id("north", "a", 0): "http.422"}
    assert world.got == []
    world.skew = timedelta(days=14)
    assert live(world, settled(world))
    assert turns(world.received("north")) == {"a": [1]}
    assert parked(world, "north") == {message_id("north", "a", 0): "kept.over"}
    with world.ledger() as ledger, reading(ledger.database) as connection:
        assert not any(connection.execute(select(deliveries.c.payload)).scalars())


def test_what_a_person_releases_is_found_by_a_running_courier(world: World) -> None:
    """Nobody has to restart anything after a parked message was let go."""
    refusing = True

    async def refuse(_: Delivery, __: int) -> str:
        if refusing:
            raise Refused("http.422")
        return "200"

    def release() -> bool:
        nonlocal refusing
        with world.ledger() as ledger:
            for _, entry in ledger.parked("north"):
                refusing = False
                ledger.release("north", "moves", entry.message_id, world.clock())
        return len(world.received("north")) == 1

    world.behave = refuse
    world.send(record("north", "a", 0))
    assert live(world, release, most=30)


@pytest.mark.parametrize("trouble", ["hang", "down", "refuse"])
def test_one_agencys_trouble_slows_no_other(world: World, trouble: str) -> None:
    """While one partner hangs, is down or refuses, another gets everything at once."""

    async def behave(delivery: Delivery, _: int) -> str:
        if delivery.agency == "south":
            if trouble == "hang":
                await asyncio.Event().wait()
            raise TransportError("http.503") if trouble == "down" else Refused("http.422")
        return "200"

    world.behave = behave
    world.send(*everything("south", "abcdefghijkl"), *everything("north"))
    assert live(world, lambda: len(world.received("north")) == 12)
    assert max(at for at, one in world.got if one.agency == "north") < 1.0
    assert not world.received("south")


def test_one_of_a_family_slows_no_other(world: World) -> None:
    """Two recipients of one agency are two lanes: one that is down keeps nothing from the other."""

    async def behave(delivery: Delivery, _: int) -> str:
        if delivery.address == "100001":
            raise TransportError("http.503")
        return "200"

    world.behave = behave
    for turn in range(9):
        world.send(record("north", "a", turn, address="100001"), record("north", "b", turn, address="100002"))
    assert live(world, lambda: len(world.received("north")) == 9)
    assert turns(world.received("north")) == {"b": list(range(9))}
    assert max(at for at, _ in world.got) < 1.5


def test_a_message_that_always_fails_starves_nobody(world: World) -> None:
    """A partner that fails over one message alone gets the next child's within the time of a probe."""
    poison = message_id("north", "a", 0)

    async def behave(delivery: Delivery, _: int) -> str:
        if delivery.message_id == poison:
            raise TransportError("http.500")
        return "200"

    world.behave = behave
    world.send(record("north", "a", 0))
    tried = lambda: sum(one.message_id == poison for _, one in world.attempts)  # noqa: E731  short, and used once
    live(world, lambda: tried() > 2 * FAILURES)
    sent = world.loop.time()
    world.send(record("north", "b", 0))
    live(world, lambda: bool(world.got))
    live(world, lambda: tried() > 4 * FAILURES)
    world.send(record("north", "c", 0), record("north", "b", 1))
    assert live(world, lambda: len(world.got) == 3)
    assert world.when(message_id("north", "b", 0)) - sent < PROBE_SECONDS + 2


def lowest(low: float, _: float) -> float:
    return low


def highest(_: float, high: float) -> float:
    return high


def test_the_probe_takes_what_failed_least(world: World) -> None:
    """A message that always fails, and is always due, is not all that is ever tried while the breaker is open."""
    poison = message_id("north", "a", 0)
    sent = 0.0

    async def behave(delivery: Delivery, _: int) -> str:
        if delivery.message_id == poison:
            raise TransportError("http.500")
        return "200"

    def until() -> bool:
        nonlocal sent
        if not sent and len(world.attempts) > 2 * FAILURES:
            sent = world.loop.time()
            world.send(record("north", "b", 0))
        return bool(world.got)

    world.behave = behave
    world.send(record("north", "a", 0))
    assert live(world, until, uniform=lowest, most=600)
    assert world.got[0][0] - sent < PROBE_SECONDS + 2


def test_a_partner_that_is_back_gets_at_once_what_was_put_off(world: World) -> None:
    """When a probe succeeds, what had failed for an hour does not wait for its own next turn."""
    sent = 0.0

    async def behave(_: Delivery, __: int) -> str:
        if not sent:
            raise TransportError("http.503")
        return "200"

    def until() -> bool:
        nonlocal sent
        if not sent and world.loop.time() > 3600 and world.loop.time() - world.attempts[-1][0] < 5:
            sent = world.loop.time()
            world.send(record("north", "b", 0))
        return len(world.got) == 2

    world.behave = behave
    world.send(record("north", "a", 0))
    assert live(world, until, uniform=highest)
    assert max(at for at, _ in world.got) - sent < PROBE_SECONDS + 2


def test_a_partner_that_is_away_is_asked_sparingly_and_served_when_back(world: World) -> None:
    """The breaker leaves a dead partner in peace, and finds within a probe's time that it is back."""
    back = 900.0

    async def behave(_: Delivery, __: int) -> str:
        if world.loop.time() < back:
            raise ConnectionRefusedError(111, "Connection refused")
        return "200"

    world.behave = behave
    world.send(*everything("north", "abcdefghij", 10))
    assert live(world, settled(world))
    assert turns(world.received("north")) == expected("abcdefghij", 10)
    assert sum(at < back for at, _ in world.attempts) < back / (PROBE_SECONDS / 2) + 20
    assert max(at for at, _ in world.got) < back + PROBE_SECONDS + 10


def test_a_partner_that_never_answers_is_given_up_and_asked_again(world: World) -> None:
    """An attempt ends after a minute; the next one carries the same id and the same bytes."""

    async def behave(_: Delivery, number: int) -> str:
        if number == 0:
            await asyncio.Event().wait()
        return "200"

    world.behave = behave
    world.send(record("north", "a", 0))
    assert live(world, settled(world))
    (first, one), (second, two) = world.attempts
    assert one == two
    assert DELIVERY_SECONDS <= second - first <= DELIVERY_SECONDS + 1.1


def test_a_clean_stop_finishes_the_attempt_in_hand(world: World) -> None:
    """What is being delivered when the hub stops is delivered, written down, and not sent again."""

    async def behave(_: Delivery, __: int) -> str:
        await asyncio.sleep(40)
        return "200"

    world.behave = behave
    world.send(*everything("north"))
    assert live(world, lambda: len(world.attempts) == 3)
    assert turns(world.received("north")) == {"a": [0], "b": [0], "c": [0]}
    with world.ledger() as ledger:
        assert ledger.counts("north") == {"ACKED": 3, "PENDING": 9}
    assert live(world, settled(world))
    assert (turns(world.received("north")), len(world.attempts)) == (expected(), 12)


@pytest.mark.parametrize("hours", [-25, -1, 1, 25])
def test_a_clock_that_steps_neither_repeats_nor_delays(world: World, hours: int) -> None:
    """Somebody sets the clock while a delivery is under way and another waits for its second try."""
    failing = message_id("north", "b", 0)

    async def behave(delivery: Delivery, number: int) -> str:
        if delivery.message_id == failing:
            if number < 3:
                raise TransportError("http.503")
            return "200"
        await asyncio.sleep(0.5)
        world.skew = timedelta(hours=hours)
        world.send(record("north", "d", 0))
        await asyncio.sleep(30)
        return "200"

    world.behave = behave
    world.send(record("north", "b", 0), record("north", "a", 0))
    assert live(world, lambda: len(world.got) >= 3, most=100, uniform=highest)
    assert sorted(one.message_id for _, one in world.attempts) == sorted(
        [message_id("north", "a", 0), message_id("north", "d", 0), *[failing] * 4]
    )


def test_what_a_crash_interrupted_goes_on_at_the_next_start(world: World) -> None:
    """Nobody waits for the time of an attempt whose process is known to be dead."""

    async def die(_: Delivery, __: int) -> str:
        world.crash_at = len(world.steps)
        return "200"

    world.behave = die
    world.send(record("north", "a", 0))
    assert not live(world, settled(world))
    assert world.steps[-1] == "before it arrives"
    began, world.crash_at, world.behave = world.loop.time(), None, None
    assert live(world, settled(world))
    assert world.when(message_id("north", "a", 0)) - began < 1.0


def lives(world: World, agency: str) -> None:
    """Live on, whatever happened, until everything is settled, and see that the promise was kept."""
    world.crash_at = None
    assert live(world, settled(world))
    assert turns(world.received(agency)) == expected("ab", 3)
    assert same_bytes_always(world)
    with world.ledger() as ledger:
        assert ledger.counts(agency) == {"ACKED": 6}


@pytest.mark.parametrize("agency", ["north", "library"])
def test_a_crash_at_any_point_repeats_at_most_and_never_loses(tmp_path: Path, agency: str) -> None:
    """
    The process dies before or after each step it takes, once for every step there is, and starts again.

    Every message arrives, in order; what comes twice has the same id and the same bytes, files included.
    """
    seen: set[str] = set()
    crash_at = 0
    while True:
        world = World(tmp_path / str(crash_at), crash_at=crash_at)
        world.loop.set_exception_handler(lambda *_: None)
        world.send(*everything(agency, "ab", 3))
        survived = live(world, settled(world))
        if not survived:
            seen.add(world.steps[crash_at])
            lives(world, agency)
        world.close()
        if survived:
            break
        crash_at += 1
    steps = {f"{when} {what}" for when in ("before", "after") for what in ("enqueue", "attempt", "settle")}
    steps |= {"before the delivery", "before it arrives", "after it arrived", "before the commit", "after the commit"}
    steps |= {"before assign_batch", "after assign_batch"} if agency == "library" else set()
    assert seen >= steps


@pytest.mark.parametrize("seed", range(20))
def test_many_crashes_and_rude_partners_together_lose_nothing(world: World, seed: int) -> None:
    """Lives that end at random, partners that fail at random: order per child, same bytes, no loss."""
    chance = random.Random(seed)
    world.behave = partial(rude, chance)
    agency = chance.choice(["north", "library"])
    world.send(*everything(agency, "ab", 3))
    for _ in range(8):
        world.crash_at = len(world.steps) + chance.randrange(40)
        if live(world, settled(world), most=12 * 3600, uniform=random.Random(seed).uniform):
            break
    lives(world, agency)


def test_a_crash_while_a_file_is_written_writes_the_same_file(world: World) -> None:
    """What a batch holds is fixed before it is written, although more came while the process was down."""
    world.send(record("library", "a", 0), record("library", "b", 0))
    live(world, lambda: bool(world.attempts), most=5)
    world.send(*everything("library", "c", 2))
    world.crash_at = len(world.steps) + 12

    while world.crash_at is not None and not live(world, settled(world)):
        world.send(record("library", "d", world.crash_at))
        world.crash_at = None
    assert settled(world)() or live(world, settled(world))
    assert same_bytes_always(world)


def test_a_file_waits_a_little_for_more_and_no_longer(world: World) -> None:
    """A lone message goes after two seconds; a full file goes at once; a child's later ones may share its file."""
    world.send(record("library", "a", 0))
    assert live(world, settled(world))
    assert LINGER.total_seconds() <= world.got[0][0] < LINGER.total_seconds() + 0.2
    began = world.loop.time()
    world.send(*[record("library", "a", turn) for turn in (1, 2, 3)])
    assert live(world, settled(world))
    assert world.got[1][0] - began < 1.0
    assert world.got[1][1].body == b"Child,Turn\r\na,1\r\na,2\r\na,3\r\n"


def test_what_spoils_a_file_is_parked_alone(world: World) -> None:
    """One message that cannot be rendered neither stops a file nor travels in one, and holds back its child."""
    bad = record("library", "a", 0)
    world.send(bad._replace(value=(bad.value or b"") + b"?"), record("library", "b", 0), record("library", "a", 1))
    assert live(world, lambda: bool(world.got))
    assert [one.body for _, one in world.got] == [b"Child,Turn\r\nb,0\r\n"]
    with world.ledger() as ledger:
        ((_, entry),) = ledger.parked("library")
        assert (entry.message_id, entry.reason) == (message_id("library", "a", 0), "render.avro.trailing-bytes")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one._replace(headers=()),
        lambda one: one._replace(value=None),
        lambda one: one._replace(key=b"\xff\x00"),
        lambda one: one._replace(key=b"k" * 65),
        lambda one: one._replace(headers=(*one.headers, ("ce_hubaddress", b"a\x00b"))),
        lambda one: one._replace(headers=(*one.headers, ("ce_id", b"i" * 65))),
        lambda one: one._replace(headers=(*one.headers, ("ce_time", b"tomorrow"))),
    ],
)
def test_a_record_that_is_not_sound_is_kept_and_stops_nobody(world: World, spoil: Callable[[Record], Record]) -> None:
    """What was committed never vanishes: it is parked, and what lies behind it goes on."""
    world.send(spoil(record("north", "a", 0)), record("north", "b", 0))
    assert live(world, lambda: bool(world.got) and world.committed["north"] == 2)
    with world.ledger() as ledger:
        assert ledger.counts("north") == {"PARKED": 1, "ACKED": 1}


def test_a_database_that_is_away_delays_and_loses_nothing(world: World) -> None:
    """Nothing is committed in Kafka that the ledger does not hold, and everything goes once the ledger is back."""
    world.away = True
    world.send(*everything("north"))

    def until() -> bool:
        if world.loop.time() > 100 and world.away:
            assert world.committed["north"] == 0
            world.away = False
        return not world.away and world.waiting() == 0

    assert live(world, until)
    assert turns(world.received("north")) == expected()
    assert len(world.attempts) == 12


def test_kafka_that_is_away_is_joined_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that fails is left, and a new one takes up where Kafka says."""
    failures = iter(range(40))
    sound = Inflow.commit

    async def commit(inflow: Inflow) -> None:
        if next(failures, None) is not None:
            raise TransportError("Kafka, keeping the place: _TRANSPORT")
        await sound(inflow)

    monkeypatch.setattr(Inflow, "commit", commit)
    world.send(*everything("north"))
    assert live(world, settled(world))
    assert (turns(world.received("north")), len(world.attempts)) == (expected(), 12)


def test_nothing_rests_in_the_open(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the database nor a log line holds what a message says, while it waits and after it went."""

    async def refuse(delivery: Delivery, _: int) -> str:
        if b"9990000018" in delivery.body:
            raise Refused(f"{CANARY} is not known here")
        raise KeyError(CANARY)

    world.behave = refuse
    world.send(record("north", "9990000018", 0), record("north", CANARY, 0))
    caplog.set_level(0)
    live(world, lambda: len(world.attempts) > 3)
    held = b"".join(path.read_bytes() for path in world.path.iterdir())
    told = caplog.text + "".join(str(vars(one)) for one in caplog.records)
    assert len(held) > 10_000
    for secret in (CANARY, "9990000018"):
        assert secret.encode() not in held
        assert secret not in told


def test_only_live_agencies_without_kafka_are_served(world: World) -> None:
    """Who reads Kafka needs no courier, and who is on trial is sent nothing."""
    world.trial = "south"
    world.send(*everything("south"), *everything("reader"), *everything("north"))
    assert live(world, lambda: len(world.got) == 12)
    assert {one.agency for _, one in world.attempts} == {"north"}
    assert (world.committed["reader"], world.committed["south"]) == (0, 0)


def test_only_the_newest_whole_state_goes_where_a_stream_keeps_the_latest(world: World) -> None:
    """While a partner is away, older states of a child that were never tried give way to the newest."""

    async def behave(_: Delivery, __: int) -> str:
        if world.loop.time() < 60:
            raise TransportError("http.503")
        return "200"

    world.behave = behave
    world.send(*(record("north", child, turn, stream=STATES) for turn in range(9) for child in "ab"))
    assert live(world, settled(world))
    for child, went in turns(world.received("north")).items():
        assert went == sorted(went), child
        assert went[-1] == 8
        assert len(went) < 9


def test_couriers_work_in_real_time_and_threads(tmp_path: Path) -> None:
    """The same with the system's clock, a thread for SQL, and threads for rendering."""
    world = World(tmp_path)
    world.send(*everything("north"))
    real: list[Delivery] = []

    class Quick:
        async def deliver(self, delivery: Delivery) -> str:
            real.append(delivery)
            return "200"

        async def close(self) -> None:
            real.append(real[0])

    async def life() -> None:
        store = engine(f"sqlite:///{tmp_path / 'hub.db'}")
        couriers = Couriers(
            catalog=CATALOG,
            lane="routine",
            keys=KEYS,
            ledger=Ledger(store),
            meanwhile=meanwhile(),
            sink_for=lambda *_: Quick(),
            inflow_for=lambda group, _: Inflow(world, group.removeprefix("courier.").replace(".routine", "")),
        )
        running = asyncio.create_task(couriers.run())
        while world.waiting():
            await asyncio.sleep(0.01)
        couriers.stop()
        await running
        store.dispose()

    asyncio.run(life())
    world.close()
    assert turns(real[:12]) == expected()
    assert len(real) > 12


@given(attempts=st.integers(1, 10_000), seed=st.integers())
def test_waiting_grows_to_five_minutes_and_no_further(attempts: int, seed: int) -> None:
    """Full jitter: between nothing and one second doubled for each failure, five minutes at most."""
    longest = min(LONGEST_SECONDS, 2.0 ** min(attempts - 1, 20))
    assert 0 <= backoff(attempts, random.Random(seed).uniform) <= longest
    assert backoff(attempts, lambda _, high: high) == longest


def test_a_breaker_opens_after_five_failures_and_lets_one_probe_through() -> None:
    """Four failures change nothing; the fifth leaves room for one attempt at a time, after a rest."""
    breaker = Breaker(lambda _, high: high)
    for _ in range(FAILURES - 1):
        breaker.failed(0.0)
    assert (breaker.room(0.0, 3, 8), breaker.rest(0.0)) == (5, 0.0)
    breaker.failed(0.0)
    rest = breaker.rest(0.0)
    assert 0 < rest <= PROBE_SECONDS
    assert (breaker.room(0.0, 0, 8), breaker.room(rest, 0, 8), breaker.room(rest, 1, 8)) == (0, 1, 0)
    assert breaker.answered()
    assert (breaker.answered(), breaker.room(rest, 0, 8)) == (False, 8)


@given(
    headers=st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=9), st.binary(max_size=9)), max_size=4),
    value=st.binary(max_size=40),
)
def test_a_record_comes_out_of_the_ledger_as_it_went_in(headers: list[tuple[str, bytes]], value: bytes) -> None:
    """Papers and value survive packing, whatever bytes they are."""
    assert from_payload(to_payload(tuple(headers), value)) == (tuple(headers), value)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TransportError("http.503 try later"), "http.503"),
        (Refused("mllp.rejected: the partner answered AR"), "mllp.rejected"),
        (Refused("https: status 422, outcome invalid"), "https.422"),
        (Refused("9990000018"), "refused"),
        (TransportError(f"{CANARY} refused"), "transporterror"),
        (ValueError("http.503"), "valueerror"),
        (TimeoutError(), "timeouterror"),
    ],
)
def test_a_reason_is_a_code_and_never_a_text(error: Exception, code: str) -> None:
    """What is not spelled as a code gives its kind only."""
    assert code_of(error) == code
