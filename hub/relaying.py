"""The relay as a process: one lane in it, or each lane in a process of its own so that none waits for another."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from hub.catalog import Catalog
from hub.cluster import prepare
from hub.principals import relay_name
from hub.relay import Relay
from hub.renewal import Renewal, admit, keep
from hub.settings import Settings
from hub.supervise import Supervisor, announce, on_stop

LESS_PRESSING = 10  # as nice(1) counts: about a tenth of what another process gets where both want all they can have


def relay(catalog: Catalog, settings: Settings, bootstrap: str, lanes: Sequence[str]) -> None:
    """
    Carry on *lanes* until SIGTERM or Ctrl-C.

    Raises CatalogError where more would be disclosed than before, and no second person approved it.
    """
    admit(catalog, settings.path("live"))
    keep(catalog, settings.path("live"))
    if len(lanes) > 1:
        supervisor = Supervisor(settings, [("relay", "--lane", lane) for lane in lanes])
        on_stop(supervisor.stop)
        supervisor.start()
        supervisor.run()
        return
    (lane,) = lanes
    if lane == "routine":  # where processors are short, a backlog of registers waits for an alert
        os.nice(LESS_PRESSING)
    stop = threading.Event()
    on_stop(stop.set)
    carrier = Relay(catalog, settings.keys(), bootstrap, lane=lane, extra=settings.kafka())
    renewal, live = Renewal(catalog), settings.path("live")

    def use(fresh: Catalog) -> None:
        prepare(fresh, settings, bootstrap, relay_name(lane))  # a grant that is new has a topic that is new
        carrier.take_up(fresh)
        keep(fresh, live)

    carrier.run(stop, ready=lambda: announce(settings, f"relay.{lane}"), renew=lambda: renewal.due(use))
