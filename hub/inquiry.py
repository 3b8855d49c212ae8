"""Inquiries: who was told about one pseudonymous subject; nothing is found before it is on record who asks and why."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from hub import disclosure
from hub.disclosure import Receipt
from hub.errors import HubError
from hub.evidence import Ledger
from hub.handled import handled
from hub.reasons import Reason
from hub.receipts import Wanted
from hub.reviews import Review

NAME: Final = re.compile(r"[0-9a-f]{32}")
"""Pseudonyms, event ids and message ids are all written so (`hub.keys.digest`)."""


class NotAsked(HubError):
    """What was asked for is no name that anything here has; nothing was looked for."""


class Answer(NamedTuple):
    """
    What was found under *name*: how many *events* lie under it as a subject, and the *receipts*, the newest first.

    *reviews* are of those that were shared without consent. *unread* is how many pages of receipts could not be read.
    """

    name: str
    events: int
    receipts: tuple[Receipt, ...]
    reviews: dict[tuple[str, str], Review]
    unread: int


def named(text: str) -> str:
    """*text* as a pseudonym, an event's id or a message's; raises NotAsked where it can be none."""
    name = "".join(text.split()).lower()
    if NAME.fullmatch(name) is None:
        raise NotAsked("a pseudonym or an id has 32 characters, 0 to 9 and a to f; an NHS number or a name is none")
    return name


class Inquiries:
    """Answers over one cluster's *ledger*."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def ask(self, name: str, why: Reason) -> Answer:
        """
        Every decision about the events of the subject *name*, or about the event or message of that id.

        That it was looked for, by whom and why is committed to `handled.v1` first; where that fails, nothing is told. A
        subject is found as long as its events lie on their topics; a receipt outlives them, and is found by its event's
        id. Raises NotAsked, and TransportError where Kafka does not answer.
        """
        name = named(name)
        self._ledger.publish([handled(name, disclosure.TOPIC, "searched", why, datetime.now(UTC), "0/0")])
        events = self._ledger.about(name)
        # A decision lies behind its event, but another broker stamps it, whose clock may differ.
        since = min(events.values()) - timedelta(hours=1) if events else None
        before = self._ledger.unread
        found = [
            one
            for one in self._ledger.receipts(Wanted(), lying_since=since)
            if one.event in events or name in (one.event, one.message)
        ]
        found.sort(key=lambda one: (one.at, one.event, one.agency), reverse=True)
        reviews = self._ledger.reviews() if any(one.outcome.relied == "override" for one in found) else {}
        return Answer(name, len(events), tuple(dict.fromkeys(found)), reviews, self._ledger.unread - before)
