"""Where topics begin and end, as librdkafka answers it: an offset that is none is no answer; no broker is asked."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaException

from hub.transports.kafka.reading import END, offsets

PLACES = [("moves.v1", 0), ("moves.v1", 1)]


class Answering:
    """An admin client that answers with these offsets, in order."""

    def __init__(self, *answers: int) -> None:
        self._answers = answers

    def list_offsets(self, asked: dict[Any, Any], **_: Any) -> dict[Any, Future[Any]]:
        """As `AdminClient`."""
        found: dict[Any, Future[Any]] = {place: Future() for place in asked}
        for future, offset in zip(found.values(), self._answers, strict=True):
            future.set_result(SimpleNamespace(offset=offset))
        return found


def test_each_partition_has_its_offset() -> None:
    """An empty one ends at 0, and before a moment that nothing follows there is -1."""
    assert offsets(Answering(7, 0), PLACES, END, 1.0) == dict(zip(PLACES, (7, 0), strict=True))  # type: ignore[arg-type]  # as one
    assert offsets(Answering(7, -1), PLACES, END, 1.0)["moves.v1", 1] == -1  # type: ignore[arg-type]  # as one


def test_an_offset_that_is_none_is_no_answer() -> None:
    """What a leader that did not answer in time would have said is not known, and one unknown spoils the rest."""
    with pytest.raises(KafkaException, match="_TIMED_OUT"):
        offsets(Answering(7, OFFSET_INVALID), PLACES, END, 1.0)  # type: ignore[arg-type]  # as one
