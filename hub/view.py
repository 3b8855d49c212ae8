"""The view: what is known of children now, found by any identifier of theirs; where it comes from is elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

IDENTIFIERS = ("nhs_number", "upn", "case_id")
Identifier = tuple[str, str]
"""What kind of identifier, and which."""


class Known(NamedTuple):
    """
    What is known of one child: the *standings* that were said, the *ids* of the events that said them.

    *times* are the moments at which the hub took those in. In *doubt*, something was said that could not be read.
    """

    standings: tuple[Mapping[str, Any], ...] = ()
    ids: tuple[str, ...] = ()
    times: tuple[datetime, ...] = ()
    doubt: bool = False


NOTHING_KNOWN = Known()
IN_DOUBT = Known(doubt=True)


class _Held(NamedTuple):
    values: Mapping[str, Any]
    event_id: str
    at: datetime
    named: tuple[Identifier, ...]


class View:
    """
    Standings by the Kafka key under which each was said, the newest of each key.

    Those that name one identifier in common are of one child, however many keys lie between: what was said of a child
    under an NHS number holds for the same child under a UPN. So a wrong number in common withholds too much, never
    too little.
    """

    def __init__(self) -> None:
        self._held: dict[bytes, _Held] = {}
        self._unread: set[bytes] = set()
        self._keys: dict[Identifier, set[bytes]] = {}
        self._found: dict[bytes, Known] = {}
        self._closed: frozenset[Identifier] | None = None

    def __bool__(self) -> bool:
        return bool(self._held or self._unread)

    def take(self, key: bytes, values: Mapping[str, Any] | None, event_id: str, at: datetime) -> None:
        """The newest word under *key*, which the hub took in *at*; None forgets what was said under it."""
        self._unread.discard(key)
        before = self._held.pop(key, None)
        for identifier in before.named if before is not None else ():
            keys = self._keys[identifier]
            keys.discard(key)
            if not keys:
                del self._keys[identifier]
        self._found.clear()
        self._closed = None
        if values is None:
            return
        named = tuple((kind, values[kind]) for kind in IDENTIFIERS if values.get(kind))
        self._held[key] = _Held(values, event_id, at, named)
        for identifier in named:
            self._keys.setdefault(identifier, set()).add(key)

    def unreadable(self, key: bytes) -> None:
        """Something was said under *key* that could not be read: its child is in doubt until it is said anew."""
        self._unread.add(key)
        self._found.clear()

    @property
    def unread(self) -> bool:
        """Whether anything lies there that could not be read."""
        return bool(self._unread)

    @property
    def doubtful(self) -> frozenset[bytes]:
        """The keys under which something lies that could not be read."""
        return frozenset(self._unread)

    def known(self, key: bytes, identifiers: Iterable[Identifier], others: Iterable[bytes] = ()) -> Known:
        """
        What is known of the child of an event with Kafka *key* that names *identifiers*.

        *others* are more keys under which something may have been said of the child, looked at for doubt only.
        """
        if not self._held and not self._unread:
            return NOTHING_KNOWN
        if self._unread and not self._unread.isdisjoint((key, *others)):
            return IN_DOUBT
        keys: set[bytes] = set()
        for identifier in identifiers:
            keys |= self._keys.get(identifier, set())
        if not keys:
            return NOTHING_KNOWN
        first = min(keys)
        if len(keys) == 1 and first in self._found:
            return self._found[first]
        every = self._reach(keys)
        held = sorted((self._held[one] for one in every), key=lambda one: one.event_id)
        found = Known(
            tuple(one.values for one in held),
            tuple(one.event_id for one in held),
            tuple(one.at for one in held),
            doubt=not every.isdisjoint(self._unread),
        )
        if len(keys) == 1:
            self._found[first] = found
        return found

    def closed(self) -> frozenset[Identifier]:
        """All identifiers that an adoption order has closed, with those that are known to be of the same child."""
        if self._closed is None:
            self._closed = self.named(lambda standing: standing["adopted"] is not None)
        return self._closed

    def named(self, of: Callable[[Mapping[str, Any]], bool]) -> frozenset[Identifier]:
        """All identifiers of the children *of* one of whose standings that is so."""
        found = {key for key, one in self._held.items() if of(one.values)}
        return frozenset(named for key in self._reach(found) for named in self._held[key].named)

    def _reach(self, keys: set[bytes]) -> set[bytes]:
        """All keys that are of the same children as *keys*, by whatever identifiers tie them."""
        reached, wave = set(keys), set(keys)
        while wave:
            tied = (self._keys[identifier] for key in wave for identifier in self._held[key].named)
            wave = set().union(*tied) - reached
            reached |= wave
        return reached
