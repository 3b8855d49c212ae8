"""Works: quarantine as the page works on it: the functions of the command line, one caller after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from hub.quarantine import work
from hub.quarantine.item import Item
from hub.quarantine.sheet import Sheet, sheet
from hub.quarantine.ward import Entry, Wanted, Ward
from hub.quarantine.work import Done
from hub.reasons import Reason
from hub.store.inbox import Inbox


class Works:
    """
    One quarantine, as `hub.ops.web.ground.Quarantine`; *inbox* is the gateway's.

    Each call reads Kafka as far as it goes then, so that what somebody else did meanwhile is seen, and answers when all
    is done. Where an error ends it before, what was done until then stays done: the list says which.
    """

    def __init__(self, ward: Ward, inbox: Callable[[], Inbox]) -> None:
        self._ward, self._inbox, self._one = ward, inbox, threading.Lock()

    def entries(self, wanted: Wanted) -> list[Entry]:
        """The items that are wanted, the oldest first."""
        with self._one:
            return self._ward.entries(wanted)

    def mend(self, item: Item) -> str:
        """What its sender was told to mend."""
        return self._ward.mend(item)

    def keeps_until(self, item: Item) -> datetime:
        """When its topic's retention takes it."""
        return self._ward.keeps_until(item)

    def show(self, name: str, why: Reason) -> tuple[Sheet, bytes]:
        """What was sent, once it is on record who looks and why."""
        with self._one:
            entry, raw = work.show(self._ward, name, why)
        return sheet(self._ward, entry, raw), raw

    def preview(self, wanted: Wanted, *, even_so: bool = False, corrected: bytes | None = None) -> list[Done]:
        """What would become of each."""
        with self._one:
            return list(work.preview(self._ward, wanted, self._inbox(), corrected=corrected, even_so=even_so))

    def replay(
        self, wanted: Wanted, why: Reason, *, even_so: bool = False, corrected: bytes | None = None, second: str = ""
    ) -> list[Done]:
        """Take them in again."""
        with self._one:
            found = work.replay(
                self._ward, wanted, why, self._inbox(), corrected=corrected, second=second, even_so=even_so
            )
            return list(found)

    def discard(self, wanted: Wanted, why: Reason) -> list[Entry]:
        """Nothing is to come of them."""
        with self._one:
            return list(work.discard(self._ward, wanted, why))
