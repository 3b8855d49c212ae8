"""Principals: who there is on the cluster, and the least that each may do there; pure, and nobody is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from hub import archive, disclosure, handled, reviews
from hub.agency import Agency
from hub.catalog import Catalog
from hub.errors import CatalogError
from hub.stream import Lane
from hub.topology import RELAY, WATCH_GROUP, WATCHES, changelog_of, heard, quarantine_of, topics

LANES: tuple[Lane, ...] = get_args(Lane)
Kind = Literal["agency", "process", "person", "deploy"]
Resource = Literal["topic", "group", "transactional-id", "cluster"]
CLUSTER = "kafka-cluster"
"""The name that Kafka gives to its one cluster resource."""
BROKER = "hub-broker"
"""The brokers to each other; a super user."""
ADMIN = "hub-admin"
"""The super user with whom a cluster begins, for the first `hub topics apply`; its credentials are then locked away."""
DEPLOY, OPS, OPERATOR, GOVERNANCE = "hub-deploy", "hub-ops", "hub-operator", "hub-governance"
GATEWAY, WATCHER, CANARIES = "hub-gateway", "hub-watches", "hub-canaries"
READERS = ("hub-following", "hub-looking")
"""What the hub's readers that are in no group call theirs: librdkafka asks after it, and nothing is ever kept there."""


OWN_GROUPS = frozenset({"relay", "courier"})
"""How groups of the hub's own begin, up to the dot: an agency of that name would be let at them."""


class Acl(NamedTuple):
    """
    What may be done with one resource, in Kafka's words; *prefixed* where *name* is only how names begin.

    The hub's own allow, from any host: the last two are for what somebody else wrote on the cluster.
    """

    resource: Resource
    name: str
    operation: str
    prefixed: bool = False
    allow: bool = True
    host: str = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """
    One name that the cluster knows somebody by, and everything it may do; what is not here is denied.

    In Kafka's terms READ, WRITE, ALTER and DELETE hold DESCRIBE in them.
    """

    name: str
    kind: Kind
    because: str
    acls: frozenset[Acl]


def principals(catalog: Catalog) -> tuple[Principal, ...]:
    """Every principal that *catalog* needs, the hub's own first."""
    return (*_processes(catalog), *_persons(catalog), _deploy(), *_agencies(catalog))


def of(catalog: Catalog, name: str) -> Principal:
    """The principal of that name; raises CatalogError, with what there is, where there is none."""
    known = {one.name: one for one in principals(catalog)}
    if name not in known:
        raise CatalogError([f"HUB_PRINCIPAL: nobody is {name}; there is: {', '.join(known)}"])
    return known[name]


def reader(catalog: Catalog, group: str) -> str:
    """The process whose group *group* is; raises CatalogError where it is nobody's."""
    for one in principals(catalog):
        if one.kind == "process" and Acl("group", group, "READ") in one.acls:
            return one.name
    raise CatalogError([f"no process reads by the group {group}"])


def of_process(words: Sequence[str]) -> str:
    """Who `hub run` *words* is, such as `relay --lane urgent`: hub-relay-urgent."""
    return "-".join(("hub", *(word for word in words if not word.startswith("-"))))


def relay_name(lane: str) -> str:
    """Who the relay of one lane is."""
    return of_process(("relay", lane))


def reads_kafka(catalog: Catalog, agency: Agency) -> list[str]:
    """The topics that a live agency consumes from Kafka itself."""
    return [
        catalog.streams[name].topic_to(agency.key)
        for one, name in heard(catalog)
        if one.key == agency.key and any(door.by == "kafka" for door in one.hears[name].doors)
    ]


def _agencies(catalog: Catalog) -> Iterator[Principal]:
    for agency in catalog.agencies.values():
        if own := reads_kafka(catalog, agency):
            groups = _on("group", [f"{agency.key}."], "READ", prefixed=True)
            because = "consumes its own topics, in groups that begin with its own name"
            yield Principal(name=agency.key, kind="agency", because=because, acls=_topics(own, "READ") | groups)


