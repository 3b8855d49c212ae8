"""Order: which words and gates provably tell no more than which others; what is not written here is not proven."""

from __future__ import annotations

from collections.abc import Mapping

from hub.coarse import WORDS

FULL = "as it is"
COARSER: Mapping[str, frozenset[str]] = {
    FULL: frozenset(WORDS),
    "month": frozenset({"year", "present"}),
    **{word: frozenset({"present"}) for word in WORDS if word not in ("month", "present")},
}
"""
For each way in which a field is heard, the words that say no more, because they follow from it.

Every word follows from the value and the event's own day, which a recipient's papers tell. A year follows from a
month. That there is a value follows from anything said of it. No age band follows from a year or month, nor an initial
from initials (`-Ann` has the initials `A` and the initial `-`).
"""

STRICTER: Mapping[str, frozenset[str]] = {"statute": frozenset({"consent", "opt-out"})}
"""
For each gate, those that let through no event that it keeps back.

*statute* asks for the child's rights (UK GDPR articles 18 and 21) and no more; *consent* asks for these and for
consent, and *opt-out* for these, and keeps parts back. *contact-stage* and *significant-harm* are no stricter than
anything: a recorded decision to protect a child goes before the rights. *consent* is no stricter than *opt-out*, which
keeps parts back of a family that agreed.
"""
