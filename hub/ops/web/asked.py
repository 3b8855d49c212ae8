"""What was asked: the answers in a form, its errors in words, and work that waits for Kafka; no page is made here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from hub.access.caller import Caller
from hub.markup import Markup, tag
from hub.ops.web import parts, words
from hub.reasons import NotAnswered, Reason, reason

Found = TypeVar("Found")
REASON_HINT = (
    "A sentence, without anybody's name or number. It is on record, with your name, before anything is done, and is "
    "kept for seven years."
)


async def answers(request: web.Request) -> dict[str, str]:
    """The texts in a form, the last of each name."""
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


async def chosen(request: web.Request, name: str) -> tuple[str, ...]:
    """Every box of a *name* that was ticked."""
    return tuple(dict.fromkeys(one for one in (await request.post()).getall(name, ()) if isinstance(one, str)))


async def uploaded(request: web.Request, name: str) -> bytes | None:
    """The file that was given under *name*; None where none was."""
    given = (await request.post()).get(name)
    if isinstance(given, web.FileField) and given.filename:
        return await asyncio.to_thread(given.file.read)
    return None


def why(caller: Caller, because: str) -> Reason:
    """Who asks and why; the name is the one that was checked, never one that was typed. Raises NotAnswered."""
    return reason(caller.name, because, did="asks", rests="it is for", verified=True)


def because(place: str, value: str = "", fault: NotAnswered | None = None) -> Markup:
    """The field for the reason."""
    wrong = "" if fault is None else fault.say
    return parts.text("because", "Why", REASON_HINT, place, value=value, fault=wrong, long=True, letters=2_000)


def summary(place: str, say: str) -> Markup:
    """At the head of a page: what is wrong with what was sent, with the way to it."""
    heading = tag("h2", parts.shape("trouble"), " Nothing was done yet")
    return tag(
        "div",
        heading,
        tag("p", tag("a", words.sentence(say), href=f"#{place}")),
        class_="panel trouble",
        role="alert",
    )


async def waited(call: Callable[[], Found]) -> Found:
    """What *call* gives, which waits for Kafka; others are answered meanwhile."""
    return await asyncio.to_thread(call)
