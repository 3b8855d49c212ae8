"""Heeding: what is said of children, followed beside the couriers all day; what it seals is decided in `hub.leave`."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from hub import readiness
from hub.leave import Seals
from hub.log import note
from hub.transports.kafka import Follower

EVERY_SECONDS = 1.0
"""How soon, at the latest, a seal that Kafka has is asked for."""
PATIENCE = 5.0
"""Seconds for one look; a longer topic is read on at the next."""


async def heed(seals: Seals, follower: Follower, stop: asyncio.Event) -> None:
    """
    Keep *seals* up to date by *follower* until *stop*.

    While Kafka does not say how far it goes, what is known holds for a while and then nothing leaves: nothing is lost.
    """
    while not stop.is_set():
        began = time.monotonic()
        try:
            await asyncio.to_thread(follower.catch_up, PATIENCE)
        except Exception as error:  # noqa: BLE001  whatever it is, couriers wait rather than go by what is old
            note("courier", "waiting for what is known of children", level=logging.WARNING,
                 kind=type(error).__name__)  # fmt: skip
        else:
            seals.known(began)
        if seals.current():
            readiness.OWN.has("standing")
        else:
            readiness.OWN.lacks("standing", "Kafka does not say how far what is known of children goes")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
    follower.close()
