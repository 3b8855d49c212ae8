"""Drift: each difference is told once, and none that loses something is taken for one that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.drift import State, TopicState, User, differences, refused, wanted
from hub.ops.drift import troubles
from hub.principals import Acl

OURS = "school-attendance.v1.to.virtual-school"


@pytest.fixture(scope="module")
def want(catalog):
    """What the catalog derives for three brokers."""
    return wanted(catalog, 3)


def with_config(state: State, name: str, **settings: str) -> State:
    """The same, with other settings of one topic; underscores stand for dots, and nothing for none."""
    topic = state.topics[name]
    config = {**topic.config, **{key.replace("_", "."): value for key, value in settings.items()}}
    changed = topic._replace(config={key: value for key, value in config.items() if value})
    return replace(state, topics={**state.topics, name: changed})


def test_a_cluster_as_it_should_be_has_no_difference(catalog, want):
    """Nothing is told of nothing."""
    assert differences(catalog, want, want) == []


def test_an_empty_cluster_lacks_everything_and_nothing_of_it_loses_anything(catalog, want):
    """Each topic, right, user and quota once."""
    found = differences(catalog, want, State(acls={}, quotas={}, users=frozenset()))

    assert (
        len(found)
        == len(set(found))
        == (len(want.topics) + sum(map(len, want.acls.values())) + len(want.users) + 3 * len(want.quotas))
    )
    assert refused(found, frozenset(), frozenset()) == []


@pytest.mark.parametrize(
    ("settings", "loses"),
    [
        ({"retention_ms": "9000000000"}, True),
        ({"retention_ms": "-1"}, True),
        ({"retention_ms": "1"}, False),
        ({"cleanup_policy": "compact"}, True),
        ({"cleanup_policy": "compact,delete"}, True),
        ({"min_insync_replicas": "3"}, True),
        ({"min_insync_replicas": "1"}, False),
        ({"retention_bytes": "1"}, False),
        ({"max_message_bytes": "1"}, False),
        ({"unclean_leader_election_enable": "true"}, False),
        ({"retention_ms": ""}, True),
    ],
)  # fmt: skip
def test_setting_a_topic_right_is_refused_only_where_that_loses_something(catalog, want, settings, loses):
    """By what is set on the cluster now; where nothing is set, the broker's own keeps, who knows how long."""
    found = differences(catalog, want, with_config(want, OURS, **settings))

    assert [bool(one.loses) for one in found] == [loses]
    assert [one.about for one in refused(found, frozenset(), frozenset())] == ([OURS] if loses else [])
    assert refused(found, frozenset({OURS}), frozenset()) == []


def test_ending_compaction_and_forgetting_the_superseded_sooner_lose_something(catalog, want):
    """Where the catalog's word has changed and the cluster's has not."""
    name = "sharing-status.v1"
    less = with_config(want, name, cleanup_policy="delete", min_compaction_lag_ms="")

    found = {one.what: one.loses for one in differences(catalog, less, want)}

    assert "the newest of each key" in found["cleanup.policy"]
    assert "superseded" in found["min.compaction.lag.ms"]


@given(have=st.integers(1, 60), wish=st.integers(1, 60))
def test_partitions_are_added_only_where_told_and_never_taken_away(catalog, have, wish):
    """For all numbers of them."""
    config = {"cleanup.policy": "delete"}
    here, there = (State(topics={OURS: TopicState(count, 3, config)}) for count in (wish, have))

    found = differences(catalog, here, there)

    assert len(found) == (have != wish)
    for one in found:
        assert (one.change, one.allow) == (("set", "--reorder") if wish > have else ("none", ""))
        assert bool(one.mend) == (wish < have)


@pytest.mark.parametrize(
    "name", ["cpis-flag.v1", "hospital-attendance.v1", "hub-watches-cpis-changelog", "sharing-status.v1"]
)
def test_no_partition_is_added_where_a_flag_would_be_looked_for_in_vain(catalog, want, name):
    """What a watch keeps, judges and remembers by, and what is compacted."""
    fewer = want.topics[name]._replace(partitions=want.topics[name].partitions - 1)

    (found,) = differences(catalog, want, replace(want, topics={**want.topics, name: fewer}))

    assert (found.change, found.allow) == ("none", "")
    assert "new version of the stream" in found.mend


def test_what_nobody_derives_is_told_whoever_made_it(catalog, want):
    """A topic, a right that denies, a user of another mechanism, a quota for a client; an administrator may stay."""
    have = replace(
        want,
        topics={**want.topics, "left-behind.v1": TopicState(1, 1, {})},
        acls={**want.acls, "mash_health": want.acls["mash_health"] | {Acl("topic", "*", "READ", allow=False)}},
        users=want.users | {User("somebody"), User("mash_health", "SCRAM-SHA-256"), User("hub-admin")},
        quotas={**want.quotas, "client-id=loud": {"request_percentage": 1.0}},
    )

    found = differences(catalog, want, have)

    assert {(one.subject, one.about, one.change) for one in found} == {
        ("topic", "left-behind.v1", "remove"),
        ("acl", "mash_health", "remove"),
        ("user", "somebody", "remove"),
        ("user", "mash_health", "remove"),
        ("quota", "client-id=loud", "remove"),
    }
    assert "not READ topic *" in {one.what for one in found}


def test_an_open_cluster_is_a_finding(catalog, want):
    """It would pass for one in which nobody has a right too many."""
    found = differences(catalog, want, State(topics=want.topics, open=True))

    assert [(one.subject, one.change) for one in found] == [("security", "none")]
    assert [(one.severity, one.code) for one in troubles(found)] == [("trouble", "cluster.access")]


def test_ops_is_told_of_each_topic_once(catalog, want):
    """However many of its settings differ, and grave where less is kept than was promised."""
    have = with_config(want, OURS, retention_ms="1", segment_ms="1", compression_type="gzip")

    (told,) = troubles(differences(catalog, want, have))

    assert (told.severity, told.code) == ("trouble", "cluster.drift")
    assert "and 2 more" in told.sentence


def test_by_certificate_nobody_is_to_have_a_password(catalog):
    """And whoever has one all the same is a finding."""
    want = wanted(catalog, 3, certificates=True)
    have = replace(want, users=frozenset({User("mash_health")}))

    assert [(one.about, one.change) for one in differences(catalog, want, have)] == [("mash_health", "remove")]
