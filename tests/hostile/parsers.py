"""Parsers: every way in which others' bytes become values, each with its seeds and one function that takes an input."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal, NamedTuple

from hub import formats
from hub.agency import Saying
from hub.catalog import Catalog
from hub.envelope import Envelope, Record, traceparent
from hub.errors import Unreadable
from hub.formats import fhir_answer
from hub.intake import Intake
from hub.keys import Keys
from hub.outbound import Desk
from hub.quarantine.item import PAPERS
from hub.transports import Answer
from hub.transports.memory import Answered, MemoryInbox
from hub.transports.mllp import MllpSource
from hub.transports.mllp.framing import BEGIN, END, Framer
from hub.wire import Wire

from .seeds import Seed, of_line, of_public, of_streams, planted

Verdict = Literal["accepted", "set aside", "quarantined", "turned away"]
"""Turned away: refused and nothing of it kept, or cut off where frames could no longer be told apart."""
NOW = datetime(2026, 9, 15, 9, 30, tzinfo=UTC)
KEYS = Keys(b"a secret for tests, of 32 bytes.")
REMEMBERED = 2  # inputs for which one memory of answers lasts: an id that was used before is looked at no further
PATIENCE = 20.0


class Taken(NamedTuple):
    """What became of one input, all that was said of it in the open, and the codes of its refusals."""

    verdict: Verdict
    said: list[str]
    codes: tuple[str, ...] = ()


@dataclass
class Parser:
    """One parser: *take* gives what became of an input, and raises where it crashed."""

    name: str
    seeds: list[Seed]
    take: Callable[[Seed], Awaitable[Taken]]
    begin: Callable[[], Awaitable[None]] = field(default=lambda: asyncio.sleep(0))
    end: Callable[[], Awaitable[None]] = field(default=lambda: asyncio.sleep(0))


def every(catalog: Catalog) -> dict[str, Callable[[], Parser]]:
    """By name, to be made: each line of each agency, a format that no line speaks, records, frames, and answers."""
    found: dict[str, Callable[[], Parser]] = {}
    for agency in catalog.agencies.values():
        for line, saying in agency.says.items():
            found[f"{saying.format} {agency.key}/{line}"] = partial(_line, catalog, agency.key, line)
    if not any(name.startswith("xml ") for name in found):
        found["xml"] = partial(_format, "xml")
    return found | {
        "avro": partial(_records, catalog),
        "mllp framing": partial(_frames, catalog),
        "fhir answer": _outcomes,
    }


class _Inbox(MemoryInbox):
    """Tells whether it was asked for a message that came before: then the answer is the first one's."""

    again = False

    def recall(self, agency: str, line: str, own_id: str, content: bytes) -> Answered | None:
        """As every inbox does."""
        before = super().recall(agency, line, own_id, content)
        self.again = before is not None and before.same
        return before


