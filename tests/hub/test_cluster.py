"""The cluster: which groups are the hub's own follows from whom it sends what, and by which door."""

from __future__ import annotations

from dataclasses import replace

from hub import catalog as catalogs
from hub import cluster
from hub.courier import first_door, served

CATALOG = catalogs.load()
RELAY = set(cluster.relay_groups(CATALOG))


def test_a_courier_has_a_group_for_each_lane_in_which_it_serves_a_door():
    """It reads the topics of just those streams."""
    found = cluster.groups(CATALOG)

    topics = {CATALOG.streams[name].topic_to(agency.key) for agency, name, _ in served(CATALOG, first_door)}
    couriers = {group: read for group, read in found.items() if group not in RELAY}
    ours = [topic for group, read in couriers.items() if not group.endswith(".acknowledgements") for topic in read]
    assert sorted(ours) == sorted(topics)
    assert "courier.cpis.urgent.acknowledgements" in couriers


def test_by_a_door_at_which_the_agency_reads_kafka_itself_no_courier_has_a_group():
    """Whichever door comes first in its agency.yaml: the settings name another."""
    door = CATALOG.agencies["wiltshire_police"].hears["mash_referral"].doors[0]
    assert door.by == "kafka"

    assert set(cluster.groups(CATALOG, lambda *_: door)) == RELAY


def test_nobody_reads_for_an_agency_on_trial():
    """It is sent nothing, so that a group of its own would look stopped for ever."""
    trial = {key: one.model_copy(update={"status": "trial"}) for key, one in CATALOG.agencies.items()}

    assert set(cluster.groups(replace(CATALOG, agencies=trial))) == RELAY
