"""Drift, as ops is told of it: what differs on the cluster, as troubles, looked for every few minutes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from hub.catalog import Catalog
from hub.drift import Difference
from hub.errors import HubError
from hub.log import note
from hub.ops.picture import Trouble
from hub.provision import Plan
from hub.settings import Settings
from hub.transports.kafka.security import secured

LOOK_SECONDS = 300.0


def troubles(found: Iterable[Difference]) -> tuple[Trouble, ...]:
    """What a person should look at, of the differences: one for each topic or principal that is not as it should be."""
    by_subject: dict[tuple[str, str], list[Difference]] = {}
    for one in found:
        of = "access" if one.subject in ("acl", "user", "security") else "drift"
        by_subject.setdefault((of, one.about), []).append(one)
    return tuple(
        Trouble(
            severity="trouble" if of == "access" or any(_grave(one) for one in some) else "warning",
            code=f"cluster.{of}",
            sentence=some[0].sentence + (f"; and {len(some) - 1} more" if len(some) > 1 else ""),
        )
        for (of, _), some in by_subject.items()
    )


def _grave(one: Difference) -> bool:
    """A topic that is missing, or of which less is kept or by fewer copies than is promised."""
    return one.change == "make" or one.what in ("retention.ms", "cleanup.policy", "min.insync.replicas")


class Drifting:
    """
    What differs, as of the last look; a look takes seconds, so that it is made beside those at lag.

    Where nobody asks who one is, ACLs and passwords are not looked at; where all are known by certificates, passwords.
    """

    def __init__(self, catalog: Catalog, settings: Settings, bootstrap: str) -> None:
        self._catalog, self._settings, self._bootstrap = catalog, settings, bootstrap
        self._found: tuple[Trouble, ...] = ()

    def troubles(self) -> tuple[Trouble, ...]:
        """What was found last."""
        return self._found

    def look(self) -> None:
        """Look now; where Kafka does not say, what was found before stands."""
        kafka = self._settings.kafka()
        certificates = kafka.get("security.protocol", "").lower() == "ssl"
        plan = Plan(self._catalog, self._settings, self._bootstrap, access=secured(kafka), certificates=certificates)
        self._found = troubles(plan.differences)

    def run(self, stop: threading.Event) -> None:
        """Look again and again until *stop*; meant for a thread of its own."""
        while not stop.is_set():
            try:
                self.look()
            except HubError as error:
                note("ops", "the cluster was not compared", level=logging.WARNING, kind=type(error).__name__)
            stop.wait(LOOK_SECONDS)
