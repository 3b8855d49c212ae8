"""Readers: which group reads which topics, whose it is, and what partners that read Kafka themselves should read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from hub import cluster, topology
from hub.agency import Agency, Door
from hub.catalog import Catalog
from hub.doors import door_for
from hub.ops.picture import Reader
from hub.topology import WATCH_GROUP

NOBODY = "(no group)"


class Reads(NamedTuple):
    """Who reads *topics* by a group; *agency* is empty for what reads for all."""

    reader: Reader
    agency: str
    topics: frozenset[str]


class Heard(NamedTuple):
    """One stream that one agency hears, and the door by which it goes there."""

    agency: Agency
    stream: str
    door: Door


def heard(catalog: Catalog) -> Iterator[Heard]:
    """What is sent to whom, by the door that the settings name."""
    for agency, stream in topology.heard(catalog):
        yield Heard(agency, stream, door_for(agency, stream))


def own(catalog: Catalog) -> dict[str, Reads]:
    """The groups of the hub's own processes."""
    found: dict[str, Reads] = {}
    for group, topics in cluster.groups(catalog, door_for).items():
        kind, _, rest = group.partition(".")
        reader: Reader = "courier" if kind == "courier" else "relay"
        agency = rest.partition(".")[0].replace("-", "_") if reader == "courier" else ""
        found[group] = Reads(reader, agency, frozenset(topics))
    watched = {catalog.streams[name].topic for watch in catalog.watches.values() for name in (watch.keeps, watch.on)}
    if watched:
        found[WATCH_GROUP] = Reads("watch", "", frozenset(watched))
    return found


def partners(catalog: Catalog) -> dict[str, frozenset[str]]:
    """The topics of each agency that reads Kafka itself."""
    found: dict[str, set[str]] = {}
    for one in heard(catalog):
        if one.door.by == "kafka":
            found.setdefault(one.agency.key, set()).add(catalog.streams[one.stream].topic_to(one.agency.key))
    return {agency: frozenset(topics) for agency, topics in found.items()}


def theirs(partners: Mapping[str, frozenset[str]], groups: Collection[str]) -> dict[str, Reads]:
    """
    The groups of partners: those on the cluster whose names begin with the agency's key and a dot.

    The cluster lets a partner into no other group. Where a partner has none yet it has read nothing, and a group that
    nobody can have stands for it.
    """
    found: dict[str, Reads] = {}
    for agency, topics in partners.items():
        named = sorted(group for group in groups if group.startswith(f"{agency}."))
        for group in named or [f"{agency}.{NOBODY}"]:
            found[group] = Reads("partner", agency, topics)
    return found
