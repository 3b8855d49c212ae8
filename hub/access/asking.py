"""Asking: one request to a provider, by TLS, of bounded time and size, that follows nobody elsewhere."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

import aiohttp

LARGEST: Final = 256 * 1024  # bytes of an answer
SECONDS: Final = 5.0
Unanswered = (aiohttp.ClientError, OSError, ValueError)
"""What `asked` raises: no connection, no time, an address that is none, too much of an answer."""


def is_https(url: str) -> bool:
    """Whether it is an https:// address that names its host, without a password."""
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.password is None


async def asked(
    method: Literal["GET", "POST"],
    url: str,
    ca: ssl.SSLContext | None,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> tuple[int, bytes]:
    """Status and body of the answer; *ca* is by what its certificate is checked, None for the system's own."""
    if not is_https(url):
        raise ValueError("no https:// address")
    connector = aiohttp.TCPConnector(ssl=ca if ca is not None else True)
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(method, url, data=form, headers=headers, allow_redirects=False) as response,
    ):
        body = bytearray()
        async for part in response.content.iter_chunked(65536):
            body += part
            if len(body) > LARGEST:
                raise ValueError("too large")
        return response.status, bytes(body)
