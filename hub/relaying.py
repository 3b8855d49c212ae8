"""The relay as a process, of one lane, so that neither lane waits for the other; what it does is done elsewhere."""

from __future__ import annotations

import threading

from hub.catalog import Catalog
from hub.cluster import prepare
from hub.precedence import Precedence
from hub.principals import relay_name
from hub.relay import Relay
from hub.renewal import Renewal, admit, keep
from hub.settings import Settings
from hub.stream import Lane
from hub.supervise import announce, on_stop


def relay(catalog: Catalog, settings: Settings, bootstrap: str, lane: Lane) -> None:
    """
    Carry on *lane* until SIGTERM or Ctrl-C.

    Raises CatalogError where more would be disclosed than before, and no second person approved it.
    """
    admit(catalog, settings.path("live"))
    keep(catalog, settings.path("live"))
    stop = threading.Event()
    on_stop(stop.set)
    carrier = Relay(
        catalog, settings.keys(), bootstrap, lane=lane, shard=settings.shard, extra=settings.kafka(),
        precedence=Precedence.of(settings, lane),
    )  # fmt: skip
    renewal, live = Renewal(catalog), settings.path("live")

    def use(fresh: Catalog) -> None:
        prepare(fresh, settings, bootstrap, relay_name(lane))  # a grant that is new has a topic that is new
        carrier.take_up(fresh)
        keep(fresh, live)

    carrier.run(stop, ready=lambda: announce(settings, f"relay.{lane}"), renew=lambda: renewal.due(use))
