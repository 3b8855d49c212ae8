"""What every process of a running hub tells of itself: metrics, readiness, probes, and one trace from end to end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType

import pytest

from hub import metrics, readiness, tracing
from hub.catalog import Catalog
from hub.envelope import Envelope
from hub.local_kafka import LocalKafka
from hub.ops.picture import Picture
from hub.ops.telling import Telling
from hub.supervise import announce, announced
from hub.transports.kafka import read_topic
from tests.flow.collector import Collected, Collector
from tests.flow.partners import HttpsPartner, MllpPartner, until
from tests.flow.prometheus import scrape
from tests.flow.running import EVERY, answered
from tests.flow.whole import Whole

pytestmark = [pytest.mark.broker, pytest.mark.slow]

FLAGGED = ("9990000018", "Marlowe Zoë", "20190514")
HOSPITAL = "great_western_hospital"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Where traces go."""
    listening = Collector()
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def hub(
    catalog: Catalog,
    place: Path,
    broker: LocalKafka,
    https_partner: HttpsPartner,
    mllp_partner: MllpPartner,
    collector: Collector,
    day: ModuleType,
    today: date,
) -> Iterator[Whole]:
    """The hub with canaries, traces and frequent tries of doors, once it knows of flags and one child arrived."""
    world = Whole(catalog, place / "state", broker, https_partner, mllp_partner, "https")
    world.hub.environment |= {
        "HUB_OTLP_ENDPOINT": collector.url,
        "HUB_CANARY_SECONDS": "20",
        "HUB_DOOR_CHECK_SECONDS": "2",
    }
    try:
        world.start()
        flags = next(one for one in day.the_day(today) if one.line == "flags")
        world.drop(flags.agency, flags.line, flags.name, flags.data)
        with world.hospital() as hospital:
            assert hospital.say(day.adt(today, 900, "A04", *FLAGGED))[0] == "AA"
        until(lambda: [one for one in https_partner.taken if one.path == f"/{HOSPITAL}/alerts"], "alert", 60)
        yield world
    finally:
        world.stop()


def told(hub: Whole, process: str, name: str, /, **labels: str) -> float | None:
    """The value of one series, None where it is not told."""
    answer = scrape(hub.settings, process)
    return next((value for one, value in answer.items() if one.name == name and one.has(labels)), None)


@pytest.mark.parametrize("process", [*EVERY, "canaries"])
def test_every_process_answers_and_is_ready(hub: Whole, process: str) -> None:
    assert answered(hub.settings, process, "/livez") == "alive\n"
    until(lambda: answered(hub.settings, process, "/readyz") == "ready\n", "ready")
    assert told(hub, process, "hub_ready", process=process) == 1
    assert told(hub, process, "process_resident_memory_bytes")


def test_each_process_counts_its_part_of_one_arrival(hub: Whole) -> None:
    until(hub.settled, "end of the work", 60, 0.1)
    assert told(hub, "gateway", "hub_gateway_messages_total", agency=HOSPITAL, line="adt", outcome="accepted") == 1
    assert told(hub, "gateway", "hub_gateway_answer_seconds_count", agency=HOSPITAL, line="adt") == 1
    alert = {"agency": HOSPITAL, "stream": "hospital_alert"}
    assert told(hub, "relay.urgent", "hub_relay_decisions_total", **alert, verdict="released", rule="") == 1
    assert told(hub, "relay.urgent", "hub_policy_in_force_info", agency=HOSPITAL) == 1
    assert told(hub, "watches", "hub_watch_events_out_total", watch="cpis", stream="hospital_alert") == 1
    assert told(hub, "watches", "hub_watch_table_entries", watch="cpis")
    couriers = "couriers" if announced(hub.settings, "couriers") else "couriers.urgent"
    assert told(hub, couriers, "hub_courier_attempts_total", **alert, road="https", outcome="acknowledged") == 1
    assert told(hub, couriers, "hub_courier_delivery_seconds_count", agency=HOSPITAL, road="https") == 1


def test_doors_are_tried_without_a_message(hub: Whole) -> None:
    couriers = "couriers" if announced(hub.settings, "couriers") else "couriers.urgent"
    door = {"agency": "social_worker", "stream": "hospital_alert", "road": "https"}
    until(lambda: told(hub, couriers, "hub_courier_door_reachable", **door) == 1, "a try of the door")
    taken = len([one for one in hub.https.taken if one.body])
    tried = told(hub, couriers, "hub_courier_door_tried_timestamp_seconds", **door) or 0
    until(lambda: (told(hub, couriers, "hub_courier_door_tried_timestamp_seconds", **door) or 0) > tried, "another")
    assert len([one for one in hub.https.taken if one.body]) == taken
    assert [one for one in hub.https.taken if not one.body]


