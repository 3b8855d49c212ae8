"""Inbound: bytes become events, or are set aside, or are refused with a reason; pure, and counted to the unit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from hub import formats
from hub.agency import Agency
from hub.errors import MessageError, NotForUs, NotUnderstood, Unreadable
from hub.keys import Keys
from hub.standing import Standing
from hub.stream import Event, Stream, pick

NOT_NEEDED: Final = "file.not-needed"
"""The code of a file that nobody here needs: nothing of it is kept, not even in quarantine (UK GDPR article 5(1))."""
USED_BEFORE: Final = "id.used-before"
"""Other content under an id that its sender had used: two messages would pass for one."""


class Query(NamedTuple):
    """The event stands, and a person should look at *place* because of *code*."""

    code: str
    place: str


@dataclass(frozen=True, slots=True)
class Understood:
    """An event came of the message at *position*."""

    position: int
    id: str
    stream: Stream
    event: Event


@dataclass(frozen=True, slots=True)
class Queried:
    """What a person should look at, though the message at *position* stands."""

    position: int
    code: str
    place: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """The message at *position* is sound, and nobody here needs it."""

    position: int
    code: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    The message at *position* goes to quarantine; *position* is -1 where the whole input does.

    *origin* is what its events' ids would have come of: its sender's own id, or the whole input's hash and the position
    in it; empty where the whole input is refused.
    """

    position: int
    code: str
    place: str
    mend: str
    raw: bytes
    readable: bool
    origin: str = ""


Outcome = Understood | Queried | SetAside | Refusal
MOST_OUTCOMES: Final = 500
"""In one portion, and more only where one message gives more: as many as go into one transaction with others'."""
MOST_BYTES: Final = 2_000_000
"""Of the messages in one portion, and more only where one message has more."""
Understand = Callable[[Any], Iterator[Event | Query]]


class Portion(NamedTuple):
    """What came of some messages that follow one another; *whole*, no others came with them."""

    outcomes: list[Outcome]
    whole: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an agency's `says`, with the function that understands it and the streams it may speak into."""

    agency: Agency
    name: str
    understand: Understand
    streams: tuple[Stream, ...]
    agencies: frozenset[str] = frozenset()
    """All that there are, by key; where none is given, nobody looks whether one that an event names is there."""
    sections: frozenset[str] = frozenset()
    """Those of the privacy notice, by heading; likewise."""


def read(line: Line, data: bytes, keys: Keys, *, whole: str | None = None) -> Iterator[Outcome]:
    """
    Everything that comes of *data*, message by message, in order.

    *whole* is the hash of what was sent, where *data* is a mended copy of it: of this, and the position, come the ids
    of what has none of its sender's.

    Each message gives events (with queries), or is set aside, or is refused; a message that gives nothing at all
    is refused, so that nothing vanishes: in = understood + set aside + refused. So is other content under an id
    that an earlier message of *data* had: its events would pass for that one's.
    """
    for _, outcomes in _messages(line, data, keys, whole):
        yield from outcomes


def portions(line: Line, data: bytes, keys: Keys) -> Iterator[Portion]:
    """
    The same in portions, at least one: a file of any length is held a few messages at a time, and none is parted.

    Each is made when it is asked for, and the one before may be forgotten by then.
    """
    held: list[Outcome] = []
    size, first = 0, True
    for many, outcomes in _messages(line, data, keys, None):
        if held and (len(held) + len(outcomes) > MOST_OUTCOMES or size + many > MOST_BYTES):
            yield Portion(held, whole=False, last=False)
            held, size, first = [], 0, False
        held += outcomes
        size += many
    yield Portion(held, whole=first, last=True)


def _messages(line: Line, data: bytes, keys: Keys, whole: str | None) -> Iterator[tuple[int, list[Outcome]]]:
    """How many bytes each message of *data* has, and what comes of it."""
    saying = line.agency.says[line.name]
    whole = whole or hashlib.sha256(data).hexdigest()
    seen: dict[str, bytes] = {}
    try:
        for position, item in enumerate(formats.parse(data, saying)):
            if item.own_id and seen.setdefault(item.own_id, item.raw) != item.raw:
                fault = NotUnderstood(USED_BEFORE, "", "give it an id of its own")
                yield len(item.raw), [_refusal(position, fault, item.raw, item.own_id)]
                continue
            own_id = item.own_id if item.own_id else f"{whole}\x00{position}"
            yield len(item.raw), list(_one(line, item, position, own_id, keys))
    except Unreadable as fault:
        told = _misplaced(line, data) if fault.code == "csv.column-missing" else None
        fault = told or fault
        yield len(data), [Refusal(-1, fault.code, fault.place, fault.mend, data, readable=False)]
    except Exception as error:  # noqa: BLE001  a reader that trips must not stop the line; its kind is told
        yield len(data), [Refusal(-1, _kind(error), _where(error), "", data, readable=False)]


