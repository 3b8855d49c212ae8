"""One partner's connections are opened one after another, whatever becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub.errors import TransportError
from hub.transports import Delivery
from hub.transports.https import HttpsSink
from hub.transports.tls import client_context, make_local_ca

DELIVERY = Delivery("0011aabb", "gwh", "hospital_alert", "", "application/json", b"{}", ".json")


class Counted:
    """A partner's port: how many connections came, how many at once at the most, and what each meets."""

    def __init__(self, meet: Callable[[], Awaitable[None]]) -> None:
        self.meet = meet
        self.came = self.open = self.most = 0
        self.news = asyncio.Condition()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear the caller's first word, and hang up when it was met."""
        async with self.news:
            self.came, self.open = self.came + 1, self.open + 1
            self.most = max(self.most, self.open)
            self.news.notify_all()
        await reader.read(1)
        await self.meet()
        self.open -= 1
        writer.transport.abort()

    async def until(self, came: int) -> None:
        """Wait for the connection that makes *came*."""
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: self.came >= came)


@asynccontextmanager
async def calling(folder: Path, port: Counted) -> AsyncIterator[HttpsSink]:
    """A sink for the port; everything is let go in the end."""
    server = await asyncio.start_server(port.connected, "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    sink = HttpsSink(f"https://localhost:{number}/alerts", None, client_context(make_local_ca(folder).ca), timeout=20)
    try:
        yield sink
    finally:
        await sink.close()
        server.close()


def test_a_partner_that_breaks_every_handshake_is_called_once_at_a_time(tmp_path: Path) -> None:
    """Each of eight messages has its attempt, and no two of them knock together."""

    async def go() -> tuple[Counted, list[object]]:
        port = Counted(lambda: asyncio.sleep(0.01))
        async with calling(tmp_path, port) as sink:
            return port, await asyncio.gather(*(sink.deliver(DELIVERY) for _ in range(8)), return_exceptions=True)

    port, said = asyncio.run(go())
    assert [type(one) for one in said] == [TransportError] * 8
    assert (port.came, port.most) == (8, 1)


def test_an_attempt_that_is_given_up_lets_the_next_one_knock(tmp_path: Path) -> None:
    """Of two at a door that says nothing, the second comes when the first has left, by cancellation or by patience."""

    async def go() -> None:
        never = asyncio.Event()
        port = Counted(never.wait)  # type: ignore[arg-type]
        async with calling(tmp_path, port) as sink:
            first = asyncio.ensure_future(sink.deliver(DELIVERY))
            await port.until(1)
            second = asyncio.ensure_future(sink.deliver(DELIVERY))
            done, _ = await asyncio.wait([second], timeout=0.05)
            assert not done
            assert port.came == 1
            first.cancel()
            await port.until(2)
            second.cancel()
            said = await asyncio.gather(first, second, return_exceptions=True)
            assert [type(one) for one in said] == [asyncio.CancelledError] * 2
            never.set()

    asyncio.run(go())


def test_a_handshake_that_fails_is_no_end(tmp_path: Path) -> None:
    """The same sink calls again, as often as it is asked."""

    async def go() -> int:
        port = Counted(lambda: asyncio.sleep(0))
        async with calling(tmp_path, port) as sink:
            for _ in range(3):
                with pytest.raises(TransportError, match="no answer"):
                    await sink.deliver(DELIVERY)
        return port.came

    assert asyncio.run(go()) == 3
