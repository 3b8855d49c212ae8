"""Leave: whether what was released may still leave the hub, asked anew before each attempt; it parks nothing itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hub import gates, seals
from hub.catalog import Catalog
from hub.envelope import Record
from hub.following import Following
from hub.keyed import Keyed
from hub.keys import Keys
from hub.limits import Limits
from hub.outbound import Letter
from hub.parcel import Group
from hub.policy import Grant
from hub.store.entries import Lane, Parked
from hub.stream import Stream
from hub.view import Identifier

KEPT_BACK, DOUBT = "sharing-status", "view.doubt"
"""
By what a message is parked that something was said of the child against; the rule itself is not said.

Who works on what is parked must not learn that a child was adopted, or that where a child lives is hidden.
"""
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


class Meanwhile:
    """
    What is known of children by now, as far as it keeps back what was released before; several threads may use it.

    A child is found by what the agency may hear of the child's numbers, and by the name under which this agency hears
    of the child, which is made anew of every number of whom anything was said that keeps something back. *clock* counts
    seconds.
    """

    def __init__(self, catalog: Catalog, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._following, self._keys, self._clock = Following(catalog), keys, clock
        self._streams, self._standing = catalog.streams, catalog.standing
        self._lock = threading.Lock()
        self._known_at: float | None = None
        self._guarded: frozenset[Identifier] = frozenset()
        self._limits: dict[tuple[str, str], tuple[Grant, Limits]] = {}
        self._names: dict[tuple[str, str], dict[str, Identifier]] = {}
        self._new = False
        self.topics = self._following.topics

    def take(self, record: Record) -> None:
        """Take in one record of `topics`."""
        with self._lock:
            self._following.take(record)
            self._new = True

    def known(self, at: float) -> None:
        """
        Everything that was said before the moment *at* was taken in; what is new counts from now on.

        To be called by whoever calls `take`, in the same thread: who asks for a rule does not wait while all that is
        known is gone through.
        """
        if self._new:
            self._new = False
            self._guard(self._following.view.named(_keeps_back))
        self._known_at = at

    def current(self) -> bool:
        """Whether it is known well enough what is said of children for anything to leave."""
        return self._known_at is not None and self._clock() - self._known_at < HOLDS_SECONDS

    def rule(self, catalog: Catalog, lane: Lane, letter: Letter, now: datetime) -> str | None:
        """
        The rule by which a *letter* that *catalog* grants may not leave in *lane* any more, or None.

        `view.doubt`: what was said of the child cannot be read. `sharing-status`: a seal was said (an event that came
        with the adoption order itself leaves); processing is restricted, somebody objects, or consent was withdrawn; or
        the letter holds what may not be told any more, such as where a child is whose address became confidential. It
        is kept back whole, since the partner may have it already, and one id has one content.
        """
        with self._lock:
            view, stream = self._following.view, self._streams[lane.stream]
            if not self._guarded and not view.unread:
                return None
            named = seals.identifiers(letter.values, stream)
            if view.unread and self._doubtful(lane.agency, letter.subject, named):
                return DOUBT
            found = self._called(lane.agency, stream).get(letter.subject)
            known = view.known(b"", named if found is None else [*named, found])
        if known.doubt:
            return DOUBT
        if not known.standings:
            return None
        grant, at = catalog.policies[lane.agency].hears[lane.stream], letter.envelope.time
        if seals.of_released(known, lane.agency, lane.address, at) is not None:
            return KEPT_BACK
        basis = grant.basis.article6
        if gates.meanwhile(grant.gate, known, lane.agency, notice=grant.notice, article6=basis, at=at, now=now):
            return KEPT_BACK
        kept = self._limits_of(lane, stream, grant).of_child(known)
        return KEPT_BACK if any(_is_there(letter.values, path.split(".")) for path in kept) else None

    def _limits_of(self, lane: Lane, stream: Stream, grant: Grant) -> Limits:
        """Worked out once for each grant."""
        place = (lane.agency, lane.stream)
        of, limits = self._limits.get(place, (None, None))
        if of is not grant or limits is None:
            limits = Limits(stream, grant)
            self._limits[place] = (grant, limits)
        return limits

    def _guard(self, guarded: frozenset[Identifier]) -> None:
        """Of whom something is kept back from now on; only what changed of it is named anew."""
        more, fewer = guarded - self._guarded, self._guarded - guarded
        if not more and not fewer:
            return
        with self._lock:
            for (agency, stream), names in self._names.items():
                for name in self._named(agency, self._streams[stream], fewer):
                    names.pop(name, None)
                names.update(self._named(agency, self._streams[stream], more))
            self._guarded = guarded

    def _called(self, agency: str, stream: Stream) -> Mapping[str, Identifier]:
        """By the name under which *agency* hears of a child of whom something is kept back, a number of the child's."""
        place = (agency, stream.name)
        if place not in self._names:
            self._names[place] = self._named(agency, stream, self._guarded)
        return self._names[place]

    def _named(self, agency: str, stream: Stream, of: Iterable[Identifier]) -> dict[str, Identifier]:
        name = self._naming(agency)
        return {name(key.encode()): one for one in of for key in self._keys_of(stream, one)}

    def _naming(self, agency: str) -> Callable[[bytes], str]:
        """What makes of a Kafka key of the hub's the name under which *agency* hears of the child."""
        return Keyed(self._keys.recipient(agency)[0]).digest

    def _keys_of(self, stream: Stream, identifier: Identifier) -> Iterator[str]:
        """The keys under which events of *stream* lie that name their child by *identifier*."""
        kind, value = identifier
        for said, path in stream.subject:
            if said == kind and path in stream.key:
                yield self._keys.subject_by(stream, path, value)

    def _doubtful(self, agency: str, subject: str, named: Sequence[Identifier]) -> bool:
        """Whether something lies unread under a key by which the agency knows the child, or that is of its numbers."""
        doubtful = self._following.view.doubtful
        if subject in set(map(self._naming(agency), doubtful)):
            return True
        own = (self._keys.subject(said, {kind: one}, otherwise="") for said in self._standing for kind, one in named)
        return not doubtful.isdisjoint(key.encode() for key in own)


def _keeps_back(standing: Mapping[str, Any]) -> bool:
    """Whether anything in a *standing* may keep something back that was released before."""
    return (
        seals.said(standing)
        or standing["restriction"]
        or standing["opted_out"]
        or standing["address_confidential"]
        or bool(standing["objections"])
        or any(one["status"] != "given" for one in standing["answers"])
    )


def _is_there(values: Any, path: Sequence[str]) -> bool:
    """Whether anything lies at *path*, in records and in lists of them."""
    if isinstance(values, list | tuple):
        return any(_is_there(one, path) for one in values)
    if not path:
        return values is not None
    return isinstance(values, Mapping) and _is_there(values.get(path[0]), path[1:])
