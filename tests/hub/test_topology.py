"""Topology: every topic that the catalog needs, each with its writers, its readers, its ground and its end."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import disclosure
from hub.policy import Basis, cite
from hub.topology import Topic, milliseconds, quarantine_of, topics

DAY = 86_400_000


@pytest.fixture(scope="module")
def by_name(catalog):
    """Every topic by its name."""
    return {topic.name: topic for topic in topics(catalog)}


def test_no_two_topics_have_the_same_name(catalog, by_name):
    """Not even where Kafka's metrics write `.` and `_` alike."""
    names = [topic.name for topic in topics(catalog)]

    assert len(names) == len(by_name) == len({name.replace(".", "_") for name in names})


def test_each_stream_has_a_topic_and_each_grant_one_for_its_agency(catalog, by_name):
    """Nothing is granted that has no topic, and no agency has a topic of which no policy speaks."""
    grants = {
        catalog.streams[stream].topic_to(agency)
        for agency, policy in catalog.policies.items()
        for stream in policy.hears
    }

    assert grants == {name for name in by_name if ".to." in name}
    assert {stream.topic for stream in catalog.streams.values()} <= set(by_name)


def test_only_the_relay_writes_to_an_agency_and_only_that_agency_reads(catalog, by_name):
    """One way out of the authority."""
    for agency in catalog.policies:
        for topic in by_name.values():
            if topic.name.endswith(f".to.{agency.replace('_', '-')}"):
                assert (topic.writers, topic.readers) == (("relay",), (agency,))
    ours = [topic for topic in by_name.values() if ".to." not in topic.name]
    assert not any(agency in topic.readers for topic in ours for agency in catalog.agencies)


def test_a_recipients_topic_says_what_is_heard_why_and_until_when(catalog, by_name):
    """As the register of processing needs it."""
    topic = by_name["school-attendance.v1.to.virtual-school"]

    assert "pupil.upn" in topic.fields
    assert "pupil.born (year)" in topic.fields
    assert topic.gate == "statute"
    assert topic.basis.startswith("Art 6(1)(e); Art 9(2)(g); DPA 2018 Sch 1 para 18; Children Act 1989")
    assert date.fromisoformat(topic.until) == catalog.policies["virtual_school"].expires
    assert topic.retention_ms == 14 * DAY
    assert not topic.compact


def test_a_streams_topic_says_who_speaks_and_who_watches(by_name):
    """Agencies by their lines, watches by their names."""
    flags, alerts = by_name["cpis-flag.v1"], by_name["hospital-alert.v1"]

    assert flags.writers == ("social_care/flags", "watch cpis-number")
    assert flags.readers == ("relay", "watch cpis-access", "watch cpis-number", "watch cpis")
    assert (flags.compact, flags.retention_ms) == (False, 396 * DAY)
    assert alerts.writers == ("watch cpis",)


def test_a_watchs_memory_has_a_topic_parted_as_what_it_remembers(by_name):
    """Its own, compacted, for nobody else to read."""
    memory = by_name["hub-watches-cpis-changelog"]

    assert memory.partitions == by_name["cpis-flag.v1"].partitions
    assert memory.compact
    assert memory.writers == memory.readers == ("watch cpis",)


def test_each_agency_that_speaks_has_a_quarantine_of_its_own(catalog, by_name):
    """And the relay and the watches have one; receipts are kept for years."""
    speakers = {quarantine_of(agency.key) for agency in catalog.agencies.values() if agency.says}

    assert {name for name in by_name if name.startswith("quarantine.")} == (
        speakers | {"quarantine.relay", "quarantine.watches"}
    )
    assert by_name[disclosure.TOPIC].retention_ms == 2557 * DAY


@given(st.integers(1, 9999), st.sampled_from(["hours", "days"]), st.booleans(), st.integers(1, 5))
def test_a_topics_settings_erase_in_time(number, unit, compact, replication):
    """Segments roll within a day and a quarter of the retention, and by the broker's own clock."""
    topic = Topic(name="x", partitions=1, retention_ms=milliseconds(f"{number} {unit}"), compact=compact)

    config = topic.config(replication)

    assert int(config["retention.ms"]) == number * (DAY if unit == "days" else DAY // 24)
    assert 0 < int(config["segment.ms"]) <= DAY
    assert int(config["segment.ms"]) <= max(3_600_000, topic.retention_ms // 4)
    assert config["cleanup.policy"] == ("compact" if compact else "delete")
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert 1 <= int(config["min.insync.replicas"]) <= replication


def test_what_is_kept_for_ever_still_rolls_its_segments():
    """Compaction works on closed segments only, so that an erasure is not put off for ever."""
    assert milliseconds("forever") == -1
    assert Topic(name="x", partitions=1, retention_ms=-1, compact=True).config(3)["segment.ms"] == str(DAY)


@pytest.mark.parametrize(
    ("basis", "said"),
    [
        ({"article6": "c"}, "Art 6(1)(c)"),
        ({"article6": "e", "article9": "h"}, "Art 6(1)(e); Art 9(2)(h)"),
        ({"article6": "e", "schedule1": 18, "statute": "Children Act 1989 s.47"},
         "Art 6(1)(e); DPA 2018 Sch 1 para 18; Children Act 1989 s.47"),
    ],
)  # fmt: skip
def test_a_ground_is_cited_on_one_line(basis, said, catalog):
    """What is not claimed is not written."""
    grant = catalog.policies["chis"].hears["child_demographics"].model_copy(update={"basis": Basis(**basis)})

    assert cite(grant) == said


def test_what_was_said_of_a_child_stays_a_day_longer_than_what_it_decided(catalog, by_name):
    """So that a decision can be made again as long as its event is there; Kafka calls it the compaction lag."""
    for stream in catalog.standing:
        topic = by_name[stream.topic]
        assert topic.superseded_ms >= by_name["mash-referral.v1"].retention_ms + DAY
        assert topic.config(1)["min.compaction.lag.ms"] == str(topic.superseded_ms)
    assert "min.compaction.lag.ms" not in by_name["mash-referral.v1"].config(1)


def test_policies_as_they_were_stay_for_ever_and_reviews_as_long_as_receipts(by_name):
    """The first compacted; of the second none takes another's place."""
    kept, found, receipts = by_name["policies.v1"], by_name["reviews.v1"], by_name["disclosures.v1"]

    assert (kept.retention_ms, kept.compact) == (-1, True)
    assert (found.retention_ms, found.compact) == (receipts.retention_ms, False)
