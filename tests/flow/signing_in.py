"""Somebody who signs in to `hub ops`: an identity provider in a thread of its own, and a browser without a window."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from hub.transports.tls import client_context, make_local_ca
from tests.hub.provider import Provider


@contextmanager
def providing(folder: Path) -> Iterator[Provider]:
    """A provider that listens for as long as the block lasts, by the certificate of the authority in *folder*."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="provider")
    thread.start()

    def do(work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(20)

    provider = Provider()
    serving = provider.serving(make_local_ca(folder))
    try:
        do(serving.__aenter__())
        try:
            yield provider
        finally:
            do(serving.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


class Browser:
    """It keeps cookies, and goes wherever it is led: *at* is where it came to; a provider is known by its *ca*."""

    def __init__(self, ca: Path | None = None) -> None:
        self.cookies = CookieJar()
        self.at = ""
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(self.cookies),
            *([] if ca is None else [urllib.request.HTTPSHandler(context=client_context(ca))]),
        )

    def go(self, url: str) -> bytes:
        """The page to which that leads in the end."""
        request = urllib.request.Request(url, headers={"Accept": "text/html"})  # noqa: S310  loopback
        with self._opener.open(request, timeout=30) as answer:
            self.at = answer.url
            return bytes(answer.read())

    def cookie(self, name: str) -> str:
        """What is kept under a name."""
        return next(str(one.value) for one in self.cookies if one.name == name)
