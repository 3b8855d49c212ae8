"""Heeding: what is said of children, followed beside the couriers; what comes of it is decided in `hub.leave`."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from hub import readiness
from hub.leave import Meanwhile
from hub.log import note
from hub.transports.kafka import Follower

EVERY_SECONDS = 1.0
"""How soon, at the latest, what Kafka has is asked for."""
PATIENCE = 5.0
"""Seconds for one look; a longer topic is read on at the next."""


async def heed(meanwhile: Meanwhile, follower: Follower, stop: asyncio.Event) -> None:
    """
    Keep *meanwhile* up to date by *follower* until *stop*.

    While Kafka does not say how far it goes, what is known holds for a while and then nothing leaves: nothing is lost.
    """

    def look(began: float) -> None:
        follower.catch_up(PATIENCE)
        meanwhile.known(began)

    while not stop.is_set():
        began = time.monotonic()
        try:
            await asyncio.to_thread(look, began)
        except Exception as error:  # noqa: BLE001  whatever it is, couriers wait rather than go by what is old
            note("courier", "waiting for what is known of children", level=logging.WARNING,
                 kind=type(error).__name__)  # fmt: skip
        if meanwhile.current():
            readiness.OWN.has("standing")
        else:
            readiness.OWN.lacks("standing", "Kafka does not say how far what is known of children goes")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
    follower.close()
