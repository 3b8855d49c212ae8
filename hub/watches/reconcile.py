"""Reconciliation: what a watch remembers, compared with what the kept topic says; counts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.catalog import Catalog
from hub.envelope import Envelope, is_synthetic
from hub.keys import Keys
from hub.log import note
from hub.topology import changelog_of
from hub.transports.kafka import read_topic
from hub.watch import Memory, Watch
from hub.watches.watching import UNREADABLE_MEMORY, unsealed
from hub.wire import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """
    How many keys were compared, and how they came out.

    *same*: memory and topic agree. *richer*: the memory also holds what the topic no longer does, because a compacted
    topic keeps one record of each key; the topic adds nothing to it. *missing*: the topic has what the memory lacks
    altogether; *different*: the topic would change the memory; *extra*: the memory has a key of which the topic knows
    nothing. *doubted*: keys in doubt; *unreadable*: records of the kept topic that could not be read.
    """

    keys: int = 0
    same: int = 0
    richer: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    doubted: int = 0
    unreadable: int = 0

    @property
    def sound(self) -> bool:
        """Whether everything that the topic says is remembered, and nothing of which it knows nothing."""
        return not (self.missing or self.different or self.extra or self.doubted or self.unreadable)


def reconcile(
    catalog: Catalog, watch: Watch, keys: Keys, *, bootstrap: str, kafka: Mapping[str, str] | None = None
) -> Reconciled:
    """
    Rebuild the memory of *watch* from its kept topic and compare it with its changelog, key by key.

    The topic is read before the changelog, so that what is said meanwhile counts as richer; a watch that is stopped
    or behind shows as missing or different. Raises TransportError where Kafka does not answer.
    """
    stream = catalog.streams[watch.keeps]
    wire = Wire(catalog)
    said: dict[bytes, list[tuple[Envelope, Mapping[str, object]] | None]] = {}
    unreadable = 0
    for stored in read_topic(bootstrap, stream.topic, kafka):
        record = stored.record
        if is_synthetic(record.headers):
            continue
        try:
            event = (
                (Envelope.from_headers(record.headers), wire.read(stream, record.value))
                if record.value is not None
                else None
            )
        except Exception:  # noqa: BLE001  whatever it is, it is counted, and the rest is still compared
            unreadable += 1
            continue
        if record.key is not None:
            said.setdefault(record.key, []).append(event)
    held: dict[bytes, bytes | None] = {}
    for stored in read_topic(bootstrap, changelog_of(watch.name), kafka):
        if stored.record.key is not None:
            held[stored.record.key] = stored.record.value
    counts = {"keys": 0, "same": 0, "richer": 0, "missing": 0, "different": 0, "extra": 0, "doubted": 0}
    for key in said.keys() | held.keys():
        memory = unsealed(keys, watch.name, key, held.get(key))
        counts["doubted"] += bool(memory.doubts)
        outcome = _compared(watch, memory, said.get(key), key in held)
        if outcome is not None:
            counts["keys"] += 1
            counts[outcome] += 1
    found = Reconciled(**counts, unreadable=unreadable)
    note("watches", "reconciled" if found.sound else "memory and topic differ", count=found.keys, topic=stream.topic)
    return found


def _compared(
    watch: Watch,
    memory: Memory,
    events: list[tuple[Envelope, Mapping[str, object]] | None] | None,
    was_held: bool,
) -> str | None:
    if events is None:
        return "extra" if memory.state is not None or UNREADABLE_MEMORY in memory.doubts else None
    rebuilt, merged = None, memory.state
    for event in events:
        if event is None:  # an erasure
            rebuilt = merged = None
            continue
        papers, values = event
        rebuilt = watch.remember(rebuilt, values, papers.time)
        merged = watch.remember(merged, values, papers.time)
    if Memory(rebuilt).pack() == Memory(memory.state).pack():
        return None if rebuilt is None else "same"
    if memory.state is None and not was_held:
        return "missing"
    return "richer" if Memory(merged).pack() == Memory(memory.state).pack() else "different"
