"""The ward: what lies in quarantine on a cluster, what was done with it, and what is known meanwhile; it only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hub import handled, topology
from hub.catalog import Catalog
from hub.envelope import Record
from hub.errors import HubError, Unreadable
from hub.evidence import Counting, uncounted
from hub.following import Following
from hub.handled import Handled, closing
from hub.identity.index import News
from hub.identity.registry import Registry
from hub.keys import Keys
from hub.quarantine.item import Item, item_of, papers_of
from hub.quarantine.replay import Known
from hub.transports.kafka import Follower, Stored, read_topic


class NotDone(HubError):
    """Nothing was done with an item, and the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which items: by how their *ids* begin, of an *agency* (or relay, or watches), a *line*, with a *code*."""

    ids: tuple[str, ...] = ()
    agency: str = ""
    line: str = ""
    code: str = ""

    def has(self, item: Item) -> bool:
        """Whether it is one of them; a code that ends in `*` stands for all that begin so."""
        return (
            (not self.ids or item.id.startswith(self.ids))
            and self.agency in ("", item.agency or item.topic.removeprefix("quarantine."))
            and self.line in ("", item.line)
            and (self.code in ("", item.code) or (self.code[-1:] == "*" and item.code.startswith(self.code[:-1])))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An *item* as it was refused last, with the time at which it first came; *times* how often; its *end*, if any."""

    item: Item
    times: int
    end: Handled | None = None

    @property
    def state(self) -> str:
        """`open`, `replayed` or `discarded`."""
        return "open" if self.end is None else self.end.action

    @property
    def ended(self) -> str:
        """Who ended it, when and why."""
        end = self.end
        return "" if end is None else f"{self.item.id}: {end.by} {end.action} it at {end.at}, because: {end.because}"


@dataclass(frozen=True, slots=True)
class History:
    """Everything that was *done*, by item; of those in *doubted* something is on record that cannot be read."""

    done: dict[str, list[Handled]] = field(default_factory=dict)
    doubted: set[str] = field(default_factory=set)

    def take(self, record: Record) -> None:
        """One more record of the topic."""
        try:
            one = handled.read(record)
        except Unreadable:
            self.doubted.add((record.key or b"").decode("ascii", "replace"))
        else:
            self.done.setdefault(one.item, []).append(one)

    def replayed(self) -> set[str]:
        """The ids of the events that ever came of a replay."""
        return {event for of in self.done.values() for one in of if one.action == "replayed" for event in one.events}


class Ward:
    """
    The quarantine of one cluster; *counting* shows how far it has read, *registry* is the gateway's, by its identity
    index.
    """

    def __init__(
        self, catalog: Catalog, keys: Keys, bootstrap: str, extra: Mapping[str, str] = {},
        counting: Counting = uncounted, registry: Registry | None = None,
    ) -> None:  # fmt: skip
        self.catalog, self.keys, self.bootstrap, self.extra = catalog, keys, bootstrap, extra
        self._counting, self._registry = counting, registry
        self._agencies = {topology.quarantine_of(one.key): one.key for one in catalog.agencies.values() if one.says}
        self.unread = 0
        """How many records of quarantine are no items."""

    def entries(self, wanted: Wanted, history: History | None = None, *, boxes: bool = False) -> list[Entry]:
        """
        The items that are *wanted*, the oldest first, each once however often it was refused; with *boxes*, what was
        sent is held too, sealed.

        Raises NotDone where one of the ids begins none or several, or no agency of that name has a quarantine.
        """
        history = self.history() if history is None else history
        found: dict[str, Entry] = {}
        for topic in self._topics(wanted):
            for stored in self.read(topic):
                item = self._item(stored)
                if item is None or not wanted.has(item):
                    continue
                before = found.get(item.id)
                if before is not None:
                    item = item._replace(since=before.item.since, time=before.item.time)
                item = item if boxes else item._replace(box=b"")
                found[item.id] = Entry(item=item, times=1 if before is None else before.times + 1)
        for begin in wanted.ids:
            count = sum(name.startswith(begin) for name in found)
            if count != 1:
                what = f"{count} items have ids that begin so: write more of it" if count else "no item has that id"
                raise NotDone(f"{begin}: {what}; see `hub quarantine list --all`")
        ended = [replace(one, end=closing(history.done.get(name, ()), one.item.offset)) for name, one in found.items()]
        return sorted(ended, key=lambda one: (one.item.since, one.item.topic, one.item.partition, one.item.offset))

    def history(self) -> History:
        """Everything that was done."""
        history = History()
        for stored in self.read(handled.TOPIC):
            history.take(stored.record)
        return history

    def settled(self) -> History:
        """The same, with all that was committed before the call, however lately: to decide by."""
        history = History()
        self._follow((handled.TOPIC,), history.take)
        return history

    def known(self) -> Known:
        """What is known of children, with all that was committed before the call."""
        following = Following(self.catalog)
        self._follow(following.topics, following.take)
        return Known(closed=following.view.closed(), view=following.view, registry=self._registry)

    def keep(self, news: News) -> None:
        """Keep what a replay adds to the identity index, once Kafka has it."""
        if self._registry is not None:
            self._registry.keep(news)

    def mend(self, item: Item) -> str:
        """
        What its sender was told to mend, in words of ours; empty where there are none.

        What pydantic says of a field may repeat a word of the message: that is for whoever opens it.
        """
        try:
            papers = papers_of(self.keys, item)
        except Unreadable as fault:
            return fault.mend
        return "" if papers is None or item.code.startswith("invalid.") else papers.mend

    def keeps_until(self, item: Item) -> datetime:
        """When its topic's retention takes it, within a day."""
        retention = topology.milliseconds(self.catalog.keeping["quarantine"].retention)
        return item.since + timedelta(milliseconds=retention)

    def read(self, topic: str, since: datetime | None = None) -> Iterable[Stored]:
        """The records of a topic as far as it goes now, all or since a moment."""
        return self._counting(read_topic(self.bootstrap, topic, self.extra, since=since), topic)

    def _item(self, stored: Stored) -> Item | None:
        try:
            return item_of(self.keys, self._agencies, *stored)
        except Unreadable:
            self.unread += 1
            return None

    def _follow(self, topics: tuple[str, ...], take: Callable[[Record], None]) -> None:
        follower = Follower(self.bootstrap, topics, take, self.extra)
        try:
            follower.catch_up()
        finally:
            follower.close()

    def _topics(self, wanted: Wanted) -> list[str]:
        every = [*sorted(self._agencies), topology.RELAY, topology.WATCHES]
        if not wanted.agency:
            return every
        named = topology.quarantine_of(wanted.agency)
        if named not in every:
            names = ", ".join([*sorted(self._agencies.values()), "relay", "watches"])
            raise NotDone(f"{wanted.agency}: nothing of that name has a quarantine; there are: {names}")
        return [named]
