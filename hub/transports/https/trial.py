"""HTTPS trial: whether an address lets its caller in, found out by asking for its head; nothing is handed over."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import aiohttp
from yarl import URL

from hub.transports import Reached
from hub.transports.knocking import Unreached, knock


async def tried(
    url: URL, token: str | None, context: ssl.SSLContext | bool, seconds: float, *, whole: bool
) -> Sequence[Reached]:
    """
    Connection, certificate, then whether the token is known, and the path where it is *whole*.

    Raises `Unreached` at the step that fails: 401 and 403 are the token's, 404 and 410 the path's, 5xx the server's.
    """
    trusted = context if isinstance(context, ssl.SSLContext) else ssl.create_default_context()
    reached = await knock(url.host or "", url.port or 443, trusted, seconds)
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted), timeout=timeout) as session,
            session.head(url, headers=headers, allow_redirects=False) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, OSError) as error:
        found = f"it takes the connection, and answers no request within {seconds:g} s ({type(error).__name__})"
        raise Unreached("credentials", "https.silent", found, "ask what stands behind the address", reached) from None
    return [*reached, *judged(status, reached, whole=whole, token=token is not None)]


def judged(status: int, reached: Sequence[Reached], *, whole: bool, token: bool) -> list[Reached]:
    """What a status says of token and path; *whole* whether the path must be there."""
    sent = "with the token" if token else "without a token: none is set"
    if status in (401, 403, 407):
        found = f"it answers {status} {sent}"
        mend = (
            "put the token that the partner gave in the file that HUB_<AGENCY>_<STREAM>_TOKEN_FILE names"
            if status == 401
            else "the token is known but may not do this: have the partner allow it, or this machine's address"
        )
        raise Unreached("credentials", f"https.{status}", found, mend, reached)
    if status in (404, 410) and whole:
        mend = "mend the path in HUB_<AGENCY>_<STREAM>_URL"
        raise Unreached("path", f"https.{status}", f"it answers {status}: there is no such path", mend, reached)
    if status >= 500 and status not in (501, 505):
        mend = "its server is in trouble or being mended: ask its engineers, and try again"
        raise Unreached("path", f"https.{status}", f"it answers {status}", mend, reached)
    if 300 <= status < 400:
        mend = "write the address where it really is: no message is sent on to another place"
        raise Unreached("path", f"https.{status}", f"it answers {status}: it is elsewhere", mend, reached)
    return [Reached("credentials", f"it answers {status} {sent}: neither the caller nor the path is refused")]