class _Desk:
    """The gateway's intake in memory; forgets from time to time, so that memory is what the parsers need."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._count = 0
        self.records: list[Record] = []
        self._inbox = _Inbox()
        self._intake = self._fresh()

    def _fresh(self) -> Intake:
        self._inbox = _Inbox()
        return Intake(self._catalog, KEYS, self._commit, self._inbox, lambda: NOW)

    async def _commit(self, records: Sequence[Record]) -> None:
        self.records += records

    async def receive(self, agency: str, line: str, data: bytes) -> Answer:
        self._count += 1
        if self._count % REMEMBERED == 0:
            self._intake = self._fresh()
        return await self._intake.receive(agency, line, data)

    def taken(self, answer: Answer) -> Taken:
        """What the sender and the topics were told, and whether all that was refused lies in quarantine, sealed."""
        records, self.records = self.records, []
        refused = [one for one in records if one.topic.startswith("quarantine.")]
        if self._inbox.again:
            assert not records, "a message that came before left something once more"
        else:
            assert len(refused) == answer.refused or not answer.kept, "what was refused is not all in quarantine"
            assert len(records) - len(refused) == answer.events, "what was understood is not all on its topics"
        said = [answer.code, answer.place, answer.mend]
        codes = []
        for record in refused[:5]:
            headers = dict(record.headers)
            name = (record.key or b"").decode()
            KEYS.unseal("quarantine", record.value or b"", name)
            KEYS.unseal("quarantine.papers", headers[PAPERS], name)
            said += [headers[key].decode() for key in ("hub_line", "hub_code", "hub_place")]
            codes.append(headers["hub_code"].decode())
        said += [
            value.decode()
            for one in records[:5]
            for key, value in one.headers
            if key not in ("hub_time", "ce_time", PAPERS)  # what is sealed is read by nobody
        ]
        verdict: Verdict = "quarantined" if answer.refused else "accepted" if answer.events else "set aside"
        if not answer.kept:
            verdict = "turned away"
        return Taken(verdict, [*said, *(str(one.key) for one in records[:5])], tuple(codes))


def _line(catalog: Catalog, agency: str, line: str) -> Parser:
    desk = _Desk(catalog)

    async def take(seed: Seed) -> Taken:
        return desk.taken(await desk.receive(agency, line, seed.data))

    form = catalog.agencies[agency].says[line].format
    return Parser(f"{form} {agency}/{line}", of_line(catalog, agency, line), take)


def _format(name: Literal["xml"]) -> Parser:
    """A format that no line of this house speaks, by itself."""
    saying = Saying(format=name, by="files", into=("cpis_flag",))

    async def take(seed: Seed) -> Taken:
        try:
            items = list(formats.parse(seed.data, saying))
        except Unreadable as error:
            return Taken("quarantined", [error.code, error.place, error.mend], (error.code,))
        for item in items:
            repr(item.message)
        return Taken("accepted", [])

    return Parser(name, [Seed(planted(one, number)) for number, one in enumerate(of_public(name))], take)


def _records(catalog: Catalog) -> Parser:
    """Events on their topics, as the relay and the watches read them; whoever could write there wrote this."""
    desks = {name: Desk(catalog, stream, KEYS) for name, stream in catalog.streams.items()}
    wire = Wire(catalog)

    async def take(seed: Seed) -> Taken:
        stream = catalog.streams[seed.about]
        headers = Envelope("0" * 32, "/tests", stream.topic, NOW, traceparent("0" * 32)).headers()
        record = Record(stream.topic, b"0" * 32, seed.data, headers)
        verdict, said, codes = "accepted", list[str](), list[str]()
        try:
            carried = desks[seed.about].carry(record, now=NOW)
            said += [str(receipt.outcome.rule) for receipt in carried.receipts]
        except (Unreadable, KeyError, ValueError) as error:
            desks[seed.about].refused(record, now=NOW)
            verdict = "quarantined"
            said += [type(error).__name__, *_told(error)]
        with suppress(Unreadable):
            wire.read(stream, seed.data)
        return Taken(verdict, said, tuple(codes))  # type: ignore[arg-type]  # one of two words

    return Parser("avro", of_streams(catalog), take)


def _told(error: Exception) -> list[str]:
    return [error.code, error.place, error.mend] if isinstance(error, Unreadable) else []


def _frames(catalog: Catalog) -> Parser:
    """Frames on a real socket, each connection from its first byte to its last, answered by the gateway's intake."""
    agency, line = next((a.key, n) for a in catalog.agencies.values() for n, s in a.says.items() if s.by == "mllp")
    desk = _Desk(catalog)
    source = MllpSource("127.0.0.1", 0, agency, line)
    seeds = [one.data for one in of_line(catalog, agency, line)]
    several = [b"".join(BEGIN + one + END for one in seeds[at : at + 3]) for at in range(0, len(seeds), 3)]

    async def begin() -> None:
        await source.start(desk.receive)

    async def take(seed: Seed) -> Taken:
        _alike(seed.data)
        reader, writer = await asyncio.open_connection("127.0.0.1", source.port)
        answers = b""
        try:
            async with asyncio.timeout(PATIENCE):
                with suppress(ConnectionError):
                    sending = asyncio.create_task(_send(writer, seed.data))
                    while chunk := await reader.read(65_536):
                        answers += chunk
                    await sending
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        desk.records.clear()
        verdict: Verdict = "accepted" if b"MSA|AA" in answers else "quarantined" if answers else "turned away"
        return Taken(verdict, [])

    return Parser("mllp framing", [Seed(one) for one in (*several, *(BEGIN + one + END for one in seeds))], take,
                  begin, source.stop)  # fmt: skip


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(ConnectionError):
        writer.write(data)
        writer.write_eof()
        await writer.drain()


def _alike(data: bytes) -> None:
    """However a stream is cut on its way, the same frames come of it."""
    dice, cut, whole = random.Random(len(data)), Framer(), Framer()
    frames, at = list[bytes](), 0
    while at < len(data):
        step = dice.randint(1, max(1, len(data) // 10))
        frames += cut.feed(data[at : at + step])
        at += step
    assert (whole.feed(data), whole.fault) == (frames, cut.fault), "the frames depend on how the stream was cut"


def _outcomes() -> Parser:
    """What a partner answers by HTTPS, which is read for an outcome in words of closed lists only."""

    async def take(seed: Seed) -> Taken:
        said = fhir_answer.outcome_of(seed.data)
        return Taken("accepted" if said else "quarantined", [said])

    return Parser("fhir answer", [Seed(planted(one, number)) for number, one in enumerate(of_public("outcome"))], take)
