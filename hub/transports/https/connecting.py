"""Connections to one partner are opened one after another; what travels on them is not looked at here."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import aiohttp


def one_by_one() -> aiohttp.TraceConfig:
    """
    What has a session open its connections one at a time.

    A partner that breaks every connection has us shake hands anew for all that is under way to it: eight handshakes
    begun in the same moment keep the loop from every other partner for as long as all of them take, one after another
    are felt by nobody. A connection that is open already is used without waiting.
    """
    gate = asyncio.Semaphore(1)

    async def begin(_: aiohttp.ClientSession, request: SimpleNamespace, __: object) -> None:
        await gate.acquire()
        request.opens = True

    async def end(_: aiohttp.ClientSession, request: SimpleNamespace, __: object) -> None:
        if getattr(request, "opens", False):
            request.opens = False
            gate.release()

    traced = aiohttp.TraceConfig()
    traced.on_connection_create_start.append(begin)
    traced.on_connection_create_end.append(end)
    traced.on_request_exception.append(end)
    return traced
