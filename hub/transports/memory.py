"""Memory: topics without a broker, for `hub run --once` and for tests; the same records, in the order given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from hub.envelope import Record


class Answered(NamedTuple):
    """What was answered to an id the first time, and whether the content now is the content then."""

    answer: str
    same: bool


class MemoryInbox:
    """What senders were answered, for as long as the process lives."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, str], tuple[bytes, str]] = {}

    def recall(self, agency: str, line: str, own_id: str, content: bytes) -> Answered | None:
        """What was answered to this id before, or None."""
        before = self._answers.get((agency, line, own_id))
        return None if before is None else Answered(before[1], before[0] == content)

    def remember(
        self,
        agency: str,
        line: str,
        own_id: str,
        content: bytes,
        answer: str,
        *,
        now: datetime,
    ) -> Answered:
        """Keep the answer."""
        self._answers[agency, line, own_id] = (content, answer)
        return Answered(answer, same=True)


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
