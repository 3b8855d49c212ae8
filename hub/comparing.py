"""Comparing: what each watch remembers held against its topic, again and again, by a process that carries nothing."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import asdict

from hub.catalog import Catalog
from hub.errors import TransportError
from hub.log import note
from hub.metrics import families
from hub.settings import Settings
from hub.watches.reconcile import Reconciled, reconcile

FIRST_SECONDS = 60.0  # after the start, when watches may still be busy with what came meanwhile


def serve(catalog: Catalog, settings: Settings, bootstrap: str, stop: threading.Event) -> None:
    """Compare every HUB_RECONCILE_SECONDS until *stop*; 0 compares never."""
    if settings.reconcile_seconds == 0:
        return
    pause = min(FIRST_SECONDS, settings.reconcile_seconds)
    while not stop.wait(pause):
        for name in catalog.watches:
            compare(catalog, name, settings, bootstrap)
        pause = settings.reconcile_seconds


def compare(catalog: Catalog, watch: str, settings: Settings, bootstrap: str) -> Reconciled | None:
    """Compare one watch's memory with its topic, and count how the keys came out; None where Kafka does not answer."""
    try:
        found = reconcile(catalog, catalog.watches[watch], settings.keys(), bootstrap=bootstrap, kafka=settings.kafka())
    except TransportError as error:
        note("watches", "could not be compared with its topic", level=logging.WARNING, kind=type(error).__name__)
        return None
    for outcome, count in asdict(found).items():
        if outcome != "keys":
            families.RECONCILED.of(watch=watch, outcome=outcome).set(count)
    families.RECONCILED_AT.of(watch=watch).set(time.time())
    return found
