"""The registry: what becomes of a message's outcomes where the index knows who they are about; it commits nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from hub.identified import Identified
from hub.identity.carried import AS_SAID, Carried, carried
from hub.identity.closing import closing
from hub.identity.graph import Graph, Link
from hub.identity.index import Index, Looked, News, telling, word_mark
from hub.identity.names import SHARED, Name, Said, said
from hub.identity.statements import Doubt, Source, name_of, statements
from hub.inbound import Line, Outcome, Queried, Refusal, Understood
from hub.keys import Keys
from hub.log import note
from hub.scan import together
from hub.standing import Standing
from hub.stream import Event, pick
from hub.view import Identifier
from hub.wall import CLOSED, shut

NOTHING = News({}, (), ())
MOST_SEEN = 10_000
"""So many words at a time are known not to be marked."""


class Registry:
    """
    What the gateway asks about each message, between reading and committing it.

    What a message adds is kept after Kafka has it, never before. A crash between the two loses no more than statements,
    which whoever was not answered says again; until then less is certain, and nothing is wrong. The other way round the
    index could vouch for what no event says.
    """

    def __init__(self, keys: Keys, index: Index) -> None:
        self._keys = keys
        self._index = index
        self._closed: Collection[Identifier] = ()

    def close(self, closed: Collection[Identifier], now: datetime) -> None:
        """
        Close the identities that *closed*, all that adoption orders have closed, name; those known before are skipped.

        It is asked before each message and follows from Kafka alone, so that what a crash prevented is made up for.
        """
        if closed is self._closed:
            return
        fresh = [Name(kind, "", value) for kind, value in set(closed).difference(self._closed)]
        if fresh:
            count = self._index.close(fresh, now)
            note("gateway", "identities closed in the index", count=count)
        self._closed = closed

    def settle(self, line: Line, outcomes: Sequence[Outcome], now: datetime) -> tuple[list[Outcome], News]:
        """*outcomes* as they are carried, with what is refused because it names a closed identity; and what is new."""
        sure = line.agency.says[line.name].identifies == "certain"
        understood = [one for one in outcomes if isinstance(one, Understood)]
        saids = {id(one): said(one.stream, one.event, line.agency.key, sure=sure) for one in understood}
        names = {name_of(self._keys, name): name for one in saids.values() for name in one.every}
        orders = any(_ordered(one.event) for one in understood)
        looked = self._index.look(names, whole=orders) if names else Looked(Graph(), frozenset())
        for own, name in names.items():
            looked.graph.kinds.setdefault(own, name.kind)
        message = _Message(line.agency.key, now, names, looked, [], [])
        settled: list[Outcome] = []
        for one in outcomes:
            if isinstance(one, Refusal):
                settled.append(self.sifted(line, one))
            elif isinstance(one, Understood) and saids[id(one)].every:
                settled += self._event(message, one, saids[id(one)])
            else:
                settled.append(one)
        news = News(names, message.links, message.doubts)
        return settled, news if news else NOTHING

    def keep(self, news: News) -> None:
        """Keep what a message added, once Kafka holds what came of it."""
        if news:
            self._index.keep(news)

    def sifted(self, line: Line, one: Refusal) -> Refusal:
        """A refusal of which nothing is kept where it holds a closed identifier that the view does not know."""
        if one.code == CLOSED or not one.raw:
            return one
        marks = self._index.closed_words(line.agency.key)
        if not marks:
            return one
        return shut(one.position, readable=one.readable) if self._holds(one.raw, marks, line.agency.key) else one

    def _holds(self, raw: bytes, marks: Collection[str], agency: str) -> bool:
        seen: set[str] = set()
        for word in filter(telling, together(raw)):
            if word in seen:
                continue
            if any(word_mark(self._keys, whose, word) in marks for whose in ("", agency)):
                return True
            if len(seen) == MOST_SEEN:  # to work a mark out again takes time; to know all words of a file, memory
                seen.clear()
            seen.add(word)
        return False

    def _event(self, message: _Message, one: Understood, says: Said) -> Iterator[Outcome]:
        order, looked = _ordered(one.event), message.looked
        if looked.closed:
            owns = [name_of(self._keys, name) for name in says.every]
            if any(own in looked.closed for own in owns) and not (order and looked.closed.issuperset(owns)):
                yield shut(one.position, readable=True)
                return
        if order:
            yield replace(one, event=self._whole(one.event, says, looked.graph))
            return
        source, found = Source(message.agency, one.stream.name, one.id, message.now), list[Doubt]()
        for new in statements(says, self._keys, looked.graph, source):
            if isinstance(new, Link):
                looked.graph.add(new)
                message.links.append(new)
            else:
                found.append(new)
        ways, more = carried(says, self._keys, looked.graph)
        found += more
        yield from self._carried(message, one, ways)
        for doubt in dict.fromkeys(found):
            message.doubts.append((doubt, source))
            yield Queried(one.position, doubt.code, one.stream.identified or "")

    def _carried(self, message: _Message, one: Understood, ways: Sequence[Carried]) -> Iterator[Understood]:
        path = one.stream.identified
        if path is None:
            yield one
            return
        for index, way in enumerate(ways):
            if way is AS_SAID:
                yield one
                continue
            assert way.name is not None  # noqa: S101  only AS_SAID has none
            value = message.names[way.name].value if way.name in message.names else self._index.value(way.name)
            if value is None:  # closed since it was looked up
                if index == 0:
                    yield one
                continue
            event = placed(one.event, path, Identified(nhs_number=value, match=way.match, because=way.because))
            own = one.id if index == 0 else self._keys.event_id("identity", one.id, way.name, 0)
            yield replace(one, id=own, event=event)

    def _whole(self, event: Event, says: Said, graph: Graph) -> Event:
        """
        An adoption order with the child's other numbers that all know, where it is certain which they are.

        So that what was said of the child under any of them is sealed; an extract knows the case number alone.
        """
        mine, _ = closing(graph, [name_of(self._keys, name) for name in says.names])
        for kind in SHARED:
            absent = kind in type(event).model_fields and pick(event, kind) is None
            own = [name for name in mine if graph.kinds[name] == kind]
            today = [name for name in own if not any(True for _ in graph.steps(name))] if kind == SHARED[0] else own
            if absent and len(today) == 1 and (value := self._index.value(today[0])) is not None:
                event = event.model_copy(update={kind: value})
        return event


class _Message(NamedTuple):
    """One message under way: its *names*, what is known of them, and the *links* and *doubts* that it adds."""

    agency: str
    now: datetime
    names: Mapping[str, Name]
    looked: Looked
    links: list[Link]
    doubts: list[tuple[Doubt, Source]]


def _ordered(event: Event) -> bool:
    """Whether it says that an adoption order closed the identifiers in it."""
    return isinstance(event, Standing) and event.adopted is not None


def placed(event: Event, path: str, value: Event) -> Event:
    """*event* with *value* at *path*, above which all is there."""
    first, _, rest = path.partition(".")
    return event.model_copy(update={first: placed(getattr(event, first), rest, value) if rest else value})