def _processes(catalog: Catalog) -> Iterator[Principal]:
    streams = catalog.streams.values()
    standing = [one.topic for one in catalog.standing]
    said = {into for agency in catalog.agencies.values() for line in agency.says.values() for into in line.into}
    unread = [quarantine_of(agency.key) for agency in catalog.agencies.values() if agency.says]
    yield _process(
        GATEWAY,
        "writes what agencies say, or sets it aside; knows whose identifiers an adoption order closed",
        _topics((catalog.streams[name].topic for name in said), "WRITE"),
        _topics(unread, "WRITE"),
        _topics(standing, "READ"),
        _ids("hub-gateway."),
        _reading(),
        _begun(),
    )
    for lane in LANES:
        own = [stream for stream in streams if stream.lane == lane]
        told = [s.topic_to(agency) for agency, p in catalog.policies.items() for s in own if s.name in p.hears]
        yield _process(
            relay_name(lane),
            "decides its lane's events, by what is known of children, and writes to agencies with a receipt",
            _topics((stream.topic for stream in own), "READ"),
            _topics(standing, "READ"),
            _topics((*told, disclosure.TOPIC, RELAY), "WRITE"),
            _topics([archive.TOPIC], "READ", "WRITE"),
            _on("group", [f"relay.{lane}"], "READ"),
            _ids(f"hub-relay.{lane}.", "hub-archive."),
            _reading(),
        )
    watches = catalog.watches.values()
    yield _process(
        WATCHER,
        "joins what its watches keep with what they judge, and emits events",
        _topics((catalog.streams[name].topic for one in watches for name in (one.keeps, one.on)), "READ"),
        _topics((catalog.streams[one.emits].topic for one in watches), "WRITE"),
        _topics((changelog_of(one.name) for one in watches), "READ", "WRITE"),
        _topics([WATCHES], "WRITE"),
        _on("group", [WATCH_GROUP], "READ"),
        _begun(),
    )
    for lane in LANES:
        yield _process(
            of_process(("couriers", lane)),
            "takes its lane's topics to agencies' doors, but for what may not leave by what is known of children",
            *_couriers(catalog, lane),
            _topics(standing, "READ"),
            _reading(),
        )
    told = [catalog.streams[name].topic_to(key) for key, policy in catalog.policies.items() for name in policy.hears]
    emitted = [catalog.streams[one.emits].topic for one in watches]
    yield _process(
        CANARIES,
        "says invented events on every stream, and looks where they come out",
        _topics((stream.topic for stream in streams), "WRITE"),
        _topics((*told, *emitted, disclosure.TOPIC), "READ"),
        _on("transactional-id", ["hub-canaries", "hub-canary-once"], "WRITE"),
        _reading(),
        _begun(),
    )
    agencies = (f"{agency.key}." for agency in catalog.agencies.values() if reads_kafka(catalog, agency))
    yield _process(
        OPS,
        "looks: how far each group is, by count and by the time of the record it is at, and whether the cluster is as "
        "it should be; writes nothing",
        _topics((topic.name for topic in topics(catalog)), "READ"),
        _topics(["*"], "DESCRIBE", "DESCRIBE_CONFIGS"),
        _on("group", (WATCH_GROUP, *(f"relay.{lane}" for lane in LANES)), "DESCRIBE"),
        _on("group", ("courier.", *agencies), "DESCRIBE", prefixed=True),
        _reading(),
        _on("cluster", [CLUSTER], "DESCRIBE", "DESCRIBE_CONFIGS"),
    )


def _couriers(catalog: Catalog, lane: Lane) -> Iterator[frozenset[Acl]]:
    for agency, name in heard(catalog):
        stream, doors = catalog.streams[name], agency.hears[name].doors
        if stream.lane != lane:
            continue
        if any(door.by != "kafka" for door in doors):
            yield _topics([stream.topic_to(agency.key)], "READ")
            yield _on("group", [courier_group(agency.key, lane)], "READ")
        for door in doors:
            if door.acknowledged_by is not None:
                yield _topics([catalog.streams[door.acknowledged_by].topic], "READ")
                yield _on("group", [f"{courier_group(agency.key, lane)}.acknowledgements"], "READ")


def courier_group(agency: str, lane: Lane) -> str:
    """The consumer group of an agency's courier in one lane."""
    return f"courier.{agency.replace('_', '-')}.{lane}"


def _persons(catalog: Catalog) -> Iterator[Principal]:
    streams = [stream.topic for stream in catalog.streams.values()]
    quarantines = [topic.name for topic in topics(catalog) if topic.name.startswith("quarantine.")]
    yield Principal(
        name=OPERATOR,
        kind="person",
        because="works on quarantine: `hub quarantine`, with its audit",
        acls=_topics(quarantines, "READ")
        | _topics(streams, "READ", "WRITE")
        | _topics([handled.TOPIC], "READ", "WRITE")
        | _ids("hub-quarantine.")
        | _reading(),
    )
    yield Principal(
        name=GOVERNANCE,
        kind="person",
        because="asks who was told what and whether it was right, and what a change of policy would come to: "
        "`hub receipts`, `hub verify`, `hub reviews`, `hub preview`, `hub policy diff`",
        acls=_topics((*streams, disclosure.TOPIC, archive.TOPIC), "READ")
        | _topics([reviews.TOPIC], "READ", "WRITE")
        | _ids("hub-ledger.")
        | _reading(),
    )


def _deploy() -> Principal:
    return Principal(
        name=DEPLOY,
        kind="deploy",
        because="brings the cluster to what the catalog derives: `hub topics`; reads and writes no record",
        acls=_on("cluster", [CLUSTER], "CREATE", "ALTER", "DESCRIBE", "ALTER_CONFIGS", "DESCRIBE_CONFIGS")
        | _topics(["*"], "ALTER", "DELETE", "ALTER_CONFIGS", "DESCRIBE_CONFIGS"),
    )


def _process(name: str, because: str, *acls: frozenset[Acl]) -> Principal:
    return Principal(name=name, kind="process", because=because, acls=frozenset().union(*acls))


def _topics(names: Iterable[str], *operations: str) -> frozenset[Acl]:
    return _on("topic", names, *operations)


def _ids(*begins: str) -> frozenset[Acl]:
    return _on("transactional-id", begins, "WRITE", prefixed=True)


def _reading() -> frozenset[Acl]:
    """To read in no group."""
    return _on("group", READERS, "DESCRIBE")


def _begun() -> frozenset[Acl]:
    """To see whether the relay has its place: nothing is written to a stream before."""
    return _on("group", (f"relay.{lane}" for lane in LANES), "DESCRIBE")


def _on(resource: Resource, names: Iterable[str], *operations: str, prefixed: bool = False) -> frozenset[Acl]:
    return frozenset(Acl(resource, name, operation, prefixed) for name in names for operation in operations)
