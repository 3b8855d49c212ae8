"""Leave: whether what was released may still leave the hub, asked anew before each attempt; it parks nothing itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from hub import seals
from hub.catalog import Catalog
from hub.envelope import Record
from hub.following import Following
from hub.keyed import Keyed
from hub.keys import Keys
from hub.outbound import Letter
from hub.parcel import Group
from hub.store.entries import Lane, Parked
from hub.stream import Stream
from hub.view import Identifier

SEALED = "sealed"
"""Which seal it is, is not said: who works on what is parked must not learn that a child was adopted."""
DOUBT = "view.doubt"
HOLDS_SECONDS = 300.0
"""How long what is known of children holds: Kafka may be away meanwhile, and then nothing new is said there either."""


def shut(catalog: Catalog, lane: Lane, now: datetime) -> str | None:
    """
    The rule by which nothing of *lane* may leave any more, or None; the words are those of `hub.policy.decide`.

    `expires`: the agreement's last day is over. `hears`: no policy grants the stream. What was released before waits
    for the end of a period or for a shut door, and the agreement under which it would go may end meanwhile.
    """
    policy = catalog.policies.get(lane.agency)
    if policy is None:
        return "hears"
    if policy.ended(now):
        return "expires"
    return None if lane.stream in policy.hears else "hears"


def withheld(rule: str, groups: Sequence[Group]) -> list[Parked]:
    """The *groups* parked under *rule*; each whole, since a file without one of its messages would be another."""
    return [Parked(tuple(row.message_id for row in group.rows), rule) for group in groups]


class Seals:
    """
    What is known of children by now, as far as it seals what was released before; several threads may use it.

    A child is found by what the agency may hear of the child's numbers, and by the name under which this agency hears
    of the child, which is made anew of every number in a sealed standing. *clock* counts seconds.
    """

    def __init__(self, catalog: Catalog, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._following, self._keys, self._clock = Following(catalog), keys, clock
        self._streams, self._standing = catalog.streams, catalog.standing
        self._lock = threading.Lock()
        self._known_at: float | None = None
        self._sealed: frozenset[Identifier] = frozenset()
        self._names: dict[tuple[str, str], Mapping[str, Identifier]] = {}
        self._new = False
        self.topics = self._following.topics

    def take(self, record: Record) -> None:
        """Take in one record of `topics`."""
        with self._lock:
            self._following.take(record)
            self._new = True

    def known(self, at: float) -> None:
        """Everything that was said before the moment *at* was taken in."""
        self._known_at = at

    def current(self) -> bool:
        """Whether it is known well enough what is said of children for anything to leave."""
        return self._known_at is not None and self._clock() - self._known_at < HOLDS_SECONDS

    def rule(self, lane: Lane, letter: Letter) -> str | None:
        """
        The rule by which a *letter* that was released before may not leave in *lane* any more, or None.

        `sealed`, or `view.doubt` where what was said of the child cannot be read. An event that came with the adoption
        order itself leaves.
        """
        with self._lock:
            view, stream = self._following.view, self._streams[lane.stream]
            if self._new:
                self._look_again()
            if not self._sealed and not view.unread:
                return None
            named = seals.identifiers(letter.values, stream)
            if view.unread and self._doubtful(lane.agency, letter.subject, named):
                return DOUBT
            found = self._called(lane.agency, stream).get(letter.subject)
            known = view.known(b"", named if found is None else [*named, found])
            if known.doubt:
                return DOUBT
            seal = seals.of_released(known, lane.agency, lane.address, letter.envelope.time)
            return None if seal is None else SEALED

    def _look_again(self) -> None:
        sealed = self._following.view.named(seals.said)
        if sealed != self._sealed:
            self._sealed = sealed
            self._names.clear()
        self._new = False

    def _called(self, agency: str, stream: Stream) -> Mapping[str, Identifier]:
        """By the name under which *agency* hears of a child of whom something is sealed, a number of the child's."""
        place = (agency, stream.name)
        if place not in self._names:
            name = Keyed(self._keys.recipient(agency)[0]).digest
            self._names[place] = {name(key.encode()): one for one in self._sealed for key in self._keys_of(stream, one)}
        return self._names[place]

    def _keys_of(self, stream: Stream, identifier: Identifier) -> Iterator[str]:
        """The keys under which events of *stream* lie that name their child by *identifier*."""
        kind, value = identifier
        for said, path in stream.subject:
            if said == kind and path in stream.key:
                yield self._keys.subject(stream, _at(path, value), otherwise="")

    def _doubtful(self, agency: str, subject: str, named: Sequence[Identifier]) -> bool:
        """Whether something lies unread under a key by which the agency knows the child, or that is of its numbers."""
        doubtful = self._following.view.doubtful
        name = Keyed(self._keys.recipient(agency)[0]).digest
        if subject in {name(key) for key in doubtful}:
            return True
        own = (self._keys.subject(said, {kind: one}, otherwise="") for said in self._standing for kind, one in named)
        return not doubtful.isdisjoint(key.encode() for key in own)


def _at(path: str, value: str) -> Mapping[str, object]:
    """Nested values of which only the one at *path* is there."""
    first, _, rest = path.partition(".")
    return {first: _at(rest, value) if rest else value}
