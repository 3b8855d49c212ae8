"""Doorstep: partners' doors tried again and again without a message, so that one that is shut is known beforehand."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.connecting import Step, not_done, reached
from hub.courier import DoorFor, SinkFor, served
from hub.courier_counts import ANSWERED
from hub.errors import HubError
from hub.log import note
from hub.metrics import families

TRY_SECONDS = 60.0
FIRST_SECONDS = 15.0
_REFUSALS = (HubError, ValueError, OSError, TimeoutError)


async def trying(catalog: Catalog, sink_for: SinkFor, door_for: DoorFor, *, seconds: float, lane: str = "") -> None:
    """
    Try each door every *seconds*, one after the other, until cancelled; 0 tries none.

    The first time comes a little after the start: what waits to be delivered goes first.
    """
    await asyncio.sleep(min(FIRST_SECONDS, seconds))
    while seconds > 0:
        began = time.monotonic()
        try:
            for agency, stream, door in served(catalog, door_for, lane):
                await tried(agency, stream, door, sink_for, seconds)
        except Exception as error:  # noqa: BLE001  whatever one door does, the others are tried again
            note("doors", "not all were tried", level=logging.ERROR, kind=type(error).__name__)
        await asyncio.sleep(max(1.0, began + seconds - time.monotonic()))


async def tried(agency: Agency, stream: str, door: Door, sink_for: SinkFor, seconds: float) -> bool:
    """
    Whether one door opens, counted, and told where it does not.

    One at which something was taken or refused in the last *seconds* is open: some partners' listeners have room for
    one connection, and it is the courier's.
    """
    began, labels = time.monotonic(), {"agency": agency.key, "stream": stream, "road": door.by}
    answered = ANSWERED.get((agency.key, stream))
    fault = None
    if answered is None or began - answered > seconds:
        fault = await _fault(agency, stream, door, sink_for)
        families.DOOR_SECONDS.of(**labels).set(time.monotonic() - began)
    families.DOOR.of(**labels).set(float(fault is None))
    families.DOOR_TRIED.of(**labels).set(time.time())
    if fault is not None:
        note("doors", "not reached; see `hub connect`", level=logging.WARNING, agency=agency.key, stream=stream,
             place=fault.name, code=fault.code)  # fmt: skip
    return fault is None


async def _fault(agency: Agency, stream: str, door: Door, sink_for: SinkFor) -> Step | None:
    sink = None
    try:
        sink = sink_for(agency, stream, door)
        async with asyncio.timeout(TRY_SECONDS):
            steps = await reached(sink)
        return next((step for step in steps if step.ok is False), None)
    except _REFUSALS as error:
        return not_done(error, "connection") if isinstance(error, HubError) else Step("connection", False, "", "door")
    finally:
        if sink is not None:
            with suppress(*_REFUSALS):
                await sink.close()
