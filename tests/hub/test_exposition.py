"""Exposition: the picture of ops as Prometheus reads it: lag three ways, slack, and nothing that is old."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from hub import catalog as catalogs
from hub import metrics
from hub.labels import closed_sets
from hub.ops.exposition import FRESH_SECONDS, TROUBLES, WORST, Exposition, rows
from hub.ops.picture import Delivery, Group, Picture, Process, Quarantined, Reading, Trouble

CATALOG = catalogs.load()
NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
FOUR_MINUTES = timedelta(minutes=4)
ALERT = Delivery(
    agency="great_western_hospital", stream="hospital_alert", lane="urgent", road="https", within="5 minutes",
    undelivered=2, parked=1, oldest=NOW - FOUR_MINUTES, due=NOW + timedelta(minutes=1), acknowledged_at=NOW,
)  # fmt: skip
POLICE = Group(
    group="wiltshire-police.desk", reader="partner", agency="wiltshire_police", stream="mash_referral",
    topic="mash-referral.v1.to.wiltshire-police", members=1, lag=3, waiting_since=NOW - FOUR_MINUTES, condition="ok",
)  # fmt: skip
PART = Reading(
    group=POLICE.group, reader="partner", agency=POLICE.agency, stream=POLICE.stream, topic=POLICE.topic, partition=2,
    committed=7, end=10, lag=3, waiting_since=POLICE.waiting_since, held=4, missed=1,
)  # fmt: skip


@pytest.fixture(autouse=True)
def counting() -> Iterator[None]:
    """The catalog's own closed sets, and none afterwards."""
    metrics.close(closed_sets(CATALOG))
    yield
    metrics.reset()


