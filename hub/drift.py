"""Drift: how a cluster differs from what the catalog derives, and what it would cost to bring it there; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

from hub.catalog import Catalog
from hub.principals import ADMIN, BROKER, Acl, Principal, principals
from hub.topology import changelog_of, topics

Subject = Literal["topic", "partitions", "replication", "config", "user", "acl", "quota", "security"]
Change = Literal["make", "set", "remove", "none"]
"""What `hub topics apply` does about it; *none*: nothing, a person must."""
MECHANISM = "SCRAM-SHA-512"
NEVER = "-1"


class User(NamedTuple):
    """Somebody with a SCRAM password, by the mechanism that it is kept for."""

    name: str
    mechanism: str = MECHANISM


class TopicState(NamedTuple):
    """A topic as it is or should be; *config* holds what is set on the topic itself."""

    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    What a cluster holds, or should.

    *acls* are by principal, *quotas* by user, or by the kind and name of what else one is set for; *users* have a
    password; None where it is not compared. *open* says that the cluster asks nobody who they are.
    """

    topics: Mapping[str, TopicState] = field(default_factory=dict)
    acls: Mapping[str, frozenset[Acl]] | None = None
    quotas: Mapping[str, Mapping[str, float]] | None = None
    users: frozenset[User] | None = None
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """
    One thing in which the cluster is not as it should be.

    *about* names the topic or principal, *what* the setting or right; *have* and *want* are empty where there is none.
    *loses* says what `change` would lose or break for good, *allow* the option that must name the topic then: `--lose`
    or `--reorder`. *mend* is what a person does where the change is none.
    """

    subject: Subject
    about: str
    what: str
    have: str
    want: str
    change: Change
    loses: str = ""
    allow: Literal["", "--lose", "--reorder"] = ""
    mend: str = ""
    acl: Acl | None = None

    @property
    def sentence(self) -> str:
        """In words, for one line."""
        said = {
            "make": f"is missing: {self.want}",
            "remove": f"nobody derives it: {self.have}",
            "set": f"{self.have or 'not set'}, wanted {self.want or 'not set'}",
            "none": f"{self.have}, wanted {self.want}; {self.mend}",
        }[self.change]
        return " ".join(part for part in (self.subject, self.about, self.what) if part) + f": {said}"


def wanted(catalog: Catalog, replication: int, *, certificates: bool = False) -> State:
    """
    What *catalog* derives.

    With *certificates* everybody is known by theirs, and nobody is to have a password but the first administrator.
    """
    everybody = principals(catalog)
    return State(
        topics={
            topic.name: TopicState(topic.partitions, replication, topic.config(replication))
            for topic in topics(catalog)
        },
        acls={one.name: one.acls for one in everybody},
        quotas={one.name: _quota(catalog, one) for one in everybody if one.kind in catalog.quotas},
        users=frozenset() if certificates else frozenset(User(one.name) for one in everybody),
    )


def _quota(catalog: Catalog, principal: Principal) -> Mapping[str, float]:
    quota = catalog.quotas[principal.kind]
    return {
        "producer_byte_rate": float(quota.writes),
        "consumer_byte_rate": float(quota.reads),
        "request_percentage": float(quota.processor),
    }


def differences(catalog: Catalog, want: State, have: State) -> list[Difference]:
    """Every difference, topics first; within a kind by name."""
    parted = _parted(catalog)
    found = [one for name in sorted(want.topics) for one in _topic(name, want.topics[name], have.topics, parted)]
    for name in sorted(have.topics.keys() - want.topics.keys()):
        found.append(Difference(
            subject="topic", about=name, what="", have=_size(have.topics[name]), want="", change="remove",
            loses="every record on it", allow="--lose",
        ))  # fmt: skip
    if have.open:
        found.append(Difference(
            subject="security", about="", what="", have="anybody who reaches a broker may do anything",
            want="an authorizer, and nothing allowed that no ACL names", change="none",
            mend="see deploy/README.md, the cluster's security; --open leaves this out",
        ))  # fmt: skip
    if want.users is not None and have.users is not None:
        found += _users(want.users, have.users)
    if want.acls is not None and have.acls is not None:
        found += _acls(want.acls, have.acls)
    if want.quotas is not None and have.quotas is not None:
        found += _quotas(want.quotas, have.quotas)
    return found


def _size(topic: TopicState) -> str:
    return f"{topic.partitions} partitions, {topic.replication} copies"


def _parted(catalog: Catalog) -> Mapping[str, str]:
    """By topic, why no partition may ever be added to it."""
    found: dict[str, str] = {}
    for watch in catalog.watches.values():
        why = (
            f"the watch {watch.name} would look for what it knows of a child on another partition than it was said on, "
            "and find nothing"
        )
        for name in (catalog.streams[watch.keeps].topic, catalog.streams[watch.on].topic, changelog_of(watch.name)):
            found[name] = why
    return found


