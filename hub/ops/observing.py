"""The observer: looks at cluster, ledger and processes every few seconds, changes none of them, and keeps the picture."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from hub.catalog import Catalog
from hub.ops.picture import Picture, Point
from hub.settings import Settings

LOOK_SECONDS = 2.0


class Observer:
    """
    Makes the `Picture`: one look after the other in a thread of its own, or one at a time.

    What could not be looked at stands in the picture's faults; `picture` never waits for a look.
    """

    def __init__(self, catalog: Catalog, settings: Settings, bootstrap: str) -> None:
        self._catalog = catalog
        self._settings = settings
        self._bootstrap = bootstrap
        self._picture = Picture(at=datetime.now(UTC), faults={"kafka": "not looked at yet"})

    def picture(self) -> Picture:
        """The newest picture; before the first look one whose faults say so."""
        return self._picture

    def history(self, agency: str, stream: str) -> Sequence[Point]:
        """How much of *stream* was undelivered to *agency*, and how old it was, the oldest first; a day at the least."""
        return ()

    def look(self) -> Picture:
        """Look once, now; takes as long as Kafka takes to answer, some seconds at the most."""
        return self._picture

    def run(self, stop: threading.Event) -> None:
        """Look again and again until *stop*; meant for a thread of its own."""
        while not stop.is_set():
            self.look()
            stop.wait(LOOK_SECONDS)

    def close(self) -> None:
        """Let go of every connection."""
