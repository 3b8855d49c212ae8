"""The picture for programs: the same values as JSON; nothing is added to them here."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web

from hub.ops.picture import Picture
from hub.ops.web.frame import HEADERS
from hub.ops.web.ground import ground


async def picture(request: web.Request) -> web.StreamResponse:
    """`/api/picture.json`."""
    text = json.dumps(as_json(ground(request).looking.picture()), ensure_ascii=False)
    return web.Response(text=text, content_type="application/json", headers=HEADERS)


def as_json(picture: Picture) -> Any:
    """*picture* as what JSON can hold; moments as RFC 3339 in UTC."""
    return _plain(asdict(picture))


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value
