"""Ground: what every page stands on: who looks, who calls, and who does what is asked; each made elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from aiohttp import web

from hub.access.caller import Caller, Role
from hub.catalog import Catalog
from hub.inquiry import Answer
from hub.ops.picture import Picture, Point
from hub.quarantine.item import Item
from hub.quarantine.sheet import Sheet
from hub.quarantine.ward import Entry, Wanted
from hub.quarantine.work import Done
from hub.reasons import Reason

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Looking(Protocol):
    """Who looks at the hub (`hub.ops.observing`); both answer at once."""

    def picture(self) -> Picture:
        """The newest picture."""

    def history(self, agency: str, stream: str) -> Sequence[Point]:
        """How much of *stream* was undelivered to *agency*, and how old it was, the oldest first."""


class Quarantine(Protocol):
    """Who works on quarantine (`hub.ops.web.works`): the functions of the command line; each call may take seconds."""

    def entries(self, wanted: Wanted) -> list[Entry]:
        """The items that are wanted; raises NotDone where one that is named is not there."""

    def mend(self, item: Item) -> str:
        """What its sender was told to mend."""

    def keeps_until(self, item: Item) -> datetime:
        """When its topic's retention takes it."""

    def show(self, name: str, why: Reason) -> tuple[Sheet, bytes]:
        """What was sent, once it is on record who looks and why."""

    def preview(self, wanted: Wanted, *, even_so: bool = False, corrected: bytes | None = None) -> list[Done]:
        """What would become of each."""

    def replay(
        self, wanted: Wanted, why: Reason, *, even_so: bool = False, corrected: bytes | None = None, second: str = ""
    ) -> list[Done]:
        """Take them in again."""

    def discard(self, wanted: Wanted, why: Reason) -> list[Entry]:
        """Nothing is to come of them."""


class Inquiries(Protocol):
    """Who answers who was told (`hub.inquiry`)."""

    def ask(self, name: str, why: Reason) -> Answer:
        """Every decision about a pseudonymous subject, once it is on record who asks and why."""


class Door(Protocol):
    """Who calls, and whether they may (`hub.access.door` is one); it stands before every page."""

    def guarded(self, handler: Handler, *roles: Role) -> Handler:
        """*handler*, for callers in one of *roles* alone, and forms of our own pages alone."""

    def open_to_all(self, handler: Handler) -> Handler:
        """*handler*, for anybody."""

    async def who(self, request: web.Request) -> Caller:
        """Who calls."""

    def csrf(self, request: web.Request) -> str:
        """What a form must carry in its field `csrf`; empty where it need not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """
    What pages are made of; *clock* is the one that ages are told by.

    Without *quarantine* or *inquiries* (no Kafka, no secret) their pages say so, and the rest is there.
    """

    catalog: Catalog
    looking: Looking
    door: Door
    quarantine: Quarantine | None = None
    inquiries: Inquiries | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


GROUND: Final = web.AppKey("ground", Ground)


def ground(request: web.Request) -> Ground:
    """What the page that is asked for stands on."""
    return request.config_dict[GROUND]
