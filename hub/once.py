"""Once: files through the whole hub in memory: the same gateway, watch, policy and rendering code, and no broker."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.disclosure import Receipt
from hub.envelope import Envelope, Record
from hub.errors import CatalogError, NotForUs
from hub.following import Following
from hub.identity.index import MemoryIndex
from hub.identity.registry import Registry
from hub.intake import Clock, Intake, now_in_utc
from hub.keys import Keys
from hub.outbound import Desk, Letter, Run, open_letter, render
from hub.parcel import code_of
from hub.stream import Event, Stream
from hub.transports import Answer
from hub.transports.memory import MemoryInbox, MemoryLog
from hub.view import Identifier
from hub.watch import Memory, Watch, record_of

ODD = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Given:
    """One file that went in, as which line of which agency, and what its sender is told."""

    path: Path
    agency: str
    line: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Delivered:
    """One thing that an agency would receive."""

    agency: str
    stream: str
    address: str
    door: Door
    fields: tuple[str, ...]
    count: int
    body: bytes
    suffix: str
    fault: str = ""
    """Why it could not be rendered: a courier would park it, and nothing of it is here."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that came of the files."""

    given: list[Given] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    def withheld(self) -> Counter[tuple[str, str, str]]:
        """How often each (agency, stream, rule) kept something back."""
        return Counter((r.agency, r.stream, r.rule) for r in self.receipts if r.verdict == "withheld")

    def kept_back(self) -> Counter[tuple[str, str, str]]:
        """How often each (agency, stream, limit) kept something of what was told."""
        return Counter((r.agency, r.stream, limit) for r in self.receipts for limit in r.kept_back)


DoorOf = Callable[[Agency, str], Door]
"""Which door a stream goes to an agency by."""


def first_door(agency: Agency, stream: str) -> Door:
    """The first one that agency.yaml names."""
    return agency.hears[stream].doors[0]


def line_of(catalog: Catalog, path: Path) -> tuple[str, str]:
    """
    Which line of which agency a file is, by the folders it lies in: `…/<agency>/…/<line>/file`.

    Raises CatalogError, with the lines there are, where the path names none.
    """
    *above, line = path.absolute().parts[:-1]
    for folder in reversed(above):
        if folder in catalog.agencies and line in catalog.agencies[folder].says:
            return folder, line
    lines = ", ".join(f"{a.key}/{line}/" for a in catalog.agencies.values() for line in a.says)
    raise CatalogError(
        [f"{path}: its folders name no line of an agency; put it in one of: {lines} or write AGENCY/LINE={path}"]
    )


