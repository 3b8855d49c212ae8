"""Memory: topics without a broker, for `hub run --once` and for tests; the same records, in the order given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from hub.envelope import Record


class MemoryLog:
    """Every topic as a list; `fresh` hands out, once, what was appended to the topics asked for."""

    def __init__(self) -> None:
        self.topics: defaultdict[str, list[Record]] = defaultdict(list)
        self._taken: defaultdict[str, int] = defaultdict(int)

    async def commit(self, records: Sequence[Record]) -> None:
        """Append *records*: what the gateway calls in place of a Kafka transaction."""
        self.append(records)

    def append(self, records: Sequence[Record]) -> None:
        """Append *records* to their topics."""
        for record in records:
            self.topics[record.topic].append(record)

    def fresh(self, topics: Sequence[str]) -> Iterator[Record]:
        """What was appended to *topics* since it was last asked for, topic by topic."""
        for topic in topics:
            records = self.topics[topic]
            while self._taken[topic] < len(records):
                self._taken[topic] += 1
                yield records[self._taken[topic] - 1]
