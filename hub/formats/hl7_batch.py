"""HL7 v2 files: where each message begins and ends, and whether a batch is whole; no message is looked into."""

from __future__ import annotations

import re
from itertools import islice

from hub.errors import Unreadable

MOST_MESSAGES = 5_000  # in one file or frame: each that is refused is sealed by itself

_HEADS = re.compile(rb"(?:\A|[\r\n])\x0b?(?=(MSH|FHS|BHS|BTS|FTS)(?:[^A-Za-z0-9]|\Z))")


def split(data: bytes) -> list[tuple[bytes, bytes]]:
    """
    The messages and envelope segments of *data*, each with the name of its first segment.

    They begin where MSH, FHS, BHS, BTS or FTS begins a line. Raises `Unreadable` where anything stands before, and
    where there are too many.
    """
    heads = list(islice(_HEADS.finditer(data), MOST_MESSAGES + 1))
    if len(heads) > MOST_MESSAGES:
        raise Unreadable("hl7.too-many-messages", "", f"send at most {MOST_MESSAGES} messages in one file or frame")
    if not heads or data[: heads[0].start()].strip(b"\r\n\x0b"):
        raise Unreadable("hl7.header", "", "begin with MSH, or with FHS or BHS for a batch")
    ends = [*(head.start() for head in heads[1:]), len(data)]
    return [(head[1], data[head.start(1) : end].strip(b"\r\n\x0b\x1c")) for head, end in zip(heads, ends, strict=True)]


def check(parts: list[tuple[bytes, bytes]]) -> None:
    """
    Raise `Unreadable` unless a batch is whole (HL7 2.4 chapter 2, batch protocol).

    That is its order `[FHS] {[BHS] messages [BTS]} [FTS]`, and the counts in BTS-1 and FTS-1 where they are given.
    """
    kinds = [kind for kind, _ in parts]
    if (b"FHS" in kinds) != (b"FTS" in kinds) or kinds.count(b"BHS") != kinds.count(b"BTS"):
        raise Unreadable("hl7.truncated", "", "the batch has no end, or no beginning; send it again whole")
    inside, messages, batches = False, 0, 0
    for number, (kind, line) in enumerate(parts):
        first, last = number == 0, number == len(parts) - 1
        misplaced = (
            (kind == b"FHS" and not first)
            or (kind == b"FTS" and not last)
            or (kind == b"BHS" and inside)
            or (kind == b"BTS" and not inside)
        )
        if misplaced or (kind != b"MSH" and re.search(rb"[\r\n]", line)):
            raise Unreadable("hl7.envelope", kind.decode(), "the segments of the batch are out of order")
        if kind == b"MSH":
            messages += 1
        elif kind == b"BHS":
            inside, messages, batches = True, 0, batches + 1
        elif kind == b"BTS":
            inside = False
            _check_count(line, "BTS-1", (messages,))
        elif kind == b"FTS":
            _check_count(line, "FTS-1", (batches,) if batches else (1, messages))


def _check_count(line: bytes, place: str, expected: tuple[int, ...]) -> None:
    said = line[4:].split(line[3:4])[0].strip() if len(line) > 4 else b""
    if said and not (said.isdigit() and len(said) < 10 and int(said) in expected):
        raise Unreadable("hl7.count", place, "the batch holds another number of messages than it says")
