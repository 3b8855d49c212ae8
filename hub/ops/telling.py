"""Telling: all that the process of ops tells of itself, of the picture, and of watches' memories; it shows no page."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hub import comparing, health, metrics
from hub.catalog import Catalog
from hub.ops.exposition import Exposition
from hub.ops.picture import Picture
from hub.settings import Settings


class Telling:
    """`/metrics`, `/livez` and `/readyz` of ops, and watches' memories compared with their topics, until `close`."""

    def __init__(self, catalog: Catalog, settings: Settings, bootstrap: str, picture: Callable[[], Picture]) -> None:
        """Begin; *picture* gives the newest at once. Raises TransportError where the port is taken."""
        self._health = health.serve(settings, "ops", catalog)
        self._told = Exposition(picture)
        metrics.REGISTRY.register(self._told)
        self._stop = threading.Event()
        given = (catalog, settings, bootstrap, self._stop)
        threading.Thread(target=comparing.serve, args=given, name="comparing", daemon=True).start()
        self.port = self._health.port

    def close(self) -> None:
        """Say nothing any more."""
        self._stop.set()
        metrics.REGISTRY.unregister(self._told)
        self._health.close()