def _topic(
    name: str, want: TopicState, present: Mapping[str, TopicState], parted: Mapping[str, str]
) -> Iterator[Difference]:
    have = present.get(name)
    if have is None:
        yield Difference(subject="topic", about=name, what="", have="", want=_size(want), change="make")
        return
    if have.partitions != want.partitions:
        yield _partitions(name, want, have, parted)
    if have.replication != want.replication:
        yield Difference(
            subject="replication", about=name, what="", have=str(have.replication), want=str(want.replication),
            change="none", mend="Kafka moves copies by kafka-reassign-partitions.sh; or set HUB_REPLICATION",
        )  # fmt: skip
    for key in sorted(want.config.keys() | have.config.keys()):
        now, then = have.config.get(key, ""), want.config.get(key, "")
        if now != then:
            loses = _loses(key, now, then)
            yield Difference(
                subject="config", about=name, what=key, have=now, want=then, change="set" if then else "remove",
                loses=loses, allow="--lose" if loses else "",
            )  # fmt: skip


def _partitions(name: str, want: TopicState, have: TopicState, parted: Mapping[str, str]) -> Difference:
    said = partial(
        Difference, subject="partitions", about=name, what="", have=str(have.partitions), want=str(want.partitions)
    )
    if want.partitions < have.partitions:
        return said(
            change="none",
            mend="Kafka never takes a partition away: keep as many in topics/keeping.yaml, or carry on under a new "
            "version of the stream, whose topic is made with fewer",
        )
    compacted = "compact" in want.config.get("cleanup.policy", "")
    why = parted.get(name) or ("compacted: an old word of a child would stay beside the new one" if compacted else "")
    if why:
        return said(
            change="none",
            mend=f"never while it holds anything ({why}): carry on under a new version of the stream, and have "
            "everything that stands said anew on it",
        )
    return said(
        change="set",
        allow="--reorder",
        loses="the order of what is said of one child: what comes next lies on another partition than what is not "
        "read yet; stop its writers and let its readers come to the end first",
    )


def _loses(key: str, have: str, want: str) -> str:
    """What is lost for good where the setting *key* of a topic changes so; empty where nothing is."""
    if key == "retention.ms":
        return "records older than the new retention" if _shorter(want, have) else ""
    if key == "cleanup.policy":
        if "compact" in have and "compact" not in want:
            return "what stood: the newest of each key goes with the retention, like the rest"
        return "all but the newest record of each key" if "compact" in want and "compact" not in have else ""
    if key == "min.compaction.lag.ms":
        return "what was superseded, before its time" if _fewer(want or "0", have) else ""
    if key in ("retention.bytes", "max.compaction.lag.ms"):
        return "records beyond the new bound" if _shorter(want, have) else ""
    if key == "min.insync.replicas":
        return "what was acknowledged, where a broker is then lost" if _fewer(want or "1", have) else ""
    return ""


def _shorter(want: str, have: str) -> bool:
    """Whether *want* keeps less than *have*; -1, and what is not set, keeps for ever."""
    return want not in ("", NEVER) and (have in ("", NEVER) or int(want) < int(have))


def _fewer(want: str, have: str) -> bool:
    return have != "" and int(want) < int(have)


def _users(want: frozenset[User], have: frozenset[User]) -> Iterator[Difference]:
    for name, mechanism in sorted(want - have):
        yield Difference(subject="user", about=name, what=mechanism, have="", want="a password", change="make")
    for name, mechanism in sorted(have - want):
        if name not in (ADMIN, BROKER):
            yield Difference(subject="user", about=name, what=mechanism, have="a password", want="", change="remove")


def _acls(want: Mapping[str, frozenset[Acl]], have: Mapping[str, frozenset[Acl]]) -> Iterator[Difference]:
    for name in sorted(want.keys() | have.keys()):
        for acl in sorted(want.get(name, frozenset()) - have.get(name, frozenset())):
            yield Difference(
                subject="acl", about=name, what=in_words(acl), have="", want="allowed", change="make", acl=acl
            )
        for acl in sorted(have.get(name, frozenset()) - want.get(name, frozenset())):
            yield Difference(
                subject="acl", about=name, what=in_words(acl), have="allowed", want="", change="remove", acl=acl
            )


def in_words(acl: Acl) -> str:
    """One right as a person reads it."""
    name = f"{acl.name}{'…' if acl.prefixed else ''}"
    odd = f" from {acl.host}" if acl.host != "*" else ""
    return f"{'' if acl.allow else 'not '}{acl.operation} {acl.resource} {name}{odd}"


def _quotas(want: Mapping[str, Mapping[str, float]], have: Mapping[str, Mapping[str, float]]) -> Iterator[Difference]:
    for name in sorted(want.keys() | have.keys()):
        wished, there = want.get(name, {}), have.get(name, {})
        for key in sorted(wished.keys() | there.keys()):
            now, then = there.get(key), wished.get(key)
            if now != then:
                yield Difference(
                    subject="quota", about=name, what=key, have=_number(now), want=_number(then),
                    change="remove" if then is None else "set",
                )  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if value < 1e6 else f"{value:.0f}"


def refused(found: Iterable[Difference], lose: frozenset[str], reorder: frozenset[str]) -> list[Difference]:
    """Those of *found* that would lose something and were not allowed to, topic by topic."""
    allowed = {"--lose": lose, "--reorder": reorder}
    return [one for one in found if one.allow and one.about not in allowed[one.allow]]
