"""Items: how what was refused or set aside lies in quarantine, sealed; what is done with it is decided elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag

from hub.envelope import Headers, Record, stamp
from hub.errors import MessageError, Unreadable
from hub.inbound import Refusal
from hub.keys import Keys
from hub.topology import RELAY, WATCHES, quarantine_of

PLAIN = re.compile(r"[^A-Za-z0-9_.,:/\[\]() \-]")
PAPERS = "hub_papers"
LARGEST = 3_900_000
"""Bytes of an item with its papers, short of the topic's max.message.bytes: what is larger is told of and not kept."""
_ITEM = -2  # positions of events start at 0, and the inbox has -1: so this is no event's id, and no answer's name


class Sent(NamedTuple):
    """
    What a message came in: its *name* for the gateway's inbox, and the SHA-256 of its *content*.

    *alone*, nothing else came in it, so that whoever sends the very same again sends this message again.
    """

    name: str
    content: str
    alone: bool


class Papers(NamedTuple):
    """
    What it takes to take an item in again, sealed beside it.

    Of what an agency said: the *origin* of its events' ids (`hub.inbound.Refusal`), what it was *sent* in, and what
    its sender was told to *mend*. Of a record of a stream: its *headers*. *too_large* is how many bytes it had, where
    those were too many to be kept.
    """

    origin: str = ""
    sent: Sent | None = None
    mend: str = ""
    headers: Headers = ()
    too_large: int = 0


class Item(NamedTuple):
    """
    One item where it lies, closed: nothing here says what was said.

    *topic*, *partition* and *offset* are of quarantine, *since* is the moment at which Kafka took it in; *time* is when
    the hub met the message (RFC 3339 in UTC), *code* and *place* what is wrong and where. *agency* and *line* are empty
    for a record of a stream, whose own place is then *place*; *watch* is the one that set it aside, if a watch did.
    """

    id: str
    topic: str
    partition: int
    offset: int
    since: datetime
    key: bytes | None
    agency: str
    line: str
    watch: str
    code: str
    place: str
    time: str
    box: bytes
    papers: bytes | None

    @property
    def seen(self) -> str:
        """Where it lies within its topic."""
        return f"{self.partition}/{self.offset}"

    @property
    def by(self) -> str:
        """Who met it: agency and line, the relay, or a watch."""
        return f"{self.agency}/{self.line}" if self.agency else f"watch {self.watch}" if self.watch else "relay"

    @property
    def bound_to(self) -> str:
        """What its bytes are bound to: its own id, or the place of the record."""
        return self.id if self.agency else self.place


def refused(keys: Keys, agency: str, line: str, refusal: Refusal, sent: Sent, now: datetime) -> Record:
    """
    What was refused, sealed; its headers say why and where, and nothing of what it said.

    Its key is its id: the same for the same message refused again, and no other message's, though that has the same
    bytes: a row of Monday's file is not the same row of Tuesday's. What is too large for Kafka is not kept, only that
    it was there: its sender has it, and must be able to be answered.
    """
    raw, content = refusal.raw, hashlib.sha256(refusal.raw).hexdigest()
    name = keys.event_id(agency, line, f"{refusal.origin or sent.content}\x00{content}", _ITEM)
    papers: dict[str, Any] = {"origin": refusal.origin, "sent": sent._asdict(), "mend": refusal.mend}
    if len(raw) + 2 * len(refusal.origin.encode("utf-8", "surrogatepass")) > LARGEST:  # the origin may be the name too
        raw, papers = b"", {"mend": refusal.mend, "too_large": len(raw)}
    headers = (
        ("hub_line", line.encode()),
        ("hub_code", plain(refusal.code).encode()),
        ("hub_place", plain(refusal.place).encode()),
        ("hub_time", stamp(now).encode()),
        (PAPERS, _seal(keys, papers, name)),
    )
    return Record(quarantine_of(agency), name.encode(), keys.seal("quarantine", raw, bound_to=name), headers)


def set_aside(keys: Keys, record: Record, code: str, place: str, now: datetime, watch: str = "") -> Record:
    """
    A *record* of a stream, at *place*, that the relay or a *watch* could not work on, sealed with its headers.

    One that sealed is too large for Kafka is told of and not kept: its topic has it, at its place.
    """
    value, papers = record.value or b"", dict[str, Any]()
    papers["headers"] = [[name, base64.b64encode(said or b"").decode()] for name, said in record.headers]
    if len(value) + 2 * sum(len(said or b"") for _, said in record.headers) > LARGEST:
        value, papers = b"", {"too_large": len(value)}
    headers = (
        ("hub_code", code.encode()),
        ("hub_place", place.encode()),
        ("hub_time", stamp(now).encode()),
        *((("hub_watch", watch.encode()),) if watch else ()),
        (PAPERS, _seal(keys, papers, place)),
    )
    sealed = keys.seal("quarantine", value, bound_to=place)
    return Record(WATCHES if watch else RELAY, record.key, sealed, headers)


def plain(text: str) -> str:
    """*text* cut to what a code or a place can be, so that an odd name in a message does not travel in a header."""
    return PLAIN.sub("?", text)[:80]


def item_of(
    keys: Keys, agencies: Mapping[str, str], record: Record, partition: int, offset: int, since: datetime
) -> Item:
    """
    A record of a topic of quarantine, closed; *agencies* are the keys of those that have one, by topic.

    Raises Unreadable where it is none.
    """
    said = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers if name != PAPERS}
    ours = record.topic in (RELAY, WATCHES)
    try:
        agency = "" if ours else agencies[record.topic]
        code, place, time, watch = said["hub_code"], said["hub_place"], said["hub_time"], said.get("hub_watch", "")
        name = keys.event_id(record.topic, watch, place, _ITEM) if ours else (record.key or b"").decode("ascii")
        line = "" if ours else said["hub_line"]
    except (KeyError, UnicodeDecodeError):
        raise Unreadable("quarantine.headers", f"{record.topic}/{partition}/{offset}", "no item of the hub's") from None
    return Item(
        name, record.topic, partition, offset, since, record.key, agency, line, watch, code, place, time,
        record.value or b"", dict(record.headers).get(PAPERS),
    )  # fmt: skip


def opened(keys: Keys, item: Item) -> bytes:
    """What was sent, to the byte; raises Unreadable where the hub's secret is not the one that it was sealed with."""
    try:
        return keys.unseal("quarantine", item.box, item.bound_to)
    except (InvalidTag, ValueError):
        raise _sealed(item) from None


def papers_of(keys: Keys, item: Item) -> Papers | None:
    """Its papers; None where it was kept before items had any. Raises Unreadable as `opened`."""
    if item.papers is None:
        return None
    try:
        said: dict[str, Any] = json.loads(
            keys.unseal("quarantine.papers", item.papers, item.bound_to).decode("utf-8", "surrogatepass")
        )
        headers = tuple((str(name), base64.b64decode(value)) for name, value in said.get("headers", ()))
        sent = Sent(**said["sent"]) if "sent" in said else None
        return Papers(said.get("origin", ""), sent, said.get("mend", ""), headers, said.get("too_large", 0))
    except (InvalidTag, ValueError, KeyError, TypeError):
        raise _sealed(item) from None


def _seal(keys: Keys, papers: dict[str, Any], bound_to: str) -> bytes:
    written = json.dumps(papers, ensure_ascii=False).encode("utf-8", "surrogatepass")  # a sender's id may be any text
    return keys.seal("quarantine.papers", written, bound_to)


def _sealed(item: Item) -> MessageError:
    return Unreadable("quarantine.sealed", item.id, "it was sealed with another secret: see HUB_SECRET_FILE")