def test_a_probe_goes_through_to_each_agencys_topic(hub: Whole) -> None:
    probe = {"agency": HOSPITAL, "stream": "hospital_alert"}
    until(lambda: told(hub, "canaries", "hub_canary_round_trip_seconds", **probe), "a round of canaries", 90, 0.2)
    assert told(hub, "canaries", "hub_canary_success_timestamp_seconds", **probe)
    assert told(hub, "canaries", "hub_canary_alarms_total", kind="leak", **probe) == 0


def test_ops_tells_of_its_picture_and_of_what_watches_remember(hub: Whole) -> None:
    """Its lines are Prometheus' own; the watch has every flag that its topic has."""
    settings = hub.settings.model_copy(update={"reconcile_seconds": 2})
    picture = Picture(at=datetime.now(UTC), faults={"kafka": "not looked at"})
    same = {"watch": "cpis", "outcome": "same"}
    try:
        with closing(Telling(hub.catalog, settings, hub.bootstrap, lambda: picture)) as telling:
            announce(settings, "ops")
            until(lambda: told(hub, "ops", "hub_watch_reconciliation_keys", **same), "a comparison", 60, 0.2)
            assert told(hub, "ops", "hub_watch_reconciliation_keys", watch="cpis", outcome="missing") == 0
            assert told(hub, "ops", "hub_picture_faults") == 1
            assert (announced(settings, "ops") or {})["health"] == telling.port
    finally:
        metrics.reset()
        readiness.OWN.reset()
        settings.path("run", "ops.json").unlink(missing_ok=True)


def test_one_trace_goes_from_the_bytes_that_came_in_to_the_acknowledgement(hub: Whole, collector: Collector) -> None:
    topic = hub.catalog.streams["hospital_attendance"].topic
    papers = (Envelope.from_headers(one.record.headers) for one in read_topic(hub.bootstrap, topic))
    trace = next(one.trace.split("-")[1] for one in papers if not one.synthetic)

    def acknowledged() -> list[Collected]:
        ours = collector.trace(trace)
        return [one for one in ours if one.name == "acknowledgement" and one.said["hub.agency"] == HOSPITAL]

    (last,) = until(acknowledged, "the acknowledgement's span", 60)
    until(lambda: {"gateway", "relay", "watch"} <= {one.name for one in collector.trace(trace)}, "the others'")
    spans = {one.id: one for one in collector.trace(trace)}
    way, one = [last.name], last
    while one.parent:
        until(lambda one=one: one.parent in {each.id for each in collector.trace(trace)}, "a parent's span")
        spans = {each.id: each for each in collector.trace(trace)}
        one = spans[one.parent]
        way.append(one.name)
    assert way[::-1] == ["gateway", "watch", "relay", "decision", "courier", "acknowledgement"]
    arrival = [each for each in spans.values() if each.name == "relay" and each.parent == one.id]
    assert [each.said["hub.stream"] for each in arrival] == ["hospital_attendance"]
    assert {each.process.split(".")[0] for each in spans.values()} == {"gateway", "relay", "watches", "couriers"}


def test_two_recipients_of_one_event_cannot_tell_that_it_is_one(hub: Whole, collector: Collector) -> None:
    """What partners are given differs from the hub's own trace, and from each other's."""
    papers = [hub.heard("hospital_alert", agency) for agency in (HOSPITAL, "social_worker")]
    traces = [one.trace.split("-")[1] for heard in papers for one in heard if not one.synthetic]
    assert len(traces) == len(set(traces)) == 2
    assert not set(traces) & {one.trace for one in collector.spans}


def test_nothing_that_is_told_names_the_child(hub: Whole, collector: Collector) -> None:
    everything = b"".join(collector.raw) + "".join(
        answered(hub.settings, process, "/metrics") for process in [*EVERY, "canaries"]
    ).encode()  # fmt: skip
    assert not re.search(rb"9990000018|Marlowe|Zo\xc3\xab|20190514|AE26\d+", everything)
    said = {key for one in collector.spans for key in one.said}
    assert said <= {f"hub.{name}" for name in tracing.ATTRIBUTES}
