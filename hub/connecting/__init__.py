"""
Connecting: a door tried from the name of its host to the acknowledgement of a message about nobody, step by step.

Doors at which agencies hear are the partners' own: they are gone to. Doors at which they speak are ours: what the
gateway listens on is told, and whether it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import signature
from typing import Any

from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.connecting import synthetic
from hub.connecting.words import in_words
from hub.errors import HubError, TransportError
from hub.transports import Sink
from hub.transports.knocking import Unreached

Offer = Callable[["Way"], bool]
"""Whether a synthetic message is to be sent by a way; asked once everything before it went well."""


@dataclass(frozen=True, slots=True)
class Way:
    """Which door is tried: what *agency* says or hears, as *name*, in which format by which road."""

    agency: str
    verb: str
    name: str
    format: str
    by: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step: whether it went well (None: not tried), what was *found*, and the *code* and *mend* where not."""

    name: str
    ok: bool | None
    found: str
    code: str = ""
    mend: str = ""


def not_done(error: HubError, step: str) -> Step:
    """The step that failed with *error*, in words."""
    if isinstance(error, Unreached):
        return Step(error.step, False, error.found, error.code, error.mend)
    if isinstance(error, TransportError):
        code, found, mend = in_words(error)
        return Step(step, False, found, code, mend)
    return Step(step, False, str(error), "settings", "see deploy/settings.md")


async def reached(sink: Sink, address: str = "") -> list[Step]:
    """Each step to a partner's door; a road that cannot be tried says so."""
    reach: Any = getattr(sink, "reach", None)
    if reach is None:
        return [Step("connection", None, "this road has no way to try it without a message")]
    try:
        said = await (reach(address) if address and "address" in signature(reach).parameters else reach())
    except HubError as error:
        before = [Step(one.step, True, one.found) for one in getattr(error, "reached", ())]
        return [*before, not_done(error, "connection")]
    return [Step(one.step, True, one.found) for one in said]


async def tried(
    catalog: Catalog, agency: Agency, stream: str, door: Door, sink: Sink, offer: Offer, *, address: str = ""
) -> list[Step]:
    """All that can be known of one door at which an agency hears; the message is sent only where *offer* says so."""
    way = Way(agency.key, "hears", stream, door.format, door.by)
    try:
        steps = await reached(sink, address)
        if any(step.ok is False for step in steps):
            return [*steps, Step("message", None, "not sent: mend the step before first")]
        if not offer(way):
            return [*steps, Step("message", None, "not sent: --message sends one about an invented person, as a test")]
        return [*steps, *(await _sent(catalog, agency, stream, door, sink, address))]
    finally:
        await sink.close()


async def _sent(catalog: Catalog, agency: Agency, stream: str, door: Door, sink: Sink, address: str) -> list[Step]:
    try:
        made = synthetic.message(catalog, agency, stream, door, now=datetime.now(UTC), address=address)
    except HubError as error:
        return [Step("message", False, str(error), "no-example", "add the example, and run pytest tests/contract")]
    steps = [Step("message", True, f"{len(made.body):,} bytes about an invented person, {_sign(door.format)}")]
    try:
        said = await sink.deliver(made)
    except HubError as error:
        return [*steps, not_done(error, "acknowledgement")]
    what = f"it acknowledges our message id ({said})" if door.by == "mllp" else f"it is taken ({said})"
    return [*steps, Step("acknowledgement", True, what)]


def _sign(form: str) -> str:
    return {"fhir": "tagged HTEST", "hl7": "MSH-11 T", "json": "hubsynthetic true"}.get(
        form, "which has no sign for a test: have it taken away"
    )


def ways(agency: Agency, wanted: str, door_of: Callable[[Agency, str], Door]) -> Iterator[Way]:
    """Each line that *agency* says and each stream that it hears, or those called *wanted*."""
    for name, saying in agency.says.items():
        if wanted in ("", name):
            yield Way(agency.key, "says", name, saying.format, saying.by)
    for name in agency.hears:
        if wanted in ("", name):
            door = door_of(agency, name)
            yield Way(agency.key, "hears", name, door.format, door.by)