def told(picture: Picture, now: datetime = NOW) -> dict[str, float]:
    """Each series that Prometheus would read, by name and labels."""
    registry = CollectorRegistry()
    registry.register(Exposition(lambda: picture, lambda: now))
    found = {}
    for family in text_string_to_metric_families(metrics.exposed(registry).decode()):
        for sample in family.samples:
            labels = ",".join(value for _, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_lag_is_told_by_count_by_time_and_against_the_deadline():
    found = told(Picture(at=NOW, readings=(PART,), groups=(POLICE,), deliveries=(ALERT,)))
    assert found["hub_lag_records{wiltshire_police,partner,mash_referral}"] == 3
    assert found["hub_lag_partition_records{wiltshire_police,2,partner,mash_referral}"] == 3
    assert found["hub_lag_seconds{wiltshire_police,partner,mash_referral}"] == 240
    of_alert = "{great_western_hospital,urgent,https,hospital_alert}"
    assert found[f"hub_delivery_deadline_slack_seconds{of_alert}"] == 60
    assert found[f"hub_delivery_oldest_age_seconds{of_alert}"] == 240
    assert (found["hub_lag_held_records{wiltshire_police,partner,mash_referral}"],
            found["hub_lag_missed_records{wiltshire_police,partner,mash_referral}"]) == (4, 1)  # fmt: skip


def test_slack_goes_on_falling_between_two_looks_and_below_nought():
    found = told(Picture(at=NOW + timedelta(seconds=80), deliveries=(ALERT,)), NOW + timedelta(seconds=90))
    assert found["hub_delivery_deadline_slack_seconds{great_western_hospital,urgent,https,hospital_alert}"] == -30


def test_where_nothing_is_due_no_slack_is_told():
    calm = replace(ALERT, due=None, oldest=None, undelivered=0, parked=0)
    found = told(Picture(at=NOW, deliveries=(calm,)))
    assert not [name for name in found if "slack" in name]
    assert found["hub_delivery_oldest_age_seconds{great_western_hospital,urgent,https,hospital_alert}"] == 0


def test_of_a_picture_that_is_old_only_its_age_is_told():
    old = Picture(at=NOW - timedelta(seconds=FRESH_SECONDS + 1), groups=(POLICE,), deliveries=(ALERT,))
    assert told(old) == {"hub_picture_age_seconds{}": FRESH_SECONDS + 1}


def test_what_could_not_be_looked_at_is_counted():
    assert told(Picture(at=NOW, faults={"kafka": "nobody answers"}))["hub_picture_faults{}"] == 1


def test_two_groups_of_one_partner_are_one_series_with_the_worse_condition():
    other = replace(POLICE, group="wiltshire-police.9990000018", lag=4, condition="stopped", members=0)
    found = told(Picture(at=NOW, groups=(POLICE, other)))
    assert found["hub_lag_records{wiltshire_police,partner,mash_referral}"] == 7
    assert found["hub_reader_condition{wiltshire_police,stopped,partner,mash_referral}"] == 1
    assert found["hub_reader_condition{wiltshire_police,ok,partner,mash_referral}"] == 0


def test_no_group_name_that_a_partner_chose_is_told():
    """A partner may name its groups as it likes, and could name them for a child."""
    found = told(Picture(at=NOW, groups=(replace(POLICE, group="wiltshire-police.9990000018"),)))
    assert not [name for name in found if "999" in name]


def test_quarantine_processes_and_troubles_are_told():
    picture = Picture(
        at=NOW,
        processes=(Process(name="relay.urgent", ready=False, since=None),),
        quarantined=(
            Quarantined(agency="schools", code="csv.column-missing", count=2, oldest=NOW - FOUR_MINUTES),
            Quarantined(agency="schools", code="hl7.what a sender named", count=1, oldest=NOW),
        ),
        troubles=(Trouble(severity="trouble", code="group.stopped", sentence="", agency="wiltshire_police"),),
    )
    found = told(picture)
    assert found["hub_process_ready{relay.urgent}"] == 0
    assert found["hub_quarantine_items{schools,csv.column-missing}"] == 2
    assert found["hub_quarantine_items{schools,hl7.other}"] == 1
    assert found["hub_troubles{wiltshire_police,group.stopped,trouble,}"] == 1


AGENCIES, STREAMS = st.sampled_from(["", "schools", "chis"]), st.sampled_from(["", "mash_referral", "hospital_alert"])
MOMENTS = st.integers(-86_400, 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))
COUNTS = st.integers(0, 2**40)
PICTURES = st.builds(
    Picture,
    at=st.just(NOW),
    readings=st.lists(
        st.builds(
            Reading, group=st.text(), agency=AGENCIES, stream=STREAMS, topic=st.text(), partition=st.integers(0, 3),
            lag=COUNTS, waiting_since=st.none() | MOMENTS, held=COUNTS, missed=COUNTS,
        )
    ).map(tuple),
    groups=st.lists(
        st.builds(
            Group, group=st.text(), agency=AGENCIES, stream=STREAMS, topic=st.text(), lag=COUNTS, members=COUNTS,
            waiting_since=st.none() | MOMENTS,
        )
    ).map(tuple),
    deliveries=st.lists(
        st.builds(
            Delivery, agency=AGENCIES, stream=STREAMS, road=st.just("https"), undelivered=COUNTS, parked=COUNTS,
            oldest=st.none() | MOMENTS, due=st.none() | MOMENTS, acknowledged_at=st.none() | MOMENTS,
        )
    ).map(tuple),
    processes=st.lists(st.builds(Process, name=st.sampled_from(["gateway", "somebody"]))).map(tuple),
    quarantined=st.lists(
        st.builds(Quarantined, agency=AGENCIES | st.just("relay"), code=st.text(), count=COUNTS, oldest=MOMENTS)
    ).map(tuple),
    troubles=st.lists(st.builds(Trouble, code=st.text(), agency=AGENCIES, stream=STREAMS)).map(tuple),
)  # fmt: skip


@given(PICTURES)
def test_for_all_pictures_no_series_is_told_twice_and_no_free_text(picture: Picture):
    """Prometheus refuses a whole answer in which a series stands twice."""
    told = [(name, labels) for name, _, labels in rows(picture, NOW)]
    assert len(told) == len(set(told))
    listed = set().union(*closed_sets(CATALOG).values(), TROUBLES, WORST, map(str, range(4)))
    listed |= {"", "other", "relay", "watch", "courier", "partner", "trouble", "warning"}
    assert {value for _, labels in told for value in labels} <= listed


def test_an_agency_that_there_is_not_is_a_mistake_in_the_code():
    with pytest.raises(TypeError, match="closed set"):
        told(Picture(at=NOW, deliveries=(replace(ALERT, agency="a child"),)))
