"""
The graph: identifiers, and what was said to tie them; whom they lead to is worked out anew each time it is asked.

Nothing is ever folded together, so there is nothing that a wrong statement could have spoilt: without its link all is
as if it had not been said.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from hub.identified import CERTAINTIES, Certainty
from hub.identity.names import NHS_NUMBER

Relation = Literal["same", "gave-way"]
MOST_LINKS = 30
"""More than so many links of one identifier that is no NHS number, and it names nobody: `UNKNOWN`, `0000`."""
RANK: Mapping[Certainty, int] = {certainty: rank for rank, certainty in enumerate(CERTAINTIES)}


class Link(NamedTuple):
    """
    One statement: that *one* and *other* are the *same* person's, or that *one* gave way to *other*.

    All are names in the index. *born* is the date of birth that stood beside them, likewise; *event* was said by
    *agency* on *stream* and taken in *at*. The same statement of the same agency has the same *id*.
    """

    id: str
    one: str
    other: str
    relation: Relation
    certainty: Certainty
    born: str
    agency: str
    stream: str
    event: str
    at: datetime


class Graph:
    """Names with their kinds, the links between them that hold, and the ids of those that were *taken back*."""

    def __init__(
        self, kinds: Mapping[str, str] | None = None, links: Iterable[Link] = (), taken_back: Iterable[str] = ()
    ) -> None:
        self.kinds = dict(kinds or {})
        self.taken_back = set(taken_back)
        self.last: dict[str, datetime] = {}
        """When statements were last said, where that is written down: those that nobody says any more are forgotten."""
        self.cut = False
        """Whether there is more than was looked at, so that nothing follows from what is not here."""
        self.links: dict[str, Link] = {}
        self._of: defaultdict[str, dict[str, Link]] = defaultdict(dict)
        for link in links:
            self.add(link)

    def add(self, link: Link) -> None:
        """Take a statement in; one that is there already, or was taken back, changes nothing."""
        if link.id not in self.links and link.id not in self.taken_back:
            self.links[link.id] = self._of[link.one][link.id] = self._of[link.other][link.id] = link

    def drop(self, link_id: str) -> None:
        """Take a statement back, for good: its being said again changes nothing."""
        self.taken_back.add(link_id)
        link = self.links.pop(link_id, None)
        if link is not None:
            del self._of[link.one][link_id]
            self._of[link.other].pop(link_id, None)

    def of(self, name: str) -> Collection[Link]:
        """The links of one name."""
        return self._of[name].values() if name in self._of else ()

    def full(self, name: str) -> bool:
        """Whether a name is tied to so many others that it names nobody."""
        return self.kinds[name] != NHS_NUMBER and len(self.of(name)) >= MOST_LINKS

    def steps(self, name: str) -> Iterator[tuple[str, Link]]:
        """
        The names to which *name* leads by one link.

        From an NHS number only to the one that took its place: whom else it ties does not make one person of them.
        """
        number = self.kinds[name] == NHS_NUMBER
        for link in self.of(name):
            if not number:
                yield (link.other if link.one == name else link.one), link
            elif link.relation == "gave-way" and link.one == name:
                yield link.other, link

    def numbers(self, names: Iterable[str]) -> dict[str, Certainty]:
        """
        The NHS numbers that *names* lead to today, each with the certainty of the best way to it.

        A way is as certain as its weakest link. A number that gave way is not of today, unless all of them did.
        """
        best: dict[str, int] = {}
        waiting = [(0, name) for name in names if name in self.kinds and not self.full(name)]
        heapq.heapify(waiting)
        while waiting:
            rank, name = heapq.heappop(waiting)
            if name in best:
                continue
            best[name] = rank
            for following, link in self.steps(name):
                if following not in best and not self.full(following):
                    heapq.heappush(waiting, (max(rank, RANK[link.certainty]), following))
        found = {name: rank for name, rank in best.items() if self.kinds[name] == NHS_NUMBER}
        today = {name: rank for name, rank in found.items() if not any(True for _ in self.steps(name))}
        return {name: CERTAINTIES[rank] for name, rank in sorted((today or found).items(), key=lambda one: one[::-1])}

    def former(self, number: str) -> list[str]:
        """The NHS numbers that gave way to *number* for certain, at once or one after the other."""
        found, wave = [number], [number]
        while wave:
            name = wave.pop()
            for link in self.of(name):
                older = link.relation == "gave-way" and link.other == name and link.certainty == "certain"
                if older and self.kinds[link.one] == NHS_NUMBER and link.one not in found:
                    found.append(link.one)
                    wave.append(link.one)
        return sorted(found[1:])

    def borns(self, number: str) -> set[str]:
        """The dates of birth that were said beside an NHS number."""
        return {link.born for link in self.of(number) if link.born}
