"""
The wall: after an adoption order nothing comes in that names the child as they were; what was ordered is in `hub.view`.

Who the child is now could stand beside it (Adoption and Children Act 2002 s.77 and s.79).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hub import scan
from hub.inbound import Line, Outcome, Refusal, Understood
from hub.seals import identifiers
from hub.standing import Standing
from hub.stream import Event, Stream, pick
from hub.view import Identifier

CLOSED = "identity.closed"
_MEND = "name the child by the identifiers that they have now, and by no other"


def let_in(line: Line, outcome: Outcome, closed: Collection[Identifier]) -> Outcome:
    """
    *outcome* itself; or a refusal of which nothing is kept, where it names a child by identifiers that are *closed*.

    What was refused for another reason is not kept either where it holds one of them, since nobody knows what stands
    beside it; nor what was refused on a line that says nothing but how children stand, which is the one place where
    somebody may write both who a child was and who they are. That identifiers are closed may be said again, as long
    as no other stands beside them.
    """
    if isinstance(outcome, Refusal):
        only_standing = bool(line.streams) and all(issubclass(stream.event, Standing) for stream in line.streams)
        if (only_standing and b"adopted" in outcome.raw) or holds(outcome.raw, closed):
            return shut(outcome.position, readable=outcome.readable)
        return outcome
    if isinstance(outcome, Understood) and names(outcome.event, outcome.stream, closed):
        return shut(outcome.position, readable=True)
    return outcome


def names(values: Mapping[str, Any] | Event, stream: Stream, closed: Collection[Identifier]) -> bool:
    """Whether an event names a child by identifiers that are *closed*, other than to say again that they are."""
    if not closed:
        return False
    named = identifiers(values, stream)
    if not any(one in closed for one in named):
        return False
    again = issubclass(stream.event, Standing) and pick(values, "adopted") is not None
    return not (again and all(one in closed for one in named))


def shut(position: int, *, readable: bool) -> Refusal:
    """The refusal of what names a closed identity: nothing of it is kept."""
    return Refusal(position, CLOSED, "", _MEND, b"", readable)


def holds(raw: bytes, closed: Collection[Identifier]) -> bool:
    """Whether one of *closed* stands in *raw*, which nobody could read: as a word, or a number in groups of digits."""
    if not closed or not raw:
        return False
    wanted = {upper: scan.parts(upper) for upper in {value.upper() for _, value in closed}}
    needed = {part for several in wanted.values() for part in several}
    found = needed.intersection(scan.joined(raw))
    return any(found.issuperset(several) and scan.stands(raw, upper) for upper, several in wanted.items())
