"""Accepting over real sockets, on both loops: who fills a listener takes nobody's place, and who idles is let go."""

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop

from hub.transports import accepting
from hub.transports.accepting import Accepting, Held, listeners
from hub.transports.room import Room
from hub.transports.tls import LocalCa, client_context, make_local_ca, server_context

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
RUN: dict[str, Callable[[Any], Any]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return make_local_ca(tmp_path_factory.mktemp("pki"))


@pytest.fixture(params=list(RUN))
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """The loop of the tests, and that of the gateway."""
    return RUN[request.param]


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Somebody said something."""
        self.transport.write(data)  # type: ignore[attr-defined]


async def until(happened: Callable[[], bool]) -> None:
    """Wait for a condition; the suite's own time limit is the only clock."""
    while not happened():
        await asyncio.sleep(0.005)


class Listening:
    """A listener of one room, and those who call."""

    def __init__(self, port: int, room: Room, told: list[int], client: ssl.SSLContext | None) -> None:
        self.port, self.room, self.told, self.client = port, room, told, client
        self.writers: list[asyncio.StreamWriter] = []

    async def stranger(self, of: str = HERE) -> Streams:
        """Somebody who connects and says nothing, not even the first word of TLS."""
        return await self._call(of, None)

    async def served(self, of: str) -> bool:
        """Whether a partner who calls from there is answered."""
        try:
            reader, writer = await self._call(of, self.client)
            writer.write(b"word")
            answered = await reader.read(4) == b"word"
            writer.close()
            await writer.wait_closed()
        except OSError:
            return False
        return answered

    async def _call(self, of: str, by: ssl.SSLContext | None) -> Streams:
        named = {"ssl": by, "server_hostname": "localhost"} if by else {}
        reader, writer = await asyncio.open_connection(HERE, self.port, local_addr=(of, 0), **named)  # type: ignore[arg-type]
        self.writers.append(writer)
        return reader, writer


@asynccontextmanager
async def listening(pki: LocalCa, most: int, most_of_one: int, *, tls: bool = True) -> AsyncIterator[Listening]:
    told: list[int] = []
    room = Room(most, most_of_one, told.append)
    context = server_context(pki.server_cert, pki.server_key) if tls else None
    server = Accepting(await listeners(HERE, 0), room, Echo, context)
    port = server.sockets[0].getsockname()[1]
    here = Listening(port, room, told, client_context(pki.ca) if tls else None)
    try:
        yield here
    finally:
        server.close()
        for writer in here.writers:
            writer.close()
        await until(lambda: not room.held)


async def hung_up(reader: asyncio.StreamReader) -> bool:
    """Wait until the other side closes; whether it said nothing before."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("tls", [True, False])
def test_strangers_of_one_address_fill_their_share_and_no_more(
    pki: LocalCa, run: Callable[[Any], Any], tls: bool
) -> None:
    """Also those who never shake hands; a partner of another address is served, and all are when they have gone."""

    async def go() -> None:
        async with listening(pki, 4, 3, tls=tls) as here:
            idle = [await here.stranger() for _ in range(3)]
            assert await hung_up((await here.stranger())[0])
            assert not await here.served(HERE)
            assert await here.served(ELSEWHERE)
            for _, writer in idle:
                writer.close()
            await until(lambda: not here.room.held)
            assert await here.served(HERE)

    run(go())


def test_strangers_of_many_addresses_do_not_pass_the_whole(pki: LocalCa, run: Callable[[Any], Any]) -> None:
    """What a process can hold is counted over all; a flood of refusals is told once, with their number to come."""

    async def go() -> None:
        async with listening(pki, 4, 3) as here:
            idle = [await here.stranger(f"127.0.0.{number}") for number in (1, 1, 2, 3)]
            await until(lambda: here.room.held == len(idle))
            for number in range(4, 9):
                assert await hung_up((await here.stranger(f"127.0.0.{number}"))[0])
            assert (here.room.held, here.told) == (4, [1])

    run(go())


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n"])
def test_who_does_not_shake_hands_is_let_go(
    pki: LocalCa, run: Callable[[Any], Any], said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In time where nothing is said, at once where it is no TLS; the place is free again."""
    monkeypatch.setattr(accepting, "HANDSHAKE_SECONDS", 0.2 if not said else 1000.0)

    async def go() -> None:
        async with listening(pki, 1, 1) as here:
            reader, writer = await here.stranger()
            writer.write(said)
            with suppress(ConnectionError):
                await reader.read()  # an alert of TLS, perhaps, and the end
            await until(lambda: not here.room.held)
            assert await here.served(HERE)

    run(go())


def test_a_listener_that_closes_ends_what_is_shaking_hands(pki: LocalCa, run: Callable[[Any], Any]) -> None:
    """Nobody is waited for who has not begun."""

    async def go() -> None:
        room = Room(9, 9, lambda _: None)
        context = server_context(pki.server_cert, pki.server_key)
        server = Accepting(await listeners(HERE, 0), room, Echo, context)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await until(lambda: room.held == 1)
        server.close()
        assert await hung_up(reader)
        await until(lambda: not room.held)
        writer.close()
        with pytest.raises(OSError, match=r"refused|Connect"):
            await asyncio.open_connection(HERE, writer.get_extra_info("peername")[1])

    run(go())


def test_a_connection_that_nobody_took_over_gives_its_place_back() -> None:
    """As when the loop cannot open it, since the other side has gone."""
    room = Room(1, 1, lambda _: None)
    ours, theirs = socket.socketpair()
    leave = room.enter(HERE)
    assert leave is not None
    held = Held(ours, leave)
    assert room.held == 1
    del held
    gc.collect()
    with theirs:
        assert (room.held, theirs.recv(1)) == (0, b"")


def test_a_port_that_is_taken_is_an_error() -> None:
    """And whatever was bound before it is let go."""

    async def go() -> None:
        (first,) = await listeners(HERE, 0)
        with first, pytest.raises(OSError, match="in use"):
            await listeners(HERE, first.getsockname()[1])

    asyncio.run(go())


def test_a_name_of_several_addresses_is_listened_on_at_one_port() -> None:
    """Such as localhost: 127.0.0.1, and ::1 where there is IPv6."""

    async def go() -> None:
        found = await listeners("localhost", 0)
        assert len({one.getsockname()[1] for one in found}) == 1
        for one in found:
            one.close()

    asyncio.run(go())


def test_an_owner_of_many_addresses_has_one_share() -> None:
    """A /64 of IPv6 is one; an address of IPv4 is the same however it is written."""
    for one, other, third in (
        ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"),
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ("fe80::1%eth0", "fe80::2", "fe81::1"),
    ):
        room = Room(9, 1, lambda _: None)
        leave = room.enter(one)
        assert leave is not None
        assert room.enter(other) is None
        assert room.enter(third) is not None
        leave()
        assert room.enter(other) is not None


def test_a_flood_is_told_once_a_minute_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first at once, those after it by their number."""
    now = [1000.0]
    monkeypatch.setattr("hub.transports.room.monotonic", lambda: now[0])
    told: list[int] = []
    room = Room(0, 0, told.append)
    for _ in range(5):
        assert room.enter(HERE) is None
    now[0] += 61.0
    assert room.enter(HERE) is None
    assert told == [1, 5]