class Once:
    """The whole hub in one process and one thread, for as many files as it is given."""

    def __init__(self, catalog: Catalog, keys: Keys, clock: Clock = now_in_utc) -> None:
        self.catalog = catalog
        self.keys = keys
        self.log = MemoryLog()
        self.outcome = Outcome()
        self._clock = clock
        self.following = Following(catalog)
        registry = Registry(keys, MemoryIndex(keys))
        self._intake = Intake(catalog, keys, self.log.commit, MemoryInbox(), clock, wall=self._wall, registry=registry)
        self._desks = {stream.topic: Desk(catalog, stream, keys) for stream in catalog.streams.values()}
        self._memories: dict[tuple[str, bytes], Memory] = {}

    def give(self, path: Path, agency: str, line: str) -> Answer:
        """Take one file in, as *line* of *agency*, and carry everything that comes of it."""
        answer = self.take(path.read_bytes(), agency, line)
        self.outcome.given.append(Given(path, agency, line, answer))
        return answer

    def take(self, data: bytes, agency: str, line: str) -> Answer:
        """The same of bytes that lie in no file of their own."""
        answer = asyncio.run(self._intake.receive(agency, line, data))
        self._settle()
        return answer

    def carry(self, record: Record) -> None:
        """Carry an event as if it lay on its stream's topic."""
        self.log.append([record])
        self._settle()

    def _settle(self) -> None:
        """Watch and decide until nothing new comes of it; what is followed or kept goes before what is judged."""
        watches, followed = self.catalog.watches.values(), self.following.topics
        ordered = sorted(self.catalog.streams.values(), key=lambda stream: any(w.on == stream.name for w in watches))
        while records := list(self.log.fresh([stream.topic for stream in ordered])):
            for record in records:
                if record.topic in followed:
                    self.following.take(record)
            for record in records:
                stream = self.catalog.by_topic[record.topic]
                for watch in watches:
                    self._watch(watch, stream, record)
                carried = self._desks[record.topic].carry(record, now=self._clock(), view=self.following.view)
                self.log.append(carried.records)
                self.outcome.receipts.extend(carried.receipts)

    async def _wall(self) -> frozenset[Identifier]:
        return self.following.view.closed()

    def _watch(self, watch: Watch, stream: Stream, record: Record) -> None:
        if stream.name not in (watch.keeps, watch.on):
            return
        papers, place = Envelope.from_headers(record.headers), (watch.name, record.key or b"")
        values = self.catalog.codec(stream).decode(record.value or b"")
        memory = self._memories.get(place, Memory())
        if stream.name == watch.keeps:
            memory = memory.knowing(watch.remember(memory.state, values, papers.time), papers.id)
            self._memories[place] = memory
        if stream.name != watch.on:
            return
        emits = self.catalog.streams[watch.emits]
        caught_up = not memory.doubts
        judged: list[Event] = []
        with suppress(NotForUs):
            judged.extend(watch.judge(values, memory.state, papers, now=self._clock(), caught_up=caught_up))
        for index, event in enumerate(judged):
            value = self.catalog.codec(emits).encode(event.model_dump())
            self.log.append([record_of(watch, emits, self.keys, papers, index, event, value)])

    def deliver(self, door_of: DoorOf = first_door) -> Outcome:
        """Render everything that was released, as the couriers would, for the door that *door_of* chooses."""
        for agency in self.catalog.agencies.values():
            for name in agency.hears:
                stream = self.catalog.streams[name]
                door = door_of(agency, name)
                records = list(self.log.fresh([stream.topic_to(agency.key)]))
                if door.by == "kafka":
                    self.outcome.delivered.extend(self._heard(agency.key, stream, door, one) for one in records)
                    continue
                letters = [
                    open_letter(self.catalog, record.value or b"", record.headers, (record.key or b"").decode())
                    for record in records
                ]
                for address, number, batch in _batches(letters, door.batch):
                    self.outcome.delivered.append(self._rendered(agency, stream, door, address, number, batch))
        return self.outcome

    def _rendered(
        self, agency: Agency, stream: Stream, door: Door, address: str, number: int, batch: Sequence[Letter]
    ) -> Delivered:
        fields = self._fields(agency.key, stream)
        try:
            made = render(self.catalog, stream, agency, door, batch, Run(number, self._clock()))
        except Exception as error:  # noqa: BLE001  as for a courier: one that cannot be rendered stops no other
            fault = f"render.{code_of(error)}"
            return Delivered(agency.key, stream.name, address, door, fields, len(batch), b"", "", fault)
        return Delivered(agency.key, stream.name, address, door, fields, len(batch), made.body, made.suffix)

    def _heard(self, agency: str, stream: Stream, door: Door, record: Record) -> Delivered:
        fields = self._fields(agency, stream)
        return Delivered(agency, stream.name, "", door, fields, 1, record.value or b"", f".{door.format}")

    def _fields(self, agency: str, stream: Stream) -> tuple[str, ...]:
        grant = self.catalog.policies[agency].hears[stream.name]
        return (*grant.fields, *grant.coarse)


def _batches(letters: Sequence[Letter], most: int) -> Iterable[tuple[str, int, list[Letter]]]:
    """*letters* by address, in order, at most *most* to a batch; those of an address are numbered from 1."""
    by_address: dict[str, list[Letter]] = {}
    for letter in letters:
        by_address.setdefault(letter.envelope.address, []).append(letter)
    for address, ours in by_address.items():
        for number, start in enumerate(range(0, len(ours), most), 1):
            yield address, number, ours[start : start + most]


def write(outcome: Outcome, folder: Path) -> None:
    """
    Write every delivery to *folder*/<agency>/<address>/, numbered in the order in which it was made.

    An address comes of an event's field and could say anything: what is no letter or digit in it becomes `_`.
    """
    for number, one in enumerate((one for one in outcome.delivered if not one.fault), 1):
        where = folder / one.agency / ODD.sub("_", one.address)
        where.mkdir(parents=True, exist_ok=True)
        (where / f"{one.stream}-{number:05d}{one.suffix}").write_bytes(one.body)