def _misplaced(line: Line, data: bytes) -> Unreadable | None:
    """What to say of a file that is not of *line* but of another of the agency's, or that nobody here needs at all."""
    saying = line.agency.says[line.name]
    have = formats.heading(data, saying)
    own = sum(column.casefold() in have for column in saying.columns)  # the more of these, the more it is this line's
    others = {name: one.columns for name, one in line.agency.says.items() if one.format == "csv" and one.columns}
    for files, code, mend in (
        (others, "csv.other-line", "put it into the folder of that line"),
        (line.agency.unneeded, NOT_NEEDED, "nobody here needs this file: do not send it; it is not kept"),
    ):
        whole = [name for name, columns in files.items() if have >= {column.casefold() for column in columns}]
        fitting = [name for name in whole if len(files[name]) > own]
        if fitting:
            return Unreadable(code, max(fitting, key=lambda name: len(files[name])), mend)
    return None


def read_again(line: Line, data: bytes, origin: str, keys: Keys) -> list[Outcome]:
    """
    What comes today of *data*, one message that was refused or a mended copy of it, under the ids it would have had.

    *origin* is the refusal's. More than one message, or none, is a refusal: their ids would be each other's.
    """
    try:
        items = list(islice(formats.parse(data, line.agency.says[line.name]), 2))
        if len(items) != 1:
            raise Unreadable("not-one-message", "", "give that message alone, a row with its heading")
    except Unreadable as fault:
        return [Refusal(-1, fault.code, fault.place, fault.mend, data, readable=False, origin=origin)]
    except Exception as error:  # noqa: BLE001  as above
        return [Refusal(-1, _kind(error), _where(error), "", data, readable=False, origin=origin)]
    return list(_one(line, items[0], 0, origin, keys))


def own_id(line: Line, data: bytes) -> str | None:
    """The sender's own id for *data*, where it is one message that carries one; rows of a CSV never do."""
    if line.agency.says[line.name].format == "csv":
        return None
    try:
        items = formats.parse(data, line.agency.says[line.name])
        first, second = next(items, None), next(items, None)
    except Exception:  # noqa: BLE001  what cannot be read has no id; `read` says why
        return None
    return first.own_id if first is not None and second is None else None


def essence(line: Line, data: bytes) -> bytes:
    """What of *data* makes it the same message when it is sent again under the same id."""
    try:
        return formats.essence(data, line.agency.says[line.name])
    except Exception:  # noqa: BLE001  what cannot be read is the same where its bytes are; `read` says why
        return data


def _one(line: Line, item: formats.Item, position: int, own_id: str, keys: Keys) -> Iterator[Outcome]:
    try:
        if isinstance(item.message, Unreadable | NotForUs):
            raise item.message
        found = list(line.understand(item.message))
        if not any(isinstance(one, Event) for one in found):
            raise NotUnderstood("nothing-said", "", "the message gave no event")
        outcomes: list[Outcome] = []
        for index, one in enumerate(found):
            if isinstance(one, Query):
                outcomes.append(Queried(position, one.code, one.place))
                continue
            stream = next((s for s in line.streams if type(one) is s.event), None)
            if stream is None:
                raise NotUnderstood("not-its-stream", line.name, "says.into does not name this event's stream")
            _known(one, stream, line)
            outcomes.append(Understood(position, keys.event_id(line.agency.key, line.name, own_id, index), stream, one))
        yield from outcomes
    except NotForUs as aside:
        yield SetAside(position, aside.code)
    except ValidationError as error:
        yield _refusal(position, NotUnderstood.from_validation(error), item.raw, own_id)
    except MessageError as error:
        yield _refusal(position, error, item.raw, own_id)
    except Exception as error:  # noqa: BLE001  a partner's odd message must never stop the line; its kind is told
        yield _refusal(position, NotUnderstood(_kind(error), _where(error)), item.raw, own_id)


def _known(event: Event, stream: Stream, line: Line) -> None:
    """
    Raise NotUnderstood where an event names an agency, or a section of the privacy notice, that there is not.

    A name that is misspelt keeps nothing from anybody: whoever the child is in danger of would hear, and so would
    those to whom the family said no.
    """
    conflicts = () if stream.conflicts is None else pick(event, stream.conflicts) or ()
    named = [(f"{stream.conflicts}.{index}", one) for index, one in enumerate(conflicts)]
    if isinstance(event, Standing):
        named += [(f"objections.{index}.to", one.to) for index, one in enumerate(event.objections) if one.to]
    for place, name in named if line.agencies else ():
        if name.partition("/")[0] not in line.agencies:
            mend = f"name an agency by its folder: {', '.join(sorted(line.agencies))}"
            raise NotUnderstood("agency.unknown", place, mend)
    for index, one in enumerate(event.answers if isinstance(event, Standing) and line.sections else ()):
        if one.about is not None and one.about not in line.sections:
            mend = f"name a section as the privacy notice spells it: {', '.join(sorted(line.sections))}"
            raise NotUnderstood("section.unknown", f"answers.{index}.about", mend)


def _refusal(position: int, error: MessageError, raw: bytes, origin: str) -> Refusal:
    readable = not isinstance(error, Unreadable)
    return Refusal(position, error.code, error.place, error.mend, raw, readable, origin)


def _kind(error: Exception) -> str:
    return f"error.{type(error).__name__.lower()}"


def _where(error: Exception) -> str:
    """The function and line at which an unforeseen error arose: enough to mend the code, nothing of the message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else ""
